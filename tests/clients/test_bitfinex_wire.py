"""Bitfinex's formats: symbols, orders, fills, movements; and nonsense, which must never become a number."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from clients.bitfinex import history, symbols, wire
from clients.bitfinex.client_ids import numbers
from clients.bitfinex.symbols import step_of
from tests.clients import nonsense
from tests.clients.nonsense import Payload

D = Decimal
FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
LIMITS = [None, None, None, "0.00004", "2000.0", None, None, None, None, None, None, None]
CONFIGS: list[Any] = [
    [["BTCUST", LIMITS], ["LTCUST", LIMITS], ["DOGE:USD", LIMITS], ["BTCF0:USTF0", LIMITS], ["NEWUSD", LIMITS]],
    [["UST", "USDt"], ["DSH", "DASH"], ["USTF0", "USDt0"], ["BAB", "BCH"], ["BCHN", "BCH"]],
    [["BITCOIN", ["BTC"]], ["LITECOIN", ["LTC"]], ["TETHERUSE", ["UST"]], ["TETHERUSX", ["UST"]]],
]
TICKERS: list[Any] = [
    ["tBTCUST", 73350, D("2.55"), 73351, D("6.36"), 1003, D("0.0138"), 73350, D("2638.4"), 73583, 68643],
    ["tLTCUST", D("87.58"), 1, D("87.59"), 1, 0, 0, D("87.583"), 1, 90, 80],
    ["tDOGE:USD", D("0.0812"), 1, D("0.0813"), 1, 0, 0, 0, 1, 90, 80],
    ["fUSD", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
]
MARKET = symbols.market(CONFIGS, TICKERS)
GID, CID = numbers("x", "ilp-1")
ORDER: list[Any] = [
    *(139472205825, GID, CID, "tLTCUST", 1706699075903, 1706699075904, D("0.15"), D("0.2"), "EXCHANGE LIMIT", None, None, None),
    *(0, "PARTIALLY FILLED @ 50.0(0.05)", None, None, 50, 50, 0, 0, None, None, None, 0, 0, None, None, None, "API>BFX", None),
    *(None, {}),
]
TRADE: list[Any] = [
    *(1284511023, "tLTCUST", 1673709416939, 139472205825, D("-0.1"), D("87.583"), "EXCHANGE LIMIT", D("87.583"), -1),
    *(D("-0.0175166"), "UST", CID),
]
MOVEMENT: list[Any] = [
    *(
        13105603,
        "BTC",
        "BITCOIN",
        None,
        None,
        1569348774000,
        1569348784000,
        None,
        None,
        "COMPLETED",
        None,
        None,
        D("-0.26300954"),
    ),
    *(D("-0.00135"), None, None, "bc1qsomewhere", None, None, None, "DESTINATION_TX", None),
]
WALLET: list[Any] = ["exchange", "UST", D("1.5"), 0, D("1.25"), None, None]


def fixture(path: str) -> Any:
    """A recorded conversation, if this checkout lies beside the shared material."""
    file = FIXTURES / path
    if not file.exists():
        raise SkipTest(f"{file} is not here")
    return json.loads(file.read_text(), parse_float=Decimal)


def recorded(method: str) -> list[Any]:
    """The recorded answers of one of ccxt's methods, with what ccxt makes of them."""
    return list(fixture("response/bitfinex2.json")["methods"][method])


class MarketTests(SynchronousTestCase):
    """Symbols and steps."""

    def test_names(self) -> None:
        """Codes are ours and back; a colon where one is long; what is no spot pair, or has no price, is left out."""
        self.assertEqual({"BTC/USDT": "tBTCUST", "LTC/USDT": "tLTCUST", "DOGE/USD": "tDOGE:USD"}, self.listed())
        self.assertEqual(
            ("USDT", "UST", "DASH"), (MARKET.names.ticker("UST"), MARKET.names.code("USDT"), MARKET.names.ticker("DSH"))
        )

    def listed(self) -> dict[str, str]:
        return {contract: listing.symbol for contract, listing in MARKET.contracts.items()}

    def test_ambiguous_names(self) -> None:
        """Two codes with one name keep their codes: a guess would trade the wrong coin."""
        self.assertEqual(
            ["BAB", "BCHN", "BCH"], [MARKET.names.ticker("BAB"), MARKET.names.ticker("BCHN"), MARKET.names.code("BCH")]
        )

    def test_steps(self) -> None:
        """The fifth digit of a price a quarter above the last one; eight places of a quantity; the venue's minimum."""
        steps = {contract: listing.instrument for contract, listing in MARKET.contracts.items()}
        self.assertEqual((D(1), D("0.00000001"), D("0.00004")), (steps["BTC/USDT"].tick, *self.of_quantity(steps["BTC/USDT"])))
        self.assertEqual((D("0.01"), D("0.00001")), (steps["LTC/USDT"].tick, steps["DOGE/USD"].tick))
        self.assertEqual([D(10), D(1), D("0.1"), D("1E-8")], [step_of(D(price)) for price in ("100000", "99999", "1000", "1E-7")])

    def of_quantity(self, instrument: Any) -> tuple[Decimal, Decimal]:
        return instrument.lot, instrument.min_quantity

    def test_methods(self) -> None:
        """By our own tickers."""
        self.assertEqual((("BITCOIN",), ("TETHERUSE", "TETHERUSX")), (MARKET.methods["BTC"], MARKET.methods["USDT"]))


