"""One side of a streamed order book, as absolute changes make it."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from decimal import Decimal
from operator import itemgetter

from model.money import ZERO
from model.shapes import LevelShape

_price: Callable[[LevelShape], Decimal] = itemgetter("price")


class BookSide:
    """Levels with their prices kept sorted (rising); ``is_bid``: the best is the last.

    ``written``: what a checksum has of a level; it is made once for each, and :meth:`best_written` has it.

    A book changes far more often than it is looked at closely, but each change is shown. So the levels are kept in the shape
    in which they are shown, and are looked for by bisection: a ``Decimal`` is compared much faster than it is hashed.
    """

    def __init__(self, is_bid: bool, written: Callable[[Decimal, Decimal], str] | None = None) -> None:
        self._is_bid = is_bid
        self._prices: list[Decimal] = []
        self._levels: list[LevelShape] = []
        self._write = written
        self._written: list[str] = []
        self._shown: tuple[int | None, list[LevelShape]] | None = None

    def set(self, price: Decimal, quantity: Decimal) -> None:
        """``quantity`` is now all that is offered at ``price``; 0: the level is gone."""
        prices = self._prices
        place = bisect_left(prices, price)
        is_known = place < len(prices) and prices[place] == price
        if not quantity:
            if is_known:
                self._forget(place)
            return
        self._shown = None
        level: LevelShape = {"price": price, "quantity": quantity}
        if is_known:
            self._levels[place] = level
            if self._write is not None:
                self._written[place] = self._write(price, quantity)
            return
        prices.insert(place, price)
        self._levels.insert(place, level)
        if self._write is not None:
            self._written.insert(place, self._write(price, quantity))

    def fill(self, levels: Iterable[LevelShape]) -> None:
        """Begin anew with these, none of which has quantity 0. Fast where they come in the order of their prices.

        :raises ValueError: for a price that comes twice.
        """
        found = sorted(levels, key=_price)
        prices = list(map(_price, found))
        if any(map(Decimal.__eq__, prices, prices[1:])):
            raise ValueError("a price comes twice")
        self._levels, self._prices = found, prices
        if self._write is not None:
            self._written = [self._write(level["price"], level["quantity"]) for level in found]
        self._shown = None

    def at(self, price: Decimal) -> Decimal:
        """What is offered at ``price``; 0: nothing."""
        place = bisect_left(self._prices, price)
        is_known = place < len(self._prices) and self._prices[place] == price
        return self._levels[place]["quantity"] if is_known else ZERO

    def cut(self, depth: int) -> None:
        """Forget all but the best ``depth`` levels."""
        while len(self._prices) > depth:
            self._forget(0 if self._is_bid else -1)

    def _forget(self, place: int) -> None:
        self._shown = None
        del self._prices[place]
        del self._levels[place]
        if self._write is not None:
            del self._written[place]

    @property
    def best(self) -> Decimal | None:
        """The best price."""
        if not self._prices:
            return None
        return self._prices[-1] if self._is_bid else self._prices[0]

    def best_first(self, count: int | None = None) -> list[tuple[Decimal, Decimal]]:
        """(price, quantity) of the best ``count`` levels; None: of all."""
        return [(level["price"], level["quantity"]) for level in self.shapes(count)]

    def best_written(self, count: int) -> list[str]:
        """What a checksum has of the best ``count`` levels."""
        return self._written[: -count - 1 : -1] if self._is_bid else self._written[:count]

    def shapes(self, count: int | None = None) -> list[LevelShape]:
        """The best ``count`` levels in the interface's shape; None: all. As long as nothing changes it is the same list."""
        if self._shown is None or self._shown[0] != count:
            some = len(self._levels) if count is None else count
            self._shown = count, self._levels[: -some - 1 : -1] if self._is_bid else self._levels[:some]
        return self._shown[1]
