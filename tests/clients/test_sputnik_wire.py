"""Integers and shapes: exact both ways, and nothing half believed."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from clients.errors import Reason
from clients.sputnik.contracts import Contract, OffStep, from_wire, read_markets
from clients.sputnik.history import fills_of, transactions_of
from clients.sputnik.reserves import held_by
from clients.sputnik.wire import (
    fill_shape,
    order_shape,
    read_book,
    read_candles,
    read_fill,
    read_history,
    read_open_orders,
    read_order,
    read_positions,
    read_posting,
)
from model.book import Book
from model.order import Fill, Order

TRANSCRIPTS = Path(__file__).parents[3] / "shared" / "fixtures" / "sputnik"
NO_PAIR = {"payout_contract_ticker": None, "denominated_contract_ticker": None}


def row(kind: str, denominator: int, tick: int, lot: int, **more: Any) -> dict[str, Any]:
    """One contract of get_markets."""
    return {"contract_type": kind, "denominator": denominator, "tick_size": tick, "lot_size": lot, **NO_PAIR, **more}


def pair(payout: str, denominated: str, denominator: int, tick: int, lot: int) -> dict[str, Any]:
    """A cash pair of get_markets."""
    tickers = {"payout_contract_ticker": payout, "denominated_contract_ticker": denominated}
    return row("cash_pair", denominator, tick, lot, **tickers)


MARKETS = {
    "BTC": row("cash", 10**8, 1, 10**4),
    "HUF": row("cash", 100, 1, 100),
    "USD": row("cash", 10**4, 1, 100),
    "EUR": row("cash", 100, 1, 100),
    "CNT": row("cash", 100, 1, 100),
    "BTC/HUF": pair("BTC", "HUF", 1, 100, 10**6),
    "BTC/USD": pair("BTC", "USD", 1, 100, 10**6),
    "EUR/CNT": pair("EUR", "CNT", 10, 1, 1000),
    "NETS": row("prediction", 1000, 1, 10**6),
    "USDBTC0W": row("futures", 1000, 1, 10**4),
}
CONTRACTS, PROBLEMS = read_markets(MARKETS)
PAIRS = [contract for contract in CONTRACTS.values() if contract.is_pair]


class ContractTests(SynchronousTestCase):
    def test_worked_examples(self) -> None:
        """The examples of the protocol's description, to the last unit."""
        huf, usd, cnt = CONTRACTS["BTC/HUF"], CONTRACTS["BTC/USD"], CONTRACTS["EUR/CNT"]
        self.assertEqual(6_729_700, huf.price_to_wire(Decimal("67297")))
        self.assertEqual(10_000_000, huf.quantity_to_wire(Decimal("0.1")))
        self.assertEqual(672_970, huf.cost(10_000_000, 6_729_700))
        self.assertEqual(2_493_700, usd.price_to_wire(Decimal("249.37")))
        self.assertEqual(623_425, usd.cost(25_000_000, 2_493_700))
        self.assertEqual((1001, 1000), (cnt.price_to_wire(Decimal("1.001")), cnt.quantity_to_wire(Decimal(10))))
        self.assertEqual(1001, cnt.cost(1000, 1001))
        self.assertEqual(454, CONTRACTS["NETS"].price_to_wire(Decimal("0.454")))
        self.assertEqual(2, CONTRACTS["NETS"].quantity_to_wire(Decimal(2)))
        self.assertEqual(40_123, CONTRACTS["USDBTC0W"].price_to_wire(Decimal("40.123")))

    def test_instruments(self) -> None:
        """Steps in units, by contract type."""
        huf, nets = CONTRACTS["BTC/HUF"].instrument, CONTRACTS["NETS"].instrument
        self.assertEqual((Decimal(1), Decimal("0.01")), (huf.tick, huf.lot))
        self.assertEqual((Decimal("0.001"), Decimal(1)), (nets.tick, nets.lot))
        self.assertEqual(Decimal(67297), huf.round_bid(Decimal("67297.99")))

    def test_off_step(self) -> None:
        """Off-step values are refused with their reason, not rounded; 0.29 is 0.29."""
        huf = CONTRACTS["BTC/HUF"]
        self.assertEqual(29_000_000, huf.quantity_to_wire(Decimal("0.29")))
        for value in ("67297.5", "0", "-1", "NaN", "Infinity", "1E+999999", "1E-999999"):
            caught = self.assertRaises(OffStep, huf.price_to_wire, Decimal(value))
            self.assertIs(Reason.PRICE, caught.reason)
        for value in ("0.105", "0", "-0.01"):
            caught = self.assertRaises(OffStep, huf.quantity_to_wire, Decimal(value))
            self.assertIs(Reason.SIZE, caught.reason)
        self.assertRaises(OffStep, CONTRACTS["NETS"].price_to_wire, Decimal("1.001"))

    def test_one_bad_contract_spoils_no_other(self) -> None:
        """What cannot be read is left out and named; the rest is usable."""
        spoilt = {
            **MARKETS,
            "ETH/HUF": pair("ETH", "HUF", 1, 1, 1),
            "THIRD": row("cash", 3, 1, 1),
            "FLOAT": row("cash", 100.0, 1, 1),  # type: ignore[arg-type]
            "X/Y": pair("BTC", "HUF", 1, 1, 1),
            "ODD": row("swap", 1, 1, 1),
            "NONE": None,
        }
        contracts, problems = read_markets(spoilt)
        self.assertEqual(CONTRACTS, contracts)
        self.assertEqual(6, len(problems))
        self.assertRaises(ValueError, read_markets, [])

    @given(st.sampled_from(PAIRS), st.integers(1, 10**9), st.integers(1, 10**9))
    def test_there_and_back(self, contract: Contract, ticks: int, lots: int) -> None:
        """Every price and quantity on a step survives the wire exactly, and a trade's price is found in its cost."""
        price, quantity = ticks * contract.tick, lots * contract.lot
        self.assertEqual(price, contract.price_to_wire(contract.price(price)))
        self.assertEqual(quantity, contract.quantity_to_wire(contract.quantity(quantity)))
        cost = contract.cost(quantity, price)
        assert contract.denominated is not None
        value = from_wire(cost, CONTRACTS[contract.denominated].denominator)
        self.assertEqual(contract.price(price) * contract.quantity(quantity), value)
        self.assertEqual(price, contract.price_of(quantity, cost))

    @given(st.sampled_from(PAIRS), st.decimals(min_value="0.000000001", max_value=10**9, allow_nan=False))
    def test_only_multiples_pass(self, contract: Contract, price: Decimal) -> None:
        """What is accepted is exactly what was meant."""
        try:
            units = contract.price_to_wire(price)
        except OffStep:
            self.assertNotEqual(0, price % contract.instrument.tick)
        else:
            self.assertEqual(price, contract.price(units))


