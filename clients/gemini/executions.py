"""Our own orders and fills as Gemini's order events tell them, and the numbers by which a lost message shows.

Each event holds its whole order, but not when that was placed: that is remembered from its first event. ``fill`` does not mean
filled: only the amounts tell. Messages and heartbeats are numbered by ``socket_sequence``, one by one from 0 on each connection
("Sequence Numbers"); whether the events of one message count one or each is not said, so both are taken.
"""

from collections import OrderedDict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import frozen

from clients.gemini.wire import LIMIT, SIDES, fill_id, milliseconds, order_id
from clients.listings import Market
from clients.parsing import exact, number, optional_text, positive, quantity_left, side_of, text, truth, whole
from clients.progress import MEMORY
from model.money import ZERO
from model.shapes import FillShape, OrderShape

#: What says nothing of an order that came into being: the answer by REST tells of these.
NO_ORDER = frozenset({"rejected", "cancel_rejected"})


class SequenceGap(ValueError):
    """Messages are missing between two that came, or one came twice."""


@frozen
class News:
    """What one event told; of an order by amount of money (a person's) only its fills are."""

    order: OrderShape | None
    fill: FillShape | None = None


class Executions:
    """``account``: whose events count, where the key is for several; empty: all."""

    def __init__(self, account: str = "") -> None:
        self._account = account
        self._next = 0
        self._began: OrderedDict[str, int] = OrderedDict()

    def restart(self) -> None:
        """A new connection: numbers begin anew."""
        self._next = 0

    def count(self, message: Mapping[str, Any]) -> None:
        """Take the number of a heartbeat.

        :raises SequenceGap: if it is not the next one.
        """
        self._count([message])

    def hear(self, events: list[Any], known: Market) -> list[News]:
        """The events of one message.

        :raises SequenceGap: if messages are missing before it.
        :raises ValueError: (or KeyError, TypeError) for what breaks the format.
        """
        self._count(events)
        ours = [event for event in events if not self._account or event.get("account_name", self._account) == self._account]
        return [self._news(event, known) for event in ours if text(event["type"], "type") not in NO_ORDER]

    def _count(self, messages: list[Any]) -> None:
        numbers = [whole(message["socket_sequence"], "socket_sequence") for message in messages]
        expected = {self._next}
        for each in numbers:
            if each not in expected:
                raise SequenceGap(f"message {each} after {self._next - 1}")
            self._next = each + 1
            expected = {each, each + 1}

    def _news(self, event: Mapping[str, Any], known: Market) -> News:
        id = order_id(event["order_id"])
        order = self._order(id, event, known) if "original_amount" in event else None
        return News(order, self._fill(id, event, known) if event["type"] == "fill" else None)

    def _order(self, id: str, event: Mapping[str, Any], known: Market) -> OrderShape:
        quantity, done = positive(event["original_amount"], "original_amount"), _done(event)
        return {
            "id": id,
            "contract": known.contract(text(event["symbol"], "symbol").lower()),
            "side": side_of(event["side"], SIDES),
            "price": number(event["price"], "price") if event["order_type"] == LIMIT else ZERO,
            "quantity": quantity,
            "quantity_left": quantity_left(id, quantity, done),
            "is_cancelled": truth(event["is_cancelled"], "is_cancelled") or event["type"] == "cancelled",
            "timestamp": self._began_at(id, milliseconds(event["timestampms"])),
            "client_id": optional_text(event.get("client_order_id"), "client_order_id"),
        }

    def _began_at(self, id: str, timestamp: int) -> int:
        began = self._began.setdefault(id, timestamp)
        while len(self._began) > MEMORY:
            self._began.popitem(last=False)
        return began

    def _fill(self, id: str, event: Mapping[str, Any], known: Market) -> FillShape:
        told = event["fill"]
        fee = exact(told["fee"], "fee")
        return {
            "id": fill_id(id, told["trade_id"]),
            "order_id": id,
            "client_id": optional_text(event.get("client_order_id"), "client_order_id"),
            "contract": known.contract(text(event["symbol"], "symbol").lower()),
            "side": side_of(event["side"], SIDES),
            "price": positive(told["price"], "price"),
            "quantity": positive(told["amount"], "amount"),
            "fees": {text(told["fee_currency"], "fee_currency"): fee} if fee else {},
            "timestamp": milliseconds(event["timestampms"]),
        }


def _done(event: Mapping[str, Any]) -> Decimal:
    """What has traded: an order that is only just accepted does not say."""
    if event["type"] == "accepted" and "executed_amount" not in event:
        return ZERO
    return number(event["executed_amount"], "executed_amount")
