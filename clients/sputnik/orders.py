"""Our own orders as the feeds tell them, and which executions that proves.

For each match Sputnik sends what it posted to the account, then an orders event with the smaller ``quantity_left``, then a
fill with price and fees; none of them says which match it is. Events may be stale (the first orders event of an order that
takes), doubled, lost, or overtake each other. So a fill is believed only where all three feeds agree and leave no choice:
one step of ``quantity_left`` without a fill, one new fill of just that quantity, and postings of just that quantity and
cost. Everything else leaves the order *untold*, until the account's history says what happened.
"""

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Mapping

from attrs import define, evolve, field

from clients.sputnik.wire import WireFill, WireOrder

#: Closed orders are remembered so long, against late and repeated events; a pool's quotes come and go all day.
CLOSED_KEPT = 2_000


@define
class OwnOrder:
    """One order. ``told``: how much of it has been told as fills, and ``sizes``: how many of them of which quantity; ``born``: it
    was placed no earlier (microseconds).

    Not told yet: ``steps``, the falls of quantity_left; ``waiting``, the fill events and what each cost; ``posted`` and
    ``paid``, the quantity and the cost posted to the account.
    """

    order: WireOrder
    born: int
    is_doubtful: bool = False
    told: int = 0
    sizes: Counter[int] = field(factory=Counter)
    posted: int = 0
    paid: int = 0
    steps: list[int] = field(factory=list)
    waiting: list[tuple[WireFill, int]] = field(factory=list)
    seen: set[tuple[int, int, int]] = field(factory=set)

    @property
    def is_untold(self) -> bool:
        """Whether something has happened to it that has not been told."""
        return bool(self.is_doubtful or self.waiting or self.posted or self.paid or self.told < self.order.filled)

    def step_to(self, order: WireOrder) -> bool:
        """Take over what is news in ``order``; whether anything was. Filled only grows, cancelled stays."""
        known = self.order
        left = min(known.left, order.left)
        # Cancelling a filled order makes Sputnik call it cancelled too, which it was not.
        is_cancelled = left > 0 and (known.is_cancelled or order.is_cancelled)
        if known.left > left:
            self.steps.append(known.left - left)
        self.order = evolve(known, left=left, is_cancelled=is_cancelled, timestamp=known.timestamp or order.timestamp)
        return self.order != known

    def heard_fill(self, fill: WireFill, cost: int) -> None:
        """A fill event. The same once more is a repeat, or a second match just like the first: the history knows."""
        face = (fill.timestamp, fill.price, fill.quantity)
        if face in self.seen:
            self.is_doubtful = self.is_untold
        else:
            self.seen.add(face)
            self.waiting.append((fill, cost))

    def proven(self) -> WireFill | None:
        """The fill that the events prove, if they leave no choice."""
        if self.is_doubtful or len(self.steps) != 1 or len(self.waiting) != 1:
            return None
        fill, cost = self.waiting[0]
        agreed = (self.steps[0], self.posted, self.paid, self.order.filled)
        if agreed != (fill.quantity, fill.quantity, cost, self.told + fill.quantity):
            return None
        self._all_told()
        self.told = self.order.filled
        self.sizes[fill.quantity] += 1
        return evolve(fill, nth=self.sizes[fill.quantity])

    def settle(self, filled: int, is_gone: bool) -> bool:
        """The history's word: ``filled`` of it, and whether it is ``is_gone`` from the venue; whether that is news."""
        left = self.order.quantity - max(self.order.filled, filled)
        is_news = self.step_to(evolve(self.order, left=left, is_cancelled=self.order.is_cancelled or is_gone))
        self.told = max(self.told, filled)
        if self.told >= self.order.filled:
            self._all_told()
            self.is_doubtful = False
        return is_news

    def _all_told(self) -> None:
        self.steps, self.waiting, self.posted, self.paid = [], [], 0, 0


