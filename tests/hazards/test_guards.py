"""Guards over the wire: what does not add up, is too old or has cost too much stops the pool, with the numbers."""

from collections.abc import Mapping
from typing import ClassVar

from sandbox.faults import Kind
from tests.hazards.world import POOL, PRICE, SELL, D, HazardCase
from trader.machine import HALTED, READY


class Balances(HazardCase):
    """``max_difference`` and ``balance_age``."""

    async def test_a_balance_that_nothing_explains(self) -> None:
        """The source holds 0.1 BTC more than fills and transfers say: HALTED with the number until a person accepts."""
        await self.trade()
        await self.crash()
        self.source.accounts.of(POOL).balances["BTC"] += D("0.1")
        await self.run_pool()
        await self.until(lambda: self.pool.state == HALTED, "the pool is HALTED")
        self.assertIn("source BTC +0.1", self.pool.view().reason)
        self.assertEqual(self.quotes(), [])
        await self.pool.accept_differences("a test")
        await self.until(lambda: self.pool.state == READY, "the pool is READY")
        await self.until(self.is_true, "the pool's books are those of the venues")

    async def test_balances_that_cannot_be_asked_for(self) -> None:
        """The source does not tell our balances: past their age nothing is quoted, and the reason says so."""
        await self.trade()
        self.faults.add("kraken", "Balance.*", Kind.ERROR)
        self.make_later(121)
        await self.until(lambda: "kraken balances: 12" in self.pool.view().quote_reasons["SELL"], "the balances are too old")
        await self.until_pulled()


class Losses(HazardCase):
    """``max_loss_per_day``."""

    changes: ClassVar[Mapping[str, str]] = {"limits.max_loss_per_day": "20"}

    async def test_a_loss_stops_the_pool(self) -> None:
        """-2 % between a fill and its hedge costs more than the day's limit: HALTED with the number, and quotes are gone."""
        await self.trade()
        self.when_hedge_comes(lambda: self.set_source(PRICE * D("0.98")))
        self.customer(SELL, "0.05")
        await self.until(lambda: self.pool.state == HALTED, "the pool is HALTED")
        self.assertIn("max_loss_per_day is 20", self.pool.view().reason)
        await self.until_pulled()
