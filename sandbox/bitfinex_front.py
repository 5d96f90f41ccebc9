"""Bitfinex as the pool sees it: REST v2 and WebSocket v2 of one venue, on one loopback port.

Verified as the real one does: signatures over the raw body, strictly rising nonces, refusals as an array with HTTP 500. Source:
research/wire.md section 3. Faults name a call by its path behind ``/v2/``: ``auth/w/order/submit``, ``book/tBTCUSD/P0``.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote

from autobahn.twisted.resource import WebSocketResource
from twisted.web.resource import Resource
from twisted.web.server import Request

from sandbox.bitfinex_keys import Key, KeyRing, Meter
from sandbox.bitfinex_money import MoneyCalls
from sandbox.bitfinex_orders import OrderCalls
from sandbox.bitfinex_public import Fields, PublicCalls
from sandbox.bitfinex_stream import Streams
from sandbox.bitfinex_words import PARAMETERS, BitfinexError, dumps
from sandbox.faults import Faults
from sandbox.front import RestCalls, WireFront
from sandbox.network import World
from sandbox.venue import Venue

_HEADERS = ("nonce", "apikey", "signature")
Private = Callable[[str, list[str], Fields], Any]


class BitfinexFront(WireFront):
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns the limits of calls on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring, public = KeyRing(keys), PublicCalls(venue)
        orders, money = OrderCalls(venue, public), MoneyCalls(venue, public, world)
        self.money = money
        streams = Streams(venue, public, orders, money, ring, faults, reactor)
        meter = Meter(reactor.seconds, limits=limits)
        root, sockets = Resource(), Resource()
        root.putChild(b"v2", _Rest(venue, public, {**orders.table, **money.table}, ring, meter, faults, reactor))
        root.putChild(b"ws", sockets)
        sockets.putChild(b"2", WebSocketResource(streams.factory))
        super().__init__(venue, root, (streams,), faults, reactor)


class _Rest(RestCalls):
    """``/v2/...``."""

    error = BitfinexError

    def __init__(
        self,
        venue: Venue,
        public: PublicCalls,
        private: Mapping[str, Private],
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

    def _name_of(self, request: Request) -> str:
        return unquote(request.path.decode("ascii", "replace")).removeprefix("/v2/")

    def _say(self, request: Request, answer: Any) -> bytes:
        request.setHeader("Content-Type", "application/json; charset=utf-8")
        return dumps(answer).encode()

    def _call(self, request: Request, call: str) -> Any:
        self._meter.spend(call)
        path = call.split("/")
        if path[0] != "auth":
            query = request.uri.partition(b"?")[2].decode("utf-8", "replace")
            return self._public.answer(path, dict(parse_qsl(query, keep_blank_values=True)))
        # The longest name that the path begins with: what follows it names a symbol or a currency.
        names = [name for name in self._private if f"{call}/".startswith(f"{name}/")]
        if not names:
            raise BitfinexError(PARAMETERS, "request: invalid", 404)
        body = request.content.read() if request.content else b""
        headers = {name: request.getHeader(f"bfx-{name}") or "" for name in _HEADERS}
        user = self._ring.check(request.path.decode("ascii", "replace"), headers, body)
        return self._private[max(names, key=len)](user, path, _fields(body))


def _fields(body: bytes) -> Fields:
    try:
        fields = json.loads(body or b"{}", parse_float=Decimal)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise BitfinexError(PARAMETERS, "body: invalid")
    return fields
