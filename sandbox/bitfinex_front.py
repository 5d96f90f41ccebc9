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
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sandbox.bitfinex_keys import Key, KeyRing, Meter
from sandbox.bitfinex_money import MoneyCalls
from sandbox.bitfinex_orders import OrderCalls
from sandbox.bitfinex_public import Fields, PublicCalls
from sandbox.bitfinex_stream import Streams
from sandbox.bitfinex_words import PARAMETERS, BitfinexError, dumps
from sandbox.door import Door, answer_later
from sandbox.faults import Fault, Faults, Kind
from sandbox.network import World
from sandbox.trading import VenueRefused
from sandbox.venue import Venue

_CALL_FAULTS = (Kind.ERROR, Kind.DELAY, Kind.NO_ANSWER, Kind.DONE_NO_ANSWER, Kind.DISCONNECT)
_HEADERS = ("nonce", "apikey", "signature")
Private = Callable[[str, list[str], Fields], Any]


class BitfinexFront:
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns the limits of calls on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring, public = KeyRing(keys), PublicCalls(venue)
        orders, money = OrderCalls(venue, public), MoneyCalls(venue, public, world)
        self.money = money
        self._streams = Streams(venue, public, orders, money, ring, faults, reactor)
        meter = Meter(reactor.seconds, limits=limits)
        root, sockets = Resource(), Resource()
        root.putChild(b"v2", _Rest(venue.name, public, {**orders.table, **money.table}, ring, meter, faults, reactor))
        root.putChild(b"ws", sockets)
        sockets.putChild(b"2", WebSocketResource(self._streams.factory))
        self._door = Door(root, reactor, lambda: faults.decide(venue.name, "connect", Kind.REFUSE_CONNECT) is None)

    def listen(self, port: int) -> "Deferred[int]":
        """Open the port (0: any free one); answers its number."""
        self._streams.start()
        return self._door.listen(port)

    def stop(self) -> "Deferred[None]":
        """Close the port and all connections. A repeat is safe."""
        self._streams.stop()
        return self._door.stop()

    def drop_connections(self) -> None:
        """Break every connection; clients may come back."""
        self._door.drop_all()


class _Rest(Resource):
    """``/v2/...``."""

    isLeaf = True
    log = Logger()

    def __init__(
        self,
        name: str,
        public: PublicCalls,
        private: Mapping[str, Private],
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
        call = unquote(request.path.decode("ascii", "replace")).removeprefix("/v2/")
        fault = self._faults.decide(self._name, call, *_CALL_FAULTS)
        return self._answer(request, call) if fault is None else self._misbehave(request, call, fault)

    def _misbehave(self, request: Request, call: str, fault: Fault) -> Any:
        if fault.kind is Kind.ERROR:
            if fault.text.isdecimal():
                request.setResponseCode(int(fault.text))
                return b"<html>The web server reported an error</html>"
            return self._refuse(request, BitfinexError.described(fault.text))
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
        except BitfinexError as error:
            return self._refuse(request, error)
        except VenueRefused as refusal:
            self.log.debug("{call} refused: {refusal}", call=call, refusal=refusal)
            return self._refuse(request, BitfinexError.of(refusal))

    def _refuse(self, request: Request, error: BitfinexError) -> bytes:
        request.setResponseCode(error.status)
        return self._say(request, error.shape())

    def _say(self, request: Request, answer: Any) -> bytes:
        request.setHeader("Content-Type", "application/json; charset=utf-8")
        return dumps(answer).encode()

    def _call(self, request: Request, call: str) -> Any:
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
