"""Kraken's formats: signatures, error words, pairs, orders, fills, ledger; and nonsense, which must never become a number."""

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from clients.kraken import history, wire
from clients.kraken.faults import error_of
from clients.kraken.places import Places
from clients.kraken.signing import decode_secret, sign
from clients.kraken.wire import reading
from tests.clients import nonsense
from tests.clients.nonsense import Payload

D = Decimal
FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
ASSETS = {
    "XXBT": {"altname": "XBT"},
    "ZUSD": {"altname": "USD"},
    "XXDG": {"altname": "XDG"},
    "USDT": {"altname": "USDT"},
    "XETH": {"altname": "ETH"},
    "XBT.F": {"altname": "XBT.F"},
}
PAIR = {
    "altname": "XBTUSD",
    "wsname": "XBT/USD",
    "base": "XXBT",
    "quote": "ZUSD",
    "pair_decimals": 1,
    "lot_decimals": 8,
    "ordermin": "0.0001",
    "costmin": "0.5",
    "tick_size": "0.1",
}
MARKET = wire.market(ASSETS, {"XXBTZUSD": PAIR})

ORDER: dict[str, Any] = {
    "status": "open",
    "cl_ord_id": "ilp-1",
    "opentm": D("1705259439.563"),
    "descr": {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "30000.1"},
    "vol": "0.50000000",
    "vol_exec": "0.10000000",
}
TRADE: dict[str, Any] = {
    "ordertxid": "O1",
    "pair": "XXBTZUSD",
    "time": D("1700000000.5"),
    "type": "sell",
    "price": "30000.1",
    "vol": "0.25",
    "fee": "1.5",
}
ENTRY: dict[str, Any] = {
    "refid": "A1",
    "time": D("1700000000.25"),
    "type": "withdrawal",
    "subtype": "",
    "asset": "XXBT",
    "amount": "-0.5",
    "fee": "0.0001",
    "balance": "1.5",
}


def fixture(path: str) -> Any:
    """A recorded conversation, if this checkout lies beside the shared material."""
    file = FIXTURES / path
    if not file.exists():
        raise SkipTest(f"{file} is not here")
    return json.loads(file.read_text(), parse_float=Decimal)


class SigningTests(SynchronousTestCase):
    """:func:`sign`."""

    def test_published_vector(self) -> None:
        """The example of Kraken's documentation."""
        secret = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
        body = b"nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
        expected = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
        self.assertEqual(expected, sign(decode_secret(secret), "/0/private/AddOrder", 1616492376594, body))

    def test_bad_secret_is_not_repeated(self) -> None:
        """The message about a secret that is none does not hold it."""
        error = self.assertRaises(ValueError, decode_secret, "not base64!")
        self.assertNotIn("not base64!", str(error))
        self.assertEqual(b"abc", decode_secret(base64.b64encode(b"abc").decode()))


class FaultTests(SynchronousTestCase):
    """:func:`error_of`."""

    def test_table(self) -> None:
        """The documented words and their reasons."""
        for words, reason in {
            "EOrder:Insufficient funds": Reason.FUNDS,
            "EOrder:Order minimum not met": Reason.SIZE,
            "EGeneral:Invalid arguments:volume": Reason.SIZE,
            "EGeneral:Invalid arguments:price": Reason.PRICE,
            "EGeneral:Invalid arguments": Reason.OTHER,
            "EOrder:Invalid price:Invalid price argument": Reason.PRICE,
            "EOrder:Unknown order": Reason.UNKNOWN_ORDER,
            "EAPI:Invalid key": Reason.AUTH,
            "EAPI:Rate limit exceeded": Reason.RATE_LIMIT,
            "EService: Throttled: 1700000000": Reason.RATE_LIMIT,
            "EService:Market in post_only mode": Reason.MAINTENANCE,
            "EFunding:Unknown withdraw key": Reason.ADDRESS,
            "EOrder:Post only order": Reason.WOULD_CROSS,
            "EBrandnew:Never heard of": Reason.OTHER,
        }.items():
            error = error_of("AddOrder", [words], is_write=True)
            self.assertIsInstance(error, Refused, words)
            assert isinstance(error, Refused)
            self.assertEqual((reason, words), (error.reason, error.detail))

    def test_service_trouble_proves_nothing(self) -> None:
        """A busy service may have taken the order; one of several words suffices for doubt."""
        for words in ("EService:Unavailable", "EService:Busy", "EGeneral:Internal error", "EService:Timeout"):
            self.assertIsInstance(error_of("AddOrder", [words], is_write=True), OutcomeUnknown)
            self.assertIsInstance(error_of("AddOrder", ["EOrder:Insufficient funds", words], is_write=True), OutcomeUnknown)
            self.assertIsInstance(error_of("Balance", [words], is_write=False), Retryable)

    def test_nonce(self) -> None:
        """A nonce that came too late was not acted on, and the next one is higher."""
        self.assertIsInstance(error_of("AddOrder", ["EAPI:Invalid nonce"], is_write=True), Retryable)


