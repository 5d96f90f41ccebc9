"""What a service manager is told of the process: the protocol of systemd's ``sd_notify`` (man 3 sd_notify), in a datagram each.

READY=1 when the pool is READY for the first time; STATUS= whenever its state or reason changes, for ``systemctl status``;
WATCHDOG=1 from the reactor's own beat, so that a loop that hangs is restarted; STOPPING=1 when it begins to end. Until it is
READY each beat asks for more time: a venue that cannot be reached is no reason to be killed, a hung start is.
"""

import os
import socket
from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from trader.machine import READY, TRADING

#: How often it beats where no watchdog says how often, in seconds.
EVERY = 10.0
#: A watchdog is told so many times in its time.
BEATS = 3
#: How much longer a start may take from each beat on, in microseconds.
MORE_TIME = 60_000_000


class Shown(Protocol):
    """The part of the pool that is told about."""

    state: str
    reason: str


class Systemd:
    """Tells whoever listens at ``NOTIFY_SOCKET`` in ``environment``; nobody, if that is not set. Never fails, never waits."""

    log = Logger()

    def __init__(self, pool: Shown, clock: Any, environment: Mapping[str, str] = os.environ) -> None:
        self._pool = pool
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._every = _interval(environment)
        self._was_ready = False
        self._told = ""
        self._is_failing = False
        self._loop = LoopingCall(self.beat)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin to beat."""
        if self._address:
            self._loop.start(self._every)

    def changed(self) -> None:
        """The pool may have changed. Cheap, and safe to repeat."""
        pool = self._pool
        if not self._was_ready and pool.state in (READY, TRADING):
            self._was_ready = True
            self._say("READY=1")
        status = f"{pool.state}: {pool.reason}" if pool.reason else pool.state
        if status != self._told:
            self._told = status
            self._say(f"STATUS={_one_line(status)}")

    def beat(self) -> None:
        """The reactor turns."""
        self._say("WATCHDOG=1" if self._was_ready else f"EXTEND_TIMEOUT_USEC={MORE_TIME}")

    def stopping(self) -> None:
        """The process begins to end; it goes on beating until :meth:`close`."""
        self._say("STOPPING=1")

    def close(self) -> None:
        """Be silent. Safe to repeat."""
        if self._loop.running:
            self._loop.stop()

    def _say(self, words: str) -> None:
        if not self._address:
            return
        # An @ stands for the zero byte of an abstract name.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as telling:
                telling.sendto(words.encode(), address)
            self._is_failing = False
        except OSError as trouble:
            if not self._is_failing:
                self.log.warn("the service manager is not told: {trouble}", trouble=str(trouble))
            self._is_failing = True


def _interval(environment: Mapping[str, str]) -> float:
    """Seconds between two beats: a part of the watchdog's time, where there is one and it is meant for this process."""
    limit, of = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not limit.isdecimal() or int(limit) == 0 or of not in ("", str(os.getpid())):
        return EVERY
    return int(limit) / 1_000_000 / BEATS


def _one_line(text: str) -> str:
    """A line's end would begin another variable."""
    return " ".join(text.split())
