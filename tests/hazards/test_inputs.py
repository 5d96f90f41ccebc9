"""Scenarios d to d7 and f to f4: what is not known, or no longer, is not quoted on."""

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from sandbox.faults import Kind
from tests.hazards.wire import Wire
from tests.hazards.world import BUY, PRICE, SELL, D, HazardCase
from trader.interface import NotNow
from trader.machine import DISCONNECTED, READY, TRADING


class SourceBook(HazardCase):
    """research/hummingbot_measured.md section 4, rows d2 to d7, both columns."""

    async def test_d2_the_source_is_gone(self) -> None:
        """d2: the source breaks off and stays away: quotes are pulled at once, with the reason; only a person starts again."""
        await self.trade()
        self.faults.add("kraken", "connect", Kind.REFUSE_CONNECT)
        await self.sandbox.restart("kraken", cancel_orders=False)
        await self.until_pulled()
        self.assertEqual(self.pool.state, DISCONNECTED)
        self.assertIn("not connected: kraken", self.pool.view().reason)
        self.faults.clear()
        await self.until(lambda: self.pool.state == READY, "it has agreed with the venues again")
        self.assertEqual(self.quotes(), [])

    async def test_d2_the_target_is_gone(self) -> None:
        """d2: quotes that were out when the target broke off are cancelled when it is back, before anything else is done."""
        await self.trade()
        old = {order.id for order in self.quotes()}
        await self.sandbox.restart("sputnik", cancel_orders=False)
        await self.until(lambda: self.pool.state == READY, "it has agreed with the venues again")
        self.assertFalse(old & {order.id for order in self.quotes()})

    async def test_d3_a_thin_book(self) -> None:
        """d3: at the source only 0.0005 BTC a side are left: no quote is for more than that."""
        await self.trade()
        self.set_source(PRICE, quantity="0.0005", levels=1)
        await self.until(lambda: all(order.quantity_left <= D("0.0005") for order in self.quotes()), "no quote is larger")
        self.assertEqual(self.pool.state, TRADING)

    async def test_d4_an_empty_book(self) -> None:
        """d4: the source's book is empty: quotes are pulled, with the reason, and come back with the book."""
        await self.trade()
        self.set_source(PRICE, sides=())
        await self.until_pulled()
        self.assertTrue(all(self.pool.view().quote_reasons.values()), self.pool.view().quote_reasons)
        self.set_source(PRICE)
        await self.until_quoted()

    async def test_d2b_a_missing_side(self) -> None:
        """d2b (v2): nobody bids at the source: nothing that we bought could be sold, so no bid of ours stays."""
        await self.trade()
        self.set_source(PRICE, sides=(SELL,))
        await self.until(lambda: not self.quotes(BUY), "the bid is pulled")
        await self.pause(0.5)
        self.assertEqual(self.quotes(BUY), [])
        self.assertTrue(self.pool.view().quote_reasons["BUY"])

    async def test_d6_more_cash_than_the_book_shows(self) -> None:
        """d6: the source's cash could buy more than its book shows: both sides are quoted all the same."""
        self.set_source(PRICE, quantity="0.05")
        await self.trade()
        self.assertEqual(self.quote(SELL).quantity, D("0.05"))

    async def test_d7_a_live_ask_over_a_shallow_book(self) -> None:
        """d7: the book becomes that shallow, 1 % higher, while an ask is live: it is replaced, and a new bid stands too."""
        await self.trade()
        bid, ask = self.price(BUY), self.price(SELL)
        self.set_source(PRICE * D("1.01"), quantity="0.05")
        await self.until_followed(SELL, ask + 1)
        await self.until(lambda: self.quotes(BUY) and self.price(BUY) > bid, "the bid has followed")
        await self.until_quoted()

    async def test_d7_while_a_decision_takes_its_time(self) -> None:
        """The source rises 0.5 % while the optimiser gives no answer: the ask that sells too cheaply goes up at once, by as
        much; the bid stays where it was proven; and a move too large for that takes the quote away."""
        await self.trade()
        bid, ask, price = self.quote(BUY), self.quote(SELL), self.price(SELL)
        self.patch(self.pool.parts.decider, "decide", lambda *_: Deferred())
        self.set_source(PRICE * D("1.005"))
        await self.until(lambda: ask not in self.quotes() and self.quotes(SELL), "the ask is another")
        self.assertGreaterEqual(self.price(SELL), price * D("1.0049"))
        self.assertEqual(self.quotes(BUY), [bid])
        self.set_source(PRICE * D("1.05"))
        await self.until(lambda: not self.quotes(SELL), "there is no ask")
        self.assertEqual(self.quotes(BUY), [bid])

    async def test_steady_quotes_stay(self) -> None:
        """f3 (v2): with nothing new, orders are not cancelled and placed again cycle by cycle."""
        await self.trade()
        orders = self.quotes()
        await self.pause(3)
        self.assertEqual(self.quotes(), orders)


