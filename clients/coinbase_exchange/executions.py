"""Our own orders and fills as Coinbase Exchange's channel ``user`` tells them, put together from messages.

An order's life is ``received`` (with all that it is), perhaps ``open``, any number of ``match``, and ``done``. No message says
how much of it has traded so far, and the feed may drop one without a number to show it; but ``open`` and ``done`` say what is
left. So the trades are added up by their numbers, and where the sum does not agree, or an order was never received here, it is
``incomplete``: REST tells the order and its fills.

A ``match`` has the maker's side, and the fee's rate of the side that is ours.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from attrs import define, field, frozen

from clients.coinbase_exchange.places import contract_of
from clients.coinbase_exchange.wire import client_id, fee_at, fees_of, fill_id, side
from clients.parsing import exact, microseconds_of_text, number, positive, text
from model.money import ZERO
from model.shapes import FillShape, OrderShape

#: Orders that are remembered, so that a fill that comes after the end of its order still finds it.
MEMORY = 10_000


@frozen
class News:
    """What a message told; ``incomplete``: the id of an order of which it told too little."""

    order: OrderShape | None = None
    fill: FillShape | None = None
    incomplete: str | None = None


@define
class _Known:
    """``trades``: quantities by the fill's id; ``is_whole``: these are all there are."""

    order: OrderShape
    trades: dict[str, Decimal] = field(factory=dict)
    is_whole: bool = True

    @property
    def left(self) -> Decimal:
        return self.order["quantity"] - sum(self.trades.values(), ZERO)


class Executions:
    """The memory; it outlives connections."""

    def __init__(self) -> None:
        self._orders: OrderedDict[str, _Known] = OrderedDict()

    def knows(self, order_id: str) -> bool:
        """Whether the order is remembered."""
        return order_id in self._orders

    def client_id(self, order_id: str) -> str | None:
        """Our own id of an order."""
        known = self._orders.get(order_id)
        return known.order.get("client_id") if known else None

    def learn(self, order: OrderShape, fills: Iterable[FillShape] = ()) -> OrderShape:
        """Take in what REST has told; the order as it stands by all that is known."""
        known = self._remembered(order)
        known.trades |= {fill["id"]: fill["quantity"] for fill in fills}
        # REST may be behind the feed, and the feed behind REST.
        left = min(known.left, order["quantity_left"])
        known.is_whole = left == known.left
        has_ended = known.order["is_cancelled"] or order["is_cancelled"]
        known.order = {**order, "quantity_left": left, "is_cancelled": has_ended}
        return known.order

    def gone(self, order_id: str) -> OrderShape | None:
        """REST does not know it any more: it was cancelled without a fill, if it is remembered without one."""
        known = self._orders.get(order_id)
        if known is None or known.trades:
            return None
        known.order = {**known.order, "is_cancelled": True}
        return known.order

    def hear(self, message: Mapping[str, Any]) -> News:
        """Take in a message of the channel; those of other kinds are no news.

        :raises ValueError: (or KeyError, TypeError) for what breaks the format.
        """
        kind = message["type"]
        if kind == "received":
            return self._received(message)
        if kind == "match":
            return self._match(message)
        if kind in ("open", "done"):
            return self._stands(message)
        # A size that was changed (self-trade prevention, by hand): the messages do not say what has traded before.
        return News(incomplete=text(message["order_id"], "order_id")) if kind == "change" else News()

    def _remembered(self, order: OrderShape) -> _Known:
        known = self._orders.setdefault(order["id"], _Known(order))
        self._orders.move_to_end(order["id"])
        while len(self._orders) > MEMORY:
            self._orders.popitem(last=False)
        return known

    def _received(self, message: Mapping[str, Any]) -> News:
        id = text(message["order_id"], "order_id")
        if "size" not in message:
            # A person's order for a sum of money.
            return News(incomplete=id)
        quantity = positive(message["size"], "size")
        order: OrderShape = {
            "id": id,
            "contract": contract_of(text(message["product_id"], "product_id")),
            "side": side(message["side"]),
            "price": number(message["price"], "price") if "price" in message else ZERO,
            "quantity": quantity,
            "quantity_left": quantity,
            "is_cancelled": False,
            "timestamp": microseconds_of_text(message["time"]),
            "client_id": client_id(message),
        }
        return News(self._remembered(order).order)

    def _match(self, message: Mapping[str, Any]) -> News:
        fill = _fill(message)
        known = self._orders.get(fill["order_id"])
        if known is None:
            return News(fill=fill, incomplete=fill["order_id"])
        fill["client_id"] = known.order.get("client_id")
        known.trades[fill["id"]] = fill["quantity"]
        if not known.is_whole or known.left < 0:
            return News(fill=fill, incomplete=fill["order_id"])
        known.order = {**known.order, "quantity_left": known.left}
        return News(known.order, fill)

    def _stands(self, message: Mapping[str, Any]) -> News:
        id, is_over = text(message["order_id"], "order_id"), message["type"] == "done"
        known = self._orders.get(id)
        if known is None:
            return News(incomplete=id)
        left = number(message["remaining_size"], "remaining_size") if "remaining_size" in message else known.left
        has_ended = known.order["is_cancelled"] or (is_over and text(message["reason"], "reason") != "filled")
        known.order = {**known.order, "is_cancelled": has_ended}
        if left == known.left:
            known.order = {**known.order, "quantity_left": left}
            return News(known.order)
        # An ``open`` may come after a trade that REST has told already: late, but not wrong.
        return News(incomplete=id) if is_over or left < known.left else News()


def _fill(message: Mapping[str, Any]) -> FillShape:
    roles = [role for role in ("maker", "taker") if f"{role}_fee_rate" in message]
    if len(roles) != 1:
        raise ValueError(f"match {message.get('trade_id')!r:.40}: it is not told which side is ours")
    (role,) = roles
    product, makers = text(message["product_id"], "product_id"), side(message["side"])
    price, quantity = positive(message["price"], "price"), positive(message["size"], "size")
    fee = fee_at(exact(message[f"{role}_fee_rate"], "fee rate"), price, quantity)
    return {
        "id": fill_id(product, message["trade_id"]),
        "order_id": text(message[f"{role}_order_id"], "order id"),
        "client_id": None,
        "contract": contract_of(product),
        "side": makers if role == "maker" else ("SELL" if makers == "BUY" else "BUY"),
        "price": price,
        "quantity": quantity,
        "fees": fees_of(product, fee),
        "timestamp": microseconds_of_text(message["time"]),
    }