@define
class OwnOrders:
    """All of them, by id, in wire units; no I/O. What was told is never told again as new.

    ``strays`` are orders of ours that only a fill or a posting has named.
    """

    strays: set[int] = field(factory=set, init=False)
    _orders: OrderedDict[int, OwnOrder] = field(factory=OrderedDict, init=False)

    def placed(self, order: WireOrder, born: int) -> None:
        """The venue has accepted ``order``, sent after ``born``; its event may have come before, or may never come."""
        if order.id not in self._orders:
            self._add(order, born)

    def heard_order(self, order: WireOrder) -> tuple[WireOrder | None, WireFill | None]:
        """An orders event: the order if that is news, and the fill that is proven by it."""
        known = self._orders.get(order.id)
        if known is None:
            self._add(order, order.timestamp)
            return order, None
        is_news = known.step_to(order)
        return (known.order if is_news else None), known.proven()

    def heard_fill(self, fill: WireFill, cost: int) -> WireFill | None:
        """A fills event, and what it cost by its price: the fill with its id, if it is proven now."""
        known = self._orders.get(fill.order_id)
        if known is None:
            self.strays.add(fill.order_id)
            return None
        known.heard_fill(fill, cost)
        return known.proven()

    def heard_posting(self, order_id: int, quantity: int, cost: int) -> WireFill | None:
        """The account was moved by ``quantity`` or ``cost`` (each has its own posting): the fill that is proven by it."""
        known = self._orders.get(order_id)
        if known is None:
            self.strays.add(order_id)
            return None
        known.posted += quantity
        known.paid += cost
        return known.proven()

    def doubt(self, order_id: int) -> None:
        """Let the history say what became of an order."""
        known = self._orders.get(order_id)
        if known is None:
            self.strays.add(order_id)
        else:
            known.is_doubtful = True

    def ids(self) -> set[int]:
        """Every order that is known now."""
        return set(self._orders)

    def contract(self, order_id: int) -> str | None:
        """What the order trades, if it is known."""
        known = self._orders.get(order_id)
        return known.order.contract if known else None

    def untold(self) -> set[int]:
        """The orders about which only the history can tell what happened."""
        return {id for id, known in self._orders.items() if known.is_untold}

    def born(self, ids: Iterable[int]) -> int:
        """None of the orders ``ids`` was placed earlier (microseconds); 0 if one of them is not known."""
        return min((self._orders[id].born if id in self._orders else 0 for id in ids), default=0)

    def snapshot(self, listed: Mapping[int, WireOrder], before: Collection[int]) -> list[WireOrder]:
        """Compare with the open orders that the venue lists; those whose state is news.

        One that was open and is not listed becomes doubtful. ``before``: the orders known when the list was asked for;
        a younger one may be missing from it.
        """
        news = []
        for order in listed.values():
            known = self._orders.get(order.id)
            if known is None:
                self._add(order, order.timestamp)
                news.append(order)
            elif known.step_to(order):
                news.append(known.order)
        for id in before:
            known = self._orders.get(id)
            if known and known.order.is_open and id not in listed:
                known.is_doubtful = True
        return news

    def settle(
        self, ids: Collection[int], strays: Collection[int], listed: Collection[int], fills: Iterable[WireFill]
    ) -> tuple[list[WireOrder], list[WireFill]]:
        """The history's word on the orders ``ids`` and on ``strays``: the orders whose state is news, and the new fills.

        ``listed`` are the orders that were open *before* the history was read, and every one of ``ids`` was known before
        that: so one that is neither listed nor wholly filled was cancelled. ``fills`` hold theirs, from their beginning.
        """
        new_fills = []
        filled: Counter[int] = Counter()
        for fill in fills:
            known = self._orders.get(fill.order_id)
            if known is None and fill.order_id in strays:
                new_fills.append(fill)
            elif known is not None and fill.order_id in ids:
                filled[fill.order_id] += fill.quantity
                if fill.nth > known.sizes[fill.quantity]:
                    known.sizes[fill.quantity] = fill.nth
                    new_fills.append(fill)
        settled = [(self._orders[id], filled[id], id not in listed) for id in ids if id in self._orders]
        news = [known.order for known, done, is_gone in settled if known.settle(done, is_gone)]
        self.strays.difference_update(strays)
        return news, new_fills

    def _add(self, order: WireOrder, born: int) -> None:
        # What it filled before we first heard of it is for the history to tell.
        self._orders[order.id] = OwnOrder(order, born, is_doubtful=order.filled > 0)
        if len(self._orders) > CLOSED_KEPT:
            closed = [id for id, known in self._orders.items() if not known.order.is_open and not known.is_untold]
            for id in closed[: len(self._orders) - CLOSED_KEPT]:
                del self._orders[id]
