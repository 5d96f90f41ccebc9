"""What a client takes from the process: time, sockets and chance, so that tests can hand in their own."""

from collections.abc import Callable
from datetime import UTC, datetime
from importlib import import_module
from random import Random
from typing import Any

from attrs import field, frozen


def utc_now() -> datetime:
    """The wall clock, aware."""
    return datetime.now(UTC)


@frozen
class Surroundings:
    """``reactor``: Twisted's time and sockets. ``now``: the aware wall clock. ``random``: for back-off jitter.

    ``agent``: who makes HTTP requests (an IAgent); None: each link has a pooled one on ``reactor``.
    """

    reactor: Any
    now: Callable[[], datetime] = utc_now
    random: Random = field(factory=Random)
    agent: Any = None

    @classmethod
    def of_the_process(cls) -> "Surroundings":
        """The running process's own.

        The seed's constructor has three arguments only, ``Exchange(id, secret, endpoint)``; whoever calls it so gets the
        process's reactor, looked up at that moment, so that importing a client never installs one.
        """
        return cls(import_module("twisted.internet.reactor"))

    def microseconds(self) -> int:
        """Now, in integer microseconds since the epoch."""
        return int(self.now().timestamp() * 1_000_000)