class SilentWire(HazardCase):
    """Row d: the source's stream is up and says nothing."""

    is_started = False

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.wire = Wire(reactor, urlsplit(self.endpoints["kraken"]).port or 0)
        self.addCleanup(self.wire.close)
        self.endpoints["kraken"] = f"http://127.0.0.1:{self.wire.entrance()}"
        await self.run_pool()

    async def test_d_a_frozen_book(self) -> None:
        """d: a book that is not known to be true any more is no ground for a quote: pulled at its age limit, and said so."""
        await self.trade()
        self.wire.hold()
        await self.until_pulled()
        self.assertIn("kraken book: 3", self.pool.view().quote_reasons["SELL"])
        self.set_source(PRICE * D("1.1"))
        self.wire.let_go()
        await self.until_quoted()
        self.assertGreater(self.price(BUY), PRICE * D("1.05") * 370)


class NoSource(HazardCase):
    """Row d5: the source is not there at the start."""

    is_started = False

    async def test_d5_nothing_is_quoted_without_a_source(self) -> None:
        """d5: without the source there is no READY, START is refused with the reason, and nothing is quoted."""
        self.faults.add("kraken", "connect", Kind.REFUSE_CONNECT)
        await self.run_pool()
        await self.pause(1)
        with self.assertRaisesRegex(NotNow, "DISCONNECTED"):
            await self.pool.start("a test")
        self.assertEqual(self.quotes(), [])


class Rates(HazardCase):
    """Rows f2 and f3: the fiat rate goes."""

    changes: ClassVar[Mapping[str, str]] = {"limits.rate_age": "60"}

    async def test_f_prices_are_converted(self) -> None:
        """f (v2): both quotes lie around the source's price times the rate, 400 HUF for 1.08 USD, and not around 1."""
        await self.trade()
        fair = PRICE * 400 / D("1.08")
        self.assertTrue(fair * D("0.99") < self.price(BUY) < fair < self.price(SELL) < fair * D("1.01"))

    async def test_f2_no_rate_and_a_move(self) -> None:
        """f2: the rate's source fails, +10 %: no old quote stays; past the rate's age none at all, with the reason."""
        await self.trade()
        ask = self.price(SELL)
        self.faults.add("ecb", ".*", Kind.ERROR)
        self.set_source(PRICE * D("1.1"))
        await self.until_followed(SELL, ask * D("1.09"))
        self.make_later(61)
        await self.until(lambda: "ecb book: 6" in self.pool.view().quote_reasons["SELL"], "the rate is too old")
        await self.until_pulled()

    async def test_f3_a_rate_of_ten_minutes_ago(self) -> None:
        """f3: a rate that has an age limit of a minute is not used after ten, and is again when it is known anew."""
        await self.trade()
        self.faults.add("ecb", ".*", Kind.ERROR)
        self.make_later(600)
        await self.until_pulled()
        await self.pause(2)
        self.assertEqual(self.quotes(), [])


class NoRate(HazardCase):
    """Row f: no rate at the start."""

    is_started = False

    async def test_f_without_a_rate_nothing_is_quoted(self) -> None:
        """f: no rate at the start: never READY, START is refused, and nothing is quoted."""
        self.faults.add("ecb", ".*", Kind.ERROR)
        await self.run_pool()
        await self.pause(1)
        with self.assertRaises(NotNow):
            await self.pool.start("a test")
        self.assertEqual(self.quotes(), [])


class WrongRate(HazardCase):
    """Row f4: a rate by hand, of something else."""

    changes: ClassVar[Mapping[str, str]] = {"modules.fiat": "clients.fixed.FixedRate", "fiat_connection.endpoint": "EUR/USD=1.08"}

    async def test_f4_no_rate_is_never_one(self) -> None:
        """f4: the operator has set the rate of another currency: not one to one, but not READY, and the reason names it."""
        await self.until(lambda: "no rate is set for HUF/USD" in self.pool.view().reason, "the reason is told")
        with self.assertRaises(NotNow):
            await self.pool.start("a test")
        self.assertEqual(self.quotes(), [])
