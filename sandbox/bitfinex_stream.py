"""Bitfinex's WebSocket v2 (``/ws/2``), market and account on one address: info, conf, ping, books, log-in, own orders and trades.

Messages are numbered where a client asks for it (conf 65536), books have checksums where it asks for these (131072). Faults ask
``book`` and ``user`` for what is told, ``subscribe`` and ``auth`` for the requests.
"""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from sandbox.bitfinex_books import LENGTHS, BookFeed
from sandbox.bitfinex_keys import KeyRing
from sandbox.bitfinex_money import MoneyCalls
from sandbox.bitfinex_orders import OrderCalls
from sandbox.bitfinex_public import PublicCalls
from sandbox.bitfinex_words import BitfinexError, dumps, milliseconds, pair_of
from sandbox.events import BookChanged, Change, Event, Execution, Matched, OrderChanged, Posted
from sandbox.faults import Fault, Faults, Kind
from sandbox.venue import Venue

SEQUENCES, CHECKSUMS = 65_536, 131_072
HEARTBEAT = 15.0
#: What a client may ask to be told of, and the messages that belong to it.
_FILTERS = {"trading": ("os", "on", "ou", "oc", "te", "tu"), "wallet": ("ws", "wu")}
_BOOK_FAULTS = (Kind.STALE, Kind.CHECKSUM, Kind.GAP, Kind.DUPLICATE, Kind.DISCONNECT)
_USER_FAULTS = (Kind.STALE, Kind.GAP, Kind.DUPLICATE, Kind.DISCONNECT)
_REQUEST_FAULTS = (Kind.ERROR, Kind.NO_ANSWER)


class StreamConnection(WebSocketServerProtocol):
    """One client: its channels, whose orders it is told of, and the numbers of its messages."""

    factory: "_Factory"
    transport: Any

    def onOpen(self) -> None:
        """Greet, as the real one does."""
        self.books: dict[int, BookFeed] = {}
        self.user: str | None = None
        self.kinds: frozenset[str] = frozenset()
        self.flags = 0
        self._number = self._own_number = 0
        self.factory.streams.opened(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        """Answer a request; what is no JSON object is told so."""
        try:
            request = json.loads(payload)
        except ValueError:
            request = None
        if isinstance(request, dict):
            self.factory.streams.requested(self, request)
        else:
            self.say({"event": "error", "msg": "Invalid JSON", "code": 10000})

    def onClose(self, _was_clean: bool, _code: int | None, _reason: str | None) -> None:
        """Forget it; it may have gone before it was greeted."""
        self.factory.streams.closed(self)

    def say(self, message: object) -> None:
        """Send, unless the connection is closing."""
        if self.state == self.STATE_OPEN:
            self.sendMessage(dumps(message).encode())  # type: ignore[no-untyped-call]

    def tell(self, message: list[Any], fault: Fault | None = None) -> None:
        """Send the next message of a channel, as the fault has it."""
        kind = fault and fault.kind
        if kind is Kind.DISCONNECT:
            self.transport.abortConnection()
            return
        if kind is Kind.STALE:
            return
        is_own = message[0] == 0 and message[1] != "hb"
        self._number += 1
        self._own_number += is_own
        if self.flags & SEQUENCES:
            message = [*message, self._number, *([self._own_number] if is_own else [])]
        for _ in range({Kind.GAP: 0, Kind.DUPLICATE: 2}.get(kind, 1) if kind else 1):
            self.say(message)


class _Factory(WebSocketServerFactory):
    noisy = False
    protocol = StreamConnection  # type: ignore[assignment]

    def __init__(self, streams: "Streams", reactor: Any) -> None:
        super().__init__(reactor=reactor)  # type: ignore[no-untyped-call]
        self.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)  # type: ignore[no-untyped-call]
        self.streams = streams


