"""The best plan for a pool, and its proof."""

from decimal import Decimal

from attrs import frozen

from model.money import ZERO, floor_to
from model.order import Side
from optimizer.evaluate import GRAIN, Plan
from optimizer.form import NoAnswer
from optimizer.instance import problem_of
from optimizer.milp import solve
from optimizer.pool import Forced, Pool
from optimizer.problem import Solution, tolerance
from optimizer.search import Choice, Search


class Unproven(Exception):
    """No value was found that meets the bound on any value; the text says how far they are apart."""


@frozen
class Best:
    """``plan`` is worth ``value``; nothing is worth more than ``bound`` (source currency).

    ``target_cash_worth`` is about what one more unit of target cash would add to the value.
    """

    value: float
    bound: float
    plan: Plan
    target_cash_worth: float


def best_of(pool: Pool, forced: Forced | None = None) -> Best:
    """The best that can be done: by the fast search, and by the general solver should that fail to prove its answer.

    :raises Unproven: if neither proves one, or the time limit of the settings is too short for it.
    """
    search = Search(pool, forced)
    search.run()
    choice = search.best
    if choice is not None and search.bound - choice.value <= tolerance(choice.value):
        return _searched(search, choice)
    return solved(pool, forced)


def solved(pool: Pool, forced: Forced | None = None) -> Best:
    """The same by the general solver alone: slower by an order of magnitude or two.

    :raises Unproven: as :func:`best_of`.
    """
    try:
        solution = solve(problem_of(pool, forced), float(pool.settings.time_limit))
    except NoAnswer as none:
        raise Unproven(str(none)) from none
    if solution.bound - solution.value > tolerance(solution.value):
        raise Unproven(f"a value of {solution.value:.2f} was found, but up to {solution.bound:.2f} is not ruled out")
    return Best(solution.value, solution.bound, _solved_plan(pool, solution), float(pool.fiat_bid))


def _searched(search: Search, choice: Choice) -> Best:
    coins, cash = search.outcome(choice)
    plan = Plan(
        _served(search.pool, choice.trade),
        choice.coins.move * _exact(coins.moved),
        _exact(cash.moved) if choice.cash.move > 0 else ZERO,
        _exact(cash.moved) if choice.cash.move < 0 else ZERO,
        _exact(cash.leaving),
    )
    return Best(choice.value, max(search.bound, choice.value), plan, search.pair.cash.far_worth(choice.cash, cash))


def _solved_plan(pool: Pool, solution: Solution) -> Plan:
    def size(switch: str) -> float:
        if switch not in solution.switched_on:
            return 0.0
        return sum(amount for name, amount in solution.amounts.items() if name.startswith(switch))

    def done(switch: str) -> Decimal:
        return _exact(size(switch))

    return Plan(
        _served(pool, size("BUY") - size("SELL")),
        done("btc out") - done("btc back"),
        done("cash out"),
        done("cash back"),
        done("leave"),
    )


def _served(pool: Pool, trade: float) -> Decimal:
    """A trade without noise, and never beyond the last level: a book of a thousand levels adds up differently in floats."""
    whole = pool.totals[Side.BUY if trade > 0 else Side.SELL].whole
    return max(-whole, min(whole, _exact(trade)))


def _exact(amount: float) -> Decimal:
    """A solver's amount without the float's noise, which would take more than there is by a 1e-16th."""
    size = floor_to(Decimal(repr(abs(amount))), GRAIN)
    return size if amount >= 0 else -size
