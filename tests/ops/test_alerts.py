"""Each alert rule fires when its cause is there, on what the real pool tells: faults at the venues, in the disk, in the clock."""

import shutil
import sqlite3
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import attrs
from twisted.internet import reactor as process_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater

from model.decision import Decision, Transfer
from optimizer.decide import decide
from runtime import wiring
from runtime.notify import MOST_WAITING
from runtime.secrets import Secret
from sandbox.faults import Kind
from tests.hazards.world import PRICE, SELL, D
from tests.ops.observed import ObservedCase, shows
from trader import worker
from trader.machine import DISCONNECTED, HALTED
from trader.worker import answer

reactor: Any = process_reactor


class VenueAlerts(ObservedCase):
    """What is wrong with what the pool must know."""

    @shows("IlpVenueDisconnected", "IlpNotTrading")
    async def test_a_venue_that_is_gone(self) -> None:
        """The source breaks off and lets nobody in: disconnected, and not trading though a person has started."""
        self.faults.add("kraken", "connect", Kind.REFUSE_CONNECT)
        await self.sandbox.restart("kraken", cancel_orders=False)
        await self.until_pulled()
        self.assertEqual(self.pool.state, DISCONNECTED)

    @shows("IlpInputBad")
    async def test_balances_that_are_too_old(self) -> None:
        """The source does not tell our balances for longer than their age."""
        self.faults.add("kraken", "Balance.*", Kind.ERROR)
        self.make_later(121)
        await self.until_pulled()

    @shows("IlpClockSkew")
    async def test_a_clock_that_is_off(self) -> None:
        """The source's clock runs 5 s ahead of ours."""
        self.patch(type(self.pool.parts.clients["source"]), "clock_offset", property(lambda _client: 5.0))


class LossAlerts(ObservedCase):
    """A day's limit on losses."""

    changes: ClassVar[Mapping[str, str]] = {"limits.max_loss_per_day": "20"}

    @shows("IlpHalted", "IlpGuardTripped", "IlpLossLimitNear")
    async def test_a_loss(self) -> None:
        """-2 % between a fill and its hedge."""
        self.when_hedge_comes(lambda: self.set_source(PRICE * D("0.98")))
        self.customer(SELL, "0.05")
        await self.until(lambda: self.pool.state == HALTED, "the pool is HALTED")


class HedgeAlerts(ObservedCase):
    """What was traded and cannot be covered."""

    @shows("IlpHedgeEscalated", "IlpHedgeOpenLong", "IlpTaskWaiting", "IlpOrdersRefused", "IlpNotifierFailing")
    async def test_a_hedge_that_is_refused(self) -> None:
        """The source refuses every order: refused, escalated, open for long, a task; and whom it is told does not listen."""
        self.refuse_hedges(None)
        self.customer(SELL, "0.05")
        await self.until(lambda: self.pool.parts.tasks.open, "a person is asked")
        (post,) = self.notifier.posts
        await self.until(lambda: post.outcomes["failed"], "the message is not taken")
        self.make_later(61)

    @shows("IlpFillToHedgeSlow")
    async def test_a_source_that_answers_late(self) -> None:
        """The source takes 2.5 s for each order of ours."""
        self.faults.add("kraken", "AddOrder", Kind.DELAY, seconds=D("2.5"))
        self.faults.add("kraken", "executions", Kind.STALE)
        self.customer(SELL, "0.05")
        await self.until(lambda: self.hedges(), "the hedge is there")
        await self.pause(3)

    @shows("IlpOrderUnknown")
    async def test_an_order_of_which_nothing_is_proven(self) -> None:
        """The source does not answer to the hedge's order, and cannot be asked for it."""
        self.faults.add("kraken", "AddOrder", Kind.NO_ANSWER)
        self.faults.add("kraken", "OpenOrders|TradesHistory", Kind.ERROR, text="EService:Unavailable")
        self.customer(SELL, "0.05")
        child = await self.until(lambda: self.pool.parts.desks["source"].children(), "the order is sent")
        child[0].inputs.lost()  # its time-out, which would take as long as a venue may


class DeafPeople(ObservedCase):
    """Whoever takes the messages never answers."""

    async def test_the_pool_goes_on(self) -> None:
        """A thousand notices for a server that hangs: customers are served, and their fills covered, as if nothing was."""
        port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        url = Secret(f"http://127.0.0.1:{port.getHost().port}/")
        config = attrs.evolve(self.config, notices=attrs.evolve(self.config.notices, url=url))
        notifier = wiring.notifier(config, self.surroundings)
        self.addCleanup(notifier.close)
        for _ in range(1000):
            notifier.notify("halted", "nobody hears this")
        self.customer(SELL, "0.05")
        await self.until_covered()
        await self.until_quoted()
        (post,) = notifier.posts
        self.assertEqual((post.outcomes["sent"], post.outcomes["failed"], post.waiting), (0, 0, MOST_WAITING))


class ExposureAlerts(ObservedCase):
    """More than may be left open."""

    changes: ClassVar[Mapping[str, str]] = {"trader.max_exposure": "0.02"}

    @shows("IlpExposureUnhedged")
    async def test_nobody_to_hedge_with(self) -> None:
        """Nobody is left in the source's book when we hear that a customer has sold us more than max_exposure."""
        self.hide_fills()
        self.customer(SELL, "0.05")
        self.set_source(PRICE, sides=())
        await self.until_pulled()
        self.faults.clear()
        await self.until(lambda: self.pool.gatherer.exposure(self.pool.settings) > D("0.02"), "the fill is heard of")


