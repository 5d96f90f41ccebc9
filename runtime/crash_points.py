"""Named places where the process kills itself, so that a campaign can show that nothing is lost there.

``ILP_CRASH_AT=name[:n]`` in the environment, read by the wiring only, ends the process with SIGKILL at the n-th passage of
one place: before or after each write of the ledger (``before-intend``: nothing is asked yet; ``after-intend``: it is on
disk, and nobody has heard of it) and each send to a venue (``after-target-placeOrder``: the answer, be it a refusal, is here,
and nobody has heard of it). The ledger and the clients are wrapped from outside; without the variable nothing is wrapped.
"""

import os
import signal
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred

VARIABLE: Final = "ILP_CRASH_AT"
WRITES: Final = ("intend", "answer", "book_fill", "book_transaction", "save_obligation", "save_transit", "save_decision")
SENDS: Final = ("placeOrder", "cancelOrder", "requestWithdrawal")
#: Every name there is.
NAMES: Final = tuple(
    f"{when}-{what}"
    for what in (*WRITES, *(f"{place}-{send}" for place in ("source", "target") for send in SENDS))
    for when in ("before", "after")
)


def die() -> None:
    """End this process as a power cut would: nothing is flushed, nobody is told."""
    os.kill(os.getpid(), signal.SIGKILL)


class CrashPoint:
    """One place: ``crash`` is called at its ``n``-th passage."""

    def __init__(self, text: str, crash: Callable[[], None] = die) -> None:
        """:raises ValueError: ``text`` is not ``name[:n]`` with one of :data:`NAMES`."""
        self.name, _, count = text.partition(":")
        if self.name not in NAMES or not (count or "1").isdecimal() or count == "0":
            raise ValueError(f"got {text!r}; allowed is name or name:n, with a name of {', '.join(NAMES)}")
        self._left = int(count or "1")
        self._crash = crash

    def passes(self, name: str) -> None:
        """The process has come to the place ``name``."""
        if name == self.name:
            self._left -= 1
            if self._left == 0:
                self._crash()

    def around_ledger(self, ledger: Any) -> Any:
        """``ledger``, with all of its places."""
        return _Around(ledger, {write: write for write in WRITES}, self)

    def around_client(self, client: Any, place: str) -> Any:
        """The exchange at ``place``, with all of its places."""
        return _Around(client, {send: f"{place}-{send}" for send in SENDS}, self)


class _Around:
    """Looks like ``inside``; calls of ``places`` (method -> name) pass the point before they are made and when they fire."""

    def __init__(self, inside: Any, places: dict[str, str], point: CrashPoint) -> None:
        self._inside = inside
        self._places = places
        self._point = point

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._inside, attribute)
        name = self._places.get(attribute)
        return found if name is None else self._watched(found, name)

    def _watched(self, method: Callable[..., "Deferred[Any]"], name: str) -> Callable[..., "Deferred[Any]"]:
        def call(*args: Any, **kwargs: Any) -> "Deferred[Any]":
            self._point.passes(f"before-{name}")
            return method(*args, **kwargs).addBoth(fired)

        def fired(result: Any) -> Any:
            self._point.passes(f"after-{name}")
            return result

        return call
