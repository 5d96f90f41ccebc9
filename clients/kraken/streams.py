"""Kraken's two WebSocket v2 connections: order books on the public one, our executions on the private one.

Executions are numbered: a gap in the numbering ends the connection too, and what was missed is read.
"""

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from clients.book_stream import BookStream as SharedBookStream
from clients.book_stream import Followed
from clients.errors import ExchangeError
from clients.kraken.book import KrakenBook
from clients.kraken.executions import Executions, News
from clients.kraken.faults import VENUE
from clients.kraken.wire import Pair, reading
from clients.own_stream import OwnStream
from clients.streamed_book import OutOfStep
from clients.surroundings import Surroundings
from model.shapes import BookShape

PING = '{"method":"ping"}'
#: Seconds after an accepted subscription of executions without a snapshot: then there are no open orders.
EMPTY_SNAPSHOT_LIMIT = 2.0
BOOK_READING = reading("book")


def subscription(method: str, channel: str, **parameters: Any) -> Mapping[str, Any]:
    """A ``subscribe`` or ``unsubscribe`` request."""
    return {"method": method, "params": {"channel": channel, **parameters}}


class BookStream(SharedBookStream[Pair, KrakenBook]):
    """Books of the pairs that are followed, ``depth`` levels deep."""

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
        super().__init__(
            VENUE,
            url,
            surroundings,
            new_book=lambda pair: KrakenBook(pair, depth),
            changed=changed,
            up=up,
            down=down,
            ping=PING,
        )
        self._depth = depth

    def _ask_for(self, followed: Followed[Pair, KrakenBook]) -> None:
        symbol = [followed.listing.symbol]
        self._link.send(subscription("subscribe", "book", symbol=symbol, depth=self._depth, snapshot=True))

    def _ask_again(self, followed: Followed[Pair, KrakenBook]) -> None:
        self._link.send(subscription("unsubscribe", "book", symbol=[followed.listing.symbol], depth=self._depth))
        self._subscribe(followed)

    def _heard(self, message: Any) -> None:
        with BOOK_READING:
            if message.get("method") == "subscribe" and not message["success"]:
                self._will_not_stream(str(message.get("symbol")), message.get("error"))
            elif message.get("channel") == "book":
                self._book_heard(message)
            elif message.get("channel") == "status":
                self._link.settled()

    def _book_heard(self, message: Mapping[str, Any]) -> None:
        for data in message["data"]:
            followed = self._followed.get(data["symbol"])
            if followed is None:
                continue
            try:
                self._book_told(followed, data, is_snapshot=message["type"] == "snapshot")
            except OutOfStep as trouble:
                self._out_of_step(followed, trouble)

    def _book_told(self, followed: Followed[Pair, KrakenBook], data: Mapping[str, Any], *, is_snapshot: bool) -> None:
        if is_snapshot:
            followed.book.snapshot(data)
            followed.alarm.stop()
        elif followed.book.is_in_step:
            followed.book.update(data)
            followed.backoff.reset()
        else:
            # Until the snapshot comes that was asked for, updates of what was before are of no use.
            return
        self._tell(followed)


class ExecutionStream(OwnStream):
    """Our orders and fills. ``token()`` gives the key for a subscription, by REST.

    ``told(news)`` with every message; it is up once the snapshot of open orders is here, or stays away.
    """

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
        super().__init__(f"{VENUE} executions", url, surroundings, up=up, down=down, refused=refused, ping=PING)
        self._token, self._told = token, told
        self.memory = Executions()

    def _log_in(self) -> None:
        self.memory.restart()
        self._with(self._token(), self._subscribe)

    def _subscribe(self, token: str) -> None:
        parameters = {"token": token, "snap_orders": True, "snap_trades": False, "order_status": True}
        self._link.send(subscription("subscribe", "executions", **parameters))

    def _heard(self, message: Any) -> None:
        with reading("executions"):
            if message.get("method") == "subscribe":
                self._answered(message)
            if message.get("channel") != "executions":
                return
            news = self.memory.hear(message)
        self._told(news)
        if message["type"] == "snapshot":
            self._stands()

    def _answered(self, message: Mapping[str, Any]) -> None:
        if not message["success"]:
            raise ValueError(f"subscription refused: {message.get('error')}")
        if not self.is_up:
            # It is not documented that a snapshot comes when there is nothing to tell.
            self._overdue.set(EMPTY_SNAPSHOT_LIMIT, self._stands)
