"""What a venue tells whoever listens, in the order in which it happens.

Placing an order tells: its :class:`OrderChanged` (NEW), then per match :class:`BookChanged` and :class:`Matched`, then
BookChanged if the rest is queued, or OrderChanged (CANCELLED) if the rest is dropped. Amending tells the same, with AMENDED
in the place of NEW. Cancelling tells BookChanged, then OrderChanged. A listener must not place or cancel while it is being told.
"""

from decimal import Decimal
from enum import Enum
from typing import NamedTuple

from attrs import frozen

from model.order import Side
from sandbox.trading import Posting, Trade, VenueFill, VenueOrder, Withdrawal


class Change(Enum):
    """What happened to an order, other than a match."""

    NEW = "new"
    AMENDED = "amended"
    CANCELLED = "cancelled"


class LevelChange(NamedTuple):
    """The whole ``quantity`` (base) now offered at ``price``; 0: the level is gone."""

    side: Side
    price: Decimal
    quantity: Decimal


@frozen
class BookChanged:
    """Levels of one book that are not what they were."""

    contract: str
    levels: tuple[LevelChange, ...]


@frozen
class OrderChanged:
    """An order came, was amended or was cancelled."""

    order: VenueOrder
    change: Change


@frozen
class Execution:
    """What one match did to one side: the order afterwards, its fill, its postings (quote first, then base)."""

    order: VenueOrder
    fill: VenueFill
    postings: tuple[Posting, Posting]


@frozen
class Matched:
    """Two orders traded."""

    trade: Trade
    aggressor: Execution
    passive: Execution


@frozen
class Posted:
    """A balance changed other than by a trade."""

    posting: Posting


@frozen
class WithdrawalChanged:
    """A withdrawal came into being or changed its state."""

    withdrawal: Withdrawal


Event = BookChanged | OrderChanged | Matched | Posted | WithdrawalChanged
