"""The two processes of a campaign, and what can be said to them: the simulated exchanges, and the pool that is killed."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.whole.running import ROOT

#: So long one HTTP answer may take, in seconds: a process that does not answer by then is stuck, and that is a finding.
ANSWER = 20.0
#: How often something is looked at, in seconds.
LOOK = 0.03


class Stuck(Exception):
    """What had to happen has not happened in its time; the text says what, and what was seen instead."""


def until(condition: Callable[[], Any], what: Callable[[], str] | str, seconds: float) -> Any:
    """Look again and again until ``condition`` is true; its value.

    :raises Stuck: it was not true in ``seconds``.
    """
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            raise Stuck(f"in {seconds:g} s it was never so that {what() if callable(what) else what}")
        time.sleep(LOOK)
    return found


def call(url: str, body: Any = None, headers: dict[str, str] | None = None, method: str | None = None) -> Any:
    """JSON from ``url``: GET, or POST where there is a body."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers or {}, method=method)
    with urllib.request.urlopen(request, timeout=ANSWER) as answer:
        return json.load(answer)


class Exchanges:
    """``python -m sandbox`` with its control face."""

    def __init__(self, folder: Path, options: dict[str, str]) -> None:
        config = folder / "exchanges.ini"
        config.write_text("[sandbox]\n" + "".join(f"{key} = {value}\n" for key, value in options.items()), encoding="utf-8")
        self.output = folder / "exchanges.txt"
        with self.output.open("w") as output:
            command = [sys.executable, "-m", "sandbox", "--config", str(config)]
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        until(lambda: "sputnik login" in self.output.read_text(), "the exchanges are up", 60)
        lines = re.findall(r"^(\w+): (\S+)$", self.output.read_text(), re.MULTILINE)
        self.endpoints = dict(lines)
        logins = re.findall(r"^(\w+) login: (.+) / (.+)$", self.output.read_text(), re.MULTILINE)
        self.logins = {name: (id, secret) for name, id, secret in logins}

    def say(self, path: str, body: Any = None, method: str | None = None) -> Any:
        """Ask the control face; fails with ``urllib.error.HTTPError`` for what it refuses."""
        return call(self.endpoints["control"] + path, body, method=method)

    def truth(self) -> Any:
        """Their own account of everything."""
        return self.say("/truth")

    def calm(self) -> None:
        """End all faults, and set the clocks right."""
        self.say("/faults", method="DELETE")
        for venue in self.logins:
            self.say("/clock", {"venue": venue, "skew": "0"})

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


class Pool:
    """One pool after another on the same config and ledger. The next one is always prepared (:mod:`tests.chaos.prepared`)."""

    def __init__(self, config: Path, login: tuple[str, str]) -> None:
        self._config = config
        basic = base64.b64encode(":".join(login).encode()).decode()
        self._headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json", "X-Requested-With": "chaos"}
        self._runs = 0
        self._next = self._prepare()
        self._running: subprocess.Popen[bytes] | None = None
        self._url = ""
        self.output = config

    def _prepare(self) -> "subprocess.Popen[bytes]":
        self._runs += 1
        with self._output_of(self._runs).open("w") as output:
            command = [sys.executable, "-m", "tests.chaos.prepared", str(self._config)]
            environment = {**os.environ, "PYTHONPATH": str(ROOT)}
            return subprocess.Popen(
                command, cwd=self._config.parent, env=environment, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
            )

    def _output_of(self, run: int) -> Path:
        return self._config.parent / f"pool-{run:03}.txt"

    def start(self, crash_point: str = "") -> None:
        """Start the prepared one, and prepare another."""
        self._running, self.output, self._url = self._next, self._output_of(self._runs), ""
        assert self._running.stdin is not None
        try:
            self._running.stdin.write(f"{crash_point}\n".encode())
            self._running.stdin.close()
        except BrokenPipeError:
            raise Stuck(f"the prepared pool has ended already:\n{self.output.read_text()}") from None

    def prepare(self) -> None:
        """Have the next one made ready; done once the running one has its start-up behind it."""
        if self._next is self._running:
            self._next = self._prepare()

    @property
    def is_running(self) -> bool:
        """Whether the process lives.

        :raises Stuck: it has ended otherwise than by SIGKILL: by an error of its own.
        """
        if self._running is None:
            return False
        code = self._running.poll()
        if code not in (None, -signal.SIGKILL):
            raise Stuck(f"the pool has ended with {code}:\n{self.output.read_text()[-2000:]}")
        return code is None

    def say(self, path: str, body: Any = None) -> Any:
        """Ask its API. None while it cannot answer: not up yet, or dead, or it refuses (``NotNow`` among others)."""
        if not self._url:
            found = re.search(r"console: (http://\S+?)/?$", self.output.read_text(), re.MULTILINE)
            if found is None:
                return None
            self._url = found.group(1)
        try:
            return call(self._url + path, body, self._headers)
        except urllib.error.HTTPError as refused:
            if refused.code in (409, 503):
                return None
            raise Stuck(f"{path}: {refused.code} {refused.read().decode('utf-8', 'replace')}") from refused
        except (urllib.error.URLError, ConnectionError):
            return None

    def state(self) -> tuple[str, str]:
        """What the trader page says, and why; two empty texts while it cannot say."""
        answer = self.say("/api/update")
        machine = answer["trader"]["fsm"] if answer else {"current_state": "", "reason": ""}
        return machine["current_state"], machine["reason"]

    def has_quotes(self) -> bool:
        """Whether it has orders on the target, by its own account."""
        answer = self.say("/api/update")
        return bool(answer and answer["state"]["target_orders"])

    def kill(self) -> None:
        """SIGKILL, whatever it is doing; harmless if it is dead."""
        if self._running is not None:
            self._running.kill()
            self._running.wait()

    def stop(self, seconds: float) -> int:
        """SIGTERM, and the exit code; Stuck if it does not end."""
        assert self._running is not None
        self._running.send_signal(signal.SIGTERM)
        try:
            return self._running.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Stuck(f"SIGTERM has not ended the pool in {seconds:g} s") from None

    def end(self) -> None:
        """End all of them."""
        for process in {self._running, self._next} - {None}:
            assert process is not None
            process.kill()
            process.wait()
            if process.stdin is not None:
                process.stdin.close()
