"""What an entry of the ledger moved, as it is read back."""

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from model.records import Purpose
from model.transfer import Place

#: What is moved, by account and ticker.
Moves = Mapping[tuple[str, str], Decimal]


@frozen
class Movement:
    """One entry of the ledger: ``moves`` by account and ticker, ``timestamp`` in microseconds.

    ``place`` and ``purpose`` are those of the fill that it books; None for other entries and for fills of unknown orders.
    """

    id: str
    kind: str
    timestamp: int
    moves: Moves
    place: Place | None = None
    purpose: Purpose | None = None
