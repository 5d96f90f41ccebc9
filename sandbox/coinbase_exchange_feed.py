"""Coinbase Exchange's WebSocket feed: channels ``level2``, ``level2_batch``, ``heartbeat`` and ``user``.

Faults ask ``level2``, ``heartbeat`` and ``user`` for the messages, ``subscribe`` for a subscription.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from model.order import Side
from sandbox.coinbase_exchange_keys import KeyRing, Proof
from sandbox.coinbase_exchange_messages import Report, of_event, rests, stamped
from sandbox.coinbase_exchange_public import PublicCalls, Sequences
from sandbox.coinbase_exchange_words import CoinbaseError, digits, iso
from sandbox.events import BookChanged, Change, Event, OrderChanged
from sandbox.faults import Fault, Faults, Kind
from sandbox.trading import VenueOrder
from sandbox.venue import Venue

_EVENT_FAULTS = (Kind.STALE, Kind.GAP, Kind.DUPLICATE, Kind.REORDER, Kind.DISCONNECT)
_SUBSCRIPTION_FAULTS = (Kind.ERROR, Kind.NO_ANSWER)
#: What a subscription signs instead of a request.
_VERIFY = "GET/users/self/verify"
_PRIVATE = frozenset({"level2", "user"})
_CHANNELS = frozenset({"level2", "level2_batch", "heartbeat", "user"})
#: Seconds between two messages of a batched book, and between two heartbeats.
BATCH, BEAT = 0.05, 1.0
_SIDES = {Side.BUY: "buy", Side.SELL: "sell"}


class Connection(WebSocketServerProtocol):
    """One client: (channel, product) that it follows, and whose messages it gets."""

    factory: "_Factory"
    transport: Any

    def onOpen(self) -> None:
        """Nothing is said before something is asked."""
        self.follows: dict[tuple[str, str], None] = {}
        self.user: str | None = None
        self._late: dict[str, list[object]] = {}
        self.factory.feed.connections.append(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        """Answer a request; what is no JSON object is told so."""
        try:
            request = json.loads(payload)
        except ValueError:
            request = None
        if isinstance(request, dict):
            self.factory.feed.requested(self, request)
        else:
            self.say({"type": "error", "message": "Malformed JSON"})

    def onClose(self, _was_clean: bool, _code: int | None, _reason: str | None) -> None:
        """Forget it; it may have gone before it was greeted."""
        if self in self.factory.feed.connections:
            self.factory.feed.connections.remove(self)

    def say(self, message: object) -> None:
        """Send, unless the connection is closing."""
        if self.state == self.STATE_OPEN:
            self.sendMessage(json.dumps(message).encode())  # type: ignore[no-untyped-call]

    def tell(self, channel: str, message: object, fault: Fault | None) -> None:
        """Send a message, as the fault has it."""
        kind = fault and fault.kind
        if kind is Kind.DISCONNECT:
            self.transport.abortConnection()
        elif kind is Kind.REORDER:
            self._late.setdefault(channel, []).append(message)
        elif kind not in (Kind.STALE, Kind.GAP):
            twice = (message,) if kind is Kind.DUPLICATE else ()
            for each in (message, *twice, *self._late.pop(channel, ())):
                self.say(each)


class _Factory(WebSocketServerFactory):
    noisy = False
    protocol = Connection  # type: ignore[assignment]

    def __init__(self, feed: "Feed", reactor: Any) -> None:
        super().__init__(reactor=reactor)  # type: ignore[no-untyped-call]
        self.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)  # type: ignore[no-untyped-call]
        self.feed = feed


class Feed:
    """What is told to whom."""

    log = Logger()

    def __init__(
        self, venue: Venue, public: PublicCalls, sequences: Sequences, ring: KeyRing, faults: Faults, reactor: Any
    ) -> None:
        self._venue = venue
        self._public = public
        self._sequences = sequences
        self._ring = ring
        self._faults = faults
        self._reactor = reactor
        self._batches: dict[str, dict[tuple[Side, Decimal], Decimal]] = {}
        self._stop_listening: Callable[[], None] = lambda: None
        self._loops = [self._loop(self._flush), self._loop(self._beat)]
        self.connections: list[Connection] = []
        self.factory = _Factory(self, reactor)

    def _loop(self, work: Callable[[], None]) -> LoopingCall:
        loop = LoopingCall(work)
        loop.clock = self._reactor
        return loop

    def start(self) -> None:
        """Follow the venue from now on."""
        self._stop_listening = self._venue.listen(self._happened)
        for loop, seconds in zip(self._loops, (BATCH, BEAT), strict=True):
            loop.start(seconds, now=False).addErrback(lambda failure: self.log.failure("feed", failure=failure))

    def stop(self) -> None:
        """Stop following it. A repeat is safe."""
        self._stop_listening()
        self._stop_listening = lambda: None
        for loop in self._loops:
            if loop.running:
                loop.stop()

    # -- requests -----------------------------------------------------------------------------------------------------------

    def requested(self, connection: Connection, request: dict[str, Any]) -> None:
        """Answer one request."""
        kind = request.get("type")
        try:
            wanted = self._wanted(request)
            if kind == "subscribe":
                self._subscribe(connection, request, wanted)
            elif kind == "unsubscribe":
                for pair in wanted:
                    connection.follows.pop(pair, None)
                connection.say(_subscriptions(connection))
            else:
                raise CoinbaseError(400, f"{kind} is not a valid type")
        except CoinbaseError as error:
            is_denied = error.status == 401
            words = "Authentication Failed" if is_denied else "Failed to subscribe"
            reason = json.dumps(error.shape()) if is_denied else error.message
            connection.say({"type": "error", "message": words, "reason": reason})

    def _wanted(self, request: dict[str, Any]) -> list[tuple[str, str]]:
        """(channel, product) of a request: channels are names, or objects with products of their own."""
        found: list[tuple[str, str]] = []
        for channel in request.get("channels") or []:
            name, own = (channel.get("name"), channel.get("product_ids")) if isinstance(channel, dict) else (channel, None)
            if name not in _CHANNELS:
                raise CoinbaseError(400, f"{name} is not a valid channel")
            found += [(str(name), str(product)) for product in own or request.get("product_ids") or []]
        if not found:
            raise CoinbaseError(400, "No channels provided")
        if wrong := [product for _, product in found if product not in self._public.products]:
            raise CoinbaseError(400, f"{wrong[0]} is not a valid product")
        return found

    def _subscribe(self, connection: Connection, request: dict[str, Any], wanted: list[tuple[str, str]]) -> None:
        fault = self._faults.decide(self._venue.name, "subscribe", *_SUBSCRIPTION_FAULTS)
        if fault is not None:
            if fault.kind is Kind.NO_ANSWER:
                return
            raise CoinbaseError.described(fault.text)
        if "signature" in request:
            words = [str(request.get(name, "")) for name in ("key", "passphrase", "timestamp", "signature")]
            connection.user = self._ring.check(Proof(*words), _VERIFY)
        needs_key = sorted({channel for channel, _ in wanted} & _PRIVATE)
        if needs_key and connection.user is None:
            raise CoinbaseError(400, f"{', '.join(needs_key)} channels require authentication")
        new = [pair for pair in wanted if pair not in connection.follows]
        connection.follows.update(dict.fromkeys(new))
        connection.say(_subscriptions(connection))
        for channel, product in new:
            if channel.startswith("level2"):
                connection.say(self._snapshot(product))

    def _snapshot(self, product: str) -> dict[str, Any]:
        contract = self._public.products[product]
        sides = {
            word: [[digits(level.price), digits(level.quantity)] for level in self._venue.levels(contract, side)]
            for word, side in (("bids", Side.BUY), ("asks", Side.SELL))
        }
        return {"type": "snapshot", "product_id": product, **sides, "time": iso(self._venue.timestamp())}

    # -- events -------------------------------------------------------------------------------------------------------------

    def _happened(self, event: Event) -> None:
        if isinstance(event, BookChanged):
            batch = self._batches.setdefault(event.contract, {})
            batch |= {(level.side, level.price): level.quantity for level in event.levels}
            self._tell_book("level2", event.contract, [(each.side, each.price, each.quantity) for each in event.levels])
            return
        for report in of_event(event, self._venue):
            self._tell_user(report)
        if isinstance(event, OrderChanged) and event.change is Change.NEW and self._has_listener(event.order.user):
            # Whether it will rest shows when it has been matched, which happens before anything else does.
            self._reactor.callLater(0, self._tell_resting, event.order)

    def _has_listener(self, user: str) -> bool:
        return any(connection.user == user for connection in self.connections)

    def _tell_resting(self, placed: VenueOrder) -> None:
        for order in self._venue.open_orders(placed.user):
            if order.id == placed.id:
                self._tell_user(rests(order, self._venue.timestamp()))

    def _tell_user(self, report: Report) -> None:
        product = self._public.product(report.contract)
        message = stamped(report, product, self._sequences.last(report.contract))
        for connection in list(self.connections):
            if connection.user == report.user and ("user", product) in connection.follows:
                connection.tell("user", message, self._faults.decide(self._venue.name, "user", *_EVENT_FAULTS))

    def _tell_book(self, channel: str, contract: str, levels: list[tuple[Side, Decimal, Decimal]]) -> None:
        product = self._public.product(contract)
        listeners = [connection for connection in self.connections if (channel, product) in connection.follows]
        if not listeners:
            return
        fault = self._faults.decide(self._venue.name, "level2", *_EVENT_FAULTS)
        changes = [[_SIDES[side], digits(price), digits(quantity)] for side, price, quantity in levels]
        message = {"type": "l2update", "product_id": product, "changes": changes, "time": iso(self._venue.timestamp())}
        for connection in listeners:
            connection.tell(channel, message, fault)

    def _flush(self) -> None:
        batches, self._batches = self._batches, {}
        for contract, batch in batches.items():
            self._tell_book("level2_batch", contract, [(side, price, left) for (side, price), left in batch.items()])

    def _beat(self) -> None:
        for product, contract in self._public.products.items():
            listeners = [connection for connection in self.connections if ("heartbeat", product) in connection.follows]
            if not listeners:
                continue
            trades = self._venue.trades(contract)
            message = {
                "type": "heartbeat",
                "sequence": self._sequences.last(contract),
                "last_trade_id": trades[-1].id if trades else 0,
                "product_id": product,
                "time": iso(self._venue.timestamp()),
            }
            fault = self._faults.decide(self._venue.name, "heartbeat", *_EVENT_FAULTS)
            for connection in listeners:
                connection.tell("heartbeat", message, fault)


def _subscriptions(connection: Connection) -> dict[str, Any]:
    channels: dict[str, list[str]] = {}
    for channel, product in connection.follows:
        channels.setdefault(channel, []).append(product)
    return {"type": "subscriptions", "channels": [{"name": name, "product_ids": ids} for name, ids in channels.items()]}
