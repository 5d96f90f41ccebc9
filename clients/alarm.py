"""One thing that is due, or nothing: a timer that can be set anew and stopped without asking what state it is in."""

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Alarm:
    """At most one call is waiting: setting it stops the one before."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._due: IDelayedCall | None = None

    def set(self, seconds: float, action: Callable[..., object], *arguments: object) -> None:
        """Call ``action`` when ``seconds`` are over."""
        self.stop()
        self._due = self._clock.callLater(seconds, action, *arguments)

    def stop(self) -> None:
        """Nothing is due any more; a repeat is safe."""
        if self._due is not None and self._due.active():
            self._due.cancel()
        self._due = None
