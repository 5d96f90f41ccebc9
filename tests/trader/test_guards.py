"""What no decision may exceed, and what today's trades have brought."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, ClassVar

from twisted.trial.unittest import SynchronousTestCase

from model.decision import Decision, Quote, Trade, Verdict
from model.instrument import Instrument
from model.limits import Limits
from model.order import Fill, Side
from trader.absence import Absence
from trader.guards import limited, positioned, tripped
from trader.results import DAY, Results

D = Decimal


class LimitedTests(SynchronousTestCase):
    """max_order_value."""

    def setUp(self) -> None:
        def quote(side: Side, quantity: str) -> Quote:
            return Quote(side, D(24_000_000), D(quantity), D(1), D(1), D(1))

        quotes = (quote(Side.BUY, "0.1"), quote(Side.SELL, "1"))
        trade = Trade(Side.BUY, D(1), D(65000))
        self.decision = Decision(Verdict.ACT, "", 0, D(0), quotes=quotes, trade=trade)
        self.instrument = Instrument("BTC/USD", D("0.1"), D("0.01"), D("0.01"))

    def test_no_limit(self) -> None:
        """Without a limit nothing changes."""
        self.assertEqual(limited(self.decision, Limits(), D("0.0027"), self.instrument), self.decision)

    def test_too_large(self) -> None:
        """The quote is left out with its reason, the trade is made as large as it may be, on the lot."""
        found = limited(self.decision, Limits(max_order_value=D(10000)), D("0.0027"), self.instrument)
        self.assertEqual([quote.side for quote in found.quotes], [Side.BUY])
        self.assertIn("max_order_value, 10000", found.no_quote["SELL"])
        assert found.trade is not None
        self.assertEqual(found.trade.quantity, D("0.15"))

    def test_nothing_left(self) -> None:
        """A trade that may not even be as large as the venue's minimum is none."""
        found = limited(self.decision, Limits(max_order_value=D(100)), D("0.0027"), self.instrument)
        self.assertIsNone(found.trade)
        self.assertEqual(found.quotes, ())


class PositionedTests(SynchronousTestCase):
    """max_position."""

    def setUp(self) -> None:
        def quote(side: Side, level: int) -> Quote:
            return Quote(side, D(24_000_000), D("0.2"), D(1), D(1), D(1), level)

        quotes = (quote(Side.BUY, 0), quote(Side.BUY, 1), quote(Side.SELL, 0))
        self.decision = Decision(Verdict.ACT, "", 0, D(0), quotes=quotes, trade=Trade(Side.BUY, D(1), D(65000)))
        self.instrument = Instrument("BTC/USD", D("0.1"), D("0.01"), D("0.01"))

    def positioned(self, most: str | None, source: str, target: str) -> Decision:
        limits = Limits(max_position=None if most is None else D(most))
        return positioned(self.decision, limits, {"source": D(source), "target": D(target)}, self.instrument)

    def test_no_limit(self) -> None:
        """Without a limit nothing changes; with room enough neither."""
        self.assertEqual(self.positioned(None, "1000", "1000"), self.decision)
        self.assertEqual(self.positioned("5", "1", "1").quotes, self.decision.quotes)

    def test_the_last_rung_goes_first(self) -> None:
        """Room for one bid of two: the better one stays, and the ask does."""
        found = self.positioned("2", "0", "1.7").quotes
        self.assertEqual([(quote.side, quote.level) for quote in found], [(Side.BUY, 0), (Side.SELL, 0)])

    def test_no_room(self) -> None:
        """No bid, with the numbers; nothing is bought at a source that is full, and part where there is room for part."""
        found = self.positioned("2", "3", "2")
        self.assertEqual([quote.side for quote in found.quotes], [Side.SELL])
        self.assertEqual((found.no_quote["BUY"], found.trade), ("the target holds 2 BTC; max_position is 2", None))
        part = self.positioned("2", "1.5", "0").trade
        assert part is not None
        self.assertEqual(part.quantity, D("0.5"))


class TrippedTests(SynchronousTestCase):
    """What stops the pool."""

    def test_numbers(self) -> None:
        """Each guard says which it is, with its numbers; below its limit none does."""
        limits = Limits(max_loss_per_day=D(100), max_failed_cycles=3)
        self.assertEqual(tripped(limits, D(100), "USD", 2, "no proof"), "")
        self.assertEqual(
            tripped(limits, D("100.01"), "USD", 0, ""), "today's trades have lost 100.01 USD; max_loss_per_day is 100"
        )
        self.assertEqual(
            tripped(limits, D(0), "USD", 3, "no proof"),
            "3 decisions in a row came to nothing; max_failed_cycles is 3: no proof",
        )
        self.assertEqual(tripped(Limits(), D(10**9), "USD", 0, ""), "")


class AbsenceTests(SynchronousTestCase):
    """Venues that are gone."""

    def test_told_once_and_once_when_back(self) -> None:
        """Not before its time, not twice, and not at all for a short absence."""
        told: list[str] = []
        now = [0]
        feed = SimpleNamespace(name="kraken", is_connected=False, problem="")
        there = SimpleNamespace(name="ecb", is_connected=True, problem="")
        parts: Any = SimpleNamespace(
            feeds={"source": feed},
            fiat=there,
            now=lambda: now[0],
            limits=Limits(),
            notify=lambda _kind, text, *_: told.append(text),
        )
        absence = Absence(parts)

        def look(second: int) -> None:
            now[0] = second * 1_000_000
            absence.look()

        look(0)
        look(60)
        self.assertEqual(told, [])
        look(61)
        look(200)
        feed.is_connected = True
        look(201)
        feed.is_connected = False
        look(202)
        look(250)
        self.assertEqual(told, ["kraken has been gone for 61 s: no connection", "kraken is back"])


class ResultsTests(SynchronousTestCase):
    """Today's result, by hand."""

    MARKS: ClassVar[dict[str, Decimal]] = {"USD": D(1), "BTC": D(65000), "HUF": D("0.0025")}

    def fill(self, side: Side, price: str, contract: str = "BTC/HUF", fees: str = "0") -> Fill:
        quote = contract.partition("/")[2]
        return Fill("f", "o", contract, side, D(price), D("0.1"), {quote: D(fees)})

    def test_a_round_trip(self) -> None:
        """Bought for 25.8 m HUF the coin, sold for 65,000 USD: the edge less both fees."""
        results = Results()
        results.filled(self.fill(Side.BUY, "25800000", fees="2580"), 5)
        results.filled(self.fill(Side.SELL, "65000", "BTC/USD", "16.9"), 6)
        self.assertEqual(results.today(self.MARKS), D(50) - D("6.45") - D("16.9"))

    def test_a_new_day(self) -> None:
        """At midnight UTC it begins anew."""
        results = Results()
        results.filled(self.fill(Side.BUY, "30000000"), 5)
        self.assertEqual(results.loss(self.MARKS), D(1000))
        results.filled(self.fill(Side.BUY, "26000000"), DAY + 5)
        self.assertEqual(results.loss(self.MARKS), D(0))

    def test_forgiven(self) -> None:
        """What a person has accepted is not counted again; what is lost after it is."""
        results = Results()
        results.filled(self.fill(Side.BUY, "30000000"), 5)
        results.forgive(self.MARKS)
        self.assertEqual(results.loss(self.MARKS), D(0))
        results.filled(self.fill(Side.BUY, "30000000"), 6)
        self.assertEqual(results.loss(self.MARKS), D(1000))
