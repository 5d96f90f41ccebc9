"""The best plan for a pool, and its proof."""

from decimal import Decimal

from attrs import frozen

from model.money import ZERO, floor_to
from optimizer.evaluate import GRAIN, Plan
from optimizer.instance import problem_of
from optimizer.milp import solve
from optimizer.pool import Forced, Pool
from optimizer.problem import Solution, tolerance


class Unproven(Exception):
    """The value found and the bound on any value do not meet; the text says by how much."""


@frozen
class Best:
    """``plan`` is worth ``value``; nothing is worth more than ``bound`` (source currency).

    ``target_cash_worth`` is about what one more unit of target cash would add to the value.
    """

    value: float
    bound: float
    plan: Plan
    target_cash_worth: float


def best_of(pool: Pool, forced: Forced | None = None, like: Best | None = None) -> Best:
    """The best that can be done.

    :raises Unproven: if the proof fails, or the time limit of the settings is too short for it.
    """
    solution = solve(problem_of(pool, forced), float(pool.settings.time_limit))
    if solution.bound - solution.value > tolerance(solution.value):
        raise Unproven(f"a value of {solution.value:.2f} was found, but up to {solution.bound:.2f} is not ruled out")
    return Best(solution.value, solution.bound, _plan(solution), float(pool.fiat_bid))


def exact(amount: float) -> Decimal:
    """A solver's amount without the float's noise, which would take more than there is by a 1e-16th."""
    return floor_to(Decimal(repr(amount)), GRAIN)


def _plan(solution: Solution) -> Plan:
    def done(switch: str) -> Decimal:
        if switch not in solution.switched_on:
            return ZERO
        return exact(sum(amount for name, amount in solution.amounts.items() if name.startswith(switch)))

    return Plan(
        done("BUY") - done("SELL"),
        done("btc out") - done("btc back"),
        done("cash out"),
        done("cash back"),
        done("leave"),
    )
