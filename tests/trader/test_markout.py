"""What our fills cost us afterwards."""

from decimal import Decimal

from twisted.trial.unittest import SynchronousTestCase

from model.order import Fill, Side
from trader.markout import ENOUGH, HORIZONS, MINUTE, Markout

D = Decimal


class MarkoutTests(SynchronousTestCase):
    """Measured at each horizon, by the source's mid."""

    def setUp(self) -> None:
        self.time = 0
        self.markout = Markout(lambda: self.time)

    def fill(self, side: Side) -> None:
        self.markout.filled(Fill("f", "o", "BTC/HUF", side, D(1), D(1)), D(60000))

    def pass_all(self, mid: str) -> None:
        self.time += (max(HORIZONS) + 1) * MINUTE
        self.markout.look(D(mid))

    def test_nothing_before_enough_fills(self) -> None:
        """Few fills prove nothing."""
        for _ in range(ENOUGH - 1):
            self.fill(Side.BUY)
        self.pass_all("59000")
        self.assertIsNone(self.markout.cost())

    def test_a_move_against_us_costs(self) -> None:
        """Bought, and the price fell: so much per BTC; sold, and it rose: the same sign."""
        for _ in range(ENOUGH):
            self.fill(Side.BUY)
        self.pass_all("59950")
        self.assertEqual(self.markout.cost(), D(50))

    def test_a_move_for_us_is_no_income(self) -> None:
        """Luck is not charged against the customers' price."""
        for _ in range(ENOUGH):
            self.fill(Side.SELL)
        self.pass_all("59950")
        self.assertEqual(self.markout.cost(), D(0))

    def test_each_horizon_is_looked_at_in_its_time(self) -> None:
        """A minute later only the first is measured."""
        for _ in range(ENOUGH):
            self.fill(Side.BUY)
        self.time += MINUTE
        self.markout.look(D(59990))
        self.assertEqual(self.markout.cost(), D(10))
        self.time += 4 * MINUTE
        self.markout.look(D(59900))
        self.assertEqual(self.markout.cost(), D(100))
