"""A pool whose exchanges are another process, so that they outlive it: what is killed, restored or upgraded finds them again."""

import base64
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar
from unittest import TestCase

from tests.chaos import config
from tests.chaos.processes import Exchanges, call
from tests.whole.running import PATIENCE, ROOT, edited


class SeparateCase(TestCase):
    """``world`` are changes to the exchanges, ``pool`` to the pool's config."""

    world: ClassVar[Mapping[str, str]] = {}
    pool: ClassVar[Mapping[str, str]] = {}

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.exchanges = Exchanges(self.folder, config.sandbox(1) | dict(self.world))
        self.addCleanup(self.exchanges.end)
        self.use_ledger(f"sqlite:///{self.folder}/ledger.sqlite")

    def use_ledger(self, url: str) -> None:
        """Write the pool's config, with this ledger."""
        text = config.pool(self.exchanges.endpoints, self.exchanges.logins, url, 0, "immediate")
        self.config = self.folder / "pool.ini"
        self.config.write_text(edited(text, self.pool), encoding="utf-8")
        self.config.chmod(0o600)

    def run_it(self, name: str, *arguments: str, environment: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
        """Start ``ilp.py``; what it prints is in the file of that name."""
        command = [sys.executable, str(ROOT / "ilp.py"), *arguments, "--config", str(self.config)]
        with (self.folder / name).open("w") as output:
            process = subprocess.Popen(command, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT, env=environment)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def ilp(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of ``ilp.py`` to its end."""
        command = [sys.executable, str(ROOT / "ilp.py"), *arguments, "--config", str(self.config)]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE, check=False)

    def printed(self, name: str) -> str:
        """What the process of that name has printed."""
        return (self.folder / name).read_text()

    def ask(self, path: str, body: Any = None, name: str = "pool") -> Any:
        """The API of the pool whose output is in the file ``name``; None before it listens."""
        found = re.search(r"console: (http://\S+?)/?$", self.printed(name), re.MULTILINE)
        if found is None:
            return None
        basic = base64.b64encode(":".join(config.LOGIN).encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json", "X-Requested-With": "tests"}
        return call(found.group(1) + path, body, headers)

    def state(self, name: str = "pool") -> str:
        """The state of the pool whose output is in the file ``name``."""
        answer = self.ask("/api/update", name=name)
        return str(answer and answer["trader"]["fsm"]["current_state"])

    def orders(self) -> dict[str, list[Any]]:
        """What is open of the pool's account, by venue, by the sandbox's truth."""
        trading = self.exchanges.truth()["trading"]
        return {venue: found["orders"].get("pool", []) for venue, found in trading.items()}

    def differences(self, name: str) -> dict[str, Decimal]:
        """The books of the pool ``name`` less the sandbox's truth, where they differ, by place and ticker."""
        state, truth = self.ask("/api/update", name=name)["state"], self.exchanges.truth()["venues"]
        found = {}
        for place, venue in (("source", "kraken"), ("target", "sputnik")):
            for ticker, held in state[f"balance_{place}"].items():
                gap = Decimal(held["position"]) - Decimal(truth[venue]["balances"]["pool"][ticker]["balance"])
                if gap:
                    found[f"{place} {ticker}"] = gap
        return found
