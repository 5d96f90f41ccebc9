"""The watchdog against the stand-alone sandbox: the pool hangs, and its orders are cancelled, and nobody else's."""

import base64
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import TestCase

import pytest

from tests.chaos import config
from tests.chaos.processes import Exchanges, call
from tests.whole.running import ROOT, edited, until

BY_HAND = {"venue": "kraken", "user": "pool", "contract": "BTC/USD", "side": "SELL", "quantity": "0.1", "price": "90000"}


@pytest.mark.slow
class WatchdogTests(TestCase):
    """Four processes: exchanges, pool, watchdog, test."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        quiet = {"customers_per_day": "0", "trades_per_day": "0", "speed": "1"}
        self.exchanges = Exchanges(self.folder, config.sandbox(1) | quiet)
        self.addCleanup(self.exchanges.end)
        url = f"sqlite:///{self.folder}/ledger.sqlite"
        text = config.pool(self.exchanges.endpoints, self.exchanges.logins, url, 0, config.HEDGES[0])
        self.config = self.folder / "pool.ini"
        self.config.write_text(edited(text, {"watchdog.limit": "2", "limits.transfers": "off"}), encoding="utf-8")
        self.config.chmod(0o600)

    def run_it(self, name: str, *arguments: str) -> "subprocess.Popen[bytes]":
        """Start ``ilp.py``; what it prints is in the file of that name."""
        command = [sys.executable, str(ROOT / "ilp.py"), *arguments, "--config", str(self.config)]
        with (self.folder / name).open("w") as output:
            process = subprocess.Popen(command, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def printed(self, name: str) -> str:
        return (self.folder / name).read_text()

    def ask(self, path: str, body: Any = None) -> Any:
        """The pool's API."""
        found = re.search(r"console: (http://\S+?)/?$", self.printed("pool"), re.MULTILINE)
        if found is None:
            return None
        basic = base64.b64encode(":".join(config.LOGIN).encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json", "X-Requested-With": "tests"}
        return call(found.group(1) + path, body, headers)

    def state(self) -> str:
        answer = self.ask("/api/update")
        return str(answer and answer["trader"]["fsm"]["current_state"])

    def orders(self) -> dict[str, list[Any]]:
        """What is open of the pool's account, by venue, by the sandbox's truth."""
        trading = self.exchanges.truth()["trading"]
        return {venue: found["orders"].get("pool", []) for venue, found in trading.items()}

    def test_a_pool_that_hangs(self) -> None:
        """SIGSTOP: its orders are cancelled at both venues within seconds, a person's own order stays; SIGCONT: it trades on."""
        pool = self.run_it("pool")
        until(lambda: self.state() == "READY", "the pool is READY")
        by_hand = self.exchanges.say("/order", BY_HAND)
        dog = self.run_it("dog", "watchdog")
        until(lambda: "watching" in self.printed("dog"), "the watchdog watches")
        self.ask("/api/start", {})
        until(lambda: len(self.orders()["sputnik"]) == 2, "both sides are quoted")
        pool.send_signal(signal.SIGSTOP)
        until(lambda: not self.orders()["sputnik"], "no quote is left")
        self.assertEqual([order["id"] for order in self.orders()["kraken"]], [by_hand["id"]])
        until(lambda: "2 orders of the pool cancelled at the target, 0 left" in self.printed("dog"), "it says so")
        pool.send_signal(signal.SIGCONT)
        until(lambda: "heartbeat is back" in self.printed("dog"), "it hears the pool again")
        until(lambda: self.state() in ("READY", "TRADING"), "the pool knows where it stands")
        dog.send_signal(signal.SIGTERM)
        self.assertEqual(dog.wait(60), 0)

    def test_a_pool_that_was_killed(self) -> None:
        """SIGKILL: what it left in the book is found and cancelled, though the pool is not there any more."""
        pool = self.run_it("pool")
        until(lambda: self.state() == "READY", "the pool is READY")
        self.ask("/api/start", {})
        until(lambda: len(self.orders()["sputnik"]) == 2, "both sides are quoted")
        pool.kill()
        self.run_it("dog", "watchdog")
        until(lambda: not self.orders()["sputnik"], "no quote is left")
