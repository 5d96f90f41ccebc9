"""Our quotes on the target: what is wanted, what is there, and the shortest safe way from one to the other.

A slot is a side and a level. Each slot wants at most one order; :meth:`Quotes.converge` is called whenever anything has
changed and asks for the next step of every slot: keep, cancel, wait, place. So a cancel is always confirmed before its
replacement goes out, and our own bid and ask cannot meet. The replacement is written down while its cancel is under way,
so that it can go out as soon as that is confirmed. Where the venue can, an order that nothing has traded of is amended
instead (:mod:`execution.amending`), one amend at a time; whatever else is wanted by its end is seen then.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from execution.child import Child
from execution.child_order import AMENDING
from execution.desk import OrderDesk
from execution.intents import Names
from execution.rate_budget import RateBudget
from model.decision import Quote
from model.money import ZERO
from model.order import Side
from model.records import OrderIntent

Slot = tuple[Side, int]
#: What has become of a quote since it was decided: what should be offered now; None: nothing.
Since = Callable[[Quote], Quote | None]

#: A quote that has traded is put back to its full size when less than this share is left; one that has not is replaced
#: when the size wanted now differs by more than it is worth its place in the queue.
TOP_UP_BELOW, REPLACE_BELOW = Decimal("0.75"), Decimal("0.95")


def is_kept(child: Child, wanted: Quote) -> bool:
    """Whether a live order serves a wanted quote as it stands: its price in the band, its size neither over nor used up."""
    in_band = wanted.keep_from <= child.meant.price <= wanted.keep_to
    least = TOP_UP_BELOW if child.filled else REPLACE_BELOW
    return in_band and wanted.quantity * least <= child.left <= wanted.quantity


def is_dangerous(child: Child, wanted: Quote | None) -> bool:
    """Whether a live order offers more than is wanted: a better price, or a larger size, or anything at all."""
    if wanted is None or child.left > wanted.quantity:
        return True
    price = child.meant.price
    return price > wanted.keep_to if wanted.side is Side.BUY else price < wanted.keep_from


def _as_it_is(quote: Quote) -> Quote | None:
    return quote


class Quotes:
    """The quotes of one target. ``reasons`` says, per side, why it is not quoted; empty text: it is, or is about to be."""

    log = Logger()

    def __init__(
        self, desk: OrderDesk, names: Names, contract: str, budget: RateBudget, now: Callable[[], int], post_only: bool
    ) -> None:
        self.reasons: dict[str, str] = {side.value: "not trading" for side in Side}
        self.decision_id: str | None = None
        self._desk = desk
        self._names = names
        self._contract = contract
        self.budget = budget
        self._now = now
        self._post_only = post_only
        self._decided: dict[Slot, Quote] = {}
        self._since: Since = _as_it_is
        self._wanted: dict[Slot, Quote] = {}
        self._children: dict[Slot, Child] = {}
        self._counted: dict[Child, Decimal] = {}
        self._ahead: dict[Slot, tuple[OrderIntent, Deferred[None]]] = {}

    def want(self, quotes: Iterable[Quote], reasons: Mapping[str, str], decision_id: str, since: "Since | None" = None) -> None:
        """From now on these quotes are wanted and no others: what is in their way is cancelled now, and :meth:`converge`
        places them. What is more urgent than a quote may be sent between the two. ``since`` says what has become of each
        since it was decided, now and whenever :meth:`follow` is called."""
        self._since = since or _as_it_is
        self._decided = {(quote.side, quote.level): quote for quote in quotes}
        self._wanted = {slot: now for slot, quote in self._decided.items() if (now := self._since(quote)) is not None}
        self._counted = {child: child.filled for child in self._children.values()}
        self.decision_id = decision_id
        for side in Side:
            is_wanted = any(slot[0] is side for slot in self._wanted)
            self.reasons[side.value] = "" if is_wanted else reasons.get(side.value, "not offered")
        self._withdraw()

    def would_change(self, quotes: Iterable[Quote]) -> bool:
        """Whether wanting these quotes would send anything."""
        wanted = {(quote.side, quote.level): quote for quote in quotes}
        live = self.live()
        return wanted.keys() != live.keys() or not all(is_kept(live[slot], quote) for slot, quote in wanted.items())

    def overtaken(self) -> Mapping[Slot, Quote | None]:
        """The slots in which more is offered than should be by now, and what should be; None: nothing."""
        live = self.live()
        found: dict[Slot, Quote | None] = {}
        for slot, quote in self._decided.items():
            now, offered = self._since(quote), live.get(slot)
            is_staying = offered is not None and not offered.is_unwanted
            is_wrong = is_dangerous(offered, now) if offered and is_staying else now != self._wanted.get(slot)
            if is_wrong:
                found[slot] = now
        return found

    def follow(self, overtaken: Mapping[Slot, Quote | None]) -> None:
        """Take back what offers too much by now, as :meth:`overtaken` has just said; :meth:`converge` offers what is still right
        instead. Nothing is offered closer than it was decided."""
        for slot, now in overtaken.items():
            if now is None:
                self._wanted.pop(slot, None)
                self.reasons[slot[0].value] = "the source has moved: deciding anew"
            else:
                self._wanted[slot] = now
        self._withdraw()

    def pull(self, reason: str) -> None:
        """Have no quotes, for ``reason``. Safe to repeat."""
        self._wanted, self._decided = {}, {}
        for side in Side:
            self.reasons[side.value] = reason
        for child in self._desk.children("quote"):
            self._desk.cancel(child)
        self._give_up_ahead()

    def moved(self, child: Child) -> bool:
        """An order of ours has changed. One that ended otherwise than by our cancel, or has traded since the decision that
        is being followed, has overtaken it: its slot stays empty until the next one. True: that one is wanted at once."""
        slot = (child.intent.side, child.intent.level)
        traded = max(child.filled, child.told_filled or ZERO)
        is_overtaken = traded > self._counted.get(child, ZERO) or not child.is_unwanted
        if child.is_over and is_overtaken:
            self._decided.pop(slot, None)
        is_dropped = child.is_over and is_overtaken and self._wanted.pop(slot, None) is not None
        if is_dropped:
            self.reasons[slot[0].value] = child.detail or "traded: deciding anew"
        self.converge()
        return is_dropped and not child.detail  # what the venue refused is not hammered: the regular round asks again

    @property
    def is_pulled(self) -> bool:
        """Whether no quote is wanted, nor would be if the source came back to where it was."""
        return not self._decided

    def live(self) -> dict[Slot, Child]:
        """The orders in the slots."""
        return {slot: child for slot, child in self._children.items() if not child.is_over}

    def wanted(self) -> Mapping[Slot, Quote]:
        """What is wanted, by slot."""
        return self._wanted

    def decided(self) -> Mapping[Slot, Quote]:
        """What was decided, by slot, as it was then."""
        return self._decided

    def converge(self) -> None:
        """Take the next step in every slot. Safe to call at any time."""
        self._withdraw()
        self._give_up_ahead()
        for slot in sorted(self._wanted, key=lambda slot: slot[1]):
            if slot not in self._children:
                self._place(slot, self._wanted[slot])
            elif self._children[slot].is_unwanted and self.budget.has_one and slot not in self._ahead:
                intent = self._intent(self._wanted[slot])
                self._ahead[slot] = intent, self._desk.write_ahead(intent)

    def _give_up_ahead(self) -> None:
        """What was written ahead and is wanted otherwise by now, or not at all, is not sent."""
        for slot, (intent, written) in list(self._ahead.items()):
            quote = self._wanted.get(slot)
            if quote is None or (quote.price, quote.quantity) != (intent.price, intent.quantity):
                self._desk.not_sent(intent, written)
                del self._ahead[slot]

    def _withdraw(self) -> None:
        """Cancel what is in the way."""
        self._children = self.live()
        slotted = {child.intent.id for child in self._children.values()}
        for child in self._desk.children("quote"):
            if child.intent.id not in slotted:
                self._desk.cancel(child)
        for slot, child in self._children.items():
            if not self._fits(slot, child):
                self._drop(slot, child)

    def _fits(self, slot: Slot, child: Child) -> bool:
        wanted = self._wanted.get(slot)
        return wanted is not None and not child.is_unwanted and is_kept(child, wanted)

    def _drop(self, slot: Slot, child: Child) -> None:
        """Amend a misfit, or else cancel it; but one that only offers less than is wanted stays while there is no order left
        to replace it by."""
        wanted = self._wanted.get(slot)
        if wanted is not None and (child.state == AMENDING or self._amend(child, wanted)):
            return
        if is_dangerous(child, wanted) or self.budget.has_one:
            self._desk.cancel(child)
        else:
            self.reasons[slot[0].value] = "rate budget used up: a more cautious quote is left"

    def _amend(self, child: Child, wanted: Quote) -> bool:
        """Have ``child`` become what is wanted in its slot; False: it cannot."""
        if not self._desk.amending.can(child) or self._would_meet_our_own(wanted) or not self.budget.take():
            return False
        self.reasons[wanted.side.value] = ""
        self._desk.amending.begin(child, self._intent(wanted))
        return True

    def _place(self, slot: Slot, quote: Quote) -> None:
        side = slot[0]
        if self._would_meet_our_own(quote):
            self.reasons[side.value] = "waiting for our own order on the other side to go"
            return
        if not self.budget.take():
            self.reasons[side.value] = "rate budget used up"
            return
        self.reasons[side.value] = ""
        intent, written = self._ahead.pop(slot, None) or (self._intent(quote), None)
        self._children[slot] = self._desk.place_order(intent, post_only=self._post_only, written=written)

    def _intent(self, quote: Quote) -> OrderIntent:
        return OrderIntent(
            self._names.next(),
            self._desk.place,
            self._contract,
            quote.side,
            quote.price,
            quote.quantity,
            "quote",
            self._now(),
            quote.level,
            None,
            self.decision_id,
        )

    def _would_meet_our_own(self, quote: Quote) -> bool:
        others = [terms.price for child in self._desk.children() for terms in child.terms if terms.side is not quote.side]
        if quote.side is Side.BUY:
            return any(quote.price >= price for price in others)
        return any(quote.price <= price for price in others)
