"""Decisions that come to nothing and clocks that disagree: what stops the pool, who is told, and how it goes on."""

from decimal import Decimal
from typing import Any, ClassVar

from twisted.internet import reactor as process_reactor
from twisted.internet.defer import Deferred, succeed

from ledger.sql import SqlLedger
from model.decision import Decision, Verdict
from runtime import wiring
from tests.hazards.world import HazardCase
from trader.machine import HALTED, READY

reactor: Any = process_reactor


class TrippingTests(HazardCase):
    """With somebody who is told."""

    changes: ClassVar[dict[str, str]] = {"limits.max_failed_cycles": "3"}

    async def run_pool(self) -> None:
        self.told_people: list[tuple[str, str]] = []
        exchanges = wiring.clients(self.config, self.surroundings, self.endpoints, self.sandbox.credentials)
        book_keeper = SqlLedger(self.config.ledger_url, reactor)
        await book_keeper.open()
        notify = lambda kind, sentence, *_: self.told_people.append((kind, sentence))  # noqa: E731
        self.pool = wiring.pool(self.config, exchanges, book_keeper, self.surroundings, notify)
        self.addCleanup(self.pool.close)
        self.pool.open()

    async def test_decisions_that_come_to_nothing(self) -> None:
        """Three in a row: HALTED with the numbers, nothing quoted, people told; re-armed and started it trades on."""
        await self.trade()
        decider: Any = self.pool.parts.decider
        decide = decider.decide

        def refuse(snapshot: Any, _settings: Any) -> "Deferred[Decision]":
            return succeed(Decision(Verdict.REFUSE, "no honest book", snapshot.timestamp, Decimal(0)))

        decider.decide = refuse
        await self.until(lambda: self.pool.state == HALTED, "it halts")
        await self.until_pulled()
        sentence = "3 decisions in a row came to nothing; max_failed_cycles is 3: no honest book"
        self.assertEqual((self.pool.view().reason, self.told_people), (sentence, [("halted", sentence)]))
        decider.decide = decide
        await self.pool.accept_differences("ann")
        await self.until(lambda: self.pool.state == READY, "it is READY again")
        await self.trade()

    async def test_a_clock_that_is_wrong(self) -> None:
        """A venue's clock more than max_clock_skew from ours: nothing is quoted, with the number, until they agree again."""
        await self.trade()
        client: Any = self.pool.parts.clients["source"]
        self.patch(type(client), "clock_offset", property(lambda _client: 45.0))
        await self.until_pulled()
        self.assertIn("clock: +45.0 s from ours, allowed are 30 s", self.pool.view().quote_reasons["BUY"])
        self.patch(type(client), "clock_offset", property(lambda _client: 0.5))
        await self.until_quoted()
