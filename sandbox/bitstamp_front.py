"""Bitstamp as the pool sees it: REST v2 and WebSocket v2 of one venue on one loopback port.

Verified as the real one does: signatures over the raw request, nonces that come once, times, status codes with a code and a
reason; answers to private calls are signed too. Source: research/wire.md section 2. Faults name a call by its method and path:
``POST /api/v2/buy/btcusd/``.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl

from attrs import frozen
from autobahn.twisted.resource import WebSocketResource
from twisted.web.resource import Resource
from twisted.web.server import Request

from sandbox.bitstamp_feeds import Books
from sandbox.bitstamp_keys import Key, KeyRing, Meter, Signed
from sandbox.bitstamp_money import MoneyCalls
from sandbox.bitstamp_orders import OrderCalls
from sandbox.bitstamp_public import Fields, PublicCalls
from sandbox.bitstamp_sockets import Channels
from sandbox.bitstamp_words import BitstampError
from sandbox.faults import Faults
from sandbox.front import RestCalls, WireFront
from sandbox.network import World
from sandbox.venue import Venue

_JSON = "application/json"
_AUTH_HEADERS = ("X-Auth", "X-Auth-Signature", "X-Auth-Nonce", "X-Auth-Timestamp", "X-Auth-Version")


class BitstampFront(WireFront):
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns the rate limits on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring = KeyRing(keys, lambda: venue.timestamp() // 1000)
        books = Books(venue)
        public = PublicCalls(venue, books, world)
        private = OrderCalls(venue, books).table | MoneyCalls(venue, books, public, world, ring).table
        channels = Channels(venue, books, ring, faults, reactor)
        root = Resource()
        root.putChild(b"api", _Rest(venue, public.table, private, ring, Meter(reactor.seconds, limits=limits), faults, reactor))
        root.putChild(b"ws", WebSocketResource(channels.factory))
        super().__init__(venue, root, (channels,), faults, reactor)


class _Rest(RestCalls):
    """``/api/v2/...``."""

    error = BitstampError

    def __init__(
        self,
        venue: Venue,
        public: Mapping[str, Callable[[Fields], Any]],
        private: Mapping[str, Callable[[str, Fields], Any]],
        ring: KeyRing,
        meter: Meter,
        faults: Faults,
        reactor: Any,
    ) -> None:
        super().__init__(venue, faults, reactor)
        self._public = public
        self._private = private
        self._ring = ring
        self._meter = meter

    def render(self, request: Request) -> Any:
        """As all venues', with the time by this venue's clock, which need not be this machine's."""
        request.setHeader("Date", formatdate(self._venue.timestamp() / 1_000_000, usegmt=True))
        return super().render(request)

    def _call(self, request: Request, call: str) -> Any:
        self._meter.spend()
        if call in self._public:
            return self._public[call](_fields(request.uri.partition(b"?")[2].decode("utf-8", "replace")))
        if call not in self._private:
            raise BitstampError("404.001", "Unknown not found error.")
        signed = _signed(request)
        key = self._ring.check(signed)
        return _Sealed(
            self._private[call](key.user, _fields(signed.body)), lambda body: self._ring.seal(key, signed, _JSON, body)
        )

    def _say(self, request: Request, answer: Any) -> bytes:
        request.setHeader("Content-Type", _JSON)
        if not isinstance(answer, _Sealed):
            return json.dumps(answer).encode()
        body = json.dumps(answer.answer).encode()
        request.setHeader("X-Server-Auth-Signature", answer.seal(body))
        return body


@frozen
class _Sealed:
    """An answer to a private call, and how its body is signed."""

    answer: Any
    seal: Callable[[bytes], str]


def _signed(request: Request) -> Signed:
    body = request.content.read().decode("utf-8", "replace") if request.content else ""
    return Signed(
        request.method.decode("ascii", "replace"),
        request.getHeader("Host") or "",
        request.uri.decode("ascii", "replace"),
        request.getHeader("Content-Type") or "",
        body,
        {name: request.getHeader(name) or "" for name in _AUTH_HEADERS},
    )


def _fields(encoded: str) -> Fields:
    return dict(parse_qsl(encoded, keep_blank_values=True))
