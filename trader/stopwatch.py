"""Two spans of time, taken where the pool hears and is heard: from a tick to the quote, and from a fill to its hedge.

They hold what is ours and one way of the wire back; what is on its way to us before we hear of it, nobody here can see.
"""

from collections.abc import Callable

from execution.child import Child
from execution.child_order import OPEN, OVER, PLACING
from execution.quotes import Quotes
from model.decision import Decision
from trader.meters import Meters


class Stopwatch:
    """``now`` in microseconds. A span that nothing came of is dropped: a tick that moved no quote, a fill that the decision
    after it leaves as it is."""

    def __init__(self, meters: Meters, now: Callable[[], int]) -> None:
        self._meters = meters
        self._now = now
        self._tick: int | None = None
        self._fill: int | None = None

    def ticked(self) -> None:
        """The source's book has moved so far that a quote must follow."""
        if self._tick is None:
            self._tick = self._now()

    def filled(self) -> None:
        """A quote of ours has traded."""
        if self._fill is None:
            self._fill = self._now()

    def counting(self, child: Child) -> None:
        """An order of ours has entered a state (:attr:`execution.desk.OrderDesk.counting`)."""
        if child.state == PLACING:
            self._meters.began(child)
        elif child.state == OVER:
            self._meters.ended(child)
        if child.state in (OPEN, OVER) and child.order_id is not None:
            self._answered(child)

    def _answered(self, child: Child) -> None:
        created, now = child.intent.created, self._now()
        if child.intent.purpose == "quote" and self._tick is not None and created >= self._tick:
            self._meters.requoted(now - self._tick)
            self._tick = None
        elif child.intent.purpose == "hedge" and self._fill is not None and created >= self._fill:
            self._meters.hedged(now - self._fill)
            self._fill = None

    def decided(self, decision: Decision | None, quotes: Quotes, is_hedging: bool) -> None:
        """A round is over: what it has not sent orders for is waited for no longer."""
        if decision is None:
            return
        if self._tick is not None and decision.timestamp >= self._tick and _is_settled(quotes):
            self._tick = None
        if self._fill is not None and decision.timestamp >= self._fill and not is_hedging:
            self._fill = None


def _is_settled(quotes: Quotes) -> bool:
    live = quotes.live()
    return quotes.wanted().keys() <= live.keys() and all(child.state == OPEN for child in live.values())
