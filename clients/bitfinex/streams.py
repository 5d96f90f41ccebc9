"""Bitfinex's two WebSocket connections: order books on the public one, what is ours on the private one.

Messages are numbered, one by one over the whole connection: a gap ends it, and what was missed is read or subscribed to anew.
When the venue restarts or goes into maintenance it says so (``info``): then nothing is claimed until it is back.
"""

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed

from clients.alarm import Alarm
from clients.bitfinex import wire
from clients.bitfinex.book import CheckedBook
from clients.bitfinex.faults import VENUE, error_of
from clients.bitfinex.symbols import Market
from clients.bitfinex.wire import reading, row
from clients.book_stream import BookStream as SharedBookStream
from clients.book_stream import Followed
from clients.errors import ExchangeError
from clients.listings import Listing
from clients.own_stream import OwnStream
from clients.parsing import text, whole
from clients.streamed_book import OutOfStep
from clients.surroundings import Surroundings
from model.shapes import BookShape, FillShape, OrderShape

PING = '{"event":"ping"}'
#: ``conf`` flags: number all messages, follow each change of a book by its checksum.
SEQUENCES, CHECKSUMS = 65_536, 131_072
#: The venue restarts; maintenance begins; it is over, and all has to be subscribed to anew.
RESTARTS = frozenset({20051, 20060, 20061})
HEARTBEAT = "hb"
#: Seconds for which requests wait for the answer to a log-in. Longer would hold back cancels; then a nonce may come too late.
TURN = 2.0


def configuration(flags: int) -> Mapping[str, Any]:
    """The ``conf`` event."""
    return {"event": "conf", "flags": flags}


def check_info(message: Mapping[str, Any]) -> None:
    """Pass an ``info`` event of a venue that works.

    :raises ValueError: for maintenance or a restart.
    """
    if message.get("code") in RESTARTS:
        raise ValueError(f"the venue says {message['code']}: {message.get('msg')}")
    platform = message.get("platform")
    if platform is not None and platform["status"] != 1:
        raise ValueError("the venue is in maintenance")


class Numbers:
    """The numbers of one connection's messages. Where none comes, nothing is concluded."""

    def __init__(self) -> None:
        self._last: int | None = None

    def restart(self) -> None:
        """A new connection."""
        self._last = None

    def check(self, message: list[Any]) -> None:
        """Pass a message that continues the one before.

        It stands behind the payload: at the second place behind the channel, or at the third if a word precedes the payload.

        :raises ValueError: for a gap.
        """
        place = 3 if isinstance(message[1], str) and message[1] != HEARTBEAT else 2
        if len(message) <= place:
            return
        number = whole(message[place], "sequence")
        if self._last is not None and number != self._last + 1:
            raise ValueError(f"message {number} after {self._last}")
        self._last = number


class BookStream(SharedBookStream[Listing, CheckedBook]):
    """Books of the listings that are followed, ``depth`` levels deep, of precision P0."""

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
            new_book=lambda listing: CheckedBook(listing, depth),
            changed=changed,
            up=up,
            down=down,
            ping=PING,
        )
        self._depth = depth
        self._channels: dict[int, Followed[Listing, CheckedBook]] = {}
        self._numbers = Numbers()

    def as_of(self, listing: Listing) -> int | None:
        """Without rows since the last proof any message counts; with them only that proof does."""
        as_of = super().as_of(listing)
        if as_of is None:
            return None
        book = self._followed[listing.symbol].book
        return book.proven_at if book.is_pending else as_of

    def _opened(self) -> None:
        self._numbers.restart()
        self._link.send(configuration(SEQUENCES | CHECKSUMS))
        super()._opened()

    def _lost(self) -> None:
        self._channels.clear()
        super()._lost()

    def _ask_for(self, followed: Followed[Listing, CheckedBook]) -> None:
        wanted = {"symbol": followed.listing.symbol, "prec": "P0", "freq": "F0", "len": str(self._depth)}
        self._link.send({"event": "subscribe", "channel": "book", **wanted})

    def _ask_again(self, followed: Followed[Listing, CheckedBook]) -> None:
        for channel in [number for number, each in self._channels.items() if each is followed]:
            self._link.send({"event": "unsubscribe", "chanId": channel})
            # What still comes on it is of the past.
            del self._channels[channel]
        self._subscribe(followed)

    def _heard(self, message: Any) -> None:
        with reading("book"):
            if isinstance(message, list):
                self._numbers.check(row(message, 2, "message"))
                followed = self._channels.get(whole(message[0], "channel"))
                if followed is not None and message[1] != HEARTBEAT:
                    self._told(followed, message)
            elif message["event"] == "info":
                check_info(message)
            elif message["event"] == "subscribed":
                self._subscribed(message)
            elif message["event"] == "error":
                self._will_not_stream(str(message.get("symbol")), message)

    def _subscribed(self, message: Mapping[str, Any]) -> None:
        followed = self._followed.get(text(message["symbol"], "symbol"))
        if followed is not None:
            self._channels[whole(message["chanId"], "chanId")] = followed

    def _told(self, followed: Followed[Listing, CheckedBook], message: list[Any]) -> None:
        book, payload = followed.book, message[1]
        now = self._link.last_heard or 0
        try:
            if payload == "cs":
                if not book.is_in_step:
                    return
                book.check(message[2], now)
                followed.backoff.reset()
            elif not row(payload, 0, "payload") or isinstance(payload[0], list):
                # A book that nobody offers anything in is a snapshot without rows.
                book.snapshot(payload, now)
                followed.alarm.stop()
                self._link.settled()
            else:
                book.update(payload)
                return
        except OutOfStep as trouble:
            self._out_of_step(followed, trouble)
        else:
            self._tell(followed)


