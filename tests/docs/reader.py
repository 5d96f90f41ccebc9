"""A person who follows the documents in a copy of the checkout: types each command, starts what goes on, presses Ctrl-C."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.docs.blocks import ROOT, Block
from tests.whole.running import PATIENCE, edited, until

#: What the documents say, and what only one program of this machine can have.
PORT = "8050"
#: What a person's own checkout would have besides, or must have for itself.
_OWN = {".git", "build", "dist", "var", "ilp_example_config", "ilp.ini"}
EXAMPLES = ROOT / "ilp_example_config"
_MARKET = """
[sandbox]
target_front = binance
target_currency = EUR
target_tick = 10
target_lot = 0.001
target_balance = EUR 100000, BTC 1.5
extra_pairs = EUR/USD
"""
#: Nothing is installed by a test, however old the stamps are.
_MAKE = ("make ", "make --assume-old=.venv/run.stamp --assume-old=.venv/test.stamp ")


class Reader:
    """Use as a context; whatever was started is ended. ``examples``: texts of examples of configs that are other than usual."""

    def __init__(self, examples: Mapping[str, str] | None = None) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="ilp-docs-")
        self.folder = Path(self._home.name) / "pool"
        self._port = str(_free_port())
        self._examples = {path.name: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.ini")} | dict(examples or {})
        self._running: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}

    def __enter__(self) -> "Reader":
        self.folder.mkdir()
        for path in ROOT.iterdir():
            if path.name not in _OWN and path.name != ".venv":
                (self.folder / path.name).symlink_to(path)
        (self.folder / ".venv").symlink_to(sys.prefix)
        examples = self.folder / "ilp_example_config"
        examples.mkdir()
        for name, text in self._examples.items():
            (examples / name).write_text(edited(text, {"webserver.port": self._port}), encoding="utf-8")
        programs = Path(self._home.name) / "bin"
        programs.mkdir()
        (programs / "ilp").write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT / "ilp.py"} "$@"\n')
        (programs / "ilp").chmod(0o700)
        self._environment = {"PATH": f"{programs}:{os.environ['PATH']}", "HOME": self._home.name, "LANG": "C.UTF-8"}
        return self

    def __exit__(self, *_exception: object) -> None:
        for process, _ in self._running.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._home.cleanup()

    def follow(self, block: Block) -> None:
        """Do what it says.

        :raises AssertionError: it does not do what the document says.
        """
        if block.mark == "stop":
            self.stop()
        elif block.mark == "file":
            (self.folder / block.about).write_text(block.text, encoding="utf-8")
        elif block.is_run and block.mark == "runs until stopped":
            self._start(block)
        elif block.is_run and (block.mark != "needs" or shutil.which(block.about)):
            self._run(block)

    def stop(self) -> None:
        """Press Ctrl-C: every process of the terminal's foreground hears it. What stops cleanly ends with 0."""
        for command, (process, output) in self._running.items():
            os.killpg(process.pid, signal.SIGINT)
            code = process.wait(PATIENCE)
            # make has words of its own for being interrupted, while the pool below it stops cleanly.
            expected = (0, 2, 130, -signal.SIGINT) if command.startswith("make ") else (0,)
            assert code in expected, f"{command}: {code}\n{output.read_text()}"
        self._running.clear()

    def _start(self, block: Block) -> None:
        command = block.text.strip()
        if command in self._running:
            return
        assert "\n" not in command, f"{block.place}: one command goes on at a time"
        output = Path(self._home.name) / f"output-{len(self._running)}.txt"
        with output.open("w") as out:
            process = subprocess.Popen(
                ["bash", "-c", f"{self._remembered()}exec {self._here(command)}"],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running[command] = (process, output)

        def shows() -> bool:
            text = output.read_text()
            assert process.poll() is None, f"{block.place}: it ended with {process.returncode}\n{text}"
            return block.about in text

        try:
            until(shows, block.about)
        except AssertionError as error:
            raise AssertionError(f"{block.place}: {error}\n{output.read_text()}") from None

    def _run(self, block: Block) -> None:
        wanted = int(block.about) if block.mark == "exit code" else 0
        script = f"set -euo pipefail\n{self._remembered()}{self._here(block.text)}export -p > ../environment\n"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._environment,
            input="a password that nobody has\n",
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        told = f"{block.place}: ended with {done.returncode}\n{block.text}{done.stdout}{done.stderr}"
        assert done.returncode == wanted, told

    def _remembered(self) -> str:
        """One terminal remembers what was exported."""
        return "[ ! -e ../environment ] || . ../environment\n"

    def _here(self, text: str) -> str:
        return text.replace(PORT, self._port).replace(*_MAKE)


@contextmanager
def paper_market() -> Iterator[str]:
    """The text of the example of a paper pool whose markets are the sandbox's: a Kraken, and a Binance that trades in euros."""
    with tempfile.TemporaryDirectory() as folder:
        output, config = Path(folder) / "output.txt", Path(folder) / "market.ini"
        config.write_text(_MARKET, encoding="utf-8")
        with output.open("w") as out:
            command = [sys.executable, "-m", "sandbox", "--config", str(config)]
            process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)
        try:
            until(lambda: "binance login" in output.read_text(), "the markets are open")
            places = dict(re.findall(r"^(\w+): (\S+)$", output.read_text(), re.MULTILINE))
            text = (EXAMPLES / "kraken_binance_paper.ini").read_text(encoding="utf-8")
            venues = {"source": "kraken", "target": "binance", "fiat": "kraken"}
            text = edited(text, {f"{role}_connection.endpoint": places[venue] for role, venue in venues.items()})
            # The sandbox has no week of bars behind it.
            yield f"{text}\n[variance_overrides]\nBTC/USD = 150000\nEUR/USD = 1e-6\n"
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
