"""The result by part, on a real run: customers, hedges, a move of the price; the parts add up to what the venues say."""

from decimal import Decimal
from typing import Any

from twisted.internet import reactor as process_reactor
from twisted.internet.defer import Deferred

from ledger.reading import SqlHistory
from ledger.sql import SqlLedger
from runtime import wiring
from tests.hazards.world import BUY, POOL, PRICE, SELL, HazardCase

reactor: Any = process_reactor
CENT = Decimal("0.01")


class ProfitTests(HazardCase):
    """With the ledger's history, as the real process has it."""

    async def run_pool(self) -> None:
        exchanges = wiring.clients(self.config, self.surroundings, self.endpoints, self.sandbox.credentials)
        book_keeper = SqlLedger(self.config.ledger_url, reactor)
        await book_keeper.open()
        history = SqlHistory(self.config.ledger_url, reactor)
        history.open()
        self.addCleanup(history.close)
        self.pool = wiring.pool(self.config, exchanges, book_keeper, self.surroundings, past=history)
        self.addCleanup(self.pool.close)
        self.pool.open()

    def worth(self) -> Decimal:
        """What the venues hold for us, by their own account, at the mids of now."""
        marks = self.pool.gatherer.marks(self.pool.settings)
        held = (venue.accounts.of(POOL).balances for venue in (self.source, self.target))
        return sum((amount * marks[ticker] for balances in held for ticker, amount in balances.items() if amount), Decimal(0))

    async def count(self) -> None:
        """Have the result brought up to now, as the clock does every ten seconds."""
        await self.until(lambda: not self.pool.chronicle._is_writing, "no sample is being written")
        await Deferred.fromCoroutine(self.pool.chronicle._write())

    async def test_the_parts_add_up_to_the_whole(self) -> None:
        """To the cent: edge, hedges, fees and the move of the price are what the balances are worth more or less."""
        await self.trade()
        await self.count()
        before = self.worth()
        for side in (SELL, BUY, SELL):
            await self.until_quoted()
            self.customer(side, "0.03")
            await self.until(lambda: self.pool.parts.hedges.is_busy or self.is_true(), "it is noticed")
        await self.until_covered()
        self.set_source(PRICE + 250)
        await self.until(lambda: self.pool.source_mid() == PRICE + 250, "the pool has seen the move")
        await self.pause(1.2)
        await self.count()
        terms = {term.name: term.amount for term in self.pool.view().profit}
        self.assertLess(abs(sum(terms.values()) - (self.worth() - before)), CENT)
        self.assertGreater(terms["Customers' spread"], 0)
        self.assertLess(terms["Trading fees"], 0)
        self.assertGreater(terms["Price moves"], 0)
