"""Binance spot as the pool sees it: REST v3 and wallet v1, market streams, WebSocket API, of one venue on one loopback port.

Verified as the real one does: signatures over the raw parameters, timestamps, status codes with a code and a message.
Source: research/wire.md section 4. Faults name a call as the documentation does: ``POST /api/v3/order``.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from autobahn.twisted.resource import WebSocketResource
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sandbox.binance_depth import DepthFeeds
from sandbox.binance_keys import Key, KeyRing, Meter
from sandbox.binance_money import MoneyCalls
from sandbox.binance_orders import OrderCalls
from sandbox.binance_public import Fields, PublicCalls
from sandbox.binance_sockets import MarketStreams, UserStreams
from sandbox.binance_words import BinanceError, milliseconds
from sandbox.door import Door, answer_later
from sandbox.faults import Fault, Faults, Kind
from sandbox.network import World
from sandbox.trading import VenueRefused
from sandbox.venue import Venue

_CALL_FAULTS = (Kind.ERROR, Kind.DELAY, Kind.NO_ANSWER, Kind.DONE_NO_ANSWER, Kind.DISCONNECT)
_SIGNATURE = "&signature="


class BinanceFront:
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns the weight limit on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring = KeyRing(keys, lambda: milliseconds(venue.timestamp()))
        feeds = DepthFeeds(venue)
        public = PublicCalls(venue, feeds)
        market = MarketStreams(venue, feeds, faults, reactor)
        user = UserStreams(venue, public, ring, faults, reactor)
        self._faces = (market, user)
        private = {**OrderCalls(venue, public).table, **MoneyCalls(venue, public, world).table}
        rest = _Rest(venue.name, public.table, private, ring, Meter(reactor.seconds, limits=limits), faults, reactor)
        root, api = Resource(), Resource()
        root.putChild(b"api", rest)
        root.putChild(b"sapi", rest)
        root.putChild(b"ws", WebSocketResource(market.factory))
        root.putChild(b"ws-api", api)
        api.putChild(b"v3", WebSocketResource(user.factory))
        self._door = Door(root, reactor, lambda: faults.decide(venue.name, "connect", Kind.REFUSE_CONNECT) is None)

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


class _Rest(Resource):
    """``/api/v3/...`` and ``/sapi/v1/...``."""

    isLeaf = True
    log = Logger()

    def __init__(
        self,
        name: str,
        public: Mapping[str, Callable[[Fields], Any]],
        private: Mapping[str, Callable[[str, Fields], Any]],
        ring: KeyRing,
        meter: Meter,
        faults: Faults,
        reactor: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = name
        self._public = public
        self._private = private
        self._ring = ring
        self._meter = meter
        self._faults = faults
        self._reactor = reactor

    def render(self, request: Request) -> Any:
        """Answer, or misbehave as the faults say."""
        call = f"{request.method.decode('ascii', 'replace')} {request.path.decode('ascii', 'replace')}"
        fault = self._faults.decide(self._name, call, *_CALL_FAULTS)
        return self._answer(request, call) if fault is None else self._misbehave(request, call, fault)

    def _misbehave(self, request: Request, call: str, fault: Fault) -> Any:
        if fault.kind is Kind.ERROR:
            if fault.text.isdecimal():
                request.setResponseCode(int(fault.text))
                return b"<html>The web server reported an error</html>"
            return self._refuse(request, BinanceError.described(fault.text))
        if fault.kind is Kind.DISCONNECT:
            channel: Any = request.channel
            channel.transport.abortConnection()
            return NOT_DONE_YET
        answer = b"" if fault.kind is Kind.NO_ANSWER else self._answer(request, call)
        if fault.kind is Kind.DELAY:
            answer_later(request, answer, self._reactor, float(fault.seconds))
        return NOT_DONE_YET

    def _answer(self, request: Request, call: str) -> bytes:
        try:
            self._meter.spend(call)
            return self._say(request, self._call(request, call))
        except BinanceError as error:
            return self._refuse(request, error)
        except VenueRefused as refusal:
            self.log.debug("{call} refused: {refusal}", call=call, refusal=refusal)
            return self._refuse(request, BinanceError.of(refusal))

    def _refuse(self, request: Request, error: BinanceError) -> bytes:
        request.setResponseCode(error.status)
        if error.status == 429:
            request.setHeader("Retry-After", str(self._meter.seconds_left()))
        return self._say(request, error.shape())

    def _say(self, request: Request, answer: Any) -> bytes:
        request.setHeader("Content-Type", "application/json;charset=UTF-8")
        request.setHeader("X-MBX-USED-WEIGHT-1M", str(self._meter.used))
        return json.dumps(answer).encode()

    def _call(self, request: Request, call: str) -> Any:
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
