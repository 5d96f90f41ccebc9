"""The search over all modes of a pair for the one choice that no other can beat, and the bound that says so."""

import math

from attrs import frozen

from model.order import Side as Direction
from optimizer.levels import Levels
from optimizer.pair import Pair
from optimizer.pool import Forced, Pool
from optimizer.side import Mode, Slopes

#: Steps after which one line is given up, its gap reported; about ten are usual.
STEPS = 100


@frozen
class Choice:
    """A trade (BTC, buying is positive) with the modes of coins and cash, and the best it can be worth."""

    value: float
    trade: float
    coins: Mode
    cash: Mode


@frozen
class Point:
    """One size on a line: its value, what a little more trade adds, and what the last little bit added."""

    at: float
    value: float
    more: float
    less: float


class Line:
    """All sizes of a trade in one direction (``sign``); what coins and cash are worth at a size is worked out once."""

    def __init__(self, pair: Pair, sign: int, levels: Levels, limits: tuple[float, float]) -> None:
        self.pair, self.sign, self.levels = pair, sign, levels
        self.least, self.most = limits
        self._coins: dict[tuple[Mode, float], Point] = {}
        self._cash: dict[tuple[Mode, float], Point] = {}

    def end(self, coins: Mode, cash: Mode) -> float:
        """The largest trade that leaves enough for both modes; below ``least`` if there is none."""
        pair, needs_btc, needs_cash = self.pair, self.pair.coins.need(coins), self.pair.cash.need(cash)
        if self.sign < 0:
            return -1.0 if needs_cash > pair.source_cash else min(self.most, pair.source_btc - needs_btc)
        spend = (pair.source_cash - pair.fee_fixed - needs_cash) / (1 + pair.fee)
        return -1.0 if spend <= 0 or needs_btc > pair.source_btc else min(self.most, self.levels.quantity(spend))

    def point(self, coins: Mode, cash: Mode, at: float) -> Point:
        """Value and slopes at one size in one mode."""
        one, other = self._coins.get((coins, at)), self._cash.get((cash, at))
        if one is None:
            one = self._coins[coins, at] = self._coins_at(coins, at)
        if other is None:
            other = self._cash[cash, at] = self._cash_at(cash, at)
        return Point(at, one.value + other.value, one.more + other.more, one.less + other.less)

    def _coins_at(self, mode: Mode, at: float) -> Point:
        found = self.pair.coins_after(mode, self.sign * at, is_sale=self.sign < 0)
        if self.sign > 0:
            return Point(at, found.value, found.more, found.less)
        return Point(at, found.value, -found.less, -found.more)

    def _cash_at(self, mode: Mode, at: float) -> Point:
        pair, levels = self.pair, self.levels
        more, less = levels.price(at, is_next=True), levels.price(at, is_next=False)
        found = pair.cash_after(mode, pair.proceeds(self.sign, levels.value(at)), is_purchase=self.sign > 0)
        if self.sign > 0:
            return Point(at, found.value, -found.less * more * (1 + pair.fee), -found.more * less * (1 + pair.fee))
        return Point(at, found.value, found.more * more * (1 - pair.fee), found.less * less * (1 - pair.fee))


