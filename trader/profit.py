"""What the pool has earned, by part, kept up as its ledger grows (:mod:`ledger.pnl` says what the parts are).

Counted on from the ledger's last sample, so that what happened while the pool was down is counted too, and the parts of a
day are a difference of two sums. A booking that becomes known more than a minute after it happened is not counted.
"""

from collections import deque
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

import attrs

from ledger.movement import Movement
from ledger.pnl import MarkHistory, Marks, attribute, holdings
from ledger.reading import Period
from model.decision import Term
from model.money import EXACT, ZERO

#: The parts, in the words of the console.
PARTS: Mapping[str, str] = {
    "edge": "Customers' spread",
    "hedges": "Hedges",
    "fees": "Trading fees",
    "conversion": "Conversions",
    "transfers": "Transfer costs",
    "differences": "Accepted differences",
    "revaluation": "Price moves",
}
#: So long after it happened a booking may become known, in microseconds.
LATEST = 60_000_000
_STEP = Decimal("1e-8")
#: Marks that are remembered, one a second: as long as the database may be away without a fill being valued wrongly.
_MARKS = 600


class Profit:
    """The sums since the ledger's first sample, in source currency."""

    def __init__(self, timestamp: int, marks: Marks, totals: Mapping[str, Decimal], at_midnight: Mapping[str, Decimal]) -> None:
        """``marks`` and ``totals`` are those of ``timestamp`` (microseconds); ``at_midnight``: the totals as today began."""
        self.totals: dict[str, Decimal] = {part: totals.get(part, ZERO) for part in PARTS}
        self._at_midnight = dict(at_midnight)
        self._begun = self._until = timestamp
        self._marks: deque[tuple[int, Marks]] = deque([(timestamp, marks)], _MARKS)
        self._last = marks
        self._counted: dict[str, int] = {}

    @property
    def since(self) -> int:
        """From when on movements are wanted by :meth:`advance`."""
        return max(self._begun, self._until - LATEST)

    def mark(self, timestamp: int, marks: Marks) -> None:
        """What one unit of each ticker is worth now. A clock that went back is not followed."""
        if timestamp >= self._marks[-1][0]:
            self._marks.append((timestamp, marks))

    def advance(self, period: Period) -> None:
        """Count what of ``period`` has not been counted. Tickers that have no mark are no part of the pool."""
        at, marks = self._marks[-1]
        new = [self._known(move, marks) for move in period.movements if move.id not in self._counted]
        closing = {ticker: amount for ticker, amount in holdings(period.closing).items() if ticker in marks}
        found = attribute(new, closing, self._last, marks, MarkHistory(tuple(self._marks)).at)
        for part in PARTS:
            self.totals[part] += getattr(found, part).quantize(_STEP, rounding=ROUND_HALF_EVEN, context=EXACT)
        self._counted.update({move.id: move.timestamp for move in new})
        self._until, self._last = at, marks
        self._counted = {id: when for id, when in self._counted.items() if when >= self.since}

    def begin_day(self) -> None:
        """It is midnight: today's parts begin at zero."""
        self._at_midnight = dict(self.totals)

    def today(self) -> tuple[Term, ...]:
        """Today's parts, those that are not zero."""
        parts = {
            name: total - self._at_midnight.get(part, ZERO)
            for (part, total), name in zip(self.totals.items(), PARTS.values(), strict=True)
        }
        return tuple(Term(name, amount) for name, amount in parts.items() if amount)

    @staticmethod
    def _known(move: Movement, marks: Marks) -> Movement:
        return attrs.evolve(move, moves={key: amount for key, amount in move.moves.items() if key[1] in marks})
