"""The contest itself: fair to all, the same each time, and the peers as their authors wrote them."""

import sys
from decimal import Decimal
from io import StringIO
from pathlib import Path
from unittest import SkipTest

import numpy
from attrs import define, evolve, field
from twisted.trial.unittest import SynchronousTestCase

from bench.arena.__main__ import main
from bench.arena.contest import Result, Task, contest, play, rule_of, sandbox_settings, settings_for
from bench.arena.market import Costs, market
from bench.arena.month import Month, Outcome, run
from bench.arena.ours import Changed, Ours
from bench.arena.peers import FixedSpread, Mirror, Tuned
from bench.arena.policy import Move, Offer, View
from bench.arena.prices import RECORDED, prices
from bench.arena.report import beside_first, table
from model.order import Side
from model.settings import Edge
from tests.bench import tiny
from tests.bench.tiny import buyer, seller

D = Decimal
NOWHERE = Path("/nowhere")


@define
class Quoter:
    """Offers the same two quotes throughout, and remembers what it was shown."""

    bid: str = "0.99"
    ask: str = "1.01"
    views: list[View] = field(factory=list)

    def act(self, view: View) -> Move:
        """Quote 0.5 BTC a side."""
        self.views.append(view)
        return Move({Side.BUY: Offer(D(self.bid), D("0.5")), Side.SELL: Offer(D(self.ask), D("0.5"))}, again_in=100)


class MonthTests(SynchronousTestCase):
    """Whom customers trade with, and when the pool hears of it."""

    def test_a_customer_takes_what_suits_him(self) -> None:
        """He buys at 25,250 if he would pay that, as much as he wants of what is offered."""
        month = Month(tiny.market(buyer(2, "0.1", 25_249), buyer(3, "0.2", 25_250), buyer(3, "9", 26_000)), Quoter())
        outcome = month.run()
        self.assertEqual(D("0.5"), outcome.traded)
        self.assertEqual(D("0.5") * 400, outcome.parts.edge)

    def test_a_fill_is_heard_of_a_minute_later(self) -> None:
        """The pool acts at the start and after its fill, not before."""
        quoter = Quoter()
        run(tiny.market(seller(4, "0.1", 24_000)), quoter)
        self.assertEqual([(0, 0), (5, 1)], [(view.minute, len(view.fills)) for view in quoter.views])
        self.assertEqual(D(24_750), quoter.views[1].fills[0].price)

    def test_the_rival_serves_whom_he_serves_as_well(self) -> None:
        """Being as good as the rival is not enough, being better is."""
        found = tiny.market(buyer(1, "0.1", 26_000), rival_half="0.01")
        self.assertEqual(D(0), run(found, Quoter(ask="1.01")).traded)
        self.assertEqual(D("0.1"), run(found, Quoter(ask="1.0099")).traded)

    def test_a_quote_never_sells_what_is_not_there(self) -> None:
        """A bid is filled only as far as the target's cash goes."""
        month = Month(tiny.market(seller(1, "9", 20_000)), Quoter())
        month.account.first = month.account.there = month.account.there.plus(target_cash=D(-62_000))
        self.assertEqual(D("0.02018"), month.run().traded)

    def test_statistics_by_hand(self) -> None:
        """0.1 BTC short for half the time while the price rises by 1,000 and falls back."""
        found = tiny.market(buyer(5, "0.1", 26_000), mids=(40_000,) * 7 + (41_000, 40_000, 40_000))
        outcome = run(found, Quoter())
        self.assertAlmostEqual(0.05, outcome.exposure)
        self.assertAlmostEqual(0.1, outcome.exposure_max)
        self.assertAlmostEqual(100.0, outcome.drawdown)
        self.assertEqual(1.0, outcome.both)


