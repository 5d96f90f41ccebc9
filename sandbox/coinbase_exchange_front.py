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
from twisted.web.resource import Resource
from twisted.web.server import Request

from sandbox.coinbase_exchange_feed import Feed
from sandbox.coinbase_exchange_keys import Key, KeyRing, Meter, Proof
from sandbox.coinbase_exchange_money import MoneyCalls
from sandbox.coinbase_exchange_orders import OrderCalls
from sandbox.coinbase_exchange_public import Fields, Page, PublicCalls, Sequences
from sandbox.coinbase_exchange_words import CoinbaseError
from sandbox.faults import Faults
from sandbox.front import RestCalls, WireFront
from sandbox.kraken_words import dumps
from sandbox.network import World
from sandbox.venue import Venue


class CoinbaseExchangeFront(WireFront):
    """The wire in front of ``venue``. ``keys`` are the API keys that exist; ``limits`` turns the calls per second on."""

    def __init__(
        self, venue: Venue, world: World, keys: Iterable[Key], faults: Faults, reactor: Any, *, limits: bool = False
    ) -> None:
        ring = KeyRing(keys, lambda: venue.timestamp() / 1_000_000)
        sequences = Sequences(venue)
        public = PublicCalls(venue, world, sequences)
        feed = Feed(venue, public, sequences, ring, faults, reactor)
        private = {**OrderCalls(venue, public).table, **MoneyCalls(venue, public, world).table}
        rest = _Rest(venue, public.table, private, ring, Meter(reactor.seconds, limits=limits), faults, reactor)
        root = _Root(rest, WebSocketResource(feed.factory))
        super().__init__(venue, root, (feed,), faults, reactor)


class _Root(Resource):
    """The feed is at the root itself, the calls are everywhere below."""

    def __init__(self, rest: Resource, feed: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._rest, self._feed = rest, feed

    def getChild(self, path: bytes, request: Request) -> Any:  # noqa: ARG002 (Twisted's signature)
        """Only the feed has an empty path."""
        return self._rest if path else self._feed


class _Rest(RestCalls):
    """All calls."""

    error = CoinbaseError

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

    def _name_of(self, request: Request) -> str:
        return self._pattern_of(request)[0]

    def _pattern_of(self, request: Request) -> tuple[str, Fields]:
        method, path = request.method.decode("ascii", "replace"), request.path.decode("ascii", "replace")
        return _named([*self._public, *self._private], method, path)

    def _say(self, request: Request, answer: Any) -> bytes:
        request.setHeader("Content-Type", "application/json; charset=utf-8")
        if isinstance(answer, Page):
            if answer.rows:
                request.setHeader("CB-BEFORE", answer.before)
                request.setHeader("CB-AFTER", answer.after)
            answer = answer.rows
        return dumps(answer).encode()

    def _call(self, request: Request, call: str) -> Any:
        if not request.getHeader("User-Agent"):
            raise CoinbaseError(400, "User-Agent header is required.")
        key = request.getHeader("CB-ACCESS-KEY") or ""
        self._meter.spend(key)
        body = request.content.read().decode("utf-8", "replace") if request.content else ""
        fields = {
            **_query(request.uri.partition(b"?")[2].decode("utf-8", "replace")),
            **_body(body),
            **self._pattern_of(request)[1],
        }
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
