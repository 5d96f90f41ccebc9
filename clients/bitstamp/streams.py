"""Bitstamp's WebSocket v2, on two connections: order books on the one, what is ours on the other."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred, succeed

from clients.bitstamp import executions
from clients.bitstamp.book import BitstampBook
from clients.bitstamp.channels import ERROR, HEARTBEAT, RECONNECT, Subscriptions
from clients.bitstamp.faults import VENUE
from clients.bitstamp.wire import image, reading
from clients.book_stream import BookStreamByQuestion, Followed
from clients.errors import ExchangeError, Retryable
from clients.listings import Listing
from clients.own_stream import ANSWER_LIMIT, OwnStream
from clients.parsing import text
from clients.streamed_book import OutOfStep
from clients.surroundings import Surroundings
from model.shapes import BookShape, FillShape, OrderShape

SNAPSHOT = "GET /api/v2/order_book/{market}/"
BOOKS, ORDERS, TRADES = "order_book_", "private-my_orders_", "private-my_trades_"
#: Seconds without an image after a subscription: then nothing has changed for longer than REST's book lags, and that is asked.
QUIET = 3.0


def _check_goes_on(message: Mapping[str, Any]) -> None:
    if message["event"] == RECONNECT:
        raise ValueError("the venue asks to connect anew")


class BookStream(BookStreamByQuestion[Listing, BitstampBook]):
    """Books of the listings that are followed, as images; a quiet market's first is asked for by REST."""

    def __init__(
        self,
        url: str,
        surroundings: Surroundings,
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
            new_book=BitstampBook,
            snapshot=snapshot,
            call=SNAPSHOT,
            changed=changed,
            up=up,
            down=down,
            ping=HEARTBEAT,
        )
        self._subscriptions = Subscriptions(self._link.send)

    def _lost(self) -> None:
        self._subscriptions.clear()
        super()._lost()

    def _ask_for(self, followed: Followed[Listing, BitstampBook]) -> None:
        self._subscriptions.ask(BOOKS + followed.listing.symbol)

    def _heard(self, message: Any) -> None:
        with reading("order book"):
            _check_goes_on(message)
            answered = self._subscriptions.answered(message)
            if answered is not None:
                self._answered(answered.removeprefix(BOOKS), message)
            elif message["event"] == "data":
                followed = self._followed.get(text(message["channel"], "channel").removeprefix(BOOKS))
                if followed is not None:
                    self._image_came(followed, message["data"])

    def _answered(self, symbol: str, message: Mapping[str, Any]) -> None:
        if message["event"] == ERROR:
            self._will_not_stream(symbol, message["data"])
        else:
            self._subscribed(self._followed[symbol])

    def _subscribed(self, followed: Followed[Listing, BitstampBook]) -> None:
        self._link.settled()
        followed.alarm.set(QUIET, self._ask_again, followed)

    def _image_came(self, followed: Followed[Listing, BitstampBook], data: Mapping[str, Any]) -> None:
        try:
            followed.book.update(image(data))
        except OutOfStep as trouble:
            followed.lose()
            self._out_of_step(followed, trouble)
            return
        # An answer by REST that is still on its way would be older.
        followed.question += 1
        followed.alarm.stop()
        followed.backoff.reset()
        self._tell(followed)


@frozen
class Access:
    """What opens private channels, for a minute: ``token``, and the ``user`` whose number is in their names."""

    token: str
    user: int


