"""Bitstamp's formats: signatures, words of trouble, markets, orders, fills, postings; and nonsense, never to become a number."""

import hashlib
import hmac
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from clients.bitstamp import executions, history, wire
from clients.bitstamp.currencies import currencies
from clients.bitstamp.faults import Trouble, WrongTime, error_of, trouble_in
from clients.bitstamp.places import Places
from clients.bitstamp.signing import FORM, headers, is_sealed, sign
from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from tests.clients import nonsense
from tests.clients.nonsense import Payload

D = Decimal
FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
LISTED: dict[str, Any] = {
    "name": "ETH/USDT",
    "market_symbol": "ethusdt",
    "base_currency": "ETH",
    "base_decimals": 8,
    "counter_currency": "USDT",
    "counter_decimals": 2,
    "minimum_order_value": "10.00",
    "trading": "Enabled",
    "market_type": "SPOT",
}
MARKET = wire.market([LISTED])
LISTING = MARKET.contracts["ETH/USDT"]
ORDER: dict[str, Any] = {
    "id": "1429545880227846",
    "datetime": "2021-11-25 12:59:59",
    "type": "0",
    "price": "4451.25",
    "amount": "0.00300000",
    "amount_at_create": "0.00500000",
    "currency_pair": "ETH/USDT",
    "client_order_id": "ilp-1",
}
STATUS: dict[str, Any] = {
    "status": "Finished",
    "id": 1429545880227846,
    "datetime": "2021-11-25 12:59:59.300000",
    "type": "0",
    "market": "ETH/USDT",
    "amount_remaining": "0.00000000",
    "transactions": [
        {
            "fee": "0.11128",
            "price": "4451.25000000",
            "datetime": "2021-11-25 12:59:59.322000",
            "usdt": "22.25625000",
            "tid": 209895701,
            "eth": "0.00500000",
            "type": 2,
        }
    ],
}
#: An execution as the history has it: its cash is rounded, its price a bare number.
TRADE: dict[str, Any] = {
    "fee": "0.11128",
    "eth_usdt": D("4451.25"),
    "datetime": "2021-11-25 12:59:59.322000",
    "usdt": "-22.26",
    "order_id": 1429545880227846,
    "usd": 0,
    "btc": D("0.0"),
    "eth": "0.00500000",
    "type": "2",
    "id": 209895701,
    "eur": 0,
}
DEPOSIT: dict[str, Any] = {
    "fee": "0.00000000",
    "btc_usd": "0.00",
    "id": 1134567891,
    "usd": 0,
    "btc": 0,
    "datetime": "2018-09-07 18:47:52",
    "type": "0",
    "xrp": "20.00000000",
    "eur": 0,
}
WITHDRAWAL: dict[str, Any] = {**DEPOSIT, "id": 1234567894, "type": "1", "xrp": "-20.00000000", "fee": "0.02000000"}
REQUEST: dict[str, Any] = {
    "id": 3386432,
    "datetime": "2018-09-08 09:00:31",
    "type": 14,
    "currency": "XRP",
    "network": "xrpl",
    "amount": "20.00000000",
    "status": 2,
    "txid": 1234567894,
    "address": "rE1sdh25BJQ3qFwngiTBwaq3zPGGYcrjp1",
    "transaction_id": "001743B03B0C79BA",
}
ARRIVAL: dict[str, Any] = {
    "network": "xrpl",
    "currency": "XRP",
    "destinationAddress": "r1",
    "txid": "abc",
    "amount": D("20.0"),
    "datetime": 1536346072,
}
ORDERED: dict[str, Any] = {
    "id": "2050558851342339",
    "id_str": "2050558851342339",
    "order_type": 0,
    "order_subtype": 0,
    "datetime": "1789459694",
    "microtimestamp": "1789459694223000",
    "amount": D("0.003"),
    "amount_str": "0.003000",
    "amount_traded": "0.002000",
    "amount_at_create": "0.005000",
    "price": D("2468.04"),
    "price_str": "2468.04",
    "is_liquidation": False,
    "trade_account_id": 0,
    "client_order_id": "ilp-1",
}
FILLED: dict[str, Any] = {
    "id": 635698396,
    "amount": "0.005000",
    "price": "2468.04",
    "microtimestamp": "1789459694223000",
    "fee": "0.04936",
    "order_id": "2050558851342339",
    "trade_account_id": 0,
    "side": "buy",
}
COIN: dict[str, Any] = {
    "currency": "BTC",
    "type": "crypto",
    "decimals": 8,
    "networks": [
        {
            "network": "bitcoin",
            "withdrawal_minimum_amount": "0.00015000",
            "withdrawal_decimals": 8,
            "deposit": "Enabled",
            "withdrawal": "Enabled",
        }
    ],
}


