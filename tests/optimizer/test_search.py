"""The fast search against the general solver: two ways to the same value."""

from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from model.order import Side
from optimizer.best import Unproven, best_of, solved
from optimizer.curve import Curve, summit
from optimizer.evaluate import evaluate
from optimizer.pool import Forced, pool_of
from optimizer.search import Search
from tests.optimizer.calm import settings as calm
from tests.optimizer.calm import snapshot
from tests.optimizer.pools import pool


class AgreementTests(SynchronousTestCase):
    """Tame to extreme pools of our own generator."""

    def test_generated_pools(self) -> None:
        """Search and solver find the same value, and each proves it."""
        count = 60
        for seed in range(1_000, 1_000 + count):
            shot, chosen = pool(seed, is_tame=seed % 4 == 0)
            state = pool_of(shot, chosen.replace(time_limit=Decimal(30)))
            search, slow = Search(state), solved(state)
            search.run()
            assert search.best is not None
            near = 1e-5 + 3e-9 * abs(slow.value)
            self.assertLess(abs(search.best.value - slow.value), near, seed)
            self.assertLess(abs(search.bound - slow.value), near, seed)
        print(f"generated pools on which both solvers agree: {count}")  # noqa: T201

    def test_forced_trades(self) -> None:
        """A trade that a safety net demands is the same constraint for both."""
        for seed in range(2_000, 2_020):
            shot, chosen = pool(seed, is_tame=True)
            state = pool_of(shot, chosen)
            size = min(state.available.source_btc, sum((level.quantity for level in state.bids), Decimal(0))) / 3
            for forced in (Forced(Side.SELL, size, size), Forced(Side.SELL, size, 2 * size)):
                fast, slow = best_of(state, forced), solved(state, forced)
                self.assertLess(abs(fast.value - slow.value), 1e-5 + 3e-9 * abs(slow.value), (seed, forced))
                self.assertLessEqual(size - Decimal("1e-11"), -fast.plan.trade)

    def test_no_time_is_no_answer(self) -> None:
        """The general solver that runs out of time says so, and claims nothing."""
        shot, chosen = pool(1_000)
        with self.assertRaises(Unproven):
            solved(pool_of(shot, chosen.replace(time_limit=Decimal("0.000001"))))

    def test_markout_charges_the_exposure(self) -> None:
        """The linear charge for BTC away from the ideal is the same kink for both, and for the definition."""
        state = pool_of(snapshot(source_btc="3", markout=Decimal(120)), calm())
        fast, slow = best_of(state), solved(state)
        self.assertLess(abs(fast.value - slow.value), 1e-3)
        self.assertLess(abs(float(evaluate(state, fast.plan).worth.value) - fast.value), 1e-6)


class SummitTests(SynchronousTestCase):
    """The exact maximum of two curves."""

    @given(
        st.lists(st.floats(-50, 50), min_size=4, max_size=4),
        st.lists(st.floats(0, 3), min_size=5, max_size=5),
        st.lists(st.floats(-50, 50), min_size=4, max_size=4),
        st.lists(st.floats(0, 3), min_size=5, max_size=5),
        st.floats(0, 0.1),
        st.floats(0.1, 3),
    )
    @example([0.0] * 4, [0.0] * 5, [0.0, 0.0, 0.0, 5e-194], [0.0, 1.0, 1.0, 1.0, 1.0], 0.0625, 1.0)
    @settings(max_examples=150, deadline=None)
    def test_nothing_is_higher(
        self,
        kinks: list[float],
        slopes: list[float],
        other_kinks: list[float],
        other_slopes: list[float],
        weight: float,
        rate: float,
    ) -> None:
        """No amount on a fine grid is worth more than the one it names."""
        near = Curve(sorted(kinks), sorted(slopes, reverse=True))
        far = Curve(sorted(other_kinks), sorted(other_slopes, reverse=True), weight)

        def worth(amount: float) -> float:
            return near.value(20 - amount) + far.value(-10 + rate * amount)

        best = worth(summit(near, 20, far, -10, rate, 1, 40))
        self.assertLessEqual(max(worth(1 + 39 * step / 400) for step in range(401)), best + 1e-8)
