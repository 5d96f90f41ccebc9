"""Gemini's two WebSocket faces: market data (``/v2/marketdata``) and order events (``/v1/order/events``).

Market data carries no numbers: after the whole book each message has the whole quantity of the levels that changed. Order
events and their heartbeats are numbered, one by one, from 0 on each connection; the handshake is signed as a REST call is.
Faults ask ``l2``, ``trade`` and ``orders`` for the events, ``subscribe`` for a book, ``handshake`` for order events.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.types import ConnectionDeny
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from model.order import Side
from sandbox.events import BookChanged, Event, Matched
from sandbox.faults import Fault, Faults, Kind
from sandbox.gemini_events import OrderEvents
from sandbox.gemini_keys import KeyRing
from sandbox.gemini_public import PublicCalls
from sandbox.gemini_words import GeminiError, amount_of, milliseconds, priced
from sandbox.trading import Trade, VenueRefused
from sandbox.venue import Venue

ORDER_EVENTS = "/v1/order/events"
#: Seconds between two heartbeats.
HEARTBEAT = 5.0
_EVENT_FAULTS = (Kind.STALE, Kind.GAP, Kind.DUPLICATE, Kind.REORDER, Kind.DISCONNECT)
_SUBSCRIPTION_FAULTS = (Kind.ERROR, Kind.NO_ANSWER)
_SIDES = {Side.BUY: "buy", Side.SELL: "sell"}
_FIRST_TRADES = 50


class Connection(WebSocketServerProtocol):
    """One client; ``contracts``: whose books it follows, ``user``: whose order events it gets."""

    factory: "_Factory"
    transport: Any

    def onConnect(self, request: Any) -> None:
        """Prove who it is, where that is asked for."""
        self.contracts: set[str] = set()
        self.user = ""
        self._number = 0
        self._late: dict[str, list[object]] = {}
        self.factory.face.admit(self, request)

    def onOpen(self) -> None:
        """Greet."""
        self.factory.face.connections.append(self)
        self.factory.face.opened(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        """Take a request; what is no JSON object is told so."""
        try:
            request = json.loads(payload)
        except ValueError:
            request = None
        if isinstance(request, dict):
            self.factory.face.requested(self, request)
        else:
            self.say({"result": "error", "reason": "InvalidJson"})

    def onClose(self, _was_clean: bool, _code: int | None, _reason: str | None) -> None:
        """Forget it; it may have gone before it was greeted."""
        if self in self.factory.face.connections:
            self.factory.face.connections.remove(self)

    def say(self, message: object) -> None:
        """Send, unless the connection is closing."""
        if self.state == self.STATE_OPEN:
            self.sendMessage(json.dumps(message).encode())  # type: ignore[no-untyped-call]

    def numbered(self) -> dict[str, int]:
        """The next number."""
        self._number += 1
        return {"socket_sequence": self._number - 1}

    def tell(self, stream: str, message: object, fault: Fault | None) -> None:
        """Send an event, as the fault has it."""
        kind = fault and fault.kind
        if kind is Kind.DISCONNECT:
            self.transport.abortConnection()
        elif kind is Kind.REORDER:
            self._late.setdefault(stream, []).append(message)
        elif kind not in (Kind.STALE, Kind.GAP):
            twice = (message,) if kind is Kind.DUPLICATE else ()
            for each in (message, *twice, *self._late.pop(stream, ())):
                self.say(each)


class _Factory(WebSocketServerFactory):
    noisy = False
    protocol = Connection  # type: ignore[assignment]

    def __init__(self, face: "_Face", reactor: Any) -> None:
        super().__init__(reactor=reactor)  # type: ignore[no-untyped-call]
        self.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)  # type: ignore[no-untyped-call]
        self.face = face


class _Face:
    """What both have in common: who is connected, what happens at the venue, and heartbeats."""

    log = Logger()

    def __init__(self, venue: Venue, faults: Faults, reactor: Any) -> None:
        self._venue = venue
        self._faults = faults
        self._stop_listening: Callable[[], None] = lambda: None
        self._beating = LoopingCall(self._beat)
        self._beating.clock = reactor
        self.connections: list[Connection] = []
        self.factory = _Factory(self, reactor)

    def start(self) -> None:
        """Follow the venue from now on."""
        self._stop_listening = self._venue.listen(self._happened)
        self._beating.start(HEARTBEAT, now=False).addErrback(lambda failure: self.log.failure("heartbeat", failure=failure))

    def stop(self) -> None:
        """Stop following it. A repeat is safe."""
        self._stop_listening()
        self._stop_listening = lambda: None
        if self._beating.running:
            self._beating.stop()

    def admit(self, connection: Connection, request: Any) -> None:
        """Let a connection in.

        :raises ConnectionDeny: or not.
        """

    def opened(self, connection: Connection) -> None:
        """Say what there is to say at first."""

    def requested(self, connection: Connection, request: dict[str, Any]) -> None:
        """Answer one request."""

    def _happened(self, event: Event) -> None:
        raise NotImplementedError

    def _beat(self) -> None:
        for connection in list(self.connections):
            connection.say(self._heartbeat(connection))

    def _heartbeat(self, _connection: Connection) -> dict[str, Any]:
        return {"type": "heartbeat", "timestamp": milliseconds(self._venue.timestamp())}


class MarketData(_Face):
    """``subscribe`` and ``unsubscribe`` to ``l2``."""

    def __init__(self, venue: Venue, public: PublicCalls, faults: Faults, reactor: Any) -> None:
        super().__init__(venue, faults, reactor)
        self._public = public

    def requested(self, connection: Connection, request: dict[str, Any]) -> None:
        """Subscribe or unsubscribe."""
        for wanted in request.get("subscriptions") or ():
            for symbol in wanted.get("symbols") or ():
                if request.get("type") == "subscribe" and wanted.get("name") == "l2":
                    self._subscribe(connection, symbol)
                elif request.get("type") == "unsubscribe":
                    connection.contracts.discard(self._public.symbols.get(str(symbol).lower(), ""))

    def _subscribe(self, connection: Connection, symbol: object) -> None:
        fault = self._faults.decide(self._venue.name, "subscribe", *_SUBSCRIPTION_FAULTS)
        if fault is not None and fault.kind is Kind.NO_ANSWER:
            return
        try:
            if fault is not None:
                raise GeminiError.described(fault.text)
            contract = self._public.contract(symbol)
        except (GeminiError, VenueRefused):
            connection.say({"result": "error", "reason": "NoValidTradingPairs"})
            return
        connection.contracts.add(contract)
        connection.say(self._whole(contract))

    def _whole(self, contract: str) -> dict[str, Any]:
        levels = [(side, level) for side in Side for level in self._venue.levels(contract, side)]
        changes = [(side, level.price, level.quantity) for side, level in levels]
        trades = [self._trade(trade) for trade in reversed(self._venue.trades(contract)[-_FIRST_TRADES:])]
        return self._updates(contract, changes) | {"trades": trades, "auction_events": []}

    def _updates(self, contract: str, changes: Iterable[Any]) -> dict[str, Any]:
        instrument = self._venue.instrument(contract)
        rows = [[_SIDES[side], priced(instrument, price), amount_of(quantity)] for side, price, quantity in changes]
        return {"type": "l2_updates", "symbol": self._public.symbol(contract).upper(), "changes": rows}

    def _trade(self, trade: Trade) -> dict[str, Any]:
        return {
            "type": "trade",
            "symbol": self._public.symbol(trade.contract).upper(),
            "event_id": trade.id,
            "timestamp": milliseconds(trade.timestamp),
            "price": priced(self._venue.instrument(trade.contract), trade.price),
            "quantity": amount_of(trade.quantity),
            "side": _SIDES[trade.side],
        }

    def _happened(self, event: Event) -> None:
        if isinstance(event, BookChanged):
            self._tell(event.contract, self._updates(event.contract, event.levels), "l2")
        elif isinstance(event, Matched):
            self._tell(event.trade.contract, self._trade(event.trade), "trade")

    def _tell(self, contract: str, message: dict[str, Any], name: str) -> None:
        listeners = [connection for connection in self.connections if contract in connection.contracts]
        if not listeners:
            return
        fault = self._faults.decide(self._venue.name, name, *_EVENT_FAULTS)
        for connection in listeners:
            connection.tell(f"{name} {contract}", message, fault)


class OrderEventFace(_Face):
    """Order events of the user whose key signed the handshake."""

    def __init__(self, venue: Venue, events: OrderEvents, ring: KeyRing, faults: Faults, reactor: Any) -> None:
        super().__init__(venue, faults, reactor)
        self._events = events
        self._ring = ring

    def admit(self, connection: Connection, request: Any) -> None:
        """By the three headers of a private call."""
        fault = self._faults.decide(self._venue.name, "handshake", Kind.ERROR)
        try:
            if fault is not None:
                raise GeminiError.described(fault.text)
            key, _ = self._ring.check(ORDER_EVENTS, {name.lower(): value for name, value in request.headers.items()})
        except GeminiError as error:
            raise ConnectionDeny(error.status, error.reason) from None
        connection.user = key.user

    def opened(self, connection: Connection) -> None:
        """Acknowledge, and tell the open orders."""
        filters: dict[str, list[str]] = {"symbolFilter": [], "apiSessionFilter": [], "eventTypeFilter": []}
        ids = {"accountId": 1, "subscriptionId": "orderevents-websocket-sandbox"}
        connection.say({"type": "subscription_ack", **ids, **filters})
        initial = self._events.initial(connection.user)
        if initial:
            connection.say([order | connection.numbered() for order in initial])

    def _heartbeat(self, connection: Connection) -> dict[str, Any]:
        number = connection.numbered()
        beat = {"type": "heartbeat", "timestampms": milliseconds(self._venue.timestamp()), "trace_id": "sandbox"}
        return beat | number | {"sequence": number["socket_sequence"]}

    def _happened(self, event: Event) -> None:
        for report in self._events.of(event):
            for connection in [each for each in self.connections if each.user == report.user]:
                fault = self._faults.decide(self._venue.name, "orders", *_EVENT_FAULTS)
                # A number is used up also by what is never told; what is told without one lacking is only not told.
                number = {} if fault is not None and fault.kind is Kind.STALE else connection.numbered()
                connection.tell("orders", [report.event | number], fault)