def fixture(path: str) -> Any:
    """A recorded conversation, if this checkout lies beside the shared material."""
    file = FIXTURES / path
    if not file.exists():
        raise SkipTest(f"{file} is not here")
    return json.loads(file.read_text(), parse_float=Decimal)


class SigningTests(SynchronousTestCase):
    """:mod:`clients.bitstamp.signing`."""

    def signed(self, body: str) -> dict[str, str]:
        return headers(
            "api_key", "secret", "www.bitstamp.net", "POST", "/api/v2/user_transactions/", body, "n-1", "1700000000000"
        )

    def test_what_is_signed(self) -> None:
        """Key, method, host, path, content type, nonce, time, version and body, as the documentation's example joins them."""
        text = f"BITSTAMP api_keyPOSTwww.bitstamp.net/api/v2/user_transactions/{FORM}n-11700000000000v2offset=1"
        found = self.signed("offset=1")
        self.assertEqual(hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest(), found["X-Auth-Signature"])
        self.assertEqual(("BITSTAMP api_key", "v2", FORM), (found["X-Auth"], found["X-Auth-Version"], found["Content-Type"]))

    def test_without_a_body(self) -> None:
        """No content type, neither sent nor signed: the venue refuses one."""
        text = "BITSTAMP api_keyPOSTwww.bitstamp.net/api/v2/user_transactions/n-11700000000000v2"
        self.assertEqual(sign("secret", text), self.signed("")["X-Auth-Signature"])
        self.assertNotIn("Content-Type", self.signed(""))

    def test_answers(self) -> None:
        """An answer is the venue's if it is signed over nonce, time, content type and body."""
        request, body = self.signed(""), b"[]"
        seal = sign("secret", b"n-1" + b"1700000000000" + b"application/json" + body)
        self.assertTrue(is_sealed("secret", request, "application/json", body, seal.upper()))
        for changed in (
            (request, "text/html", body),
            (request, "application/json", b"{}"),
            (self.signed("a=1") | {"X-Auth-Nonce": "n-2"}, "application/json", body),
        ):
            self.assertFalse(is_sealed("secret", *changed, seal))


