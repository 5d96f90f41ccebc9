"""Changing an order of ours in place, at a venue that can: one request instead of a cancel, its confirmation and a placing.

The venue keeps its order and the order's id. To us its new terms are an intent of their own, which is on disk, with the
order's id, before the request leaves. Until the venue has answered either of the two intents may be what holds
(:attr:`execution.child.Child.terms`); then the new one takes the order over, fills included that come from then on, or is
closed. What is not certainly done goes the old way: the order is cancelled, whatever its terms may be.
"""

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from clients.errors import ExchangeError, Reason, Refused, Retryable
from execution.child_order import AMENDING, OPEN, OVER
from execution.rim import launch
from ledger.interface import LedgerError
from model.order import Order
from model.records import IntentState, OrderIntent

if TYPE_CHECKING:
    from execution.child import Child
    from execution.desk import OrderDesk


class Amends:
    """The amends of one desk, at most one of each order at a time."""

    def __init__(self, desk: "OrderDesk") -> None:
        self._desk = desk

    def can(self, child: "Child") -> bool:
        """Whether it can be amended: an open quote that nothing has traded of, at a venue that amends."""
        is_quote = child.intent.purpose == "quote" and child.state == OPEN
        has_traded = child.filled or child.told_filled
        return (
            is_quote
            and not (has_traded or child.is_unwanted)
            and child.amending is None
            and "amend" in getattr(self._desk.client, "capabilities", ())
        )

    def begin(self, child: "Child", intent: OrderIntent) -> None:
        """Have ``child``, which can be amended, become ``intent``; its quantity is the whole order's. What becomes of it is
        told as of a placing."""
        child.amending = intent
        child.inputs.amend()

    def send(self, child: "Child") -> None:
        """The machine's step: ask the venue."""
        if child.amending is not None and child.order_id is not None:
            launch(self._desk.log, f"amending {child.intent.id}", self._amend(child, child.amending, child.order_id))

    def over(self, child: "Child") -> None:
        """The order is over: so is what it was being amended to. What has traded is its order's, whichever terms held."""
        if child.amending is not None:
            self._desk.remember(child.amending, IntentState.CLOSED, child.order_id, child.detail)
            child.amending = None

    async def _amend(self, child: "Child", new: OrderIntent, order_id: str) -> None:
        try:
            await self._written(new, order_id)
        except LedgerError as error:
            self._desk.ledger_failed(error)
            self._not_done(child, new, f"not sent: {error}")
            return
        if child.state != AMENDING or child.filled:
            self._not_done(child, new, "not sent: the order has moved")
            return
        try:
            await self._desk.client.amendOrder(order_id, new.quantity, new.price)
        except (Refused, Retryable, NotImplementedError) as no:
            if isinstance(no, Refused) and no.reason is Reason.UNKNOWN_ORDER:
                self._desk.close(child, None)
            else:
                self._not_done(child, new, str(no))
        except ExchangeError as unknown:
            self._desk.log.info("{place}: looking: {unknown}", place=self._desk.place, unknown=str(unknown))
            await self._prove(child, new, order_id)
        except Exception:
            # A bug in a client, perhaps after the request has left: nothing is proven.
            self._desk.cancel(child)
            raise
        else:
            self._done(child, new)

    def _written(self, new: OrderIntent, order_id: str) -> "Deferred[None]":
        intended = self._desk.write_ahead(new)
        # Where this fails so does the next, which is written after it and cannot be without it.
        intended.addErrback(lambda failure: failure.trap(LedgerError) and None)
        return self._desk.answer(new, IntentState.INTENDED, order_id, "")

    def _done(self, child: "Child", new: OrderIntent) -> None:
        if child.amending is not new:
            return  # over meanwhile
        old, child.intent, child.amending = child.intent, new, None
        self._desk.taken_over(child, old)
        child.inputs.amended()
        if child.filled >= new.quantity:
            self._desk.close(child, new.quantity)

    def _not_done(self, child: "Child", new: OrderIntent, why: str) -> None:
        """The venue has certainly not changed it."""
        if child.amending is new:
            child.amending = None
            self._desk.remember(new, IntentState.REFUSED, None, why)
        self._desk.cancel(child)

    async def _prove(self, child: "Child", new: OrderIntent, order_id: str) -> None:
        """Look once what holds. An amend that is not seen may yet come, so what does not show it is cancelled."""
        try:
            orders = await self._desk.client.getOpenOrders()
        except ExchangeError:
            self._desk.cancel(child)
            return
        found = Order.from_shape(orders[order_id]) if order_id in orders else None
        if found is None:
            self._desk.close(child, None)
        elif (found.price, found.quantity) == (new.price, new.quantity):
            self._done(child, new)
        elif child.state != OVER:
            self._desk.cancel(child)
