"""How much a price changes: the variances that the risk is counted in."""

from collections.abc import Sequence
from decimal import Decimal, localcontext
from itertools import pairwise

from model.candle import Candle
from model.money import EXACT, ZERO

#: Fewer changes than this say nothing about a variance.
FEWEST_CHANGES = 2


class ShortHistory(Exception):
    """There is less history than the window asks for; ``have`` and ``needed`` count changes between adjacent periods."""

    def __init__(self, have: int, needed: int) -> None:
        super().__init__(f"the history has {have} price changes, and {needed} are needed for the window")
        self.have = have
        self.needed = needed


def variance_of_changes(candles: Sequence[Candle], period_seconds: int, window_seconds: int, now_us: int) -> Decimal:
    """The sample variance of the close-to-close price changes per period, in squared quote currency.

    Only candles that began within ``window_seconds`` before ``now_us`` (microseconds) count, and only changes between
    candles exactly one period apart: a gap's change is that of many periods, so it counts as none. The order of the
    candles does not matter; of two for the same period the later in the sequence counts.

    :raises ShortHistory: if fewer than half of the window's changes are there (venues have gaps; a month of which half
        is missing is none), or fewer than two.
    """
    period, window = period_seconds * 1_000_000, window_seconds * 1_000_000
    closes = {candle.open_timestamp: candle.close for candle in candles if now_us - window <= candle.open_timestamp <= now_us}
    with localcontext(EXACT):
        pairs = pairwise(sorted(closes.items()))
        changes = [close - before for (start, before), (end, close) in pairs if end - start == period]
        needed = max(FEWEST_CHANGES, window_seconds // period_seconds // 2)
        if len(changes) < needed:
            raise ShortHistory(len(changes), needed)
        mean = sum(changes, ZERO) / len(changes)
        return sum(((change - mean) ** 2 for change in changes), ZERO) / (len(changes) - 1)
