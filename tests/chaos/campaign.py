"""``python -m tests.chaos.campaign --kills N --seed S [--postgres URL|own]``: kill the pool N times among faults, then compare.

One seed draws where each kill strikes and what goes wrong around it; it is printed, and given again it draws the same. (What
then happens in the market depends on the machine's speed too.) The last line is ``kills K faults F fills N unhedged 0
doubled 0 lost 0 orphans 0``; anything else exits with 1 and says what differs. With ``--postgres own`` the ledger is on a
PostgreSQL of the campaign's own, which is killed and restarted too.
"""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from runtime.crash_points import NAMES
from tests.chaos import config
from tests.chaos.processes import LOOK, Exchanges, Pool, Stuck, until
from tests.chaos.trouble import Trouble, draw, make
from tests.chaos.truth import VENUES, Comparison, balances, compare, exposure, of_pool
from tests.ledger.postgres import PostgresServer, server

#: A start must be READY in this time without faults; with some in force they are ended after half of it. In seconds.
READY_IN = 90.0
#: So long its first quotes may take, until it counts as trading anyway (a venue may be down): on a loaded machine the
#: first decision waits for its process, and a pool that is killed before it has never done anything. In seconds.
QUOTED_IN = 10.0
#: So long a named point may take to be passed, before the pool is killed anyway and the point comes again later.
REACHED_IN = 4.0
#: Points that a pool does not pass many times in a few seconds.
RARE = ("requestWithdrawal", "save_transit", "book_transaction", "save_obligation")
#: The trouble that is not the exchanges' own: a database that is gone for so long, in seconds.
DATABASE, DATABASE_GONE = "database", 0.7
#: How many faults come with one kill.
FEWEST, MOST = 0, 3


