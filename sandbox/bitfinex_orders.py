"""Bitfinex's private REST calls about trading: each takes the user, the path behind ``/v2/`` in parts, and the body."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from attrs import evolve

from model.money import ZERO
from model.order import Side
from sandbox.bitfinex_public import Fields, PublicCalls, whole
from sandbox.bitfinex_words import (
    GENERIC,
    PARAMETERS,
    BitfinexError,
    client_name,
    client_numbers,
    code_of,
    kept,
    milliseconds,
    notification,
    order_number,
    order_of,
    order_refusal,
    status_of,
    trade_number,
)
from sandbox.trading import VenueFill, VenueOrder, VenueRefused
from sandbox.venue import Venue

Row = list[Any]
#: Types of orders on the exchange wallet, and whether they have a price and are immediate.
_TYPES = {"EXCHANGE LIMIT": (True, False), "EXCHANGE IOC": (True, True), "EXCHANGE MARKET": (False, True)}
_POST_ONLY = 4096
_PAGE, _MOST = 25, 2_500


def amount(fields: Fields, name: str) -> Decimal:
    """An exact amount of a body: text or a number, with a sign.

    :raises BitfinexError: if it is missing or no finite number.
    """
    try:
        found = Decimal(str(fields[name]))
    except (KeyError, InvalidOperation):
        raise BitfinexError(PARAMETERS, f"{name}: invalid") from None
    if not found.is_finite():
        raise BitfinexError(PARAMETERS, f"{name}: invalid")
    return found


def type_of(order: VenueOrder) -> str:
    """Its type."""
    return "EXCHANGE MARKET" if order.price is None else "EXCHANGE IOC" if order.immediate else "EXCHANGE LIMIT"


class OrderCalls:
    """Orders and their executions. ``public`` knows the symbols."""

    def __init__(self, venue: Venue, public: PublicCalls) -> None:
        self._venue = venue
        self._public = public
        self._placed = 0
        self.table: Mapping[str, Callable[[str, list[str], Fields], Any]] = {
            "auth/w/order/submit": self._submit,
            "auth/w/order/cancel": self._cancel,
            "auth/w/order/cancel/multi": self._cancel_multi,
            "auth/r/orders": self._orders,
            "auth/r/trades": self._trades,
        }

    # -- shapes, for REST and the stream alike ------------------------------------------------------------------------------

    def row(self, order: VenueOrder) -> Row:
        """An order in its 32 fields."""
        sign, (group, client) = order.side.sign, client_numbers(order.client_id)
        price = order.price if order.price is not None else ZERO
        average = order.cost / order.filled if order.filled else ZERO
        row: Row = [None] * 32
        row[0:4] = [order_number(order.id), group, client, self._public.symbol(order.contract)]
        row[4:6] = [milliseconds(order.timestamp), milliseconds(order.closed_at or order.timestamp)]
        row[6:9] = [sign * order.quantity_left, sign * order.quantity, type_of(order)]
        row[12:14] = [_POST_ONLY if order.post_only else 0, status_of(order)]
        row[16:20] = [price, round(average, 8), ZERO, ZERO]
        row[23:25] = [0, 0]
        row[28], row[31] = "API>BFX", {}
        return row

    def trade_row(self, fill: VenueFill, order: VenueOrder, *, with_fee: bool = True) -> Row:
        """An execution in its 12 fields; the stream tells it first without its fee."""
        fee = [-fill.fee, code_of(fill.fee_ticker)] if with_fee else [None, None]
        return [
            trade_number(fill.id),
            self._public.symbol(fill.contract),
            milliseconds(fill.timestamp),
            order_number(fill.order_id),
            fill.side.sign * fill.quantity,
            fill.price,
            type_of(order),
            order.price if order.price is not None else fill.price,
            1 if fill.is_maker else -1,
            *fee,
            client_numbers(fill.client_id)[1],
        ]

    # -- calls ----------------------------------------------------------------------------------------------------------

    def _submit(self, user: str, _path: list[str], fields: Fields) -> Any:
        contract = self._public.contract(fields.get("symbol"))
        if fields.get("type") not in _TYPES:
            raise BitfinexError(GENERIC, "Invalid order: type is not supported")
        has_price, is_immediate = _TYPES[fields["type"]]
        signed = amount(fields, "amount")
        price = kept(amount(fields, "price")) if has_price else None
        group = whole(fields, "gid", 0) or None
        client = whole(fields, "cid", 0) or milliseconds(self._venue.timestamp())
        self._placed += 1
        try:
            order = self._venue.place(
                user,
                contract,
                Side.BUY if signed > 0 else Side.SELL,
                abs(signed),
                price,
                client_id=client_name(group, client, self._placed),
                post_only=bool(whole(fields, "flags", 0) & _POST_ONLY),
                immediate=is_immediate,
            )
        except VenueRefused as refusal:
            raise order_refusal(refusal, self._venue.instrument(contract), signed, price) from None
        # What became of it is told by the stream: the answer shows what was submitted.
        fresh = evolve(order, quantity_left=order.quantity, cost=ZERO, is_cancelled=False, closed_at=None)
        return notification("on-req", [self.row(fresh)], "Submitting 1 orders.", self._venue.timestamp)

    def _cancel(self, user: str, _path: list[str], fields: Fields) -> Any:
        order = self._named(user, fields)
        self._venue.cancel(user, order.id)
        text = f"Submitted for cancellation; waiting for confirmation (ID: {order_number(order.id)})."
        return notification("oc-req", self.row(order), text, self._venue.timestamp)

    def _named(self, user: str, fields: Fields) -> VenueOrder:
        if "id" in fields:
            return self._venue.order(user, order_of(whole(fields, "id", 0)))
        if "cid_date" not in fields:
            raise BitfinexError(PARAMETERS, "id: invalid")
        wanted = whole(fields, "cid", 0)
        found = [each for each in self._venue.open_orders(user) if client_numbers(each.client_id)[1] == wanted]
        if not found:
            raise BitfinexError(GENERIC, "Order not found.")
        return found[-1]

    def _cancel_multi(self, user: str, _path: list[str], fields: Fields) -> Any:
        wanted = fields.get("id", [])
        found = [each for each in self._venue.open_orders(user) if fields.get("all") == 1 or order_number(each.id) in wanted]
        for order in found:
            self._venue.cancel(user, order.id)
        text = f"Submitting {len(found)} order cancellations."
        return notification("oc_multi-req", [self.row(order) for order in found], text, self._venue.timestamp)

    def _orders(self, user: str, path: list[str], fields: Fields) -> Any:
        """``auth/r/orders[/tBTCUSD][/hist]``."""
        rest = path[3:]
        is_history = rest[-1:] == ["hist"]
        named = rest[:-1] if is_history else rest
        contract = self._public.contract(named[0]) if named else None
        known = self._venue.closed_orders(user) if is_history else self._venue.open_orders(user)
        wanted = fields.get("id")
        found = [
            order
            for order in known
            if contract in (None, order.contract) and (wanted is None or order_number(order.id) in wanted)
        ]
        if is_history:
            start, end = whole(fields, "start", 0), whole(fields, "end", 2**63)
            found = [order for order in found if start <= milliseconds(order.closed_at or order.timestamp) <= end]
            found = found[-self._limit(fields) :]
        return [self.row(order) for order in found[::-1]]

    def _trades(self, user: str, path: list[str], fields: Fields) -> Any:
        """``auth/r/trades[/tBTCUSD]/hist``, the newest unless ``sort`` is 1."""
        contract = self._public.contract(path[3]) if len(path) > 4 else None
        start, end = whole(fields, "start", 0), whole(fields, "end", 2**63)
        found = [
            fill
            for fill in self._venue.fills(user)
            if contract in (None, fill.contract) and start <= milliseconds(fill.timestamp) <= end
        ]
        limit = self._limit(fields)
        chosen = found[:limit] if str(fields.get("sort")) == "1" else found[-limit:][::-1]
        return [self.trade_row(fill, self._venue.order(user, fill.order_id)) for fill in chosen]

    def _limit(self, fields: Fields) -> int:
        limit = whole(fields, "limit", _PAGE)
        if limit > _MOST:
            raise BitfinexError(PARAMETERS, "limit: invalid")
        return limit
