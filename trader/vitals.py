"""How well the pool is, besides its inputs: clocks, the order budget, the ledger and its disk, the reactor."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from trader.interface import Vital
from trader.parts import PLACES

if TYPE_CHECKING:
    from trader.pool import Pool

#: Seconds that a venue's clock may differ from ours, that a commit may take, and that the reactor may be late.
MOST_SKEW, SLOW_COMMIT, LATE = 2.0, 1.0, 0.5
#: Bytes that must be free for the ledger.
LEAST_FREE = 500_000_000


def vitals(pool: "Pool") -> tuple[Vital, ...]:
    """All that is known. Cheap: nothing is asked for here but the file system's own count of what is free."""
    clients = {pool.parts.feeds[place].name: pool.parts.clients[place] for place in PLACES}
    # Not every venue tells its time.
    clocks = [
        _clock(name, getattr(client, "clock_offset", None)) for name, client in clients.items() if hasattr(client, "clock_offset")
    ]
    return (*clocks, *_budgets(pool), *_ledger(pool), _reactor(pool))


def _clock(name: str, offset: float | None) -> Vital:
    if offset is None:
        return Vital(f"{name} clock", "as ours, as far as can be told")
    problem = f"its clock and ours differ by more than {MOST_SKEW:g} s" if abs(offset) > MOST_SKEW else ""
    return Vital(f"{name} clock", f"{offset:+.2f} s from ours", problem)


def _budgets(pool: "Pool") -> Iterator[Vital]:
    for place, budget in pool.parts.budgets.items():
        problem = "" if budget.left else "used up: no order is placed there until it refills"
        yield Vital(f"{pool.parts.feeds[place].name} orders", f"{budget.left} of {budget.per_minute} a minute left", problem)


def _ledger(pool: "Pool") -> list[Vital]:
    chronicle, disk = pool.chronicle, pool.parts.disk_free
    found = []
    if chronicle.commit is not None:
        problem = "the disk is slow: every order waits for it" if chronicle.commit > SLOW_COMMIT else ""
        found.append(Vital("Ledger commit", f"{chronicle.commit * 1000:.1f} ms", problem))
    if chronicle.size is not None:
        found.append(Vital("Ledger size", f"{chronicle.size / 1e6:,.1f} MB"))
    if disk is not None:
        found.append(_disk(disk()))
    return found


def _disk(free: int | None) -> Vital:
    if free is None:
        return Vital("Disk free", "not known", "the folder of the ledger cannot be looked into: is it still there?")
    problem = "little is left; a full disk stops the pool" if free < LEAST_FREE else ""
    return Vital("Disk free", f"{free / 1e9:,.1f} GB", problem)


def _reactor(pool: "Pool") -> Vital:
    lag = pool.chronicle.lag
    problem = "something keeps the process from its work" if lag > LATE else ""
    return Vital("Reactor late by at most", f"{lag * 1000:.1f} ms", problem)