class MarketTests(SynchronousTestCase):
    """Pairs and assets."""

    def test_pair(self) -> None:
        """Names, steps and minimums, found by each of the pair's names."""
        pair = MARKET.pairs["BTC/USD"]
        steps = pair.instrument
        self.assertEqual(
            (D("0.1"), D("1E-8"), D("0.0001"), D("0.5")), (steps.tick, steps.lot, steps.min_quantity, steps.min_value)
        )
        for name in ("XXBTZUSD", "XBTUSD", "XBT/USD", "BTC/USD"):
            self.assertIs(pair, MARKET.names[name])

    def test_tickers(self) -> None:
        """Kraken's names become everybody's; what is staked is not the coin itself; an unknown asset keeps its name."""
        expected = {"XXBT": "BTC", "XXDG": "DOGE", "ZUSD": "USD", "XBT.F": "BTC.F", "ETH.S": "ETH.S", "ZUSD.HOLD": "USD.HOLD"}
        for asset, ticker in {**expected, "NEW": "NEW"}.items():
            self.assertEqual(ticker, MARKET.ticker(asset))
        self.assertEqual("XXBT", MARKET.asset("BTC"))
        self.assertIsNone(MARKET.asset("NOPE"))

    def test_recorded_pairs(self) -> None:
        """The venue's own rows are understood, numbers as text too."""
        rows = fixture("markets/kraken_native_subset.json")
        market = wire.market({**ASSETS, "ADA": {"altname": "ADA"}}, {key: row for key, row in rows.items() if "altname" in row})
        self.assertEqual(D("0.1"), market.pairs["BTC/USDT"].instrument.tick)
        self.assertEqual(D("0.000001"), market.pairs["ADA/USDT"].instrument.tick)

    def test_positions(self) -> None:
        """All that is there, and what no order holds."""
        shapes = wire.positions({"XXBT": {"balance": "1.5", "hold_trade": "0.5"}, "ZUSD": {"balance": "10"}}, MARKET)
        self.assertEqual((D("1.5"), D("1.0")), (shapes["BTC"]["position"], shapes["BTC"]["available"]))
        self.assertEqual(D(10), shapes["USD"]["available"])


