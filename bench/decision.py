"""How fast a proven decision is, and what the proof is worth: ours and COBYLA's on the same pools, in one run.

``python -m bench.decision`` takes well under a minute; ``--long`` more pools and the larger general problems.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import TypeVar

import attrs

from bench.cobyla import Cobyla, Guess
from model.decision import Verdict
from optimizer.best import best_of
from optimizer.decide import decide
from optimizer.instance import problem_of
from optimizer.milp import solve
from optimizer.pool import Pool, pool_of
from optimizer.problem import Problem, Switch
from tests.optimizer.pools import pool

T = TypeVar("T")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="more pools, more venues")
    is_long = parser.parse_args().long
    _compare(240 if is_long else 60)
    print()
    print(f"{'what':<28}{'median ms':>12}{'largest gap':>16}")
    for depth in (20, 200, 2000):
        _scale(f"source book, {depth} levels", range(8 if is_long else 4), depth=depth)
    for levels in (1, 5, 20):
        _scale(f"ladder, {levels} levels", range(8 if is_long else 4), levels=levels)
    for venues in (2, 4, 8, 16) if is_long else (2, 4, 8):
        _venues(venues)


def _compare(count: int) -> None:
    """The ratios are of medians; a pool of which nothing can be gained does not count for the gain."""
    ours, rebalances, theirs, gains = [], [], [], []
    quoted = impossible = 0
    for seed in range(50_000, 50_000 + count):
        shot, chosen = pool(seed, is_tame=seed % 2 == 0)
        state = pool_of(shot, chosen)
        baseline = Cobyla(state)
        elapsed, guess = _timed(baseline.rebalance)
        theirs.append(elapsed)
        elapsed, best = _timed(partial(best_of, state))
        rebalances.append(elapsed)
        elapsed, decision = _timed(partial(decide, shot, chosen))
        ours.append(elapsed)
        assert decision.verdict is Verdict.ACT, (seed, decision.reason)
        quoted += len(decision.quotes)
        idle = baseline.worth(baseline.projected, 0.0)
        possible = best.value - idle
        if possible > max(0.01, 1e-7 * abs(best.value)):
            impossible += not _is_possible(baseline, guess)
            gains.append(_captured(baseline, guess, idle) / possible)
    medians = {name: statistics.median(found) for name, found in (("ours", ours), ("re", rebalances), ("theirs", theirs))}
    print(f"pools: {count}, quotes made: {quoted}, median ms: decision {1e3 * medians['ours']:.2f}, ", end="")
    print(f"rebalance {1e3 * medians['re']:.2f}, cobyla {1e3 * medians['theirs']:.2f}")
    print(f"something to gain in {len(gains)}; in {impossible} of them cobyla's answer takes more than there is, and counts as 0")
    print(f"decision_vs_cobyla_time: {medians['ours'] / medians['theirs']:.3f}")
    print(f"rebalance_vs_cobyla_time: {medians['re'] / medians['theirs']:.3f}")
    print(f"captured_gain: ours 1.000 cobyla {statistics.mean(gains):.2f}")


def _captured(baseline: Cobyla, guess: Guess, idle: float) -> float:
    """What the guess gains over doing nothing; nothing if it cannot be carried out, or loses."""
    if not _is_possible(baseline, guess):
        return 0.0
    return max(0.0, baseline.worth(*baseline.after(guess.btc, guess.cash, guess.trade, guess.leave)) - idle)


def _is_possible(baseline: Cobyla, guess: Guess) -> bool:
    """Whether the balances pay for the actions, the quotes left aside."""
    return baseline.is_feasible([0.0, 0.0, guess.btc, guess.cash, guess.trade, guess.leave])


def _scale(what: str, seeds: Sequence[int], depth: int | None = None, levels: int = 1) -> None:
    times, gaps = [], [Decimal(0)]
    for seed in seeds:
        shot, chosen = pool(60_000 + 2 * seed, is_tame=True, depth=depth or 20)
        chosen = chosen.replace(levels=levels, quote_size=chosen.quote_size / levels)
        elapsed, decision = _timed(partial(decide, shot, chosen))
        times.append(elapsed)
        assert decision.optimized is not None, decision.reason
        gaps.append(decision.optimized.bound - decision.optimized.worth.value)
    print(f"{what:<28}{1e3 * statistics.median(times):>12.2f}{max(gaps):>16.7f}")


def _venues(count: int) -> None:
    """Several pairs of venues as one problem, its trades sharing one rule: at most one trade at a time."""
    problems = [problem_of(_tame(70_000 + 2 * number)) for number in range(count // 2)]
    elapsed, solution = _timed(partial(solve, joined(problems), 60.0))
    print(f"{f'{count} venues, general core':<28}{1e3 * elapsed:>12.2f}{solution.bound - solution.value:>16.7f}")


def _tame(seed: int) -> Pool:
    return pool_of(*pool(seed, is_tame=True, depth=20))


def joined(problems: Sequence[Problem]) -> Problem:
    """All of them beside each other, names kept apart by a number in front; only the rule of one trade at a time is shared."""

    def named(number: int, amounts: Mapping[str, float]) -> dict[str, float]:
        return {f"{number} {name}": amount for name, amount in amounts.items()}

    accounts, columns, hinges, squares, switches = [], [], [], [], list[Switch]()
    for n, problem in enumerate(problems):
        accounts += [attrs.evolve(a, name=f"{n} {a.name}") for a in problem.accounts]
        columns += [
            attrs.evolve(c, name=f"{n} {c.name}", switch=f"{n} {c.switch}", moves=named(n, c.moves), takes=named(n, c.takes))
            for c in problem.columns
        ]
        switches += [
            attrs.evolve(
                s,
                name=f"{n} {s.name}",
                group=s.group if s.group == "trade" else f"{n} {s.group}",
                moves=named(n, s.moves),
                takes=named(n, s.takes),
            )
            for s in problem.switches
        ]
        hinges += [attrs.evolve(h, accounts=tuple(f"{n} {name}" for name in h.accounts)) for h in problem.hinges]
        squares += [attrs.evolve(q, accounts=tuple(f"{n} {name}" for name in q.accounts)) for q in problem.squares]
    return Problem(accounts, columns, switches, hinges, squares)


def _timed(call: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
