"""What happens at the venue as Bitstamp's channels tell it: ``live_trades``, ``private-my_orders``, ``private-my_trades``."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from attrs import frozen

from model.instrument import Instrument
from model.money import ZERO
from model.order import Side
from sandbox.bitstamp_orders import TYPES
from sandbox.bitstamp_words import decimals, digits, order_number, trade_number
from sandbox.events import Change, Event, Execution, Matched, OrderChanged
from sandbox.trading import Trade, VenueOrder

#: ``order_subtype``; a market order's price is told as a very good one.
_LIMIT, _MARKET, _IMMEDIATE = 0, 2, 4
_ANY_PRICE = Decimal(999_999_999)


@frozen
class Report:
    """One event of a channel of one ``kind`` and market; ``user``: None if it is for everybody."""

    kind: str
    contract: str
    user: str | None
    event: str
    data: Callable[[Instrument], Mapping[str, Any]]


def of_event(event: Event) -> list[Report]:
    """What is told of what happened."""
    if isinstance(event, OrderChanged):
        order, is_new = event.order, event.change is Change.NEW
        told = partial(_order, order, order.timestamp if is_new else order.closed_at or order.timestamp)
        return [Report("my_orders", order.contract, order.user, "order_created" if is_new else "order_deleted", told)]
    if isinstance(event, Matched):
        trade = event.trade
        found = [Report("live_trades", trade.contract, None, "trade", partial(_trade, event))]
        for side in (event.aggressor, event.passive):
            order, at = side.order, side.fill.timestamp
            found.append(Report("my_trades", trade.contract, order.user, "trade", partial(_execution, side)))
            word = "order_changed" if order.quantity_left else "order_deleted"
            found.append(Report("my_orders", trade.contract, order.user, word, partial(_order, order, at)))
        return found
    return []


def _order(order: VenueOrder, timestamp: int, instrument: Instrument) -> dict[str, Any]:
    price = digits(_ANY_PRICE if order.price is None else order.price, max(2, decimals(instrument.tick)))
    places, number = decimals(instrument.lot), str(order_number(order.id))
    left = digits(order.quantity_left, places) if order.quantity_left else "0"
    found = {
        "id": number,
        "id_str": number,
        "order_type": TYPES[order.side],
        "order_subtype": _MARKET if order.price is None else _IMMEDIATE if order.immediate else _LIMIT,
        "datetime": str(timestamp // 1_000_000),
        "microtimestamp": str(timestamp),
        "amount": float(order.quantity_left),
        "amount_str": left,
        "amount_traded": digits(order.filled, places) if order.filled > ZERO else "0",
        "amount_at_create": digits(order.quantity, places),
        "price": float(price),
        "price_str": price,
        "is_liquidation": False,
        "trade_account_id": 0,
    }
    return found | ({"client_order_id": order.client_id} if order.client_id else {})


def _execution(side: Execution, instrument: Instrument) -> dict[str, Any]:
    fill = side.fill
    # The real feed leaves client_order_id out here.
    return {
        "id": trade_number(fill.trade_id),
        "amount": digits(fill.quantity, decimals(instrument.lot)),
        "price": digits(fill.price, decimals(instrument.tick)),
        "microtimestamp": str(fill.timestamp),
        "fee": digits(fill.fee, 5),
        "order_id": str(order_number(fill.order_id)),
        "trade_account_id": 0,
        "side": fill.side.value.lower(),
    }


def _trade(event: Matched, instrument: Instrument) -> dict[str, Any]:
    trade: Trade = event.trade
    buyer, seller = (event.aggressor, event.passive) if trade.side is Side.BUY else (event.passive, event.aggressor)
    amount, price = digits(trade.quantity, decimals(instrument.lot)), digits(trade.price, decimals(instrument.tick))
    return {
        "id": trade_number(trade.id),
        "timestamp": str(trade.timestamp // 1_000_000),
        "amount": float(amount),
        "amount_str": amount,
        "price": float(price),
        "price_str": price,
        "type": TYPES[trade.side],
        "microtimestamp": str(trade.timestamp),
        "buy_order_id": order_number(buyer.order.id),
        "sell_order_id": order_number(seller.order.id),
    }
