"""Gemini's formats: signatures, reasons, symbols, orders, transfers."""

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from clients.gemini import history, wire
from clients.gemini.faults import WrongNonce, error_of
from clients.gemini.places import Places
from clients.gemini.signing import payload_of, sign, signed
from clients.http_link import exact_json

D = Decimal
FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
DETAILS: dict[str, Any] = {
    "symbol": "BTCUSD",
    "base_currency": "BTC",
    "quote_currency": "USD",
    "tick_size": D("1E-8"),
    "quote_increment": D("0.01"),
    "min_order_size": "0.00001",
    "status": "open",
    "wrap_enabled": False,
}
LISTING = wire.listing(DETAILS)
assert LISTING is not None
MARKET = wire.market([LISTING])
ORDER: dict[str, Any] = {
    "order_id": "106817811",
    "id": "106817811",
    "symbol": "btcusd",
    "exchange": "gemini",
    "avg_execution_price": "29999.90",
    "side": "buy",
    "type": "exchange limit",
    "timestamp": "1700000000",
    "timestampms": 1700000000123,
    "is_live": True,
    "is_cancelled": False,
    "executed_amount": "0.1",
    "client_order_id": "ilp-1",
    "options": [],
    "price": "30000.00",
    "original_amount": "0.5",
    "remaining_amount": "0.4",
}
TRADE: dict[str, Any] = {
    "price": "30000.00",
    "amount": "0.1",
    "timestamp": 1700000000,
    "timestampms": 1700000000456,
    "type": "Sell",
    "aggressor": True,
    "fee_currency": "USD",
    "fee_amount": "1.05",
    "tid": 1034,
    "order_id": "106817811",
    "exchange": "gemini",
    "is_clearing_fill": False,
    "symbol": "BTCUSD",
    "client_order_id": "ilp-1",
}
EVENT: dict[str, Any] = {
    "type": "fill",
    "order_id": "106817811",
    "event_id": "106817900",
    "client_order_id": "ilp-1",
    "api_session": "account-x",
    "symbol": "btcusd",
    "side": "buy",
    "order_type": "exchange limit",
    "timestamp": "1700000001",
    "timestampms": 1700000001000,
    "is_live": True,
    "is_cancelled": False,
    "original_amount": "0.5",
    "executed_amount": "0.1",
    "remaining_amount": "0.4",
    "price": "30000.00",
    "fill": {
        "trade_id": "1034",
        "liquidity": "Maker",
        "price": "30000.00",
        "amount": "0.1",
        "fee": "-0.30",
        "fee_currency": "USD",
    },
    "socket_sequence": 0,
}
TRANSFER: dict[str, Any] = {
    "type": "Withdrawal",
    "status": "Complete",
    "timestampms": 1700000002000,
    "eid": 324,
    "currency": "BTC",
    "amount": "0.4999",
    "feeAmount": "0.0001",
    "feeCurrency": "BTC",
    "destination": "bc1q",
    "withdrawalId": "02176a83-a6b1-4202-9b85-1c1c92dd25c4",
}


def fixture(path: str) -> Any:
    """A recorded conversation, if this checkout lies beside the shared material."""
    file = FIXTURES / path
    if not file.exists():
        raise SkipTest(f"{file} is not here")
    return json.loads(file.read_text(), parse_float=Decimal)


class SigningTests(SynchronousTestCase):
    """:mod:`clients.gemini.signing`."""

    def test_published_vector(self) -> None:
        """The example of Gemini's documentation."""
        payload = (
            "ewogICAgInJlcXVlc3QiOiAiL3YxL29yZGVyL3N0YXR1cyIsCiAgICAibm9uY2UiOiAxMjM0NTYsCgogICAgIm9yZGVyX2lkIjogMTg4MzQKfQo="
        )
        expected = "337cc8b4ea692cfe65b4a85fcc9f042b2e3f702ac956fd098d600ab15705775017beae402be773ceee10719ff70d710f"
        self.assertEqual(expected, sign("1234abcd", payload))

    def test_payload(self) -> None:
        """Path, nonce and fields, and nothing else; the headers carry it as it was signed."""
        payload = payload_of("/v1/order/cancel", 7, {"order_id": 18834})
        asked = {"request": "/v1/order/cancel", "nonce": "7", "order_id": 18834}
        self.assertEqual(asked, json.loads(base64.b64decode(payload)))
        headers = signed("key", "secret", payload)
        self.assertEqual(("key", payload, sign("secret", payload)), tuple(headers.values()))


