"""A reactor of one method, so that tests of the writer's thread stay synchronous."""

from collections.abc import Callable
from queue import Queue
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Pump:
    """What the writer's thread calls back waits here until the test asks for it."""

    def __init__(self) -> None:
        self._calls: Queue[Callable[[], object]] = Queue()

    def callFromThread(self, callable: Callable[..., object], *args: object, **kwargs: object) -> None:
        """Keep the call for :meth:`wait`."""
        self._calls.put(lambda: callable(*args, **kwargs))

    def wait(self, deferred: "Deferred[T]", patience: float = 60) -> T:
        """The Deferred's result, or its exception raised; ``queue.Empty`` if there is none in ``patience`` seconds."""
        outcome: list[Any] = []
        deferred.addBoth(outcome.append)
        while not outcome:
            self._calls.get(timeout=patience)()
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        found: T = outcome[0]
        return found
