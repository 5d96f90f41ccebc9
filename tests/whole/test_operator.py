"""What an operator does beside a pool that trades: status, backup, export, replay; then the ledger is lost and restored."""

import json
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, ClassVar
from unittest import SkipTest

import pytest

from runtime.exits import Exit
from tests.ledger import postgres
from tests.whole.running import until
from tests.whole.separate import SeparateCase


@pytest.mark.slow
class OperatorTests(SeparateCase):
    """Exchanges, pool and commands are processes of their own, with nothing in common but the config."""

    world: ClassVar[Mapping[str, str]] = {"speed": "30"}
    pool: ClassVar[Mapping[str, str]] = {"limits.transfers": "off"}

    def json(self, *words: str, code: Exit = Exit.DONE) -> Any:
        """What a command prints with --json."""
        answer = self.ilp(*words, "--json")
        self.assertEqual(answer.returncode, code, f"{words}: {answer.stdout}{answer.stderr}")
        return json.loads(answer.stdout)

    def trading(self, name: str = "pool") -> "subprocess.Popen[bytes]":
        """A pool that trades, with a few fills."""
        pool = self.run_it(name)
        until(lambda: self.state(name) == "READY", "the pool is READY")
        self.ask("/api/start", {}, name)
        until(lambda: len(self.ask("/api/fills", name=name)) >= 10, "there are ten fills")
        return pool

    def rows(self, table: str) -> int:
        """How many the ledger has."""
        with closing(sqlite3.connect(self.folder / "ledger.sqlite")) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def comes_back(self, lose: Callable[[], None]) -> None:
        """Back up while it trades, trade on, kill it, ``lose`` the ledger, restore: it books what it missed and trades on."""
        pool = self.trading()
        made = self.json("backup", "--to", str(self.folder / "now.backup"))
        self.assertEqual(made["problems"], [])
        fills = len(self.ask("/api/fills"))
        until(lambda: len(self.ask("/api/fills")) >= fills + 10, "it trades on")
        self.assertEqual(self.ilp("restore", "now.backup").returncode, Exit.REFUSED)
        pool.kill()
        pool.wait()
        lose()
        restored = self.json("restore", "now.backup")
        self.assertEqual((restored["rows"], restored["kept"]), (made["rows"], None))
        again = self.run_it("again")
        until(lambda: self.state("again") == "READY", "the restored pool is READY")
        until(lambda: not self.differences("again"), "its books equal the truth")
        # What it placed after the backup it cannot know, where the venue carries no tag: a person is asked to look.
        self.assertEqual(self.orders()["kraken"], [])
        (task,) = self.ask("/api/tasks", name="again")
        self.assertIn("the ledger was restored as of", task["title"])
        self.ask("/api/start", {}, "again")
        until(lambda: self.state("again") == "TRADING", "it trades again")
        until(lambda: len(self.ask("/api/fills", name="again")) >= 10, "there are fills")
        self.ask("/api/stop", {}, "again")
        until(lambda: not self.differences("again"), "its books still equal the truth")
        traded = {venue: len(found["fills"]["pool"]) for venue, found in self.exchanges.truth()["trading"].items()}
        again.send_signal(signal.SIGTERM)
        self.assertEqual(again.wait(60), 0)
        booked = self.json("export", "fills")
        places = [fill["place"] for fill in booked]
        self.assertEqual({"kraken": places.count("source"), "sputnik": places.count("target")}, traded)

    def test_backup_kill_restore(self) -> None:
        """A backup made while it trades, trades after it, a kill and a lost ledger: restored, the pool starts, books what it
        missed, agrees with the venues to the last unit and trades on."""

        def lose() -> None:
            for path in self.folder.glob("ledger.sqlite*"):
                path.unlink()

        self.comes_back(lose)

    def test_backup_kill_restore_of_a_server(self) -> None:
        """The same on PostgreSQL, restored into another database."""
        try:
            server = postgres.server()
        except postgres.Missing as missing:
            raise SkipTest(str(missing)) from None
        self.use_ledger(server.new_database())
        self.comes_back(lambda: self.use_ledger(server.new_database()))

    def test_status(self) -> None:
        """Before, while and after: what it says of the pool, and the exit code that says it in short."""
        self.assertIn("there is no ledger", self.json("status", code=Exit.CANNOT)["reason"])
        pool = self.trading()
        until(lambda: len(self.json("status")["quotes"]) == 2, "both quotes are told")
        found = self.json("status")
        self.assertEqual((found["is_running"], found["state"], found["pid"]), (True, "TRADING", pool.pid))
        self.assertEqual({venue["name"] for venue in found["venues"].values()}, {"kraken", "sputnik"})
        self.assertEqual([each["problem"] for each in found["inputs"]], [""] * len(found["inputs"]))
        until(lambda: "quote: SELL 0.0" in self.ilp("status").stdout, "the quote is told in words")
        told = self.ilp("status").stdout
        for words in ("TRADING", "source kraken: connected", "exposure", "input ledger"):
            self.assertIn(words, told)
        until(lambda: self.rows("samples"), "the ledger has a sample")
        pool.send_signal(signal.SIGSTOP)
        self.assertIn("does not answer", self.json("status", code=Exit.NOT_READY)["reason"])
        pool.send_signal(signal.SIGCONT)
        pool.kill()
        pool.wait()
        found = self.json("status", code=Exit.CANNOT)
        self.assertEqual((found["is_running"], found["last_state"]), (False, "TRADING"))
        self.assertEqual(len([one for one in found["open_orders"] if one["intent"]["purpose"] == "quote"]), 2)
        self.assertIn("may still be out: quote", self.ilp("status").stdout)

    def test_every_decision_comes_out_the_same(self) -> None:
        """Each of at least a hundred decisions of a run, decided again by another process, is the same field by field; one that
        was tampered with is not, and the field is named."""
        pool = self.trading()
        until(lambda: len(self.json("replay", "--last", "200")) >= 100, "there are a hundred decisions")
        pool.send_signal(signal.SIGTERM)
        self.assertEqual(pool.wait(60), 0)
        found = self.json("replay", "--last", "100000")
        self.assertGreaterEqual(len(found), 100)
        self.assertEqual({one["is_same"] for one in found}, {True})
        self.assertEqual({one["has_guards"] for one in found}, {True})
        id = found[0]["id"]
        self.tamper(id)
        (one,) = self.json("replay", "--decision", id, code=Exit.FOUND)
        self.assertEqual([difference["field"] for difference in one["differences"]], ["fair"])
        self.assertIn("1 of", self.ilp("replay", "--decision", id).stdout)
        self.assertEqual(self.ilp("replay", "--decision", "none").returncode, Exit.CANNOT)

    def tamper(self, id: str) -> None:
        """Change one number of a decision that is over."""
        with closing(sqlite3.connect(self.folder / "ledger.sqlite")) as connection, connection:
            connection.execute("UPDATE decisions SET decision = json_set(decision, '$.fair', '1') WHERE id = ?", (id,))

    def test_a_newer_ledger(self) -> None:
        """A program that is older than its ledger does not start, says why and what to do, and changes nothing."""
        pool = self.run_it("pool")
        until(lambda: self.state() == "READY", "the pool is READY")
        pool.send_signal(signal.SIGTERM)
        self.assertEqual(pool.wait(60), 0)
        with closing(sqlite3.connect(self.folder / "ledger.sqlite")) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        before = (self.folder / "ledger.sqlite").read_bytes()
        refused = self.run_it("refused")
        self.assertEqual(refused.wait(60), Exit.CANNOT)
        self.assertIn(
            "cannot start: the ledger: the ledger is of revision 9999, written by a newer program", self.printed("refused")
        )
        self.assertEqual((self.folder / "ledger.sqlite").read_bytes(), before)
        self.assertEqual(list(self.folder.glob("*.backup")), [])
