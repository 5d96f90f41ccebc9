"""Binance spot as the pool sees it: REST v3 and wallet v1, market streams, WebSocket API, of one venue on one loopback port.

Verified as the real one does: signatures over the raw parameters, timestamps, status codes with a code and a message.
Source: research/wire.md section 4. Faults name a call as the documentation does: ``POST /api/v3/order``.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from autobahn.twisted.resource import WebSocketResource
from twisted.web.resource import Resource
from twisted.web.server import Request

from sandbox.binance_depth import DepthFeeds
from sandbox.binance_keys import Key, KeyRing, Meter
from sandbox.binance_money import MoneyCalls
from sandbox.binance_orders import OrderCalls
from sandbox.binance_public import Fields, PublicCalls
from sandbox.binance_sockets import MarketStreams, UserStreams
from sandbox.binance_words import BinanceError, milliseconds
from sandbox.faults import Faults
from sandbox.front import RestCalls, WireError, WireFront
from sandbox.network import World
from sandbox.venue import Venue

_SIGNATURE = "&signature="


class BinanceFront(WireFront):
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns the weight limit on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring = KeyRing(keys, lambda: milliseconds(venue.timestamp()))
        feeds = DepthFeeds(venue)
        public = PublicCalls(venue, feeds)
        market = MarketStreams(venue, feeds, faults, reactor)
        user = UserStreams(venue, public, ring, faults, reactor)
        private = {**OrderCalls(venue, public).table, **MoneyCalls(venue, public, world).table}
        rest = _Rest(venue, public.table, private, ring, Meter(reactor.seconds, limits=limits), faults, reactor)
        root, api = Resource(), Resource()
        root.putChild(b"api", rest)
        root.putChild(b"sapi", rest)
        root.putChild(b"ws", WebSocketResource(market.factory))
        root.putChild(b"ws-api", api)
        api.putChild(b"v3", WebSocketResource(user.factory))
        super().__init__(venue, root, (market, user), faults, reactor)


class _Rest(RestCalls):
    """``/api/v3/...`` and ``/sapi/v1/...``."""

    error = BinanceError

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

    def _refuse(self, request: Request, error: WireError) -> bytes:
        if error.status == 429:
            request.setHeader("Retry-After", str(self._meter.seconds_left()))
        return super()._refuse(request, error)

    def _say(self, request: Request, answer: Any) -> bytes:
        request.setHeader("Content-Type", "application/json;charset=UTF-8")
        request.setHeader("X-MBX-USED-WEIGHT-1M", str(self._meter.used))
        return json.dumps(answer).encode()

    def _call(self, request: Request, call: str) -> Any:
        self._meter.spend(call)
        query = request.uri.partition(b"?")[2].decode("utf-8", "replace")
        body = request.content.read().decode("utf-8", "replace") if request.content else ""
        if call in self._public:
            return self._public[call](_fields(query))
        if call not in self._private:
            raise BinanceError(-1000, "This endpoint does not exist.", 404)
        text, _, signature = (query + body).rpartition(_SIGNATURE)
        fields = _fields(text)
        name = request.getHeader("X-MBX-APIKEY") or ""
        user = self._ring.check(name, text, signature, fields.get("timestamp", ""), fields.get("recvWindow", ""))
        return self._private[call](user, fields)


def _fields(encoded: str) -> Fields:
    return dict(parse_qsl(encoded, keep_blank_values=True))
