"""Kraken's WebSocket v2, public and private channels on one address: status, heartbeat, ping, book, executions, balances.

Faults ask by the channel's name, ``connect`` and ``subscribe``.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from sandbox.events import BookChanged, Event, Execution, Matched, OrderChanged, Posted
from sandbox.faults import Faults, Kind
from sandbox.kraken_books import BookFeed, wire_time
from sandbox.kraken_executions import Entry, balances, of_change, of_execution, of_posting, open_orders
from sandbox.kraken_keys import KeyRing
from sandbox.kraken_public import PublicCalls
from sandbox.kraken_words import KrakenError, dumps
from sandbox.venue import Venue

DEPTHS = (10, 25, 100, 500, 1000)
_BOOK_FAULTS = (Kind.STALE, Kind.CHECKSUM, Kind.GAP, Kind.DUPLICATE, Kind.REORDER, Kind.DISCONNECT)
_PRIVATE_FAULTS = (Kind.STALE, Kind.GAP, Kind.DUPLICATE, Kind.REORDER, Kind.DISCONNECT)


class StreamConnection(WebSocketServerProtocol):
    """One client: its subscriptions and the sequence numbers of its private channels."""

    factory: "_Factory"
    transport: Any

    def onOpen(self) -> None:
        """Greet with the system's status, as the real one does."""
        self.books: set[BookFeed] = set()
        self.users: dict[str, str] = {}
        self._sequences: dict[str, int] = {}
        self._late: dict[str, list[object]] = {}
        self.factory.streams.opened(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        """Answer a request; what is no JSON object is told so."""
        try:
            request = json.loads(payload, parse_float=Decimal)
        except ValueError:
            request = None
        if isinstance(request, dict):
            self.factory.streams.requested(self, request)
        else:
            self.say({"error": "Malformed request", "success": False})

    def onClose(self, _was_clean: bool, _code: int | None, _reason: str | None) -> None:
        """Forget it."""
        self.factory.streams.closed(self)

    def say(self, message: object) -> None:
        """Send, unless the connection is closing."""
        if self.state == self.STATE_OPEN:
            self.sendMessage(dumps(message).encode())  # type: ignore[no-untyped-call]

    def say_private(self, channel: str, kind: str, data: list[Entry], fault: Kind | None = None) -> None:
        """Send the next message of a private channel; GAP uses up its number without sending, REORDER sends it after the next."""
        self._sequences[channel] = self._sequences.get(channel, 0) + 1
        message = {"channel": channel, "type": kind, "data": data, "sequence": self._sequences[channel]}
        if fault is Kind.REORDER:
            self._late.setdefault(channel, []).append(message)
        elif fault is not Kind.GAP:
            for each in (message, *self._late.pop(channel, ())):
                self.say(each)

    def forget_sequence(self, channel: str) -> None:
        """A new subscription counts from 1 again."""
        self._sequences.pop(channel, None)
        self._late.pop(channel, None)


class _Factory(WebSocketServerFactory):
    noisy = False
    protocol = StreamConnection  # type: ignore[assignment]

    def __init__(self, streams: "Streams", reactor: Any) -> None:
        super().__init__(reactor=reactor)  # type: ignore[no-untyped-call]
        self.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)  # type: ignore[no-untyped-call]
        self.streams = streams