class FaultTests(SynchronousTestCase):
    """:func:`error_of`."""

    def test_table(self) -> None:
        """The documented reasons, and what they mean."""
        for status, word, reason in (
            (406, "InsufficientFunds", Reason.FUNDS),
            (406, "NeverHeardOf", Reason.FUNDS),
            (400, "InvalidQuantity", Reason.SIZE),
            (400, "InvalidPrice", Reason.PRICE),
            (404, "OrderNotFound", Reason.UNKNOWN_ORDER),
            (404, "EndpointNotFound", Reason.OTHER),
            (400, "InvalidApiKey", Reason.AUTH),
            (400, "InvalidSignature", Reason.AUTH),
            (400, "MissingPayloadHeader", Reason.AUTH),
            (403, "MissingRole", Reason.AUTH),
            (403, "NeverHeardOf", Reason.AUTH),
            (429, "RateLimit", Reason.RATE_LIMIT),
            (429, "Too Many Requests", Reason.RATE_LIMIT),
            (400, "MarketNotOpen", Reason.MAINTENANCE),
            (400, "Maintenance", Reason.MAINTENANCE),
            (400, "CryptoAddressWhitelistsNotEnabled", Reason.ADDRESS),
            (400, "InvalidSymbol", Reason.OTHER),
            (400, "ConflictingOptions", Reason.OTHER),
            (400, "NeverHeardOf", Reason.OTHER),
        ):
            error = error_of("POST /v1/order/new", status, word, "words", is_write=True)
            self.assertIsInstance(error, Refused, word)
            assert isinstance(error, Refused)
            self.assertEqual((reason, f"{word} words"), (error.reason, error.detail))

    def test_what_proves_nothing(self) -> None:
        """With a status 5xx, maintenance too, an order's outcome is unknown, and a read may be repeated."""
        for status, word in ((500, "System"), (502, "System"), (503, "Maintenance"), (400, "System")):
            self.assertIsInstance(error_of("x", status, word, "?", is_write=True), OutcomeUnknown)
            self.assertIsInstance(error_of("x", status, word, "?", is_write=False), Retryable)

    def test_nonce(self) -> None:
        """A request whose nonce is refused was not carried out, not even a write."""
        self.assertIsInstance(error_of("POST /v1/order/new", 400, "InvalidNonce", "?", is_write=True), WrongNonce)


class MarketTests(SynchronousTestCase):
    """Symbols and their steps."""

    def test_listing(self) -> None:
        """What they call the tick is the step of amounts, with an exponent; found by both names."""
        details = exact_json(
            '{"symbol":"BTCUSD","base_currency":"BTC","quote_currency":"USD","tick_size":1E-8,"quote_increment":0.01,"min_order_size":"0.00001"}'
        )
        listing = wire.listing(details)
        assert listing is not None
        steps = listing.instrument
        self.assertEqual(
            (D("0.01"), D("0.00000001"), D("0.00001"), D(0)), (steps.tick, steps.lot, steps.min_quantity, steps.min_value)
        )
        self.assertEqual(("btcusd", "btcusd"), (listing.symbol, wire.symbol_of("BTC/USD")))
        self.assertEqual("BTC/USD", MARKET.contract("btcusd"))
        self.assertEqual("etheur", MARKET.contract("etheur"))

    def test_perpetual_contracts(self) -> None:
        """They are no spot."""
        self.assertIsNone(wire.listing({**DETAILS, "symbol": "BTCGUSDPERP", "product_type": "swap"}))

    def test_recorded_symbols(self) -> None:
        """The documentation's own rows name the symbols as we do."""
        for contract, recorded in fixture("markets/gemini.json").items():
            self.assertEqual(recorded["id"], wire.symbol_of(contract))

    def test_fees(self) -> None:
        """Basis points are shares."""
        told = {"api_maker_fee_bps": 10, "api_taker_fee_bps": D("35.5"), "web_maker_fee_bps": 25}
        self.assertEqual({"maker": D("0.001"), "taker": D("0.00355")}, wire.fees(told))

    def test_balances(self) -> None:
        """What is on its way out has left, though the venue counts it until the network has confirmed it."""
        row = {"type": "exchange", "currency": "BTC", "amount": "1.5", "available": "0.8", "availableForWithdrawal": "0.8"}
        self.assertEqual(D("1.5"), wire.positions([row])["BTC"]["position"])
        self.assertEqual(D("1.1"), wire.positions([{**row, "pendingWithdrawal": "0.4"}])["BTC"]["position"])
        self.assertEqual(D("0.8"), wire.positions([row])["BTC"]["available"])


class RecordedTests(SynchronousTestCase):
    """Recorded conversations."""

    def test_requests(self) -> None:
        """Where ccxt asks for books and bars, we do."""
        urls = {
            case["method"]: urlsplit(case["url"]).path
            for cases in fixture("request/gemini.json")["methods"].values()
            for case in cases
        }
        self.assertEqual(f"/v1/book/{wire.symbol_of('BTC/USDT')}", urls["fetchOrderBook"])
        self.assertEqual(f"/v2/candles/{wire.symbol_of('BTC/USDT')}/{wire.FRAMES['minute']}", urls["fetchOHLCV"])

    def test_bars(self) -> None:
        """Recorded bars are understood, bare numbers as exactly what was written."""
        for case in fixture("response/gemini.json")["methods"]["fetchOHLCV"]:
            for row, (opened, first, high, low, last, volume) in zip(case["httpResponse"], case["parsedResponse"], strict=True):
                bar = wire.candle(row, "BTC/USDT", "hour")
                expected = (opened * 1000, first, high, low, last, volume)
                names = ("open_timestamp", "open", "high", "low", "close", "volume")
                self.assertEqual(expected, tuple(bar[name] for name in names))  # type: ignore[literal-required]


