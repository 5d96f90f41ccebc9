"""How many orders may be sent, and who goes first: cancels are never counted, as they make us safer; then hedges, which
alone may use the last fifth of the budget; then quotes."""

from collections.abc import Callable

#: One in so many orders is kept for hedges.
HEDGES_SHARE = 5


class RateBudget:
    """At most ``per_minute`` orders in any run, refilled evenly. Time in microseconds from ``now``."""

    def __init__(self, per_minute: int, now: Callable[[], int]) -> None:
        self._per_minute = per_minute
        self._reserve = per_minute // HEDGES_SHARE
        self._now = now
        self._tokens = float(per_minute)
        self._at = now()

    @property
    def per_minute(self) -> int:
        """What it is refilled with in a minute."""
        return self._per_minute

    @property
    def left(self) -> int:
        """Quotes that may be sent now."""
        return max(0, int(self._refilled()) - self._reserve)

    @property
    def has_one(self) -> bool:
        """Whether a quote may be sent now."""
        return self.left >= 1

    def take(self) -> bool:
        """Use one for a quote, if there is one besides those kept for hedges."""
        return self.has_one and self.take_for_hedge()

    def take_for_hedge(self) -> bool:
        """Use one, if there is one at all."""
        if self._refilled() < 1:
            return False
        self._tokens -= 1
        return True

    def _refilled(self) -> float:
        now = self._now()
        self._tokens = min(self._per_minute, self._tokens + (now - self._at) * self._per_minute / 60e6)
        self._at = now
        return self._tokens