class TransferAlerts(ObservedCase):
    """Money on its way."""

    changes: ClassVar[Mapping[str, str]] = {"limits.transfers": "automatic"}

    @shows("IlpTransitOverdue")
    async def test_a_transfer_that_does_not_arrive(self) -> None:
        """Coins leave, the network stands still, and their time is over."""
        self.pool.parts.transfers.carry_out([Transfer("source", "target", "BTC", D("0.1"))], lambda _transfer: D(1))
        transits = self.pool.parts.transfers.transits
        await self.until(lambda: any(t.state in ("requested", "travelling") for t in transits.values()), "it has left")
        self.make_later(100_000)


class DecisionAlerts(ObservedCase):
    """An optimiser that is not what it should be."""

    @shows("IlpDecisionSlow", "IlpEventLoopLag")
    async def test_a_slow_optimiser(self) -> None:
        """Each decision takes 1.3 s; here in the pool's own process, which is late for everything else meanwhile."""

        def slowly(snapshot: Any, settings: Any) -> Decision:
            time.sleep(1.3)  # a solver holds the processor as this does
            return decide(snapshot, settings)

        self.patch(worker, "decide", slowly)
        begun = self.count()
        await self.until(lambda: self.count() > begun + 2, "it has decided three times")
        await self.until(lambda: self.pool.chronicle.worst_lag > 0.5, "the reactor has been late")

    def count(self) -> float:
        """Decisions so far."""
        return self.pool.parts.meters.registry.get_sample_value("ilp_decisions_total", {"verdict": "act"}) or 0

    @shows("IlpDecisionGapLarge")
    async def test_a_loose_proof(self) -> None:
        """The optimiser proves no more than that it could be 50 USD better."""

        def loosely(snapshot: Any, settings: Any) -> Decision:
            found = answer(snapshot, settings)
            assert found.optimized is not None
            return attrs.evolve(found, optimized=attrs.evolve(found.optimized, bound=found.optimized.bound + 50))

        self.patch(self.pool.parts.decider, "decide", lambda *asked: deferLater(reactor, 0, loosely, *asked))
        begun = self.count()
        await self.until(lambda: self.count() > begun + 2, "it has decided three times")

    @shows("IlpDecisionsMissing")
    async def test_an_optimiser_that_says_nothing(self) -> None:
        """No answer comes, neither a decision nor that there is none."""
        self.patch(self.pool.parts.decider, "decide", lambda *_: Deferred())
        self.make_later(61)
        self.pool.cycle.request()
        await self.pause(0.2)

    @shows("IlpTickToQuoteSlow")
    async def test_a_target_that_answers_late(self) -> None:
        """The target takes 2.5 s for each order of ours, and tells nothing of them, when quotes must follow the source."""
        self.faults.add("sputnik", "rpc.trader.place_order", Kind.DELAY, seconds=D("2.5"))
        self.faults.add("sputnik", "orders", Kind.STALE)
        self.set_source(PRICE * D("1.004"))
        timed = lambda: self.pool.parts.meters.registry.get_sample_value("ilp_tick_to_quote_seconds_count")  # noqa: E731
        before = timed()
        await self.until(lambda: timed() != before, "a quote has followed")


class BudgetAlerts(ObservedCase):
    """No more orders for now."""

    changes: ClassVar[Mapping[str, str]] = {"limits.max_orders_per_minute": "6"}

    @shows("IlpOrderBudgetExhausted")
    async def test_a_restless_source(self) -> None:
        """The source moves until the orders of a minute are used up."""
        budget = self.pool.parts.quotes.budget
        for step in range(1, 9):
            self.set_source(PRICE * (1 + D("0.004") * step))
            await self.pause(0.4)
            if not budget.left:
                break
        self.assertEqual(budget.left, 0)


class HealthAlerts(ObservedCase):
    """The machine under the pool."""

    @property
    def ledger_file(self) -> str:
        """Where the pool remembers."""
        return self.config.ledger_url.removeprefix("sqlite:///")

    @shows("IlpLedgerSlow")
    async def test_a_database_that_is_held(self) -> None:
        """Another program holds the ledger's database for a second."""
        other = sqlite3.connect(self.ledger_file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await self.pause(1.5)
        other.execute("ROLLBACK")
        other.close()
        await self.pause(0.5)

    @shows("IlpLedgerFailed")
    async def test_a_database_that_is_gone(self) -> None:
        """What the ledger is asked to write it cannot: its tables are gone."""
        other = sqlite3.connect(self.ledger_file, isolation_level=None)
        other.execute("ALTER TABLE intents RENAME TO elsewhere")
        self.customer(SELL, "0.05")
        await self.until(lambda: self.pool.gatherer.ledger_problem, "it is noticed")
        await self.until_pulled()
        self.scrape()
        other.execute("ALTER TABLE elsewhere RENAME TO intents")
        other.close()

    @shows("IlpDiskNearlyFull")
    async def test_a_disk_that_fills(self) -> None:
        """The file system has 1.5 GB left."""
        self.patch(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1_500_000_000))

    @shows("IlpHeartbeatMissing")
    async def test_a_heartbeat_that_cannot_be_written(self) -> None:
        """The folder of the heartbeat's file is taken away."""
        shutil.rmtree(self.heartbeat_file.parent)
        self.make_later(16)
        await self.pause(1.2)