class PeerTests(SynchronousTestCase):
    """Their rules, by hand: the source asks 40,040 and bids 39,960 for the first BTC."""

    def test_mirror_prices_the_cover_and_its_margin(self) -> None:
        """40,040 USD and 1 % are 25,275.25 pounds; a minute after the fill the source is bought from."""
        settings = tiny.settings()
        month = Month(tiny.market(buyer(1, "0.1", 25_276), buyer(1, "0.1", 25_275)), Mirror(settings, Costs(), D("0.01")))
        outcome = month.run()
        self.assertEqual(D("0.1"), outcome.traded)
        self.assertAlmostEqual(D("0.1") * (D("25275.25") * D("1.6") - 40_000), outcome.parts.edge, 4)
        self.assertEqual((D(4), D("4004") * D("0.0026")), (outcome.parts.slippage, outcome.parts.source_fee))
        self.assertEqual(month.account.first.btc, month.account.there.btc)

    def test_mirror_joins_a_rival_who_is_dearer(self) -> None:
        """With the rival at 2 %, a tick inside him is better than its own price."""
        month = Month(tiny.market(buyer(1, "0.1", 26_000), rival_half="0.02"), Mirror(tiny.settings(), Costs(), D("0.01")))
        self.assertAlmostEqual(D("0.1") * (D("25499.99") * D("1.6") - 40_000), month.run().parts.edge, 4)

    def test_fixed_spread_keeps_an_old_rate(self) -> None:
        """When the pound falls after the poll, its ask is too cheap: 40,440.40 USD at 1.60 instead of 1.50."""
        found = tiny.market(buyer(2, "0.1", 25_276), rates=("1.6",) + ("1.5",) * 9)
        outcome = run(found, FixedSpread(tiny.settings(), Costs(), D("0.01")))
        self.assertEqual(D("0.1"), outcome.traded)
        self.assertAlmostEqual(D("0.1") * (D("25275.25") * D("1.5") - 40_000), outcome.parts.edge, 4)

    def test_fixed_spread_covers_late_and_not_everything(self) -> None:
        """A fill of 0.1 BTC is covered two minutes later; one of 0.005 never."""
        found = tiny.market(buyer(1, "0.1", 26_000), buyer(5, "0.005", 26_000), mids=(40_000,) * 3 + (41_000,) * 7)
        month = Month(found, FixedSpread(tiny.settings(), Costs(), D("0.01")))
        outcome = month.run()
        self.assertEqual(D("-0.005"), month.account.there.btc - month.account.first.btc)
        self.assertEqual(D("0.1") * 41_000 * D("1.001") * D("0.0026"), outcome.parts.source_fee)

    def test_the_original_survives_a_day(self) -> None:
        """It quotes, and never takes more than there is."""
        found = market(3, 1, folder=NOWHERE)
        outcome = run(found, rule_of("original")(settings_for(found, sandbox_settings()), found.costs))
        self.assertGreater(outcome.both, 0)


class OursTests(SynchronousTestCase):
    """The real decision in the arena."""

    def test_quotes_both_sides_and_nets(self) -> None:
        """A day long: nearly always two quotes, and less paid to the source than by covering each fill."""
        found = market(3, 1, folder=NOWHERE)
        settings = settings_for(found, sandbox_settings())
        ours = run(found, Changed()(settings, found.costs))
        mirror = run(found, rule_of("mirror")(settings, found.costs))
        self.assertGreater(ours.both, 0.9)
        self.assertGreater(ours.traded, 0)
        self.assertLess(ours.parts.source_fee / ours.traded, mirror.parts.source_fee / mirror.traded)

    def test_fills_skew_the_quotes(self) -> None:
        """After buying, both quotes are lower: the pool would rather sell."""
        views = Quoter()
        run(tiny.market(seller(1, "0.3", 20_000)), views)
        before, after = (Ours(tiny.settings(risk_aversion=D("0.001"))).act(view).offers for view in views.views)
        self.assertLess(after[Side.BUY].ratio, before[Side.BUY].ratio)
        self.assertLess(after[Side.SELL].ratio, before[Side.SELL].ratio)