class UserStream(OwnStream):
    """Our orders and fills in the listings that are followed (:meth:`follow`): Bitstamp has channels for each market.

    ``access()`` gives what opens them, by REST. ``ordered(shape)`` and ``filled(shape)`` with every event; ``missed()`` if an
    order event did not follow the one before it.
    """

    def __init__(
        self,
        url: str,
        surroundings: Surroundings,
        *,
        access: Callable[[], "Deferred[Access]"],
        ordered: Callable[[OrderShape], object],
        filled: Callable[[FillShape], object],
        missed: Callable[[], object],
        up: Callable[[], object],
        down: Callable[[], object],
        refused: Callable[[ExchangeError], object],
    ) -> None:
        super().__init__(f"{VENUE} user data", url, surroundings, up=up, down=down, refused=refused, ping=HEARTBEAT)
        self._access = access
        self._ordered, self._filled, self._missed = ordered, filled, missed
        self._subscriptions = Subscriptions(self._link.send)
        self._followed: dict[str, Listing] = {}
        self._is_open = False
        #: Channels that are not heard yet, by market; who waits for all of them; the last event of each channel.
        self._unheard: set[str] = set()
        self._waiting: list[Deferred[None]] = []
        self._last_events: dict[str, str] = {}

    def follow(self, listing: Listing) -> "Deferred[None]":
        """Stream what is ours there from now on; a repeat changes nothing.

        Fires when it is streamed, or when the connection is lost: once it stands again, what was missed is read.
        """
        if listing.symbol not in self._followed:
            self._followed[listing.symbol] = listing
            if self._is_open:
                self._overdue.set(ANSWER_LIMIT, self._link.drop, f"{listing.symbol}: no answer to a subscription")
                self._subscribe([listing])
        if listing.symbol not in self._unheard:
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def _log_in(self) -> None:
        self._is_open = True
        self._subscribe(list(self._followed.values()))

    def _lost(self) -> None:
        self._is_open = False
        self._subscriptions.clear()
        self._last_events.clear()
        self._unheard.clear()
        super()._lost()
        self._all_heard()

    def _subscribe(self, listings: Iterable[Listing]) -> None:
        symbols = [listing.symbol for listing in listings]
        self._unheard.update(symbols)
        self._with(self._access(), partial(self._ask_for, symbols))

    def _ask_for(self, symbols: list[str], access: Access) -> None:
        for symbol in symbols:
            for kind in (ORDERS, TRADES):
                self._subscriptions.ask(f"{kind}{symbol}-{access.user}", access.token)
        if not self._unheard:
            # There is nothing to hear yet, but the token shows that we may.
            self._stands()

    def _heard(self, message: Any) -> None:
        told: Callable[[], object] | None = None
        with reading("user data"):
            _check_goes_on(message)
            answered = self._subscriptions.answered(message)
            if answered is not None:
                self._answered(answered, message)
            elif message["event"] == "trade" or message["event"] in executions.EVENTS:
                told = self._told(message)
        if told is not None:
            told()

    def _answered(self, channel: str, message: Mapping[str, Any]) -> None:
        if message["event"] == ERROR:
            # The token was just given to our key: it has run out on the way, and the next connection gets a fresh one.
            self._denied(Retryable(VENUE, channel, str(message["data"])))
        elif channel.startswith(TRADES):
            # The second of the two.
            self._unheard.discard(_symbol(channel))
            if not self._unheard:
                self._stands()
                self._all_heard()

    def _all_heard(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def _told(self, message: Mapping[str, Any]) -> Callable[[], object] | None:
        channel, data = text(message["channel"], "channel"), message["data"]
        listing = self._followed.get(_symbol(channel))
        if listing is None:
            return None
        if channel.startswith(TRADES):
            return partial(self._filled, executions.fill(data, listing))
        order = executions.order(message["event"], data, listing)
        self._check_chain(channel, message)
        return partial(self._ordered, order)

    def _check_chain(self, channel: str, message: Mapping[str, Any]) -> None:
        """Each order event names the one before it, of the same source."""
        source = f"{channel} {message.get('order_source')}"
        last, before = self._last_events.get(source), message.get("pre_event_id")
        if last is not None and before is not None and before != last:
            self.log.warn("bitstamp: an order event of {source} is missing", source=source)
            self._missed()
        if message.get("event_id") is not None:
            self._last_events[source] = text(message["event_id"], "event_id")


def _symbol(channel: str) -> str:
    """The market of a private channel: ``private-my_orders_btcusd-77``."""
    return channel.removeprefix(ORDERS).removeprefix(TRADES).rpartition("-")[0]
