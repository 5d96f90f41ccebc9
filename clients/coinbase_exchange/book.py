"""The streamed order book of one product: what the channel ``level2`` says, and how it is doubted.

A snapshot and then changes of whole levels (size 0: the level is gone), "guaranteed" to be complete: there is no number and no
checksum by which a lost one would show (``sequence`` counts the channel ``full``). A guarantee is no proof, so that the best
levels are compared with REST's every now and then (:class:`Audit`): a change that is missing shows within half a minute at the
top of the book, which is where it costs money. A book that is crossed, or a time of the venue's trading engine that runs
backwards, shows at once.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import define, field

from clients.coinbase_exchange.wire import level
from clients.parsing import microseconds_of_text
from clients.streamed_book import OutOfStep, StreamedBook

#: Comparisons in a row that must fail: while much happens one may fall between two messages.
MOST_DOUBTS = 3

Best = tuple[Decimal, Decimal]


@define
class Seen:
    """The best levels of one side since a comparison began."""

    levels: set[Best | None] = field(factory=set)

    def has(self, best: Best | None) -> bool:
        """Whether ``best`` was one of them, or lies where the price has passed meanwhile."""
        if best in self.levels:
            return True
        prices = [each[0] for each in self.levels if each is not None]
        return best is not None and bool(prices) and min(prices) < best[0] < max(prices)


@define
class Audit:
    """One comparison with REST. ``since``: the venue's time (microseconds) up to which messages had come when it began."""

    since: int
    bids: Seen = field(factory=Seen)
    asks: Seen = field(factory=Seen)
    claim: tuple[Best | None, Best | None, int] | None = None

    def agrees(self, now: int) -> bool | None:
        """Whether REST's claim was the stream's, too; None as long as messages of that time may still come."""
        if self.claim is None or now <= self.claim[2]:
            return None
        bid, ask, time = self.claim
        # An answer from before it began proves nothing: REST may be behind.
        return time < self.since or (self.bids.has(bid) and self.asks.has(ask))


class CoinbaseExchangeBook(StreamedBook):
    """The book of ``contract``, ``is_in_step`` between a snapshot and the first doubt."""

    def __init__(self, contract: str, depth: int) -> None:
        super().__init__(contract, depth)
        self._time = 0
        self._doubts = 0
        self._audit: Audit | None = None

    def snapshot(self, data: Mapping[str, Any]) -> None:
        """Begin anew.

        :raises OutOfStep: for a crossed book.
        :raises ValueError: (or KeyError, TypeError) for what breaks the format.
        """
        self.lose()
        self._clear()
        # Rising: tens of thousands of levels are sorted at once rather than one by one.
        self._set_all(self._bids, sorted(map(level, data["bids"])))
        self._set_all(self._asks, sorted(map(level, data["asks"])))
        self._check_sides()
        self._time = 0
        self.is_in_step = True

    def update(self, data: Mapping[str, Any]) -> None:
        """An ``l2update``.

        :raises OutOfStep: if it is older than the one before, or the book is crossed after it.
        :raises ValueError: (or KeyError, TypeError) for what breaks the format; the book is out of step then too.
        """
        self.is_in_step = False
        time = microseconds_of_text(data["time"])
        if time < self._time:
            raise OutOfStep(f"{self.contract}: a change of {data['time']} after a later one")
        sides = {"buy": self._bids, "sell": self._asks}
        for side, *row in data["changes"]:
            sides[side].set(*level(row))
        self._check_sides()
        self._time = time
        self.is_in_step = True
        self._note()

    def heartbeat(self, data: Mapping[str, Any]) -> None:
        """Nothing has changed up to this time that was not told."""
        self._time = max(self._time, microseconds_of_text(data["time"]))

    def lose(self) -> None:
        super().lose()
        self._audit, self._doubts = None, 0

    # The comparison

    def begin_audit(self) -> None:
        """Remember the best levels from now on."""
        self._audit = Audit(self._time)
        self._note()

    def claim(self, answer: Mapping[str, Any]) -> None:
        """REST's ``book``: its best levels, and when that was so.

        :raises ValueError: (or KeyError, TypeError) for what breaks the format.
        """
        bid, ask = (level(answer[side][0]) if answer[side] else None for side in ("bids", "asks"))
        if self._audit is not None:
            self._audit.claim = bid, ask, microseconds_of_text(answer["time"])

    def is_audited(self) -> bool:
        """Whether the comparison has come to an end; True also where it must be made again to be sure.

        :raises OutOfStep: when it has failed too often in a row.
        """
        agrees = self._audit.agrees(self._time) if self._audit else None
        if agrees is None:
            return False
        self._audit = None
        self._doubts = 0 if agrees else self._doubts + 1
        if self._doubts == MOST_DOUBTS:
            raise OutOfStep(f"{self.contract}: its best levels are not those of REST")
        return True

    @property
    def is_doubted(self) -> bool:
        """Whether the last comparison has failed."""
        return self._doubts > 0

    def _note(self) -> None:
        if self._audit is not None:
            bids, asks = self._bids.best_first(1), self._asks.best_first(1)
            self._audit.bids.levels.add(bids[0] if bids else None)
            self._audit.asks.levels.add(asks[0] if asks else None)
