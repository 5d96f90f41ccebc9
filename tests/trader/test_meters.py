"""What is counted and timed: each thing once, from hearing to being heard, and nothing of what came to nothing."""

from decimal import Decimal as D
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import Reason, Refused
from execution.child import Child, refusal_of
from execution.child_order import OPEN, OVER
from model.decision import Decision, Verdict
from model.order import Side
from model.records import OrderIntent, Purpose
from tests.web.fake_pool import decision
from trader.meters import Meters
from trader.stopwatch import Stopwatch

SECOND = 1_000_000


class Desk:
    """What a child asks of its desk."""

    def filled(self, _order_id: str | None) -> D:
        """Nothing has traded."""
        return D(0)

    def child_moved(self, child: Child) -> None:
        """Nobody is told."""


class Slots:
    """Quotes: ``orders`` stand where ``missing`` more are wanted."""

    def __init__(self, orders: list[Child], missing: int = 0) -> None:
        self._live = dict(enumerate(orders))
        self._wanted = {**self._live, **{-number: None for number in range(1, missing + 1)}}

    def live(self) -> Any:
        """By slot."""
        return self._live

    def wanted(self) -> Any:
        """By slot."""
        return self._wanted


class MeterCase(SynchronousTestCase):
    """A stopwatch whose time the test sets."""

    def setUp(self) -> None:
        self.now = 100 * SECOND
        self.meters = Meters()
        self.watch = Stopwatch(self.meters, lambda: self.now)

    def value(self, name: str, **labels: str) -> float:
        """Of one series."""
        found = self.meters.registry.get_sample_value(f"ilp_{name}", labels)
        assert found is not None, name
        return found

    def child(self, purpose: Purpose, state: str = OPEN, order_id: str | None = "1") -> Child:
        """An order that was sent now and is in ``state``."""
        place = "target" if purpose == "quote" else "source"
        intent = OrderIntent("ilp-1", place, "BTC/USD", Side.BUY, D(1), D(1), purpose, self.now)  # type: ignore[arg-type]
        desk: Any = Desk()
        child = Child(desk, intent)
        child.state, child.order_id = state, order_id
        return child

    def decided(self, quotes: Slots, is_hedging: bool = False, timestamp: int | None = None) -> None:
        """A round is over."""
        found = Decision(Verdict.ACT, "", self.now if timestamp is None else timestamp, D(1))
        slots: Any = quotes
        self.watch.decided(found, slots, is_hedging)


class StopwatchTests(MeterCase):
    """Tick to quote, and fill to hedge."""

    def test_tick_to_quote(self) -> None:
        """From the first of several ticks to the answer to an order that was sent after it."""
        before = self.child("quote")
        self.now += SECOND
        self.watch.ticked()
        self.now += SECOND
        self.watch.ticked()
        self.watch.counting(before)
        self.assertEqual(self.value("tick_to_quote_seconds_count"), 0)
        after = self.child("quote")
        self.now += SECOND
        self.watch.counting(after)
        self.watch.counting(after)
        self.assertEqual((self.value("tick_to_quote_seconds_count"), self.value("tick_to_quote_seconds_sum")), (1, 2))

    def test_a_tick_that_moves_no_quote(self) -> None:
        """The decision leaves all as it is: the next quote has not taken that long; one that is still missing has."""
        self.watch.ticked()
        self.decided(Slots([self.child("quote")], missing=1))
        self.watch.counting(self.child("quote"))
        self.assertEqual(self.value("tick_to_quote_seconds_count"), 1)
        self.watch.ticked()
        self.decided(Slots([self.child("quote")]))
        self.watch.counting(self.child("quote"))
        self.assertEqual(self.value("tick_to_quote_seconds_count"), 1)

    def test_fill_to_hedge(self) -> None:
        """An order that was over at once has been at the source too; one that never was has not."""
        self.watch.filled()
        self.now += SECOND
        self.watch.counting(self.child("hedge", OVER, None))
        self.assertEqual(self.value("fill_to_hedge_seconds_count"), 0)
        self.watch.counting(self.child("hedge", OVER))
        self.assertEqual((self.value("fill_to_hedge_seconds_count"), self.value("fill_to_hedge_seconds_sum")), (1, 1))

    def test_a_fill_that_is_left_open(self) -> None:
        """A decision of before the fill says nothing of it; one after it that hedges nothing does."""
        self.watch.filled()
        self.decided(Slots([]), timestamp=self.now - 1)
        self.watch.counting(self.child("hedge"))
        self.assertEqual(self.value("fill_to_hedge_seconds_count"), 1)
        self.watch.filled()
        self.decided(Slots([]))
        self.watch.counting(self.child("hedge"))
        self.assertEqual(self.value("fill_to_hedge_seconds_count"), 1)


class CountTests(MeterCase):
    """Orders and decisions."""

    def test_orders(self) -> None:
        """Begun once, ended once, refused for a reason in one word."""
        child = self.child("hedge", order_id=None)
        child.state = "PLACING"
        self.watch.counting(child)
        child.refusal = refusal_of(Refused("kraken", "AddOrder", "EOrder:Rate limit", Reason.RATE_LIMIT))
        child.state = OVER
        self.watch.counting(child)
        self.assertEqual(self.value("orders_total", place="source", purpose="hedge", side="BUY"), 1)
        self.assertEqual(self.value("orders_ended_total", place="source", purpose="hedge", outcome="refused"), 1)
        self.assertEqual(self.value("refusals_total", place="source", purpose="hedge", reason="rate_limit"), 1)

    def test_outcomes(self) -> None:
        """By what the venue says has traded."""
        child = self.child("quote", OVER)
        self.assertEqual(child.outcome, "cancelled")
        child.told_filled = D(1)
        self.assertEqual(child.outcome, "filled")

    def test_decisions(self) -> None:
        """Verdict, time and gap; a bound that rounding has put below the value is no gap."""
        self.meters.decided(decision())
        self.assertEqual(self.value("decisions_total", verdict="act"), 1)
        self.assertAlmostEqual(self.value("decision_seconds_sum"), 0.0384)
        self.assertAlmostEqual(self.value("decision_gap_source_currency_sum"), 0.004)
        found = decision()
        assert found.optimized is not None
        self.meters.decided(attrs.evolve(found, optimized=attrs.evolve(found.optimized, bound=D(0))))
        self.assertAlmostEqual(self.value("decision_gap_source_currency_sum"), 0.004)

    def test_two_pools(self) -> None:
        """Two pools of one process do not count together."""
        other = Meters()
        other.decided(decision())
        self.assertEqual(self.value("decisions_total", verdict="act"), 0)
