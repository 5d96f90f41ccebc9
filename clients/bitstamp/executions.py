"""Our own orders and fills as Bitstamp's private channels tell them: ``private-my_orders`` and ``private-my_trades``.

Each order event holds the whole order and names the event before it; executions come on a channel of their own.
"""

from collections.abc import Mapping
from typing import Any

from clients.bitstamp.wire import order_id, side
from clients.listings import Listing
from clients.parsing import exact, number, optional_text, positive, quantity_left, side_of, text, whole
from model.shapes import FillShape, OrderShape, SideName

#: Events of an order; of those of stop orders that wait nothing is told.
EVENTS = frozenset({"order_created", "order_changed", "order_deleted", "order_replaced"})
SIDES: Mapping[str, SideName] = {"buy": "BUY", "sell": "SELL"}


def order(event: str, data: Mapping[str, Any], listing: Listing) -> OrderShape:
    """The order as it is after ``event``; ``amount_str`` is what is left of it.

    :raises ValueError: (or KeyError, TypeError) for what breaks the format.
    """
    id, left = order_id(data["id_str"]), number(data["amount_str"], "amount_str")
    quantity = positive(data["amount_at_create"], "amount_at_create")
    quantity_left(id, quantity, left)
    return {
        "id": id,
        "contract": listing.contract,
        "side": side(data["order_type"]),
        "price": number(data["price_str"], "price_str"),
        "quantity": quantity,
        "quantity_left": left,
        "is_cancelled": event == "order_deleted" and left > 0,
        "timestamp": whole(data["microtimestamp"], "microtimestamp"),
        "client_id": optional_text(data.get("client_order_id"), "client_order_id"),
    }


def fill(data: Mapping[str, Any], listing: Listing) -> FillShape:
    """An execution; its fee is in quote. Ours of its order is often left out.

    :raises ValueError: (or KeyError, TypeError) for what breaks the format.
    """
    id, fee = order_id(data["order_id"]), exact(data["fee"], "fee")
    return {
        "id": f"{id}-{whole(data['id'], 'id')}",
        "order_id": id,
        "client_id": optional_text(data.get("client_order_id"), "client_order_id"),
        "contract": listing.contract,
        "side": side_of(text(data["side"], "side"), SIDES),
        "price": positive(data["price"], "price"),
        "quantity": positive(data["amount"], "amount"),
        "fees": {listing.instrument.quote: fee} if fee else {},
        "timestamp": whole(data["microtimestamp"], "microtimestamp"),
    }
