"""Binance's two WebSocket connections: market streams for order books, the WebSocket API for what is ours.

Each subscribes again whenever its connection stands again. What breaks the format, a refused or unanswered subscription: the
connection is dropped and made anew with back-off, and until then nothing is claimed. A gap in a book costs that book only.
"""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from clients.backoff import Backoff
from clients.binance.book import OutOfStep, StreamedBook
from clients.binance.executions import News, Progress, report
from clients.binance.faults import VENUE, WrongTime, error_of
from clients.binance.wire import Listing, Market, changes, reading, whole
from clients.errors import ExchangeError
from clients.parsing import text
from clients.socket_link import SocketLink
from clients.surroundings import Surroundings
from model.shapes import BookShape

SILENCE_LIMIT = 10.0
#: Seconds within which a subscription must be answered, and a snapshot be here.
ANSWER_LIMIT = 15.0
SUBSCRIBE_USER = "userDataStream.subscribe.signature"
#: After these the stream of what is ours is over, though the connection may stand.
ENDS = frozenset({"eventStreamTerminated", "serverShutdown"})


@define
class _Followed:
    """A book that is streamed; ``timer``: a snapshot that is due, or a subscription that is overdue."""

    book: StreamedBook
    backoff: Backoff
    timer: IDelayedCall | None = None
    #: Counts the snapshots that were asked for: an answer to an earlier question is of no use.
    question: int = 0

    def stop(self) -> None:
        if self.timer is not None and self.timer.active():
            self.timer.cancel()
        self.timer = None

    def lose(self) -> None:
        self.stop()
        self.book.lose()
        self.question += 1


class BookStream:
    """Books of the listings that are followed, the best ``depth`` levels.

    ``snapshot(symbol)`` asks for one by REST. ``changed(shape)`` with every change, ``up()`` and ``down()`` when the
    connection stands and when it is gone.
    """

    log = Logger()

    def __init__(
        self,
        url: str,
        surroundings: Surroundings,
        depth: int,
        *,
        snapshot: Callable[[str], "Deferred[Any]"],
        changed: Callable[[BookShape], object],
        up: Callable[[], object],
        down: Callable[[], object],
    ) -> None:
        self._surroundings = surroundings
        self._depth = depth
        self._snapshot = snapshot
        self._changed, self._up, self._down = changed, up, down
        self._followed: dict[str, _Followed] = {}
        self._asked: dict[int, str] = {}
        self._last_request = 0
        self.is_up = False
        self._link = SocketLink(
            "binance books",
            url,
            surroundings,
            opened=self._opened,
            heard=self._heard,
            lost=self._lost,
            silence_limit=SILENCE_LIMIT,
        )

    @property
    def last_heard(self) -> int | None:
        """When the last message came, in microseconds."""
        return self._link.last_heard

    @property
    def contracts(self) -> list[str]:
        """The contracts that are followed."""
        return [followed.book.listing.contract for followed in self._followed.values()]

    def start(self) -> None:
        """Connect; a repeat changes nothing."""
        self._link.start()

    def close(self) -> "Deferred[None]":
        """Hang up for good; a repeat is safe."""
        for followed in self._followed.values():
            followed.lose()
        return self._link.close()

    def follow(self, listing: Listing) -> None:
        """Stream the book of ``listing`` from now on; a repeat changes nothing."""
        if listing.symbol not in self._followed:
            self._followed[listing.symbol] = _Followed(StreamedBook(listing), Backoff(self._surroundings.random))
            self._subscribe(listing.symbol)

    def book(self, listing: Listing) -> BookShape | None:
        """The book with when it was last proven; None if it is not in step."""
        as_of = self.as_of(listing)
        return None if as_of is None else self._followed[listing.symbol].book.shape(as_of, self._depth)

    def as_of(self, listing: Listing) -> int | None:
        """When the book was last proven current, in microseconds: a change would have come before the last message did."""
        followed = self._followed.get(listing.symbol)
        return self._link.last_heard if self.is_up and followed and followed.book.is_in_step else None

    def _opened(self) -> None:
        self.is_up = True
        for symbol in self._followed:
            self._subscribe(symbol)
        self._up()

    def _lost(self) -> None:
        self.is_up = False
        self._asked.clear()
        for followed in self._followed.values():
            followed.lose()
        self._down()

    def _subscribe(self, symbol: str) -> None:
        if not self.is_up:
            return
        followed = self._followed[symbol]
        followed.lose()
        why = f"{symbol}: no answer to a subscription in {ANSWER_LIMIT:g} s"
        followed.timer = self._surroundings.reactor.callLater(ANSWER_LIMIT, self._link.drop, why)
        self._last_request += 1
        self._asked[self._last_request] = symbol
        stream = f"{symbol.lower()}@depth@100ms"
        self._link.send({"method": "SUBSCRIBE", "params": [stream], "id": self._last_request})

    def _heard(self, message: Any) -> None:
        with reading("market stream"):
            if message.get("e") == "depthUpdate":
                self._event(message)
            elif message.get("e") == "serverShutdown":
                raise ValueError("the server shuts down")
            elif "id" in message:
                self._answered(message)

    def _answered(self, message: Mapping[str, Any]) -> None:
        symbol = self._asked.pop(whole(message["id"], "id"), None)
        if symbol is None:
            return
        followed = self._followed[symbol]
        followed.stop()
        if "result" not in message or message["result"] is not None:
            # One symbol that the venue will not stream must not cost us the other books: it stays without a proven age.
            self.log.error("binance will not stream {symbol}: {answer}", symbol=symbol, answer=message)
            return
        self._link.settled()
        # Only now: what the snapshot does not have will come as an event.
        self._ask_snapshot(symbol)

    def _ask_snapshot(self, symbol: str) -> None:
        followed = self._followed[symbol]
        followed.timer = None
        followed.question += 1
        asked = self._snapshot(symbol)
        asked.addCallback(self._snapshot_came, symbol, followed.question)
        asked.addErrback(self._no_snapshot, symbol, followed.question)

    def _snapshot_came(self, answer: Any, symbol: str, question: int) -> None:
        followed = self._followed[symbol]
        if question != followed.question:
            return
        try:
            with reading("GET /api/v3/depth"):
                followed.book.snapshot(answer)
        except (OutOfStep, ExchangeError) as trouble:
            self._out_of_step(symbol, str(trouble))
        else:
            self._tell(followed)

    def _no_snapshot(self, failure: Failure, symbol: str, question: int) -> None:
        if not isinstance(failure.value, ExchangeError):
            self.log.failure("binance: a snapshot failed", failure=failure)
        if question == self._followed[symbol].question:
            self._out_of_step(symbol, failure.getErrorMessage())

    def _event(self, message: Mapping[str, Any]) -> None:
        symbol = text(message["s"], "s")
        followed = self._followed.get(symbol)
        if followed is None:
            return
        was_in_step, update = followed.book.is_in_step, changes(message)
        try:
            followed.book.update(update)
        except OutOfStep as trouble:
            followed.lose()
            # It may be the first that fits the new snapshot.
            followed.book.update(update)
            self._out_of_step(symbol, str(trouble))
            return
        if was_in_step:
            followed.backoff.reset()
            self._tell(followed)

    def _tell(self, followed: _Followed) -> None:
        self._changed(followed.book.shape(self._link.last_heard or 0, self._depth))

    def _out_of_step(self, symbol: str, trouble: str) -> None:
        self.log.warn("binance: {trouble}; asking for a new snapshot", trouble=trouble)
        followed = self._followed[symbol]
        followed.stop()
        delay = followed.backoff.next_delay()
        followed.timer = self._surroundings.reactor.callLater(delay, self._ask_snapshot, symbol)


