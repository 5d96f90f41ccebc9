"""One side of a streamed order book, as absolute changes make it."""

from bisect import bisect_left, insort
from decimal import Decimal

from model.money import ZERO
from model.shapes import LevelShape


class BookSide:
    """Levels with their prices kept sorted (rising); ``is_bid``: the best is the last."""

    def __init__(self, is_bid: bool) -> None:
        self._is_bid = is_bid
        self._prices: list[Decimal] = []
        self._quantities: dict[Decimal, Decimal] = {}

    def set(self, price: Decimal, quantity: Decimal) -> None:
        """``quantity`` is now all that is offered at ``price``; 0: the level is gone."""
        if not quantity:
            if self._quantities.pop(price, None) is not None:
                del self._prices[bisect_left(self._prices, price)]
            return
        if price not in self._quantities:
            insort(self._prices, price)
        self._quantities[price] = quantity

    def at(self, price: Decimal) -> Decimal:
        """What is offered at ``price``; 0: nothing."""
        return self._quantities.get(price, ZERO)

    def cut(self, depth: int) -> None:
        """Forget all but the best ``depth`` levels."""
        while len(self._prices) > depth:
            del self._quantities[self._prices.pop(0 if self._is_bid else -1)]

    def best_first(self, count: int | None = None) -> list[tuple[Decimal, Decimal]]:
        """(price, quantity) of the best ``count`` levels; None: of all."""
        some = len(self._prices) if count is None else count
        prices = self._prices[: -some - 1 : -1] if self._is_bid else self._prices[:some]
        return [(price, self._quantities[price]) for price in prices]

    def shapes(self, count: int | None = None) -> list[LevelShape]:
        """:meth:`best_first` in the interface's shape."""
        return [{"price": price, "quantity": quantity} for price, quantity in self.best_first(count)]
