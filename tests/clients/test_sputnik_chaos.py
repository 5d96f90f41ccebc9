"""A bad hour in two seconds: every feed lossy, answers lost, sockets dropped; in the end every execution has been told."""

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from clients.errors import ExchangeError
from model.order import Fill, Side
from sandbox.faults import Kind
from tests.clients.sputnik_world import PAIR
from tests.clients.test_sputnik_faults import FaultTestCase


class ChaosTests(FaultTestCase):
    """Another seed: ``SPUTNIK_CHAOS_SEED=7 pytest tests/clients/test_sputnik_chaos.py``."""

    timeout = 60

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.random = Random(os.environ.get("SPUTNIK_CHAOS_SEED", "1"))
        self.client = self.make_client(call_timeout="0.3", reread_interval="0.5")
        await self.client.connect()

    async def one_thing(self) -> None:
        """We, or the rest of the world, or bad luck, do something."""
        what, ticks = self.random.random(), self.random.randrange(58_500, 61_000, 100)
        side, size = self.random.choice(["BUY", "SELL"]), Decimal(self.random.randrange(1, 4)) / 100
        try:
            if what < 0.5:
                await self.client.placeOrder(PAIR, size, Decimal(ticks), side)  # type: ignore[arg-type]
            elif what < 0.65:
                for id in list(await self.client.getOpenOrders())[:2]:
                    await self.client.cancelOrder(id)
            elif what < 0.97:
                self.world.take(Side(side), str(size), str(ticks))
            else:
                self.world.front.drop("ilp_target")
        except ExchangeError:
            await deferLater(reactor, 0.05)

    async def test_every_execution_is_told_once_it_can_be(self) -> None:
        """What was streamed is what the history holds and what the venue knows, and it explains our balances."""
        before = await self.client.getPositions()
        some = Decimal("0.15")
        for kind, calls in (
            (Kind.STALE, "fills|orders|transactions"),
            (Kind.DUPLICATE, "fills|orders|transactions"),
            (Kind.DONE_NO_ANSWER, "rpc.trader.(place|cancel)_order"),
        ):
            self.world.faults.add("*", calls, kind, probability=some)
        for _ in range(60):
            await self.one_thing()
        self.world.faults.clear()
        await deferLater(reactor, 0.3)
        truth = {fill.order_id: Decimal(0) for fill in self.world.venue.fills("ilp_target")}
        for done in self.world.venue.fills("ilp_target"):
            truth[done.order_id] += done.quantity
        await self.until(lambda: sum(self.streamed().values()) == sum(truth.values()))
        await self.until(lambda: self.client.bookAsOf(PAIR))
        now = datetime.now(UTC)
        recorded = await self.client.getTradeHistory(now - timedelta(hours=1), now + timedelta(hours=1))
        self.assertTrue(recorded)
        self.assertEqual(
            {fill["id"]: _facts(fill) for fill in recorded}, {fill["id"]: _facts(fill) for fill in self.told["trade"]}
        )
        moved: dict[str, Decimal] = {"BTC": Decimal(0), "HUF": Decimal(0)}
        for shape in recorded:
            for ticker, change in Fill.from_shape(shape).changes().items():
                moved[ticker] += change
        after = await self.client.getPositions()
        self.assertEqual(moved, {ticker: after[ticker]["position"] - before[ticker]["position"] for ticker in moved})
        last = {order["id"]: order for order in self.told["order"]}
        still_open = {id for id, order in last.items() if order["quantity_left"] and not order["is_cancelled"]}
        self.assertEqual(set(await self.client.getOpenOrders()), still_open)


def _facts(fill: Any) -> tuple[Any, ...]:
    return fill["order_id"], fill["side"], fill["price"], fill["quantity"], fill["fees"]
