"""One side of a book as running totals, so that a walk through it is a search and not a sum."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate

from model.book import Level
from model.money import ZERO
from optimizer.curve import TOUCH


class Levels:
    """One side of the source's book as running totals in floats; ``whole`` is all that is offered, exactly."""

    __slots__ = ("prices", "quantities", "touch", "values", "whole")

    def __init__(self, levels: Sequence[Level]) -> None:
        self.whole = sum((level.quantity for level in levels), ZERO)
        self.prices = [float(level.price) for level in levels]
        self.quantities = list(accumulate(float(level.quantity) for level in levels))
        self.values = list(accumulate((float(price) * float(quantity) for price, quantity in levels), initial=0.0))
        self.touch = TOUCH * self.quantities[-1] if levels else 0.0

    @property
    def depth(self) -> float:
        """All that is offered, in BTC."""
        return self.quantities[-1] if self.quantities else 0.0

    def value(self, quantity: float) -> float:
        """Cost or proceeds of ``quantity``, in source currency, before fees."""
        level = min(bisect_left(self.quantities, quantity), len(self.prices) - 1)
        begun = self.quantities[level - 1] if level else 0.0
        return self.values[level] + self.prices[level] * (quantity - begun)

    def quantity(self, value: float) -> float:
        """How much BTC that value buys, or has to be sold for it: at most the depth."""
        level = min(bisect_left(self.values, value, 1), len(self.prices)) - 1
        begun = self.quantities[level - 1] if level else 0.0
        return min(self.depth, begun + (value - self.values[level]) / self.prices[level])

    def price(self, quantity: float, *, is_next: bool) -> float:
        """The price of the next, or the last, little bit at ``quantity``."""
        find, touch = (bisect_right, self.touch) if is_next else (bisect_left, -self.touch)
        return self.prices[min(find(self.quantities, quantity + touch), len(self.prices) - 1)]