class FaultTests(SynchronousTestCase):
    """:mod:`clients.bitstamp.faults`."""

    def test_table(self) -> None:
        """The documented codes and words, and their reasons."""
        for code, words, reason in (
            ("API0001", "API key not found", Reason.AUTH),
            ("API0002", "IP address not allowed", Reason.AUTH),
            ("API0003", "No permission found", Reason.AUTH),
            ("API0005", "Invalid signature", Reason.AUTH),
            ("403.004", "Trading is blocked for user.", Reason.AUTH),
            ("400.002", "Request rejected due to exceeded rate limit.", Reason.RATE_LIMIT),
            ("400.009", "Insufficient balance for provided user.", Reason.FUNDS),
            ("400.020", "Minimum order size is 10.0 USD.", Reason.SIZE),
            ("400.041", "POST parameter(s) is malformed: price.", Reason.PRICE),
            ("404.002", "Order not found for corresponding request.", Reason.UNKNOWN_ORDER),
            ("400.003", "Trading for provided market is disabled.", Reason.MAINTENANCE),
            ("500.012", "Matching blocked for this order book.", Reason.MAINTENANCE),
            ("500.017", "Order rejected by matching engine.", Reason.OTHER),
            ("400.019", "Provided client_order_id already exists.", Reason.OTHER),
            ("400.007", "address: Ensure this value has at least 25 characters (it has 4).", Reason.ADDRESS),
            ("", "You have only 0.001 BTC available. Check your account balance for details.", Reason.FUNDS),
            ("", "Minimum order size is 5.0 EUR.", Reason.SIZE),
            ("", "Price is more than 20% above market price.", Reason.PRICE),
            ("", "Order not found.", Reason.UNKNOWN_ORDER),
            ("", "Bitstamp.net is under scheduled maintenance. We'll be back soon.", Reason.MAINTENANCE),
            ("", "Trading is currently unavailable for your account.", Reason.AUTH),
            ("", "amount: Ensure that there are no more than 8 decimal places.", Reason.SIZE),
            ("", "price: Ensure that there are no more than 0 decimal places.", Reason.PRICE),
            ("999.999", "Never heard of.", Reason.OTHER),
        ):
            error = error_of("POST /api/v2/buy/btcusd/", Trouble(code, words), is_write=True)
            self.assertIsInstance(error, Refused, words)
            assert isinstance(error, Refused)
            self.assertEqual((reason, f"{code} {words}".strip()), (error.reason, error.detail))

    def test_what_proves_nothing(self) -> None:
        """Where a part of the venue failed, an order's outcome is unknown, and a read may be repeated."""
        for told in (
            Trouble("500.001", "Unknown server error."),
            Trouble("500.016", "Timeout on matching engine."),
            Trouble("500.099", "Something new."),
            Trouble("", "Order could not be placed."),
        ):
            self.assertIsInstance(error_of("x", told, is_write=True), OutcomeUnknown)
            self.assertIsInstance(error_of("x", told, is_write=False), Retryable)

    def test_time_and_nonce(self) -> None:
        """Neither was carried out; the next request has another nonce, and the venue's time."""
        self.assertIsInstance(error_of("x", Trouble("API0017", "out of boundaries"), is_write=True), WrongTime)
        for told in (Trouble("API0004", "Invalid nonce"), Trouble("", "Invalid nonce")):
            error = error_of("x", told, is_write=True)
            self.assertEqual((Retryable, True), (type(error), isinstance(error, Retryable)))

    def test_forms_of_trouble(self) -> None:
        """With a code, with a code of the other kind, by field, as one text; what is no trouble is none."""
        for answer, expected in (
            ({"status": "error", "reason": "Invalid nonce", "code": "API0004"}, Trouble("API0004", "Invalid nonce")),
            ({"status": "error", "reason": {"__all__": ["Too small."]}}, Trouble("", "Too small.")),
            ({"status": "error", "reason": {"amount": ["A.", "B."], "__all__": [""]}}, Trouble("", "amount: A.; amount: B.")),
            ({"error": "Order not found"}, Trouble("", "Order not found")),
            ({"error": {"address": ["Too short."]}}, Trouble("", "address: Too short.")),
            ({"response_code": "404.002", "response_explanation": "No."}, Trouble("404.002", "No.")),
            ({"status": "error"}, Trouble("", "")),
            ({"status": "Open", "id": 1}, None),
            ({"id": "1", "price": "2"}, None),
            ([{"error": "in a list"}], None),
        ):
            self.assertEqual(expected, trouble_in(answer))


