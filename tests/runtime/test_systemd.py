"""What the service manager is told: on a socket of its own, by a clock of the test's, and by the whole program."""

import os
import signal
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from runtime.systemd import EVERY, Systemd
from tests.whole.running import Running, until
from tests.whole.test_pool_runs import FAST


class Listener:
    """systemd's end of the socket."""

    def __init__(self, case: SynchronousTestCase, is_abstract: bool = False) -> None:
        folder = tempfile.TemporaryDirectory(prefix="ilp-notify-")
        case.addCleanup(folder.cleanup)
        name = str(Path(folder.name) / "notify")
        self.address = f"@{name}" if is_abstract else name
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        case.addCleanup(self._socket.close)
        self._socket.bind(f"\0{name}" if is_abstract else name)

    def heard(self) -> list[str]:
        """What was said since the last time."""
        found = []
        while True:
            try:
                found.append(self._socket.recv(65_536).decode())
            except BlockingIOError:
                return found


class SystemdTests(SynchronousTestCase):
    """A pool with a state and a reason, and nothing else."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.listener = Listener(self)
        self.pool: Any = SimpleNamespace(state="DISCONNECTED", reason="")

    def systemd(self, **environment: str) -> Systemd:
        """Started, with that environment besides the socket's address."""
        found = Systemd(self.pool, self.clock, {"NOTIFY_SOCKET": self.listener.address, **environment})
        found.start()
        self.addCleanup(found.close)
        return found

    def to(self, systemd: Systemd, state: str, reason: str = "") -> list[str]:
        """What is said when the pool is in ``state``."""
        self.pool.state, self.pool.reason = state, reason
        systemd.changed()
        return self.listener.heard()

    def test_ready_once(self) -> None:
        """READY=1 is said when the pool is READY, and only the first time; its state whenever that changes."""
        systemd = self.systemd()
        self.listener.heard()
        self.assertEqual(self.to(systemd, "INITIALIZING", "agreeing"), ["STATUS=INITIALIZING: agreeing"])
        self.assertEqual(self.to(systemd, "READY"), ["READY=1", "STATUS=READY"])
        self.assertEqual(self.to(systemd, "READY"), [])
        self.assertEqual(self.to(systemd, "TRADING"), ["STATUS=TRADING"])
        self.assertEqual(self.to(systemd, "READY"), ["STATUS=READY"])

    def test_beats(self) -> None:
        """Three beats in the watchdog's time: for more time before it is READY, for the watchdog after that, and none when the
        reactor does not turn."""
        systemd = self.systemd(WATCHDOG_USEC="9000000")
        self.assertEqual(self.listener.heard(), ["EXTEND_TIMEOUT_USEC=60000000"])
        self.to(systemd, "READY")
        self.clock.pump([1] * 9)
        self.assertEqual(self.listener.heard(), ["WATCHDOG=1"] * 3)
        self.assertEqual(self.listener.heard(), [])
        systemd.stopping()
        self.clock.advance(3)
        self.assertEqual(self.listener.heard(), ["STOPPING=1", "WATCHDOG=1"])
        systemd.close()
        self.clock.advance(100)
        self.assertEqual(self.listener.heard(), [])

    def test_interval(self) -> None:
        """A watchdog that is somebody else's, or none, or nonsense, leaves the beat as it is."""
        for environment in (
            {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"},
            {"WATCHDOG_USEC": "0"},
            {"WATCHDOG_USEC": "x"},
            {},
        ):
            systemd = self.systemd(**environment)
            self.listener.heard()
            self.clock.advance(EVERY - 0.1)
            self.assertEqual(self.listener.heard(), [])
            self.clock.advance(0.1)
            self.assertEqual(len(self.listener.heard()), 1)
            systemd.close()
        self.systemd(WATCHDOG_USEC="3000000", WATCHDOG_PID=str(os.getpid()))
        self.listener.heard()
        self.clock.advance(1)
        self.assertEqual(len(self.listener.heard()), 1)

    def test_abstract(self) -> None:
        """The address may be an abstract one."""
        self.listener = Listener(self, is_abstract=True)
        self.systemd()
        self.assertEqual(len(self.listener.heard()), 1)

    def test_nobody(self) -> None:
        """Without a service manager nothing is said, and with one that is gone nothing fails."""
        for environment in ({}, {"NOTIFY_SOCKET": "/nowhere/notify"}):
            systemd = Systemd(self.pool, self.clock, environment)
            systemd.start()
            systemd.changed()
            systemd.stopping()
            systemd.close()
        self.assertEqual(self.listener.heard(), [])

    @given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
    def test_one_variable_each(self, reason: str) -> None:
        """Whatever a reason says, it cannot say another variable."""
        systemd = Systemd(self.pool, self.clock, {"NOTIFY_SOCKET": self.listener.address})
        for said in self.to(systemd, "HALTED", reason):
            self.assertEqual(len(said.splitlines()), 1)
            self.assertTrue(said.startswith("STATUS=HALTED"))


@pytest.mark.slow
class WholeTests(SynchronousTestCase):
    """The program under a service manager."""

    def test_whole(self) -> None:
        """It asks for time, is READY, beats, is silent while it hangs, beats again, and says that it stops."""
        listener, heard = Listener(self), list[str]()

        def has(*words: str) -> bool:
            heard.extend(listener.heard())
            return all(word in heard for word in words)

        environment = {"NOTIFY_SOCKET": listener.address, "WATCHDOG_USEC": "600000"}
        with mock.patch.dict(os.environ, environment), Running(FAST) as pool:
            until(lambda: has("EXTEND_TIMEOUT_USEC=60000000", "READY=1", "STATUS=READY", "WATCHDOG=1"), "it is READY and beats")
            self.assertLess(heard.index("EXTEND_TIMEOUT_USEC=60000000"), heard.index("READY=1"))
            pool.process.send_signal(signal.SIGSTOP)
            listener.heard()
            self.assertEqual(listener.heard(), [])
            heard.clear()
            pool.process.send_signal(signal.SIGCONT)
            until(lambda: has("WATCHDOG=1"), "it beats again")
            self.assertEqual(pool.end(), 0)
            self.assertTrue(has("STOPPING=1"))