ORDER = {
    "id": 12,
    "contract": "BTC/HUF",
    "side": "BUY",
    "price": 5_100_000,
    "quantity": 3_000_000,
    "quantity_left": 1_000_000,
    "is_cancelled": False,
    "timestamp": 1_795_177_040_511_851,
}


class ReaderTests(SynchronousTestCase):
    def test_order(self) -> None:
        """An order in units, checked by the model."""
        order = Order.from_shape(order_shape(read_order(ORDER), CONTRACTS["BTC/HUF"]))
        self.assertEqual(("12", Decimal(51_000), Decimal("0.03")), (order.id, order.price, order.quantity))
        self.assertEqual(Decimal("0.02"), order.filled)
        self.assertEqual({12}, set(read_open_orders({"12": ORDER})))

    def test_malformed_orders(self) -> None:
        """A float, a text, a missing or an impossible field is not believed."""
        wrong: list[dict[str, Any]] = [
            {"price": 5_100_000.0},
            {"price": "5100000"},
            {"price": 0},
            {"quantity": 0},
            {"quantity_left": 4_000_000},
            {"quantity_left": -1},
            {"is_cancelled": 0},
            {"side": "buy"},
            {"id": "12"},
            {"id": True},
            {"contract": None},
            {"timestamp": None},
        ]
        for change in wrong:
            self.assertRaises(ValueError, read_order, {**ORDER, **change})

    def test_book_is_sorted(self) -> None:
        """The wire's order means nothing; quantities have a factor of their own."""
        rows = [{"price": price, "quantity": 10_000_000} for price in (6_000_000, 5_900_000, 5_950_000)]
        asks = [{"price": price, "quantity": 1_000_000} for price in (6_200_000, 6_100_000)]
        shape = read_book({"contract": "BTC/HUF", "bids": rows, "asks": asks}, CONTRACTS["BTC/HUF"], 7)
        self.assertEqual([Decimal(60_000), Decimal(59_500), Decimal(59_000)], [level["price"] for level in shape["bids"]])
        self.assertEqual([Decimal(61_000), Decimal(62_000)], [level["price"] for level in shape["asks"]])
        self.assertEqual(Decimal("0.1"), shape["bids"][0]["quantity"])
        self.assertEqual(7, Book.from_shape(shape).timestamp)

    def test_malformed_books(self) -> None:
        """A float, a negative size, a missing side or another contract's book."""
        good: dict[str, Any] = {"contract": "BTC/HUF", "bids": [], "asks": []}
        malformed: list[Any] = [
            {**good, "contract": "BTC/USD"},
            {**good, "bids": None},
            {**good, "bids": [{"price": 1.5, "quantity": 1}]},
            {**good, "asks": [{"price": 100, "quantity": -1}]},
            {**good, "asks": [[100, 1]]},
            [],
        ]
        for wrong in malformed:
            self.assertRaises(ValueError, read_book, wrong, CONTRACTS["BTC/HUF"], 0)

    def test_position_in_an_inactive_contract(self) -> None:
        """It is left out, and the rest is told: the original died of it."""
        raw = {
            "BTC": {"contract": "BTC", "position": 554_000_000, "reference_price": None},
            "NETS2013": {"contract": "NETS2013", "position": 4, "reference_price": None},
            "USDBTC0W": {"contract": "USDBTC0W", "position": -3, "reference_price": 40_123},
        }
        positions = read_positions(raw, CONTRACTS)
        self.assertEqual({"BTC", "USDBTC0W"}, set(positions))
        self.assertEqual(Decimal("5.54"), positions["BTC"]["position"])
        self.assertEqual(Decimal("40.123"), positions["USDBTC0W"]["reference_price"])

    def test_bars(self) -> None:
        """By open time as an integer, oldest first, volume in base."""
        bar = {"high": 6_000_000, "volume": 4_000_000, "low": 5_900_000, "close": 6_000_000, "open": 5_950_000}
        raw = {str(opened): {**bar, "open_timestamp": opened, "close_timestamp": opened + 9} for opened in (20, 10)}
        bars = read_candles(raw, CONTRACTS["BTC/HUF"], "day")
        self.assertEqual([10, 20], list(bars))
        self.assertEqual((Decimal("0.04"), Decimal(59_000)), (bars[10]["volume"], bars[10]["low"]))

    def test_reserves(self) -> None:
        """The recorded acceptance: 160,400,000 and its 1 % fee pass where 162,030,590 is there; offers hold what is left."""
        bid = read_order({**ORDER, "price": 5_000_000, "quantity": 3_208_000_000, "quantity_left": 1_000_000})
        offer = read_order({**ORDER, "id": 13, "side": "SELL"})
        held = held_by([bid, offer], CONTRACTS, Decimal("0.01"))
        self.assertEqual({"HUF": Decimal("1620040.00"), "BTC": Decimal("0.01")}, held)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = sorted({*ORDER, "bids", "asks", "fees", "direction", "type", "note", "position", "open", "open_timestamp"})
