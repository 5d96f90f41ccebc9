"""Nobody exceeds a venue's budget."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from execution.rate_budget import RateBudget


class RateBudgetTests(SynchronousTestCase):
    """One bucket."""

    def test_refilled_evenly(self) -> None:
        """Used up at once, it has one more after each part of a minute, and never more than it began with."""
        now = [0]
        budget = RateBudget(60, lambda: now[0])
        self.assertEqual(sum(budget.take() for _ in range(100)), 60)
        self.assertEqual((budget.left, budget.has_one), (0, False))
        now[0] += 2_000_000
        self.assertEqual([budget.take() for _ in range(3)], [True, True, False])
        now[0] += 600_000_000
        self.assertEqual(budget.left, 60)

    @given(st.integers(1, 100), st.lists(st.integers(0, 3_000_000), max_size=200))
    def test_never_more_than_the_budget(self, per_minute: int, pauses: list[int]) -> None:
        """In all never more than one bucket and what has been refilled since."""
        now, sent = [0], 0
        budget = RateBudget(per_minute, lambda: now[0])
        for pause in pauses:
            now[0] += pause
            sent += budget.take()
            self.assertLessEqual(sent, per_minute + now[0] * per_minute / 60e6 + 1e-6)
