"""Deciding off the reactor, in a process that really ends when its time is up."""

import os
import pickle
import signal
import sys
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger

from clients.interface import returns_deferred
from model.decision import Decision, Verdict
from model.settings import Settings
from model.snapshot import Snapshot
from trader.framing import LENGTH

#: A worker's first answer waits for its imports; so long more is allowed, in seconds.
START_UP = 20.0
#: What is allowed beyond the solver's own time limit, for reading, rounding and the wire, in seconds.
MARGIN = 1.0


class _Worker(ProcessProtocol):
    """The parent's end of one worker process."""

    log = Logger()

    def __init__(self) -> None:
        self.waiting: Deferred[Decision] | None = None
        self.has_answered = False
        self.is_alive = True
        self._buffer = b""

    def ask(self, snapshot: Snapshot, settings: Settings) -> "Deferred[Decision]":
        question = pickle.dumps((snapshot, settings), pickle.HIGHEST_PROTOCOL)
        self.waiting = Deferred()
        assert self.transport is not None
        self.transport.write(LENGTH.pack(len(question)) + question)
        return self.waiting

    def outReceived(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) < LENGTH.size:
            return
        (size,) = LENGTH.unpack_from(self._buffer)
        if len(self._buffer) < LENGTH.size + size:
            return
        reply, self._buffer = self._buffer[LENGTH.size : LENGTH.size + size], self._buffer[LENGTH.size + size :]
        self.has_answered = True
        self.settle(pickle.loads(reply))  # noqa: S301  # from our own child, see trader.worker

    def errReceived(self, data: bytes) -> None:
        self.log.warn("the deciding process says: {text}", text=data.decode("utf-8", "replace").strip())

    def processEnded(self, reason: Any) -> None:
        self.is_alive = False
        self.settle(_no_answer(0, f"the deciding process ended: {reason.getErrorMessage()}"))

    def settle(self, decision: Decision) -> None:
        """Give whoever waits its answer; a late one finds nobody."""
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            waiting.callback(decision)

    def kill(self) -> None:
        """End the process now."""
        self.is_alive = False
        assert self.transport is not None
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")


def _no_answer(timestamp: int, reason: str) -> Decision:
    return Decision(Verdict.WAIT, reason, timestamp, Decimal(0))


class Decider:
    """One question at a time, in the order asked; ``reactor`` must be able to spawn processes.

    ``module`` is run as the worker; ``start_up`` is what its first answer may take besides its time limit, in seconds.
    """

    def __init__(self, reactor: Any, module: str = "trader", start_up: float = START_UP) -> None:
        self._reactor = reactor
        self._module = module
        self._start_up = start_up
        self._worker: _Worker | None = None
        self._turn = DeferredLock()

    @returns_deferred
    async def decide(self, snapshot: Snapshot, settings: Settings) -> Decision:
        """The decision, or a WAIT that says why there is none in time. Never fails."""
        await self._turn.acquire()
        try:
            return await self._ask(snapshot, settings)
        finally:
            self._turn.release()

    async def _ask(self, snapshot: Snapshot, settings: Settings) -> Decision:
        worker = self.warm_up()
        limit = float(settings.time_limit) + MARGIN + (0 if worker.has_answered else self._start_up)
        timer: IDelayedCall = self._reactor.callLater(limit, self._too_late, worker, snapshot.timestamp, limit)
        try:
            return await worker.ask(snapshot, settings)
        finally:
            if timer.active():
                timer.cancel()

    def warm_up(self) -> _Worker:
        """Have a worker ready."""
        if self._worker is None or not self._worker.is_alive:
            self._worker = _Worker()
            root = str(Path(__file__).resolve().parent.parent)
            # One thread for its linear algebra: the problem is small, and the other core is the reactor's.
            environment = {**os.environ, "PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1"}
            command = [sys.executable, "-m", self._module]
            # Ctrl-C reaches the whole group, and its end is ours to decide. What is blocked now stays blocked there, from
            # the first moment on; here it is only late.
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                self._reactor.spawnProcess(self._worker, sys.executable, command, environment, root)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self._worker

    def _too_late(self, worker: _Worker, timestamp: int, limit: float) -> None:
        worker.kill()
        worker.settle(_no_answer(timestamp, f"no proven answer within {limit:g} s; the solver was ended"))

    def close(self) -> None:
        """End the worker. Safe to repeat."""
        if self._worker is not None and self._worker.is_alive:
            self._worker.kill()
