"""Scenarios b to b5, g and g2: a hedge that fails, is cancelled, is too large or too late is made all the same, once."""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from sandbox.faults import Kind
from tests.hazards.world import BUY, POOL, PRICE, SELL, D, HazardCase


class FailingHedges(HazardCase):
    """research/hummingbot_measured.md section 4, rows b to b4, both columns."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.trade()

    async def test_b_refused_hedges_are_tried_again(self) -> None:
        """b: the source refuses the hedge three times; the fourth is made, and only that one."""
        self.refuse_hedges(3, "EGeneral:Something")
        self.customer(SELL, "0.05")
        await self.until_covered()
        self.assertEqual(len(self.source.fills(POOL)), 1)

    async def test_a_rate_limit(self) -> None:
        """The source has had too many orders from us: the hedge waits, and is made once."""
        self.refuse_hedges(2, "EOrder:Rate limit exceeded")
        self.customer(SELL, "0.05")
        await self.until_covered()
        self.assertEqual(len(self.source.fills(POOL)), 1)

    async def test_greedy_quotes_never_starve_a_hedge(self) -> None:
        """The target's budget of orders is used up: the source has one of its own, and the hedge is made."""
        self.patch(self.pool.parts.budgets["target"], "take", lambda: False)
        self.customer(SELL, "0.05")
        await self.until_covered()
        self.assertEqual(len(self.source.fills(POOL)), 1)

    async def test_b_quotes_follow_while_a_hedge_fails(self) -> None:
        """b: while hedges fail the quotes are still managed: after +10 % at the source no ask of ours is at its old price."""
        self.refuse_hedges(None)
        self.customer(SELL, "0.05")
        await self.until(lambda: self.pool.parts.hedges.is_busy, "a hedge is under way")
        ask = self.price(SELL)
        self.set_source(PRICE * D("1.1"))
        await self.until_followed(SELL, ask * D("1.09"))

    async def test_b_a_hedge_that_stays_impossible(self) -> None:
        """b: after some tries the quotes are pulled and a person is told why; once it can be made it is, and later fills too."""
        self.refuse_hedges(None)
        self.customer(SELL, "0.05")
        await self.until(lambda: self.pool.parts.hedges.trouble, "it is escalated")
        await self.until_pulled()
        self.assertIn("hedge of -0.05 BTC still open", " ".join(self.pool.view().quote_reasons.values()))
        self.faults.clear()
        await self.until_covered()
        await self.until_quoted()
        self.customer(SELL, "0.05")
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.1"))

    async def test_b_tries_are_spaced(self) -> None:
        """b (v2): a failing hedge is not hammered out: in two seconds there are at most four tries."""
        self.refuse_hedges(100)
        self.customer(SELL, "0.05")
        await self.until(lambda: self.faults.in_force()[0].left != 100, "the first was refused")
        await self.pause(2)
        self.assertGreaterEqual(self.faults.in_force()[0].left or 0, 96)

    async def test_b_a_hedge_without_an_answer(self) -> None:
        """b: the source makes the hedge and tells nothing, neither by answer nor by stream: it is found, not made again."""
        self.faults.add("kraken", "AddOrder", Kind.DONE_NO_ANSWER, count=1)
        self.faults.add("kraken", "executions", Kind.STALE)
        self.customer(SELL, "0.05")
        await self.until(lambda: self.source.fills(POOL), "the source has made the hedge")
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.05"))

    async def test_b2_the_exchange_cancels_the_hedge(self) -> None:
        """b2: the price moves away as the hedge arrives, and the source cancels it: another is made at the price there is."""
        self.when_hedge_comes(lambda: self.set_source(PRICE - 200))
        self.customer(SELL, "0.05")
        await self.until_covered()
        self.assertEqual([order.is_cancelled for order in self.hedges()], [True, False])

    async def test_b3_no_balance_for_a_second(self) -> None:
        """b3: the coins for the hedge are held by somebody's own order at the fill, and free again a second later."""
        by_hand = self.source.place(POOL, "BTC/USD", SELL, D("1.49"), D(90_000))
        self.customer(SELL, "0.05")
        await self.until(lambda: self.pool.parts.hedges.is_busy, "a hedge is under way")
        await self.pause(1)
        self.assertEqual(self.traded(self.source), 0)
        self.source.cancel(POOL, by_hand.id)
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.05"))

    async def test_b3_an_order_by_hand_is_left_alone(self) -> None:
        """b3: an order that a person placed at our account is not ours to cancel, neither on STOP nor at all."""
        by_hand = self.source.place(POOL, "BTC/USD", SELL, D("0.1"), D(90_000))
        await self.pool.stop("a test")
        self.assertEqual(self.source.open_orders(POOL), [by_hand])

    async def test_b4_a_second_fill_while_the_first_hedge_is_refused(self) -> None:
        """b4: the hedge of one fill is refused while a larger fill comes in: both are sold, neither twice."""
        self.refuse_hedges(1)
        self.customer(SELL, "0.01")
        await self.until(lambda: not self.faults.in_force(), "the first was refused")
        self.customer(SELL, "0.03")
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.04"))

    async def test_g_the_price_falls_while_the_hedge_is_under_way(self) -> None:
        """g: -5 % as the hedge arrives: it is priced again and made, nothing rests there, and the bid follows the price."""
        bid = self.price(BUY)
        self.when_hedge_comes(lambda: self.set_source(PRICE * D("0.95")))
        self.customer(SELL, "0.02")
        await self.until_covered()
        await self.until_followed(BUY, bid * D("0.96"))
        await self.until_quoted()
        self.assertEqual(self.source.open_orders(POOL), [])

    async def test_g2_the_price_rises_after_the_hedge(self) -> None:
        """g2: the hedge fills at once, then +5 %: the old ask is gone and a new one is where it belongs."""
        ask = self.price(SELL)
        self.customer(SELL, "0.02")
        await self.until_covered()
        self.set_source(PRICE * D("1.05"))
        await self.until_followed(SELL, ask * D("1.04"))
        await self.until_quoted()


