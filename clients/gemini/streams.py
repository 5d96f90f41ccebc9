"""Gemini's two WebSocket connections: market data v2 for order books, order events for what is ours."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from clients.book_stream import BookStream, Followed
from clients.errors import ExchangeError
from clients.gemini.book import GeminiBook
from clients.gemini.executions import Executions, News
from clients.gemini.faults import VENUE
from clients.gemini.rest import ORDER_EVENTS
from clients.gemini.wire import Levels, changes, reading
from clients.listings import Listing, Market
from clients.own_stream import OwnStream
from clients.parsing import text
from clients.streamed_book import OutOfStep
from clients.surroundings import Surroundings
from model.shapes import BookShape

MARKET_DATA = "/v2/marketdata"
#: Seconds from when an audit's memory begins until it asks, and from the answer until it judges: so far may REST's book be behind
#: the stream, and so far ahead of it.
BEHIND, AHEAD = 2.0, 2.0

MARKET_DATA_READING = reading("market data")

Subscribed = Followed[Listing, GeminiBook]


def subscription(kind: str, symbol: str) -> Mapping[str, Any]:
    """To ``subscribe`` to a book, or ``unsubscribe``."""
    return {"type": kind, "subscriptions": [{"name": "l2", "symbols": [symbol.upper()]}]}


class Books(BookStream[Listing, GeminiBook]):
    """Books of the listings that are followed, the best ``depth`` levels.

    ``ask(listing)`` has REST's book; every ``audit`` seconds the streamed one is compared with it.
    """

    def __init__(
        self,
        url: str,
        surroundings: Surroundings,
        depth: int,
        audit: float,
        *,
        ask: Callable[[Listing], "Deferred[tuple[Levels, Levels]]"],
        changed: Callable[[BookShape], object],
        up: Callable[[], object],
        down: Callable[[], object],
    ) -> None:
        super().__init__(
            VENUE,
            url + MARKET_DATA,
            surroundings,
            new_book=lambda listing: GeminiBook(listing.contract, depth),
            changed=changed,
            up=up,
            down=down,
        )
        self._audit = audit
        self._ask = ask
        self._unanswered: deque[str] = deque()

    # Subscriptions

    def _lost(self) -> None:
        self._unanswered.clear()
        super()._lost()

    def _ask_for(self, followed: Subscribed) -> None:
        self._unanswered.append(followed.listing.symbol)
        self._link.send(subscription("subscribe", followed.listing.symbol))

    def _ask_again(self, followed: Subscribed) -> None:
        self._link.send(subscription("unsubscribe", followed.listing.symbol))
        self._subscribe(followed)

    def _heard(self, message: Any) -> None:
        with MARKET_DATA_READING:
            if message.get("result") == "error":
                self._not_subscribed(message)
            elif text(message["type"], "type") == "l2_updates":
                self._book_heard(message)

    def _not_subscribed(self, message: Mapping[str, Any]) -> None:
        if not self._unanswered:
            raise ValueError(f"an error that nobody asked for: {message!r:.200}")
        # It does not say which symbol it means; they are answered in turn.
        self._will_not_stream(self._unanswered.popleft(), message)

    def _book_heard(self, message: Mapping[str, Any]) -> None:
        symbol, update = text(message["symbol"], "symbol").lower(), changes(message)
        followed = self._followed.get(symbol)
        if followed is None:
            return
        if update.is_whole and symbol in self._unanswered:
            self._unanswered.remove(symbol)
        try:
            followed.book.take(update)
        except OutOfStep as trouble:
            self._doubt(followed, trouble)
            return
        if update.is_whole:
            self._link.settled()
            self._audit_later(followed)
        if followed.book.is_in_step:
            self._tell(followed)

    # Audits

    def _doubt(self, followed: Subscribed, trouble: object) -> None:
        followed.lose()
        self._out_of_step(followed, trouble)

    def _audit_later(self, followed: Subscribed) -> None:
        followed.question += 1
        followed.alarm.set(self._audit, self._begin_audit, followed)

    def _begin_audit(self, followed: Subscribed) -> None:
        followed.book.begin_audit()
        followed.alarm.set(BEHIND, self._ask_audit, followed)

    def _ask_audit(self, followed: Subscribed) -> None:
        asked, question = self._ask(followed.listing), followed.question
        asked.addCallbacks(self._told, self._not_told, callbackArgs=(followed, question), errbackArgs=(followed, question))

    def _told(self, told: tuple[Levels, Levels], followed: Subscribed, question: int) -> None:
        # A book that was begun anew meanwhile has an audit of its own.
        if question == followed.question:
            followed.alarm.set(AHEAD, self._judge, followed, *told)

    def _not_told(self, failure: Failure, followed: Subscribed, question: int) -> None:
        if not isinstance(failure.value, ExchangeError):
            self.log.failure("gemini: a book could not be asked for", failure=failure)
        if question == followed.question:
            self._audit_later(followed)

    def _judge(self, followed: Subscribed, bids: Levels, asks: Levels) -> None:
        try:
            followed.book.audit(bids, asks)
        except OutOfStep as trouble:
            self._doubt(followed, trouble)
        else:
            followed.backoff.reset()
            self._audit_later(followed)


class OrderEvents(OwnStream):
    """Our orders and fills. ``handshake()`` gives the signed headers of a connection. ``told(news)`` with every event.

    ``account``: see :class:`Executions`. A handshake that the venue refuses looks like a connection that fails: the reason is
    told by the REST call that comes before it, which needs the same role.
    """

    def __init__(
        self,
        url: str,
        surroundings: Surroundings,
        account: str,
        *,
        handshake: Callable[[], Mapping[str, str]],
        told: Callable[[News], object],
        up: Callable[[], object],
        down: Callable[[], object],
        refused: Callable[[ExchangeError], object],
    ) -> None:
        where = f"{url}{ORDER_EVENTS}?heartbeat=true"
        super().__init__(f"{VENUE} order events", where, surroundings, up=up, down=down, refused=refused, headers=handshake)
        self._told = told
        self._executions = Executions(account)
        self.market = Market({}, {})

    def _log_in(self) -> None:
        """The handshake has done it; what comes first acknowledges."""
        self._executions.restart()

    def _heard(self, message: Any) -> None:
        news: list[News] = []
        with reading("order events"):
            if isinstance(message, list):
                news = self._executions.hear(message, self.market)
            elif message["type"] == "subscription_ack":
                self._stands()
            elif message["type"] == "heartbeat":
                self._executions.count(message)
            else:
                news = self._executions.hear([message], self.market)
        for each in news:
            self._told(each)
