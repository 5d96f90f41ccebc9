"""The life of a client with two streams: order books, which anybody may follow, and what is ours, for which a key is needed.

Usable means: both streams stand, and what was missed while the second did not has been read and told.
"""

from abc import abstractmethod
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, succeed
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from clients.backoff import Backoff
from clients.errors import ExchangeError, Reason, Refused, Retryable
from clients.interface import ExchangeClient
from clients.parsing import EPOCH
from clients.surroundings import Surroundings

#: What was told shortly before a connection was lost is read again: some of it may have been lost with it.
MARGIN = timedelta(seconds=60)


class Stream(Protocol):
    """A connection that stays connected; ``last_heard``: when its last message came, in microseconds."""

    is_up: bool

    @property
    def last_heard(self) -> int | None:
        """None before the first message."""

    def start(self) -> None:
        """Connect; a repeat changes nothing."""

    def close(self) -> "Deferred[None]":
        """Hang up for good; a repeat is safe."""


class StreamingClient(ExchangeClient):
    """A venue learns its market (:meth:`_learn`) and tells what was missed (:meth:`_tell_missed`); the rest is here.

    The streams are handed in by :meth:`_use`; the book stream calls :meth:`_settle` when it is up and when it is down, the
    other one :meth:`_own_up` and :meth:`_own_down`, and :meth:`_no_access` when the venue will not have it.
    """

    def __init__(self, name: str, surroundings: Surroundings, *, has_key: bool) -> None:
        super().__init__(name)
        self._surroundings = surroundings
        self._has_key = has_key
        self._waiting: list[Deferred[None]] = []
        self._is_starting = False
        self._at_work: set[Deferred[None]] = set()
        self._knows_orders = not has_key
        self._missed_since: datetime | None = None
        self._losses = 0
        self._is_usable = False
        self._closing: Deferred[None] | None = None

    def _use(self, books: Stream, own: Stream) -> None:
        self._book_stream, self._own_stream = books, own

    # What a venue has to bring

    @abstractmethod
    async def _learn(self) -> None:
        """Ask for the market and check the key; fill ``instruments``. Repeated until no ExchangeError comes of it."""

    @abstractmethod
    async def _tell_missed(self, since: datetime) -> None:
        """Emit, again rather than not at all, what happened to our orders since then."""

    @abstractmethod
    def _close_calls(self) -> "Deferred[None]":
        """Give up all calls that are under way, and take no more."""

    # The connection

    def connect(self) -> "Deferred[None]":
        if self._closing is not None:
            return fail(Retryable(self.name, "connect", "this client was disconnected for good"))
        if self._is_usable:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        if not self._is_starting:
            self._is_starting = True
            self._run(self._start(), "start")
        return waiter

    async def _start(self) -> None:
        backoff = Backoff(self._surroundings.random)
        while True:
            try:
                await self._learn()
                break
            except ExchangeError as error:
                if isinstance(error, Refused) and error.reason is Reason.AUTH:
                    self._is_starting = False
                    self._answer_waiting(Failure(error))
                    return
                self.log.warn("{error}; trying again", error=error)
                await deferLater(self._surroundings.reactor, backoff.next_delay())
        self._book_stream.start()
        if self._has_key:
            self._own_stream.start()

    def disconnect(self) -> "Deferred[None]":
        if self._closing is None:
            for deferred in list(self._at_work):
                deferred.cancel()
            ends = [self._book_stream.close(), self._own_stream.close(), self._close_calls()]
            self._closing = gatherResults(ends).addCallback(lambda _: None)
            self._settle()
            self._answer_waiting(Failure(Retryable(self.name, "connect", "disconnected meanwhile")))
        # Each caller gets a Deferred of its own: what one makes of its result is not the others'.
        done: Deferred[None] = Deferred()
        self._closing.chainDeferred(done)
        return done

    def _settle(self) -> None:
        """Tell when the client becomes usable, or ceases to be."""
        is_usable = self._book_stream.is_up and self._knows_orders and self._closing is None
        if is_usable == self._is_usable:
            return
        self._is_usable = is_usable
        self.emit("connect" if is_usable else "disconnect", self)
        if is_usable:
            self._answer_waiting(None)

    def _answer_waiting(self, result: Any) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(result)

    def _run(self, work: Coroutine[Any, Any, None], what: str) -> "Deferred[None]":
        """Work that nobody waits for: its failure is logged, and it ends with the client."""
        running: Deferred[None] = Deferred.fromCoroutine(work)
        self._at_work.add(running)

        def ended(result: Any) -> None:
            self._at_work.discard(running)
            if isinstance(result, Failure) and not result.check(CancelledError):
                self.log.failure("{name}: {what} failed", failure=result, name=self.name, what=what)

        return running.addBoth(ended)

    # What is ours

    def _no_access(self, error: ExchangeError) -> None:
        if isinstance(error, Refused) and error.reason is Reason.AUTH:
            self._answer_waiting(Failure(error))

    def _own_up(self) -> None:
        self._run(self._catch_up(), "catching up")

    def _own_down(self) -> None:
        self._losses += 1
        self._knows_orders = False
        heard = self._own_stream.last_heard
        if self._missed_since is None and heard is not None:
            self._missed_since = EPOCH + timedelta(microseconds=heard) - MARGIN
        self._settle()

    async def _catch_up(self) -> None:
        """After a loss, read and tell what was missed; only then are the orders known again."""
        backoff = Backoff(self._surroundings.random)
        losses = self._losses
        while self._missed_since is not None:
            try:
                await self._tell_missed(self._missed_since)
                is_read = True
            except ExchangeError as error:
                self.log.warn("{error}; reading again what was missed", error=error)
                is_read = False
            if losses != self._losses:
                # Lost again meanwhile: what came since is missing, and the next connection reads all of it.
                return
            if is_read:
                self._missed_since = None
            else:
                await deferLater(self._surroundings.reactor, backoff.next_delay())
        if losses == self._losses:
            self._knows_orders = True
            self._settle()