class MarketTests(SynchronousTestCase):
    """Markets, currencies, fees, books, bars."""

    def test_recorded_markets(self) -> None:
        """The venue's own rows: whole dollars for BTC/USD, a minimum in quote, found by both names."""
        market = wire.market(fixture("markets/bitstamp_native_subset.json"))
        steps = market.contracts["BTC/USD"].instrument
        self.assertEqual((D(1), D("0.00000001"), D(0), D(10)), (steps.tick, steps.lot, steps.min_quantity, steps.min_value))
        self.assertEqual(
            (D("0.01"), D("0.000001")), tuple(getattr(market.symbols["ethusd"].instrument, n) for n in ("tick", "lot"))
        )
        self.assertEqual({"BTC/USD", "BTC/EUR", "LTC/USD", "ETH/USD"}, set(market.contracts))

    def test_what_is_not_spot(self) -> None:
        """Perpetual contracts are others under the same currencies."""
        self.assertEqual({}, wire.market([{**LISTED, "market_type": "PERPETUAL"}]).contracts)

    def test_currencies(self) -> None:
        """Steps of withdrawals by the usual network; cash travels by none; of several networks the config must name one."""
        networks = [*COIN["networks"], {**COIN["networks"][0], "network": "ethereum"}]
        coins = [{**COIN, "networks": networks}, {**COIN, "currency": "USDC", "networks": networks}]
        known = currencies([*coins, {"currency": "USD", "type": "fiat", "networks": []}], {})
        self.assertEqual(
            {"BTC": (D("0.00000001"), D("0.00015"))},
            {t: (i.lot, i.min_quantity) for t, i in known.networks.instruments().items()},
        )
        self.assertEqual(({"USD"}, {"BTC", "USDC", "USD"}), (known.cash, known.tickers))
        self.assertIs(Reason.ADDRESS, self.assertRaises(Refused, known.networks.of, "x", "USDC").reason)
        self.assertEqual("ethereum", currencies(coins, {"USDC": "ethereum"}).networks.of("x", "USDC").name)

    def test_fees(self) -> None:
        """Told in percent."""
        entries = [{"market": name, "fees": {"maker": "0.15000", "taker": "0.16000"}} for name in ("btcusd", "btceur")]
        self.assertEqual({"maker": D("0.0015"), "taker": D("0.0016")}, wire.fees(entries, "btceur"))

    def test_book(self) -> None:
        """Whatever order it comes in, the best are first; its time is the venue's, in microseconds."""
        data = {
            "microtimestamp": "1583652948955826",
            "bids": [["8746.98", "1"], ["8750.00", "2"]],
            "asks": [["8754.72", "1"], ["8754.10", "2"]],
        }
        bids, asks = wire.depth(data)
        self.assertEqual(
            ([D("8750.00"), D("8746.98")], [D("8754.10"), D("8754.72")]),
            tuple([row["price"] for row in side] for side in (bids, asks)),
        )
        self.assertEqual(1583652948955826, wire.image(data).at)

    def test_bars(self) -> None:
        """A bar as ccxt quotes it."""
        row = {
            "high": "9064.77",
            "timestamp": "1593961440",
            "volume": "18.49436608",
            "low": "9040.87",
            "close": "9064.77",
            "open": "9040.87",
        }
        (bar,) = wire.candles({"data": {"pair": "BTC/USD", "ohlc": [row]}}, "BTC/USD", "minute")
        self.assertEqual((1593961440000000, D("9040.87"), D("18.49436608")), (bar["open_timestamp"], bar["low"], bar["volume"]))

    def test_positions(self) -> None:
        """All that is there, and what no order holds; names in capitals."""
        (entry,) = wire.positions(
            [{"currency": "usdt", "total": "7.00000", "available": "5.00000", "reserved": "2.00000"}]
        ).values()
        self.assertEqual(("USDT", D(7), D(5)), (entry.get("contract"), entry["position"], entry.get("available")))


