"""An order book as a frozen value."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from attrs import field, frozen

from model.money import ZERO, decimal_of
from model.shapes import BookShape, LevelShape


class Level(NamedTuple):
    """``quantity`` (base) at ``price`` (quote per base)."""

    price: Decimal
    quantity: Decimal


@frozen
class Book:
    """Bids fall, asks rise: the best is first, whatever order the venue sent them in.

    ``timestamp`` (microseconds) is when the book was last known to be true.
    """

    contract: str
    bids: tuple[Level, ...] = field(default=())
    asks: tuple[Level, ...] = field(default=())
    timestamp: int = 0

    @classmethod
    def from_shape(cls, shape: BookShape) -> "Book":
        """Sort and check what a client told.

        :raises ValueError: for a price or quantity that is not an exact positive number.
        """
        contract = shape["contract"]
        bids = sorted(_levels(shape["bids"], contract), reverse=True)
        asks = sorted(_levels(shape["asks"], contract))
        return cls(contract, tuple(bids), tuple(asks), int(shape.get("timestamp", 0)))

    def to_shape(self) -> BookShape:
        """The interface's shape of this book."""
        return {
            "contract": self.contract,
            "bids": [{"price": level.price, "quantity": level.quantity} for level in self.bids],
            "asks": [{"price": level.price, "quantity": level.quantity} for level in self.asks],
            "timestamp": self.timestamp,
        }

    @property
    def best_bid(self) -> Level | None:
        """The highest bid."""
        return self.bids[0] if self.bids else None

    @property
    def best_ask(self) -> Level | None:
        """The lowest ask."""
        return self.asks[0] if self.asks else None

    @property
    def mid(self) -> Decimal | None:
        """The middle of the best bid and the best ask; None if a side is empty."""
        if not self.bids or not self.asks:
            return None
        return (self.bids[0].price + self.asks[0].price) / 2

    @property
    def is_crossed(self) -> bool:
        """Whether somebody bids more than somebody asks: no honest book. (A reference rate bids just what it asks.)"""
        return bool(self.bids and self.asks and self.bids[0].price > self.asks[0].price)

    def without(self, bids: Iterable[Level], asks: Iterable[Level]) -> "Book":
        """The same book less what is ours: a level that nothing is left of is gone."""
        return Book(self.contract, _less(self.bids, bids), _less(self.asks, asks), self.timestamp)


def _levels(levels: Iterable[LevelShape], contract: str) -> Iterable[Level]:
    for level in levels:
        price = decimal_of(level["price"], f"{contract} book price")
        quantity = decimal_of(level["quantity"], f"{contract} book quantity")
        if price <= 0 or quantity < 0:
            raise ValueError(f"{contract} book: {quantity} at {price} is no offer")
        if quantity:
            yield Level(price, quantity)


def _less(levels: tuple[Level, ...], ours: Iterable[Level]) -> tuple[Level, ...]:
    mine: dict[Decimal, Decimal] = {}
    for level in ours:
        mine[level.price] = mine.get(level.price, ZERO) + level.quantity
    if not mine:
        return levels
    rest = (Level(price, quantity - mine.get(price, ZERO)) for price, quantity in levels)
    return tuple(level for level in rest if level.quantity > 0)
