"""Looking again and again where other clients are told: the books in use, and our orders while any is open."""

from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from clients.errors import ExchangeError
from clients.interface import returns_deferred

#: So many looks in a row fail before the venue counts as not usable.
PATIENCE = 3


class Watch:
    """Calls ``look`` every ``period`` seconds; ``up`` and ``down`` when it begins to succeed, and when it keeps failing."""

    log = Logger()

    def __init__(
        self,
        venue: str,
        look: Callable[[], Awaitable[None]],
        period: float,
        clock: IReactorTime,
        up: Callable[[], None],
        down: Callable[[], None],
    ) -> None:
        self._venue = venue
        self._look = look
        self._period = period
        self._up = up
        self._down = down
        self._failures = 0
        self._loop: Any = LoopingCall(self._once)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin with the next period. Safe to repeat."""
        if not self._loop.running:
            # The loop waits for each look, so that slow ones never pile up.
            self._loop.start(self._period, now=False)

    def stop(self) -> None:
        """Look no more. Safe to repeat."""
        if self._loop.running:
            self._loop.stop()

    @returns_deferred
    async def _once(self) -> None:
        try:
            await self._look()
        except ExchangeError as error:
            self._failures += 1
            self.log.warn("{error}; looking again", error=error)
            if self._failures == PATIENCE:
                self._down()
        except NotImplementedError as error:
            self.log.warn("{venue}: {error}", venue=self._venue, error=error)
        else:
            was_down = self._failures >= PATIENCE
            self._failures = 0
            if was_down:
                self._up()