class MarketTests(SynchronousTestCase):
    """The seed is the market."""

    def test_same_seed_same_outcome(self) -> None:
        """Two runs agree to the last digit, another seed does not."""
        one, again, other = (play(Task("ours", seed, 1)).outcome for seed in (7, 7, 8))
        self.assertEqual(one, again)
        self.assertNotEqual(one.pnl, other.pnl)

    def test_a_fresh_clone_has_prices_too(self) -> None:
        """Without the recorded files a path is drawn, the same for the same seed."""
        one, again = (prices(5, 2, NOWHERE) for _ in range(2))
        self.assertFalse(one.is_recorded)
        self.assertEqual(one.btc.tolist(), again.btc.tolist())
        self.assertTrue((one.ask >= one.bid).all())

    def test_recorded_prices_are_turned_without_a_jump(self) -> None:
        """No return is larger than the largest recorded one, odd seeds run backwards, weekends are two days of seven."""
        if not RECORDED.exists():
            raise SkipTest(f"there are no recorded prices in {RECORDED}")
        for seed in (100, 101):
            found = prices(seed, 28)
            self.assertLess(numpy.abs(numpy.diff(numpy.log(found.btc))).max(), 0.02)
            self.assertAlmostEqual(5 / 7, found.is_bank_open.mean())
        self.assertNotEqual(prices(100, 1).btc[0], prices(101, 1).btc[0])

    def test_informed_customers_follow_the_price_to_come(self) -> None:
        """Their limits lean to where the price goes; nothing else differs from the base market."""
        base, informed = (market(4, 10, kind, NOWHERE) for kind in ("base", "informed"))
        changed = [(a, b) for a, b in zip(base.customers, informed.customers, strict=True) if a != b]
        leaning = [
            (b.limit - a.limit) * (base.fair(min(a.minute + 30, base.minutes - 1)) - base.fair(a.minute)) for a, b in changed
        ]
        self.assertGreater(len(changed), 0.3 * len(base.customers))
        self.assertTrue(all(lean >= 0 for lean in leaning))

    def test_no_rival(self) -> None:
        """There is a market without one."""
        found = market(4, 1, "no_rival", NOWHERE)
        self.assertIsNone(found.rival(0, Side.BUY))


class ContestTests(SynchronousTestCase):
    """What is asked for and what is printed."""

    def test_policies_are_read(self) -> None:
        """A name, a name with a number, ours with settings as a config spells them."""
        self.assertEqual(Tuned(Mirror, D("0.005")), rule_of("mirror:0.005"))
        changed = Changed({"edge_to_enter": Edge(D("0.005"), True), "quote_size": D("0.25")})
        self.assertEqual(changed, rule_of("ours:edge_to_enter=0.5%,quote_size=0.25"))

    def test_what_is_none_is_refused(self) -> None:
        """An unknown policy, an unknown setting, a value that is none."""
        for text in ("theirs", "ours:edge=1", "ours:quote_size=much"):
            self.assertRaises(ValueError, rule_of, text)

    def test_the_table_by_hand(self) -> None:
        """Mean and standard error over two seeds, and the difference seed by seed."""
        month = run(tiny.market(), Quoter())
        rich, poor = _earning(month, 30), _earning(month, 10)
        results = {"one": [rich, poor], "other": [poor, poor]}
        self.assertIn("| one | 20 (10) |", table(results))
        self.assertEqual("one less other: +10 (10), 1/2 seeds", beside_first(results))

    def test_the_command_prints_the_table(self) -> None:
        """The seeds, days and policies of the command line are those of the table."""
        printed = StringIO()
        self.patch(sys, "argv", ["arena", "--seeds", "1-2", "--days", "1", "--policies", "mirror", "mirror:0.005"])
        self.patch(sys, "stdout", printed)
        main()
        lines = printed.getvalue().splitlines()
        self.assertEqual(["| mirror ", "| mirror:0.005 "], [line[: line.index("|", 1)] for line in lines[2:4]])
        self.assertIn("1 days, seeds (1, 2)", lines[-1])

    def test_a_contest_keeps_the_order(self) -> None:
        """Results come per policy, in the order of the seeds."""
        tasks = [Task("mirror", seed, 1) for seed in (1, 2)]
        found = contest(tasks)
        self.assertEqual([play(task).outcome for task in tasks], [result.outcome for result in found["mirror"]])


def _earning(outcome: Outcome, pnl: int) -> Result:
    return Result(evolve(outcome, pnl=D(pnl)), 1.0)
