"""Forgetting by the clock, in small steps."""

from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from ledger.interface import LedgerError
from runtime.config_values import Keep
from runtime.tidying import DAY, FIRST, PAUSE, STEP, Tidying

NOW = 100 * DAY


class FakeLedger:
    """Has so much to forget; ``asked`` is what it was asked."""

    def __init__(self, rows: int, by_size: int = 0) -> None:
        self.rows = rows
        self.by_size = by_size
        self.asked: list[tuple[int, int, int]] = []
        self.trouble: Exception | None = None

    def cutoff(self, _most_bytes: int) -> "Deferred[int]":
        return fail(self.trouble) if self.trouble else succeed(self.by_size)

    def forget(self, before: int, decisions_before: int, at_most: int) -> "Deferred[int]":
        self.asked.append((before, decisions_before, at_most))
        gone = min(self.rows, at_most)
        self.rows -= gone
        return succeed(gone)


class TidyingTests(SynchronousTestCase):
    """On a clock."""

    def make(self, ledger: FakeLedger) -> Tidying:
        self.clock, self.moved = Clock(), []  # type: ignore[var-annotated]
        any_ledger: Any = ledger

        def defer(_work: Any, url: str) -> "Deferred[None]":
            self.moved.append(url)
            return succeed(None)

        tidying = Tidying(any_ledger, "sqlite:///x", Keep(Decimal(30), 1), self.clock, lambda: NOW, defer)
        tidying.start()
        return tidying

    def test_small_steps(self) -> None:
        """One step at a time, with room for orders between them; then what was written ahead is moved, once."""
        ledger = FakeLedger(2 * STEP + 1)
        self.make(ledger)
        self.clock.advance(FIRST)
        self.assertEqual((ledger.rows, self.moved), (STEP + 1, []))
        self.clock.pump([PAUSE] * 3)
        self.assertEqual((ledger.rows, self.moved), (0, ["sqlite:///x"]))
        self.assertEqual(set(ledger.asked), {(70 * DAY, 70 * DAY, STEP)})

    def test_too_much_goes_before_it_is_too_old(self) -> None:
        """Decisions that there is no room for go earlier; orders only by their age."""
        ledger = FakeLedger(0, 90 * DAY)
        self.make(ledger)
        self.clock.advance(FIRST)
        self.assertEqual(ledger.asked, [(70 * DAY, 90 * DAY, STEP)])

    def test_stopped(self) -> None:
        """Not a step more, and nothing is left on the clock."""
        ledger = FakeLedger(10 * STEP)
        tidying = self.make(ledger)
        self.clock.advance(FIRST)
        tidying.stop()
        self.clock.advance(PAUSE)
        self.assertEqual((len(ledger.asked), self.moved, self.clock.getDelayedCalls()), (1, [], []))

    def test_trouble_comes_again_in_an_hour(self) -> None:
        """A ledger that cannot be asked now is asked again."""
        ledger = FakeLedger(1)
        ledger.trouble = LedgerError("gone")
        self.make(ledger)
        self.clock.advance(FIRST)
        ledger.trouble = None
        self.clock.advance(3_600)
        self.clock.pump([PAUSE] * 2)
        self.assertEqual(ledger.rows, 0)