class OwnOrders(OwnStream):
    """Our orders and fills, on channel 0 after a log-in.

    ``login(send)`` gives ``send`` the words that log in, when it is their turn. ``order(shape)`` and ``fill(shape)`` with all
    that the venue tells.
    """

    def __init__(
        self,
        url: str,
        surroundings: Surroundings,
        *,
        login: Callable[[Callable[[Mapping[str, object]], "Deferred[None]"]], "Deferred[None]"],
        order: Callable[[OrderShape], object],
        fill: Callable[[FillShape], object],
        up: Callable[[], object],
        down: Callable[[], object],
        refused: Callable[[ExchangeError], object],
    ) -> None:
        super().__init__(f"{VENUE} orders", url, surroundings, up=up, down=down, refused=refused, ping=PING)
        self._login, self._order, self._fill = login, order, fill
        self._numbers = Numbers()
        self._answer: Deferred[None] | None = None
        self._turn_over = Alarm(surroundings.reactor)
        self.market: Market | None = None

    def _log_in(self) -> None:
        self._numbers.restart()
        self._link.send(configuration(SEQUENCES))
        epoch = self._epoch

        def send(words: Mapping[str, object]) -> "Deferred[None]":
            # Its turn may come when the connection it was for is gone; the next one asks for its own.
            if epoch != self._epoch:
                return succeed(None)
            self._link.send({**words, "filter": ["trading"]})
            self._answer = Deferred()
            self._turn_over.set(TURN, self._next_may_go)
            return self._answer

        self._with(self._login(send), lambda _: None)

    def _lost(self) -> None:
        super()._lost()
        self._next_may_go()

    def _next_may_go(self) -> None:
        """The log-in is over, one way or the other, or takes too long: requests with higher nonces may follow."""
        self._turn_over.stop()
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.callback(None)

    def _heard(self, message: Any) -> None:
        with reading("account"):
            if isinstance(message, list):
                self._numbers.check(row(message, 2, "message"))
                told = self._read(message)
            else:
                told = None
                self._event(message)
        if told is not None and self.is_up:
            told()

    def _event(self, message: Mapping[str, Any]) -> None:
        if message["event"] == "info":
            check_info(message)
        elif message["event"] == "error":
            raise ValueError(f"the venue says {message.get('code')}: {message.get('msg')}")
        elif message["event"] == "auth":
            self._next_may_go()
            if message["status"] == "OK":
                self._stands()
            else:
                code, words = whole(message["code"], "code"), text(message["msg"], "msg")
                self._denied(error_of("auth", code, words, is_write=False))

    def _read(self, message: list[Any]) -> Callable[[], object] | None:
        """What is to be told of a message of channel 0; executions are told by ``tu``, which has their fees."""
        kind = message[1]
        if message[0] != 0 or self.market is None:
            return None
        if kind in ("on", "ou", "oc") and wire.is_spot(row(message[2], 18, "order"), 8):
            order = wire.order(message[2], self.market)
            return lambda: self._order(order)
        if kind == "tu" and wire.is_spot(row(message[2], 11, "trade"), 6):
            fill = wire.fill(message[2], self.market)
            return lambda: self._fill(fill)
        return None