NEARLY = st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(["BTC/HUF", "BTC", "BUY", "credit", "Trade"]) | JSON)


class FuzzTests(SynchronousTestCase):
    @given(JSON | NEARLY | st.lists(NEARLY, max_size=3) | st.dictionaries(st.sampled_from(["1", "BTC"]), NEARLY))
    def test_every_reader_survives_everything(self, raw: Any) -> None:
        """Whatever JSON comes, a reader gives values or raises ValueError, nothing else."""
        contract = CONTRACTS["BTC/HUF"]
        readers = [
            lambda: read_markets(raw),
            lambda: read_order(raw),
            lambda: read_open_orders(raw),
            lambda: read_fill(raw),
            lambda: read_posting(raw),
            lambda: read_book(raw, contract, 0),
            lambda: read_positions(raw, CONTRACTS),
            lambda: read_candles(raw, contract, "day"),
            lambda: fills_of(read_history(raw), CONTRACTS),
            lambda: transactions_of(read_history(raw), CONTRACTS),
        ]
        for reader in readers:
            try:
                reader()
            except ValueError:
                continue


def recorded_events(kind: str) -> Iterator[tuple[str, Any]]:
    """The events of the recorded session of T (the pool) and M (the maker)."""
    path = TRANSCRIPTS / "event_transcript.txt"
    if not path.exists():
        raise SkipTest(f"{path} is not here")
    for match in re.finditer(rf"^ +\S+ (\w) EV {kind} (.*)$", path.read_text(), re.MULTILINE):
        yield match[1], json.loads(match[2])


class TranscriptTests(SynchronousTestCase):
    def test_history_rebuilds_the_live_fills(self) -> None:
        """From each user's recorded postings come exactly the fills that were told live: price, size, side, fee."""
        for user in "TM":
            postings = [event for who, event in recorded_events("transactions") if who == user]
            fills = [read_fill(event) for who, event in recorded_events("fills") if who == user]
            # Live postings of one journal differ by microseconds; in the history they share the journal's time.
            for first in range(0, len(postings), 3):
                if postings[first]["type"] == "Trade":
                    for posting in postings[first : first + 3]:
                        posting["timestamp"] = postings[first]["timestamp"]
            rebuilt = fills_of(read_history(postings), CONTRACTS)
            self.assertTrue(fills)
            found = [(f.order_id, f.side, f.price, f.quantity, dict(f.fees)) for f in rebuilt]
            self.assertEqual([(f.order_id, f.side, f.price, f.quantity, dict(f.fees)) for f in fills], found)
            for fill in rebuilt:
                Fill.from_shape(fill_shape(fill, CONTRACTS))
