"""Who competes, with which settings, on which seeds; and the month of each, in as many processes as are allowed."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from decimal import Decimal
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any

import attrs
from attrs import field, frozen

from bench.arena.account import Account
from bench.arena.market import Kind, Market, market
from bench.arena.month import Outcome, run
from bench.arena.ours import Changed
from bench.arena.peers import PEERS
from bench.arena.policy import Rule
from model.settings import Cost, Settings
from runtime.config import load
from runtime.parameters import PARAMETERS

#: What the pool's settings are read from.
SANDBOX = Path(__file__).resolve().parents[2] / "ilp_example_config" / "sandbox.ini"
#: Numbers may be chosen by looking at the first, and are reported on the others.
TUNING, REPORTING = tuple(range(5)), tuple(range(100, 110))
OURS = "ours"
NAMES = (OURS, *PEERS)


def sandbox_settings() -> Settings:
    """What a fresh clone's pool would run with."""
    return load(SANDBOX).settings()


@frozen
class Task:
    """One month of one competitor: ``policy`` as :func:`rule_of` reads it, the ``settings`` before the market completes them."""

    policy: str
    seed: int
    days: int = 31
    kind: Kind = "base"
    settings: Settings = field(factory=sandbox_settings)


@frozen
class Result:
    """What it came to, and the seconds that it took."""

    outcome: Outcome
    seconds: float


def rule_of(text: str) -> Rule:
    """Read ``ours``, ``ours:edge_to_enter=0.5%,risk_aversion=1e-4``, ``mirror`` or ``mirror:0.005``.

    :raises ValueError: for a name, a setting or a number that is none.
    """
    name, _, given = text.partition(":")
    if name == OURS:
        return Changed(_changes(given))
    if name not in PEERS:
        raise ValueError(f"{name!r} is none of {', '.join(NAMES)}")
    return attrs.evolve(PEERS[name], number=Decimal(given)) if given else PEERS[name]


def _changes(given: str) -> dict[str, Any]:
    kinds = {parameter.field: parameter.kind for parameter in PARAMETERS}
    found = {}
    for part in given.split(",") if given else ():
        key, _, value = part.partition("=")
        if key not in kinds:
            raise ValueError(f"{key!r} is no setting")
        found[key] = kinds[key].parse(value)
    return found


def settings_for(found: Market, chosen: Settings) -> Settings:
    """What is ``chosen``, in this market: its costs, variances and tickers, and the ideal balances that it begins with."""
    first, costs = Account(found).first, found.costs
    variance_btc, variance_fiat = (Decimal(repr(variance)) for variance in found.prices.variances())
    return chosen.replace(
        source="USD",
        target="GBP",
        btc="BTC",
        ideal_source_cash=first.source_cash,
        ideal_source_btc=first.source_btc,
        ideal_target_cash=first.target_cash,
        ideal_target_btc=first.target_btc,
        fiat_exchange_cost=costs.bank,
        source_fee=Cost(proportional=costs.source_fee),
        target_fee=Cost(proportional=costs.target_fee),
        btc_fee=costs.btc_fee,
        variance_btc=variance_btc,
        variance_fiat=variance_fiat,
    )


def play(task: Task) -> Result:
    """Let one month pass."""
    found = _market(task.seed, task.days, task.kind)
    policy = rule_of(task.policy)(settings_for(found, task.settings), found.costs)
    start = perf_counter()
    outcome = run(found, policy)
    return Result(outcome, perf_counter() - start)


def contest(tasks: Sequence[Task], jobs: int = 1) -> Mapping[str, Sequence[Result]]:
    """The results of each policy in the order of its tasks, whatever ``jobs`` (processes at a time) is."""
    if jobs > 1:
        with ProcessPoolExecutor(jobs) as pool:
            results = list(pool.map(play, tasks))
    else:
        results = [play(task) for task in tasks]
    found: dict[str, list[Result]] = {}
    for task, result in zip(tasks, results, strict=True):
        found.setdefault(task.policy, []).append(result)
    return found


@cache
def _market(seed: int, days: int, kind: Kind) -> Market:
    return market(seed, days, kind)
