"""Gemini's order events, each an object for one order: initial, accepted, booked, fill, cancelled, closed."""

from collections.abc import Callable
from itertools import count
from typing import Any

from attrs import frozen

from model.money import ZERO
from sandbox.events import BookChanged, Change, Event, Execution, Matched, OrderChanged
from sandbox.gemini_orders import average_of, reason_of
from sandbox.gemini_words import amount_of, milliseconds, priced
from sandbox.trading import VenueOrder
from sandbox.venue import Venue


@frozen
class Report:
    """One event for one user; it is numbered when it is sent."""

    user: str
    event: dict[str, Any]


class OrderEvents:
    """What happens at ``venue`` as order events; ``symbol`` spells a contract."""

    def __init__(self, venue: Venue, symbol: Callable[[str], str]) -> None:
        self._venue = venue
        self._symbol = symbol
        self._ids = count(500_000_000)
        #: Orders that were accepted and have not been told to be in the book, by contract.
        self._unbooked: dict[str, dict[int, str]] = {}

    def initial(self, user: str) -> list[dict[str, Any]]:
        """The open orders of ``user``, for a new subscription."""
        return [self._told("initial", order, order.timestamp) for order in self._venue.open_orders(user)]

    def of(self, event: Event) -> list[Report]:
        """Whom to tell what of ``event``."""
        if isinstance(event, OrderChanged):
            return self._changed(event)
        if isinstance(event, Matched):
            return [*self._filled(event.aggressor), *self._filled(event.passive)]
        if isinstance(event, BookChanged):
            return self._booked(event)
        return []

    def _changed(self, event: OrderChanged) -> list[Report]:
        order = event.order
        waiting = self._unbooked.setdefault(order.contract, {})
        if event.change is Change.NEW:
            if self._venue.accounts.of(order.user).remembers:
                waiting[order.id] = order.user
            return [Report(order.user, self._accepted(order))]
        waiting.pop(order.id, None)
        moment = order.closed_at or order.timestamp
        cancelled = self._told("cancelled", order, moment) | {"reason": reason_of(order)}
        return [Report(order.user, cancelled), Report(order.user, self._told("closed", order, moment))]

    def _booked(self, event: BookChanged) -> list[Report]:
        """Orders that were accepted and are in the book now, since their level is part of what changed."""
        waiting, changed = self._unbooked.get(event.contract, {}), {(level.side, level.price) for level in event.levels}
        orders = [self._venue.order(user, order_id) for order_id, user in waiting.items()]
        booked = [order for order in orders if (order.side, order.price) in changed]
        for order in booked:
            del waiting[order.id]
        return [Report(order.user, self._told("booked", order, self._venue.timestamp())) for order in booked]

    def _accepted(self, order: VenueOrder) -> dict[str, Any]:
        told = self._told("accepted", order, order.timestamp)
        # Recorded ones do not have these.
        return {name: value for name, value in told.items() if not name.startswith(("executed", "remaining", "avg"))}

    def _filled(self, execution: Execution) -> list[Report]:
        order, fill = execution.order, execution.fill
        if not order.is_open:
            self._unbooked.get(order.contract, {}).pop(order.id, None)
        told = self._told("fill", order, fill.timestamp) | {
            "fill": {
                "trade_id": str(fill.trade_id),
                "liquidity": "Maker" if fill.is_maker else "Taker",
                "price": priced(self._venue.instrument(fill.contract), fill.price),
                "amount": amount_of(fill.quantity),
                "fee": amount_of(fill.fee),
                "fee_currency": fill.fee_ticker,
            }
        }
        found = [Report(order.user, told)]
        return found if order.is_open else [*found, Report(order.user, self._told("closed", order, fill.timestamp))]

    def _told(self, kind: str, order: VenueOrder, timestamp: int) -> dict[str, Any]:
        """All that an event says of its order, whatever has happened."""
        instrument = self._venue.instrument(order.contract)
        shape = {
            "type": kind,
            "order_id": str(order.id),
            "api_session": "sandbox",
            "symbol": self._symbol(order.contract),
            "side": order.side.value.lower(),
            "order_type": "exchange limit",
            "timestamp": str(timestamp // 1_000_000),
            "timestampms": milliseconds(timestamp),
            "is_live": order.is_open,
            "is_cancelled": order.is_cancelled,
            "is_hidden": False,
            "avg_execution_price": priced(instrument, average_of(order)),
            "executed_amount": amount_of(order.filled),
            "remaining_amount": amount_of(order.quantity_left),
            "original_amount": amount_of(order.quantity),
            "price": priced(instrument, order.price or ZERO),
        }
        shape |= {"client_order_id": order.client_id} if order.client_id else {}
        return shape if kind == "initial" else shape | {"event_id": str(next(self._ids))}
