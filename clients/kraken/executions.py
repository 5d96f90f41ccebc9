"""Our own orders and fills as Kraken's ``executions`` channel tells them, put together from partial entries.

An order's first entry is whole, later ones hold only what changed, so entries are merged by ``order_id``. Messages are
numbered by ``sequence``, one by one: a gap means that something was not told, and has to be read by REST. A trade that
fills an order may still say ``partially_filled``; the entry ``filled`` follows.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from clients.kraken.wire import OVER, side
from clients.parsing import exact, microseconds_of_text, number, optional_text, positive, quantity_left, text
from model.money import ZERO
from model.shapes import FillShape, OrderShape

#: Orders that are remembered, so that a fill that comes after the end of its order still finds it.
MEMORY = 10_000
ENDED = OVER | {"filled"}
_NEEDED = ("symbol", "side", "order_qty", "order_status")


class SequenceGap(ValueError):
    """Messages are missing between two that came."""


@frozen
class News:
    """What a message told: ``orders`` and ``fills`` as shapes, and the ids of orders that it told too little of."""

    orders: tuple[OrderShape, ...] = ()
    fills: tuple[FillShape, ...] = ()
    incomplete: frozenset[str] = field(factory=frozenset)


class Executions:
    """The merging memory; it outlives connections, the sequence does not (:meth:`restart`)."""

    def __init__(self) -> None:
        self._sequence: int | None = None
        self._orders: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def restart(self) -> None:
        """A new subscription: numbering begins anew with its snapshot."""
        self._sequence = None

    def client_id(self, order_id: str) -> str | None:
        """Our own id of an order that was told here."""
        return self._orders.get(order_id, {}).get("cl_ord_id")

    def opened_at(self, order_id: str) -> int | None:
        """When an order that was told here was first heard of, in microseconds."""
        return self._orders.get(order_id, {}).get("opened")

    def unfinished(self) -> frozenset[str]:
        """Ids of the orders that may still trade, as far as was told."""
        return frozenset(id for id, known in self._orders.items() if known.get("order_status") not in ENDED)

    def forget(self, ids: Iterable[str]) -> None:
        """These were looked up elsewhere; what is told of them from now on stands alone."""
        for id in ids:
            self._orders.pop(id, None)

    def hear(self, message: Mapping[str, Any]) -> News:
        """Merge a ``snapshot`` or ``update``.

        :raises SequenceGap: if messages are missing; nothing of this one has been merged.
        :raises ValueError: (or KeyError, TypeError) for what breaks the format.
        """
        self._check_sequence(message.get("sequence"), is_first=message["type"] == "snapshot")
        orders: dict[str, OrderShape] = {}
        fills: list[FillShape] = []
        incomplete: set[str] = set()
        for entry in message["data"]:
            id = text(entry["order_id"], "order_id")
            merged = self._merge(id, entry)
            if "exec_id" in entry and entry.get("exec_type") == "trade":
                fills.append(_fill(entry, merged))
            if any(name not in merged for name in _NEEDED):
                incomplete.add(id)
            else:
                orders[id] = _order(id, merged)
        return News(tuple(orders.values()), tuple(fills), frozenset(incomplete))

    def _check_sequence(self, sequence: object, is_first: bool) -> None:
        if not isinstance(sequence, int) or isinstance(sequence, bool):
            raise ValueError(f"sequence {sequence!r} is no number")
        if self._sequence is not None and not is_first and sequence != self._sequence + 1:
            raise SequenceGap(f"message {sequence} after {self._sequence}")
        self._sequence = sequence

    def _merge(self, id: str, entry: Mapping[str, Any]) -> dict[str, Any]:
        known = self._orders.setdefault(id, {})
        self._orders.move_to_end(id)
        told = {name: value for name, value in entry.items() if value is not None}
        if _is_late(known, told):
            # A straggler must not bring a finished order back to life, nor take back what has traded.
            told.pop("order_status", None)
            told.pop("cum_qty", None)
        known.update(told)
        if "timestamp" in entry:
            known.setdefault("opened", microseconds_of_text(entry["timestamp"]))
        while len(self._orders) > MEMORY:
            self._orders.popitem(last=False)
        return known


def _is_late(known: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    ended = known.get("order_status") in ENDED and told.get("order_status", "") not in ENDED
    before, now = known.get("cum_qty", ZERO), told.get("cum_qty")
    taken_back = now is not None and number(now, "cum_qty") < exact(before, "cum_qty")
    return ended or taken_back


def _order(id: str, merged: Mapping[str, Any]) -> OrderShape:
    quantity = positive(merged["order_qty"], "order_qty")
    done = number(merged.get("cum_qty", ZERO), "cum_qty")
    return {
        "id": id,
        "contract": text(merged["symbol"], "symbol"),
        "side": side(merged["side"]),
        "price": number(merged.get("limit_price", ZERO), "limit_price"),
        "quantity": quantity,
        "quantity_left": quantity_left(id, quantity, done),
        "is_cancelled": merged["order_status"] in OVER,
        "timestamp": merged["opened"],
        "client_id": optional_text(merged.get("cl_ord_id"), "cl_ord_id"),
    }


def _fill(entry: Mapping[str, Any], merged: Mapping[str, Any]) -> FillShape:
    fees = {text(fee["asset"], "fee asset"): exact(fee["qty"], "fee") for fee in entry.get("fees", ())}
    return {
        # The id that TradesHistory has as its key; trade_id is the public trade's number.
        "id": text(entry["exec_id"], "exec_id"),
        "order_id": text(entry["order_id"], "order_id"),
        "client_id": optional_text(merged.get("cl_ord_id"), "cl_ord_id"),
        "contract": text(merged["symbol"], "symbol"),
        "side": side(merged["side"]),
        "price": positive(entry["last_price"], "last_price"),
        "quantity": positive(entry["last_qty"], "last_qty"),
        "fees": {asset: fee for asset, fee in fees.items() if fee},
        "timestamp": microseconds_of_text(entry["timestamp"]),
    }
