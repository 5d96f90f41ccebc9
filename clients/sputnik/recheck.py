"""When to compare what we believe with what the venue says: soon where something is in doubt, at leisure otherwise."""

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from clients.backoff import Backoff
from clients.errors import ExchangeError
from clients.sputnik.options import Options
from clients.surroundings import Surroundings


class Recheck:
    """Runs ``work(is_full)`` at times, never two at once; ``work`` returns whether all doubts are gone.

    After :meth:`doubt` it is run within ``options.doubt`` seconds (which related events are given to complete each other),
    again with growing waits while doubts remain; a full one at least every ``options.reread_interval`` seconds.
    """

    log = Logger()

    def __init__(self, surroundings: Surroundings, options: Options, work: Callable[[bool], Coroutine[Any, Any, bool]]) -> None:
        self._clock = surroundings.reactor
        self._interval = options.reread_interval
        self._work = work
        self._backoff = Backoff(surroundings.random, options.doubt, options.reread_interval)
        self._soon: IDelayedCall | None = None
        self._leisurely: IDelayedCall | None = None
        self._running: Deferred[Any] | None = None
        self._is_on = False

    def start(self) -> None:
        """From now on; the first full comparison is one interval away."""
        self._is_on = True
        self._leisurely = self._clock.callLater(self._interval, self._run, True)

    def stop(self) -> None:
        """No more; what runs is given up. A repeat is harmless."""
        self._is_on = False
        for timer in (self._soon, self._leisurely):
            if timer is not None and timer.active():
                timer.cancel()
        self._backoff.reset()
        if self._running is not None:
            self._running.cancel()

    def doubt(self) -> None:
        """Something does not fit: look soon. A repeat while one is due changes nothing."""
        if self._is_on and self._running is None and (self._soon is None or not self._soon.active()):
            self._soon = self._clock.callLater(self._backoff.next_delay(), self._run, False)

    def _run(self, is_full: bool) -> None:
        if is_full:
            self._leisurely = self._clock.callLater(self._interval, self._run, True)
        if self._running is None:
            self._running = Deferred.fromCoroutine(self._work(is_full))
            self._running.addCallbacks(self._done, self._failed)

    def _done(self, is_clear: bool) -> None:
        self._running = None
        if is_clear:
            self._backoff.reset()
        else:
            self.doubt()

    def _failed(self, failure: Failure) -> None:
        self._running = None
        if not self._is_on:
            return
        if failure.check(ExchangeError):
            self.log.error("could not compare with the venue: {error}", error=str(failure.value))
        else:
            self.log.failure("comparing with the venue failed", failure=failure)
        self.doubt()