class OrderAndHistoryTests(SynchronousTestCase):
    """Orders, fills, postings."""

    def test_open_order(self) -> None:
        """What is left, whose it is, when it was opened; times without a zone are UTC."""
        shape = wire.order(ORDER)
        names = ("id", "contract", "side", "price", "quantity", "quantity_left", "is_cancelled", "timestamp", "client_id")
        expected = ("1429545880227846", "ETH/USDT", "BUY", D("4451.25"), D("0.005"), D("0.003"), False, 1637845199000000, "ilp-1")
        self.assertEqual(expected, tuple(shape.get(name) for name in names))
        self.assertEqual(D("0.003"), wire.order({k: v for k, v in ORDER.items() if k != "amount_at_create"})["quantity"])

    def test_order_status(self) -> None:
        """How it ended; its quantity from what is left and what was done, its price only where it is known from elsewhere."""
        shape = wire.order_status(STATUS, None)
        self.assertEqual(
            (D("0.005"), D(0), False, D(0)), tuple(shape[k] for k in ("quantity", "quantity_left", "is_cancelled", "price"))
        )
        for status, left, is_cancelled in (
            ("Canceled", "0.003", True),
            ("Expired", "0.003", True),
            ("Open", "0.003", False),
            ("Finished", "0", False),
        ):
            shape = wire.order_status({"id": 1, "status": status, "amount_remaining": left}, wire.order(ORDER))
            found = (shape["price"], shape["quantity"], shape["is_cancelled"], shape.get("client_id"))
            self.assertEqual((D("4451.25"), D("0.005"), is_cancelled, "ilp-1"), found)

    def test_fill(self) -> None:
        """Signed by whether it was bought or sold; the venue's own rounding of the cash is not ours."""
        shape = wire.fill(TRADE)
        names = ("id", "order_id", "contract", "side", "price", "quantity", "fees")
        expected = (
            "1429545880227846-209895701",
            "1429545880227846",
            "ETH/USDT",
            "BUY",
            D("4451.25"),
            D("0.005"),
            {"USDT": D("0.11128")},
        )
        self.assertEqual(expected, tuple(shape[name] for name in names))  # type: ignore[literal-required]
        self.assertEqual("SELL", wire.fill({**TRADE, "eth": "-0.00500000", "usdt": "22.26"})["side"])

    def test_fill_that_makes_no_sense(self) -> None:
        """Two prices, none, or both sides of one sign."""
        for wrong in ({"btc_usd": "60000"}, {"eth_usdt": "0.00"}, {"usdt": "22.26"}, {"eth": "0"}):
            self.assertRaises(ValueError, wire.fill, {**TRADE, **wrong})

    def test_stream_and_history_tell_the_same(self) -> None:
        """One execution has one id, however it is told."""
        told = executions.fill({**FILLED, "id": 209895701, "order_id": "1429545880227846"}, LISTING)
        self.assertEqual(wire.fill(TRADE)["id"], told["id"])
        self.assertEqual({"USDT": D("0.04936")}, told["fees"])

    def test_order_events(self) -> None:
        """What is left counts: deleted with something left is cancelled, with nothing left it is filled."""
        for event, left, is_cancelled in (
            ("order_changed", "0.003000", False),
            ("order_deleted", "0.003000", True),
            ("order_deleted", "0", False),
        ):
            shape = executions.order(event, {**ORDERED, "amount_str": left}, LISTING)
            self.assertEqual(
                (D(left), is_cancelled, D("0.005")), (shape["quantity_left"], shape["is_cancelled"], shape["quantity"])
            )
        self.assertEqual(("ilp-1", 1789459694223000), (shape.get("client_id"), shape["timestamp"]))
        self.assertRaises(ValueError, executions.order, "order_changed", {**ORDERED, "amount_str": "1"}, LISTING)

    def postings(self, row: dict[str, Any], requests: Any = (), deposits: Any = ()) -> Any:
        return history.postings(row, ["BTC", "USD", "EUR", "XRP"], history.journeys(requests, deposits))

    def test_withdrawal(self) -> None:
        """A debit with its fee besides; the request that names it tells where it went."""
        (shape,) = self.postings(WITHDRAWAL, [REQUEST])
        names = ("type", "direction", "quantity", "fee", "address", "reference", "state")
        expected = ("Withdrawal", "debit", D(20), D("0.02"), REQUEST["address"], "3386432", "done")
        self.assertEqual(expected, tuple(shape[name] for name in names))
        for status, state in ((0, "pending"), (1, "pending"), (3, "cancelled"), (4, "cancelled")):
            self.assertEqual(state, self.postings(WITHDRAWAL, [{**REQUEST, "status": status}])[0]["state"])
        (alone,) = self.postings(WITHDRAWAL, [{**REQUEST, "txid": None}])
        self.assertEqual((None, "done"), (alone["reference"], alone["state"]))

    def test_deposit(self) -> None:
        """Where it came from is believed only of an amount that is there once."""
        (shape,) = self.postings(DEPOSIT, (), [ARRIVAL, ARRIVAL])
        self.assertEqual(
            ("Deposit", "credit", D(20), "r1", "abc"),
            tuple(shape[k] for k in ("type", "direction", "quantity", "address", "reference")),
        )
        (shape,) = self.postings(DEPOSIT, (), [ARRIVAL, {**ARRIVAL, "txid": "def"}])
        self.assertEqual((None, None), (shape["address"], shape["reference"]))

    def test_other_postings(self) -> None:
        """Types that we do not know keep the books true all the same; what is given back is a credit."""
        for type, change, name in (("14", "5", "Transfer"), ("27", "5", "Other"), ("1", "5", "Transfer"), ("0", "-5", "Other")):
            (shape,) = self.postings({**DEPOSIT, "type": type, "xrp": change})
            self.assertEqual((name, "credit" if change == "5" else "debit"), (shape["type"], shape["direction"]))
        self.assertEqual([], self.postings({**DEPOSIT, "xrp": "0.00", "note": "nothing", "eur": "None"}))


