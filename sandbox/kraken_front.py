"""Kraken as the pool sees it: REST v0 and WebSocket v2 (``/v2``) of one venue, on one loopback port.

Verified as the real one does: signatures over the raw body, strictly increasing nonces, HTTP 200 with an error list.
Source: research/wire.md section 1.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from autobahn.twisted.resource import WebSocketResource
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sandbox.door import Door, answer_later
from sandbox.faults import Fault, Faults, Kind
from sandbox.kraken_keys import TOKEN_SECONDS, Key, KeyRing
from sandbox.kraken_money import MoneyCalls
from sandbox.kraken_orders import OrderCalls
from sandbox.kraken_public import Fields, PublicCalls
from sandbox.kraken_stream import Streams
from sandbox.kraken_words import KrakenError, dumps, error_text
from sandbox.network import World
from sandbox.trading import VenueRefused
from sandbox.venue import Venue

_CALL_FAULTS = (Kind.ERROR, Kind.DELAY, Kind.NO_ANSWER, Kind.DONE_NO_ANSWER, Kind.DISCONNECT)


class KrakenFront:
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns call budgets on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring = KeyRing({key.id: key for key in keys}, reactor.seconds, limits=limits)
        public = PublicCalls(venue)
        self.streams = Streams(venue, public, ring, faults, reactor)
        root = Resource()
        root.putChild(b"0", _Rest(venue, public, world, ring, faults, reactor))
        root.putChild(b"v2", WebSocketResource(self.streams.factory))
        self._door = Door(root, reactor, lambda: faults.decide(venue.name, "connect", Kind.REFUSE_CONNECT) is None)

    def listen(self, port: int) -> "Deferred[int]":
        """Open the port (0: any free one); answers its number."""
        self.streams.start()
        return self._door.listen(port)

    def stop(self) -> "Deferred[None]":
        """Close the port and all connections. A repeat is safe."""
        self.streams.stop()
        return self._door.stop()

    def drop_connections(self) -> None:
        """Break every connection; clients may come back."""
        self._door.drop_all()


class _Rest(Resource):
    """``/0/public/...`` and ``/0/private/...``."""

    isLeaf = True
    log = Logger()

    def __init__(self, venue: Venue, public: PublicCalls, world: World, ring: KeyRing, faults: Faults, reactor: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._venue = venue
        self._ring = ring
        self._faults = faults
        self._reactor = reactor
        self._public = public.table
        self._private = {**OrderCalls(venue, public).table, **MoneyCalls(venue, world).table}

    def render(self, request: Request) -> Any:
        """Answer, or misbehave as the faults say."""
        call = request.path.decode("ascii", "replace").rpartition("/")[2]
        fault = self._faults.decide(self._venue.name, call, *_CALL_FAULTS)
        if fault is None:
            return self._finish(request, self._answer(request, call))
        return self._misbehave(request, call, fault)

    def _misbehave(self, request: Request, call: str, fault: Fault) -> Any:
        if fault.kind is Kind.ERROR:
            if fault.text.isdecimal():
                request.setResponseCode(int(fault.text))
                return b"<html>The web server reported an error</html>"
            return self._finish(request, {"error": [fault.text or "EService:Unavailable"]})
        if fault.kind is Kind.DISCONNECT:
            channel: Any = request.channel
            channel.transport.abortConnection()
            return NOT_DONE_YET
        answer = None if fault.kind is Kind.NO_ANSWER else self._answer(request, call)
        if fault.kind is Kind.DELAY:
            answer_later(request, self._finish(request, answer or {}), self._reactor, float(fault.seconds))
        return NOT_DONE_YET

    def _finish(self, request: Request, answer: Mapping[str, Any]) -> bytes:
        request.setHeader(b"Content-Type", b"application/json; charset=utf-8")
        return dumps(answer).encode()

    def _answer(self, request: Request, call: str) -> Mapping[str, Any]:
        try:
            result = self._call(request, call)
        except KrakenError as error:
            return {"error": [error.text]}
        except VenueRefused as refusal:
            self.log.debug("{call} refused: {refusal}", call=call, refusal=refusal)
            return {"error": [error_text(refusal)]}
        return {"error": [], "result": result}

    def _call(self, request: Request, call: str) -> Any:
        path = request.path.decode("ascii", "replace")
        if path == f"/0/public/{call}" and call in self._public:
            return self._public[call](_fields(request.uri.partition(b"?")[2]))
        if path != f"/0/private/{call}" or (call not in self._private and call != "GetWebSocketsToken"):
            raise KrakenError("EGeneral:Unknown method")
        body = request.content.read() if request.content else b""
        fields = _fields(body)
        headers = (request.getHeader("API-Key") or "", request.getHeader("API-Sign") or "")
        key = self._ring.check(path, headers, fields.get("nonce", ""), body)
        self._ring.spend(key, call)
        if call == "GetWebSocketsToken":
            return {"token": self._ring.new_token(key), "expires": TOKEN_SECONDS}
        return self._private[call](key.user, fields)


def _fields(encoded: bytes) -> Fields:
    return dict(parse_qsl(encoded.decode("utf-8", "replace"), keep_blank_values=True))
