"""The rim: where coroutines are started, and the one place that hears of their failures."""

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger


def launch(log: Logger, what: str, work: Coroutine[Any, Any, None]) -> "Deferred[None]":
    """Start ``work`` from a timer, an event or a transition; whatever it fails with is logged as ``what``, once.

    The Deferred fires when it is over, always with None: nobody upstream is left to decide anything.
    """

    def failed(failure: Any) -> None:
        if not failure.check(CancelledError):
            log.failure("{what} failed", failure=failure, what=what)

    return Deferred.fromCoroutine(work).addErrback(failed)
