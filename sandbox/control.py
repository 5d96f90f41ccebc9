"""The sandbox's control face: the truth, faults, time, other people's orders. JSON over HTTP on a loopback port.

Amounts are strings, times microseconds. It is for demos and tests; nothing here exists at a real venue.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol

import attrs
from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.server import Request

from model.money import decimal_of
from model.order import Side
from sandbox.accounts import FEES, WITHDRAWALS
from sandbox.events import BookChanged, Event, Matched
from sandbox.faults import BadFault, Faults
from sandbox.network import World
from sandbox.trading import VenueOrder, VenueRefused
from sandbox.venue import Venue
from sandbox.world_clock import WorldClock

_EVENTS_KEPT = 1_000


class BadRequest(ValueError):
    """What was asked makes no sense; the text says why."""


class Levers(Protocol):
    """Whoever owns the fronts."""

    def restart(self, venue: str, *, cancel_orders: bool) -> "Deferred[None]":
        """Close a venue's front and open it again on the same port."""

    def set_clock(self, venue: str, skew: float) -> None:
        """Let a venue's clock be wrong by ``skew`` seconds."""

    def take(self, venue: str, order_id: int, share: Decimal) -> VenueOrder:
        """Let somebody take ``share`` of what is left of an order."""


def plain_json(value: Any) -> Any:
    """Frozen values, amounts and enums as JSON's own types."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return value.value
    if attrs.has(type(value)):
        return {field.name: plain_json(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, Mapping):
        return {str(plain_json(key)): plain_json(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_json(each) for each in value]
    return value


class Control:
    """The routes. ``world``, ``faults`` and ``clock`` are what they act on, ``levers`` does what it cannot."""

    app = Klein()

    def __init__(self, world: World, faults: Faults, clock: WorldClock, levers: Levers) -> None:
        self._world = world
        self._faults = faults
        self._clock = clock
        self._levers = levers
        self._events: deque[dict[str, Any]] = deque(maxlen=_EVENTS_KEPT)
        self._last_event = 0
        for venue in world.venues.values():
            venue.listen(self._recorder(venue))

    # -- what is ------------------------------------------------------------------------------------------------------------

    @app.route("/truth", methods=["GET"])
    def truth(self, request: Request) -> bytes:
        """Everything: balances, holds, orders, fills, transfers, rates, and whether anything was lost."""
        world = self._world
        venues = {name: self._venue_truth(venue) for name, venue in world.venues.items()}
        rates = world.rates.per_euro()
        return _answer(request, {**world.truth(), "trading": venues, "transits": list(world.transits.values()), "rates": rates})

    @app.route("/events", methods=["GET"])
    def events(self, request: Request) -> bytes:
        """The newest events but book changes, oldest first; ``?after=N`` only those after number N."""
        (after,) = request.args.get(b"after", [b"0"])
        if not after.isdigit():
            raise BadRequest("after must be a whole number")
        return _answer(request, [event for event in self._events if event["number"] > int(after)])

    # -- what goes wrong ------------------------------------------------------------------------------------------------------

    @app.route("/faults", methods=["GET"])
    def list_faults(self, request: Request) -> bytes:
        """The faults in force."""
        return _answer(request, self._faults.in_force())

    @app.route("/faults", methods=["POST"])
    def add_fault(self, request: Request) -> bytes:
        """Put a fault in force: kind, and optionally venue, call, probability, count, text, seconds."""
        return _answer(request, self._faults.add_described(_body(request)))

    @app.route("/faults", methods=["DELETE"])
    def clear_faults(self, request: Request) -> bytes:
        """End all faults."""
        self._faults.clear()
        return _answer(request, [])

    @app.route("/faults/<int:fault_id>", methods=["DELETE"])
    def remove_fault(self, request: Request, fault_id: int) -> bytes:
        """End one fault."""
        if not self._faults.remove(fault_id):
            raise BadRequest(f"there is no fault {fault_id}")
        return _answer(request, self._faults.in_force())

    @app.route("/faults/hits", methods=["GET"])
    def list_hits(self, request: Request) -> bytes:
        """How many calls each fault has hit so far, by its id; of those that are over, too."""
        return _answer(request, self._faults.hits)

    @app.route("/clock", methods=["POST"])
    def set_clock(self, request: Request) -> bytes:
        """Let a venue's clock be wrong by ``skew`` seconds, ahead or (negative) behind; at most an hour."""
        words = _body(request)
        venue, skew = self._venue(words), _number(words, "skew")
        if abs(skew) > 3_600:
            raise BadRequest("skew must be at most an hour")
        self._levers.set_clock(venue.name, float(skew))
        return _answer(request, {"venue": venue.name, "skew": skew})

    @app.route("/restart", methods=["POST"])
    async def restart(self, request: Request) -> bytes:
        """Restart a venue's front: connections break; with ``cancel_orders`` its book is emptied of all orders too."""
        words = _body(request)
        venue = self._venue(words)
        await self._levers.restart(venue.name, cancel_orders=words.get("cancel_orders") is True)
        return _answer(request, {"venue": venue.name})

    # -- what others do -------------------------------------------------------------------------------------------------------

    @app.route("/tick", methods=["POST"])
    def tick(self, request: Request) -> bytes:
        """Let ``seconds`` of world time pass at once."""
        seconds = _number(_body(request), "seconds")
        if not 0 < seconds <= 31 * 86_400:
            raise BadRequest("seconds must be positive and at most a month")
        self._clock.tick(float(seconds))
        return _answer(request, {"world_seconds": str(self._clock.clock.seconds())})

    @app.route("/deposit", methods=["POST"])
    def deposit(self, request: Request) -> bytes:
        """Bring ``amount`` of ``ticker`` from outside to ``user`` at ``venue``, optionally to an ``address`` of theirs."""
        words = _body(request)
        venue, user, ticker = self._venue(words), _text(words, "user"), _text(words, "ticker")
        address = _text(words, "address") if "address" in words else None
        self._world.fund(venue.name, user, ticker, _number(words, "amount"), address)
        return _answer(request, venue.funding.deposits[-1])

    @app.route("/order", methods=["POST"])
    def order(self, request: Request) -> bytes:
        """Place an order as another ``user``: venue, contract, side, quantity, and a price unless it is a market order."""
        words = _body(request)
        venue = self._venue(words)
        try:
            side = Side(words.get("side"))
        except ValueError:
            raise BadRequest("side must be BUY or SELL") from None
        price = _number(words, "price") if "price" in words else None
        quantity, immediate = _number(words, "quantity"), words.get("immediate") is True
        order = venue.place(_text(words, "user"), _text(words, "contract"), side, quantity, price, immediate=immediate)
        return _answer(request, order)

    @app.route("/take", methods=["POST"])
    def take(self, request: Request) -> bytes:
        """Let somebody take ``share`` (of 1) of what is left of open order ``id``, whatever stands before it in the book."""
        words = _body(request)
        venue, id, share = self._venue(words), _number(words, "id"), _number(words, "share")
        if not 0 < share <= 1:
            raise BadRequest("share must be in (0, 1]")
        return _answer(request, self._levers.take(venue.name, int(id), share))

    @app.route("/transits/<id>/lose", methods=["POST"])
    def lose(self, request: Request, id: str) -> bytes:
        """Let what is on its way between the venues never arrive; its id is that of the truth's transits."""
        return _answer(request, self._world.lose(id))

    @app.route("/rate", methods=["POST"])
    def rate(self, request: Request) -> bytes:
        """Move a fiat rate to ``per_euro`` units of ``ticker``; it walks on from there."""
        words = _body(request)
        ticker, per_euro = _text(words, "ticker"), _number(words, "per_euro")
        if per_euro <= 0 or not self._world.rates.knows(ticker):
            raise BadRequest("needs a known ticker and a positive per_euro")
        self._world.rates.move(ticker, per_euro)
        return _answer(request, self._world.rates.per_euro())

    @app.route("/withdrawals/<venue>-<int:withdrawal_id>/approve", methods=["POST"])
    def approve(self, request: Request, venue: str, withdrawal_id: int) -> bytes:
        """Let a pending withdrawal go; its id is the venue's name, a dash and its number, as in the truth."""
        return _answer(request, self._world.approve(self._venue({"venue": venue}).name, withdrawal_id))

    @app.route("/withdrawals/<venue>-<int:withdrawal_id>/cancel", methods=["POST"])
    def cancel(self, request: Request, venue: str, withdrawal_id: int) -> bytes:
        """Give a pending withdrawal back."""
        return _answer(request, self._venue({"venue": venue}).funding.cancel(withdrawal_id))

    @app.handle_errors(BadRequest, BadFault, VenueRefused)
    def refused(self, request: Any, failure: Failure) -> bytes:
        """Say what was wrong; nothing was changed."""
        request.setResponseCode(400)
        return _answer(request, {"error": str(failure.value)})

    # -- inside ---------------------------------------------------------------------------------------------------------------

    def _venue(self, words: Mapping[str, Any]) -> Venue:
        venue = self._world.venues.get(str(words.get("venue")))
        if venue is None:
            raise BadRequest(f"venue must be one of {', '.join(self._world.venues)}")
        return venue

    def _venue_truth(self, venue: Venue) -> dict[str, Any]:
        users = [user for user in venue.accounts.users() if venue.accounts.of(user).remembers]
        withdrawals = {f"{venue.name}-{number}": each for number, each in venue.funding.withdrawals.items()}
        return {
            "orders": {user: venue.open_orders(user) for user in users},
            "fills": {user: venue.fills(user) for user in users},
            "withdrawals": withdrawals,
            "deposits": [each for each in venue.funding.deposits if each.user in users],
            "best": {contract: {side: venue.best(contract, side) for side in Side} for contract in venue.rules.instruments},
        }

    def _recorder(self, venue: Venue) -> Callable[[Event], None]:
        def record(event: Event) -> None:
            if isinstance(event, BookChanged) or not self._is_of_interest(venue, event):
                return
            self._last_event += 1
            what = {"number": self._last_event, "venue": venue.name, "kind": type(event).__name__}
            self._events.append({**what, "event": event})

        return record

    def _is_of_interest(self, venue: Venue, event: Event) -> bool:
        if isinstance(event, Matched):
            users = {event.aggressor.order.user, event.passive.order.user}
        else:
            users = {next(each.user for each in attrs.astuple(event, recurse=False) if hasattr(each, "user"))}
        return any(user not in (FEES, WITHDRAWALS) and venue.accounts.of(user).remembers for user in users)


def _answer(request: Request, value: Any) -> bytes:
    request.setHeader(b"Content-Type", b"application/json")
    return json.dumps(plain_json(value)).encode()


def _body(request: Request) -> dict[str, Any]:
    try:
        words = json.loads(request.content.read() if request.content else b"", parse_float=Decimal)
    except ValueError:
        words = None
    if not isinstance(words, dict):
        raise BadRequest("the body must be a JSON object")
    return words


def _text(words: Mapping[str, Any], name: str) -> str:
    if not isinstance(words.get(name), str):
        raise BadRequest(f"{name} must be a text")
    return str(words[name])


def _number(words: Mapping[str, Any], name: str) -> Decimal:
    try:
        return decimal_of(words.get(name), name)
    except ValueError as error:
        raise BadRequest(str(error)) from None