class Streams:
    """All connections to one venue's stream."""

    log = Logger()

    def __init__(
        self,
        venue: Venue,
        public: PublicCalls,
        orders: OrderCalls,
        money: MoneyCalls,
        ring: KeyRing,
        faults: Faults,
        reactor: Any,
    ) -> None:
        self._venue = venue
        self._public = public
        self._orders = orders
        self._money = money
        self._ring = ring
        self._faults = faults
        self._connections: list[StreamConnection] = []
        self._feeds: dict[tuple[str, int], BookFeed] = {}
        self._channels = count(1_000)
        self._heartbeat = LoopingCall(self._beat)
        self._heartbeat.clock = reactor
        self._stop_listening: Callable[[], None] = lambda: None
        self.factory = _Factory(self, reactor)

    def start(self) -> None:
        """Follow the venue from now on."""
        self._stop_listening = self._venue.listen(self._happened)
        self._heartbeat.start(HEARTBEAT, now=False).addErrback(lambda failure: self.log.failure("heartbeat", failure=failure))

    def stop(self) -> None:
        """Stop following it. A repeat is safe."""
        if self._heartbeat.running:
            self._heartbeat.stop()
            self._stop_listening()

    # -- connections ------------------------------------------------------------------------------------------------------

    def opened(self, connection: StreamConnection) -> None:
        """A client has connected."""
        self._connections.append(connection)
        connection.say({"event": "info", "version": 2, "serverId": self._venue.name, "platform": {"status": 1}})

    def closed(self, connection: StreamConnection) -> None:
        """A client has gone."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._drop_unused_feeds()

    def requested(self, connection: StreamConnection, request: dict[str, Any]) -> None:
        """Answer one request."""
        event = request.get("event")
        table = {
            "ping": self._ping,
            "conf": self._configure,
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "auth": self._log_in,
        }
        if event not in table:
            connection.say({"event": "error", "msg": "event: invalid", "code": 10000})
            return
        fault = self._faults.decide(self._venue.name, str(event), *_REQUEST_FAULTS)
        try:
            if fault is None:
                table[event](connection, request)
            elif fault.kind is Kind.ERROR:
                raise BitfinexError.described(fault.text)
        except BitfinexError as error:
            words = {"code": error.code, "msg": error.text}
            if event == "auth":
                connection.say({"event": "auth", "status": "FAILED", "chanId": 0, **words})
            else:
                connection.say({**request, "event": "error", **words})

    def _ping(self, connection: StreamConnection, request: dict[str, Any]) -> None:
        connection.say({"event": "pong", "ts": milliseconds(self._venue.timestamp()), "cid": request.get("cid")})

    def _configure(self, connection: StreamConnection, request: dict[str, Any]) -> None:
        connection.flags = int(request.get("flags", 0))
        connection.say({"event": "conf", "status": "OK", "flags": connection.flags})

    # -- books ------------------------------------------------------------------------------------------------------------

    def _subscribe(self, connection: StreamConnection, request: dict[str, Any]) -> None:
        if request.get("channel") != "book" or request.get("prec", "P0") != "P0":
            raise BitfinexError(10302, "channel: unknown")
        if request.get("symbol") not in self._public.symbols:
            raise BitfinexError(10300, "symbol: invalid")
        contract, length = self._public.contract(request["symbol"]), int(request.get("len", 25))
        if length not in LENGTHS:
            raise BitfinexError(10012, "len: invalid")
        if any(feed.contract == contract for feed in connection.books.values()):
            raise BitfinexError(10301, "subscribe: dup")
        feed = self._feeds.setdefault((contract, length), BookFeed(self._public, contract, length))
        channel = next(self._channels)
        connection.books[channel] = feed
        pair = pair_of(self._venue.instrument(contract))
        told = {"channel": "book", "symbol": request["symbol"], "prec": "P0", "freq": "F0", "len": str(length), "pair": pair}
        connection.say({"event": "subscribed", "chanId": channel, **told})
        connection.tell([channel, feed.snapshot()])
        self._tell_checksum(connection, channel, feed.checksum())

    def _unsubscribe(self, connection: StreamConnection, request: dict[str, Any]) -> None:
        channel = int(request.get("chanId", 0))
        if connection.books.pop(channel, None) is None:
            raise BitfinexError(10400, "unsubscribe: invalid")
        self._drop_unused_feeds()
        connection.say({"event": "unsubscribed", "status": "OK", "chanId": channel})

    def _drop_unused_feeds(self) -> None:
        used = {id(feed) for connection in self._connections for feed in connection.books.values()}
        self._feeds = {key: feed for key, feed in self._feeds.items() if id(feed) in used}

    def _tell_book(self, feed: BookFeed) -> None:
        fault = self._faults.decide(self._venue.name, "book", *_BOOK_FAULTS)
        if fault is not None and fault.kind is Kind.STALE:
            return
        rows, told = feed.changes(), fault
        if not rows:
            return
        is_wrong = fault is not None and fault.kind is Kind.CHECKSUM
        for connection in list(self._connections):
            for channel in [number for number, each in connection.books.items() if each is feed]:
                for row in rows:
                    connection.tell([channel, row], None if is_wrong else told)
                self._tell_checksum(connection, channel, feed.checksum() ^ is_wrong)

    def _tell_checksum(self, connection: StreamConnection, channel: int, value: int) -> None:
        if connection.flags & CHECKSUMS:
            connection.tell([channel, "cs", value])

    # -- what is a user's ---------------------------------------------------------------------------------------------------

    def _log_in(self, connection: StreamConnection, request: dict[str, Any]) -> None:
        if connection.user is not None:
            raise BitfinexError(10100, "auth: dup")
        connection.user = user = self._ring.log_in(request)
        wanted = request.get("filter") or list(_FILTERS)
        connection.kinds = frozenset(kind for name in wanted for kind in _FILTERS.get(name, ()))
        connection.say({"event": "auth", "status": "OK", "chanId": 0, "userId": 1, "caps": {"orders": {"read": 1, "write": 1}}})
        wallets = [self._money.wallet(user, ticker) for ticker in self._venue.rules.currencies]
        self._tell_user(user, "ws", wallets, connection)
        open_orders = [self._orders.row(order) for order in self._venue.open_orders(user)]
        self._tell_user(user, "os", open_orders, connection)

    def _tell_user(self, user: str, kind: str, data: list[Any], only: StreamConnection | None = None) -> None:
        for connection in [only] if only else list(self._connections):
            if connection.user == user and kind in connection.kinds:
                is_snapshot = kind in ("os", "ws")
                fault = None if is_snapshot else self._faults.decide(self._venue.name, "user", *_USER_FAULTS)
                connection.tell([0, kind, data], fault)

    # -- what happens at the venue ------------------------------------------------------------------------------------------

    def _happened(self, event: Event) -> None:
        if isinstance(event, BookChanged):
            for feed in list(self._feeds.values()):
                if feed.contract == event.contract:
                    self._tell_book(feed)
        elif isinstance(event, OrderChanged):
            self._tell_user(event.order.user, "on" if event.change is Change.NEW else "oc", self._orders.row(event.order))
            self._tell_wallets(event.order.user, event.order.contract)
        elif isinstance(event, Matched):
            for side in (event.aggressor, event.passive):
                self._tell_execution(side)
        elif isinstance(event, Posted):
            self._tell_user(event.posting.user, "wu", self._money.wallet(event.posting.user, event.posting.ticker))

    def _tell_execution(self, side: Execution) -> None:
        user, order = side.order.user, side.order
        self._tell_user(user, "te", self._orders.trade_row(side.fill, order, with_fee=False))
        self._tell_user(user, "ou" if order.is_open else "oc", self._orders.row(order))
        self._tell_user(user, "tu", self._orders.trade_row(side.fill, order))
        self._tell_wallets(user, order.contract)

    def _tell_wallets(self, user: str, contract: str) -> None:
        instrument = self._venue.instrument(contract)
        if any(connection.user == user for connection in self._connections):
            for ticker in (instrument.base, instrument.quote):
                self._tell_user(user, "wu", self._money.wallet(user, ticker))

    def _beat(self) -> None:
        for connection in self._connections:
            for channel in [*connection.books, *([0] if connection.user else [])]:
                connection.tell([channel, "hb"])
