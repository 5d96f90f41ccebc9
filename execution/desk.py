"""The order desk of one venue: writes the intent, sends, and never loses sight of an order again.

An intent is on disk before its request leaves. An answer is done, refused or unknown, and unknown is looked up
(:mod:`execution.looking_up`) until the venue's own words prove it. A fill is booked whatever state its order is in.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from clients.errors import ExchangeError, OutcomeUnknown, Reason, Refused, Retryable
from clients.interface import IExchangeClient
from execution.amending import Amends
from execution.books import Books
from execution.child import NO_LEDGER, UNWANTED, Child, refusal_of
from execution.child_order import AMENDING, CANCELLING, OPEN, OVER, UNKNOWN
from execution.looking_up import LookUp
from execution.rim import launch
from ledger.interface import ILedger, LedgerError
from model.money import ZERO, plain
from model.order import Fill, Order
from model.records import IntentRecord, IntentState, OrderIntent, Purpose
from model.shapes import FillShape, OrderShape
from model.transfer import Place

#: A cancel that the venue turned down for the moment (rate limit, maintenance) is asked again after this, in seconds.
CANCEL_AGAIN = 1.0
#: What is kept of orders that are over (late fills and events still find them) and of events without an order (they
#: overtake the answer to their placing): so many at most.
MOST_REMEMBERED = 4096
#: What the ledger says of an order that was written down and then not sent.
NOT_WANTED = "not sent: no longer wanted"


class OrderDesk:
    """All orders of the pool at one venue.

    ``changed`` is called when an order of ours has moved from state to state, ``filled_one`` after a fill is on disk.
    ``filling`` is called before that, when a fill counts in our books and is being written: what is written because of it
    is on disk no earlier. It is not called for fills of before this run, which the ledger may know already.
    ``counting`` is called inside every transition, the first one included: it may count, and nothing else.
    """

    log = Logger()

    def __init__(
        self,
        place: Place,
        client: IExchangeClient,
        books: Books,
        ledger: ILedger,
        clock: IReactorTime,
        now: Callable[[], int],
    ) -> None:
        self.place = place
        self.client = client
        self.changed: Callable[[Child], None] = lambda _child: None
        self.filled_one: Callable[[Place, Fill, Child | None], None] = lambda _place, _fill, _child: None
        self.filling: Callable[[Place, Fill], None] = lambda _place, _fill: None
        self.counting: Callable[[Child], None] = lambda _child: None
        self.ledger_failed: Callable[[LedgerError], None] = lambda _error: None
        self._books = books
        self._ledger = ledger
        self._clock = clock
        self._now = now
        self._begun = now()
        self._children: dict[str, Child] = {}
        self._by_order: dict[str, Child] = {}
        self._past: dict[str, str] = {}
        self._filled: dict[str, Decimal] = {}
        self._recorded: dict[str, Decimal] = {}
        self._early: dict[str, Order] = {}
        self._waiting: list[tuple[Callable[[], bool], Deferred[None]]] = []
        self.looking = LookUp(self, clock, now)
        self.amending = Amends(self)
        client.on("order", self._order_event)
        client.on("trade", self._trade_event)

    # What the rest of execution asks.

    def children(self, purpose: Purpose | None = None) -> list[Child]:
        """Orders that may still trade."""
        return [c for c in self._children.values() if purpose is None or c.intent.purpose == purpose]

    def filled(self, order_id: str | None) -> Decimal:
        """What has been booked for this order, in base."""
        return ZERO if order_id is None else self._filled.get(order_id, ZERO)

    def child_of(self, order_id: str) -> Child | None:
        """The order with this venue id, if it is (or lately was) ours."""
        return self._by_order.get(order_id)

    def known_orders(self) -> Iterable[str]:
        """The venue ids that belong to known intents."""
        return self._by_order.keys() | self._past.keys()

    def write_ahead(self, intent: OrderIntent) -> "Deferred[None]":
        """Write down an order that is likely to be sent soon: to be given to :meth:`place_order` as ``written``, or else to
        :meth:`not_sent`. Fails with LedgerError."""
        return self._ledger.intend(intent)

    def not_sent(self, intent: OrderIntent, written: "Deferred[None]") -> None:
        """An order that was written ahead is not wanted any more. A repeat is safe."""
        written.addCallback(lambda _: self.answer(intent, IntentState.REFUSED, None, NOT_WANTED))
        written.addErrback(self._not_remembered)

    def place_order(
        self,
        intent: OrderIntent,
        post_only: bool = False,
        immediate: bool = False,
        after: "Deferred[bool] | None" = None,
        written: "Deferred[None] | None" = None,
    ) -> Child:
        """Write ``intent`` down, then send it. What becomes of it is told by ``changed`` and the child's state.

        ``after``: what else must be on disk before it is sent, being written already; False: it could not be, send nothing.
        ``written``: what :meth:`write_ahead` gave for it; None: it is written now.
        """
        child = Child(self, intent)
        self._children[intent.id] = child
        self.counting(child)
        if written is None:
            written = self._ledger.intend(intent)
        launch(self.log, f"placing {intent.id}", self._send(child, post_only, immediate, written, after))
        return child

    def cancel(self, child: Child) -> None:
        """Have it cancelled, as soon as that is possible. Safe to repeat."""
        child.is_unwanted = True
        child.inputs.cancel()

    def cancel_all(self, purpose: Purpose | None = None) -> "Deferred[None]":
        """Cancel all that is ours; fires when every one of them is over at the venue."""
        for child in self.children(purpose):
            self.cancel(child)
        return self.wait_until(lambda: not self.children(purpose))

    def cancel_known(self) -> "Deferred[None]":
        """As ``cancel_all``, but quotes that the venue was asked for and does not know are not waited for.

        They are looked up further and cancelled as soon as they are found. Hedges are waited for: one that is done late
        would be done twice.
        """
        for child in self.children():
            self.cancel(child)
        return self.wait_until(lambda: all(c.looks and c.intent.purpose == "quote" for c in self.children()))

    def wait_until(self, condition: Callable[[], bool]) -> "Deferred[None]":
        """Fires as soon as ``condition`` holds; it is looked at whenever an order of ours has moved."""
        waiter: Deferred[None] = Deferred()
        self._waiting.append((condition, waiter))
        self._tell_waiting()
        return waiter

    def adopt(self, record: IntentRecord) -> Child:
        """Take over an order of an earlier run: unknown until the venue has been asked. Two intents of one order, of which
        one was amended to the other and nobody knows whether, are one order that either may hold for."""
        self._count_recorded(record)
        holder = self._by_order.get(record.order_id or "")
        if holder is not None and not holder.is_over:
            holder.amending = record.intent
            return holder
        child = Child(self, record.intent)
        self._children[record.intent.id] = child
        if record.order_id is not None:
            self._name(child, record.order_id)
        child.inputs.lost()
        return child

    def recall(self, record: IntentRecord) -> None:
        """An order of an earlier run that is over: a fill of it that is told late is still its own, and no other order's.
        Of several intents of one order it is that of the first that is recalled."""
        if record.order_id is not None and record.state is IntentState.CLOSED:
            self._past.setdefault(record.order_id, record.intent.id)
            self._count_recorded(record)

    def _count_recorded(self, record: IntentRecord) -> None:
        """What an amended order has filled, it may have filled for several intents."""
        if record.order_id is not None and record.filled:
            total = self._recorded[record.order_id] = self._recorded.get(record.order_id, ZERO) + record.filled
            self._filled[record.order_id] = max(total, self.filled(record.order_id))

    # Sending.

    async def _send(
        self, child: Child, post_only: bool, immediate: bool, written: "Deferred[None]", after: "Deferred[bool] | None"
    ) -> None:
        intent = child.intent
        try:
            await written
            child.is_unwanted |= after is not None and not await after
        except LedgerError as error:
            child.refuse(NO_LEDGER, f"not sent: {error}")
            self.ledger_failed(error)
            return
        if child.is_unwanted:
            child.refuse(UNWANTED, NOT_WANTED)
            return
        try:
            order_id = await self.client.placeOrder(
                intent.contract, intent.quantity, intent.price, intent.side.value, intent.id, post_only, immediate
            )
        except (Refused, Retryable, NotImplementedError) as no:
            child.refuse(refusal_of(no), str(no))
        except ExchangeError as unknown:
            child.detail = str(unknown)
            child.inputs.lost()
        except Exception:
            # A bug in a client, perhaps after the request has left: nothing is proven.
            child.detail = "the client failed"
            child.inputs.lost()
            raise
        else:
            self.acknowledge(child, str(order_id))

    def acknowledge(self, child: Child, order_id: str) -> None:
        """The venue has this order under ``order_id``. Safe to repeat."""
        self._name(child, order_id)
        child.inputs.acknowledged()
        early = self._early.pop(order_id, None)
        if early is not None:
            self._told(child, early)

    def _name(self, child: Child, order_id: str) -> None:
        child.order_id = order_id
        self._by_order[order_id] = child
        _forget_oldest(self._by_order, lambda id: self._by_order[id].is_over)

    def send_cancel(self, child: Child) -> None:
        """The machine's step: ask the venue."""
        launch(self.log, f"cancelling {child.intent.id}", self._cancel(child))

    async def _cancel(self, child: Child) -> None:
        order_id = child.order_id
        if order_id is None:
            child.inputs.lost()
            return
        try:
            was_open = await self.client.cancelOrder(order_id)
        except Refused as no:
            if no.reason is Reason.UNKNOWN_ORDER:
                self.close(child, None)
            else:
                self._cancel_later(child, no)
        except OutcomeUnknown as unknown:
            child.detail = str(unknown)
            child.inputs.lost()
        except (ExchangeError, NotImplementedError) as trouble:
            self._cancel_later(child, trouble)
        else:
            # Filled to the end: but to which, while it is being amended?
            self.close(child, None if was_open or child.amending else child.intent.quantity)

    def _cancel_later(self, child: Child, trouble: Exception) -> None:
        child.detail = str(trouble)
        self._clock.callLater(CANCEL_AGAIN, self._cancel_again, child)

    def _cancel_again(self, child: Child) -> None:
        child.inputs.cancel_failed()
        child.inputs.cancel()

    def look_up(self, child: Child) -> None:
        """The machine's step: find out what became of it."""
        launch(self.log, f"looking up {child.intent.id}", self.looking.prove(child))

    def close(self, child: Child, filled: Decimal | None) -> None:
        """The venue says that it is over; ``filled``: what it says has traded in all, None if it does not say."""
        child.told_filled = child.told_filled if filled is None else filled
        child.inputs.closed()

    # What the venue tells.

    def _order_event(self, _exchange: Any, shape: OrderShape) -> None:
        order = Order.from_shape(shape)
        child = self._by_order.get(order.id) or self._children.get(order.client_id or "")
        if child is not None:
            if child.order_id is None:
                self.acknowledge(child, order.id)
            self._told(child, order)
        else:
            self._early[order.id] = order
            _forget_oldest(self._early, lambda _id: True)

    def _told(self, child: Child, order: Order) -> None:
        if order.is_open:
            child.inputs.acknowledged()
        else:
            self.close(child, order.filled)

    def _trade_event(self, _exchange: Any, shape: FillShape) -> None:
        launch(self.log, f"booking a fill of {self.place}", self.book(Fill.from_shape(shape)))

    async def book(self, fill: Fill) -> None:
        """Book a fill, learnt by event or from history; the same one twice changes nothing."""
        child = self._by_order.get(fill.order_id) or self._children.get(fill.client_id or "")
        if child is not None and child.order_id is None:
            self.acknowledge(child, fill.order_id)
        intent_id = child.intent.id if child else self._past.get(fill.order_id)
        booking = Deferred.fromCoroutine(self._books.book_fill(self.place, fill, intent_id))
        if not booking.called and fill.timestamp >= self._begun:
            self.filling(self.place, fill)
        try:
            is_new = await booking
        except LedgerError as error:
            self.ledger_failed(error)
            return
        if not is_new:
            return
        self._tell_fill(fill, child, intent_id)
        self._filled[fill.order_id] = self.filled(fill.order_id) + fill.quantity
        _forget_oldest(self._filled, lambda id: id not in self._by_order)
        if child is not None and child.filled >= (most := max(terms.quantity for terms in child.terms)):
            self.close(child, most)
        self.filled_one(self.place, fill, child)

    def _tell_fill(self, fill: Fill, child: Child | None, intent_id: str | None) -> None:
        self.log.info(
            "{place}: {purpose} filled: {side} {quantity} {contract} at {price}",
            place=self.place,
            purpose=child.intent.purpose if child else "order",
            side=fill.side.value,
            quantity=plain(fill.quantity),
            contract=fill.contract,
            price=plain(fill.price),
            fill=fill.id,
            order=fill.order_id,
            intent=intent_id,
            obligation=child.intent.obligation_id if child else None,
            decision=child.intent.decision_id if child else None,
        )

    def not_found(self, child: Child) -> None:
        """The venue was asked and has nothing to tell of it, this time."""
        child.looks += 1
        self._tell_waiting()

    def child_moved(self, child: Child) -> None:
        """A child has entered another state: remember it, tell, and go on with what was waiting for it."""
        self.counting(child)
        self._remember(child)
        if child.state == OVER:
            self._children.pop(child.intent.id, None)
            self.amending.over(child)
            self.looking.settle(child)
        elif child.state == OPEN and child.is_unwanted:
            child.inputs.cancel()
        # Told in the next turn: whoever hears of it may place or cancel, and must not do so inside this transition.
        self._clock.callLater(0, self.changed, child)
        self._tell_waiting()

    def _remember(self, child: Child) -> None:
        is_open = IntentState.OPEN
        states = {OPEN: is_open, AMENDING: is_open, CANCELLING: is_open, UNKNOWN: IntentState.UNKNOWN}
        state = states.get(child.state)
        if state is None:
            never_was = child.order_id is None
            state = IntentState.REFUSED if never_was else IntentState.CLOSED
        self.remember(child.intent, state, child.order_id, child.detail)

    def remember(self, intent: OrderIntent, state: IntentState, order_id: str | None, detail: str) -> None:
        """Write down what has become of ``intent``; a ledger that cannot is told of by ``ledger_failed``."""
        self.answer(intent, state, order_id, detail).addErrback(self._not_remembered)

    def answer(self, intent: OrderIntent, state: IntentState, order_id: str | None, detail: str) -> "Deferred[None]":
        """Write down what has become of ``intent``. Fails with LedgerError."""
        return self._ledger.answer(intent.id, state, order_id, detail, self._now())

    def taken_over(self, child: Child, old: OrderIntent) -> None:
        """An order of ours has been amended: from now on it is ``child.intent``, and ``old`` no more."""
        self._children.pop(old.id, None)
        self._children[child.intent.id] = child
        self.remember(old, IntentState.CLOSED, child.order_id, f"amended: {child.intent.id}")

    def _not_remembered(self, failure: Failure) -> Failure | None:
        if isinstance(failure.value, LedgerError):
            self.ledger_failed(failure.value)
            return None
        return failure

    def _tell_waiting(self) -> None:
        ready = [waiter for condition, waiter in self._waiting if condition()]
        self._waiting = [(c, w) for c, w in self._waiting if w not in ready]
        for waiter in ready:
            waiter.callback(None)


def _forget_oldest(memory: dict[str, Any], may_go: Callable[[str], bool]) -> None:
    if len(memory) > MOST_REMEMBERED:
        oldest = next((key for key in memory if may_go(key)), None)
        if oldest is not None:
            del memory[oldest]