class Streams:
    """All connections to one venue's streams."""

    log = Logger()

    def __init__(self, venue: Venue, public: PublicCalls, ring: KeyRing, faults: Faults, reactor: Any) -> None:
        self._venue = venue
        self._public = public
        self._ring = ring
        self._faults = faults
        self._connections: list[StreamConnection] = []
        self._feeds: dict[tuple[str, int], BookFeed] = {}
        self._late: dict[BookFeed, dict[str, Any]] = {}
        self._heartbeat = LoopingCall(self._beat)
        self._heartbeat.clock = reactor
        self._stop_listening: Callable[[], None] = lambda: None
        self.factory = _Factory(self, reactor)

    def start(self) -> None:
        """Follow the venue from now on."""
        self._stop_listening = self._venue.listen(self._happened)
        self._heartbeat.start(1.0, now=False).addErrback(lambda failure: self.log.failure("heartbeat", failure=failure))

    def stop(self) -> None:
        """Stop following it. A repeat is safe."""
        if self._heartbeat.running:
            self._heartbeat.stop()
            self._stop_listening()

    # -- connections ------------------------------------------------------------------------------------------------------

    def opened(self, connection: StreamConnection) -> None:
        """A client has connected."""
        self._connections.append(connection)
        status = {"system": "online", "api_version": "v2", "connection_id": id(connection), "version": "2.0.10"}
        connection.say({"channel": "status", "type": "update", "data": [status]})

    def closed(self, connection: StreamConnection) -> None:
        """A client has gone, possibly before it was greeted."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._drop_unused_feeds()

    def requested(self, connection: StreamConnection, request: dict[str, Any]) -> None:
        """Answer one request."""
        method, params = request.get("method"), request.get("params") or {}
        came = wire_time(self._venue.timestamp())
        answer: dict[str, Any] = {"method": "pong" if method == "ping" else method}
        if "req_id" in request:
            answer["req_id"] = request["req_id"]
        answer |= {"time_in": came, "time_out": came}
        if method == "ping":
            connection.say(answer)
            return
        table = {"subscribe": self._subscribe, "unsubscribe": self._unsubscribe}
        try:
            if method not in table:
                raise KrakenError(f"Unsupported method {method}")
            table[method](connection, params, answer)
        except KrakenError as error:
            symbols = params.get("symbol")
            # One answer for each symbol, by its name.
            for named in [{"symbol": symbol} for symbol in symbols] if isinstance(symbols, list) else [{}]:
                connection.say(answer | {"success": False, "error": error.text} | named)

    # -- subscriptions ----------------------------------------------------------------------------------------------------

    def _subscribe(self, connection: StreamConnection, params: dict[str, Any], answer: dict[str, Any]) -> None:
        channel = params.get("channel")
        if fault := self._faults.decide(self._venue.name, "subscribe", Kind.ERROR, Kind.NO_ANSWER):
            if fault.kind is Kind.ERROR:
                raise KrakenError(fault.text or "EService:Unavailable")
            return
        if channel == "book":
            for feed in self._feeds_of(params):
                connection.books.add(feed)
                wanted = params.get("snapshot", True)
                result = {"channel": channel, "symbol": feed.pair.symbol, "depth": feed.depth, "snapshot": wanted}
                connection.say(answer | {"success": True, "result": result})
                if wanted:
                    connection.say(feed.snapshot())
        elif channel in ("executions", "balances"):
            self._subscribe_private(connection, channel, params, answer)
        else:
            raise KrakenError(f"Channel not supported {channel}")

    def _subscribe_private(
        self, connection: StreamConnection, channel: str, params: dict[str, Any], answer: dict[str, Any]
    ) -> None:
        user = self._ring.user_of(str(params.get("token", "")))
        connection.users[channel] = user
        connection.forget_sequence(channel)
        connection.say(answer | {"success": True, "result": {"channel": channel, "snapshot": True}})
        if channel == "balances":
            connection.say_private(channel, "snapshot", balances(self._venue, user))
        else:
            entries = open_orders(self._venue, user) if params.get("snap_orders", True) else []
            connection.say_private(channel, "snapshot", entries)

    def _unsubscribe(self, connection: StreamConnection, params: dict[str, Any], answer: dict[str, Any]) -> None:
        channel = params.get("channel")
        if channel == "book":
            for feed in self._feeds_of(params):
                connection.books.discard(feed)
                result = {"channel": channel, "symbol": feed.pair.symbol, "depth": feed.depth}
                connection.say(answer | {"success": True, "result": result})
            self._drop_unused_feeds()
        elif channel in connection.users:
            del connection.users[str(channel)]
            connection.say(answer | {"success": True, "result": {"channel": channel}})
        else:
            raise KrakenError("Subscription Not Found")

    def _feeds_of(self, params: dict[str, Any]) -> list[BookFeed]:
        depth = params.get("depth", 10)
        if depth not in DEPTHS:
            raise KrakenError("Subscription depth not supported")
        symbols = {pair.symbol: pair for pair in self._public.pairs}
        wanted = params.get("symbol") or []
        if not wanted or any(symbol not in symbols for symbol in wanted):
            raise KrakenError(f"Currency pair not supported {', '.join(map(str, wanted))}")
        for symbol in wanted:
            if (symbol, depth) not in self._feeds:
                self._feeds[symbol, depth] = BookFeed(self._venue, symbols[symbol], depth)
        return [self._feeds[symbol, depth] for symbol in wanted]

    def _drop_unused_feeds(self) -> None:
        used = {feed for connection in self._connections for feed in connection.books}
        self._feeds = {key: feed for key, feed in self._feeds.items() if feed in used}
        self._late = {feed: message for feed, message in self._late.items() if feed in used}

    # -- what happens at the venue ------------------------------------------------------------------------------------------

    def _happened(self, event: Event) -> None:
        if isinstance(event, BookChanged):
            for feed in self._feeds.values():
                if feed.pair.symbol == event.contract:
                    self._tell_book(feed)
        elif isinstance(event, OrderChanged):
            self._tell_user(event.order.user, "executions", lambda: of_change(event))
        elif isinstance(event, Matched):
            quote = self._venue.instrument(event.trade.contract).quote
            for side in (event.aggressor, event.passive):
                self._tell_user(side.order.user, "executions", partial(of_execution, side, quote))
                self._tell_user(side.order.user, "balances", partial(_postings, side))
        elif isinstance(event, Posted):
            self._tell_user(event.posting.user, "balances", lambda: [of_posting(event.posting)])

    def _tell_book(self, feed: BookFeed) -> None:
        listeners = [connection for connection in self._connections if feed in connection.books]
        fault = self._faults.decide(self._venue.name, "book", *_BOOK_FAULTS) if listeners else None
        kind = fault and fault.kind
        if kind is Kind.STALE or (message := feed.update()) is None:
            return
        if kind is Kind.CHECKSUM:
            message["data"][0]["checksum"] ^= 1
        if kind is Kind.REORDER:
            self._late[feed] = message
            return
        told = [] if kind in (Kind.GAP, Kind.DISCONNECT) else [message]
        if kind is Kind.DUPLICATE:
            told.append(message)
        if feed in self._late:
            told.append(self._late.pop(feed))
        for connection in listeners:
            if kind is Kind.DISCONNECT:
                connection.transport.abortConnection()
            for each in told:
                connection.say(each)

    def _tell_user(self, user: str, channel: str, entries: Callable[[], list[Entry]]) -> None:
        for connection in [each for each in self._connections if each.users.get(channel) == user]:
            fault = self._faults.decide(self._venue.name, channel, *_PRIVATE_FAULTS)
            kind = None if fault is None else fault.kind
            if kind is Kind.DISCONNECT:
                connection.transport.abortConnection()
            elif kind is not Kind.STALE:
                for entry in entries():
                    connection.say_private(channel, "update", [entry], kind)
                    if kind is Kind.DUPLICATE:
                        connection.say_private(channel, "update", [entry])

    def _beat(self) -> None:
        for connection in self._connections:
            if connection.books or connection.users:
                connection.say({"channel": "heartbeat"})


def _postings(side: Execution) -> list[Entry]:
    return [of_posting(posting) for posting in side.postings]
