"""Binance's two WebSocket faces: market streams (``/ws``) and the WebSocket API (``/ws-api/v3``) with the user data stream.

Faults ask ``depth`` and ``user`` for the events, ``subscribe`` for a subscription.
"""

import json
from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from sandbox.binance_depth import DepthFeeds
from sandbox.binance_keys import KeyRing
from sandbox.binance_public import PublicCalls
from sandbox.binance_reports import Report, of_event
from sandbox.binance_words import BinanceError, milliseconds
from sandbox.events import Event
from sandbox.faults import Fault, Faults, Kind
from sandbox.venue import Venue

_EVENT_FAULTS = (Kind.STALE, Kind.GAP, Kind.DUPLICATE, Kind.DISCONNECT)
_SUBSCRIPTION_FAULTS = (Kind.ERROR, Kind.NO_ANSWER)
#: Seconds between two events of a fast stream; a slow one's come every tenth time.
STEP, SLOW = 0.1, 10


class Connection(WebSocketServerProtocol):
    """One client; ``streams``: what it follows on the market's face, ``user``: whose events it gets on the other one."""

    factory: "_Factory"
    transport: Any

    def onOpen(self) -> None:
        """Nothing is said before something is asked."""
        self.streams: set[str] = set()
        self.user: str | None = None
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
            self.say({"error": {"code": 3, "msg": "Invalid JSON"}})

    def onClose(self, _was_clean: bool, _code: int | None, _reason: str | None) -> None:
        """Forget it; it may have gone before it was greeted."""
        if self in self.factory.face.connections:
            self.factory.face.connections.remove(self)
            self.factory.face.gone()

    def say(self, message: object) -> None:
        """Send, unless the connection is closing."""
        if self.state == self.STATE_OPEN:
            self.sendMessage(json.dumps(message).encode())  # type: ignore[no-untyped-call]

    def tell(self, event: object, fault: Fault | None) -> None:
        """Send an event, as the fault has it."""
        kind = fault and fault.kind
        if kind is Kind.DISCONNECT:
            self.transport.abortConnection()
            return
        if kind not in (Kind.STALE, Kind.GAP):
            self.say(event)
        if kind is Kind.DUPLICATE:
            self.say(event)


class _Factory(WebSocketServerFactory):
    noisy = False
    protocol = Connection  # type: ignore[assignment]

    def __init__(self, face: "MarketStreams | UserStreams", reactor: Any) -> None:
        super().__init__(reactor=reactor)  # type: ignore[no-untyped-call]
        self.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)  # type: ignore[no-untyped-call]
        self.face = face


class MarketStreams:
    """``SUBSCRIBE`` and ``UNSUBSCRIBE`` to ``<symbol>@depth[@100ms]``, ``LIST_SUBSCRIPTIONS``."""

    log = Logger()

    def __init__(self, venue: Venue, feeds: DepthFeeds, faults: Faults, reactor: Any) -> None:
        self._name = venue.name
        self._feeds = feeds
        self._faults = faults
        self._steps = 0
        self._ticking = LoopingCall(self._tick)
        self._ticking.clock = reactor
        self.connections: list[Connection] = []
        self.factory = _Factory(self, reactor)

    def start(self) -> None:
        """Tell what changes from now on."""
        self._ticking.start(STEP, now=False).addErrback(lambda failure: self.log.failure("depth", failure=failure))

    def stop(self) -> None:
        """Tell nothing any more. A repeat is safe."""
        if self._ticking.running:
            self._ticking.stop()

    def requested(self, connection: Connection, request: dict[str, Any]) -> None:
        """Answer one request."""
        method, wanted, id = request.get("method"), request.get("params") or [], request.get("id")
        if method == "SUBSCRIBE":
            self._subscribe(connection, wanted, id)
        elif method == "UNSUBSCRIBE":
            connection.streams.difference_update(wanted)
            self.gone()
            connection.say({"result": None, "id": id})
        elif method == "LIST_SUBSCRIPTIONS":
            connection.say({"result": sorted(connection.streams), "id": id})
        else:
            connection.say({"error": {"code": 2, "msg": f"Invalid request: unknown method {method}"}, "id": id})

    def _subscribe(self, connection: Connection, wanted: list[Any], id: Any) -> None:
        fault = self._faults.decide(self._name, "subscribe", *_SUBSCRIPTION_FAULTS)
        if fault is not None and fault.kind is Kind.NO_ANSWER:
            return
        unknown = [stream for stream in wanted if not self._feeds.knows(str(stream))]
        if fault is not None or unknown or not wanted:
            connection.say({"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": id})
            return
        for stream in wanted:
            self._feeds.open(stream)
            connection.streams.add(stream)
        connection.say({"result": None, "id": id})

    def gone(self) -> None:
        """Close the feeds that nobody listens to any more."""
        used = {stream for connection in self.connections for stream in connection.streams}
        for stream in self._feeds.opened() - used:
            self._feeds.close(stream)

    def _tick(self) -> None:
        self._steps += 1
        for stream, event in self._feeds.take(slow_too=self._steps % SLOW == 0).items():
            fault = self._faults.decide(self._name, "depth", *_EVENT_FAULTS)
            for connection in [each for each in self.connections if stream in each.streams]:
                connection.tell(event, fault)


