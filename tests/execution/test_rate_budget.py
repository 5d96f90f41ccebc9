"""Quotes leave something for hedges, and nobody exceeds the budget."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from execution.rate_budget import HEDGES_SHARE, RateBudget

#: A quote or a hedge, so many microseconds after the one before it.
TAKES = st.lists(st.tuples(st.sampled_from(["quote", "hedge"]), st.integers(0, 3_000_000)), max_size=200)


class RateBudgetTests(SynchronousTestCase):
    """One bucket, two users."""

    def setUp(self) -> None:
        self.now = 0
        self.budget = RateBudget(50, lambda: self.now)

    def take_all(self) -> int:
        count = 0
        while self.budget.take():
            count += 1
        return count

    def test_quotes_never_starve_a_hedge(self) -> None:
        """However greedy the quotes are, a fifth of the budget is left, and it refills for hedges first."""
        self.assertEqual((self.take_all(), self.budget.has_one, self.budget.left), (40, False, 0))
        self.assertTrue(all(self.budget.take_for_hedge() for _ in range(10)))
        self.assertFalse(self.budget.take_for_hedge())
        self.now += 10_000_000
        self.assertEqual(self.take_all(), 0)
        self.assertTrue(self.budget.take_for_hedge())

    @given(st.integers(1, 100), TAKES)
    def test_never_more_than_the_budget(self, per_minute: int, takes: list[tuple[str, int]]) -> None:
        """In all never more than one bucket and what has been refilled since; quotes never touch the reserve."""
        now, sent = [0], 0
        budget = RateBudget(per_minute, lambda: now[0])
        for who, pause in takes:
            now[0] += pause
            before = budget._refilled()
            taken = budget.take() if who == "quote" else budget.take_for_hedge()
            sent += taken
            if taken and who == "quote":
                self.assertGreaterEqual(before - 1, per_minute // HEDGES_SHARE)
            self.assertLessEqual(sent, per_minute + now[0] * per_minute / 60e6 + 1e-6)
