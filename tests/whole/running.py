"""Start ``python ilp.py`` on the sandbox, talk to it over HTTP, compare it with the sandbox's truth."""

import base64
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLE = ROOT / "ilp_example_config" / "sandbox.ini"

#: So long anything may take on the slowest machine, in seconds. Nothing is asserted about it: it only ends a hung test.
PATIENCE = 60.0


class Running:
    """One pool process. Use as a context; the process is ended, whatever happens."""

    def __init__(self, changes: Mapping[str, str], arguments: tuple[str, ...] = ()) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self.config = self.folder / "pool.ini"
        self.config.write_text(edited(EXAMPLE.read_text(encoding="utf-8"), changes), encoding="utf-8")
        self.config.chmod(0o600)
        self._arguments = arguments
        fronts = {"source": "kraken", "target": "sputnik"}
        self.venues = {place: changes.get(f"sandbox.{place}_front", usual) for place, usual in fronts.items()}
        self.url = self.control = self.login = ""

    def __enter__(self) -> "Running":
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self.process.kill()
        self.process.wait()
        self._folder.cleanup()

    def start(self) -> None:
        """Start it (again), on the same config and ledger."""
        self.output = self.folder / "output.txt"
        command = [sys.executable, str(ROOT / "ilp.py"), "--config", str(self.config), *self._arguments]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=output, stderr=subprocess.STDOUT)
        self.url = self._printed(r"console: (http://\S+?)/?$")
        self.login = self._printed(r"login: (.+)$")
        self.control = self._printed(r"control at (http://\S+)")

    def _printed(self, pattern: str) -> str:
        def look() -> str | None:
            found = re.search(pattern, self.output.read_text(), re.MULTILINE)
            if found is None and self.process.poll() is not None:
                raise AssertionError(f"it ended with {self.process.returncode}:\n{self.output.read_text()}")
            return found and found.group(1)

        return str(until(look, f"the output has {pattern}"))

    def call(self, path: str, body: Any = None) -> Any:
        """The API's answer to GET, or to POST if there is a body."""
        user, _, password = self.login.partition(" / ")
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json", "X-Requested-With": "tests"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def truth(self) -> Any:
        """The sandbox's own account of everything."""
        with urllib.request.urlopen(self.control + "/truth", timeout=PATIENCE) as answer:
            return json.load(answer)

    def state(self) -> str:
        """What the trader page says."""
        return str(self.call("/api/update")["trader"]["fsm"]["current_state"])

    def wait_for_state(self, state: str) -> None:
        """Wait until the pool is in ``state``."""
        until(lambda: self.state() == state, f"the state is {state}")

    def quoted_sides(self) -> set[str]:
        """The sides on which the pool has orders in the target's book, by its own account."""
        return {order["side"] for order in self.call("/api/update")["state"]["target_orders"].values()}

    def differences(self) -> dict[str, Decimal]:
        """The pool's books less the sandbox's truth, where they differ, by place and ticker."""
        state, truth = self.call("/api/update")["state"], self.truth()
        found = {}
        for place, venue in self.venues.items():
            for ticker, held in state[f"balance_{place}"].items():
                gap = Decimal(held["position"]) - Decimal(truth["venues"][venue]["balances"]["pool"][ticker]["balance"])
                if gap:
                    found[f"{place} {ticker}"] = gap
        return found

    def held(self) -> dict[str, Decimal]:
        """What orders of ours still hold at the venues, by the sandbox's truth."""
        venues = self.truth()["venues"]
        return {
            f"{venue} {ticker}": Decimal(balance["held"])
            for venue, found in venues.items()
            for ticker, balance in found["balances"]["pool"].items()
            if Decimal(balance["held"])
        }

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit code."""
        self.process.send_signal(how)
        return self.process.wait(timeout=PATIENCE)


def until(condition: Callable[[], Any], what: str) -> Any:
    """Ask again and again until ``condition`` is true; its value."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if found := condition():
                return found
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.05)  # a real process, in real time: there is no clock of ours to advance
    raise AssertionError(f"in {PATIENCE:g} s it was never so that {what}")


def edited(text: str, changes: Mapping[str, str]) -> str:
    """A config with ``section.key`` set to other texts, whether they stand there, stand there as a comment, or not at all."""
    for name, value in changes.items():
        section, _, key = name.partition(".")
        head, found, rest = text.partition(f"[{section}]\n")
        assert found, f"the config has no [{section}]"
        body, bracket, tail = rest.partition("\n[")
        line = re.compile(rf"^(# )?{re.escape(key)} =.*$", re.MULTILINE)
        body = line.sub(f"{key} = {value}", body, count=1) if line.search(body) else f"{body}\n{key} = {value}"
        text = head + found + body + bracket + tail
    return text