class Search:
    """Holds the best choice so far and the highest value that is not ruled out."""

    def __init__(self, pool: Pool, forced: Forced | None = None) -> None:
        self.pool, self.pair = pool, Pair(pool)
        self.best: Choice | None = None
        self.bound = -math.inf
        self._lines = self._make_lines(pool, forced)
        self._is_still = forced is None or not forced.most

    def run(self) -> None:
        """Try no trade, then each direction. Afterwards ``bound`` holds for every choice that was allowed."""
        pair = self.pair
        coins, cash = pair.coins.modes(), pair.cash.modes()
        if self._is_still:
            self._stand_still(coins, cash)
        for line in self._lines:
            for one in coins:
                for other in cash:
                    self._climb(line, one, other)

    def outcome(self, choice: Choice) -> tuple[Slopes, Slopes]:
        """What becomes of coins and cash."""
        pair, trade = self.pair, choice.trade
        coins = pair.coins_after(choice.coins, trade, is_sale=trade < 0)
        sign = (trade > 0) - (trade < 0)
        line = next((line for line in self._lines if line.sign == sign), None)
        proceeds = 0.0 if line is None else pair.proceeds(sign, line.levels.value(abs(trade)))
        return coins, pair.cash_after(choice.cash, proceeds, is_purchase=trade > 0)

    def _make_lines(self, pool: Pool, forced: Forced | None) -> list[Line]:
        pair, found = self.pair, []
        for side in Direction:
            if forced is not None and (side is not forced.side or not forced.most):
                continue
            levels = pool.totals[side]
            if forced is not None:
                found.append(Line(pair, side.sign, levels, (float(forced.least), min(float(forced.most), levels.depth))))
            elif levels.values[-1] >= pair.least:
                found.append(Line(pair, side.sign, levels, (levels.quantity(pair.least), levels.depth)))
        return found

    def _stand_still(self, coins: list[Mode], cash: list[Mode]) -> None:
        """Without a trade, coins and cash do not touch at all."""
        pair = self.pair
        ones = [(pair.coins_after(mode, 0.0, is_sale=False).value, mode) for mode in coins if self._can(pair.source_btc, mode)]
        others = [(pair.cash_after(mode, 0.0, is_purchase=False).value, mode) for mode in cash if self._pays(mode)]
        one, other = max(ones, key=_value), max(others, key=_value)
        self._take(Choice(one[0] + other[0], 0.0, one[1], other[1]))
        self.bound = max(self.bound, one[0] + other[0])

    def _can(self, btc: float, mode: Mode) -> bool:
        return self.pair.coins.need(mode) <= btc

    def _pays(self, mode: Mode) -> bool:
        return self.pair.cash.need(mode) <= self.pair.source_cash

    def _take(self, choice: Choice) -> None:
        if self.best is None or choice.value > self.best.value:
            self.best = choice

    def _climb(self, line: Line, coins: Mode, cash: Mode) -> None:
        """The best size in one mode: tangents from both sides, closing in on where they meet."""
        high = line.end(coins, cash)
        if high < line.least:
            return
        low = self._visit(line, coins, cash, line.least)
        reach = low.value + max(0.0, low.more) * (high - low.at)
        if reach == low.value or self._is_beaten(reach):
            self.bound = max(self.bound, reach)
            return
        top = self._visit(line, coins, cash, high)
        if top.less >= 0:
            self.bound = max(self.bound, top.value)
            return
        for step in range(STEPS):
            meet = (top.value - low.value + low.more * low.at - top.less * top.at) / (low.more - top.less)
            upper = low.value + low.more * (meet - low.at)
            if self._is_beaten(upper) or not low.at < meet < top.at:
                break
            at = _flat(low, top) if step % 2 else meet
            tried = self._visit(line, coins, cash, at)
            if tried.more <= 0 <= tried.less:
                upper = tried.value
                break
            low, top = (tried, top) if tried.more > 0 else (low, tried)
        self.bound = max(self.bound, upper)

    def _visit(self, line: Line, coins: Mode, cash: Mode, at: float) -> Point:
        point = line.point(coins, cash, at)
        self._take(Choice(point.value, line.sign * at, coins, cash))
        return point

    def _is_beaten(self, upper: float) -> bool:
        return self.best is not None and upper <= self.best.value + precision(self.best.value)


def precision(value: float) -> float:
    """How close the bound comes to the value, in the currency of the value: what floats can tell apart, and a little."""
    return 1e-6 + 1e-12 * abs(value)


def _flat(low: Point, top: Point) -> float:
    """Where the slope would be nothing if it fell evenly: exact between two kinks, where the risk alone bends the line."""
    return low.at + (top.at - low.at) * low.more / (low.more - top.less)


def _value(pair: tuple[float, Mode]) -> float:
    return pair[0]
