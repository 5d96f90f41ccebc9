"""Scenarios e and e2: what happened while the pool was away, or is left by it, is found and hedged, once."""

from sandbox.faults import Kind
from tests.hazards.world import POOL, SELL, D, HazardCase
from trader.machine import READY


class Restarts(HazardCase):
    """research/hummingbot_measured.md section 4, rows e and e2, both columns."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.trade()

    async def test_e_a_fill_while_away(self) -> None:
        """e: the pool dies, its bid fills, it is started again: the fill is found and hedged."""
        await self.crash()
        self.customer(SELL, "0.05")
        await self.run_pool()
        await self.trade()
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.05"))

    async def test_e_stopped_with_a_hedge_open(self) -> None:
        """e (v2): STOP while a hedge is still open: the exposure is shown, survives a crash, and is hedged after START."""
        self.refuse_hedges(None)
        self.customer(SELL, "0.05")
        await self.until(lambda: self.pool.parts.hedges.is_busy, "a hedge is under way")
        await self.pool.stop("a test")
        self.assertEqual(self.pool.view().exposure, D("0.05"))
        await self.crash()
        self.faults.clear()
        await self.run_pool()
        await self.trade()
        await self.until_covered()

    async def test_e_a_hedge_of_unknown_outcome_at_the_crash(self) -> None:
        """e: the pool dies after the source has made its hedge and before it heard so: it is found, not made again."""
        self.faults.add("kraken", "AddOrder", Kind.DONE_NO_ANSWER, count=1)
        self.faults.add("kraken", "executions", Kind.STALE)
        self.customer(SELL, "0.05")
        await self.until(lambda: self.source.fills(POOL), "the source has made the hedge")
        await self.crash()
        self.faults.clear()
        await self.run_pool()
        await self.trade()
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.05"))

    async def test_e2_old_orders_are_gone_after_a_restart(self) -> None:
        """e2: orders of the run before are cancelled before READY; after START the pool knows every order on the book."""
        await self.crash()
        old = {order.id for order in self.quotes()}
        self.assertEqual(len(old), 2)
        await self.run_pool()
        await self.until(lambda: self.pool.state == READY, "the pool is READY")
        self.assertEqual(self.quotes(), [])
        await self.trade()
        known = {child.order_id for child in self.pool.parts.quotes.live().values()}
        self.assertEqual({str(order.id) for order in self.quotes()}, known)

    async def test_clocks_that_differ(self) -> None:
        """A venue whose clock is behind ours or ahead of it: what filled while the pool was away is found all the same."""
        for skew, total in ((-20.0, "-0.05"), (20.0, "-0.1")):
            await self.until_quoted()
            await self.crash()
            for venue in ("kraken", "sputnik"):
                self.sandbox.set_clock(venue, skew)
            self.customer(SELL, "0.05")
            await self.run_pool()
            await self.trade()
            await self.until_covered()
            self.assertEqual(self.traded(self.source), D(total))

    async def test_a_hedge_of_unknown_outcome_at_a_venue_behind(self) -> None:
        """The source is 20 s behind and does not answer: the hedge is found under its date before our intent, not made again."""
        self.sandbox.set_clock("kraken", -20.0)
        self.faults.add("kraken", "AddOrder", Kind.DONE_NO_ANSWER, count=1)
        self.faults.add("kraken", "executions", Kind.STALE)
        self.customer(SELL, "0.05")
        await self.until(lambda: self.source.fills(POOL), "the source has made the hedge")
        await self.until_covered()
        self.assertEqual((self.traded(self.source), len(self.hedges())), (D("-0.05"), 1))

    async def test_e2_an_old_order_fills_during_the_restart(self) -> None:
        """e2: an order of the run before fills while the new run is still agreeing with the venues: hedged after START."""
        await self.crash()
        await self.run_pool()
        self.customer(SELL, "0.05")
        await self.trade()
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.05"))
