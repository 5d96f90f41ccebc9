"""A Sputnik session that comes back: dialled, logged in, prepared, lost, dialled again, closed for good on request.

The life cycle is the links' common machine (:mod:`clients.socket_life`), where *open* means prepared too: books and orders
are in step. The machine decides; a :class:`Connection` does what it says and brings the results back as inputs.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

from clients.backoff import Backoff
from clients.errors import Reason, Refused, Retryable
from clients.socket_life import life_machine
from clients.sputnik.session import CLOSED_BY_US, Access, Session
from clients.surroundings import Surroundings

#: Seconds before a log-in that was refused is tried again: an account may be unlocked, but is not to be hammered.
FIRST_LOGIN_WAIT, LONGEST_LOGIN_WAIT = 30.0, 600.0


class Connection:
    """``prepare(session)`` makes a fresh session usable; ``up()`` and ``down()`` tell when it is, and when no more.

    ``session`` is the usable session, None at all other times.
    """

    log = Logger()

    def __init__(
        self,
        access: Access,
        surroundings: Surroundings,
        prepare: Callable[[Session], Coroutine[Any, Any, None]],
        up: Callable[[], object],
        down: Callable[[], object],
    ) -> None:
        self.session: Session | None = None
        self._access = access
        self._surroundings = surroundings
        self._prepare, self._up, self._down = prepare, up, down
        self._backoff = Backoff(surroundings.random)
        self._login_backoff = Backoff(surroundings.random, FIRST_LOGIN_WAIT, LONGEST_LOGIN_WAIT)
        self._attempt: Deferred[None] | None = None
        self._last_session: Session | None = None
        self._is_refused = False
        self._timer: IDelayedCall | None = None
        self._is_closed = False
        self._connecting: list[Deferred[None]] = []
        self._closing: list[Deferred[None]] = []
        self._life = life_machine(self)

    def start(self) -> "Deferred[None]":
        """Connect and stay connected; fires when first usable, at once if it is so already.

        Fails with Refused (AUTH) if the log-in is refused, and Retryable if it is closed before; it goes on trying after the
        first. A repeat starts nothing new.
        """
        if self.session is not None:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._connecting.append(done)
        if self._is_closed:
            self._fail_connecting(Failure(Retryable(self._access.venue, "connect", "it has been closed for good")))
        self._life.start()
        return done

    def close(self) -> "Deferred[None]":
        """Close for good; fires when all is closed. A repeat is safe."""
        if self._is_closed:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._closing.append(done)
        self._life.close()
        return done

    # What the machine lets be done (clients.socket_life.Hands).

    def dial(self) -> None:
        self._attempt = Deferred.fromCoroutine(self._try())
        self._attempt.addCallbacks(self._opened, self._failed)

    def wait(self) -> None:
        backoff = self._login_backoff if self._is_refused else self._backoff
        self._timer = self._surroundings.reactor.callLater(backoff.next_delay(), self._life.retry)

    def stop_waiting(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def hang_up(self) -> None:
        if self._attempt is not None:
            # The attempt's failure, once its socket is closed, is the machine's ``lost``.
            self._attempt.cancel()
        elif self._last_session is not None:
            self._last_session.close()

    def tell_opened(self) -> None:
        self.session = self._last_session
        self._backoff.reset()
        self._login_backoff.reset()
        waiting, self._connecting = self._connecting, []
        self._up()
        for done in waiting:
            done.callback(None)

    def tell_lost(self) -> None:
        self.session = None
        self._down()

    def tell_closed(self) -> None:
        self._is_closed = True
        self._fail_connecting(Failure(Retryable(self._access.venue, "connect", "closed before it was connected")))
        waiting, self._closing = self._closing, []
        for done in waiting:
            done.callback(None)

    # How it is done.

    async def _try(self) -> None:
        session = Session(self._access, self._surroundings, lambda why: self._socket_lost(session, why))
        try:
            await session.open()
            await self._prepare(session)
            if session.is_gone:
                raise Retryable(self._access.venue, "connect", "lost while it was prepared")
        except Exception:
            session.cut("the attempt to connect has failed")
            await session.closed()
            raise
        self._last_session = session

    def _opened(self, _: None) -> None:
        self._attempt = None
        self._is_refused = False
        self._life.opened()

    def _failed(self, failure: Failure) -> None:
        self._attempt = None
        self._is_refused = isinstance(failure.value, Refused) and failure.value.reason is Reason.AUTH
        self.log.warn("{venue}: not connected: {error}", venue=self._access.venue, error=str(failure.value))
        if self._is_refused:
            self._fail_connecting(failure)
        self._life.lost()

    def _socket_lost(self, session: Session, why: str) -> None:
        if session is self._last_session:
            level = LogLevel.info if why == CLOSED_BY_US else LogLevel.warn
            self.log.emit(level, "{venue}: connection lost: {why}", venue=self._access.venue, why=why)
            self._life.lost()

    def _fail_connecting(self, failure: Failure) -> None:
        waiting, self._connecting = self._connecting, []
        for done in waiting:
            done.errback(failure)
