"""Finding out at the venue what became of an order, and whether all of its fills are booked."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from clients.errors import ExchangeError
from execution.child import NOT_FOUND
from execution.child_order import CANCELLING, OVER, PLACING
from execution.rim import launch
from model.order import Fill, Order
from model.shapes import OrderShape

if TYPE_CHECKING:
    from execution.child import Child
    from execution.desk import OrderDesk

#: How long after each look the next one comes, in seconds. A server may act seconds after it said "timed out"
#: (Sputnik does), so an order counts as never placed only when the last of these looks has not found it either.
LOOKS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
#: How far a venue's clock may be from ours, in microseconds: by so much earlier than our intent it may date an order, and later
#: than now what has happened. Quotes are pulled long before it is (``max_clock_skew``), where the venue tells its time.
SKEW = 35_000_000
#: A venue tells that an order is over before or after it tells the fills: wait so long before reading them up, in seconds.
SETTLE = 2.0


def at(timestamp: int) -> datetime:
    """An aware time from microseconds."""
    return datetime.fromtimestamp(timestamp / 1_000_000, UTC)


class LookUp:
    """The questions one desk asks its venue. Asking changes nothing; every answer goes into the orders' machines."""

    def __init__(self, desk: "OrderDesk", clock: IReactorTime, now: Callable[[], int]) -> None:
        self._desk = desk
        self._clock = clock
        self._now = now
        self._reading: Deferred[None] | None = None

    async def prove(self, child: "Child") -> None:
        """Look until the venue's own words say what became of ``child``; a venue that does not answer proves nothing."""
        looks = 0
        while child.state != OVER:
            try:
                if await self._look(child):
                    return
                looks += 1
                self._desk.not_found(child)
            except ExchangeError:
                looks = min(looks, len(LOOKS) - 1)
            if looks > len(LOOKS):
                child.refuse(NOT_FOUND, f"not found at the venue in {looks} looks")
                return
            await self._pause(LOOKS[min(looks, len(LOOKS)) - 1 if looks else 0])

    async def _look(self, child: "Child") -> bool:
        found = self._find(child, await self._desk.client.getOpenOrders())
        if child.state == OVER:
            return True
        if found is not None:
            was_cancelling = child.state == CANCELLING
            self._desk.acknowledge(child, found.id)
            if was_cancelling and child.state == CANCELLING:
                child.inputs.cancel_failed()
                child.inputs.cancel()
            return True
        fills = await self.fills(child.intent.created - SKEW)
        mine = [fill for fill in fills if self._is_of(child, fill)]
        if mine and child.order_id is None:
            self._desk.acknowledge(child, mine[0].order_id)
        for fill in fills:
            await self._desk.book(fill)
        if child.order_id is not None and child.state != OVER:
            self._desk.close(child, None)
        return child.state == OVER

    def _find(self, child: "Child", orders: Mapping[str, OrderShape]) -> Order | None:
        found = [Order.from_shape(shape) for shape in orders.values()]
        if child.order_id is not None:
            return next((order for order in found if order.id == child.order_id), None)
        by_client_id = [order for order in found if order.client_id == child.intent.id]
        if by_client_id or "client_id" in getattr(self._desk.client, "capabilities", ()):
            return by_client_id[0] if by_client_id else None
        return next((order for order in found if self._matches(child, order)), None)

    def _matches(self, child: "Child", order: Order) -> bool:
        """Whether an order that carries no client id can only be this one: ours by all it shows, and no other's."""
        intent = child.intent
        return (
            not self._is_expected(order)
            and order.id not in self._desk.known_orders()
            and (order.contract, order.side) == (intent.contract, intent.side)
            and (order.price, order.quantity) == (intent.price, intent.quantity)
            and order.timestamp >= intent.created - SKEW
        )

    def _is_expected(self, order: Order) -> bool:
        """Whether it may be one that has just been placed, whose answer with the id is still to come."""
        placing = (other.intent for other in self._desk.children() if other.state == PLACING)
        return any((i.side, i.price, i.quantity) == (order.side, order.price, order.quantity) for i in placing)

    def _is_of(self, child: "Child", fill: Fill) -> bool:
        intent = child.intent
        if child.order_id is not None:
            return fill.order_id == child.order_id
        if fill.client_id is not None:
            return fill.client_id == intent.id
        if "client_id" in getattr(self._desk.client, "capabilities", ()):
            return False
        return (
            fill.order_id not in self._desk.known_orders()
            and (fill.contract, fill.side) == (intent.contract, intent.side)
            and fill.quantity <= intent.quantity
            and (intent.price - fill.price) * intent.side.sign >= 0
            and fill.timestamp >= intent.created - SKEW
        )

    async def fills(self, since: int) -> list[Fill]:
        """The venue's own record of our fills since ``since`` (microseconds)."""
        shapes = await self._desk.client.getTradeHistory(at(since), at(self._now() + SKEW))
        return [Fill.from_shape(shape) for shape in shapes]

    def settle(self, child: "Child") -> None:
        """An order is over: make sure, a little later, that all the venue says has traded is booked."""
        if not child.is_settled:
            launch(self._desk.log, f"settling {child.intent.id}", self._settle(child))

    async def _settle(self, child: "Child") -> None:
        pauses = chain((SETTLE,), LOOKS, repeat(LOOKS[-1]))
        for pause in pauses:
            await self._pause(pause)
            if child.is_settled:
                return
            try:
                fills = await self.fills(child.intent.created - SKEW)
            except NotImplementedError:
                child.is_proven = True  # the venue has no record to read: what it streamed is all there is
                return
            except ExchangeError:
                continue
            for fill in fills:
                await self._desk.book(fill)
            child.is_proven = child.told_filled is None or child.filled >= child.told_filled

    def _pause(self, seconds: float) -> "Deferred[None]":
        return deferLater(self._clock, seconds, lambda: None)
