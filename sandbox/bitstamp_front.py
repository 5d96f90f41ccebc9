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

from autobahn.twisted.resource import WebSocketResource
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sandbox.bitstamp_feeds import Books
from sandbox.bitstamp_keys import Key, KeyRing, Meter, Signed
from sandbox.bitstamp_money import MoneyCalls
from sandbox.bitstamp_orders import OrderCalls
from sandbox.bitstamp_public import Fields, PublicCalls
from sandbox.bitstamp_sockets import Channels
from sandbox.bitstamp_words import BitstampError
from sandbox.door import Door, answer_later
from sandbox.faults import Fault, Faults, Kind
from sandbox.network import World
from sandbox.trading import VenueRefused
from sandbox.venue import Venue

_CALL_FAULTS = (Kind.ERROR, Kind.DELAY, Kind.NO_ANSWER, Kind.DONE_NO_ANSWER, Kind.DISCONNECT)
_JSON = "application/json"
_AUTH_HEADERS = ("X-Auth", "X-Auth-Signature", "X-Auth-Nonce", "X-Auth-Timestamp", "X-Auth-Version")


class BitstampFront:
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns the rate limits on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring = KeyRing(keys, lambda: venue.timestamp() // 1000)
        books = Books(venue)
        public = PublicCalls(venue, books, world)
        private = OrderCalls(venue, books).table | MoneyCalls(venue, books, public, world, ring).table
        self._channels = Channels(venue, books, ring, faults, reactor)
        root = Resource()
        root.putChild(b"api", _Rest(venue, public.table, private, ring, Meter(reactor.seconds, limits=limits), faults, reactor))
        root.putChild(b"ws", WebSocketResource(self._channels.factory))
        self._door = Door(root, reactor, lambda: faults.decide(venue.name, "connect", Kind.REFUSE_CONNECT) is None)

    def listen(self, port: int) -> "Deferred[int]":
        """Open the port (0: any free one); answers its number."""
        self._channels.start()
        return self._door.listen(port)

    def stop(self) -> "Deferred[None]":
        """Close the port and all connections. A repeat is safe."""
        self._channels.stop()
        return self._door.stop()

    def drop_connections(self) -> None:
        """Break every connection; clients may come back."""
        self._door.drop_all()


class _Rest(Resource):
    """``/api/v2/...``."""

    isLeaf = True
    log = Logger()

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
        super().__init__()  # type: ignore[no-untyped-call]
        self._venue = venue
        self._public = public
        self._private = private
        self._ring = ring
        self._meter = meter
        self._faults = faults
        self._reactor = reactor

    def render(self, request: Request) -> Any:
        """Answer, or misbehave as the faults say."""
        call = f"{request.method.decode('ascii', 'replace')} {request.path.decode('ascii', 'replace')}"
        # By the venue's clock, which need not be this machine's.
        request.setHeader("Date", formatdate(self._venue.timestamp() / 1_000_000, usegmt=True))
        fault = self._faults.decide(self._venue.name, call, *_CALL_FAULTS)
        return self._answer(request, call) if fault is None else self._misbehave(request, call, fault)

    def _misbehave(self, request: Request, call: str, fault: Fault) -> Any:
        if fault.kind is Kind.ERROR:
            if fault.text.isdecimal():
                request.setResponseCode(int(fault.text))
                return b"<html>The web server reported an error</html>"
            return self._refuse(request, BitstampError.described(fault.text))
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
            self._meter.spend()
            if call in self._public:
                query = request.uri.partition(b"?")[2].decode("utf-8", "replace")
                return self._say(request, self._public[call](_fields(query)))
            if call not in self._private:
                raise BitstampError("404.001", "Unknown not found error.")
            return self._answer_private(request, call)
        except BitstampError as error:
            return self._refuse(request, error)
        except VenueRefused as refusal:
            self.log.debug("{call} refused: {refusal}", call=call, refusal=refusal)
            return self._refuse(request, BitstampError.of(refusal))

    def _answer_private(self, request: Request, call: str) -> bytes:
        signed = _signed(request)
        key = self._ring.check(signed)
        answer = self._say(request, self._private[call](key.user, _fields(signed.body)))
        request.setHeader("X-Server-Auth-Signature", self._ring.seal(key, signed, _JSON, answer))
        return answer

    def _refuse(self, request: Request, error: BitstampError) -> bytes:
        request.setResponseCode(error.status)
        return self._say(request, error.shape())

    def _say(self, request: Request, answer: Any) -> bytes:
        request.setHeader("Content-Type", _JSON)
        return json.dumps(answer).encode()


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
