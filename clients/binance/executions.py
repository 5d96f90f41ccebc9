"""Our own orders and fills as Binance's user data stream tells them (``executionReport``), and how far each has come.

Each report holds the whole order, so nothing has to be merged; reports have no numbers, so a lost one shows only in what is
read by REST. A cancel's report has the order's own client id in ``C`` and the cancel's in ``c``.
"""

from collections import OrderedDict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from clients.binance.wire import LIMITS, LIVE, OVER, Market, microseconds, order_id, side, whole
from clients.parsing import exact, number, optional_text, positive, text
from model.money import ZERO
from model.shapes import FillShape, OrderShape

#: Orders whose end is remembered, so that a reading that is older than the stream does not bring them back.
MEMORY = 10_000
#: What stands in ``C`` of a report that is not of a cancel.
NO_ORIGINAL = ("", "null", None)


@frozen
class News:
    """What one report told."""

    order: OrderShape
    fill: FillShape | None = None


class Progress:
    """How far each order has come; it outlives connections."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Decimal, bool]] = OrderedDict()

    def is_news(self, shape: OrderShape) -> bool:
        """Whether ``shape`` is not older than what was told of its order before; from now on it has been told."""
        left, has_ended = shape["quantity_left"], shape["is_cancelled"] or not shape["quantity_left"]
        before = self._known.get(shape["id"])
        if before is not None and (left > before[0] or (before[1] and not has_ended)):
            return False
        self._known[shape["id"]] = (left, has_ended)
        self._known.move_to_end(shape["id"])
        while len(self._known) > MEMORY:
            self._known.popitem(last=False)
        return True

    def unfinished(self) -> frozenset[str]:
        """Ids of the orders that may still trade, as far as was told."""
        return frozenset(id for id, (_, has_ended) in self._known.items() if not has_ended)


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
    if done > quantity:
        raise ValueError(f"order {id}: {done} of {quantity} is executed")
    if status not in OVER | LIVE | {"FILLED"}:
        raise ValueError(f"order {id}: status {status!r} is none")
    original = event.get("C")
    return {
        "id": id,
        "contract": known.contract(event["s"]),
        "side": side(event["S"]),
        "price": number(event["p"], "p") if event["o"] in LIMITS else ZERO,
        "quantity": quantity,
        "quantity_left": quantity - done,
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
