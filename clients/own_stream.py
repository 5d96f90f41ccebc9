"""The connection on which a venue tells what is ours: orders and fills, for which it wants to know who we are.

How that is proven differs (a token, signed parameters, headers of the connection); what follows from it does not: the stream
is up once the venue has said so, an answer that does not come or says no ends the connection, and it is tried again.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from clients.alarm import Alarm
from clients.errors import ExchangeError
from clients.socket_link import SocketLink
from clients.surroundings import Surroundings

SILENCE_LIMIT = 10.0
#: Seconds within which the venue must have let us in.
ANSWER_LIMIT = 15.0

T = TypeVar("T")


class OwnStream:
    """A venue says how to log in (:meth:`_log_in`), hears (:meth:`_heard`) and calls :meth:`_stands` when it is let in.

    ``up()`` then, ``down()`` when that is over; ``refused(error)`` if the venue will not have us: it is tried again all the same.
    ``headers()``: of the connection itself, made anew for each; for venues that are logged in to by these.
    """

    log = Logger()

    def __init__(
        self,
        name: str,
        url: str,
        surroundings: Surroundings,
        *,
        up: Callable[[], object],
        down: Callable[[], object],
        refused: Callable[[ExchangeError], object],
        ping: str | None = None,
        headers: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._name = name
        self._up, self._down, self._refused = up, down, refused
        self._overdue = Alarm(surroundings.reactor)
        self._epoch = 0
        self.is_up = False
        self._link = SocketLink(
            name,
            url,
            surroundings,
            opened=self._opened,
            heard=self._heard,
            lost=self._lost,
            ping=ping,
            silence_limit=SILENCE_LIMIT,
            headers=headers,
        )

    # What a venue has to bring

    @abstractmethod
    def _log_in(self) -> None:
        """The connection stands: send what proves who we are and what we want to hear."""

    @abstractmethod
    def _heard(self, message: Any) -> None:
        """Take a message in; an ExchangeError or ValueError ends the connection."""

    # For its owner

    @property
    def last_heard(self) -> int | None:
        """When the last message came, in microseconds."""
        return self._link.last_heard

    def start(self) -> None:
        """Connect; a repeat changes nothing."""
        self._link.start()

    def close(self) -> "Deferred[None]":
        """Hang up for good; a repeat is safe."""
        return self._link.close()

    def drop(self, why: str) -> None:
        """What was told is not enough: begin anew."""
        self._link.drop(why)

    # The connection

    def _opened(self) -> None:
        self._epoch += 1
        self._overdue.set(ANSWER_LIMIT, self._link.drop, f"no answer to the subscription in {ANSWER_LIMIT:g} s")
        self._log_in()

    def _lost(self) -> None:
        self._epoch += 1
        self._overdue.stop()
        was_up, self.is_up = self.is_up, False
        if was_up:
            self._down()

    def _stands(self) -> None:
        """The venue has let us in; a repeat changes nothing."""
        self._overdue.stop()
        self._link.settled()
        if not self.is_up:
            self.is_up = True
            self._up()

    def _denied(self, error: ExchangeError) -> None:
        """The venue has said no."""
        self._overdue.stop()
        self._refused(error)
        self._link.drop(str(error))

    def _with(self, asked: "Deferred[T]", go_on: Callable[[T], object]) -> None:
        """Go on with what ``asked`` gives (a token), if the connection that it is for is still there then."""
        asked.addCallback(self._given, self._epoch, go_on)
        asked.addErrback(self._not_given, self._epoch)

    def _given(self, result: T, epoch: int, go_on: Callable[[T], object]) -> None:
        # It may come when the connection it was for is gone; the next one asks for its own.
        if epoch == self._epoch:
            go_on(result)

    def _not_given(self, failure: Failure, epoch: int) -> None:
        if not isinstance(failure.value, ExchangeError):
            self.log.failure("{name}: what it takes to log in could not be asked for", failure=failure, name=self._name)
        elif epoch == self._epoch:
            self._refused(failure.value)
        if epoch == self._epoch:
            self._link.drop(failure.getErrorMessage())
