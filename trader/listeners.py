"""Whoever watches the pool."""

from collections.abc import Callable
from typing import Any


class Listeners:
    """Told soon after anything has changed, once a turn of the reactor however much it was."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._listeners: list[Callable[[], None]] = []
        self._is_told = False

    def add(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Tell ``listener`` from now on; the result takes it back, and is safe to repeat."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def tell(self) -> None:
        """Something has changed."""
        if not self._is_told and self._listeners:
            self._is_told = True
            self._reactor.callLater(0, self._tell_now)

    def _tell_now(self) -> None:
        self._is_told = False
        for listener in tuple(self._listeners):
            listener()
