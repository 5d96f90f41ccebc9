"""Scenarios a to a4: a fill that comes around its own cancel is hedged, once."""

from sandbox.faults import Kind
from tests.hazards.world import BUY, SELL, D, HazardCase


class FillsAroundCancels(HazardCase):
    """research/hummingbot_measured.md section 4, rows a to a4, both columns."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.trade()

    async def test_a_fill_after_the_cancels_answer(self) -> None:
        """a: the target answers our cancel before it tells a fill that came first: the fill is hedged all the same."""
        self.customer(SELL, "0.02")
        child = self.cancel(BUY)
        await self.until(lambda: child.is_over, "the cancel is answered")
        self.assertEqual(child.filled, 0)
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.02"))

    async def test_a2_partial_fills_around_a_cancel(self) -> None:
        """a2: a part fills and is hedged, a cancel goes out, another part fills before it arrives: both are hedged."""
        self.customer(SELL, "0.01")
        await self.until_covered()
        self.cancel(BUY)
        self.customer(SELL, "0.02")
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.03"))

    async def test_a2_a_slow_acknowledgement_is_no_reason_to_forget(self) -> None:
        """a2 (v2): an order not acknowledged within a second is still ours: neither cancelled nor sent a second time."""
        self.faults.add("sputnik", "rpc.trader.place_order", Kind.DELAY, count=1, seconds=D("1.5"))
        self.faults.add("sputnik", "orders", Kind.STALE)
        child = self.cancel(BUY)
        await self.until(lambda: child.is_over and self.quotes(BUY), "the next bid is there")
        bid = self.quote(BUY)
        await self.pause(1)
        self.assertEqual(self.quotes(BUY), [bid])
        await self.until_quoted()
        self.assertEqual(self.quotes(BUY), [bid])

    async def test_a2_filled_before_the_acknowledgement(self) -> None:
        """a2 (v2): an order that fills while its acknowledgement is outstanding is hedged, and once."""
        self.faults.add("sputnik", "rpc.trader.place_order", Kind.DELAY, count=1, seconds=D("1.5"))
        child = self.cancel(BUY)
        await self.until(lambda: child.is_over and self.quotes(BUY), "the next bid is there")
        self.customer(SELL, "0.05")
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.05"))

    async def test_a3_a_late_fill_after_its_hedged_sibling(self) -> None:
        """a3: fill, cancel answered, hedge done, and only then a second fill of the same order becomes known: hedged."""
        self.customer(SELL, "0.01")
        await self.until_covered()
        self.hide_fills()
        self.customer(SELL, "0.02")
        child = self.cancel(BUY)
        await self.until(lambda: child.is_over, "the cancel is answered")
        await self.pause(0.5)
        self.assertEqual(self.traded(self.source), D("-0.01"))
        self.faults.clear()
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.03"))

    async def test_a4_a_fill_told_half_a_minute_after_its_cancel(self) -> None:
        """a4: no cache forgets an order: a fill that is told 31 s after the cancel, or ten minutes, is hedged."""
        for seconds, total in ((31, "-0.02"), (600, "-0.04")):
            await self.until_quoted()
            self.hide_fills()
            self.customer(SELL, "0.02")
            self.cancel(BUY)
            await self.until(lambda: not self.quotes(BUY), "the cancel is carried out")
            await self.pause(0.2)
            self.make_later(seconds)
            self.faults.clear()
            await self.until_covered()
            self.assertEqual(self.traded(self.source), D(total))

    async def test_c_eighty_of_a_hundred_then_cancelled(self) -> None:
        """c (v2): most of an order fills and the rest is cancelled: what has filled is hedged, and the side is quoted anew."""
        self.customer(SELL, "0.04")
        await self.until_covered()
        await self.until_quoted()
        self.assertEqual(self.quote(BUY).quantity_left, D("0.05"))
        self.assertEqual(self.traded(self.source), D("-0.04"))

    async def test_taken_while_it_is_cancelled(self) -> None:
        """Somebody is faster than our cancel, by half of the order and by all of it: what has filled is hedged."""
        await self.take_while_cancelling("", "-0.025")
        await self.take_while_cancelling("all", "-0.075")

    async def take_while_cancelling(self, text: str, total: str) -> None:
        """Our bid is taken before its cancel is carried out; then so much is traded at the source."""
        await self.until_quoted()
        self.faults.add("sputnik", "cancel", Kind.FILL_FIRST, count=1, text=text)
        self.cancel(BUY)
        await self.until(lambda: self.traded(self.source) == D(total), f"{total} are hedged")
        await self.until_covered()

    async def test_told_in_another_order(self) -> None:
        """What the target tells of our orders comes after what followed it: each fill counts once, and is hedged."""
        self.faults.add("sputnik", "orders|fills|transactions", Kind.REORDER, count=6)
        for total in ("-0.01", "-0.02", "-0.03"):
            await self.until_quoted()
            self.customer(SELL, "0.01")
            await self.until_covered()
            self.assertEqual(self.traded(self.source), D(total))

    async def test_a_fill_told_twice_counts_once(self) -> None:
        """Every event of ours is told twice: the books are right, and the hedge is made once."""
        self.faults.add("sputnik", "orders|fills|transactions", Kind.DUPLICATE)
        self.faults.add("kraken", "executions", Kind.DUPLICATE)
        self.customer(SELL, "0.05")
        await self.until_covered()
        self.assertEqual(self.traded(self.source), D("-0.05"))
