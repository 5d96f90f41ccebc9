"""``python -m tests.chaos.campaign --kills N --seed S [--postgres URL|own]``: kill the pool N times among faults, then compare.

The plan, where each kill strikes and what goes wrong around it, is drawn from the seed before anything begins
(:mod:`tests.chaos.plan`); both are printed, and the seed given again draws the same plan. The last line is ``kills K faults F
fills N unhedged 0 doubled 0 lost 0 orphans 0``; anything else exits with 1 and says what differs. A long campaign must also
have struck at every named point and with every kind of fault. With ``--postgres own`` the ledger is on a PostgreSQL of the
campaign's own, which is killed and restarted too.
"""

import argparse
import secrets
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from runtime.crash_points import NAMES
from tests.chaos import config
from tests.chaos.person import Person
from tests.chaos.plan import DATABASE, Round, digest, draw_plan
from tests.chaos.processes import LOOK, Exchanges, Pool, Stuck, until
from tests.chaos.trouble import KINDS, Trouble, make
from tests.chaos.truth import VENUES, Comparison, balances, compare, exposure, of_pool
from tests.ledger.postgres import PostgresServer, server

#: A start must be READY in this time without faults; with some in force they are ended after a part of it. In seconds.
READY_IN, ENOUGH = 90.0, 5.0
#: So long its first quotes may take, until it counts as trading anyway (a venue may be down): on a loaded machine the
#: first decision waits for its process, and a pool that is killed before it has never done anything. In seconds.
QUOTED_IN = 4.0
#: So long a named point may take to be passed, before the pool is killed anyway. In seconds.
REACHED_IN = 4.0
#: How long a database that was killed is gone, in seconds.
DATABASE_GONE = 0.7
#: What fills while STOP cancels the quotes is not hedged before the next START. So often the person starts and stops again.
STOPS = 4
#: So many kills must have struck everywhere and with everything.
LONG = 200