def postings(row: Any) -> Any:
    """What a row of the history has done."""
    return history.postings(row, ["BTC", "USD", "XRP"], history.Journeys({}, {}))


def steps(entry: Any) -> Any:
    """What a market says of its contracts."""
    found = [listing.instrument for listing in wire.market([entry]).contracts.values()]
    return [(each.tick, each.lot, each.min_quantity, each.min_value) for each in found]


class NonsenseTests(nonsense.Nonsense):
    """Whatever comes: a named error, or numbers that are numbers."""

    payloads = (
        Payload(ORDER, wire.order),
        Payload(STATUS, lambda entry: wire.order_status(entry, None)),
        Payload(STATUS, lambda entry: wire.order_status(entry, wire.order(ORDER))),
        Payload(TRADE, wire.fill),
        Payload(ORDERED, lambda event: executions.order("order_changed", event, LISTING)),
        Payload(FILLED, lambda event: executions.fill(event, LISTING)),
        Payload(DEPOSIT, postings),
        Payload(WITHDRAWAL, postings),
        Payload(LISTED, steps),
    )

    @given(nonsense.nonsense)
    def test_anything_at_all(self, bad: Any) -> None:
        """A payload that is something else altogether."""
        for call in (wire.positions, wire.depth, wire.order, wire.fill, postings):
            self.check(call, bad)
        self.check(wire.candles, bad, "LTC/USDT", "day")
        self.check(
            wire.candles,
            {"data": {"ohlc": [dict.fromkeys(("timestamp", "open", "high", "low", "close", "volume"), bad)]}},
            "X/Y",
            "day",
        )
        self.check(wire.depth, {"microtimestamp": bad, "bids": [[bad, bad]], "asks": [bad]})
        self.check(wire.positions, [{"currency": "btc", "total": bad, "available": bad}])
        self.check(wire.fees, [{"market": "x", "fees": {"maker": bad, "taker": bad}}], "x")
        for entry in (
            bad,
            {**LISTED, "counter_decimals": bad},
            {**LISTED, "minimum_order_value": bad},
            {**LISTED, "base_currency": bad},
        ):
            self.check(steps, entry)
        self.check(lambda coins: currencies(coins, {}) and None, bad)
        self.check(lambda coins: currencies(coins, {}) and None, [{**COIN, "networks": [bad]}])
        self.check(lambda entry: history.journeys([entry], [entry]) and None, {**REQUEST, **ARRIVAL, "txid": bad, "amount": bad})
        trouble_in(bad)
        trouble_in({"status": "error", "reason": bad, "code": bad})


class PlacesTests(SynchronousTestCase):
    """:class:`Places`."""

    def test_home(self) -> None:
        """Without an endpoint it is the real one."""
        places = Places.of("", {})
        self.assertEqual(("https://www.bitstamp.net", "wss://ws.bitstamp.net"), (places.rest, places.stream))

    def test_elsewhere(self) -> None:
        """Another endpoint has its stream beside it, unless an option says where."""
        places = Places.of("http://127.0.0.1:8080/", {"network_usdc": "ethereum", "contracts": "BTC/USD, BTC/EUR"})
        self.assertEqual(
            ("ws://127.0.0.1:8080/ws", {"USDC": "ethereum"}, ("BTC/USD", "BTC/EUR")),
            (places.stream, places.networks, places.contracts),
        )
        self.assertEqual("wss://else.where", Places.of("", {"ws_endpoint": "wss://else.where"}).stream)

    def test_what_is_refused(self) -> None:
        """Plain http elsewhere, misspelt options, what is no contract."""
        for endpoint, options in (
            ("http://www.bitstamp.net", {}),
            ("", {"ws_endpont": "wss://ws.bitstamp.net"}),
            ("", {"ws_endpoint": "ws://ws.bitstamp.net"}),
            ("", {"contracts": "BTCUSD"}),
        ):
            self.assertRaises(ValueError, Places.of, endpoint, options)
