"""Indifference prices: where the pool is as well off with a fill as without, once it has reacted as well as it can."""

from collections.abc import Callable
from decimal import Decimal

from attrs import frozen

from model.order import Side
from optimizer.best import Best, best_of
from optimizer.pool import Pool

#: No indifference price is looked for outside this share of, or beyond this many times, the source's own price.
NEAREST, FARTHEST = 0.1, 10.0
#: Steps after which a search gives up; bisection alone would need about 50.
STEPS = 80
#: Steps after which Newton's are no longer trusted.
SLOW = 10


@frozen
class Rung:
    """One fill of a ladder: in ``before`` the pool is as well off as ``after`` a fill at ``price`` (target currency per BTC)."""

    side: Side
    price: Decimal
    before: Pool
    best_before: Best
    after: Pool
    best_after: Best


@frozen
class Ladder:
    """The rungs of one side, best first; ``reason`` says why there is no further one (empty if none was asked for)."""

    rungs: tuple[Rung, ...]
    reason: str = ""


def ladder_of(pool: Pool, best: Best, side: Side) -> Ladder:
    """``levels`` rungs of ``quote_size`` each: the fill on each rung finds the pool as the fills before it left it.

    :raises Unproven: if any value on the way could not be proven.
    """
    rungs: list[Rung] = []
    for _ in range(pool.settings.levels):
        found = _rung(pool, best, side)
        if isinstance(found, str):
            return Ladder(tuple(rungs), found)
        rungs.append(found)
        pool, best = found.after, found.best_after
    return Ladder(tuple(rungs))


def _rung(pool: Pool, best: Best, side: Side) -> Rung | str:
    size = pool.settings.quote_size
    if side is Side.SELL and pool.available.target_btc < size:
        return f"the target has less than {size} BTC to sell"
    tried: dict[float, tuple[Pool, Best]] = {}

    def gain(price: float) -> tuple[float, float]:
        """What a fill at this price brings, and by how much more a better price would."""
        after = pool.after_fill(side, size, _decimal(price))
        tried[price] = after, best_of(after)
        fee = float(pool.settings.target_fee.proportional)
        per_price = float(size) * (-1 - fee if side is Side.BUY else 1 - fee)
        return tried[price][1].value - best.value, per_price * tried[price][1].target_cash_worth

    fair = float(pool.best_bid / pool.fiat_ask)
    noise = 1e-14 * abs(best.value) + 1e-9 * float(size * pool.best_bid)
    price = crossing(gain, fair, NEAREST * fair, FARTHEST * fair, noise)
    if price is None:
        return "no price between a tenth and ten times the source's leaves the pool as well off"
    after, best_after = tried[price]
    if after.available.target_cash < 0:
        return f"the target's cash cannot pay for {size} BTC"
    return Rung(side, _decimal(price), pool, best, after, best_after)


def crossing(
    gain: Callable[[float], tuple[float, float]], start: float, lowest: float, highest: float, noise: float
) -> float | None:
    """Where ``gain`` (a value and its slope, of one sign throughout) is zero: Newton's steps, kept inside a shrinking bracket.

    The slope may be wrong (at a kink it is): steps double until the zero is bracketed, then its chord or middle helps. The
    answer is always a point at which ``gain`` was called; None if the gain has the same sign at both ends.
    """
    ends: dict[bool, tuple[float, float]] = {}
    low, high, at = lowest, highest, start
    best = (float("inf"), start)
    for step in range(STEPS):
        value, slope = gain(at)
        best = min(best, (abs(value), at))
        if abs(value) <= noise or high - low <= 1e-12 * high:
            return best[1]
        is_below = (value > 0) == (slope < 0)
        if (at == lowest and not is_below) or (at == highest and is_below):
            return None
        low, high = (at, high) if is_below else (low, at)
        ends[is_below] = at, value
        newton = at - value / slope if slope else at
        at = _bracketed(newton, ends, step) if len(ends) == 2 else min(max(at + (newton - at) * 2**step, low), high)
    return best[1]


def _bracketed(newton: float, ends: dict[bool, tuple[float, float]], step: int) -> float:
    """Newton's step and the chord by turns; once that is slow, the chord and the middle."""
    (left, left_value), (right, right_value) = ends[True], ends[False]
    chord = left - left_value * (right - left) / (right_value - left_value)
    proposed = chord if step % 2 else newton if step < SLOW else (left + right) / 2
    return proposed if left < proposed < right else (left + right) / 2


def _decimal(price: float) -> Decimal:
    return Decimal(repr(price))