class UserStream:
    """Our orders and fills, by the WebSocket API with an HMAC key.

    ``subscription()`` gives signed parameters. ``told(news)`` with every report; ``up()`` once the subscription stands,
    ``down()`` when that is over; ``refused(error)`` if the venue will not have it: it is tried again all the same.
    ``wrong_time()``: the venue finds our timestamps wrong.
    """

    log = Logger()

    def __init__(
        self,
        url: str,
        surroundings: Surroundings,
        *,
        subscription: Callable[[], Mapping[str, str | int]],
        told: Callable[[News], object],
        up: Callable[[], object],
        down: Callable[[], object],
        refused: Callable[[ExchangeError], object],
        wrong_time: Callable[[], object],
    ) -> None:
        self._clock = surroundings.reactor
        self._subscription = subscription
        self._told, self._up, self._down = told, up, down
        self._refused, self._wrong_time = refused, wrong_time
        self._overdue: IDelayedCall | None = None
        self._request = 0
        self.market = Market({}, {})
        self.progress = Progress()
        self.is_up = False
        self._link = SocketLink(
            "binance user data",
            url,
            surroundings,
            opened=self._opened,
            heard=self._heard,
            lost=self._lost,
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

    def _opened(self) -> None:
        self._request += 1
        why = f"no answer to the subscription in {ANSWER_LIMIT:g} s"
        self._overdue = self._clock.callLater(ANSWER_LIMIT, self._link.drop, why)
        self._link.send({"id": str(self._request), "method": SUBSCRIBE_USER, "params": dict(self._subscription())})

    def _lost(self) -> None:
        self._stop_timer()
        was_up, self.is_up = self.is_up, False
        if was_up:
            self._down()

    def _heard(self, message: Any) -> None:
        news: News | None = None
        with reading("user data stream"):
            event = message.get("event")
            if event is None:
                if message["id"] == str(self._request) and not self.is_up:
                    self._answered(message)
            elif event["e"] == "executionReport":
                news = report(event, self.market)
            elif event["e"] in ENDS:
                raise ValueError(f"the venue ends it: {event['e']}")
        if news is not None and self.is_up:
            self._told(news)

    def _answered(self, message: Mapping[str, Any]) -> None:
        self._stop_timer()
        if message["status"] == 200:
            self.is_up = True
            self._link.settled()
            self._up()
            return
        words = message["error"]
        error = error_of(SUBSCRIBE_USER, _code(words["code"]), text(words["msg"], "msg"), is_write=False)
        if isinstance(error, WrongTime):
            self._wrong_time()
        self._refused(error)
        self._link.drop(str(error))

    def _stop_timer(self) -> None:
        if self._overdue is not None and self._overdue.active():
            self._overdue.cancel()
        self._overdue = None


def _code(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{VENUE} error code {value!r:.40} is no number")
    return value
