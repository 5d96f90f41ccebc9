"""How the process ends when it is asked to, whatever it is doing."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from runtime.exits import Exit
from runtime.signals import ENDING
from tests.runtime.configs import written

ROOT = Path(__file__).parents[2]

#: A process as ``runtime.service`` runs one: says when it is up, and takes half a second to stop.
PROGRAM = """
from runtime import signals
signals.end_at_once()
from twisted.internet import reactor
from twisted.internet.task import deferLater
from runtime.service import until_stopped
async def start():
    print("up", flush=True)
async def stop():
    await deferLater(reactor, 0.5, lambda: None)
    print("stopped", flush=True)
until_stopped(start, stop)
"""

#: One that is told to stop while it is coming up.
SLOW_START = """
from runtime import signals
signals.end_at_once()
from twisted.internet import reactor
from twisted.internet.task import deferLater
from runtime.service import until_stopped
async def start():
    print("coming up", flush=True)
    await deferLater(reactor, 0.3, lambda: None)
    print("up after all", flush=True)
async def stop():
    await deferLater(reactor, 0.6, lambda: None)
    print("stopped", flush=True)
until_stopped(start, stop)
"""


class SignalTests(SynchronousTestCase):
    """Real signals to real processes."""

    def program(self, *command: str) -> "subprocess.Popen[str]":
        """A process whose output is read."""
        return subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={"PATH": ""}
        )

    def test_before_the_reactor_runs(self) -> None:
        """While the program is being imported, the end is at once, clean and silent."""
        for number in ENDING:
            with self.program("-X", "importtime", "ilp.py", "--config", str(written(""))) as process:
                assert process.stderr is not None
                while "argparse" not in process.stderr.readline():
                    pass
                process.send_signal(number)
                said = process.stderr.read()
            self.assertEqual(process.returncode, 0, said[-2000:])
            self.assertNotIn("Traceback", said)

    def test_a_command_is_not_done(self) -> None:
        """Who ends a command is not told that it was done: what the shell has after it must not follow."""
        with self.program("-X", "importtime", "ilp.py", "backup", "--config", str(written(""))) as process:
            assert process.stderr is not None
            while "argparse" not in process.stderr.readline():
                pass
            process.send_signal(signal.SIGTERM)
            said = process.stderr.read()
        self.assertEqual(process.returncode, Exit.CANNOT, said[-2000:])
        self.assertIn("told to stop before it was done", said)

    def test_impatience(self) -> None:
        """A second and a third signal, of whichever kind, do not break off the clean stop."""
        for number in ENDING:
            with self.program("-c", PROGRAM) as process:
                assert process.stdout is not None
                assert process.stderr is not None
                self.assertEqual(process.stdout.readline(), "up\n")
                for _ in range(3):
                    process.send_signal(number)
                    time.sleep(0.1)
                said = process.stdout.read(), process.stderr.read()
            self.assertEqual((process.returncode, said), (0, ("stopped\n", "")))

    def test_while_it_starts(self) -> None:
        """What is still coming up is given up, and does not go on beside the stop."""
        with self.program("-c", SLOW_START) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            self.assertEqual(process.stdout.readline(), "coming up\n")
            process.send_signal(signal.SIGTERM)
            said = process.stdout.read(), process.stderr.read()
        self.assertEqual((process.returncode, said), (0, ("stopped\n", "")))
