"""The queue of one contract: price first, then time. It knows ids and quantities, not users or money."""

from bisect import bisect_left, insort
from collections.abc import Callable
from decimal import Decimal

from model.book import Level
from model.money import ZERO
from model.order import Side
from sandbox.events import LevelChange


class _Shelf:
    """The orders of one price, oldest first."""

    def __init__(self) -> None:
        self.total = ZERO
        self.quantities: dict[int, Decimal] = {}


class _HalfBook:
    """One side. Keys are prices signed so that the best one sorts first."""

    def __init__(self, side: Side) -> None:
        self._sign = -side.sign
        self._keys: list[Decimal] = []
        self._shelves: dict[Decimal, _Shelf] = {}

    def change(self, order_id: int, price: Decimal, quantity: Decimal) -> Decimal:
        """Set what is left of an order (0 removes it); answers the level's new total."""
        key = price * self._sign
        shelf = self._shelves.get(key)
        if shelf is None:
            insort(self._keys, key)
            shelf = self._shelves[key] = _Shelf()
        shelf.total += quantity - shelf.quantities.get(order_id, ZERO)
        if quantity:
            shelf.quantities[order_id] = quantity
        else:
            shelf.quantities.pop(order_id, None)
        if not shelf.quantities:
            del self._shelves[key], self._keys[bisect_left(self._keys, key)]
        return shelf.total

    def first(self) -> int | None:
        """The id that trades next."""
        return next(iter(self._shelves[self._keys[0]].quantities)) if self._keys else None

    def levels(self, depth: int | None) -> list[Level]:
        return [Level(key * self._sign, self._shelves[key].total) for key in self._keys[:depth]]


class Queue:
    """Both sides of one contract's book, and which levels have changed since somebody last asked."""

    def __init__(self) -> None:
        self._halves = {side: _HalfBook(side) for side in Side}
        self._touched: dict[tuple[Side, Decimal], Decimal] = {}

    def change(self, order_id: int, side: Side, price: Decimal, quantity: Decimal) -> None:
        """Queue an order, reduce it in its place, or (quantity 0) take it out."""
        self._touched[side, price] = self._halves[side].change(order_id, price, quantity)

    def first(self, side: Side) -> int | None:
        """The order of ``side`` that an incoming one meets next."""
        return self._halves[side].first()

    def best(self, side: Side) -> Level | None:
        """The best level of ``side``."""
        return next(iter(self._halves[side].levels(1)), None)

    def levels(self, side: Side, depth: int | None = None) -> list[Level]:
        """The levels of ``side``, best first; all, or the best ``depth``."""
        return self._halves[side].levels(depth)

    def cost(self, side: Side, quantity: Decimal, value: Callable[[Decimal, Decimal], Decimal]) -> Decimal:
        """What taking ``quantity`` of ``side`` costs, or all there is if that is less; ``value`` of a price and a quantity."""
        cost = ZERO
        for level in self.levels(side):
            part = min(quantity, level.quantity)
            cost += value(level.price, part)
            quantity -= part
            if not quantity:
                break
        return cost

    def take_changes(self) -> tuple[LevelChange, ...]:
        """The levels touched since the last call, as they stand now."""
        changes = tuple(LevelChange(side, price, total) for (side, price), total in self._touched.items())
        self._touched.clear()
        return changes
