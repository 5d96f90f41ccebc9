"""Coinbase Exchange's formats: signatures, words of trouble, ids, products, orders, fills, ledgers, messages."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from clients.coinbase_exchange import history, signing, wire
from clients.coinbase_exchange.client_ids import client_id_of, uuid_of
from clients.coinbase_exchange.executions import Executions
from clients.coinbase_exchange.faults import WrongTime, error_of
from clients.coinbase_exchange.networks import networks
from clients.coinbase_exchange.places import Places, contract_of, currency_of
from clients.errors import Reason, Refused

D = Decimal
FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
SECRET = "c2VjcmV0IG9mIHRoZSBrZXk="
#: Shapes of the documentation, with values of our own.
PRODUCT: dict[str, Any] = {
    "id": "LTC-USD",
    "base_currency": "LTC",
    "quote_currency": "USD",
    "quote_increment": "0.01",
    "base_increment": "0.00000001",
    "min_market_funds": "1",
    "status": "online",
    "trading_disabled": False,
}
ORDER: dict[str, Any] = {
    "id": "d0c5340b-6d6c-49d9-b567-48c4bfca13d2",
    "price": "50.00000000",
    "size": "0.20000000",
    "product_id": "LTC-USD",
    "side": "buy",
    "type": "limit",
    "time_in_force": "GTC",
    "created_at": "2016-12-08T20:02:28.53864Z",
    "fill_fees": "0.0000000000000000",
    "filled_size": "0.05000000",
    "executed_value": "2.5000000000000000",
    "status": "open",
    "client_oid": uuid_of("ilp-1"),
}
FILL: dict[str, Any] = {
    "trade_id": 74,
    "product_id": "LTC-USD",
    "price": "49.90",
    "size": "0.05",
    "order_id": "d0c5340b-6d6c-49d9-b567-48c4bfca13d2",
    "created_at": "2016-12-08T20:02:29.000000Z",
    "liquidity": "M",
    "fee": "0.0099800000000000",
    "settled": True,
    "side": "buy",
}
RECEIVED: dict[str, Any] = {
    "type": "received",
    "time": "2016-12-08T20:02:28.53864Z",
    "product_id": "LTC-USD",
    "sequence": 10,
    "order_id": "d0c5340b-6d6c-49d9-b567-48c4bfca13d2",
    "size": "0.2",
    "price": "50",
    "side": "buy",
    "order_type": "limit",
    "client_oid": uuid_of("ilp-1"),
}
MATCH: dict[str, Any] = {
    "type": "match",
    "trade_id": 74,
    "sequence": 12,
    "maker_order_id": "d0c5340b-6d6c-49d9-b567-48c4bfca13d2",
    "taker_order_id": "132fb6ae-456b-4654-b4e0-d681ac05cea1",
    "time": "2016-12-08T20:02:29.000000Z",
    "product_id": "LTC-USD",
    "size": "0.05",
    "price": "49.90",
    "side": "buy",
    "maker_fee_rate": "0.004",
}
DONE: dict[str, Any] = {
    "type": "done",
    "time": "2016-12-08T20:02:30Z",
    "product_id": "LTC-USD",
    "sequence": 13,
    "order_id": "d0c5340b-6d6c-49d9-b567-48c4bfca13d2",
    "reason": "canceled",
    "side": "buy",
    "remaining_size": "0.15",
}
ENTRY: dict[str, Any] = {
    "id": "11740725774",
    "amount": "-1.7565669701255000",
    "balance": "0.0016490047745000",
    "created_at": "2021-10-22T03:47:34.764122Z",
    "type": "fee",
    "details": {"order_id": "ad06abf4-95ab-432a-a1d8-059ef572e296", "product_id": "ETH-DAI", "trade_id": "1740617"},
}
DEPOSIT: dict[str, Any] = {
    "id": "bee6fd7c-afb2-4e47-8298-671d09997d16",
    "type": "deposit",
    "created_at": "2022-12-21 00:48:45.477503+00",
    "completed_at": "2022-12-21 00:58:45.477503+00",
    "canceled_at": None,
    "amount": "0.01000000",
    "currency": "LTC",
    "details": {"network": "litecoin", "crypto_address": "M1", "crypto_transaction_hash": "75"},
}
WITHDRAWAL: dict[str, Any] = {**DEPOSIT, "type": "withdraw", "details": {"sent_to_address": "M2", "fee": "0.001"}}
CURRENCY: dict[str, Any] = {
    "id": "USDT",
    "max_precision": "0.000001",
    "default_network": "ethereum",
    "supported_networks": [
        {"id": "ethereum", "status": "online", "min_withdrawal_amount": D("0.5")},
        {"id": "solana", "status": "online", "min_withdrawal_amount": D("1E-6")},
        {"id": "tron", "status": "disabled"},
    ],
}


def fixture(path: str) -> Any:
    """A recorded conversation, if this checkout lies beside the shared material."""
    file = FIXTURES / path
    if not file.exists():
        raise SkipTest(f"{file} is not here")
    return json.loads(file.read_text(), parse_float=Decimal)


class SigningTests(SynchronousTestCase):
    """:mod:`clients.coinbase_exchange.signing`."""

    def test_vectors(self) -> None:
        """As ccxt 4.5.90 signs a POST, a GET with its query, and a subscription, at 1700000000."""
        body = '{"type":"limit","side":"buy","product_id":"BTC-USD","price":"30000","size":"0.5"}'
        secret, time = signing.decoded(SECRET), "1700000000"
        for request, expected in (
            (f"POST/orders{body}", "DZPl2D1GWys7awoc4zgrOF+pgWrg4Dh2odIhyxHI31s="),
            ("GET/fills?product_id=BTC-USD&limit=100", "4DozOLc0vFB8td8T4oqCwQeIzo4s73hwMok54XM5O+o="),
        ):
            self.assertEqual(expected, signing.sign(secret, time, request))
        told = signing.subscription("key", "pass", secret, time)
        proof = {"key": "key", "passphrase": "pass", "timestamp": time}
        self.assertEqual({**proof, "signature": "ecIoXXDQ+XfqybP+sb3YRwIpCupeOyb8eWX/K15XTpU="}, told)

    def test_secret_that_is_none(self) -> None:
        """It is refused when the client is made, and not quoted."""
        error = self.assertRaises(ValueError, signing.decoded, "not base64!")
        self.assertNotIn("not base64!", str(error))


class ClientIdTests(SynchronousTestCase):
    """:mod:`clients.coinbase_exchange.client_ids`."""

    @given(st.text("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_", min_size=1, max_size=18))
    def test_there_and_back(self, word: str) -> None:
        """Each word has a UUID of version 4 of its own, which is read as that word."""
        uuid = UUID(uuid_of(word))
        self.assertEqual((4, "specified in RFC 4122"), (uuid.version, uuid.variant))
        self.assertEqual(word, client_id_of(str(uuid)))

    def test_uuid_of_others(self) -> None:
        """Another program's stays what it is (one in some thousands could be read as a word; never as one of a pool's tag)."""
        for _ in range(1000):
            other = str(uuid4())
            self.assertFalse(client_id_of(other).startswith("ilp-"))
            self.assertEqual(other, uuid_of(other))
        for other in ("", "web", "D0C5340B-6D6C-49D9-B567-48C4BFCA13D2"):
            self.assertEqual(other, client_id_of(other))

    def test_what_has_none(self) -> None:
        """Too long, too short, other letters."""
        for word in ("", "x" * 19, "ilp 1", "ilp.1", "ïlp"):
            self.assertRaises(ValueError, uuid_of, word)


class FaultTests(SynchronousTestCase):
    """:func:`error_of`."""

    def test_table(self) -> None:
        """The documented and reported words, and their reasons."""
        for call, status, message, reason in (
            ("POST /orders", 400, "Insufficient funds", Reason.FUNDS),
            ("POST /orders", 400, "size is too accurate. Smallest unit is 0.00000001", Reason.SIZE),
            ("POST /orders", 400, "size is too small. Minimum size is 0.001", Reason.SIZE),
            ("POST /orders", 400, "notional is too small. Minimum is 1", Reason.SIZE),
            ("POST /orders", 400, "funds is too accurate. Smallest unit is 0.01000000", Reason.SIZE),
            ("POST /orders", 400, "price is too accurate. Smallest unit is 0.01", Reason.PRICE),
            ("POST /orders", 400, "Invalid Price", Reason.PRICE),
            ("POST /orders", 400, "Post only mode", Reason.MAINTENANCE),
            ("POST /orders", 400, "Cancel only mode", Reason.MAINTENANCE),
            ("POST /orders", 400, "Order would trade: post only", Reason.WOULD_CROSS),
            ("POST /orders", 400, "Trading pair not available", Reason.AUTH),
            ("POST /orders", 404, "Product not found", Reason.OTHER),
            ("DELETE /orders/{id}", 404, "order not found", Reason.UNKNOWN_ORDER),
            ("DELETE /orders/{id}", 400, "Order already done", Reason.UNKNOWN_ORDER),
            ("GET /orders/{id}", 404, "NotFound", Reason.UNKNOWN_ORDER),
            ("GET /orders/{id}", 400, "Invalid order id", Reason.UNKNOWN_ORDER),
            ("GET /accounts", 404, "NotFound", Reason.OTHER),
            ("GET /accounts", 401, "Invalid API Key", Reason.AUTH),
            ("GET /accounts", 401, "invalid signature", Reason.AUTH),
            ("GET /accounts", 401, "Invalid Passphrase", Reason.AUTH),
            ("GET /accounts", 403, "Forbidden", Reason.AUTH),
            ("GET /accounts", 429, "Private rate limit exceeded", Reason.RATE_LIMIT),
            ("GET /time", 429, "Slow down", Reason.RATE_LIMIT),
            ("POST /withdrawals/crypto", 400, "crypto_address is not in the allowlist", Reason.ADDRESS),
            ("GET /accounts", 400, "The system is under maintenance", Reason.MAINTENANCE),
            ("POST /orders", 400, "Never heard of.", Reason.OTHER),
        ):
            error = error_of(call, status, message)
            self.assertIsInstance(error, Refused, message)
            assert isinstance(error, Refused)
            self.assertEqual((reason, f"{status} {message}"), (error.reason, error.detail), message)

    def test_wrong_time(self) -> None:
        """A request that came too late was not carried out, not even a write."""
        self.assertIsInstance(error_of("POST /orders", 401, "request timestamp expired"), WrongTime)


class MarketTests(SynchronousTestCase):
    """Products, currencies, places."""

    def test_product(self) -> None:
        """Steps and the least value; what trades under another's name, or not at all, is none."""
        others = [{**PRODUCT, "id": "LTCAUCTION-USD"}, {**PRODUCT, "status": "delisted"}, {**PRODUCT, "trading_disabled": True}]
        market = wire.market([*others, PRODUCT])
        (listing,) = market.contracts.values()
        steps = listing.instrument
        self.assertEqual(
            ("LTC/USD", D("0.01"), D("1E-8"), D("1E-8"), D(1)),
            (steps.contract, steps.tick, steps.lot, steps.min_quantity, steps.min_value),
        )
        self.assertIs(listing, market.symbols["LTC-USD"])

    def test_recorded_products(self) -> None:
        """The venue's own rows are understood."""
        found = {
            c: listing.instrument for c, listing in wire.market(fixture("markets/coinbaseexchange_native.json")).contracts.items()
        }
        self.assertEqual({"BTC/USDT", "BTC/USD", "ETH/USDT", "ADA/USDT", "XRP/USDT", "DOGE/USDT"}, set(found))
        self.assertEqual((D("0.01"), D("1E-8"), D(1)), (found["BTC/USD"].tick, found["BTC/USD"].lot, found["BTC/USD"].min_value))
        self.assertEqual((D("0.0001"), D("0.1")), (found["DOGE/USDT"].tick, found["DOGE/USDT"].lot))

    def test_symbols(self) -> None:
        """The one map: the venue's own tickers are renamed both ways."""
        self.assertEqual(("BTC/USD", "CELO/USD"), (contract_of("BTC-USD"), contract_of("CGLD-USD")))
        self.assertEqual(("CGLD", "BTC"), (currency_of("CELO"), currency_of("BTC")))
        for wrong in ("BTCUSD", "BTC-", "-USD", "BTC-USD-PERP", ""):
            self.assertRaises(ValueError, contract_of, wrong)

    def test_networks(self) -> None:
        """The venue's default, or the one that the config names; never one that is not online."""
        self.assertEqual("ethereum", networks([CURRENCY], {}).of("x", "USDT"))
        chosen = networks([CURRENCY], {"USDT": "solana"})
        self.assertEqual("solana", chosen.of("x", "USDT"))
        self.assertEqual((D("0.000001"), D("1E-6")), tuple(vars_of(chosen.instruments()["USDT"])))
        for wanted, ticker in (({"USDT": "tron"}, "USDT"), ({}, "DOGE")):
            refused = self.assertRaises(Refused, networks([CURRENCY], wanted).of, "x", ticker)
            self.assertIs(Reason.ADDRESS, refused.reason)
        nowhere = networks([{**CURRENCY, "default_network": ""}], {})
        self.assertEqual({}, nowhere.instruments())
        self.assertRaises(Refused, nowhere.of, "x", "USDT")

    def test_places(self) -> None:
        """Without an endpoint it is the real one; another endpoint has its feed beside it."""
        home = Places.of("", {})
        self.assertEqual(("https://api.exchange.coinbase.com", "wss://ws-feed.exchange.coinbase.com"), (home.rest, home.feed))
        self.assertEqual((100, ""), (home.depth, home.passphrase))
        options = {"network_usdt": "solana", "deposit_address_btc": "bc1q", "contracts": "BTC/USD, BTC/EUR", "passphrase": "p"}
        there = Places.of("http://127.0.0.1:8080/", options)
        self.assertEqual("ws://127.0.0.1:8080", there.feed)
        self.assertEqual(({"USDT": "solana"}, {"BTC": "bc1q"}, "p"), (there.networks, there.addresses, there.passphrase))
        self.assertEqual(("BTC/USD", "BTC/EUR"), there.contracts)
        for endpoint, wrong in (
            ("http://api.exchange.coinbase.com", {}),
            ("", {"ws_endpont": "wss://ws-feed.exchange.coinbase.com"}),
            ("", {"ws_endpoint": "ws://ws-feed.exchange.coinbase.com"}),
            ("", {"depth": "11"}),
            ("", {"contracts": "BTC-USD"}),
        ):
            self.assertRaises(ValueError, Places.of, endpoint, wrong)


