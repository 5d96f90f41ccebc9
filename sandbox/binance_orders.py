"""Binance's signed REST calls about trading: each takes the user and the parameters and answers the JSON."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from model.money import ZERO
from model.order import Side
from sandbox.binance_public import Fields, PublicCalls, amount, whole
from sandbox.binance_words import BinanceError, eight, milliseconds, missing
from sandbox.trading import Reason, VenueFill, VenueOrder, VenueRefused
from sandbox.venue import Venue

USER_REQUESTED = "User requested"
_DAY = 86_400_000
_MOST = 1_000
_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET")
_FORCES = ("GTC", "IOC")
_SELF_TRADE = "Self trade prevention"


def client_id_of(order: VenueOrder) -> str:
    """The order's own, or one like those that Binance makes up."""
    return order.client_id or f"sandbox{order.id:015d}"


def status_of(order: VenueOrder) -> str:
    """How an order stands; what nobody asked to cancel has expired."""
    if order.is_cancelled:
        over = {USER_REQUESTED: "CANCELED", _SELF_TRADE: "EXPIRED_IN_MATCH"}
        return over.get(order.reason, "EXPIRED")
    return "FILLED" if not order.quantity_left else "PARTIALLY_FILLED" if order.filled else "NEW"


def type_of(order: VenueOrder) -> str:
    """Its type."""
    return "MARKET" if order.price is None else "LIMIT_MAKER" if order.post_only else "LIMIT"


def force_of(order: VenueOrder) -> str:
    """Its time in force; a market order's is told as GTC."""
    return "IOC" if order.immediate and order.price is not None else "GTC"


