"""Where a running pool says how it is: a UNIX socket beside the ledger, which only the pool's own user can open.

Whoever connects gets one JSON object and the end of the file; nothing is read. No password is needed: who may open it may
read the ledger too. A pool that hangs does not answer, which is an answer as well.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

#: Bytes of a path that a UNIX socket's address has room for (man 7 unix).
LONGEST: Final = 107


class _Answer(Protocol):
    """One conversation."""

    def connectionMade(self) -> None:
        assert isinstance(self.factory, _Answers)
        assert self.transport is not None
        self.transport.write(json.dumps(self.factory.say()).encode())
        self.transport.loseConnection()


class _Answers(Factory):
    protocol = _Answer
    noisy = False

    def __init__(self, say: Callable[[], Any]) -> None:
        self.say = say


class StatusSocket:
    """``say`` gives what is told, JSON-ready; ``reactor`` must have UNIX sockets."""

    log = Logger()

    def __init__(self, path: Path, say: Callable[[], Any], reactor: Any) -> None:
        self._path = path
        self._say = say
        self._reactor = reactor
        self._port: Any = None

    def start(self) -> None:
        """Listen. Never fails: a pool that cannot be asked trades all the same."""
        if len(os.fsencode(self._path)) > LONGEST:
            self.log.warn("status cannot ask this pool: {path} is too long for a socket's address", path=str(self._path))
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # What is there was left by one that was killed: the ledger's lock says that there is no other pool.
            self._path.unlink(missing_ok=True)
            self._port = self._reactor.listenUNIX(str(self._path), _Answers(self._say), mode=0o600)
        except (OSError, CannotListenError) as trouble:
            self.log.warn("status cannot ask this pool, at {path}: {trouble}", path=str(self._path), trouble=str(trouble))

    def close(self) -> "Deferred[None]":
        """End, and take the socket away; fires when that is done. Safe to repeat."""
        port, self._port = self._port, None
        if port is None:
            return succeed(None)
        closed: Deferred[None] = maybeDeferred(port.stopListening)
        return closed.addErrback(self._not_taken_away)

    def _not_taken_away(self, failure: Failure) -> None:
        self.log.warn("{path}: {trouble}", path=str(self._path), trouble=failure.getErrorMessage())
