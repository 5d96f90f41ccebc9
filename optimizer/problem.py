"""The general problem: any number of accounts, actions that move money between them, and one value to make as large as can be.

It is written as design/optimizer.md speaks: *columns* of actions with what each unit moves, *switches* with their fixed
costs, *hinges* for the penalties and *squares* for the risk. A pool of one source and one target is one instance
(:mod:`optimizer.instance`); more venues are more accounts and more columns. Floats, since this is what solvers speak: the
answer is checked in exact arithmetic before anybody acts on it (:mod:`optimizer.evaluate`).
"""

from collections.abc import Mapping, Sequence

from attrs import field, frozen

Amounts = Mapping[str, float]


def tolerance(value: float) -> float:
    """How close a value must come to its bound to count as proven, in the currency of the value."""
    return max(0.01, 1e-7 * abs(value))


@frozen
class Account:
    """One balance. ``budget`` is what can be taken now, ``projected`` what will be there, both in the account's unit;
    ``worth`` is what one unit is worth in the currency of the value."""

    name: str
    budget: float
    projected: float
    worth: float


@frozen
class Column:
    """An action of which any amount from ``least`` to ``limit`` can be done while its switch is on.

    Per unit: ``moves`` changes balances, ``takes`` uses up budgets, ``keeps`` adds to the value what leaves the accounts but
    stays ours, and ``worth`` measures the action against the smallest that is worth doing.
    """

    name: str
    switch: str
    moves: Amounts
    takes: Amounts
    worth: float
    limit: float = float("inf")
    keeps: float = 0.0
    least: float = 0.0


@frozen
class Switch:
    """Turned on, it ``moves`` and ``takes`` once, and its columns are worth at least ``least`` together.

    Of all switches of one ``group`` at most one is on. One that ``must`` be on is no choice.
    """

    name: str
    group: str
    moves: Amounts = field(factory=dict)
    takes: Amounts = field(factory=dict)
    least: float = 0.0
    must: bool = False


@frozen
class Hinge:
    """Takes ``slope * max(0, direction * (sum of the accounts - at))`` from the value: ``direction`` +1 above, -1 below."""

    accounts: tuple[str, ...]
    at: float
    slope: float
    direction: int


@frozen
class Square:
    """Takes ``weight * (sum of the accounts - at) ** 2`` from the value."""

    accounts: tuple[str, ...]
    at: float
    weight: float


@frozen
class Problem:
    """Choose switches and amounts so that the value is the largest possible."""

    accounts: Sequence[Account]
    columns: Sequence[Column]
    switches: Sequence[Switch]
    hinges: Sequence[Hinge] = ()
    squares: Sequence[Square] = ()

    def balances(self, amounts: Amounts, switched_on: frozenset[str]) -> dict[str, float]:
        """Where every account ends."""
        ends = {account.name: account.projected for account in self.accounts}
        for column in self.columns:
            amount = amounts.get(column.name, 0.0)
            if amount:
                for name, move in column.moves.items():
                    ends[name] += move * amount
        for switch in self.switches:
            if switch.name in switched_on:
                for name, move in switch.moves.items():
                    ends[name] += move
        return ends

    def value(self, amounts: Amounts, switched_on: frozenset[str]) -> float:
        """What that would be worth: no solver's word, the definition itself."""
        ends = self.balances(amounts, switched_on)
        kept = sum(column.keeps * amounts.get(column.name, 0.0) for column in self.columns)
        cash = sum(account.worth * ends[account.name] for account in self.accounts) + kept
        penalty = sum(h.slope * max(0.0, h.direction * (_total(ends, h.accounts) - h.at)) for h in self.hinges)
        risk = sum(q.weight * (_total(ends, q.accounts) - q.at) ** 2 for q in self.squares)
        return cash - penalty - risk


@frozen
class Solution:
    """``value`` is attained by the ``amounts`` with these switches on; no choice at all is worth more than ``bound``."""

    value: float
    bound: float
    amounts: Amounts
    switched_on: frozenset[str]


def _total(ends: Amounts, names: tuple[str, ...]) -> float:
    return sum(ends[name] for name in names)
