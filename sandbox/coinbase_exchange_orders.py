"""Coinbase Exchange's private REST calls about trading: each takes the user and the fields and answers the JSON."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from model.money import ZERO
from model.order import Side
from sandbox.coinbase_exchange_public import Fields, PublicCalls, amount, page
from sandbox.coinbase_exchange_words import ORDER, CoinbaseError, digits, iso, name_id, number_id, read_number_id
from sandbox.trading import Reason, VenueFill, VenueOrder, VenueRefused
from sandbox.venue import Venue

USER_REQUESTED = "User requested"
_CLIENT = "client:"
_FORCES = ("GTC", "IOC")
_OPEN = frozenset({"open", "pending", "active"})


def order_id(order: VenueOrder) -> str:
    """Its id."""
    return number_id(ORDER, order.id)


class OrderCalls:
    """Orders and their executions. ``public`` knows the products."""

    def __init__(self, venue: Venue, public: PublicCalls) -> None:
        self._venue = venue
        self._public = public
        self.table: Mapping[str, Callable[[str, Fields], Any]] = {
            "POST /orders": self._new_order,
            "GET /orders": self._orders,
            "GET /orders/{id}": self._order_of,
            "DELETE /orders/{id}": self._cancel,
            "DELETE /orders": self._cancel_all,
            "GET /fills": self._fills,
            "GET /fees": self._fees,
        }

    # -- calls ----------------------------------------------------------------------------------------------------------

    def _new_order(self, user: str, fields: Fields) -> Any:
        contract, kind = self._public.contract(fields), fields.get("type") or "limit"
        force, post_only = fields.get("time_in_force") or "GTC", fields.get("post_only") == "true"
        if fields.get("side") not in ("buy", "sell"):
            raise CoinbaseError(400, "Invalid side")
        if kind not in ("limit", "market") or force not in _FORCES or (post_only and force == "IOC"):
            raise CoinbaseError(400, "Invalid order type")
        side, size = Side(fields["side"].upper()), amount(fields, "size")
        price, client_id = amount(fields, "price") if kind == "limit" else None, _client_id(fields)
        immediate = force == "IOC"
        try:
            order = self._venue.place(
                user, contract, side, size, price, client_id=client_id, post_only=post_only, immediate=immediate
            )
        except VenueRefused as refusal:
            if refusal.reason is not Reason.WOULD_CROSS:
                raise
            # Not an error here, but an order that was rejected.
            rejected = VenueOrder(0, user, contract, side, price, size, size, self._venue.timestamp(), client_id, post_only)
            return self._shape(rejected) | {"status": "rejected", "reject_reason": "post only"}
        # The answer is that it was taken; what became of it at once is told by the feed, and to who asks again.
        done = {"filled_size": digits(ZERO), "executed_value": digits(ZERO, 16), "fill_fees": digits(ZERO, 16)}
        return self._shape(order) | done | {"status": "pending", "settled": False}

    def _orders(self, user: str, fields: Fields) -> Any:
        wanted = set((fields.get("status") or "open,pending,active").split(","))
        contract = self._public.contract(fields) if fields.get("product_id") else None
        found = list(self._venue.open_orders(user)) if wanted & (_OPEN | {"all"}) else []
        if wanted & {"done", "all"}:
            found += [order for order in self._venue.closed_orders(user) if order.filled]
        rows = [(order.id, self._shape(order)) for order in sorted(found, key=lambda order: order.id)]
        return page([(id, row) for id, row in rows if contract in (None, self._public.products[row["product_id"]])], fields)

    def _order_of(self, user: str, fields: Fields) -> Any:
        return self._shape(self._named(user, fields["id"]))

    def _cancel(self, user: str, fields: Fields) -> Any:
        order = self._named(user, fields["id"])
        self._venue.cancel(user, order.id, USER_REQUESTED)
        return fields["id"]

    def _cancel_all(self, user: str, fields: Fields) -> Any:
        found = self._venue.open_orders(user)
        if fields.get("product_id"):
            # The same client may spell it as a contract here.
            contract = self._public.contract({"product_id": fields["product_id"].replace("/", "-")})
            found = [order for order in found if order.contract == contract]
        return [order_id(self._venue.cancel(user, order.id, USER_REQUESTED)) for order in found]

    def _fills(self, user: str, fields: Fields) -> Any:
        if not fields.get("order_id") and not fields.get("product_id"):
            raise CoinbaseError(400, "either order_id or product_id is required")
        contract = self._public.contract(fields) if fields.get("product_id") else None
        order = read_number_id(ORDER, fields["order_id"]) if fields.get("order_id") else None
        found = [
            fill
            for fill in self._venue.fills(user)
            if contract in (None, fill.contract) and (not fields.get("order_id") or fill.order_id == order)
        ]
        return page([(fill.trade_id, self._fill(fill)) for fill in found], fields)

    def _fees(self, _user: str, _fields: Fields) -> Any:
        fees = self._venue.rules.fees
        return {"maker_fee_rate": digits(fees.maker, 4), "taker_fee_rate": digits(fees.taker, 4), "usd_volume": "0"}

    # -- what is asked for ------------------------------------------------------------------------------------------------

    def _named(self, user: str, name: str) -> VenueOrder:
        if name.startswith(_CLIENT):
            order = self._by_client_id(user, name.removeprefix(_CLIENT).lower())
        else:
            number = read_number_id(ORDER, name)
            if number is None:
                raise CoinbaseError(400, "Invalid order id")
            order = self._venue.order(user, number)
        # Of an order that was cancelled without a fill nothing is kept.
        if order is None or (order.is_cancelled and not order.filled):
            raise VenueRefused(Reason.UNKNOWN_ORDER)
        return order

    def _by_client_id(self, user: str, client_id: str) -> VenueOrder | None:
        everything = [*self._venue.open_orders(user), *reversed(self._venue.closed_orders(user))]
        return next((order for order in everything if order.client_id == client_id), None)

    # -- shapes ---------------------------------------------------------------------------------------------------------

    def _shape(self, order: VenueOrder) -> dict[str, Any]:
        limits: dict[str, Any] = {} if order.price is None else {"price": digits(order.price)}
        shape = limits | {
            "id": order_id(order),
            "size": digits(order.quantity),
            "product_id": self._public.product(order.contract),
            "profile_id": name_id("profile", order.user),
            "side": order.side.value.lower(),
            "stp": "cn",
            "type": "market" if order.price is None else "limit",
            "time_in_force": "IOC" if order.immediate and order.price is not None else "GTC",
            "post_only": order.post_only,
            "created_at": iso(order.timestamp),
            "fill_fees": digits(order.fee, 16),
            "filled_size": digits(order.filled),
            "executed_value": digits(order.cost, 16),
            "status": "open" if order.is_open else "done",
            "settled": not order.is_open,
        }
        if order.client_id:
            shape["client_oid"] = order.client_id
        if order.is_open:
            return shape
        reason = "canceled" if order.is_cancelled else "filled"
        return shape | {"done_at": iso(order.closed_at or order.timestamp), "done_reason": reason}

    def _fill(self, fill: VenueFill) -> dict[str, Any]:
        return {
            "trade_id": fill.trade_id,
            "product_id": self._public.product(fill.contract),
            "order_id": number_id(ORDER, fill.order_id),
            "user_id": name_id("user", fill.user),
            "profile_id": name_id("profile", fill.user),
            "liquidity": "M" if fill.is_maker else "T",
            "price": digits(fill.price),
            "size": digits(fill.quantity),
            "fee": digits(fill.fee, 16),
            "created_at": iso(fill.timestamp),
            "side": fill.side.value.lower(),
            "settled": True,
            "usd_volume": digits(fill.value, 16),
        }


def _client_id(fields: Fields) -> str | None:
    name = fields.get("client_oid")
    if not name:
        return None
    try:
        return str(UUID(name))
    except ValueError:
        raise CoinbaseError(400, "Invalid client_oid") from None
