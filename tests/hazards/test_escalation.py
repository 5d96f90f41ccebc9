"""A hedge that stays impossible: what a person is asked, and what the person's word does."""

from tests.hazards.world import BUY, SELL, HazardCase


class EscalationTests(HazardCase):
    """The source refuses every hedge until the test says otherwise."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.trade()

    async def escalate(self) -> str:
        """Have a hedge stuck; the id of its task."""
        self.refuse_hedges(None)
        self.customer(SELL, "0.05")
        await self.until(lambda: self.pool.parts.tasks.open, "a person is asked")
        await self.until_pulled()
        (task,) = self.pool.view().tasks
        self.assertEqual((task.kind, task.details["still to trade"]), ("hedge", "-0.05 BTC"))
        return task.id

    async def test_re_armed_by_closing_the_task(self) -> None:
        """Quotes are back though the hedge is still refused; the task is closed in the ledger, by that person."""
        id = await self.escalate()
        await self.pool.close_task(id, "ann", "done", {})
        await self.until_quoted(SELL)
        (task,) = await self.pool.parts.ledger.tasks(False, 10)
        self.assertEqual((task.id, task.closed_by), (id, "ann"))
        self.faults.clear()
        await self.until_covered()

    async def test_answered_by_the_hedge_itself(self) -> None:
        """The source takes it at last: covered, once; the task closes by itself and both sides are quoted again."""
        id = await self.escalate()
        self.faults.clear()
        await self.until_covered()
        await self.until_quoted(BUY, SELL)
        await self.until(lambda: not self.pool.view().tasks, "nothing is asked any more")
        (obligation, *_) = await self.pool.parts.ledger.obligations(False, 10)
        self.assertEqual((obligation.id, obligation.state), (id, "done"))
