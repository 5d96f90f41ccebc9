"""One pool on the sandbox, in one process and over real sockets; the test is everybody else, and decides what goes wrong.

The sandbox's own time stands still, so that nobody trades and no price moves but by the test. The pool's time is real, and
:meth:`HazardCase.make_later` makes it later at once.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import attrs
from twisted.internet import reactor as process_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from clients.surroundings import Surroundings
from execution.child import Child
from ledger.sql import SqlLedger
from model.decision import Decision
from model.money import ZERO
from model.order import Side
from model.settings import Settings
from model.snapshot import Snapshot
from model.transfer import Place
from runtime import wiring
from runtime.config import load
from sandbox import service
from sandbox.events import Change, Event, Matched, OrderChanged
from sandbox.faults import Kind
from sandbox.options import SandboxOptions
from sandbox.service import Sandbox, source_rules
from sandbox.trading import Rules, VenueOrder
from sandbox.venue import Venue
from tests.whole.running import EXAMPLE, edited
from trader.machine import READY
from trader.pool import Pool
from trader.worker import answer

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
POOL, CUSTOMER, MAKER, RIVAL = "pool", "customer-1", "maker of BTC/USD", "maker of BTC/HUF"
reactor: Any = process_reactor
#: Where the source's book is at first: its mid, USD per BTC.
PRICE = D(65_000)
#: So long anything may take on the slowest machine, in seconds. Nothing is asserted about it: it only ends a hung test.
PATIENCE = 40.0

#: A pool that covers every fill, so that what is left uncovered is a mistake.
CHANGES: Mapping[str, str] = {
    "trader.hedge": "immediate",
    "trader.period": "1",
    "limits.book_age": "3",
    "limits.transfers": "off",
    "sandbox.clock": "paused",
    "sandbox.customers_per_day": "0",
    "sandbox.trades_per_day": "0",
}


class SameProcess:
    """Decides at once and here: the deciding process has tests of its own, and each test here would wait for one to start."""

    def __init__(self, _reactor: Any) -> None:
        pass

    def decide(self, snapshot: Snapshot, settings: Settings) -> "Deferred[Decision]":
        """As :meth:`trader.deciding.Decider.decide`."""
        return deferLater(reactor, 0, answer, snapshot, settings)

    def warm_up(self) -> None:
        """There is nothing to start."""

    def close(self) -> None:
        """There is nothing to end."""


class HazardCase(TestCase):
    """A pool that is READY, and the levers of everything around it. ``changes`` are made to the example config."""

    changes: ClassVar[Mapping[str, str]] = {}
    #: What of the source's contract is other than in the sandbox, e.g. a larger ``min_quantity``.
    source_steps: ClassVar[Mapping[str, Decimal]] = {}
    #: Whether the pool is started before the test begins.
    is_started = True
    timeout = 100

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.patch(wiring, "Decider", SameProcess)
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.addCleanup(self.forget_calls)
        self.shift = timedelta()
        self.surroundings = Surroundings(reactor, self.now)
        url = {"ledger.url": f"sqlite:///{folder.name}/ledger.sqlite"}
        path = Path(folder.name) / "pool.ini"
        path.write_text(edited(EXAMPLE.read_text(encoding="utf-8"), {**CHANGES, **url, **self.changes}), encoding="utf-8")
        self.config = load(path)
        self.patch(service, "source_rules", self.source_rules)
        self.sandbox = Sandbox(self.config.sandbox or {}, reactor, self.now)
        self.source, self.target = self.sandbox.world.venues["kraken"], self.sandbox.world.venues["sputnik"]
        self.faults = self.sandbox.faults
        await self.sandbox.start()
        self.addCleanup(self.sandbox.stop)
        self.target.cancel_all(RIVAL)
        self.set_source(PRICE)
        self.endpoints = dict(self.sandbox.endpoints)
        self.begun = self.total()
        if self.is_started:
            await self.run_pool()

    def now(self) -> datetime:
        """The wall clock of pool and venues."""
        return datetime.now(UTC) + self.shift

    def source_rules(self, options: SandboxOptions) -> Rules:
        """The source's rules, with :attr:`source_steps`."""
        rules = source_rules(options)
        instruments = {
            name: attrs.evolve(found, **dict[str, Any](self.source_steps)) for name, found in rules.instruments.items()
        }
        return attrs.evolve(rules, instruments=instruments)

    # The pool.

    async def run_pool(self) -> None:
        """Start the pool (again, on the same ledger)."""
        exchanges = wiring.clients(self.config, self.surroundings, self.endpoints, self.sandbox.credentials)
        book_keeper = SqlLedger(self.config.ledger_url, reactor)
        await book_keeper.open()
        self.pool: Pool = wiring.pool(self.config, exchanges, book_keeper, self.surroundings)
        self.addCleanup(self.pool.close)
        self.pool.open()

    @staticmethod
    def forget_calls() -> None:
        """Cancel what the pool has put off, last of all: a process that has ended asks nothing more."""
        for call in reactor.getDelayedCalls():
            call.cancel()

    async def trade(self) -> None:
        """START, and wait until both sides are quoted."""
        await self.until(lambda: self.pool.state == READY, "the pool is READY")
        await self.pool.start("a test")
        await self.until_quoted()

    async def crash(self) -> None:
        """End the pool as a power cut would: it hears nothing more, sends nothing more, cancels nothing."""
        parts = self.pool.parts
        clients: list[Any] = [*parts.clients.values(), parts.fiat.client]
        for client in clients:
            client.remove_all_listeners()
        self.pool.cycle.stop()
        self.pool._beats.stop()
        for feed in (*parts.feeds.values(), parts.fiat):
            feed.close()
            await feed.client.disconnect()
        await parts.ledger.close()
        self.pool._is_closing = True  # nothing is left to close at the end of the test

    # What is so.

    async def until(self, condition: Callable[[], Any], what: str) -> Any:
        """Wait until ``condition`` is true; its value."""
        end = reactor.seconds() + PATIENCE
        while reactor.seconds() < end:
            if found := condition():
                return found
            await self.pause(0.01)
        raise AssertionError(f"in {PATIENCE:g} s it was never so that {what}; {self.told()}")

    def told(self) -> str:
        """What the pool says about itself, for a test that has failed."""
        view, parts = self.pool.view(), self.pool.parts
        return f"{view.state}, {view.reason!r}, {dict(view.quote_reasons)}, {parts.hedges.trouble!r}, exposure {view.exposure}"

    async def pause(self, seconds: float) -> None:
        """Let real time pass."""
        await deferLater(reactor, seconds, lambda: None)

    def make_later(self, seconds: float) -> None:
        """Make it later by so much, at once, for pool and venues."""
        self.shift += timedelta(seconds=seconds)

    def quotes(self, side: Side | None = None) -> list[VenueOrder]:
        """Our orders in the target's book, by the venue's own account."""
        return [order for order in self.target.open_orders(POOL) if side in (None, order.side)]

    def quote(self, side: Side) -> VenueOrder:
        """Our one order on this side."""
        (order,) = self.quotes(side)
        return order

    def price(self, side: Side) -> Decimal:
        """Of our one order on this side."""
        return self.quote(side).price or D(0)

    async def until_followed(self, side: Side, limit: Decimal) -> None:
        """Wait until no order of ours on this side is nearer to the other side of the book than ``limit``."""
        prices = lambda: [order.price or D(0) for order in self.quotes(side)]  # noqa: E731
        await self.until(lambda: all((limit - price) * side.sign >= 0 for price in prices()), f"{side.value} is beyond {limit}")

    async def until_quoted(self, *sides: Side) -> None:
        """Wait until each of ``sides`` (none named: both) has one order at the venue that the pool knows to be open."""
        wanted = sides or (BUY, SELL)

        def is_quoted() -> bool:
            live = {child.intent.side for child in self.pool.parts.quotes.live().values() if child.state == "OPEN"}
            return all(len(self.quotes(side)) == 1 and side in live for side in wanted)

        await self.until(is_quoted, f"quoted: {[side.value for side in wanted]}")

    async def until_pulled(self) -> None:
        """Wait until we have no order in the target's book."""
        await self.until(lambda: not self.quotes(), "no quote of ours is left")

    def total(self) -> Decimal:
        """All our BTC, by the venues' own account."""
        return sum((venue.accounts.of(POOL).balances["BTC"] for venue in (self.source, self.target)), D(0))

    def traded(self, venue: Any) -> Decimal:
        """What we have bought there, less what we have sold, by the venue's own account."""
        return sum((fill.side.sign * fill.quantity for fill in venue.fills(POOL)), D(0))

    async def until_covered(self, rest: Decimal = ZERO) -> None:
        """Wait until all that was traded on the target is traded back at the source but ``rest``, exactly, for good."""
        wanted = self.begun + rest
        await self.until(lambda: self.total() == wanted and not self.pool.parts.hedges.is_busy, f"we hold {wanted} BTC in all")
        await self.pause(0.3)
        self.assertEqual(self.total(), wanted)
        await self.until(self.is_true, "the pool's books are those of the venues")

    def is_true(self) -> bool:
        """Whether the pool's books are what the venues hold for it."""
        books = self.pool.parts.books
        pairs: tuple[tuple[Place, Venue, str], ...] = (("source", self.source, "USD"), ("target", self.target, "HUF"))
        return all(
            books.balance(place, ticker) == venue.accounts.of(POOL).balances[ticker]
            for place, venue, cash in pairs
            for ticker in (cash, "BTC")
        )

    # What others do.

    def set_source(self, mid: Decimal, quantity: str = "1", sides: Iterable[Side] = (BUY, SELL), levels: int = 5) -> None:
        """Make the source's book this and nothing else: ``levels`` a side, 5 USD apart, each of ``quantity``."""
        with self.source.together():
            self.source.cancel_all(MAKER)
            for side in sides:
                for level in range(1, levels + 1):
                    price = mid - side.sign * level * 5
                    self.source.place(MAKER, "BTC/USD", side, D(quantity), price.quantize(D("0.1")))

    def customer(self, side: Side, quantity: str) -> VenueOrder:
        """A customer takes what the target's book has, our quotes that is; what does not trade is gone."""
        return self.target.place(CUSTOMER, "BTC/HUF", side, D(quantity))

    def when_we_trade(self, venue: Any, act: Callable[[], object]) -> None:
        """Do it at our next trade there, before anybody has heard of that."""

        def hear(event: Event) -> None:
            if isinstance(event, Matched) and POOL in (event.passive.order.user, event.aggressor.order.user):
                unlisten()
                act()

        unlisten = venue.listen(hear)

    def when_hedge_comes(self, act: Callable[[], object]) -> None:
        """Do it when our next order reaches the source, before it is matched."""

        def hear(event: Event) -> None:
            if isinstance(event, OrderChanged) and event.order.user == POOL and event.change is Change.NEW:
                unlisten()
                act()

        unlisten = self.source.listen(hear)

    def cancel(self, side: Side) -> Child:
        """Have the pool cancel its quote on this side now; nobody has answered yet."""
        (child,) = (child for slot, child in self.pool.parts.quotes.live().items() if slot[0] is side)
        self.pool.parts.desks["target"].cancel(child)
        return child

    def hide_fills(self) -> None:
        """Have the target tell nothing of our trades, neither by its feeds nor in its history, until the faults are cleared."""
        self.faults.add("sputnik", "orders|fills|transactions", Kind.STALE)
        self.faults.add("sputnik", "rpc.trader.get_transaction_history", Kind.ERROR)

    def refuse_hedges(self, count: int | None, text: str = "EOrder:Insufficient funds") -> None:
        """Have the source refuse the next ``count`` orders (None: all until the faults are cleared)."""
        self.faults.add("kraken", "AddOrder", Kind.ERROR, count=count, text=text)

    def hedges(self) -> list[VenueOrder]:
        """All orders of ours that the source has had, filled or not."""
        return [*self.source.closed_orders(POOL), *self.source.open_orders(POOL)]
