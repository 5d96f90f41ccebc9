"""Coinbase Exchange as the pool sees it: REST and the WebSocket feed (``/``) of one venue on one loopback port.

Verified as the real one does: signatures over the exact path, query and body, passphrases, timestamps, a User-Agent, status
codes with a message. Source: research/wire.md section 5a. Faults name a call as the documentation does: ``POST /orders``,
``DELETE /orders/{id}``.
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

from sandbox.coinbase_exchange_feed import Feed
from sandbox.coinbase_exchange_keys import Key, KeyRing, Meter, Proof
from sandbox.coinbase_exchange_money import MoneyCalls
from sandbox.coinbase_exchange_orders import OrderCalls
from sandbox.coinbase_exchange_public import Fields, Page, PublicCalls, Sequences
from sandbox.coinbase_exchange_words import CoinbaseError
from sandbox.door import Door, answer_later
from sandbox.faults import Fault, Faults, Kind
from sandbox.kraken_words import dumps
from sandbox.network import World
from sandbox.trading import VenueRefused
from sandbox.venue import Venue

_CALL_FAULTS = (Kind.ERROR, Kind.DELAY, Kind.NO_ANSWER, Kind.DONE_NO_ANSWER, Kind.DISCONNECT)


class CoinbaseExchangeFront:
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns the calls per second on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring = KeyRing(keys, lambda: venue.timestamp() / 1_000_000)
        sequences = Sequences(venue)
        public = PublicCalls(venue, world, sequences)
        self._feed = Feed(venue, public, sequences, ring, faults, reactor)
        private = {**OrderCalls(venue, public).table, **MoneyCalls(venue, public, world).table}
        rest = _Rest(venue.name, public.table, private, ring, Meter(reactor.seconds, limits=limits), faults, reactor)
        root = _Root(rest, WebSocketResource(self._feed.factory))
        self._door = Door(root, reactor, lambda: faults.decide(venue.name, "connect", Kind.REFUSE_CONNECT) is None)

    def listen(self, port: int) -> "Deferred[int]":
        """Open the port (0: any free one); answers its number."""
        self._feed.start()
        return self._door.listen(port)

    def stop(self) -> "Deferred[None]":
        """Close the port and all connections. A repeat is safe."""
        self._feed.stop()
        return self._door.stop()

    def drop_connections(self) -> None:
        """Break every connection; clients may come back."""
        self._door.drop_all()


class _Root(Resource):
    """The feed is at the root itself, the calls are everywhere below."""

    def __init__(self, rest: Resource, feed: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._rest, self._feed = rest, feed

    def getChild(self, path: bytes, request: Request) -> Any:  # noqa: ARG002 (Twisted's signature)
        """Only the feed has an empty path."""
        return self._rest if path else self._feed


class _Rest(Resource):
    """All calls."""

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
        method, path = request.method.decode("ascii", "replace"), request.path.decode("ascii", "replace")
        call, parts = _named([*self._public, *self._private], method, path)
        fault = self._faults.decide(self._name, call, *_CALL_FAULTS)
        return self._answer(request, call, parts) if fault is None else self._misbehave(request, call, parts, fault)

    def _misbehave(self, request: Request, call: str, parts: Fields, fault: Fault) -> Any:
        if fault.kind is Kind.ERROR:
            if fault.text.isdecimal():
                request.setResponseCode(int(fault.text))
                return b"<html>The web server reported an error</html>"
            return self._refuse(request, CoinbaseError.described(fault.text))
        if fault.kind is Kind.DISCONNECT:
            channel: Any = request.channel
            channel.transport.abortConnection()
            return NOT_DONE_YET
        answer = b"" if fault.kind is Kind.NO_ANSWER else self._answer(request, call, parts)
        if fault.kind is Kind.DELAY:
            answer_later(request, answer, self._reactor, float(fault.seconds))
        return NOT_DONE_YET

    def _answer(self, request: Request, call: str, parts: Fields) -> bytes:
        try:
            return self._say(request, self._call(request, call, parts))
        except CoinbaseError as error:
            return self._refuse(request, error)
        except VenueRefused as refusal:
            self.log.debug("{call} refused: {refusal}", call=call, refusal=refusal)
            return self._refuse(request, CoinbaseError.of(refusal))

    def _refuse(self, request: Request, error: CoinbaseError) -> bytes:
        request.setResponseCode(error.status)
        return self._say(request, error.shape())

    def _say(self, request: Request, answer: Any) -> bytes:
        request.setHeader("Content-Type", "application/json; charset=utf-8")
        if isinstance(answer, Page):
            if answer.rows:
                request.setHeader("CB-BEFORE", answer.before)
                request.setHeader("CB-AFTER", answer.after)
            answer = answer.rows
        return dumps(answer).encode()

    def _call(self, request: Request, call: str, parts: Fields) -> Any:
        if not request.getHeader("User-Agent"):
            raise CoinbaseError(400, "User-Agent header is required.")
        key = request.getHeader("CB-ACCESS-KEY") or ""
        self._meter.spend(key)
        body = request.content.read().decode("utf-8", "replace") if request.content else ""
        fields = {**_query(request.uri.partition(b"?")[2].decode("utf-8", "replace")), **_body(body), **parts}
        if call in self._public:
            return self._public[call](fields)
        words = [request.getHeader(f"CB-ACCESS-{name}") or "" for name in ("KEY", "PASSPHRASE", "TIMESTAMP", "SIGN")]
        user = self._ring.check(Proof(*words), f"{request.method.decode()}{request.uri.decode('utf-8', 'replace')}{body}")
        if call not in self._private:
            raise CoinbaseError(404, "NotFound")
        return self._private[call](user, fields)


def _named(calls: Iterable[str], method: str, path: str) -> tuple[str, Fields]:
    """The call's name, and the parts of the path that it leaves open; of a call that there is not, what was asked."""
    asked = path.split("/")
    for call in calls:
        its_method, _, its_path = call.partition(" ")
        pattern = its_path.split("/")
        if its_method != method or len(pattern) != len(asked):
            continue
        pairs = list(zip(pattern, asked, strict=True))
        if all(word == part or (word.startswith("{") and part) for word, part in pairs):
            return call, {word.strip("{}"): part for word, part in pairs if word.startswith("{")}
    return f"{method} {path}", {}


def _query(encoded: str) -> Fields:
    found: dict[str, str] = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _body(text: str) -> Fields:
    if not text:
        return {}
    try:
        fields = json.loads(text, parse_float=str, parse_int=str)
    except ValueError:
        raise CoinbaseError(400, "Invalid JSON") from None
    if not isinstance(fields, dict):
        raise CoinbaseError(400, "Invalid JSON")
    words = {True: "true", False: "false", None: ""}
    return {name: words[value] if value is None or isinstance(value, bool) else str(value) for name, value in fields.items()}
