"""What today's trades have brought, by our own fills, valued at the prices of now: nothing of it is a forecast.

Moves of the price of what we held anyway are not in it; fees, slippage and what our own trades' positions became are.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from model.money import ZERO
from model.order import Fill
from model.records import FillRecord

DAY = 86_400_000_000


def midnight(now: int) -> int:
    """When the UTC day of ``now`` began, in microseconds."""
    return now - now % DAY


class Results:
    """The sum of what fills did to our balances since midnight UTC, by ticker; or since a person re-armed the guard."""

    def __init__(self) -> None:
        self._day = 0
        self._moves: dict[str, Decimal] = {}
        self._forgiven = ZERO

    def load(self, fills: Iterable[FillRecord], now: int) -> None:
        """Begin with what the ledger has of today. Safe to repeat."""
        self._begin(midnight(now))
        for f in fills:
            if f.timestamp >= self._day:
                self._add(Fill(f.id, f.order_id, f.contract, f.side, f.price, f.quantity, f.fees, f.timestamp))

    def filled(self, fill: Fill, now: int) -> None:
        """Count a new fill."""
        if midnight(now) != self._day:
            self._begin(midnight(now))
        self._add(fill)

    def _begin(self, day: int) -> None:
        self._day, self._moves, self._forgiven = day, {}, ZERO

    def _add(self, fill: Fill) -> None:
        for ticker, amount in fill.changes().items():
            self._moves[ticker] = self._moves.get(ticker, ZERO) + amount

    def today(self, marks: Mapping[str, Decimal]) -> Decimal:
        """In source currency; ``marks``: what one unit of each ticker is worth in it."""
        return sum((amount * marks.get(ticker, ZERO) for ticker, amount in self._moves.items()), ZERO)

    def loss(self, marks: Mapping[str, Decimal]) -> Decimal:
        """The loss that the guard looks at, positive, in source currency; less what a person has accepted."""
        return max(ZERO, self._forgiven - self.today(marks))

    def forgive(self, marks: Mapping[str, Decimal]) -> None:
        """A person has looked at the loss and lets the pool go on: it is counted anew from here."""
        self._forgiven = min(ZERO, self.today(marks))
