"""Guards over the wire: what does not add up, is too old or has cost too much stops the pool, with the numbers."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any, ClassVar

from sandbox.faults import Kind
from tests.hazards.world import POOL, PRICE, SELL, D, HazardCase
from trader import beats
from trader.machine import HALTED, INITIALIZING, READY


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


class Books(HazardCase):
    """The double entry itself."""

    async def test_books_that_do_not_add_up(self) -> None:
        """A balance that was changed by no entry: HALTED with the number while it trades, and not READY at the next start."""
        await self.trade()
        path = self.config.ledger_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
            connection.execute("UPDATE balances SET amount = '7' WHERE account = 'outside' AND ticker = 'HUF'")
        await self.until(lambda: self.pool.state == HALTED, "the pool is HALTED")
        self.assertRegex(self.pool.view().reason, r"the books do not add up: HUF: the accounts sum to \d+ and not to zero")
        await self.until_pulled()
        await self.pool.accept_differences("a test")
        await self.until(lambda: self.pool.state == INITIALIZING and "add up" in self.pool.reason, "it is not READY")

    def setUp(self) -> Any:
        """Look sooner than every quarter of a minute."""
        self.patch(beats, "COMPARE", 0.5)
        return super().setUp()


class QuoteSize(HazardCase):
    """A size that nobody can pay."""

    changes: ClassVar[Mapping[str, str]] = {"trader.quote_size": "50"}

    async def test_a_quote_size_too_large_to_pay(self) -> None:
        """TRADING without a quote, and each side says that there are no funds for it."""
        await self.until(lambda: self.pool.state == READY, "the pool is READY")
        await self.pool.start("a test")
        await self.until(lambda: self.pool.cycle.decision and "50" in self.pool.view().quote_reasons["BUY"], "it has decided")
        reasons = {"BUY": "the target's cash cannot pay for 50 BTC", "SELL": "the target has less than 50 BTC to sell"}
        self.assertEqual((self.quotes(), dict(self.pool.view().quote_reasons)), ([], reasons))


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