class UserStreams:
    """``userDataStream.subscribe.signature`` of the WebSocket API, ``ping`` and ``time``; orders are not taken here."""

    def __init__(self, venue: Venue, public: PublicCalls, ring: KeyRing, faults: Faults, reactor: Any) -> None:
        self._venue = venue
        self._public = public
        self._ring = ring
        self._faults = faults
        self._stop_listening: Callable[[], None] = lambda: None
        self.connections: list[Connection] = []
        self.factory = _Factory(self, reactor)

    def start(self) -> None:
        """Follow the venue from now on."""
        self._stop_listening = self._venue.listen(self._happened)

    def stop(self) -> None:
        """Stop following it. A repeat is safe."""
        self._stop_listening()
        self._stop_listening = lambda: None

    def requested(self, connection: Connection, request: dict[str, Any]) -> None:
        """Answer one request."""
        id, method = request.get("id"), request.get("method")
        try:
            if method == "userDataStream.subscribe.signature":
                result = self._subscribe(connection, request.get("params") or {})
                if result is None:
                    return
            elif method == "userDataStream.unsubscribe":
                connection.user, result = None, {}
            elif method in ("ping", "time"):
                result = {} if method == "ping" else {"serverTime": milliseconds(self._venue.timestamp())}
            else:
                raise BinanceError(-1102, "Unknown method.")
        except BinanceError as error:
            connection.say({"id": id, "status": error.status, "error": error.shape(), "rateLimits": []})
        else:
            connection.say({"id": id, "status": 200, "result": result, "rateLimits": []})

    def gone(self) -> None:
        """Nothing is kept for a connection but itself."""

    def _subscribe(self, connection: Connection, params: dict[str, Any]) -> dict[str, Any] | None:
        fault = self._faults.decide(self._venue.name, "subscribe", *_SUBSCRIPTION_FAULTS)
        if fault is not None:
            if fault.kind is Kind.NO_ANSWER:
                return None
            raise BinanceError.described(fault.text)
        # Signed sorted by name, whatever the order in which they come.
        text = "&".join(f"{name}={params[name]}" for name in sorted(params) if name != "signature")
        words = {name: str(value) for name, value in params.items()}
        signature, timestamp = words.get("signature", ""), words.get("timestamp", "")
        connection.user = self._ring.check(words.get("apiKey", ""), text, signature, timestamp, words.get("recvWindow", ""))
        return {"subscriptionId": 0}

    def _happened(self, event: Event) -> None:
        for report in of_event(event, self._venue, self._public.symbol):
            self._tell(report)

    def _tell(self, report: Report) -> None:
        listeners = [connection for connection in self.connections if connection.user == report.user]
        for connection in listeners:
            fault = self._faults.decide(self._venue.name, "user", *_EVENT_FAULTS)
            connection.tell({"subscriptionId": 0, "event": report.event}, fault)
