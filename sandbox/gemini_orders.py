"""Gemini's private REST calls about trading: each takes the user and the payload's fields and answers the JSON."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from model.money import ZERO
from model.order import Side
from sandbox.gemini_public import Fields, PublicCalls, amount, since, whole
from sandbox.gemini_words import GeminiError, amount_of, milliseconds, priced
from sandbox.trading import Reason, VenueFill, VenueOrder, VenueRefused
from sandbox.venue import Venue

USER_REQUESTED = "User requested"
_MOST_TRADES = 500
_LONGEST_CLIENT_ID = 100
_OPTIONS = ("maker-or-cancel", "immediate-or-cancel")
#: Why an order was cancelled, in the venue model's words and in Gemini's.
_REASONS = {
    USER_REQUESTED: "Requested",
    "Post only order": "MakerOrCancelWouldTake",
    "No liquidity at this price": "ImmediateOrCancelWouldPost",
    "Self trade prevention": "SelfCrossPrevented",
}


def reason_of(order: VenueOrder) -> str:
    """Why it was cancelled."""
    return _REASONS.get(order.reason, "TradingClosed")


def average_of(order: VenueOrder) -> Decimal:
    """What its fills cost per base, rounded as the venue's answers are, to few digits."""
    return round(order.cost / order.filled, 8) if order.filled else ZERO


