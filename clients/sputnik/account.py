"""Our account as the venue tells it: orders, executions and money, live where the events prove it, else from the history."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from twisted.logger import Logger

from clients.sputnik.contracts import Contract
from clients.sputnik.history import fills_of, traded_order, transactions_of
from clients.sputnik.orders import OwnOrders
from clients.sputnik.session import Session
from clients.sputnik.signing import user_topic
from clients.sputnik.wire import (
    Posting,
    WireFill,
    WireOrder,
    fill_shape,
    order_shape,
    read_fill,
    read_history,
    read_open_orders,
    read_order,
    read_posting,
)
from model.shapes import FillShape, TransactionShape

#: How many money movements are remembered as told.
TOLD_KEPT = 1_000


class Account:
    """Listens to our three feeds and answers from the history.

    ``emit(event, shape)`` passes on what is proven; ``in_doubt()`` asks for :meth:`compare` soon. ``slack``: by how many
    microseconds the venue's clocks may differ from ours or from each other. Only cash pairs are followed: executions of
    other types cannot be put together again from the history.
    """

    log = Logger()

    def __init__(
        self, microseconds: Callable[[], int], slack: int, emit: Callable[[str, Any], object], in_doubt: Callable[[], object]
    ) -> None:
        self.contracts: Mapping[str, Contract] = {}
        self._microseconds = microseconds
        self._slack = slack
        self._emit = emit
        self._in_doubt = in_doubt
        self._own = OwnOrders()
        self._told: OrderedDict[str, None] = OrderedDict()
        self._compared_at: int | None = None
        self._missed_since: int | None = None
        self._money_since: int | None = None

    @property
    def is_clear(self) -> bool:
        """Whether all that we know of has been told."""
        return not (self._own.untold() or self._own.strays or self._missed_since is not None or self._money_since is not None)

    def placed(self, order: WireOrder, sent_at: int) -> None:
        """An order of ours has been accepted; ``sent_at`` (microseconds, ours) is when it was sent."""
        self._own.placed(order, sent_at)

    # Live

    async def listen(self, session: Session) -> None:
        """Subscribe to our own feeds."""
        listeners = {"orders": self._heard_order, "fills": self._heard_fill, "transactions": self._heard_posting}
        for feed, listener in listeners.items():
            await session.subscribe(user_topic(feed, session.access.id), self._guarded(feed, listener))

    def missed_events(self) -> None:
        """Something may have happened unheard since the last comparison: the history must be read from there."""
        if self._missed_since is None:
            self._missed_since = self._compared_at

    def _guarded(self, feed: str, listener: Callable[[Any], None]) -> Callable[[Any], None]:
        def heard(raw: Any) -> None:
            try:
                listener(raw)
            except ValueError as problem:
                self.log.error("an event of {feed} that makes no sense: {problem}", feed=feed, problem=str(problem))
                self.missed_events()
            if not self.is_clear:
                self._in_doubt()

        return heard

    def _heard_order(self, raw: Any) -> None:
        order = read_order(raw)
        if self._is_followed(order.contract):
            news, fill = self._own.heard_order(order)
            self._tell([news] if news else [], [fill] if fill else [])

    def _heard_fill(self, raw: Any) -> None:
        fill = read_fill(raw)
        if self._is_followed(fill.contract):
            cost = self.contracts[fill.contract].cost(fill.quantity, fill.price)
            proven = self._own.heard_fill(fill, cost)
            self._tell([], [proven] if proven else [])

    def _heard_posting(self, raw: Any) -> None:
        posting = read_posting(raw)
        if posting.kind != "Trade":
            # The live event has another timestamp than the history, by which it is known: it only says when to look.
            self._money_since = _earlier(self._money_since, posting.timestamp)
            return
        order = traded_order(posting)
        if order is not None:
            ticker = self._own.contract(order[0])
            is_payout = ticker is None or self.contracts[ticker].payout == posting.contract
            amounts = (posting.quantity, 0) if is_payout else (0, posting.quantity)
            proven = self._own.heard_posting(order[0], *amounts)
            self._tell([], [proven] if proven else [])

    def _is_followed(self, ticker: str) -> bool:
        return ticker in self.contracts and self.contracts[ticker].is_pair

    def _tell(self, orders: list[WireOrder], fills: list[WireFill]) -> None:
        # Fills first: whoever hears that an order is done may ask at once what it brought.
        for fill in fills:
            self._emit("trade", fill_shape(fill, self.contracts))
        for order in orders:
            self._emit("order", order_shape(order, self.contracts[order.contract]))

    # From the history

    async def compare(self, session: Session) -> None:
        """List the open orders and read as much history as is needed to tell all that was not told.

        :raises ExchangeError: as the calls do; ValueError for answers that make no sense. All is as much in doubt then as
            before.
        """
        # Taken now, so that what is missed while we look is looked at once more.
        missed, self._missed_since = self._missed_since, None
        money, self._money_since = self._money_since, None
        try:
            await self._compare(session, missed, money)
        except Exception:
            self._missed_since = _earlier(missed, self._missed_since)
            self._money_since = _earlier(money, self._money_since)
            raise

    async def _compare(self, session: Session, missed: int | None, money: int | None) -> None:
        started, before = self._microseconds(), self._own.ids()
        if self._compared_at is None:
            await self._learn_the_past(session, started)
        listed = read_open_orders(await session.call("trader.get_open_orders"))
        listed = {id: order for id, order in listed.items() if self._is_followed(order.contract)}
        self._tell(self._own.snapshot(listed, before), [])
        since = _earlier(missed, money)
        if since is not None:
            postings = await self._history(session, since - self._slack)
            if missed is not None:
                self._doubt_traded(postings)
            self._tell_money(postings)
        await self._settle(session, before | listed.keys(), listed)
        self._compared_at = started

    async def _learn_the_past(self, session: Session, started: int) -> None:
        """What has moved before we first came is not told as news; later reads begin earlier than needed, by the slack."""
        past = transactions_of(await self._history(session, started - self._slack), self.contracts)
        self._told.update((shape["id"], None) for shape in past)

    def _doubt_traded(self, postings: list[Posting]) -> None:
        for order in map(traded_order, postings):
            if order is not None:
                self._own.doubt(order[0])

    async def _settle(self, session: Session, known: set[int], listed: Mapping[int, WireOrder]) -> None:
        ids, strays = self._own.untold() & known, set(self._own.strays)
        if not ids and not strays:
            return
        fills = await self._fills(session, self._own.born(ids | strays))
        orders, new = self._own.settle(ids, strays, listed, fills)
        self._tell(orders, new)

    def _tell_money(self, postings: list[Posting]) -> None:
        for shape in transactions_of(postings, self.contracts):
            if shape["id"] not in self._told:
                self._told[shape["id"]] = None
                self._emit("transaction", shape)
        while len(self._told) > TOLD_KEPT:
            self._told.popitem(last=False)

    async def transactions(self, session: Session, start: int, end: int) -> list[TransactionShape]:
        """Money in and out between two moments (microseconds), oldest first."""
        return transactions_of(await self._history(session, start, end), self.contracts)

    async def trades(self, session: Session, start: int, end: int) -> list[FillShape]:
        """Executions between two moments, oldest first.

        Their ids count from each order's beginning, so the history is read from there, or from its own beginning where
        we have not seen the order placed.
        """
        postings = await self._history(session, start, end)
        ids = {order[0] for order in map(traded_order, postings) if order is not None}
        if not ids:
            return []
        born = self._own.born(ids) - self._slack
        if born < start:
            postings = await self._history(session, born, end)
        fills = fills_of(postings, self.contracts)
        return [fill_shape(fill, self.contracts) for fill in fills if fill.timestamp >= start]

    async def _fills(self, session: Session, born: int) -> list[WireFill]:
        return fills_of(await self._history(session, born - self._slack), self.contracts)

    async def _history(self, session: Session, start: int, end: int | None = None) -> list[Posting]:
        """Postings from ``start``; without ``end`` until now, which the venue's own clock says best."""
        span = (max(0, start),) if end is None else (max(0, start), end)
        return read_history(await session.call("trader.get_transaction_history", *span))


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