class Campaign:
    """One campaign in ``folder``. ``struck`` counts the kills by named point, ``hits`` what went wrong by its kind."""

    def __init__(self, folder: Path, plan: Sequence[Round], seed: int, url: str, database: PostgresServer | None = None) -> None:
        self._database = database
        self._plan = plan
        self._url = url
        self._exchanges = Exchanges(folder, config.sandbox(seed))
        self._config = folder / "pool.ini"
        self._write_config(0, config.HEDGES[0])
        self._pool = Pool(self._config, config.LOGIN)
        self._person = Person(self._pool, self._exchanges)
        self._began = time.monotonic()
        self._diary = folder / "diary.txt"
        self._faults: dict[int, str] = {}
        self.struck: Counter[str] = Counter()
        self.hits: Counter[str] = Counter()
        self.kills = self.made = 0

    @property
    def has_database(self) -> bool:
        """Whether its ledger is on a server that is killed too."""
        return self._database is not None

    def _write_config(self, spread: int, hedge: str) -> None:
        text = config.pool(self._exchanges.endpoints, self._exchanges.logins, self._url, spread, hedge)
        self._config.write_text(text, encoding="utf-8")
        self._config.chmod(0o600)

    def run(self, seconds: float = float("inf")) -> Comparison:
        """All rounds (or as many as begin in ``seconds``), then peace, then the comparison.

        :raises Stuck: the pool did not come back, or halted.
        """
        try:
            for each in self._plan:
                if time.monotonic() - self._began < seconds:
                    self._play(each)
            return self._make_peace()
        finally:
            self._pool.end()
            self._exchanges.end()

    def _note(self, what: str) -> None:
        with self._diary.open("a", encoding="utf-8") as diary:
            diary.write(f"{time.monotonic() - self._began:7.2f} {self._pool.output.stem} {what}\n")

    # One kill

    def _play(self, this: Round) -> None:
        if this.is_calm:
            self._exchanges.calm()
        for trouble in this.before:
            self._go_wrong(trouble)
        self._write_config(this.spread, this.hedge)
        self._pool.start(this.point)
        self._note(f"started {this.point}")
        if this.is_early or self._trade():
            self._live(REACHED_IN if this.point else this.seconds, this.troubles)
        if this.point and not self._pool.is_running:
            self.struck[this.point.partition(":")[0]] += 1
        self._note("dies" if self._pool.is_running else "is dead by its point")
        self._pool.kill()
        self.kills += 1
        self._pool.prepare()

    def _trade(self) -> bool:
        """Wait for READY, START; whether the pool trades (it may pass its point before)."""
        began, is_calm = time.monotonic(), False

        def is_trading() -> bool:
            nonlocal is_calm
            if not is_calm and time.monotonic() - began > ENOUGH:
                self._exchanges.calm()
                is_calm = True
            state = self._person.state()
            if state == "READY":
                self._pool.prepare()
                self._pool.say("/api/start", {})
            return state == "TRADING" or not self._pool.is_running

        until(is_trading, lambda: f"the pool trades; it is {self._pool.state()}", READY_IN)
        end = time.monotonic() + QUOTED_IN
        while self._pool.is_running and not self._pool.has_quotes() and time.monotonic() < end:
            time.sleep(LOOK)
        self._note("trades")
        return self._pool.is_running

    def _live(self, seconds: float, troubles: Sequence[tuple[float, Trouble]]) -> None:
        """Let time and troubles pass until ``seconds`` are over or the pool is dead; a person looks all the time."""
        began, left = time.monotonic(), list(troubles)
        while self._pool.is_running and (passed := time.monotonic() - began) < seconds:
            # What there is nothing yet to happen to waits for its time.
            left = [(moment, trouble) for moment, trouble in left if moment > passed or not self._go_wrong(trouble)]
            self._person.tend()
            time.sleep(0.05)

    def _go_wrong(self, trouble: Trouble) -> bool:
        made = self._kill_database() if trouble is DATABASE else make(trouble, self._exchanges)
        if made is None:
            return False
        self._note(f"{trouble.kind} {trouble.body} {made}")
        self.made += 1
        if made:
            self._faults[made] = trouble.kind
        else:
            self.hits[trouble.kind] += 1
        return True

    def _kill_database(self) -> int:
        assert self._database is not None
        self._database.kill()
        time.sleep(DATABASE_GONE)
        self._database.start()
        return 0

    # Peace

    def _make_peace(self) -> Comparison:
        for id, hits in self._exchanges.say("/faults/hits").items():
            self.hits[self._faults[int(id)]] += hits
        self._exchanges.calm()
        self._pool.start()
        for _ in range(STOPS):
            self._trade_until_settled()
            self._pool.say("/api/stop", {})
            until(lambda: self._pool.state()[0] == "READY", lambda: f"STOP leads to READY; it is {self._pool.state()}", 30)
            if self._is_covered():
                break
        self._exchanges.say("/tick", {"seconds": config.ARRIVED})
        until(self._is_at_rest, self._what_is_left, 60)
        code = self._pool.stop(20)
        if code:
            raise Stuck(f"the pool ended with {code}")
        self._note("ends")
        truth = self._exchanges.truth()
        return compare(truth, self._url, config.OPENING, config.MAX_EXPOSURE, config.IDEAL)

    def _trade_until_settled(self) -> None:
        self._trade()
        end = time.monotonic() + 90
        while time.monotonic() < end and not (self._is_settled() and self._is_covered() and self._has_traded()):
            self._person.tend()
            time.sleep(0.2)
        self._note("has made its peace")

    def _is_covered(self) -> bool:
        return abs(exposure(self._exchanges.truth(), config.IDEAL)) <= config.MAX_EXPOSURE

    def _has_traded(self) -> bool:
        return any(of_pool(self._exchanges.truth(), place, "fills") for place in VENUES)

    def _is_settled(self) -> bool:
        """Whether every withdrawal is proven to have been made or not, and coins that never arrive have been written off: cash
        is later, when no more is sent, for what a bank converts is taken for what was sent longest ago."""
        coming = [t for t in self._exchanges.truth()["transits"] if not (t["is_done"] or t["is_lost"]) and t["ticker"] == "BTC"]
        transits = self._pool.say("/api/transits") or []
        coins = [t for t in transits if t["ticker"] == "BTC" and t["state"] == "travelling"]
        return len(coins) <= len(coming) and all(t["state"] in ("travelling", "requested") for t in transits)

    def _is_at_rest(self) -> bool:
        self._person.answer("cancel")
        answer = self._pool.say("/api/update")
        if not answer or self._pool.say("/api/transits"):
            return False
        truth = self._exchanges.truth()
        return all(
            Decimal(held["position"]) == balances(truth, place).get(ticker, Decimal(0))
            for place in ("source", "target")
            for ticker, held in answer["state"][f"balance_{place}"].items()
        )

    def _what_is_left(self) -> str:
        return f"all is at rest; transits: {self._pool.say('/api/transits')}, state {self._pool.state()}"