class OrderAndHistoryTests(SynchronousTestCase):
    """Orders, fills, postings."""

    def test_order(self) -> None:
        """What is left, whose it is, when it was opened."""
        shape = wire.order("O1", ORDER, MARKET)
        self.assertEqual(
            ("BTC/USD", "BUY", D("30000.1"), D("0.4"), False, 1705259439563000, "ilp-1"),
            tuple(shape[k] for k in ("contract", "side", "price", "quantity_left", "is_cancelled", "timestamp", "client_id")),
        )
        self.assertTrue(wire.order("O1", {**ORDER, "status": "canceled"}, MARKET)["is_cancelled"])

    def test_recorded_orders(self) -> None:
        """Recorded open and closed orders are understood."""
        methods = fixture("response/kraken.json")["methods"]
        for method, name in (("fetchOpenOrders", "open"), ("fetchClosedOrders", "closed")):
            for case in methods[method]:
                shapes = wire.orders(case["httpResponse"]["result"][name], MARKET)
                for shape, expected in zip(shapes.values(), case["parsedResponse"], strict=True):
                    self.assertEqual(expected["timestamp"], shape["timestamp"] // 1000)
                    self.assertEqual(expected["amount"], shape["quantity"])

    def test_fill(self) -> None:
        """Price, quantity and the fee in the quote currency."""
        shape = wire.fill("T1", TRADE, MARKET)
        self.assertEqual(("T1", "O1", "SELL", {"USD": D("1.5")}), (shape["id"], shape["order_id"], shape["side"], shape["fees"]))

    def test_fee_of_an_unlisted_pair(self) -> None:
        """Whose currency is not known is an error, not a fee in the wrong one."""
        with self.assertRaises(InvalidData), reading("TradesHistory"):
            wire.fill("T1", {**TRADE, "pair": "GONE"}, MARKET)

    def test_withdrawal(self) -> None:
        """The posting keeps the id that its request was answered with, and gets address and state from the funding list."""
        told = history.funding([{"refid": "A1", "txid": "abc", "info": "bc1q", "status": "Success"}])
        (shape,) = history.transactions({"L1": ENTRY}, MARKET, told)
        self.assertEqual(
            ("Withdrawal", "debit", D("0.5"), D("0.0001"), "bc1q", "A1", "done", 1700000000250000),
            tuple(shape[k] for k in ("type", "direction", "quantity", "fee", "address", "reference", "state", "timestamp")),
        )

    def test_deposit_and_failure(self) -> None:
        """A deposit is known by the network's id; what the venue took back is cancelled, both ways."""
        told = history.funding([{"refid": "A1", "txid": "abc", "info": "bc1q", "status": "Failure"}])
        (shape,) = history.transactions({"L1": {**ENTRY, "type": "deposit", "amount": "0.5"}}, MARKET, told)
        self.assertEqual(("credit", "abc", "cancelled"), (shape["direction"], shape["reference"], shape["state"]))

    def test_recorded_fundings(self) -> None:
        """Recorded deposits and withdrawals are understood."""
        methods = fixture("response/kraken.json")["methods"]
        for method in ("fetchDeposits", "fetchWithdrawals"):
            for case in methods[method]:
                (told,) = history.funding(case["httpResponse"]["result"]).values()
                expected = case["parsedResponse"][0]
                self.assertEqual((expected["txid"], expected["address"], "done"), (told.transaction_id, told.address, told.state))

    def test_recorded_bars(self) -> None:
        """Recorded bars: field 5 is the average, 6 the volume."""
        (case,) = fixture("response/kraken.json")["methods"]["fetchOHLCV"]
        bars = wire.candles(case["httpResponse"]["result"], "BTC/USDT", "hour")
        for opened, _, high, _, last, volume in case["parsedResponse"]:
            bar = bars[opened * 1000]
            self.assertEqual((high, last, volume), (bar["high"], bar["close"], bar["volume"]))


def steps(pairs: Any, assets: Any = ASSETS) -> Any:
    """What a market says of its contracts."""
    found = [pair.instrument for pair in wire.market(assets, pairs).pairs.values()]
    return [(each.tick, each.lot, each.min_quantity, each.min_value) for each in found]


class NonsenseTests(nonsense.Nonsense):
    """Whatever comes: a named error, or numbers that are numbers."""

    payloads = (
        Payload(ORDER, lambda entry: wire.order("O1", entry, MARKET)),
        Payload(TRADE, lambda entry: wire.fill("T1", entry, MARKET)),
        Payload({"L1": ENTRY}, lambda entries: history.transactions(entries, MARKET, {})),
        Payload({"XXBTZUSD": PAIR}, steps),
    )

    @given(nonsense.nonsense)
    def test_anything_at_all(self, bad: Any) -> None:
        """A payload that is something else altogether."""
        for call in (wire.positions, wire.orders):
            self.check(call, bad, MARKET)
        self.check(wire.depth, bad)
        self.check(wire.candles, bad, "BTC/USD", "day")
        self.check(wire.depth, {"X": {"bids": [[bad, bad]], "asks": [bad]}})
        self.check(wire.positions, {"XXBT": {"balance": bad, "hold_trade": bad}}, MARKET)
        self.check(history.funding, bad)
        self.check(history.newest_first, bad)
        self.check(steps, {"XXBTZUSD": PAIR}, bad)
        self.check(steps, {"XXBTZUSD": {**PAIR, "tick_size": bad, "lot_decimals": bad}})


class PlacesTests(SynchronousTestCase):
    """:class:`Places`."""

    def test_home(self) -> None:
        """Without an endpoint it is the real one, with the real limits."""
        places = Places.of("", {})
        self.assertEqual(("https://api.kraken.com", "intermediate", 100), (places.rest, places.tier, places.depth))
        self.assertEqual(("wss://ws.kraken.com/v2", "wss://ws-auth.kraken.com/v2"), (places.books, places.executions))
        # The token that opens our own stream goes to no other address than the one that is named for it.
        places = Places.of("", {"ws_endpoint": "wss://books.example/v2"})
        self.assertEqual(("wss://books.example/v2", "wss://ws-auth.kraken.com/v2"), (places.books, places.executions))

    def test_elsewhere(self) -> None:
        """Another endpoint has its streams at /v2, unless an option says where."""
        places = Places.of("http://127.0.0.1:8080/", {})
        self.assertEqual(("ws://127.0.0.1:8080/v2", "none"), (places.executions, places.tier))
        places = Places.of("http://localhost:8080", {"ws_endpoint": "ws://localhost:1/v2", "depth": "25"})
        self.assertEqual(("ws://localhost:1/v2", "ws://localhost:1/v2", 25), (places.books, places.executions, places.depth))

    def test_what_is_refused(self) -> None:
        """Plain http elsewhere, misspelt options, unknown tiers and depths."""
        for endpoint, options in (
            ("http://api.kraken.com", {}),
            ("ftp://api.kraken.com", {}),
            ("api.kraken.com", {}),
            ("https://user:pass@api.kraken.com", {}),
            ("", {"ws_endpont": "wss://ws.kraken.com/v2"}),
            ("", {"ws_endpoint": "ws://ws.kraken.com/v2"}),
            ("", {"tier": "gold"}),
            ("", {"depth": "11"}),
        ):
            self.assertRaises(ValueError, Places.of, endpoint, options)
