"""What-if on other balances."""

from decimal import Decimal

from twisted.trial.unittest import SynchronousTestCase

from tests.trader.pools import SNAPSHOT
from trader.interface import BadParameters
from trader.supposing import supposing


class SupposingTests(SynchronousTestCase):
    """A changed snapshot, or a refusal that names the field."""

    def test_replaces(self) -> None:
        """Only what is named changes, and all of it can be spent."""
        changed = supposing(SNAPSHOT, {"target.HUF": Decimal(5)})
        self.assertEqual(changed.target.positions["HUF"].available, Decimal(5))
        self.assertEqual(changed.target.positions["BTC"], SNAPSHOT.target.positions["BTC"])
        self.assertEqual(changed.source, SNAPSHOT.source)

    def test_nothing(self) -> None:
        """Without balances it is the snapshot itself."""
        self.assertEqual(supposing(SNAPSHOT, {}), SNAPSHOT)

    def test_refuses(self) -> None:
        """A balance that is none of the pool's, a negative one, and one that is no number."""
        for name, amount in (("source.EUR", "1"), ("moon.USD", "1"), ("source.USD", "-1"), ("source.USD", "NaN")):
            refused = self.assertRaises(BadParameters, supposing, SNAPSHOT, {name: Decimal(amount)})
            self.assertEqual(list(refused.problems), [name])
