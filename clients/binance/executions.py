"""Our own orders and fills as Binance's user data stream tells them (``executionReport``).

Each report holds the whole order, so nothing has to be merged; reports have no numbers, so a lost one shows only in what is
read by REST. A cancel's report has the order's own client id in ``C`` and the cancel's in ``c``.
"""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from clients.binance.wire import LIMITS, LIVE, OVER, microseconds, order_id, side
from clients.listings import Market
from clients.parsing import exact, number, optional_text, positive, quantity_left, text, whole
from model.money import ZERO
from model.shapes import FillShape, OrderShape

#: What stands in ``C`` of a report that is not of a cancel.
NO_ORIGINAL = ("", "null", None)


@frozen
class News:
    """What one report told."""

    order: OrderShape
    fill: FillShape | None = None


def report(event: Mapping[str, Any], known: Market) -> News:
    """An ``executionReport``.

    :raises ValueError: (or KeyError, TypeError) for what breaks the format.
    """
    order = _order(event, known)
    return News(order, _fill(event, order) if event["x"] == "TRADE" else None)


def _order(event: Mapping[str, Any], known: Market) -> OrderShape:
    id = order_id(event["s"], event["i"])
    quantity, done = positive(event["q"], "q"), number(event["z"], "z")
    status = text(event["X"], "X")
    if status not in OVER | LIVE | {"FILLED"}:
        raise ValueError(f"order {id}: status {status!r} is none")
    original = event.get("C")
    return {
        "id": id,
        "contract": known.contract(event["s"]),
        "side": side(event["S"]),
        "price": number(event["p"], "p") if event["o"] in LIMITS else ZERO,
        "quantity": quantity,
        "quantity_left": quantity_left(id, quantity, done),
        "is_cancelled": status in OVER,
        "timestamp": microseconds(event["O"], "O"),
        "client_id": optional_text(event.get("c") if original in NO_ORIGINAL else original, "client id"),
    }


def _fill(event: Mapping[str, Any], order: OrderShape) -> FillShape:
    fee = exact(event["n"], "n")
    return {
        "id": f"{order['id']}-{whole(event['t'], 't')}",
        "order_id": order["id"],
        "client_id": order.get("client_id"),
        "contract": order["contract"],
        "side": order["side"],
        "price": positive(event["L"], "L"),
        "quantity": positive(event["l"], "l"),
        "fees": {text(event["N"], "N"): fee} if fee else {},
        "timestamp": microseconds(event["T"], "T"),
    }
