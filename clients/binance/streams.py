"""Binance's two WebSocket connections: market streams for order books, the WebSocket API for what is ours."""

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from clients.binance.book import BinanceBook
from clients.binance.executions import News, report
from clients.binance.faults import VENUE, WrongTime, error_of
from clients.binance.wire import changes, reading
from clients.book_stream import BookStreamByQuestion, Followed
from clients.errors import ExchangeError
from clients.listings import Listing, Market
from clients.own_stream import OwnStream
from clients.parsing import text, whole
from clients.surroundings import Surroundings
from model.shapes import BookShape

SNAPSHOT = "GET /api/v3/depth"
SUBSCRIBE_USER = "userDataStream.subscribe.signature"
#: After these the stream of what is ours is over, though the connection may stand.
ENDS = frozenset({"eventStreamTerminated", "serverShutdown"})
MARKET_READING = reading("market stream")


class BookStream(BookStreamByQuestion[Listing, BinanceBook]):
    """Books of the listings that are followed, the best ``depth`` levels."""

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
        super().__init__(
            VENUE,
            url,
            surroundings,
            new_book=lambda listing: BinanceBook(listing, depth),
            snapshot=snapshot,
            call=SNAPSHOT,
            changed=changed,
            up=up,
            down=down,
        )
        self._asked: dict[int, Followed[Listing, BinanceBook]] = {}
        self._last_request = 0

    def _lost(self) -> None:
        self._asked.clear()
        super()._lost()

    def _ask_for(self, followed: Followed[Listing, BinanceBook]) -> None:
        self._last_request += 1
        self._asked[self._last_request] = followed
        stream = f"{followed.listing.symbol.lower()}@depth@100ms"
        self._link.send({"method": "SUBSCRIBE", "params": [stream], "id": self._last_request})

    def _heard(self, message: Any) -> None:
        with MARKET_READING:
            if message.get("e") == "depthUpdate":
                followed = self._followed.get(text(message["s"], "s"))
                if followed is not None:
                    self._update(followed, changes(message))
            elif message.get("e") == "serverShutdown":
                raise ValueError("the server shuts down")
            elif "id" in message:
                self._answered(message)

    def _answered(self, message: Mapping[str, Any]) -> None:
        followed = self._asked.pop(whole(message["id"], "id"), None)
        if followed is None:
            return
        if "result" not in message or message["result"] is not None:
            self._will_not_stream(followed.listing.symbol, message)
            return
        self._subscribed(followed)


class UserStream(OwnStream):
    """Our orders and fills, by the WebSocket API with an HMAC key.

    ``subscription()`` gives signed parameters. ``told(news)`` with every report. ``wrong_time()``: the venue finds our
    timestamps wrong.
    """

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
        super().__init__(f"{VENUE} user data", url, surroundings, up=up, down=down, refused=refused)
        self._subscription = subscription
        self._told, self._wrong_time = told, wrong_time
        self._request = 0
        self.market = Market({}, {})

    def _log_in(self) -> None:
        self._request += 1
        self._link.send({"id": str(self._request), "method": SUBSCRIBE_USER, "params": dict(self._subscription())})

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
        if message["status"] == 200:
            self._stands()
            return
        words = message["error"]
        error = error_of(SUBSCRIBE_USER, _code(words["code"]), text(words["msg"], "msg"), is_write=False)
        if isinstance(error, WrongTime):
            self._wrong_time()
        self._denied(error)


def _code(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{VENUE} error code {value!r:.40} is no number")
    return value