def missing(struck: Counter[str], hits: Counter[str], kinds: Sequence[str]) -> list[str]:
    """What a long campaign should have done and has not: a sentence for each point and each kind of fault."""
    sentences = [f"no kill struck at {name}" for name in NAMES if not struck[name]]
    return sentences + [f"{kind}: it never happened" for kind in kinds if not hits[kind]]


def table(title: str, counts: Counter[str], names: Sequence[str]) -> str:
    """All ``names`` with their counts, a few in each line."""
    entries = [f"{name} {counts[name]}" for name in names]
    width = max(map(len, entries)) + 2
    rows = ["".join(f"{entry:{width}}" for entry in entries[start : start + 4]) for start in range(0, len(entries), 4)]
    return "\n  ".join([title, *(row.rstrip() for row in rows)])


def say(lines: str) -> None:
    """For the person at the terminal."""
    sys.stdout.write(lines + "\n")
    sys.stdout.flush()


def main(arguments: list[str]) -> int:
    """Run one campaign; 0 if nothing differs."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.campaign", description=__doc__)
    parser.add_argument("--kills", type=int, default=LONG)
    parser.add_argument("--seed", default="random", help="a number, or random")
    parser.add_argument("--postgres", metavar="URL", help="an empty PostgreSQL database for the ledger, or own; else SQLite")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="make peace after so long, with fewer kills")
    parser.add_argument("--keep", action="store_true", help="keep the folder with all logs and the ledger")
    chosen = parser.parse_args(arguments)
    seed = secrets.randbelow(2**31) if chosen.seed == "random" else int(chosen.seed)
    folder = Path(tempfile.mkdtemp(prefix="ilp-chaos-"))
    plan = draw_plan(seed, chosen.kills, has_database=chosen.postgres == "own")
    say(f"seed {seed} plan {digest(plan)} in {folder}")
    began = time.monotonic()
    database = server() if chosen.postgres == "own" else None
    url = database.new_database() if database else chosen.postgres or f"sqlite:///{folder / 'ledger.sqlite'}"
    campaign = Campaign(folder, plan, seed, url, database)
    try:
        found = campaign.run(chosen.minutes * 60)
    except Stuck as stuck:
        say(f"seed {seed}: after {campaign.kills} kills: {stuck}\nthe logs are in {folder}")
        return 1
    is_good = report(campaign, found, f"seed {seed}: ", time.monotonic() - began)
    if is_good and not chosen.keep:
        shutil.rmtree(folder)
    return 0 if is_good else 1


def report(campaign: Campaign, found: Comparison, prefix: str, seconds: float) -> bool:
    """Say what was done and what differs; whether all is well."""
    kinds = (*KINDS, DATABASE.kind) if campaign.has_database else KINDS
    left_out = missing(campaign.struck, campaign.hits, kinds) if campaign.kills >= LONG else []
    for sentence in (*found.sentences, *left_out):
        say(prefix + sentence)
    say(table(f"{seconds:.0f} s; {campaign.struck.total()} kills at named points", campaign.struck, NAMES))
    say(
        table(
            f"{campaign.hits.total()} calls, events and others hit by {campaign.made} faults",
            campaign.hits,
            kinds,
        )
    )
    say(
        f"kills {campaign.kills} faults {campaign.made} fills {found.fills} unhedged {found.unhedged} "
        f"doubled {found.doubled} lost {found.lost} orphans {found.orphans}"
    )
    return found.is_true and not left_out


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