class OrderCalls:
    """Orders and their executions. ``public`` knows the symbols."""

    def __init__(self, venue: Venue, public: PublicCalls) -> None:
        self._venue = venue
        self._public = public
        self.table: Mapping[str, Callable[[str, Fields], Any]] = {
            "/v1/order/new": self._new,
            "/v1/order/cancel": self._cancel,
            "/v1/order/cancel/all": self._cancel_all,
            "/v1/order/cancel/session": self._cancel_all,
            "/v1/order/status": self._status,
            "/v1/orders": lambda user, _fields: [self._order(order) for order in venue.open_orders(user)],
            "/v1/mytrades": self._my_trades,
            "/v1/heartbeat": lambda _user, _fields: {"result": "ok"},
            "/v1/notionalvolume": self._volume,
        }

    def _new(self, user: str, fields: Fields) -> Any:
        contract = self._public.contract(fields.get("symbol"))
        quantity, price = amount(fields, "amount", "InvalidQuantity"), amount(fields, "price", "InvalidPrice")
        if fields.get("side") not in ("buy", "sell"):
            raise GeminiError("InvalidSide", "Invalid side for symbol")
        if fields.get("type") != "exchange limit":
            raise GeminiError("InvalidOrderType", "Invalid order type for symbol: only limit orders are taken")
        option = _option(fields.get("options"))
        order = self._venue.place(
            user,
            contract,
            Side(fields["side"].upper()),
            quantity,
            price,
            client_id=_client_id(fields.get("client_order_id")),
            post_only=option == "maker-or-cancel",
            immediate=option == "immediate-or-cancel",
        )
        return self._order(order)

    def _cancel(self, user: str, fields: Fields) -> Any:
        order = self._venue.order(user, whole(fields, "order_id", 0))
        if order.is_cancelled:
            # "If the order is already canceled, the message will succeed but have no effect."
            return self._order(order)
        return self._order(self._venue.cancel(user, order.id, USER_REQUESTED))

    def _cancel_all(self, user: str, _fields: Fields) -> Any:
        ids = [order.id for order in self._venue.open_orders(user)]
        self._venue.cancel_all(user, USER_REQUESTED)
        return {"result": "ok", "details": {"cancelledOrders": ids, "cancelRejects": []}}

    def _status(self, user: str, fields: Fields) -> Any:
        order = self._named(user, fields)
        if fields.get("include_trades") is not True:
            return self._order(order)
        fills = [fill for fill in self._venue.fills(user) if fill.order_id == order.id]
        return self._order(order) | {"trades": [self._trade(fill) for fill in reversed(fills)]}

    def _named(self, user: str, fields: Fields) -> VenueOrder:
        client_id = fields.get("client_order_id")
        if client_id is None:
            return self._venue.order(user, whole(fields, "order_id", 0))
        known = [*self._venue.open_orders(user), *reversed(self._venue.closed_orders(user))]
        found = next((order for order in known if order.client_id == client_id), None)
        if found is None:
            raise VenueRefused(Reason.UNKNOWN_ORDER, str(client_id))
        return found

    def _my_trades(self, user: str, fields: Fields) -> Any:
        """The earliest ones on or after ``timestamp``, or without it the newest; either way newest first."""
        contract = self._public.contract(fields.get("symbol"))
        limit, first = min(whole(fields, "limit_trades", 50), _MOST_TRADES), since(fields)
        found = [
            fill
            for fill in self._venue.fills(user)
            if fill.contract == contract and (first is None or milliseconds(fill.timestamp) >= first)
        ]
        chosen = found[-limit:] if first is None else found[:limit]
        return [self._trade(fill) for fill in reversed(chosen)]

    def _volume(self, _user: str, _fields: Fields) -> Any:
        fees = self._venue.rules.fees
        points = {"maker": fees.maker * 10_000, "taker": fees.taker * 10_000, "auction": fees.maker * 10_000}
        rates = {f"{way}_{side}_fee_bps": rate.normalize() for way in ("web", "api", "fix") for side, rate in points.items()}
        return rates | {
            "notional_30d_volume": ZERO,
            "last_updated_ms": milliseconds(self._venue.timestamp()),
            "notional_1d_volume": [],
        }

    def _order(self, order: VenueOrder) -> dict[str, Any]:
        instrument = self._venue.instrument(order.contract)
        options = [name for name, is_so in zip(_OPTIONS, (order.post_only, order.immediate), strict=True) if is_so]
        shape = {
            "order_id": str(order.id),
            "id": str(order.id),
            "symbol": self._public.symbol(order.contract),
            "exchange": "gemini",
            "avg_execution_price": priced(instrument, average_of(order)),
            "side": order.side.value.lower(),
            "type": "exchange limit",
            "timestamp": str(order.timestamp // 1_000_000),
            "timestampms": milliseconds(order.timestamp),
            "is_live": order.is_open,
            "is_cancelled": order.is_cancelled,
            "is_hidden": False,
            "was_forced": False,
            "executed_amount": amount_of(order.filled),
            "options": options,
            "price": priced(instrument, order.price or ZERO),
            "original_amount": amount_of(order.quantity),
            "remaining_amount": amount_of(order.quantity_left),
        }
        shape |= {"client_order_id": order.client_id} if order.client_id else {}
        return shape | ({"reason": reason_of(order)} if order.is_cancelled else {})

    def _trade(self, fill: VenueFill) -> dict[str, Any]:
        shape = {
            "price": priced(self._venue.instrument(fill.contract), fill.price),
            "amount": amount_of(fill.quantity),
            "timestamp": fill.timestamp // 1_000_000,
            "timestampms": milliseconds(fill.timestamp),
            "type": fill.side.value.capitalize(),
            "aggressor": not fill.is_maker,
            "fee_currency": fill.fee_ticker,
            "fee_amount": amount_of(fill.fee),
            "tid": fill.trade_id,
            "order_id": str(fill.order_id),
            "exchange": "gemini",
            "is_clearing_fill": False,
            "symbol": self._public.symbol(fill.contract).upper(),
        }
        return shape | ({"client_order_id": fill.client_id} if fill.client_id else {})


def _option(options: Any) -> str | None:
    if options is None or options == []:
        return None
    if not isinstance(options, list):
        raise GeminiError("OptionsMustBeArray", "The options parameter must be an array")
    if len(options) > 1:
        raise GeminiError("ConflictingOptions", "A single order supports only one option")
    if options[0] not in _OPTIONS:
        raise GeminiError("UnsupportedOption", f"Option {options[0]!r} is not supported")
    return str(options[0])


def _client_id(given: Any) -> str | None:
    if given is None:
        return None
    if not isinstance(given, str):
        raise GeminiError("ClientOrderIdMustBeString", "Client order id must be a string")
    if len(given) > _LONGEST_CLIENT_ID:
        raise GeminiError("ClientOrderIdTooLong", f"Client order id must be under {_LONGEST_CLIENT_ID} characters")
    return given
