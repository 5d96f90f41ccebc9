"""Agreeing with the venues: the one path of every start and every reconnect, after a crash as after a stop.

Own orders that are still out are found and cancelled, fills and postings that happened meanwhile are booked, and then the
venue's balances must equal the ledger's. What cannot be explained is a difference, and a person must look at it.
"""

from collections.abc import Mapping
from decimal import Decimal

import attrs
from twisted.internet.task import deferLater
from twisted.logger import Logger

from clients.errors import ExchangeError
from execution.desk import OrderDesk
from execution.looking_up import SKEW, at
from ledger.interface import LedgerError
from model.money import ZERO
from model.order import Fill, Order
from model.position import Position
from model.records import Obligation
from model.settings import Settings
from model.transfer import Place
from trader.parts import PLACES, Parts

#: How long our own orders may take to be cancelled at a start before it is tried again, in seconds.
PATIENCE = 30.0
#: Fills and postings may be on their way while balances are compared: so often is looked, so many seconds apart.
LOOKS, PAUSE = 6, 1.0

#: Orders of earlier runs that are over and still told apart from those that are not: so many, the newest.
RECENT = 2_000

Differences = dict[str, Decimal]


def as_text(differences: Differences) -> str:
    """For people: ``source BTC +0.01, target HUF -100``."""
    return ", ".join(f"{name} {gap:+f}" for name, gap in sorted(differences.items()))