class Campaign:
    """One campaign in ``folder``."""

    def __init__(self, folder: Path, kills: int, seed: int, url: str, database: PostgresServer | None = None) -> None:
        self._dice = Random(seed)
        self._database = database
        self._kills = kills
        self._url = url
        self._exchanges = Exchanges(folder, config.sandbox(seed))
        self._config = folder / "pool.ini"
        self._write_config()
        self._pool = Pool(self._config, config.LOGIN)
        self._points: list[str] = []
        self._began = time.monotonic()
        self._diary = folder / "diary.txt"
        self.kills = self.faults = self.passed = 0

    def _write_config(self) -> None:
        text = config.pool(self._exchanges.endpoints, self._exchanges.logins, self._url, self._dice)
        self._config.write_text(text, encoding="utf-8")
        self._config.chmod(0o600)

    def run(self, seconds: float = float("inf")) -> Comparison:
        """All kills (or as many as begin in ``seconds``), then peace, then the comparison.

        :raises Stuck: the pool did not come back, or halted.
        """
        try:
            while self.kills < self._kills and time.monotonic() - self._began < seconds:
                self._one_kill()
            return self._make_peace()
        finally:
            self._pool.end()
            self._exchanges.end()

    def _note(self, what: str) -> None:
        with self._diary.open("a", encoding="utf-8") as diary:
            diary.write(f"{time.monotonic() - self._began:7.2f} {self._pool.output.stem} {what}\n")

    # One kill

    def _one_kill(self) -> None:
        point = self._next_point() if self._dice.random() < 0.5 else ""
        passages = 1 if point.endswith(RARE) else self._dice.randint(1, 3)
        point_at = f"{point}:{passages}" if point else ""
        self._pool.start(point_at)
        self._note(f"started {point_at}")
        lives = self._dice.uniform(0.1, 1.0) if not point and self._dice.random() < 0.2 else None
        faults = [draw(self._dice) for _ in range(self._dice.randint(FEWEST, MOST))]
        moments = sorted(self._dice.uniform(0, 1.5) for _ in faults)
        patience = REACHED_IN if point else self._dice.uniform(0.3, 2.5)
        if self._database is not None and self._dice.random() < 0.2:
            faults, moments = [*faults, Trouble("kill database", DATABASE, {})], [*moments, moments[-1] if moments else 0.5]
        if lives is not None:
            self._live(lives, faults, moments)
        elif self._trade():
            self._live(patience, faults, moments)
        if point and not self._pool.is_running:
            self.passed += 1
        elif point:
            self._points.append(point)
        self._note("dies" if self._pool.is_running else "is dead by its point")
        self._pool.kill()
        self.kills += 1
        if self._dice.random() < 0.7:
            self._exchanges.calm()
        self._write_config()
        self._pool.prepare()

    def _next_point(self) -> str:
        if not self._points:
            self._points = self._dice.sample(NAMES, len(NAMES))
        return self._points.pop(0)

    def _trade(self) -> bool:
        """Wait for READY, START; whether the pool trades (it may pass its point before)."""
        began, is_calm = time.monotonic(), False

        def is_trading() -> bool:
            nonlocal is_calm
            if not is_calm and time.monotonic() - began > READY_IN / 6:
                self._exchanges.calm()
                is_calm = True
            state, reason = self._pool.state()
            if state == "HALTED":
                raise Stuck(f"the pool has halted: {reason}")
            if state == "READY":
                self._pool.prepare()
                self._pool.say("/api/start", {})
            return state == "TRADING" or not self._pool.is_running

        self._note("wants to trade")
        until(is_trading, lambda: f"the pool trades; it is {self._pool.state()}", READY_IN)
        end = time.monotonic() + QUOTED_IN
        while self._pool.is_running and not self._pool.has_quotes() and time.monotonic() < end:
            time.sleep(LOOK)
        self._note("trades" if self._pool.is_running else "is dead by its point")
        return self._pool.is_running

    def _live(self, seconds: float, faults: list[Any], moments: list[float]) -> None:
        """Let time and faults pass until ``seconds`` are over or the pool is dead; do what a person has to do."""
        began = time.monotonic()
        while self._pool.is_running and (passed := time.monotonic() - began) < seconds:
            while moments and moments[0] <= passed:
                moments.pop(0)
                fault = faults.pop(0)
                is_made = self._kill_database() if fault.path == DATABASE else make(fault, self._exchanges)
                self.faults += is_made
                self._note(f"fault {fault} {is_made}")
            self._tend()
            time.sleep(0.05)

    def _kill_database(self) -> bool:
        assert self._database is not None
        self._database.kill()
        time.sleep(DATABASE_GONE)
        self._database.start()
        return True

    def _tend(self) -> None:
        """The person: look at the venue for a withdrawal that the pool cannot prove, and say START where it is READY."""
        state, reason = self._pool.state()
        if state == "HALTED":
            raise Stuck(f"the pool has halted: {reason}")
        if state == "READY":
            self._pool.say("/api/start", {})
        for task in self._pool.say("/api/tasks") or ():
            self._pool.say(f"/api/tasks/{task['id']}", {"outcome": "cancel" if task["kind"] == "look" else "approve"})

    # Peace

    def _make_peace(self) -> Comparison:
        self._exchanges.calm()
        self._pool.start()
        self._trade()
        end = time.monotonic() + 30
        while time.monotonic() < end and not (self._is_settled() and self._is_covered() and self._has_traded()):
            self._tend()
            time.sleep(0.2)
        self._pool.say("/api/stop", {})
        until(lambda: self._pool.state()[0] == "READY", lambda: f"STOP leads to READY; it is {self._pool.state()}", 30)
        self._exchanges.say("/tick", {"seconds": config.ARRIVED})
        until(self._is_at_rest, self._what_is_left, 60)
        code = self._pool.stop(20)
        if code:
            raise Stuck(f"the pool ended with {code}")
        truth = self._exchanges.truth()
        return compare(truth, self._url, config.OPENING, config.MAX_EXPOSURE, config.IDEAL)

    def _is_covered(self) -> bool:
        return abs(exposure(self._exchanges.truth(), config.IDEAL)) <= config.MAX_EXPOSURE

    def _has_traded(self) -> bool:
        return any(of_pool(self._exchanges.truth(), place, "fills") for place in VENUES)

    def _is_settled(self) -> bool:
        """Whether every withdrawal is proven to have been made or not."""
        return all(t["state"] in ("travelling", "requested") for t in self._pool.say("/api/transits") or ())

    def _is_at_rest(self) -> bool:
        self._tend_stopped()
        answer = self._pool.say("/api/update")
        if not answer or self._pool.say("/api/transits"):
            return False
        truth = self._exchanges.truth()
        return all(
            Decimal(held["position"]) == balances(truth, place).get(ticker, Decimal(0))
            for place in ("source", "target")
            for ticker, held in answer["state"][f"balance_{place}"].items()
        )

    def _tend_stopped(self) -> None:
        for task in self._pool.say("/api/tasks") or ():
            self._pool.say(f"/api/tasks/{task['id']}", {"outcome": "cancel"})

    def _what_is_left(self) -> str:
        return f"all is at rest; transits: {self._pool.say('/api/transits')}, state {self._pool.state()}"


def say(lines: str) -> None:
    """For the person at the terminal."""
    sys.stdout.write(lines + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run one campaign; 0 if nothing differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", default="random", help="a number, or random")
    parser.add_argument("--postgres", metavar="URL", help="an empty PostgreSQL database for the ledger, or own; else SQLite")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="make peace after so long, with fewer kills")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs and the ledger")
    chosen = parser.parse_args(arguments)
    seed = secrets.randbelow(2**31) if chosen.seed == "random" else int(chosen.seed)
    folder = Path(tempfile.mkdtemp(prefix="ilp-chaos-"))
    say(f"seed {seed} in {folder}")
    began = time.monotonic()
    database = server() if chosen.postgres == "own" else None
    url = database.new_database() if database else chosen.postgres or f"sqlite:///{folder / 'ledger.sqlite'}"
    campaign = Campaign(folder, chosen.kills, seed, url, database)
    try:
        found = campaign.run(chosen.minutes * 60)
    except Stuck as stuck:
        say(f"seed {seed}: after {campaign.kills} kills: {stuck}\nthe logs are in {folder}")
        return 1
    for sentence in found.sentences:
        say(f"seed {seed}: {sentence}")
    say(f"{campaign.passed} kills at named points, {time.monotonic() - began:.0f} s")
    say(
        f"kills {campaign.kills} faults {campaign.faults} fills {found.fills} unhedged {found.unhedged} "
        f"doubled {found.doubled} lost {found.lost} orphans {found.orphans}"
    )
    if found.is_true and not chosen.keep:
        shutil.rmtree(folder)
    return 0 if found.is_true else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
