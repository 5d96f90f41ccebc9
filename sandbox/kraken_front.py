"""Kraken as the pool sees it: REST v0 and WebSocket v2 (``/v2``) of one venue, on one loopback port.

Verified as the real one does: signatures over the raw body, strictly increasing nonces, HTTP 200 with an error list.
Source: research/wire.md section 1.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from autobahn.twisted.resource import WebSocketResource
from twisted.web.resource import Resource
from twisted.web.server import Request

from sandbox.faults import Faults
from sandbox.front import RestCalls, WireFront
from sandbox.kraken_keys import TOKEN_SECONDS, Key, KeyRing
from sandbox.kraken_money import MoneyCalls
from sandbox.kraken_orders import OrderCalls
from sandbox.kraken_public import Fields, PublicCalls
from sandbox.kraken_stream import Streams
from sandbox.kraken_words import KrakenError, dumps
from sandbox.network import World
from sandbox.venue import Venue


class KrakenFront(WireFront):
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns call budgets on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring = KeyRing({key.id: key for key in keys}, reactor.seconds, limits=limits)
        public = PublicCalls(venue)
        streams = Streams(venue, public, ring, faults, reactor)
        root = Resource()
        root.putChild(b"0", _Rest(venue, public, world, ring, faults, reactor))
        root.putChild(b"v2", WebSocketResource(streams.factory))
        super().__init__(venue, root, (streams,), faults, reactor)


class _Rest(RestCalls):
    """``/0/public/...`` and ``/0/private/...``."""

    error = KrakenError

    def __init__(self, venue: Venue, public: PublicCalls, world: World, ring: KeyRing, faults: Faults, reactor: Any) -> None:
        super().__init__(venue, faults, reactor)
        self._ring = ring
        self._public = public.table
        self._private = {**OrderCalls(venue, public).table, **MoneyCalls(venue, world).table}

    def _name_of(self, request: Request) -> str:
        return request.path.decode("ascii", "replace").rpartition("/")[2]

    def _say(self, request: Request, answer: Any) -> bytes:
        request.setHeader(b"Content-Type", b"application/json; charset=utf-8")
        return dumps(answer).encode()

    def _call(self, request: Request, call: str) -> Any:
        return {"error": [], "result": self._result(request, call)}

    def _result(self, request: Request, call: str) -> Any:
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
