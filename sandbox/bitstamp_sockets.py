"""Bitstamp's WebSocket API v2: books and trades for everybody, orders and executions for whoever has a token.

Faults ask ``order_book``, ``diff_order_book``, ``live_trades``, ``my_orders`` and ``my_trades`` for the events, ``subscribe``
for a subscription. Each order event names the one before it on its channel.
"""

import json
from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from sandbox.bitstamp_feeds import Books
from sandbox.bitstamp_keys import KeyRing
from sandbox.bitstamp_reports import Report, of_event
from sandbox.events import Event
from sandbox.faults import Fault, Faults, Kind
from sandbox.venue import Venue

_EVENT_FAULTS = (Kind.STALE, Kind.GAP, Kind.DUPLICATE, Kind.REORDER, Kind.DISCONNECT)
_SUBSCRIPTION_FAULTS = (Kind.ERROR, Kind.NO_ANSWER)
_PUBLIC = ("order_book", "diff_order_book", "live_trades")
_PRIVATE = ("private-my_orders", "private-my_trades")
#: Seconds between two looks at what has changed in the books.
STEP = 0.1


class Connection(WebSocketServerProtocol):
    """One client, and the channels that it follows."""

    factory: "_Factory"
    transport: Any

    def onOpen(self) -> None:
        """Nothing is said before something is asked."""
        self.channels: set[str] = set()
        self._late: dict[str, list[object]] = {}
        self.factory.face.connections.append(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        """Answer a request; what is no JSON object is told so."""
        try:
            request = json.loads(payload)
        except ValueError:
            request = None
        if isinstance(request, dict):
            self.factory.face.requested(self, request)
        else:
            self.refuse(None, "Incorrect JSON format.")

    def onClose(self, _was_clean: bool, _code: int | None, _reason: str | None) -> None:
        """Forget it; it may have gone before it was greeted."""
        if self in self.factory.face.connections:
            self.factory.face.connections.remove(self)

    def say(self, event: str, channel: str, data: object) -> None:
        """Send, unless the connection is closing."""
        self._put({"event": event, "channel": channel, "data": data})

    def refuse(self, code: int | None, message: str) -> None:
        """Say what was wrong; the real venue does not say with which channel either."""
        self.say("bts:error", "", {"code": code, "message": message})

    def tell(self, channel: str, message: object, fault: Fault | None) -> None:
        """Send an event, as the fault has it."""
        kind = fault and fault.kind
        if kind is Kind.DISCONNECT:
            self.transport.abortConnection()
        elif kind is Kind.REORDER:
            self._late.setdefault(channel, []).append(message)
        elif kind not in (Kind.STALE, Kind.GAP):
            twice = (message,) if kind is Kind.DUPLICATE else ()
            for each in (message, *twice, *self._late.pop(channel, ())):
                self._put(each)

    def _put(self, message: object) -> None:
        if self.state == self.STATE_OPEN:
            self.sendMessage(json.dumps(message).encode())  # type: ignore[no-untyped-call]


class _Factory(WebSocketServerFactory):
    noisy = False
    protocol = Connection  # type: ignore[assignment]

    def __init__(self, face: "Channels", reactor: Any) -> None:
        super().__init__(reactor=reactor)  # type: ignore[no-untyped-call]
        self.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)  # type: ignore[no-untyped-call]
        self.face = face


