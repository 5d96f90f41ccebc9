"""How many orders may be sent to one venue. Cancels are never counted: they make us safer. Each venue has a budget of its own, as
each counts for itself, so quotes on the target never keep a hedge at the source from being sent."""

from collections.abc import Callable


class RateBudget:
    """At most ``per_minute`` orders in any run, refilled evenly. Time in microseconds from ``now``."""

    def __init__(self, per_minute: int, now: Callable[[], int]) -> None:
        self._per_minute = per_minute
        self._now = now
        self._tokens = float(per_minute)
        self._at = now()

    @property
    def per_minute(self) -> int:
        """What it is refilled with in a minute."""
        return self._per_minute

    @property
    def left(self) -> int:
        """Orders that may be sent now."""
        return int(self._refilled())

    @property
    def has_one(self) -> bool:
        """Whether an order may be sent now."""
        return self.left >= 1

    def take(self) -> bool:
        """Use one, if there is one."""
        if not self.has_one:
            return False
        self._tokens -= 1
        return True

    def _refilled(self) -> float:
        now = self._now()
        self._tokens = min(self._per_minute, self._tokens + (now - self._at) * self._per_minute / 60e6)
        self._at = now
        return self._tokens
