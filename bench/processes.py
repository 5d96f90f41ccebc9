"""The processes of a bench. One that ends too early ends the bench, which would wait for it for ever."""

import os
import re
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol

from tests.whole.running import ROOT


class Child(ProcessProtocol):
    """``python`` with ``arguments``. If it ends by itself, its standard error is shown and ``lost`` is called."""

    def __init__(self, reactor: Any, lost: Callable[[], object], *arguments: str) -> None:
        self._over: Deferred[None] = Deferred()
        self._lost = lost
        self._is_ending = False
        self._said = self._complained = ""
        self._awaited: list[tuple[re.Pattern[str], Deferred[str]]] = []
        command = [sys.executable, *arguments]
        reactor.spawnProcess(self, sys.executable, command, dict(os.environ), str(ROOT), childFDs={0: "w", 1: "r", 2: "r"})

    @property
    def pid(self) -> int:
        """Its number."""
        transport: Any = self.transport
        return int(transport.pid)

    def said(self, pattern: str) -> "Deferred[str]":
        """Fires with the first group of ``pattern`` as soon as its standard output has it."""
        waiter: Deferred[str] = Deferred()
        self._awaited.append((re.compile(pattern, re.MULTILINE), waiter))
        self._look()
        return waiter

    def end(self) -> "Deferred[None]":
        """Ask it to end; fires when it has."""
        assert self.transport is not None
        self._is_ending = True
        self.transport.signalProcess("TERM")
        return self._over

    def outReceived(self, data: bytes) -> None:
        self._said += data.decode()
        self._look()

    def errReceived(self, data: bytes) -> None:
        self._complained += data.decode()

    def processEnded(self, _reason: Any) -> None:
        self._over.callback(None)
        if not self._is_ending:
            sys.stderr.write(self._complained)
            self._lost()

    def _look(self) -> None:
        for pattern, waiter in list(self._awaited):
            found = pattern.search(self._said)
            if found:
                self._awaited.remove((pattern, waiter))
                waiter.callback(found.group(1))