class OrderAndHistoryTests(SynchronousTestCase):
    """Orders, fills, movements."""

    def test_order(self) -> None:
        """What is left, whose it is, when it was opened; the sign tells the side."""
        shape = wire.order(ORDER, MARKET)
        names = ("id", "contract", "side", "price", "quantity", "quantity_left", "is_cancelled", "timestamp", "client_id")
        expected = ("139472205825", "LTC/USDT", "BUY", D(50), D("0.2"), D("0.15"), False, 1706699075903000, "ilp-1")
        self.assertEqual(expected, tuple(shape.get(name) for name in names))
        sale = wire.order([*ORDER[:6], D("-0.15"), D("-0.2"), *ORDER[8:]], MARKET)
        self.assertEqual(("SELL", D("0.2"), D("0.15")), (sale["side"], sale["quantity"], sale["quantity_left"]))

    def status(self, status: str, left: str = "0.15") -> Any:
        return wire.order([*ORDER[:6], D(left), *ORDER[7:13], status, *ORDER[14:]], MARKET)

    def test_statuses(self) -> None:
        """Over is what trades no more and has not traded wholly; what is not known is no status."""
        for status in (
            "CANCELED",
            "CANCELED was: PARTIALLY FILLED @ 50.0(0.05)",
            "POSTONLY CANCELED",
            "IOC CANCELED",
            "FILLORKILL CANCELED",
            "INSUFFICIENT BALANCE (G1) was: PARTIALLY FILLED @ 50.0(0.05)",
            "RSN_DUST",
            "RSN_PAUSE",
        ):
            self.assertTrue(self.status(status)["is_cancelled"], status)
        self.assertFalse(self.status("ACTIVE")["is_cancelled"])
        self.assertEqual((D(0), False), self.ended(self.status("EXECUTED @ 50.0(0.2): was PARTIALLY FILLED @ 50.0(0.05)", "0")))
        for status, left in (
            ("ON HOLD", "0.1"),
            ("EXECUTED @ 50.0(0.2)", "0.1"),
            ("ACTIVE", "0.3"),
            ("ACTIVE", "-0.1"),
            ("", "0.1"),
        ):
            self.assertRaises(ValueError, self.status, status, left)

    def ended(self, shape: Any) -> tuple[Decimal, bool]:
        return shape["quantity_left"], shape["is_cancelled"]

    def test_recorded_orders(self) -> None:
        """Recorded orders are understood, the answers to placing and cancelling too."""
        for method, answer in (
            ("fetchOpenOrders", lambda told: told[0]),
            ("fetchClosedOrders", lambda told: told[0]),
            ("createOrder", lambda told: wire.notified("x", told)[0]),
            ("cancelOrder", lambda told: wire.notified("x", told)),
        ):
            case = recorded(method)[0]
            parsed = case["parsedResponse"]
            parsed = parsed[0] if isinstance(parsed, list) else parsed
            shape = wire.order(answer(case["httpResponse"]), MARKET)
            self.assertEqual((parsed["id"], parsed["amount"], parsed["price"]), (shape["id"], shape["quantity"], shape["price"]))
            self.assertEqual((parsed["status"] == "canceled", None), (shape["is_cancelled"], shape.get("client_id")))
        self.assertEqual("156523558501", wire.submitted(wire.notified("x", recorded("createOrder")[0]["httpResponse"])))

    def test_margin_is_not_ours(self) -> None:
        """Orders and executions on other wallets do not touch our balances."""
        margin = [*ORDER[:8], "LIMIT", *ORDER[9:]]
        self.assertEqual(["139472205825"], list(wire.orders([ORDER, [1, *margin[1:]]], MARKET)))

    def test_recorded_fill(self) -> None:
        """A sale whose fee, negative there, is positive here and in our name of its currency."""
        (case,) = recorded("fetchMyTrades")
        (entry,), (parsed,) = case["httpResponse"], case["parsedResponse"]
        shape = wire.fill(entry, MARKET)
        self.assertEqual((parsed["id"], parsed["order"], "SELL"), (shape["id"], shape["order_id"], shape["side"]))
        self.assertEqual((parsed["price"], parsed["amount"]), (shape["price"], shape["quantity"]))
        self.assertEqual({"USDT": D("0.0175166")}, shape["fees"])

    def test_recorded_bar(self) -> None:
        """Open, close, high, low: in that order."""
        (case,) = recorded("fetchOHLCV")
        bar = wire.candle(case["httpResponse"][0], "BTC/USDT", "hour")
        _, first, high, low, last, volume = case["parsedResponse"][0]
        found = tuple(bar[name] for name in ("open", "high", "low", "close", "volume"))
        self.assertEqual((first, high, low, last, volume), found)

    def test_book(self) -> None:
        """The sign tells the side, best first whatever the order."""
        bids, asks = wire.book([[99, 1, 2], [100, 2, 1], [102, 1, -3], [101, 1, D("-0.5")]])
        self.assertEqual(([100, 99], [101, 102]), ([each["price"] for each in bids], [each["price"] for each in asks]))
        self.assertEqual((D(1), D("0.5")), (bids[0]["quantity"], asks[0]["quantity"]))

    def test_wallets(self) -> None:
        """The exchange wallet only; what is not calculated yet is said to be so."""
        found, untold = wire.positions([WALLET, ["margin", "UST", 7, 0, 7], ["exchange", "BTC", 2, 0, None]], MARKET.names)
        self.assertEqual((D("1.25"), {"BTC"}), (found["USDT"]["available"], untold))

    def test_movements(self) -> None:
        """A withdrawal's fee is besides its amount; one that came to nothing gives both back; a deposit is ours when done."""
        (sent,) = history.movement(MOVEMENT, MARKET.names)
        self.assertEqual(
            ("debit", D("0.26300954"), D("0.00135"), "13105603", "done", 1569348774000000),
            tuple(sent.get(name) for name in ("direction", "quantity", "fee", "reference", "state", "timestamp")),
        )
        _, back = history.movement([*MOVEMENT[:9], "CANCELED", *MOVEMENT[10:]], MARKET.names)
        self.assertEqual(
            ("credit", D("0.26435954"), D(0), 1569348784000000),
            tuple(back.get(name) for name in ("direction", "quantity", "fee", "timestamp")),
        )
        deposit = [*MOVEMENT[:12], D("0.5"), 0, *MOVEMENT[14:]]
        (came,) = history.movement(deposit, MARKET.names)
        self.assertEqual(
            ("credit", "DESTINATION_TX", 1569348784000000),
            tuple(came.get(name) for name in ("direction", "reference", "timestamp")),
        )
        (coming,) = history.movement([*deposit[:9], "PENDING", *deposit[10:]], MARKET.names)
        self.assertEqual(("pending", 1569348774000000), (coming.get("state"), coming["timestamp"]))

    def test_fees(self) -> None:
        """A taker's share depends on what the quote currency is."""
        summary = [None, None, None, None, [[D("0.001"), 0, 0], [D("0.002"), D("0.0019"), D("0.0018")]]]
        self.assertEqual({"maker": D("0.001"), "taker": D("0.002")}, wire.fees(summary, "BTC"))
        self.assertEqual([D("0.0019"), D("0.0018")], [wire.fees(summary, quote)["taker"] for quote in ("USDT", "USD")])


