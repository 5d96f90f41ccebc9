"""``python -m tests.matrix.run [--venues A,B,...] [--seconds N]``: a pool between each two native clients, and its books.

Each run is a pool process on the sandbox's real wires: START, so many seconds of trading at sixty times the speed, STOP, until
all that was under way has arrived. Then the balances in the ledger are the venues' own to the last satoshi and cent, so are
the fills, no order of ours is left, and the log has no traceback; else the run says what differs. One line for each run, one
for all; exit code 1 if there was any trouble.
"""

import argparse
import json
import signal
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from attrs import field, frozen
from sqlalchemy import func, select

from ledger import journal, schema
from ledger.store import Store
from model.money import ZERO
from tests.matrix.pairs import CLIENTS, Pair, changes, pairs
from tests.whole.running import PATIENCE, Running, until

#: After so many world seconds whatever was sent has arrived.
ARRIVED = 7_200
#: What no log of a sound run has.
TROUBLE = ("Traceback (most recent call last)", "Unhandled error", " [critical")
PLACES = ("source", "target")


@frozen
class Result:
    """What one run came to; ``wrong``: a sentence for each thing that differs."""

    pair: Pair
    fills: int = 0
    hedges: int = 0
    transfers: int = 0
    wrong: list[str] = field(factory=list)

    def __str__(self) -> str:
        source, target = self.pair
        counts = f"fills {self.fills} hedges {self.hedges} transfers {self.transfers}"
        return f"source {source} target {target} {counts} books = truth: {'no' if self.wrong else 'yes'}"


def run(pair: Pair, seconds: float) -> Result:
    """One run. Whatever goes wrong is in its result: the other runs go on."""
    try:
        with Running(changes(pair)) as pool:
            return _run(pair, pool, seconds)
    except (AssertionError, OSError) as trouble:
        return Result(pair, wrong=[str(trouble)])


def _run(pair: Pair, pool: Running, seconds: float) -> Result:
    try:
        _trade(pool, seconds)
        _come_to_rest(pool)
        truth = pool.truth()
        code = pool.end()
    except (AssertionError, OSError) as trouble:
        return Result(pair, wrong=[str(trouble), pool.output.read_text(encoding="utf-8")[-4000:]])
    output = pool.output.read_text(encoding="utf-8")
    wrong = [f"the pool ended with {code}"] if code else []
    wrong += [f"the log has {words!r}: {_around(output, words)}" for words in TROUBLE if words in output]
    return _compared(pair, pool, truth, wrong)


def _trade(pool: Running, seconds: float) -> None:
    pool.wait_for_state("READY")
    pool.call("/api/start", {})
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        machine = pool.call("/api/update")["trader"]["fsm"]
        if machine["current_state"] == "HALTED":
            raise AssertionError(f"the pool has halted: {machine['reason']}")
        time.sleep(0.5)
    # A world that is too slow for its first fills is waited for: a run without any proves nothing.
    until(lambda: {fill["place"] for fill in pool.call("/api/fills")} == set(PLACES), "there were fills and hedges")


def _come_to_rest(pool: Running) -> None:
    pool.call("/api/stop", {})
    pool.wait_for_state("READY")
    tick = urllib.request.Request(pool.control + "/tick", json.dumps({"seconds": ARRIVED}).encode())
    with urllib.request.urlopen(tick, timeout=PATIENCE):
        pass
    _until_none(lambda: _transits(pool), "transfers are under way")
    _until_none(pool.differences, "the pool's balances are not the venues'")


def _transits(pool: Running) -> Any:
    """What is under way, after a person has said of each transfer that the venues cannot make that it is not made; a hedge
    that found no taker is only taken note of."""
    for task in (task for task in pool.call("/api/tasks") if task["closed"] is None):
        pool.call(f"/api/tasks/{task['id']}", {"outcome": "done" if task["kind"] == "hedge" else "cancel"})
    return pool.call("/api/transits")


def _until_none(look: Callable[[], Any], what: str) -> None:
    try:
        until(lambda: not look(), what)
    except AssertionError:
        raise AssertionError(f"{what}: {look()}") from None


def _compared(pair: Pair, pool: Running, truth: Any, wrong: list[str]) -> Result:
    store = Store(f"sqlite:///{pool.folder / 'var' / 'ilp-pool.sqlite'}")
    try:
        connection = store.connection()
        with connection.begin():
            kept = journal.balances(connection)
            counted = Counter(connection.execute(select(schema.fills.c.place)).scalars())
            transfers = connection.execute(select(func.count()).select_from(schema.transits)).scalar_one()
            wrong += journal.check(connection)
    finally:
        store.close()
    for place in PLACES:
        wrong += differences(place, truth, pool.venues[place], kept.get(f"venue:{place}", {}), counted[place])
    return Result(pair, counted.total(), counted["source"], transfers, wrong)


def differences(place: str, truth: Any, venue: str, kept: Mapping[str, Decimal], fills: int) -> list[str]:
    """What ``truth`` says of ``venue``, beside the balances and the number of fills that the ledger has kept of ``place``."""
    found = []
    account = truth["venues"][venue]["balances"]["pool"]
    for ticker in sorted(kept.keys() | account.keys()):
        true = Decimal(account[ticker]["balance"]) if ticker in account else ZERO
        if gap := kept.get(ticker, ZERO) - true:
            found.append(f"the ledger has {gap:+f} {ticker} more at the {place} than there is")
    trading = truth["trading"][venue]
    found += [f"an order is left at the {place}: {order}" for order in trading["orders"].get("pool", [])]
    true_fills = len(trading["fills"].get("pool", []))
    if true_fills != fills:
        found.append(f"there were {true_fills} fills at the {place}, and the ledger has {fills}")
    return found


def _around(text: str, words: str) -> str:
    at = text.index(words)
    return text[max(0, at - 300) : at + 1500]


def say(line: str) -> None:
    """For the person at the terminal."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run them all; 0 if all books are true."""
    parser = argparse.ArgumentParser(prog="python -m tests.matrix.run", description=__doc__)
    parser.add_argument("--venues", default=",".join(CLIENTS), help="only runs between these, at least two")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each run trades")
    chosen = parser.parse_args(arguments)
    venues = [name.strip() for name in chosen.venues.split(",")]
    if len(set(venues)) < 2 or not set(venues) <= set(CLIENTS):
        parser.error(f"--venues: at least two of {', '.join(CLIENTS)}")
    # Ended from outside it ends its pool, too.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit(1))
    began = time.monotonic()
    results = []
    for pair in pairs(venues):
        results.append(run(pair, chosen.seconds))
        say(str(results[-1]))
        for sentence in results[-1].wrong:
            say(f"    {sentence}")
    true = sum(1 for result in results if not result.wrong)
    fills, hedges, transfers = (sum(getattr(each, name) for each in results) for name in ("fills", "hedges", "transfers"))
    say(
        f"matrix: {len(results)} runs, {true} with books = truth, fills {fills} hedges {hedges} transfers {transfers}, "
        f"{time.monotonic() - began:.0f} s"
    )
    return 0 if true == len(results) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
