"""What a balance is worth as it grows: a concave curve of a few straight pieces, bent by the risk."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence

#: How far beside a kink still counts as on it, as a share of where the kinks are: a few roundings of a float.
TOUCH = 1e-12


class Curve:
    """``slopes`` (falling) between ``kinks`` (rising), less ``weight * (balance - centre) ** 2``.

    ``base`` is what the first piece would be worth at 0.

    Not attrs: it is asked a few thousand times per decision, and plain slots are measurably faster.
    """

    __slots__ = ("_bases", "bend", "centre", "kinks", "slopes", "touch")

    def __init__(
        self, kinks: Sequence[float], slopes: Sequence[float], weight: float = 0.0, centre: float = 0.0, base: float = 0.0
    ) -> None:
        self.kinks = list(kinks)
        self.slopes = list(slopes)
        self.bend = 2 * weight
        self.centre = centre
        self.touch = TOUCH * max((abs(kink) for kink in kinks), default=0.0)
        self._bases = [base]
        for kink, before, after in zip(kinks, slopes, slopes[1:], strict=False):
            self._bases.append(self._bases[-1] + (before - after) * kink)

    def value(self, balance: float) -> float:
        """What ``balance`` is worth."""
        piece = bisect_right(self.kinks, balance)
        deviation = balance - self.centre
        return self._bases[piece] + self.slopes[piece] * balance - self.bend / 2 * deviation * deviation

    def right(self, balance: float) -> float:
        """What a little more is worth, per unit."""
        return self.slopes[bisect_right(self.kinks, balance + self.touch)] - self.bend * (balance - self.centre)

    def left(self, balance: float) -> float:
        """What a little less costs, per unit; no less than :meth:`right`."""
        return self.slopes[bisect_left(self.kinks, balance - self.touch)] - self.bend * (balance - self.centre)


def summit(near: Curve, start: float, far: Curve, arrived: float, rate: float, low: float, high: float) -> float:
    """How much, from ``low`` to ``high``, to take from ``near`` so that it and ``far`` (``rate`` of it arrives) are worth most.

    Exact: the slope falls, so it changes its sign at a kink of either curve or, where a curve bends, between two.
    """
    stops = [start - kink for kink in near.kinks]
    stops += [(kink - arrived) / rate for kink in far.kinks]
    stops = sorted(stop for stop in stops if low < stop < high)

    def rising(amount: float) -> float:
        return rate * far.right(arrived + rate * amount) - near.left(start - amount)

    stops.append(high)
    first, last = 0, len(stops) - 1
    if rising(low) <= 0:
        return low
    while first < last:
        middle = (first + last) // 2
        if rising(stops[middle]) > 0:
            first = middle + 1
        else:
            last = middle
    end, begin = stops[first], stops[first - 1] if first else low
    falling = rate * far.left(arrived + rate * end) - near.right(start - end)
    gain = rising(begin)
    if falling >= 0 or not (near.bend or far.bend):
        found = end
    else:
        found = begin + (end - begin) * gain / (gain - falling) if gain > 0 else begin
    # A stop is a rounded number, and a slope read a last digit beside its kink is that of the other side: a neighbour that
    # is worth more has the word.
    neighbours = [low, *stops][max(0, first - 1) : first + 3]
    return _best(found, neighbours, lambda amount: near.value(start - amount) + far.value(arrived + rate * amount))


def _best(found: float, others: Iterable[float], worth: Callable[[float], float]) -> float:
    """``found``, or whichever of ``others`` is worth more by more than rounding explains."""
    most = worth(found)
    for other in others:
        value = worth(other)
        if value > most + 1e-12 * max(1.0, abs(most)):
            found, most = other, value
    return found
