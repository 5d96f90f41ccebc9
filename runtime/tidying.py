"""Keeping the ledger small: every so often what is too old is forgotten, in small steps between which orders are written."""

from collections.abc import Callable
from sqlite3 import OperationalError
from typing import Any

from twisted.internet import threads
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger

from execution.rim import launch
from ledger.forgetting import checkpoint
from ledger.interface import ILedger, LedgerError
from runtime.config_values import Keep

#: The first time is so long after a start, in seconds.
FIRST = 60.0
#: What one step deletes at most, and the time between two steps in seconds: a few milliseconds of work, then room for orders.
STEP, PAUSE = 100, 0.25
DAY = 86_400_000_000


class Tidying:
    """``start`` when the ledger is open, ``stop`` before it is closed. ``defer`` runs blocking work on a thread."""

    log = Logger()

    def __init__(
        self, ledger: ILedger, url: str, keep: Keep, reactor: Any, now: Callable[[], int], defer: Any = threads.deferToThread
    ) -> None:
        self._ledger = ledger
        self._url = url
        self._keep = keep
        self._reactor = reactor
        self._now = now
        self._defer = defer
        self._next: IDelayedCall | None = None
        self._is_stopped = False

    def start(self) -> None:
        """Begin, a while from now."""
        self._is_stopped = False
        self._next = self._reactor.callLater(FIRST, self._run)

    def stop(self) -> None:
        """End after the step that is being done. Safe to repeat."""
        self._is_stopped = True
        if self._next is not None and self._next.active():
            self._next.cancel()

    def _run(self) -> None:
        self._next = self._reactor.callLater(60 * self._keep.minutes, self._run)
        launch(self.log, "tidying the ledger", self.tidy())

    async def tidy(self) -> None:
        """Forget all that is too old or too much now."""
        before = self._now() - int(self._keep.days * DAY)
        total = 0
        try:
            decisions_before = max(before, await self._ledger.cutoff(self._keep.mb * 1_000_000))
            while not self._is_stopped and (gone := await self._ledger.forget(before, decisions_before, STEP)):
                total += gone
                await deferLater(self._reactor, PAUSE, lambda: None)
            if not self._is_stopped:
                await self._defer(checkpoint, self._url)
        except (LedgerError, OperationalError) as trouble:
            self.log.warn("the ledger was not tidied to the end: {trouble}", trouble=str(trouble))
        if total:
            self.log.info("{total} old decisions and orders forgotten", total=total)