class NonsenseTests(nonsense.Nonsense):
    """Whatever comes: a named error, or numbers that are numbers."""

    payloads = (
        Payload(ORDER, lambda entry: wire.order(entry, MARKET)),
        Payload([ORDER], lambda entries: list(wire.orders(entries, MARKET))),
        Payload(TRADE, lambda entry: wire.fill(entry, MARKET)),
        Payload(MOVEMENT, lambda entry: history.movement(entry, MARKET.names)),
        Payload([WALLET], lambda told: wire.positions(told, MARKET.names)[0]),
    )

    @given(nonsense.nonsense)
    def test_anything_at_all(self, bad: Any) -> None:
        """A payload that is something else altogether."""
        for call in (wire.book, wire.level, wire.submitted, lambda told: wire.fees(told, "USD")):
            self.check(call, bad)
        for read in (wire.order, wire.orders, wire.fill):
            self.check(read, bad, MARKET)
        self.check(lambda told: wire.positions(told, MARKET.names)[0], bad)
        self.check(history.movement, bad, MARKET.names)
        self.check(wire.notified, "fuzz", bad)
        self.check(wire.candle, bad, "LTC/USDT", "day")
        self.check(wire.candle, [1, bad, bad, bad, bad, bad], "LTC/USDT", "day")
        self.check(wire.book, [[bad, bad, bad]])
        self.check(wire.level, [bad, 1, bad])

    @given(st.integers(0, 2), nonsense.nonsense)
    def test_spoiled_market(self, part: int, bad: Any) -> None:
        """Lists that are none, or hold something else."""
        for wrong in (bad, [bad], [[bad, bad]], [["BTCUST", bad]], [["BTCUST", [None, None, None, bad]]], [["BITCOIN", [bad]]]):
            configs = [*CONFIGS[:part], wrong, *CONFIGS[part + 1 :]]
            self.check(lambda told: symbols.market(told, TICKERS) and None, configs)
            self.check(lambda told: symbols.market(CONFIGS, told) and None, wrong)
        self.check(lambda told: symbols.market(CONFIGS, told) and None, [["tBTCUST", bad, bad, bad, bad, bad, bad, bad]])
