"""Kraken's two WebSocket v2 connections: order books on the public one, our executions on the private one.

Each subscribes again whenever its connection stands again. What breaks the format, a gap in the numbering, a refused or
unanswered subscription: the connection is dropped and made anew with back-off, and until then nothing is claimed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from clients.backoff import Backoff
from clients.errors import ExchangeError
from clients.kraken.book import OutOfStep, StreamedBook
from clients.kraken.executions import Executions, News
from clients.kraken.wire import Pair, reading
from clients.socket_link import SocketLink
from clients.surroundings import Surroundings
from model.shapes import BookShape

PING = '{"method":"ping"}'
SILENCE_LIMIT = 10.0
#: Seconds within which a subscription must be answered by its snapshot.
SNAPSHOT_LIMIT = 15.0
#: Seconds after an accepted subscription of executions without a snapshot: then there are no open orders.
EMPTY_SNAPSHOT_LIMIT = 2.0


def subscription(method: str, channel: str, **parameters: Any) -> Mapping[str, Any]:
    """A ``subscribe`` or ``unsubscribe`` request."""
    return {"method": method, "params": {"channel": channel, **parameters}}


@define
class _Followed:
    """A book that is streamed; ``timer``: a resubscription that is due, or a snapshot that is overdue."""

    book: StreamedBook
    backoff: Backoff
    timer: IDelayedCall | None = None

    def stop(self) -> None:
        if self.timer is not None and self.timer.active():
            self.timer.cancel()
        self.timer = None


class BookStream:
    """Books of the pairs that are followed, ``depth`` levels deep.

    ``changed(shape)`` with every change, ``up()`` and ``down()`` when the connection stands and when it is gone.
    """

    log = Logger()

    def __init__(
        self,
        url: str,
        surroundings: Surroundings,
        depth: int,
        *,
        changed: Callable[[BookShape], object],
        up: Callable[[], object],
        down: Callable[[], object],
    ) -> None:
        self._surroundings = surroundings
        self._depth = depth
        self._changed, self._up, self._down = changed, up, down
        self._followed: dict[str, _Followed] = {}
        self.is_up = False
        self._link = SocketLink(
            "kraken books",
            url,
            surroundings,
            opened=self._opened,
            heard=self._heard,
            lost=self._lost,
            ping=PING,
            silence_limit=SILENCE_LIMIT,
        )

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

    def follow(self, pair: Pair) -> None:
        """Stream the book of ``pair`` from now on; a repeat changes nothing."""
        contract = pair.instrument.contract
        if contract not in self._followed:
            self._followed[contract] = _Followed(StreamedBook(pair, self._depth), Backoff(self._surroundings.random))
            self._subscribe(contract)

    def book(self, contract: str) -> BookShape | None:
        """The book with when it was last proven; None if it is not in step."""
        as_of = self.as_of(contract)
        return None if as_of is None else self._followed[contract].book.shape(as_of)

    def as_of(self, contract: str) -> int | None:
        """When the book was last proven current, in microseconds: a change would have come before the last message did."""
        followed = self._followed.get(contract)
        return self._link.last_heard if self.is_up and followed and followed.book.is_in_step else None

    def _opened(self) -> None:
        self.is_up = True
        for contract in self._followed:
            self._subscribe(contract)
        self._up()

    def _lost(self) -> None:
        self.is_up = False
        for followed in self._followed.values():
            followed.book.lose()
            followed.stop()
        self._down()

    def _subscribe(self, contract: str) -> None:
        if not self.is_up:
            return
        followed = self._followed[contract]
        followed.stop()
        clock = self._surroundings.reactor
        followed.timer = clock.callLater(SNAPSHOT_LIMIT, self._link.drop, f"no snapshot of {contract} in {SNAPSHOT_LIMIT:g} s")
        self._link.send(subscription("subscribe", "book", symbol=[contract], depth=self._depth, snapshot=True))

    def _heard(self, message: Any) -> None:
        with reading("book"):
            if message.get("method") == "subscribe" and not message["success"]:
                self._not_subscribed(message)
            elif message.get("channel") == "book":
                self._book_heard(message)
            elif message.get("channel") == "status":
                self._link.settled()

    def _not_subscribed(self, message: Mapping[str, Any]) -> None:
        # One contract that the venue will not stream must not cost us the other books: it stays without a proven age.
        self.log.error("kraken will not stream {symbol}: {error}", symbol=message.get("symbol"), error=message.get("error"))
        followed = self._followed.get(str(message.get("symbol")))
        if followed is not None:
            followed.stop()

    def _book_heard(self, message: Mapping[str, Any]) -> None:
        for data in message["data"]:
            followed = self._followed.get(data["symbol"])
            if followed is None:
                continue
            try:
                self._book_told(followed, data, is_snapshot=message["type"] == "snapshot")
            except OutOfStep as trouble:
                self._out_of_step(data["symbol"], followed, trouble)

    def _book_told(self, followed: _Followed, data: Mapping[str, Any], *, is_snapshot: bool) -> None:
        if is_snapshot:
            followed.book.snapshot(data)
            followed.stop()
        elif followed.book.is_in_step:
            followed.book.update(data)
            followed.backoff.reset()
        else:
            # Until the snapshot comes that was asked for, updates of what was before are of no use.
            return
        self._changed(followed.book.shape(self._link.last_heard or 0))

    def _out_of_step(self, contract: str, followed: _Followed, trouble: OutOfStep) -> None:
        self.log.warn("kraken: {trouble}; asking for a new snapshot", trouble=trouble)
        followed.stop()
        delay = followed.backoff.next_delay()
        followed.timer = self._surroundings.reactor.callLater(delay, self._subscribe_again, contract)

    def _subscribe_again(self, contract: str) -> None:
        self._link.send(subscription("unsubscribe", "book", symbol=[contract], depth=self._depth))
        self._subscribe(contract)


class ExecutionStream:
    """Our orders and fills. ``token()`` gives the key for a subscription, by REST.

    ``told(news)`` with every message; ``up()`` once the snapshot of open orders is here, or stays away; ``down()`` when
    that is over; ``refused(error)`` if the venue will not give a token: the connection is tried again all the same.
    """

    log = Logger()

    def __init__(
        self,
        url: str,
        surroundings: Surroundings,
        *,
        token: Callable[[], "Deferred[str]"],
        told: Callable[[News], object],
        up: Callable[[], object],
        down: Callable[[], object],
        refused: Callable[[ExchangeError], object],
    ) -> None:
        self._clock = surroundings.reactor
        self._token = token
        self._told, self._up, self._down, self._refused = told, up, down, refused
        self._overdue: IDelayedCall | None = None
        self._epoch = 0
        self.memory = Executions()
        self.is_up = False
        self._link = SocketLink(
            "kraken executions",
            url,
            surroundings,
            opened=self._opened,
            heard=self._heard,
            lost=self._lost,
            ping=PING,
            silence_limit=SILENCE_LIMIT,
        )

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

    def _opened(self) -> None:
        self._epoch += 1
        self.memory.restart()
        self._overdue = self._clock.callLater(SNAPSHOT_LIMIT, self._link.drop, f"no executions within {SNAPSHOT_LIMIT:g} s")
        self._token().addCallbacks(self._subscribe, self._no_token, callbackArgs=(self._epoch,), errbackArgs=(self._epoch,))

    def _subscribe(self, token: str, epoch: int) -> None:
        # The token may come when the connection it was for is gone; the next one asks for its own.
        if epoch == self._epoch:
            parameters = {"token": token, "snap_orders": True, "snap_trades": False, "order_status": True}
            self._link.send(subscription("subscribe", "executions", **parameters))

    def _no_token(self, failure: Failure, epoch: int) -> None:
        if not isinstance(failure.value, ExchangeError):
            self.log.failure("kraken: the token could not be asked for", failure=failure)
        elif epoch == self._epoch:
            self._refused(failure.value)
        if epoch == self._epoch:
            self._link.drop(failure.getErrorMessage())

    def _lost(self) -> None:
        self._epoch += 1
        self._stop_timer()
        was_up, self.is_up = self.is_up, False
        if was_up:
            self._down()

    def _heard(self, message: Any) -> None:
        with reading("executions"):
            if message.get("method") == "subscribe":
                self._answered(message)
            if message.get("channel") != "executions":
                return
            news = self.memory.hear(message)
        self._told(news)
        if message["type"] == "snapshot":
            self._subscribed()

    def _answered(self, message: Mapping[str, Any]) -> None:
        if not message["success"]:
            raise ValueError(f"subscription refused: {message.get('error')}")
        if not self.is_up:
            # It is not documented that a snapshot comes when there is nothing to tell.
            self._stop_timer()
            self._overdue = self._clock.callLater(EMPTY_SNAPSHOT_LIMIT, self._subscribed)

    def _subscribed(self) -> None:
        self._stop_timer()
        self._link.settled()
        if not self.is_up:
            self.is_up = True
            self._up()

    def _stop_timer(self) -> None:
        if self._overdue is not None and self._overdue.active():
            self._overdue.cancel()
        self._overdue = None
