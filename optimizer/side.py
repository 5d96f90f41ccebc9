"""One kind of money on both venues: what is best done with it once the trade at the source is known.

Coins and cash are the same problem. Some may move one way or the other, and some may leave the system: each is a *mode*
(:class:`Mode`) with its fixed cost, and in each mode the value is concave in what the source holds and may spend.
"""

from attrs import frozen

from optimizer.curve import Curve, summit


@frozen
class Mode:
    """Which ways are open: ``move`` +1 from source to target, -1 back, 0 neither; ``leaves`` whether some goes out."""

    move: int
    leaves: bool = False


@frozen
class Slopes:
    """The value, and what a unit more at the source would add or a unit less would take.

    ``moved`` goes the mode's way and ``leaving`` out of the system; the source ends with ``kept``, the target with ``there``.
    """

    value: float
    more: float
    less: float
    moved: float
    leaving: float
    kept: float
    there: float


@frozen
class Way:
    """A way to move: of each unit sent ``rate`` arrives, ``fee`` (unit of the arriving side) is taken there, ``least`` sent."""

    rate: float
    fee: float
    least: float


class Side:
    """One kind of money.

    ``near`` and ``far`` are what it is worth at the source and at the target, ``held`` and ``budget`` what the target holds
    and may spend; ``forth``, ``back`` and ``out`` (None: there is no such way) are the ways to move it.
    """

    __slots__ = ("back", "budget", "far", "fee_out", "forth", "held", "keep_from", "least_out", "near", "rate_out")

    def __init__(
        self, near: Curve, far: Curve, held: float, budget: float, forth: Way, back: Way, out: Way | None = None
    ) -> None:
        self.near, self.far, self.held, self.budget = near, far, held, budget
        self.forth, self.back = forth, back
        self.rate_out, self.fee_out, self.least_out = (out.rate, out.fee, out.least) if out else (0.0, 0.0, 0.0)
        # The first kink from which on a unit is worth more outside than kept.
        pieces = zip(near.kinks, near.slopes[1:], strict=True)
        self.keep_from = next((kink for kink, slope in pieces if slope <= self.rate_out), float("inf"))

    def modes(self) -> list[Mode]:
        """All that there are."""
        found = [Mode(move) for move in (0, 1, -1)]
        return found + [Mode(mode.move, True) for mode in found] if self.rate_out else found

    def need(self, mode: Mode) -> float:
        """What the source must be able to spend for this mode to be possible; infinite if the target cannot."""
        if mode.move < 0 and self.budget < self.back.least:
            return float("inf")
        need = self.forth.least if mode.move > 0 else 0.0
        return need + self.least_out / self.rate_out + self.fee_out if mode.leaves else need

    def best(self, mode: Mode, held: float, budget: float, *, is_spent: bool) -> Slopes:
        """The best in ``mode`` while the source holds ``held`` and may spend ``budget``.

        ``is_spent``: whether the unit of which the slopes tell would be taken from the budget too (as buying and selling
        do), or from what is held alone (as arrivals are).
        """
        way = self.back if mode.move < 0 else self.forth
        start = held - (self.fee_out if mode.leaves else 0.0) - (way.fee if mode.move < 0 else 0.0)
        spendable = budget - (self.fee_out if mode.leaves else 0.0)
        target = self.held - (way.fee if mode.move > 0 else 0.0)
        moved = self._moved(mode, start, spendable, target)
        near_before = start - moved if mode.move > 0 else start + way.rate * moved
        leaving = self._leaving(mode, near_before, spendable - (moved if mode.move > 0 else 0.0))
        kept = near_before - (leaving / self.rate_out if leaving else 0.0)
        there = target + way.rate * moved if mode.move > 0 else target - moved
        value = self.near.value(kept) + self.far.value(there) + leaving
        slack = spendable - (moved if mode.move > 0 else 0.0) - (leaving / self.rate_out if leaving else 0.0)
        more, less = self._slopes(mode, (kept, there, moved, leaving), slack, is_spent)
        return Slopes(value, more, less, moved, leaving, kept, there)

    def far_worth(self, mode: Mode, best: Slopes) -> float:
        """What a unit more at the target adds: there, or (a little too high if the way back is full) at the source."""
        found = self.far.right(best.there)
        if mode.move < 0:
            found = max(found, self.back.rate * self.near.right(best.kept))
        elif mode.move > 0 and best.moved > self.forth.least:
            found = max(found, self.near.right(best.kept) / self.forth.rate)
        return max(found, self.back.rate * self.rate_out) if mode.move < 0 and mode.leaves else found

    def _moved(self, mode: Mode, start: float, spendable: float, target: float) -> float:
        """How much moves, knowing how much then leaves."""
        if not mode.move:
            return 0.0
        if mode.move > 0:
            reserved = self.least_out / self.rate_out if mode.leaves else 0.0
            near = self._near(start - spendable, self.least_out, float("inf")) if mode.leaves else self.near
            return summit(near, start, self.far, target, self.forth.rate, self.forth.least, spendable - reserved)
        near = self._near(-float("inf"), self.least_out, spendable * self.rate_out) if mode.leaves else self.near
        return summit(self.far, target, near, start, self.back.rate, self.back.least, self.budget)

    def _near(self, lowest: float, least: float, most: float) -> Curve:
        """The source's curve when what is above ``keep_from`` (or ``lowest``) leaves: a straight piece put in there."""
        keep = max(self.keep_from, lowest)
        first, last = least / self.rate_out, max(least, most) / self.rate_out
        below = sum(kink < keep for kink in self.near.kinks)
        kinks = [kink + first for kink in self.near.kinks[:below]]
        slopes = self.near.slopes[: below + 1]
        if keep < float("inf"):
            kinks.append(keep + first)
            slopes = [*slopes, self.rate_out]
            if last < float("inf"):
                kinks += [keep + last, *(kink + last for kink in self.near.kinks[below:] if kink > keep)]
                slopes += self.near.slopes[below + sum(kink <= keep for kink in self.near.kinks[below:]) :]
        return Curve(kinks, slopes)

    def _leaving(self, mode: Mode, held: float, spendable: float) -> float:
        if not mode.leaves:
            return 0.0
        return min(max((held - self.keep_from) * self.rate_out, self.least_out), spendable * self.rate_out)

    def _slopes(self, mode: Mode, ends: tuple[float, float, float, float], slack: float, is_spent: bool) -> tuple[float, float]:
        """A unit more goes where it is worth most, a unit less comes from where it is missed least, of what can give way."""
        kept, there, moved, leaving = ends
        touch = self.near.touch
        is_slack = slack > touch
        more, less = [self.near.right(kept)], []
        if is_slack or not is_spent:
            less.append(self.near.left(kept))
        if mode.leaves and (is_slack or is_spent):
            more.append(self.rate_out)
        if mode.leaves and leaving > self.least_out + touch:
            less.append(self.rate_out)
        if mode.move > 0:
            if is_slack or is_spent:
                more.append(self.forth.rate * self.far.right(there))
            if moved > self.forth.least + touch:
                less.append(self.forth.rate * self.far.left(there))
        elif mode.move < 0:
            more += [self.far.right(there) / self.back.rate] if moved > self.back.least else []
            less += [self.far.left(there) / self.back.rate] if moved < self.budget and (is_slack or not is_spent) else []
        return max(more), min(less, default=float("inf"))
