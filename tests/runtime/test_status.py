"""How a pool is: over the socket that it answers on, and out of a ledger that nobody uses."""

import io
import json
import socket
import stat
import tempfile
from contextlib import redirect_stdout
from decimal import Decimal as D
from pathlib import Path
from threading import Thread
from typing import Any
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from ledger.sql import SqlLedger
from model.records import Sample
from runtime import status
from runtime.config import Config, load
from runtime.exits import Exit
from runtime.status_shape import running
from runtime.status_socket import StatusSocket
from tests.contracts.ledger import INTENT, OBLIGATION, TASK, TRANSIT
from tests.ledger.folders import new_folder
from tests.ledger.pump import Pump
from tests.runtime.configs import ORIGINAL, OVERRIDES, written
from tests.web.fake_pool import view


class SocketTests(TestCase):
    """A real socket, and the real reactor behind it."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="ilp-status-")
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "var" / "pool.status"
        self.path.parent.mkdir()
        self.path.touch()  # as one that was killed leaves it behind
        self.socket = StatusSocket(self.path, lambda: running(view()), reactor)
        self.socket.start()
        self.addCleanup(self.socket.close)

    def ask(self) -> "Deferred[Any]":
        """Ask as the command does, which waits for the answer."""
        found: Deferred[Any] = deferToThread(status.ask, self.path)
        return found

    def test_answer(self) -> "Deferred[Any]":
        """The answer is the pool's view, whole and JSON; nobody else can open the socket, and what was there is in no way."""
        self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
        there = json.loads(json.dumps(running(view())))

        def check(found: Any) -> None:
            self.assertEqual(found, there)
            self.assertEqual((found["state"], found["is_running"]), (view().state, True))
            self.assertEqual({place: v["name"] for place, v in found["venues"].items()}.keys(), {"source", "target"})

        return self.ask().addCallback(check)

    def test_after_the_end(self) -> "Deferred[Any]":
        """A socket that is closed is told as no pool, and its file is gone; closing again is harmless."""
        closed = self.socket.close().addCallback(lambda _: self.assertFalse(self.path.exists()))
        closed.addCallback(lambda _: self.socket.close())
        return closed.addCallback(lambda _: self.assertFailure(self.ask(), status.NotRunning))

    def test_place_that_cannot_be(self) -> None:
        """A pool that cannot be asked is no reason not to trade."""
        StatusSocket(Path("/proc/nowhere/x"), dict, reactor).start()
        StatusSocket(self.path.with_name("x" * 200), dict, reactor).start()


class CommandTests(SynchronousTestCase):
    """``status``, in words and codes."""

    def setUp(self) -> None:
        self.pump = Pump()
        self.folder = new_folder(self)
        self.url = f"sqlite:///{self.folder}/ilp.db"

    def config(self) -> Config:
        """The original's, with this ledger."""
        return load(written(f"{ORIGINAL}{OVERRIDES}[ledger]\nurl = {self.url}\n"), {}, is_offline=True)

    def say(self, code: Exit, as_json: bool = False) -> str:
        """What it prints."""
        with redirect_stdout(io.StringIO()) as said:
            self.assertEqual(status.run(self.config(), as_json), code)
        return said.getvalue()

    def listen(self, answer: bytes | None) -> None:
        """Somebody answers with that once, or never."""
        there = socket.socket(socket.AF_UNIX)
        self.addCleanup(there.close)
        there.bind(f"{self.folder}/ilp.db.status")
        there.listen()

        def serve() -> None:
            conversation, _ = there.accept()
            with conversation:
                conversation.sendall(answer or b"")

        if answer is not None:
            thread = Thread(target=serve)
            thread.start()
            self.addCleanup(thread.join)

    def test_codes_by_state(self) -> None:
        """READY and TRADING are 0, anything else of a running pool is 4."""
        fine, not_ready = ("READY", "TRADING"), ("HALTED", "DISCONNECTED", "INITIALIZING", "STOPPING")
        for state, code in (*((name, Exit.DONE) for name in fine), *((name, Exit.NOT_READY) for name in not_ready)):
            self.listen(json.dumps({**running(view()), "state": state, "reason": "why"}).encode())
            self.assertIn(f"{state}: why", self.say(code))
            (self.folder / "ilp.db.status").unlink()

    def test_words(self) -> None:
        """For people: state, money, quotes, ages, tasks."""
        self.listen(json.dumps(running(view())).encode())
        code = Exit.DONE if view().state in ("READY", "TRADING") else Exit.NOT_READY
        told = self.say(code)
        for words in ("source", "holds", "exposure", "input", "result today", "task"):
            self.assertIn(words, told)

    def test_units(self) -> None:
        """Exposure and result have their units; what is not known yet is said so."""
        found = {**running(view()), "exposure": "-0.004", "result_today": "5.7535547325360721", "state": "READY"}
        self.listen(json.dumps(found).encode())
        self.assertIn("exposure -0.004 BTC; result today 5.75 USD", self.say(Exit.DONE))
        (self.folder / "ilp.db.status").unlink()
        self.listen(json.dumps({**found, "exposure": None}).encode())
        self.assertIn("exposure not known yet; ", self.say(Exit.DONE))

    def test_no_answer(self) -> None:
        """One that hangs, and one whose answer is cut off, is told as running and not answering."""
        self.listen(b'{"state": "REA')
        self.assertIn("cut off", self.say(Exit.NOT_READY))
        (self.folder / "ilp.db.status").unlink()
        self.listen(None)
        with mock.patch.object(status, "PATIENCE", 0.05):
            self.assertIn("does not answer", json.loads(self.say(Exit.NOT_READY, as_json=True))["reason"])

    def test_nobody(self) -> None:
        """Without a pool: what its ledger says will have to be looked after; without a ledger, that."""
        self.assertIn("there is no ledger", self.say(Exit.CANNOT))
        ledger, wait = SqlLedger(self.url, self.pump), self.pump.wait
        wait(ledger.open())
        wait(ledger.close())
        self.assertIn("it has never traded", self.say(Exit.CANNOT))
        wait(ledger.open())
        wait(ledger.book_adjustment("a", "venue:source", "BTC", D("1.5"), "outside", "", 1))
        wait(ledger.save_sample(Sample(7_000_000, "TRADING"), 0))
        wait(ledger.intend(INTENT))
        wait(ledger.save_obligation(OBLIGATION))
        wait(ledger.save_task(TASK))
        wait(ledger.save_transit(TRANSIT))
        wait(ledger.close())
        told = self.say(Exit.CANNOT)
        for words in (
            "no pool is running",
            "last seen TRADING at 1970-01-01T00:00:07Z",
            "source holds 1.5 BTC",
            "may still be out: hedge BUY 0.5 BTC/USD at 60000.1, intended",
            "must be hedged since",
            "task t1 since",
            "1.5 BTC source -> target, travelling",
        ):
            self.assertIn(words, told)
        self.assertEqual(json.loads(self.say(Exit.CANNOT, as_json=True))["balances"], {"venue:source": {"BTC": "1.5"}})