class Channels:
    """``bts:subscribe``, ``bts:unsubscribe``, ``bts:heartbeat``; channels are named by kind, market and, if private, user."""

    log = Logger()

    def __init__(self, venue: Venue, books: Books, ring: KeyRing, faults: Faults, reactor: Any) -> None:
        self._venue = venue
        self._books = books
        self._ring = ring
        self._faults = faults
        self._public = {f"{kind}_{market}" for kind in _PUBLIC for market in books.contracts}
        self._markets = {contract: market for market, contract in books.contracts.items()}
        self._counts: dict[str, int] = {}
        self._stop_listening: Callable[[], None] = lambda: None
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor
        self.connections: list[Connection] = []
        self.factory = _Factory(self, reactor)

    def start(self) -> None:
        """Follow the venue from now on."""
        self._stop_listening = self._venue.listen(self._happened)
        self._ticking.start(STEP, now=False).addErrback(lambda failure: self.log.failure("books", failure=failure))

    def stop(self) -> None:
        """Stop following it. A repeat is safe."""
        self._stop_listening()
        self._stop_listening = lambda: None
        if self._ticking.running:
            self._ticking.stop()

    def requested(self, connection: Connection, request: dict[str, Any]) -> None:
        """Answer one request."""
        event, data = request.get("event"), request.get("data") or {}
        if event == "bts:heartbeat":
            connection.say(event, "", {"status": "success"})
        elif not isinstance(data, dict) or not isinstance(data.get("channel"), str):
            connection.refuse(None, "Bad subscription string.")
        elif event == "bts:subscribe":
            self._subscribe(connection, data["channel"], data.get("auth"))
        elif event == "bts:unsubscribe":
            connection.channels.discard(data["channel"])
            connection.say("bts:unsubscription_succeeded", data["channel"], {})
        else:
            connection.refuse(None, "Unknown event.")

    def _subscribe(self, connection: Connection, channel: str, token: object) -> None:
        fault = self._faults.decide(self._venue.name, "subscribe", *_SUBSCRIPTION_FAULTS)
        if fault is not None:
            if fault.kind is Kind.ERROR:
                connection.refuse(4009, fault.text or "Connection is unauthorized.")
            return
        if channel not in self._public and not channel.startswith("private-"):
            connection.refuse(None, "Bad subscription string.")
            return
        if channel not in self._public and channel not in self._private(token):
            connection.refuse(4009, "Connection is unauthorized.")
            return
        connection.channels.add(channel)
        connection.say("bts:subscription_succeeded", channel, {})

    def _private(self, token: object) -> set[str]:
        """The channels that a token opens."""
        user = self._ring.owner(token) if isinstance(token, str) else None
        if user is None:
            return set()
        number = self._ring.number(user)
        return {f"{kind}_{market}-{number}" for kind in _PRIVATE for market in self._markets.values()}

    def _tick(self) -> None:
        for contract, difference in self._books.take_changes().items():
            market = self._markets[contract]
            self._tell("diff_order_book", f"diff_order_book_{market}", "data", difference)
            channel = f"order_book_{market}"
            if any(channel in connection.channels for connection in self.connections):
                self._tell("order_book", channel, "data", self._books.image(contract))

    def _happened(self, event: Event) -> None:
        for report in of_event(event):
            self._report(report)

    def _report(self, report: Report) -> None:
        market = self._markets[report.contract]
        instrument = self._venue.instrument(report.contract)
        data = report.data(instrument)
        if report.user is None:
            self._tell(report.kind, f"{report.kind}_{market}", report.event, data)
        elif (number := self._ring.number(report.user)) is not None:
            channel = f"private-{report.kind}_{market}-{number}"
            more = self._chain(channel) if report.kind == "my_orders" else {}
            self._tell(report.kind, channel, report.event, data, **more)

    def _chain(self, channel: str) -> dict[str, str]:
        before = self._counts.get(channel, 0)
        self._counts[channel] = before + 1
        names = [f"00065b81-0d69-fe98-0000-{count:012d}" for count in (before, before + 1)]
        return {"pre_event_id": names[0], "event_id": names[1], "order_source": "orderbook"}

    def _tell(self, kind: str, channel: str, event: str, data: object, **more: str) -> None:
        listeners = [connection for connection in self.connections if channel in connection.channels]
        for connection in listeners:
            fault = self._faults.decide(self._venue.name, kind, *_EVENT_FAULTS)
            connection.tell(channel, {"data": data, "channel": channel, "event": event, **more}, fault)