class Reconciler:
    """Compares what we believe with what the venues say, and books what explains the gap."""

    log = Logger()

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._is_loaded = False

    async def agree(self, settings: Settings) -> Differences:
        """Agree with both venues. The differences that nothing explains: ``"source BTC"`` -> venue less books.

        :raises clients.errors.ExchangeError, ledger.interface.LedgerError: try again later; nothing is half done.
        """
        await self._load()
        if problems := await self._parts.ledger.unbalanced():
            raise LedgerError("the books do not add up: " + "; ".join(problems))
        for place in PLACES:
            await self._feed(place)
            await self._own_orders(place)
            if not self._parts.books.is_opened(place):
                await self._open_books(place, settings)
        for _look in range(LOOKS):
            differences: Differences = {}
            for place in PLACES:
                await self.catch_up(place)
                differences.update(await self.differences(place, settings))
            if not differences:
                return {}
            await deferLater(self._parts.reactor, PAUSE, lambda: None)
        return differences

    async def _load(self) -> None:
        if self._is_loaded:
            return
        parts = self._parts
        await parts.books.load()
        await parts.intake.load()
        await parts.transfers.load()
        for record in await parts.ledger.intents(False, RECENT):
            if record.state.is_final:
                parts.desks[record.intent.place].recall(record)
        for record in await parts.ledger.intents(True, 10_000):
            parts.desks[record.intent.place].adopt(record)
        for obligation in await parts.ledger.obligations(True, 1000):
            # Its exposure is in the books: the first decision after START sees it and asks anew.
            await parts.ledger.save_obligation(_released(obligation, parts.now()))
        self._is_loaded = True

    async def _feed(self, place: Place) -> None:
        await self._parts.feeds[place].open()

    async def _own_orders(self, place: Place) -> None:
        desk = self._parts.desks[place]
        try:
            shapes = await desk.client.getOpenOrders()
        except NotImplementedError:
            return
        orders = [Order.from_shape(shape) for shape in shapes.values()]
        there = {order.id for order in orders}
        for child in desk.children():
            if child.order_id is not None and child.order_id not in there:
                desk.close(child, None)
        for order in orders:
            if self._parts.names.is_ours(order.client_id) and desk.child_of(order.id) is None:
                await self._cancel_stray(desk, order)
        cancelled = desk.cancel_known()
        cancelled.addTimeout(PATIENCE, self._parts.reactor)
        await cancelled

    async def _cancel_stray(self, desk: OrderDesk, order: Order) -> None:
        """An order with our tag that no intent explains: of another ledger of ours, perhaps. It is ours to cancel."""
        self.log.warn("{place}: order {id} has our tag and no intent: cancelled", place=desk.place, id=order.id)
        try:
            await desk.client.cancelOrder(order.id)
        except ExchangeError as gone:
            self.log.info("{place}: {gone}", place=desk.place, gone=str(gone))

    async def _open_books(self, place: Place, settings: Settings) -> None:
        parts = self._parts
        now = parts.now()
        positions = await self.positions(place)
        parts.intake.begin_at(place, now)
        for ticker in self.tickers(place, settings):
            amount = positions[ticker].position if ticker in positions else ZERO
            await parts.books.adjust(f"opening-{place}-{ticker}", place, ticker, amount, "outside", "opening balance", now)
        await parts.intake.save_beginning(place)

    async def catch_up(self, place: Place) -> None:
        """Book the fills and postings that we have not been told of."""
        parts = self._parts
        start, end = parts.intake.since("fills", place), parts.now()
        try:
            shapes = await parts.clients[place].getTradeHistory(at(start), at(end + SKEW))
        except NotImplementedError:
            shapes = []
        for shape in shapes:
            fill = Fill.from_shape(shape)
            if fill.timestamp > parts.intake.opened(place):
                await parts.desks[place].book(fill)
        await parts.intake.read_to("fills", place, end)
        await parts.intake.read(place)

    async def positions(self, place: Place) -> Mapping[str, Position]:
        """What the venue says we hold."""
        shapes = await self._parts.clients[place].getPositions()
        return {ticker: Position.from_shape(ticker, shape) for ticker, shape in shapes.items()}

    async def differences(self, place: Place, settings: Settings) -> Differences:
        """What the venue says we hold, less our books, where they differ by more than ``max_difference``."""
        positions = await self.positions(place)
        found: Differences = {}
        for ticker in self.tickers(place, settings):
            there = positions[ticker].position if ticker in positions else ZERO
            gap = there - self._parts.books.balance(place, ticker)
            if abs(gap) > self._parts.limits.max_difference:
                found[f"{place} {ticker}"] = gap
        return found

    @staticmethod
    def tickers(place: Place, settings: Settings) -> tuple[str, str]:
        """The two tickers of the pool at ``place``."""
        return (settings.source if place == "source" else settings.target, settings.btc)

    async def accept(self, differences: Differences, who: str) -> None:
        """Book ``differences`` as they are: a person has looked."""
        parts = self._parts
        for name, gap in differences.items():
            place, _, ticker = name.partition(" ")
            note = f"difference accepted by {who}"
            where: Place = "source" if place == "source" else "target"
            await parts.books.adjust(f"accepted-{parts.names.next()}", where, ticker, gap, "difference", note, parts.now())


class Audit:
    """The same comparison while trading. A gap counts only if it stays the same, with nothing under way, for a while."""

    #: A gap must be seen so often in a row before the histories are read for it, and so often before it is believed.
    READ_AFTER, BELIEVE_AFTER = 2, 6

    def __init__(self, parts: Parts, reconciler: Reconciler) -> None:
        self._parts = parts
        self._reconciler = reconciler
        self._last: dict[Place, tuple[Differences, int]] = {}

    async def look(self, place: Place, settings: Settings) -> Differences:
        """Compare once; the differences, if they are to be believed."""
        before = self._parts.books.balances(place)
        found = await self._reconciler.differences(place, settings)
        if not found or self._is_moving(place) or before != self._parts.books.balances(place):
            self._last.pop(place, None)
            return {}
        last, seen = self._last.get(place, ({}, 0))
        seen = seen + 1 if last == found else 1
        self._last[place] = (found, seen)
        if seen >= self.READ_AFTER:
            await self._reconciler.catch_up(place)
        return found if seen >= self.BELIEVE_AFTER else {}

    def _is_moving(self, place: Place) -> bool:
        return any(child.state != "OPEN" for child in self._parts.desks[place].children())


def _released(obligation: Obligation, now: int) -> Obligation:
    return attrs.evolve(obligation, state="released", updated=now)
