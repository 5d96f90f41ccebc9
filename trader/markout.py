"""What our own fills cost us afterwards: the move of the price against us 1, 5, 30 and 120 minutes later.

Where customers know more than we do, this is what they take; the optimiser charges it to both quotes.
"""

from collections import deque
from collections.abc import Callable
from decimal import Decimal

from model.money import ZERO
from model.order import Fill

#: Minutes after a fill at which the price is looked at again.
HORIZONS = (1, 5, 30, 120)
MINUTE = 60_000_000
#: So many fills must have been measured before anything is charged.
ENOUGH = 100
#: The newest fills that count.
MOST = 1000


class Markout:
    """Measures by the source's mid price (source currency per BTC). Restarting the process begins anew."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._pending: deque[tuple[int, int, Decimal, int]] = deque()
        self._measured: dict[int, deque[Decimal]] = {minutes: deque(maxlen=MOST) for minutes in HORIZONS}

    def filled(self, fill: Fill, mid: Decimal | None) -> None:
        """A fill of a quote of ours, while the source's mid was ``mid``."""
        if mid is not None:
            for minutes in HORIZONS:
                self._pending.append((self._now() + minutes * MINUTE, minutes, mid, fill.side.sign))

    def look(self, mid: Decimal | None) -> None:
        """The source's mid is ``mid`` now."""
        if mid is None:
            return
        now = self._now()
        waiting: deque[tuple[int, int, Decimal, int]] = deque()
        for due, minutes, then, sign in self._pending:
            if due > now:
                waiting.append((due, minutes, then, sign))
            else:
                self._measured[minutes].append(sign * (then - mid))
        self._pending = waiting

    def cost(self) -> Decimal | None:
        """The worst mean over the horizons, in source currency per BTC, never below nought; None before enough fills."""
        means = [sum(costs, ZERO) / len(costs) for costs in self._measured.values() if len(costs) >= ENOUGH]
        return max(ZERO, *means) if means else None
