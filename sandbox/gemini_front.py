"""Gemini as the pool sees it: REST v1, market data v2 and order events of one venue on one loopback port.

Verified as the real one does: signed payloads in headers, nonces, roles, status codes with a reason and a message.
Source: research/wire.md section 6. Faults name a call by its method and path: ``POST /v1/order/new``.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from autobahn.twisted.resource import WebSocketResource
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.http import datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sandbox.door import Door, answer_later
from sandbox.faults import Fault, Faults, Kind
from sandbox.gemini_events import OrderEvents
from sandbox.gemini_keys import Key, KeyRing, Meter
from sandbox.gemini_money import MoneyCalls
from sandbox.gemini_orders import OrderCalls
from sandbox.gemini_public import PublicCalls
from sandbox.gemini_sockets import MarketData, OrderEventFace
from sandbox.gemini_words import GeminiError, dumps
from sandbox.network import World
from sandbox.trading import VenueRefused
from sandbox.venue import Venue

#: Calls whose rate is counted apart, by how their paths begin.
_SLOW = {
    "/v1/transfers": "transfers",
    "/v2/transfers": "transfers",
    "/v1/addresses/": "addresses",
    "/v1/deposit/": "addresses",
}
#: What is asked for by a GET and signed all the same.
_SIGNED_GETS = "/v2/network/"
_CALL_FAULTS = (Kind.ERROR, Kind.DELAY, Kind.NO_ANSWER, Kind.DONE_NO_ANSWER, Kind.DISCONNECT)


class GeminiFront:
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns the rates on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring = KeyRing(keys, lambda: venue.timestamp() / 1_000_000)
        public = PublicCalls(venue)
        market = MarketData(venue, public, faults, reactor)
        orders = OrderEventFace(venue, OrderEvents(venue, public.symbol), ring, faults, reactor)
        self._faces = (market, orders)
        calls = _Calls(public, OrderCalls(venue, public), MoneyCalls(venue, world), ring, Meter(reactor.seconds, limits=limits))
        rest = _Rest(venue, calls, faults, reactor)
        rest.putChild(b"marketdata", WebSocketResource(market.factory))
        rest.putChild(b"events", WebSocketResource(orders.factory))
        self._door = Door(rest, reactor, lambda: faults.decide(venue.name, "connect", Kind.REFUSE_CONNECT) is None)

    def listen(self, port: int) -> "Deferred[int]":
        """Open the port (0: any free one); answers its number."""
        for face in self._faces:
            face.start()
        return self._door.listen(port)

    def stop(self) -> "Deferred[None]":
        """Close the port and all connections. A repeat is safe."""
        for face in self._faces:
            face.stop()
        return self._door.stop()

    def drop_connections(self) -> None:
        """Break every connection; clients may come back."""
        self._door.drop_all()


class _Calls:
    """All calls, by method and path."""

    def __init__(self, public: PublicCalls, orders: OrderCalls, money: MoneyCalls, ring: KeyRing, meter: Meter) -> None:
        self._public = public.table
        self._private = {**orders.table, **money.table}
        self._ring = ring
        self._meter = meter

    def public(self, path: str, query: Mapping[str, str]) -> Any:
        """Answer a GET."""
        self._meter.spend("public")
        beginning = max((each for each in self._public if path.startswith(each)), key=len, default="")
        rest = path.removeprefix(beginning)
        if not beginning or bool(rest) != beginning.endswith("/"):
            raise GeminiError("EndpointNotFound", f"API entry point `{path}` not found")
        return self._public[beginning](rest, query)

    def private(self, path: str, headers: Mapping[str, str]) -> Any:
        """Answer a POST, or a GET that is signed."""
        self._meter.spend(next((group for beginning, group in _SLOW.items() if path.startswith(beginning)), "private"))
        if path not in self._private:
            raise GeminiError("EndpointNotFound", f"API entry point `{path}` not found")
        key, fields = self._ring.check(path, headers)
        return self._private[path](key.user, fields)


class _Rest(Resource):
    """All paths that are none of the sockets'."""

    log = Logger()

    def __init__(self, venue: Venue, calls: _Calls, faults: Faults, reactor: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._venue = venue
        self._calls = calls
        self._faults = faults
        self._reactor = reactor

    def getChild(self, _path: bytes, _request: Request) -> Resource:
        """Each step of a path leads back here, so that only the sockets' last steps lead elsewhere."""
        return self

    def render(self, request: Request) -> Any:
        """Answer, or misbehave as the faults say."""
        call = f"{request.method.decode('ascii', 'replace')} {request.path.decode('ascii', 'replace')}"
        fault = self._faults.decide(self._venue.name, call, *_CALL_FAULTS)
        return self._answer(request, call) if fault is None else self._misbehave(request, call, fault)

    def _misbehave(self, request: Request, call: str, fault: Fault) -> Any:
        if fault.kind is Kind.ERROR:
            if fault.text.isdecimal():
                request.setResponseCode(int(fault.text))
                return b"<html>The web server reported an error</html>"
            return self._refuse(request, GeminiError.described(fault.text))
        if fault.kind is Kind.DISCONNECT:
            channel: Any = request.channel
            channel.transport.abortConnection()
            return NOT_DONE_YET
        answer = b"" if fault.kind is Kind.NO_ANSWER else self._answer(request, call)
        if fault.kind is Kind.DELAY:
            answer_later(request, answer, self._reactor, float(fault.seconds))
        return NOT_DONE_YET

    def _answer(self, request: Request, call: str) -> bytes:
        method, _, path = call.partition(" ")
        try:
            if method == "POST" or path.startswith(_SIGNED_GETS):
                headers = {name.decode().lower(): value[0].decode() for name, value in request.requestHeaders.getAllRawHeaders()}
                return self._say(request, self._calls.private(path, headers))
            query = request.uri.partition(b"?")[2].decode("utf-8", "replace")
            return self._say(request, self._calls.public(path, dict(parse_qsl(query, keep_blank_values=True))))
        except GeminiError as error:
            return self._refuse(request, error)
        except VenueRefused as refusal:
            self.log.debug("{call} refused: {refusal}", call=call, refusal=refusal)
            return self._refuse(request, GeminiError.of(refusal))

    def _refuse(self, request: Request, error: GeminiError) -> bytes:
        request.setResponseCode(error.status)
        return self._say(request, error.shape())

    def _say(self, request: Request, answer: Any) -> bytes:
        request.setHeader("Content-Type", "application/json")
        # The venue's only word about its clock.
        request.setHeader("Date", datetimeToString(self._venue.timestamp() / 1_000_000))
        return dumps(answer).encode()
