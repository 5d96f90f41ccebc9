"""Gemini as the pool sees it: REST v1, market data v2 and order events of one venue on one loopback port.

Verified as the real one does: signed payloads in headers, nonces, roles, status codes with a reason and a message.
Source: research/wire.md section 6. Faults name a call by its method and path: ``POST /v1/order/new``.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from autobahn.twisted.resource import WebSocketResource
from twisted.web.http import datetimeToString
from twisted.web.resource import Resource
from twisted.web.server import Request

from sandbox.faults import Faults
from sandbox.front import RestCalls, WireFront
from sandbox.gemini_events import OrderEvents
from sandbox.gemini_keys import Key, KeyRing, Meter
from sandbox.gemini_money import MoneyCalls
from sandbox.gemini_orders import OrderCalls
from sandbox.gemini_public import PublicCalls
from sandbox.gemini_sockets import MarketData, OrderEventFace
from sandbox.gemini_words import GeminiError, dumps
from sandbox.network import World
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


class GeminiFront(WireFront):
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns the rates on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring = KeyRing(keys, lambda: venue.timestamp() / 1_000_000)
        public = PublicCalls(venue)
        market = MarketData(venue, public, faults, reactor)
        orders = OrderEventFace(venue, OrderEvents(venue, public.symbol), ring, faults, reactor)
        calls = _Calls(public, OrderCalls(venue, public), MoneyCalls(venue, world), ring, Meter(reactor.seconds, limits=limits))
        rest = _Rest(venue, calls, faults, reactor)
        rest.putChild(b"marketdata", WebSocketResource(market.factory))
        rest.putChild(b"events", WebSocketResource(orders.factory))
        super().__init__(venue, rest, (market, orders), faults, reactor)


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


class _Rest(RestCalls):
    """All paths that are none of the sockets'."""

    isLeaf = False
    error = GeminiError

    def __init__(self, venue: Venue, calls: _Calls, faults: Faults, reactor: Any) -> None:
        super().__init__(venue, faults, reactor)
        self._calls = calls

    def getChild(self, _path: bytes, _request: Request) -> Resource:
        """Each step of a path leads back here, so that only the sockets' last steps lead elsewhere."""
        return self

    def _call(self, request: Request, call: str) -> Any:
        method, _, path = call.partition(" ")
        if method == "POST" or path.startswith(_SIGNED_GETS):
            headers = {name.decode().lower(): value[0].decode() for name, value in request.requestHeaders.getAllRawHeaders()}
            return self._calls.private(path, headers)
        query = request.uri.partition(b"?")[2].decode("utf-8", "replace")
        return self._calls.public(path, dict(parse_qsl(query, keep_blank_values=True)))

    def _say(self, request: Request, answer: Any) -> bytes:
        request.setHeader("Content-Type", "application/json")
        # The venue's only word about its clock.
        request.setHeader("Date", datetimeToString(self._venue.timestamp() / 1_000_000))
        return dumps(answer).encode()