class OrderCalls:
    """Orders and their executions. ``public`` knows the symbols."""

    def __init__(self, venue: Venue, public: PublicCalls) -> None:
        self._venue = venue
        self._public = public
        self.table: Mapping[str, Callable[[str, Fields], Any]] = {
            "POST /api/v3/order": self._new_order,
            "POST /api/v3/order/test": self._test_order,
            "DELETE /api/v3/order": self._cancel_order,
            "GET /api/v3/order": self._query_order,
            "GET /api/v3/openOrders": self._open_orders,
            "DELETE /api/v3/openOrders": self._cancel_all,
            "GET /api/v3/allOrders": self._all_orders,
            "GET /api/v3/myTrades": self._my_trades,
        }

    # -- calls ----------------------------------------------------------------------------------------------------------

    def _new_order(self, user: str, fields: Fields) -> Any:
        contract, side, quantity, price = self._wanted(fields)
        order = self._venue.place(
            user,
            contract,
            side,
            quantity,
            price,
            client_id=fields.get("newClientOrderId") or None,
            post_only=fields["type"] == "LIMIT_MAKER",
            immediate=fields.get("timeInForce") == "IOC",
        )
        answer = fields.get("newOrderRespType") or ("ACK" if fields["type"] == "LIMIT_MAKER" else "FULL")
        brief = {
            "symbol": self._public.symbol(contract),
            "orderId": order.id,
            "orderListId": -1,
            "clientOrderId": client_id_of(order),
            "transactTime": milliseconds(order.timestamp),
        }
        if answer == "ACK":
            return brief
        result = brief | self._progress(order) | {"workingTime": milliseconds(order.timestamp)}
        result |= {"selfTradePreventionMode": "EXPIRE_TAKER"}
        return result if answer == "RESULT" else result | {"fills": [self._part(fill) for fill in self._fills_of(order)]}

    def _test_order(self, user: str, fields: Fields) -> Any:
        self._venue.check(user, *self._wanted(fields))
        return {}

    def _wanted(self, fields: Fields) -> tuple[str, Side, Decimal, Decimal | None]:
        contract, kind = self._public.contract(fields), fields.get("type")
        if fields.get("side") not in ("BUY", "SELL"):
            raise missing("side")
        if kind not in _TYPES:
            raise BinanceError(-1116, "Invalid orderType.")
        force = fields.get("timeInForce")
        if kind == "LIMIT" and not force:
            raise missing("timeInForce")
        if kind != "LIMIT" and force:
            raise BinanceError(-1106, "Parameter 'timeInForce' sent when not required.")
        if force and force not in _FORCES:
            raise BinanceError(-1115, "Invalid timeInForce.")
        price = None if kind == "MARKET" else amount(fields, "price")
        return contract, Side(fields["side"]), amount(fields, "quantity"), price

    def _cancel_order(self, user: str, fields: Fields) -> Any:
        try:
            order = self._named(user, fields)
            after = self._venue.cancel(user, order.id, USER_REQUESTED)
        except (BinanceError, VenueRefused) as refusal:
            if isinstance(refusal, BinanceError) and refusal.code != -2013:
                raise
            raise BinanceError(-2011, "Unknown order sent.") from None
        return self._cancelled(after)

    def _cancelled(self, order: VenueOrder) -> dict[str, Any]:
        return {
            "symbol": self._public.symbol(order.contract),
            "origClientOrderId": client_id_of(order),
            "orderId": order.id,
            "orderListId": -1,
            "clientOrderId": f"cancel{order.id:015d}",
            "transactTime": milliseconds(order.closed_at or order.timestamp),
            **self._progress(order),
            "selfTradePreventionMode": "EXPIRE_TAKER",
        }

    def _cancel_all(self, user: str, fields: Fields) -> Any:
        contract = self._public.contract(fields)
        found = [order for order in self._venue.open_orders(user) if order.contract == contract]
        if not found:
            raise BinanceError(-2011, "Unknown order sent.")
        return [self._cancelled(self._venue.cancel(user, order.id, USER_REQUESTED)) for order in found]

    def _query_order(self, user: str, fields: Fields) -> Any:
        return self._order(self._named(user, fields))

    def _open_orders(self, user: str, fields: Fields) -> Any:
        contract = self._public.contract(fields) if fields.get("symbol") else None
        return [self._order(order) for order in self._venue.open_orders(user) if contract in (None, order.contract)]

    def _all_orders(self, user: str, fields: Fields) -> Any:
        contract, limit = self._public.contract(fields), min(whole(fields, "limit", 500), _MOST)
        self._check_window(fields)
        known = {order.id: order for order in [*self._venue.closed_orders(user), *self._venue.open_orders(user)]}
        known |= {fill.order_id: self._venue.order(user, fill.order_id) for fill in self._venue.fills(user)}
        first, start, end = whole(fields, "orderId", 0), whole(fields, "startTime", 0), whole(fields, "endTime", 2**63)
        found = [
            order
            for _, order in sorted(known.items())
            if order.contract == contract and order.id >= first and start <= milliseconds(order.timestamp) <= end
        ]
        chosen = found[:limit] if fields.get("orderId") or fields.get("startTime") else found[-limit:]
        return [self._order(order) for order in chosen]

    def _my_trades(self, user: str, fields: Fields) -> Any:
        contract, limit = self._public.contract(fields), min(whole(fields, "limit", 500), _MOST)
        self._check_window(fields)
        if fields.get("fromId") and (fields.get("startTime") or fields.get("endTime")):
            raise BinanceError(-1128, "Combination of optional parameters invalid.")
        first, start, end = whole(fields, "fromId", 0), whole(fields, "startTime", 0), whole(fields, "endTime", 2**63)
        wanted = fields.get("orderId")
        found = [
            fill
            for fill in self._venue.fills(user)
            if fill.contract == contract
            and fill.trade_id >= first
            and start <= milliseconds(fill.timestamp) <= end
            and wanted in (None, "", str(fill.order_id))
        ]
        chosen = found[:limit] if fields.get("fromId") or fields.get("startTime") else found[-limit:]
        return [self._trade(fill) for fill in chosen]

    # -- what is asked for ------------------------------------------------------------------------------------------------

    def _check_window(self, fields: Fields) -> None:
        has_both = bool(fields.get("startTime") and fields.get("endTime"))
        if has_both and whole(fields, "endTime", 0) - whole(fields, "startTime", 0) > _DAY:
            raise BinanceError(-1127, "More than 24 hours between startTime and endTime.")

    def _named(self, user: str, fields: Fields) -> VenueOrder:
        contract = self._public.contract(fields)
        client_id = fields.get("origClientOrderId")
        if fields.get("orderId"):
            order: VenueOrder | None = self._venue.order(user, whole(fields, "orderId", 0))
        elif client_id:
            everything = [*self._venue.open_orders(user), *reversed(self._venue.closed_orders(user))]
            order = next((order for order in everything if client_id_of(order) == client_id), None)
        else:
            raise missing("orderId")
        if order is None or order.contract != contract:
            raise VenueRefused(Reason.UNKNOWN_ORDER)
        return order

    def _fills_of(self, order: VenueOrder) -> list[VenueFill]:
        return [fill for fill in self._venue.fills(order.user) if fill.order_id == order.id]

    # -- shapes ---------------------------------------------------------------------------------------------------------

    def _progress(self, order: VenueOrder) -> dict[str, Any]:
        return {
            "price": eight(order.price or ZERO),
            "origQty": eight(order.quantity),
            "executedQty": eight(order.filled),
            "origQuoteOrderQty": eight(ZERO),
            "cummulativeQuoteQty": eight(order.cost),
            "status": status_of(order),
            "timeInForce": force_of(order),
            "type": type_of(order),
            "side": order.side.value,
        }

    def _order(self, order: VenueOrder) -> dict[str, Any]:
        began = milliseconds(order.timestamp)
        return {
            "symbol": self._public.symbol(order.contract),
            "orderId": order.id,
            "orderListId": -1,
            "clientOrderId": client_id_of(order),
            **self._progress(order),
            "stopPrice": eight(ZERO),
            "icebergQty": eight(ZERO),
            "time": began,
            "updateTime": milliseconds(order.closed_at or order.timestamp),
            "isWorking": True,
            "workingTime": began,
            "selfTradePreventionMode": "EXPIRE_TAKER",
        }

    def _part(self, fill: VenueFill) -> dict[str, Any]:
        return {
            "price": eight(fill.price),
            "qty": eight(fill.quantity),
            "commission": eight(fill.fee),
            "commissionAsset": fill.fee_ticker,
            "tradeId": fill.trade_id,
        }

    def _trade(self, fill: VenueFill) -> dict[str, Any]:
        return {
            "symbol": self._public.symbol(fill.contract),
            "id": fill.trade_id,
            "orderId": fill.order_id,
            "orderListId": -1,
            "price": eight(fill.price),
            "qty": eight(fill.quantity),
            "quoteQty": eight(fill.value),
            "commission": eight(fill.fee),
            "commissionAsset": fill.fee_ticker,
            "time": milliseconds(fill.timestamp),
            "isBuyer": fill.side is Side.BUY,
            "isMaker": fill.is_maker,
            "isBestMatch": True,
        }
