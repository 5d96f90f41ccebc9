"""Bitstamp's private REST calls about trading: each takes the user and the form's fields and answers the JSON."""

from collections.abc import Callable
from functools import partial
from typing import Any

from model.order import Side
from sandbox.bitstamp_feeds import Books
from sandbox.bitstamp_public import Fields, amount
from sandbox.bitstamp_words import (
    BitstampError,
    decimals,
    digits,
    eight,
    moment,
    order_number,
    order_of,
    trade_number,
)
from sandbox.trading import Reason, VenueFill, VenueOrder, VenueRefused
from sandbox.venue import Venue

TYPES = {Side.BUY: 0, Side.SELL: 1}
_FLAGS = ("daily_order", "ioc_order", "fok_order", "moc_order", "gtd_order")
_SERVED = ("ioc_order", "moc_order")


def is_true(fields: Fields, name: str) -> bool:
    """Whether a form says so; ccxt writes True, others true."""
    return fields.get(name, "").lower() == "true"


class OrderCalls:
    """Orders of the markets of ``books``."""

    def __init__(self, venue: Venue, books: Books) -> None:
        self._venue = venue
        self.table: dict[str, Callable[[str, Fields], Any]] = {
            "POST /api/v2/cancel_order/": self._cancel_order,
            "POST /api/v2/order_status/": self._order_status,
            "POST /api/v2/open_orders/": partial(self._open_orders, None),
            "POST /api/v2/open_orders/all/": partial(self._open_orders, None),
            "POST /api/v2/cancel_all_orders/": partial(self._cancel_all, None),
        }
        for market, contract in books.contracts.items():
            self.table |= {
                f"POST /api/v2/buy/{market}/": partial(self._limit, contract, Side.BUY),
                f"POST /api/v2/sell/{market}/": partial(self._limit, contract, Side.SELL),
                f"POST /api/v2/buy/market/{market}/": partial(self._market, contract, Side.BUY),
                f"POST /api/v2/sell/market/{market}/": partial(self._market, contract, Side.SELL),
                f"POST /api/v2/open_orders/{market}/": partial(self._open_orders, contract),
                f"POST /api/v2/cancel_all_orders/{market}/": partial(self._cancel_all, contract),
            }

    # -- calls ----------------------------------------------------------------------------------------------------------

    def _limit(self, contract: str, side: Side, user: str, fields: Fields) -> Any:
        wanted = [flag for flag in _FLAGS if is_true(fields, flag)]
        if len(wanted) > 1:
            raise BitstampError("400.024", "Only one of optional parameters can be set.")
        if wanted and wanted[0] not in _SERVED:
            raise BitstampError("500.001", "The sandbox has no such orders.")
        return self._place(contract, side, user, fields, wanted)

    def _market(self, contract: str, side: Side, user: str, fields: Fields) -> Any:
        return self._place(contract, side, user, fields, None)

    def _place(self, contract: str, side: Side, user: str, fields: Fields, flags: list[str] | None) -> Any:
        quantity = amount(fields, "amount")
        price = None if flags is None else amount(fields, "price")
        try:
            order = self._venue.place(
                user,
                contract,
                side,
                quantity,
                price,
                client_id=fields.get("client_order_id") or None,
                post_only=flags == ["moc_order"],
                immediate=flags == ["ioc_order"],
            )
        except VenueRefused as refusal:
            raise self._explained(refusal, user, contract) from None
        return {**self._brief(order), "datetime": moment(order.timestamp), "client_order_id": order.client_id or ""}

    def _explained(self, refusal: VenueRefused, user: str, contract: str) -> BitstampError:
        instrument, error = self._venue.instrument(contract), BitstampError.of(refusal)
        if refusal.reason is Reason.MINIMUM:
            least = digits(instrument.min_value, 1)
            return BitstampError(error.code, {"__all__": [f"Minimum order size is {least} {instrument.quote}."]})
        if refusal.reason is Reason.FUNDS:
            left = f"{eight(self._venue.accounts.available(user, refusal.detail))} {refusal.detail}"
            words = f"You have only {left} available. Check your account balance for details."
            return BitstampError(error.code, {"__all__": [words]})
        if refusal.reason in (Reason.PRICE, Reason.SIZE):
            name, step = ("price", instrument.tick) if refusal.reason is Reason.PRICE else ("amount", instrument.lot)
            return BitstampError(error.code, {name: [f"Ensure that there are no more than {decimals(step)} decimal places."]})
        return error

    def _cancel_order(self, user: str, fields: Fields) -> Any:
        after = self._venue.cancel(user, self._named(user, fields).id)
        return {**self._brief(after, left=True), "id": order_number(after.id), "type": TYPES[after.side], "status": "Canceled"}

    def _cancel_all(self, contract: str | None, user: str, _fields: Fields) -> Any:
        found = [order for order in self._venue.open_orders(user) if contract in (None, order.contract)]
        return {"canceled": [self._brief(self._venue.cancel(user, order.id), left=True) for order in found], "success": True}

    def _open_orders(self, contract: str | None, user: str, _fields: Fields) -> Any:
        return [self._open_order(order) for order in self._venue.open_orders(user) if contract in (None, order.contract)]

    def _order_status(self, user: str, fields: Fields) -> Any:
        order = self._named(user, fields)
        status = "Canceled" if order.is_cancelled else "Open" if order.quantity_left else "Finished"
        found = {
            "id": order_number(order.id),
            "datetime": moment(order.timestamp),
            "type": str(TYPES[order.side]),
            "status": status,
            "market": order.contract,
            "amount_remaining": eight(order.quantity_left),
        }
        if order.client_id:
            found["client_order_id"] = order.client_id
        if not is_true(fields, "omit_transactions"):
            found["transactions"] = [self._part(fill) for fill in self._venue.fills(user) if fill.order_id == order.id]
        return found

    # -- what is asked for and what is told ---------------------------------------------------------------------------------

    def _named(self, user: str, fields: Fields) -> VenueOrder:
        if fields.get("id"):
            return self._venue.order(user, order_of(fields["id"]))
        client_id = fields.get("client_order_id")
        if not client_id:
            raise BitstampError("400.035", "POST parameter(s) is missing from request: id.")
        everything = [*reversed(self._venue.closed_orders(user)), *self._venue.open_orders(user)]
        found = next((order for order in everything if order.client_id == client_id), None)
        if found is None:
            raise VenueRefused(Reason.UNKNOWN_ORDER, client_id)
        return found

    def _brief(self, order: VenueOrder, *, left: bool = False) -> dict[str, Any]:
        instrument = self._venue.instrument(order.contract)
        places = decimals(instrument.tick)
        return {
            "id": str(order_number(order.id)),
            "market": order.contract,
            "type": str(TYPES[order.side]),
            "price": digits(order.price, places) if order.price is not None else "0",
            "amount": eight(order.quantity_left if left else order.quantity),
        }

    def _open_order(self, order: VenueOrder) -> dict[str, Any]:
        return {
            **self._brief(order, left=True),
            "datetime": moment(order.timestamp),
            "currency_pair": order.contract,
            "amount_at_create": eight(order.quantity),
            "client_order_id": order.client_id or "",
        }

    def _part(self, fill: VenueFill) -> dict[str, Any]:
        instrument = self._venue.instrument(fill.contract)
        return {
            "tid": trade_number(fill.trade_id),
            "price": eight(fill.price),
            instrument.base.lower(): eight(fill.quantity),
            instrument.quote.lower(): eight(fill.value),
            "fee": digits(fill.fee, 5),
            "datetime": moment(fill.timestamp),
            "type": 2,
        }
