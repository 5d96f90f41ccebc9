"""One order of ours and where it stands."""

from decimal import Decimal
from typing import TYPE_CHECKING, Final

from clients.errors import Reason, Refused
from execution.child_order import OVER, PLACING, ChildOrderInputs, child_order_machine
from model.money import ZERO
from model.order import Order
from model.records import OrderIntent

if TYPE_CHECKING:
    from execution.desk import OrderDesk


#: What can become of an order.
OUTCOMES: Final = ("filled", "cancelled", "refused")
#: Why nothing came of one besides what a venue says: nothing was sent for the moment, or no more wanted, or could not be
#: written down, or the venue never had it.
NOT_SENT, UNWANTED, NO_LEDGER, NOT_FOUND, NEVER_PLACED = "not sent", "unwanted", "ledger", "not found", "never placed"
REFUSALS: Final = (*(reason.value for reason in Reason), NOT_SENT, UNWANTED, NO_LEDGER, NOT_FOUND, NEVER_PLACED)


def refusal_of(no: Exception) -> str:
    """Why a venue has done nothing, in one of few words: those of :class:`clients.errors.Reason`, or ours."""
    return no.reason.value if isinstance(no, Refused) else NOT_SENT


class Child:
    """One order of ours and where it stands; the steps of its machine (:mod:`execution.child_order`)."""

    def __init__(self, desk: "OrderDesk", intent: OrderIntent) -> None:
        self.intent = intent
        #: What it is being amended to: the terms of one of the two hold, and until that is proven either may.
        self.amending: OrderIntent | None = None
        self.order_id: str | None = None
        self.state = PLACING
        self.detail = ""
        #: Why it was refused, in one of few words; empty if it was not.
        self.refusal = ""
        self.is_unwanted = False
        #: What the venue says has traded in all; None while it has not said.
        self.told_filled: Decimal | None = None
        #: Whether the venue's own record of fills has been read since the order was over.
        self.is_proven = False
        #: How often the venue has been asked what became of it, and had nothing of it to tell.
        self.looks = 0
        self._desk = desk
        self.inputs: ChildOrderInputs = child_order_machine(self)

    @property
    def filled(self) -> Decimal:
        """What of it has been booked as traded, in base."""
        return self._desk.filled(self.order_id)

    @property
    def meant(self) -> OrderIntent:
        """What it is to be: what it is being amended to, or what it is."""
        return self.amending or self.intent

    @property
    def terms(self) -> tuple[OrderIntent, ...]:
        """Whose price and size may hold at the venue."""
        return (self.intent,) if self.amending is None else (self.intent, self.amending)

    @property
    def left(self) -> Decimal:
        """What can still trade as it is meant, in base; nothing once it is over."""
        return ZERO if self.state == OVER else max(ZERO, self.meant.quantity - self.filled)

    @property
    def is_over(self) -> bool:
        """Whether it can no longer trade."""
        return self.state == OVER

    @property
    def is_settled(self) -> bool:
        """Whether it is over and every fill of it is known to be booked."""
        if self.state != OVER:
            return False
        all_told = self.told_filled is not None and self.filled >= self.told_filled
        return self.order_id is None or self.is_proven or all_told

    def as_order(self) -> Order:
        """As the interface would show it."""
        i = self.meant
        name = self.order_id or i.id
        return Order(name, i.contract, i.side, i.price, i.quantity, self.left, self.is_over, i.created, i.id)

    @property
    def outcome(self) -> str:
        """What became of it, once it is over: one of :data:`OUTCOMES`; filled is filled to the end."""
        if self.refusal or self.order_id is None:
            return "refused"
        traded = max(self.filled, self.told_filled or ZERO)
        return "filled" if traded >= self.intent.quantity else "cancelled"

    def refuse(self, refusal: str, detail: str) -> None:
        """The venue has done nothing: ``refusal`` says why in one of few words, ``detail`` in a sentence."""
        self.refusal, self.detail = refusal, detail
        self.inputs.refused()

    # The steps of the machine.

    def entered(self, state: str) -> None:
        was, self.state = self.state, state
        if was != state:
            self._desk.child_moved(self)

    def send_cancel(self) -> None:
        self._desk.send_cancel(self)

    def send_amend(self) -> None:
        self._desk.amending.send(self)

    def look_up(self) -> None:
        self._desk.look_up(self)

    def wish_cancel(self) -> None:
        self.is_unwanted = True