class ScarceCoins(HazardCase):
    """Row b5: the source holds less than a whole quote."""

    changes: ClassVar[Mapping[str, str]] = {"sandbox.source_balance": "USD 100000, BTC 0.02", "target_balance_source.BTC": "0.02"}

    async def test_b5_no_more_is_bought_than_can_be_sold(self) -> None:
        """b5: with 0.02 BTC at the source the bid is for no more; all of it fills and all is sold: nothing is clipped off."""
        await self.trade()
        bid = self.quote(BUY)
        self.assertLessEqual(bid.quantity, D("0.02"))
        self.customer(SELL, "0.05")
        await self.until_covered()
        self.assertEqual(self.traded(self.source), -bid.quantity)


class SmallFills(HazardCase):
    """Rows c and c2: fills below the source's smallest order are carried, never dropped."""

    source_steps: ClassVar[Mapping[str, Decimal]] = {"min_quantity": D("0.01")}

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.trade()

    async def test_c_two_that_are_enough_together(self) -> None:
        """c: 0.006 cannot be sold where 0.01 is the least; with another 0.006 all of it is."""
        self.customer(SELL, "0.006")
        await self.until(lambda: self.pool.view().exposure == D("0.006"), "it is carried")
        await self.pause(0.5)
        self.assertEqual(self.hedges(), [])
        self.customer(SELL, "0.006")
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.012"))

    async def test_c2_dust_while_a_hedge_is_under_way(self) -> None:
        """c2: what is too small and comes during a hedge is still there after it, and goes with the next."""
        self.refuse_hedges(1)
        self.customer(SELL, "0.02")
        await self.until(lambda: not self.faults.in_force(), "the hedge waits for its second try")
        await self.until_quoted()
        self.customer(SELL, "0.006")
        await self.until_covered(D("0.006"))
        await self.until_quoted()
        self.customer(SELL, "0.012")
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.038"))


class CoarseSteps(HazardCase):
    """Row c3: the source trades in steps."""

    source_steps: ClassVar[Mapping[str, Decimal]] = {"lot": D("0.01"), "min_quantity": D("0.01")}

    async def test_c3_remainders_add_up(self) -> None:
        """c3: six fills of 0.009 where 0.01 is the step: 0.05 is sold and 0.004 is still known."""
        await self.trade()
        for number in range(1, 7):
            await self.until_quoted()
            self.customer(SELL, "0.009")
            self.assertEqual(self.traded(self.target), number * D("0.009"))
            await self.until(self.is_true, "it is booked")
        await self.until_covered(D("0.004"))
        self.assertEqual(self.traded(self.source), D("-0.05"))
        self.assertEqual(self.pool.view().exposure, D("0.004"))
