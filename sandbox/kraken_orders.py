"""Kraken's private REST calls about trading: each takes the user and the form's fields and answers the ``result``."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from model.money import ZERO, plain
from model.order import Side
from sandbox.kraken_public import Fields, PublicCalls, whole
from sandbox.kraken_words import KrakenError, Pair, read_id, seconds, spell_id
from sandbox.trading import VenueFill, VenueOrder
from sandbox.venue import Venue

PAGE = 50
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}


def amount(fields: Fields, name: str) -> Decimal:
    """An exact amount from a field.

    :raises KrakenError: if it is missing or no finite number.
    """
    try:
        number = Decimal(fields[name])
    except (KeyError, InvalidOperation):
        raise KrakenError(f"EGeneral:Invalid arguments:{name}") from None
    if not number.is_finite():
        raise KrakenError(f"EGeneral:Invalid arguments:{name}")
    return number


def between(fields: Fields) -> tuple[int, int]:
    """``start`` (exclusive) and ``end`` (inclusive), seconds in the form, as an inclusive range in microseconds."""
    start = int(amount(fields, "start") * 1_000_000) + 1 if fields.get("start") else 0
    end = int(amount(fields, "end") * 1_000_000) if fields.get("end") else 2**63
    return start, end


def page(entries: list[tuple[str, Any]], fields: Fields) -> dict[str, Any]:
    """The entries, oldest first, as Kraken shows them: newest first, 50 from ``ofs`` on."""
    offset = whole(fields, "ofs", 0)
    return dict(entries[::-1][offset : offset + PAGE])


class OrderCalls:
    """Orders and their executions. ``public`` knows the pairs."""

    def __init__(self, venue: Venue, public: PublicCalls) -> None:
        self._venue = venue
        self._public = public
        self.table: Mapping[str, Callable[[str, Fields], Any]] = {
            "AddOrder": self._add_order,
            "AmendOrder": self._amend_order,
            "CancelOrder": self._cancel_order,
            "CancelAll": self._cancel_all,
            "OpenOrders": self._open_orders,
            "ClosedOrders": self._closed_orders,
            "QueryOrders": self._query_orders,
            "TradesHistory": self._trades_history,
            "QueryTrades": self._query_trades,
            "TradeVolume": self._trade_volume,
        }

    # -- calls ----------------------------------------------------------------------------------------------------------

    def _add_order(self, user: str, fields: Fields) -> Any:
        pair, side = self._public.pair(fields.get("pair")), _SIDES.get(fields.get("type", ""))
        kind = fields.get("ordertype")
        if side is None or kind not in ("limit", "market"):
            raise KrakenError("EGeneral:Invalid arguments:" + ("type" if side is None else "ordertype"))
        quantity = amount(fields, "volume")
        price = amount(fields, "price") if kind == "limit" else None
        flags, force = fields.get("oflags", "").split(","), fields.get("timeinforce", "GTC")
        if force not in ("GTC", "IOC") or (kind == "market" and "post" in flags):
            raise KrakenError("EGeneral:Invalid arguments:" + ("oflags" if "post" in flags else "timeinforce"))
        description = self._sentence(pair, side, quantity, price)
        if fields.get("validate") == "true":
            self._venue.check(user, pair.symbol, side, quantity, price)
            return {"descr": {"order": description}}
        order = self._venue.place(
            user,
            pair.symbol,
            side,
            quantity,
            price,
            client_id=fields.get("cl_ord_id") or None,
            post_only="post" in flags,
            immediate=force == "IOC",
        )
        return {"txid": [spell_id("O", order.id)], "descr": {"order": description}}

    def _amend_order(self, user: str, fields: Fields) -> Any:
        order = self._named(user, fields)
        quantity = amount(fields, "order_qty") if fields.get("order_qty") else order.quantity
        price = amount(fields, "limit_price") if fields.get("limit_price") else order.price
        if price is None:
            raise KrakenError("EOrder:Unknown order")  # a market order rests nowhere
        self._venue.amend(user, order.id, quantity, price, post_only=fields.get("post_only") == "true")
        return {"amend_id": spell_id("T", order.id)}

    def _cancel_order(self, user: str, fields: Fields) -> Any:
        self._venue.cancel(user, self._named(user, fields).id)
        return {"count": 1}

    def _named(self, user: str, fields: Fields) -> VenueOrder:
        name = fields.get("txid") or fields.get("cl_ord_id")
        if not name:
            raise KrakenError("EGeneral:Invalid arguments:txid")
        number = read_id("O", name)
        order = self._venue.by_client_id(user, name) if number is None else self._venue.order(user, number)
        if order is None:
            raise KrakenError("EOrder:Unknown order")
        return order

    def _cancel_all(self, user: str, _fields: Fields) -> Any:
        return {"count": self._venue.cancel_all(user)}

    def _open_orders(self, user: str, fields: Fields) -> Any:
        wanted = fields.get("cl_ord_id")
        orders = [order for order in self._venue.open_orders(user) if wanted in (None, "", order.client_id)]
        return {"open": {spell_id("O", order.id): self._order(order) for order in orders}}

    def _closed_orders(self, user: str, fields: Fields) -> Any:
        start, end = between(fields)
        wanted = fields.get("cl_ord_id")
        orders = [
            (spell_id("O", order.id), self._order(order))
            for order in self._venue.closed_orders(user)
            if start <= (order.closed_at or 0) <= end and wanted in (None, "", order.client_id)
        ]
        return {"closed": page(orders, fields), "count": len(orders)}

    def _query_orders(self, user: str, fields: Fields) -> Any:
        if fields.get("cl_ord_id"):
            everything = [*self._venue.closed_orders(user), *self._venue.open_orders(user)]
            found = [order for order in everything if order.client_id == fields["cl_ord_id"]]
        else:
            numbers = [read_id("O", name.strip()) for name in fields.get("txid", "").split(",")]
            found = [self._venue.order(user, -1 if number is None else number) for number in numbers]
        return {spell_id("O", order.id): self._order(order, fields.get("trades") == "true") for order in found}

    def _trades_history(self, user: str, fields: Fields) -> Any:
        fills = [(spell_id("T", fill.id), self._fill(fill)) for fill in self._venue.fills(user, *between(fields))]
        return {"trades": page(fills, fields), "count": len(fills)}

    def _query_trades(self, user: str, fields: Fields) -> Any:
        wanted = set(fields.get("txid", "").split(","))
        return {name: self._fill(fill) for fill in self._venue.fills(user) if (name := spell_id("T", fill.id)) in wanted}

    def _trade_volume(self, _user: str, fields: Fields) -> Any:
        fees = self._venue.rules.fees
        pairs = [self._public.pair(name) for name in fields.get("pair", "").split(",") if name]
        rates = {"fees": fees.taker, "fees_maker": fees.maker}
        tiers = {word: {pair.id: {"fee": plain(rate * 100)} for pair in pairs} for word, rate in rates.items()}
        return {"currency": "ZUSD", "volume": "0.0000", **tiers}

    # -- shapes ---------------------------------------------------------------------------------------------------------

    def _sentence(self, pair: Pair, side: Side, quantity: Decimal, price: Decimal | None) -> str:
        how = "market" if price is None else f"limit {pair.price(price)}"
        return f"{side.value.lower()} {pair.volume(quantity)} {pair.altname} @ {how}"

    def _order(self, order: VenueOrder, with_trades: bool = False) -> dict[str, Any]:
        pair = self._public.pair(order.contract)
        status = "open" if order.is_open else "canceled" if order.is_cancelled else "closed"
        shape: dict[str, Any] = {
            "refid": None,
            "userref": None,
            "cl_ord_id": order.client_id,
            "status": status,
            "opentm": Decimal(seconds(order.timestamp)),
            "starttm": 0,
            "expiretm": 0,
            "descr": {
                "pair": pair.altname,
                "type": order.side.value.lower(),
                "ordertype": "market" if order.price is None else "limit",
                "price": "0" if order.price is None else pair.price(order.price),
                "price2": "0",
                "leverage": "none",
                "order": self._sentence(pair, order.side, order.quantity, order.price),
                "close": "",
            },
            "vol": pair.volume(order.quantity),
            "vol_exec": pair.volume(order.filled),
            "cost": plain(order.cost),
            "fee": plain(order.fee),
            "price": plain((order.cost / order.filled).quantize(Decimal("0.00001"))) if order.filled else "0.00000",
            "stopprice": "0.00000",
            "limitprice": "0.00000",
            "misc": "",
            "oflags": "post,fciq" if order.post_only else "fciq",
        }
        if not order.is_open:
            shape |= {"reason": order.reason or None, "closetm": Decimal(seconds(order.closed_at or 0))}
        if with_trades:
            fills = [fill for fill in self._venue.fills(order.user) if fill.order_id == order.id]
            shape["trades"] = [spell_id("T", fill.id) for fill in fills]
        return shape

    def _fill(self, fill: VenueFill) -> dict[str, Any]:
        pair = self._public.pair(fill.contract)
        order = self._venue.order(fill.user, fill.order_id)
        return {
            "ordertxid": spell_id("O", fill.order_id),
            "postxid": spell_id("P", fill.order_id),
            "pair": pair.id,
            "time": Decimal(seconds(fill.timestamp)),
            "type": fill.side.value.lower(),
            "ordertype": "market" if order.price is None else "limit",
            "price": pair.price(fill.price),
            "cost": plain(fill.value),
            "fee": plain(fill.fee),
            "vol": pair.volume(fill.quantity),
            "margin": plain(ZERO),
            "misc": "",
            "trade_id": fill.trade_id,
            "maker": fill.is_maker,
            "cl_ord_id": fill.client_id,
        }
