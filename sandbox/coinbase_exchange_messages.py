"""Coinbase Exchange's messages of the channel ``user``: ``received``, ``open``, ``match``, ``done``."""

from typing import Any

from attrs import frozen

from model.money import ZERO
from sandbox.coinbase_exchange_orders import order_id
from sandbox.coinbase_exchange_words import digits, iso, name_id
from sandbox.events import Change, Event, Matched, OrderChanged
from sandbox.trading import VenueOrder
from sandbox.venue import Venue


@frozen
class Report:
    """One message for one user; without product and sequence, which the feed adds."""

    user: str
    contract: str
    message: dict[str, Any]


def of_event(event: Event, venue: Venue) -> list[Report]:
    """What users are told of what happened. That an order rests is no event: see :func:`rests`."""
    if isinstance(event, OrderChanged):
        order = event.order
        return [_report(order, _received(order) if event.change is Change.NEW else _done(order, "canceled"))]
    if isinstance(event, Matched):
        found = [_report(event.aggressor.order, _match(event, venue, is_maker=False))]
        found.append(_report(event.passive.order, _match(event, venue, is_maker=True)))
        ended = [side.order for side in (event.aggressor, event.passive) if not side.order.quantity_left]
        return found + [_report(order, _done(order, "filled") | {"time": iso(event.trade.timestamp)}) for order in ended]
    return []


def rests(order: VenueOrder, now: int) -> Report:
    """An order has come to rest in the book."""
    told = {"type": "open", "time": iso(now), "order_id": order_id(order), "side": order.side.value.lower()}
    return _report(order, told | {"price": digits(order.price or ZERO), "remaining_size": digits(order.quantity_left)})


def _report(order: VenueOrder, message: dict[str, Any]) -> Report:
    whose = {"user_id": name_id("user", order.user), "profile_id": name_id("profile", order.user)}
    return Report(order.user, order.contract, message | whose)


def _received(order: VenueOrder) -> dict[str, Any]:
    message: dict[str, Any] = {
        "type": "received",
        "time": iso(order.timestamp),
        "order_id": order_id(order),
        "order_type": "market" if order.price is None else "limit",
        "size": digits(order.quantity),
        "side": order.side.value.lower(),
    }
    if order.price is not None:
        message["price"] = digits(order.price)
    return message | ({"client_oid": order.client_id} if order.client_id else {})


def _done(order: VenueOrder, reason: str) -> dict[str, Any]:
    message: dict[str, Any] = {
        "type": "done",
        "time": iso(order.closed_at or order.timestamp),
        "order_id": order_id(order),
        "side": order.side.value.lower(),
        "reason": reason,
        "remaining_size": digits(order.quantity_left),
    }
    return message | ({"price": digits(order.price)} if order.price is not None else {})


def _match(event: Matched, venue: Venue, *, is_maker: bool) -> dict[str, Any]:
    trade, fees = event.trade, venue.rules.fees
    whose = event.passive.order.user if is_maker else event.aggressor.order.user
    word, rate = ("maker", fees.maker) if is_maker else ("taker", fees.taker)
    return {
        "type": "match",
        "trade_id": trade.id,
        "maker_order_id": order_id(event.passive.order),
        "taker_order_id": order_id(event.aggressor.order),
        "time": iso(trade.timestamp),
        "size": digits(trade.quantity),
        "price": digits(trade.price),
        # The maker's, whoever is told.
        "side": event.passive.order.side.value.lower(),
        f"{word}_user_id": name_id("user", whose),
        f"{word}_profile_id": name_id("profile", whose),
        f"{word}_fee_rate": digits(rate, 4),
    }


def stamped(report: Report, product: str, sequence: int) -> dict[str, Any]:
    """The message as it is sent."""
    return {**report.message, "product_id": product, "sequence": sequence}