def vars_of(instrument: Any) -> tuple[Decimal, Decimal]:
    """Step and least quantity."""
    return instrument.lot, instrument.min_quantity


class OrderAndHistoryTests(SynchronousTestCase):
    """Orders, fills, bars, ledgers, transfers."""

    def test_order(self) -> None:
        """What is left, whose it is, when it was opened."""
        shape = wire.order(ORDER)
        names = ("id", "contract", "side", "price", "quantity_left", "is_cancelled", "timestamp", "client_id")
        expected = (ORDER["id"], "LTC/USD", "BUY", D(50), D("0.15"), False, 1481227348538640, "ilp-1")
        self.assertEqual(expected, tuple(shape.get(name) for name in names))
        done = {**ORDER, "status": "done"}
        self.assertTrue(wire.order({**done, "done_reason": "canceled"})["is_cancelled"])
        self.assertFalse(wire.order({**done, "done_reason": "filled", "filled_size": "0.2"})["is_cancelled"])
        self.assertTrue(wire.order({**ORDER, "status": "rejected"})["is_cancelled"])
        for wrong in ({"status": "nothing"}, {"filled_size": "0.3"}, {"side": "hold"}, {"created_at": "2016-12-08T20:02:28"}):
            self.assertRaises(ValueError, wire.order, {**ORDER, **wrong})

    def test_order_of_a_person(self) -> None:
        """A market order for a sum of money has neither price nor size: what it has bought is what it is."""
        sum_of_money = {name: value for name, value in ORDER.items() if name not in ("price", "size", "client_oid")}
        shape = wire.order({**sum_of_money, "status": "done", "done_reason": "filled"})
        self.assertEqual(
            (D(0), D("0.05"), D(0), None), tuple(shape.get(n) for n in ("price", "quantity", "quantity_left", "client_id"))
        )

    def test_fill(self) -> None:
        """The feed and the list tell the same execution with the same id, side, price and fee."""
        executions = Executions()
        executions.hear(RECEIVED)
        streamed = executions.hear(MATCH).fill
        assert streamed is not None
        self.assertEqual({**wire.fill(FILL), "client_id": "ilp-1"}, streamed)
        self.assertEqual(("LTC-USD-74", {"USD": D("0.00998")}), (streamed["id"], streamed["fees"]))

    def test_side_of_a_taker(self) -> None:
        """A match has the maker's side: ours is the other one, and so is the order."""
        taker = {name: value for name, value in MATCH.items() if name != "maker_fee_rate"} | {"taker_fee_rate": "0.006"}
        fill = Executions().hear(taker).fill
        assert fill is not None
        self.assertEqual(("SELL", MATCH["taker_order_id"], {"USD": D("0.01497")}), (fill["side"], fill["order_id"], fill["fees"]))
        for strange in ({**taker, "maker_fee_rate": "0.004"}, {n: v for n, v in MATCH.items() if n != "maker_fee_rate"}):
            self.assertRaises(ValueError, Executions().hear, strange)

    def test_recorded_bars(self) -> None:
        """Time, low, high, open, close, volume: in this order."""
        (case,) = fixture("response/coinbaseexchange.json")["methods"]["fetchOHLCV"]
        for row, (opened, first, high, low, last, volume) in zip(case["httpResponse"], case["parsedResponse"], strict=True):
            bar = wire.candle(row, "BTC/USDT", "hour")
            self.assertEqual((opened * 1000, first, high), (bar["open_timestamp"], bar["open"], bar["high"]))
            self.assertEqual((low, last, volume), (bar["low"], bar["close"], bar["volume"]))
        for row in ([1, 1, 1, 1, 1, 1], [0, 2, 1, 1, 1, 1], [0, 1, 1, 1, 1], [0, 1, 2, 3, 1, 1]):
            self.assertRaises(ValueError, wire.candle, row, "BTC/USDT", "hour")

    def test_positions(self) -> None:
        """All that is there and what is free; empty accounts, of which there are hundreds, are left out."""
        accounts = [
            {"id": "1", "currency": "CGLD", "balance": "1.5", "available": "1", "hold": "0.5"},
            {"id": "2", "currency": "USD", "balance": "0.0000000000000000", "available": "0"},
        ]
        self.assertEqual({"CELO": {"contract": "CELO", "position": D("1.5"), "available": D(1)}}, wire.positions(accounts))
        self.assertEqual({"CELO": "1", "USD": "2"}, wire.accounts(accounts))

    def test_ledger(self) -> None:
        """The fee of a trade is a posting of its own, and of the trade; what the transfers tell is left to them."""
        shape = history.posting("DAI", ENTRY)
        assert shape is not None
        self.assertEqual(
            ("ledger-DAI-11740725774", "Trade", "debit", D("1.7565669701255")),
            tuple(shape[name] for name in ("id", "type", "direction", "quantity")),
        )
        moved = {**ENTRY, "type": "transfer", "details": {"transfer_id": "x", "transfer_type": "deposit"}}
        self.assertIsNone(history.posting("DAI", moved))
        between = history.posting("DAI", {**ENTRY, "type": "transfer", "amount": "1", "details": {"profile_transfer_id": "x"}})
        assert between is not None
        self.assertEqual(("Transfer", "credit", "x"), (between["type"], between["direction"], between["reference"]))
        unheard = history.posting("DAI", {**ENTRY, "type": "unheard of", "details": None})
        assert unheard is not None
        self.assertEqual("Other", unheard["type"])

    def test_deposit(self) -> None:
        """What was credited later is dated then, so that who reads on from where it stood finds it."""
        (shape,) = history.transfer(DEPOSIT)
        self.assertEqual(
            ("credit", "done", D("0.01"), "75", 1671584325477503),
            tuple(shape[n] for n in ("direction", "state", "quantity", "reference", "timestamp")),
        )
        (pending,) = history.transfer({**DEPOSIT, "completed_at": None})
        self.assertEqual(("pending", 1671583725477503), (pending["state"], pending["timestamp"]))

    def test_withdrawal(self) -> None:
        """The fee is a part of the amount; one that was cancelled gives all of it back."""
        (shape,) = history.transfer(WITHDRAWAL)
        self.assertEqual(
            ("debit", D("0.009"), D("0.001"), "M2"), (shape["direction"], shape["quantity"], shape["fee"], shape["address"])
        )
        debit, back = history.transfer({**WITHDRAWAL, "completed_at": None, "canceled_at": "2022-12-22 00:00:00+00"})
        self.assertEqual(("cancelled", "done", D("0.01")), (debit["state"], back["state"], back["quantity"]))
        self.assertEqual([], history.transfer({**WITHDRAWAL, "type": "internal_deposit"}))
        self.assertRaises(ValueError, history.transfer, {**WITHDRAWAL, "amount": "0.0005"})
