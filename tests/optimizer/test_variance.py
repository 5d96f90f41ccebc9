"""Variance from history."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from model.candle import Candle
from optimizer.variance import ShortHistory, variance_of_changes

DAY = 86_400
NOW = 100 * DAY * 1_000_000


def history(*closes: str | None) -> list[Candle]:
    """One candle a day, the last one yesterday; None is a gap."""
    first = NOW - len(closes) * DAY * 1_000_000
    return [Candle(first + number * DAY * 1_000_000, Decimal(close)) for number, close in enumerate(closes) if close is not None]


class VarianceTests(SynchronousTestCase):
    """Of changes, not of levels."""

    def test_by_hand(self) -> None:
        """Changes 1, 3, -1: mean 1, variance (0 + 4 + 4) / 2."""
        self.assertEqual(variance_of_changes(history("10", "11", "14", "13"), DAY, 4 * DAY, NOW), 4)

    def test_trend_is_no_risk(self) -> None:
        """A steady rise has no variance."""
        self.assertEqual(variance_of_changes(history("10", "20", "30", "40"), DAY, 4 * DAY, NOW), 0)

    def test_gap(self) -> None:
        """The change over a gap counts as none."""
        gapped = history("10", "11", None, "999", "1002", "1001")
        self.assertEqual(variance_of_changes(gapped, DAY, 6 * DAY, NOW), 4)

    def test_only_the_window(self) -> None:
        """Older candles do not count, nor does their order."""
        self.assertEqual(variance_of_changes(history("9999", "1", "10", "11", "14", "13")[::-1], DAY, 4 * DAY, NOW), 4)

    def test_short(self) -> None:
        """Too little history says how much there is and how much is needed."""
        with self.assertRaises(ShortHistory) as caught:
            variance_of_changes(history("10", "11"), DAY, 30 * DAY, NOW)
        self.assertEqual((caught.exception.have, caught.exception.needed), (1, 15))
        self.assertIn("15", str(caught.exception))

    @given(st.lists(st.decimals(1, 1000, places=2), min_size=3, max_size=20), st.decimals(1, 1000, places=2))
    def test_level_does_not_matter(self, closes: list[Decimal], more: Decimal) -> None:
        """The same changes on a higher level have the same variance."""
        low = variance_of_changes(history(*map(str, closes)), DAY, len(closes) * DAY, NOW)
        high = variance_of_changes(history(*(str(close + more) for close in closes)), DAY, len(closes) * DAY, NOW)
        self.assertEqual(low, high)