class OrderTests(SynchronousTestCase):
    """Orders, executions, transfers."""

    def test_order(self) -> None:
        """What is left, whose it is, when it was placed."""
        shape = wire.order(ORDER, MARKET)
        names = ("id", "contract", "side", "price", "quantity", "quantity_left", "is_cancelled", "timestamp", "client_id")
        expected = ("106817811", "BTC/USD", "BUY", D(30000), D("0.5"), D("0.4"), False, 1700000000123000, "ilp-1")
        self.assertEqual(expected, tuple(shape.get(name) for name in names))
        self.assertEqual(D(0), wire.order({**ORDER, "type": "exchange stop limit"}, MARKET)["price"])

    def test_fill(self) -> None:
        """Fees as they were taken; both sides of a trade of ours with ourselves are two."""
        shape = wire.fill(TRADE, "BTC/USD")
        self.assertEqual(("106817811-1034", "SELL", {"USD": D("1.05")}), (shape["id"], shape["side"], shape["fees"]))
        self.assertEqual({}, wire.fill({**TRADE, "fee_amount": "0.00"}, "BTC/USD")["fees"])
        self.assertNotEqual(shape["id"], wire.fill({**TRADE, "order_id": "106817812"}, "BTC/USD")["id"])

    def test_broken_trade(self) -> None:
        """One that was taken back wholly never was; one that was reversed by hand is still part of the balance."""
        self.assertEqual([True, False, False], [wire.is_broken({**TRADE, "break": word}) for word in ("full", "manual", "")])

    def test_transfer(self) -> None:
        """What left, its fee besides, by the venue's own id; what is not complete is not ours yet."""
        (shape,) = history.transfer(TRANSFER)
        names = ("id", "type", "direction", "quantity", "fee", "reference", "state")
        expected = ("transfer-324", "Withdrawal", "debit", D("0.4999"), D("0.0001"), TRANSFER["withdrawalId"], "done")
        self.assertEqual(expected, tuple(shape.get(name) for name in names))
        deposit = {**TRANSFER, "type": "Deposit", "feeAmount": "0"}
        for status, state in (("Advanced", "done"), ("Complete", "done"), ("Processing", "pending"), ("Failed", "cancelled")):
            self.assertEqual(state, history.transfer({**deposit, "status": status})[0]["state"])
        self.assertRaises(ValueError, history.transfer, {**TRANSFER, "type": "Whatever"})

    def test_fee_in_another_currency(self) -> None:
        """It is a posting of its own."""
        told, fee = history.transfer({**TRANSFER, "currency": "USDC", "feeCurrency": "ETH"})
        self.assertEqual(
            (D(0), "ETH", "Fee", "debit", D("0.0001")),
            (told["fee"], *(fee[k] for k in ("contract", "type", "direction", "quantity"))),
        )


class PlacesTests(SynchronousTestCase):
    """:class:`Places`."""

    def test_home(self) -> None:
        """Without an endpoint it is the real one, whose rates are kept."""
        places = Places.of("", {})
        self.assertEqual(
            ("https://api.gemini.com", "wss://api.gemini.com", True), (places.rest, places.sockets, places.has_limits)
        )
        self.assertEqual(("rising", 100, 10.0, ()), (places.nonce, places.depth, places.audit, places.contracts))

    def test_elsewhere(self) -> None:
        """Another endpoint has its sockets beside it, and no limits unless they are wanted."""
        options = {"network_usdc": "ethereum", "contracts": "BTC/USD, ETH/USD", "nonce": "time", "account": "primary"}
        places = Places.of("http://127.0.0.1:8080/", options)
        self.assertEqual(("ws://127.0.0.1:8080", False), (places.sockets, places.has_limits))
        self.assertEqual(({"USDC": "ethereum"}, ("BTC/USD", "ETH/USD")), (places.networks, places.contracts))
        self.assertEqual(("time", "primary"), (places.nonce, places.account))

    def test_what_is_refused(self) -> None:
        """Plain http elsewhere, misspelt options, nonces, depths and times that there are not."""
        for endpoint, options in (
            ("http://api.gemini.com", {}),
            ("", {"ws_endpont": "wss://api.gemini.com"}),
            ("", {"ws_endpoint": "ws://api.gemini.com"}),
            ("", {"nonce": "dates"}),
            ("", {"limits": "maybe"}),
            ("", {"depth": "0"}),
            ("", {"depth": "many"}),
            ("", {"audit": "0.5"}),
            ("", {"audit": "86400"}),
            ("", {"contracts": "BTCUSD"}),
        ):
            self.assertRaises(ValueError, Places.of, endpoint, options)
