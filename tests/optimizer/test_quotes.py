"""Prices and sizes of quotes, one rule at a time, on a pool in round numbers."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from model.book import Book
from model.decision import Decision, Optimum, Quote
from model.instrument import Instrument
from model.money import floor_to
from model.order import Side
from model.settings import Cost, Edge, Settings
from model.snapshot import Snapshot
from optimizer.best import best_of
from optimizer.decide import decide
from optimizer.evaluate import evaluate
from optimizer.pool import pool_of
from tests.optimizer import calm
from tests.optimizer.calm import D, levels

FIAT_ASK = D("0.002502")
STEPS = Instrument("BTC/HUF", tick=D(100), lot=D("0.01"), min_quantity=D("0.02"))


def optimum(decision: Decision) -> Optimum:
    """The optimum, which must be there."""
    assert decision.optimized is not None, decision.reason
    return decision.optimized


def quotes(snapshot: Snapshot, chosen: Settings, side: Side) -> list[Quote]:
    """The quotes of one side."""
    return [quote for quote in decide(snapshot, chosen).quotes if quote.side is side]


class EdgeTests(SynchronousTestCase):
    """From indifference to what is wanted."""

    def setUp(self) -> None:
        """The indifference prices, and a book on the target that leaves room."""
        free = optimum(decide(calm.snapshot(), self.chosen()))
        assert free.indifference_bid is not None
        assert free.indifference_ask is not None
        self.bid, self.ask = free.indifference_bid, free.indifference_ask

    def chosen(self, **changes: object) -> Settings:
        """No collar in the way."""
        return calm.settings(**({"max_skew": D(1)} | changes))

    def test_absolute(self) -> None:
        """Without a rival an absolute edge is source currency per BTC, at the fiat ask."""
        chosen = self.chosen(edge_to_enter=Edge(D(200)), edge_to_leave=Edge(D(150)))
        found = optimum(decide(calm.snapshot(), chosen))
        assert found.offered_bid is not None
        assert found.offered_ask is not None
        self.assertAlmostEqual(found.offered_ask - self.ask, 200 / FIAT_ASK, places=6)
        self.assertAlmostEqual(self.bid - found.offered_bid, 200 / FIAT_ASK, places=6)

    def test_share(self) -> None:
        """An edge with a % is a share of the price."""
        chosen = self.chosen(edge_to_enter=Edge(D("0.01"), True))
        found = optimum(decide(calm.snapshot(), chosen))
        assert found.offered_ask is not None
        self.assertAlmostEqual(found.offered_ask / self.ask, D("1.01"), places=9)

    def test_band(self) -> None:
        """A live quote is kept until it has come nearer than edge_to_leave."""
        chosen = self.chosen(edge_to_enter=Edge(D(200)), edge_to_leave=Edge(D(150)))
        for side in Side:
            (quote,) = quotes(calm.snapshot(), chosen, side)
            self.assertAlmostEqual(quote.keep_to - quote.keep_from, 50 / FIAT_ASK, places=6)
            self.assertEqual(quote.price, quote.keep_from if side is Side.BUY else quote.keep_to)

    def test_joins_the_rival(self) -> None:
        """With room down to edge_min, a quote goes a tick inside the best order that is not ours."""
        rival = floor_to(self.ask + 100 / FIAT_ASK, D(100))
        book = Book("BTC/HUF", (), levels((str(rival), "1")))
        chosen = self.chosen(edge_to_enter=Edge(D(200)), edge_to_leave=Edge(D(150)), edge_min=Edge(D(20)))
        (quote,) = quotes(calm.snapshot(target_book=book, target_steps=STEPS), chosen, Side.SELL)
        self.assertEqual(quote.price, rival - 100)
        self.assertGreaterEqual(quote.keep_from, self.ask)

    def test_never_below_edge_min(self) -> None:
        """A rival nearer than edge_min is not followed."""
        rival = floor_to(self.ask + 5 / FIAT_ASK, D(100))
        book = Book("BTC/HUF", (), levels((str(rival), "1")))
        chosen = self.chosen(edge_to_enter=Edge(D(200)), edge_min=Edge(D(20)))
        found = optimum(decide(calm.snapshot(target_book=book, target_steps=STEPS), chosen))
        assert found.offered_ask is not None
        self.assertAlmostEqual(found.offered_ask - self.ask, 20 / FIAT_ASK, places=6)

    def test_own_orders_are_no_rival(self) -> None:
        """Our own order in the book is not outbid, and changes no value."""
        own = floor_to(self.ask + 100 / FIAT_ASK, D(100))
        book = Book("BTC/HUF", (), levels((str(own), "0.25")))
        order = calm.order("1", Side.SELL, str(own), "0.25")
        chosen = self.chosen(edge_to_enter=Edge(D(200)), edge_min=Edge(D(20)))
        alone = decide(calm.snapshot(), chosen)
        listed = decide(calm.snapshot(target_book=book, orders=(order,)), chosen)
        self.assertEqual(listed.quotes, alone.quotes)

    def test_collar(self) -> None:
        """A bid is never above fair by more than max_skew, however much the pool needs BTC; an ask mirrors it."""
        chosen = calm.settings(deviation_penalty=D("0.05"), max_skew=D("0.001"))
        short = decide(calm.snapshot(source_btc="0.3", target_btc="0.3"), chosen)
        fair = D(50_000) / ((D("0.0025") + FIAT_ASK) / 2)
        bid = optimum(short).offered_bid
        assert bid is not None
        self.assertLess(abs(bid - fair * D("1.001")), D("1e-6"))

    def test_post_only(self) -> None:
        """A quote stops a tick short of the other side of the target's book, unless it may take."""
        best_bid = floor_to(self.ask + 1_000_000, D(100))
        book = Book("BTC/HUF", levels((str(best_bid), "1")), ())
        shot = calm.snapshot(target_book=book, target_steps=STEPS)
        (careful,) = quotes(shot, self.chosen(), Side.SELL)
        (taking,) = quotes(shot, self.chosen(post_only=False), Side.SELL)
        self.assertEqual(careful.price, best_bid + 100)
        self.assertLess(taking.price, best_bid)

    def test_rounding(self) -> None:
        """Bids go down to the tick, asks up, quantities down to the lot."""
        chosen = self.chosen(quote_size=D("0.257"))
        found = decide(calm.snapshot(target_steps=STEPS), chosen)
        whole = optimum(found)
        assert whole.offered_bid is not None
        assert whole.offered_ask is not None
        bid, ask = found.quotes
        self.assertTrue(whole.offered_bid - 100 < bid.price <= whole.offered_bid)
        self.assertTrue(whole.offered_ask <= ask.price < whole.offered_ask + 100)
        self.assertEqual([quote.price % 100 for quote in found.quotes], [0, 0])
        self.assertEqual([quote.quantity for quote in found.quotes], [D("0.25"), D("0.25")])


class IndifferenceTests(SynchronousTestCase):
    """What indifference contains."""

    @given(st.decimals(0, 50_000, places=0), st.decimals(0, D("0.01"), places=4))
    @settings(max_examples=20, deadline=None)
    def test_as_well_off(self, fixed: Decimal, share: Decimal) -> None:
        """A fill at the indifference price, fixed and proportional target fee paid, leaves the value where it was."""
        chosen = calm.settings(target_fee=Cost(fixed, share))
        shot = calm.snapshot(target_btc="2.4")
        found, pool = optimum(decide(shot, chosen)), pool_of(shot, chosen)
        for side, price in ((Side.BUY, found.indifference_bid), (Side.SELL, found.indifference_ask)):
            assert price is not None
            after = best_of(pool.after_fill(side, chosen.quote_size, price))
            self.assertLess(abs(after.value - float(found.worth.value)), 1e-3)

    def test_fixed_fee_widens(self) -> None:
        """A fixed target fee moves each price by the fee per BTC."""
        free, dear = (optimum(decide(calm.snapshot(), calm.settings(target_fee=Cost(D(fixed), D(0))))) for fixed in (0, 1000))
        for name, sign in (("indifference_bid", -1), ("indifference_ask", 1)):
            self.assertLess(abs(sign * (getattr(dear, name) - getattr(free, name)) - 1000 / D("0.25")), 1)

    def test_middle(self) -> None:
        """Where the bid would exceed the ask, both start at their middle, and are still apart."""
        # Moving cash costs so much once that the first fill on either side saves the whole of it.
        chosen = calm.settings(deviation_penalty=D("0.5"), fiat_exchange_cost=Cost(D(2_000), D("0.002")), max_skew=D(1))
        for cash in ("5000000", "20000000", "29000000", "51000000", "60000000"):
            found = optimum(decide(calm.snapshot(target_cash=cash), chosen))
            bid, ask = found.indifference_bid, found.indifference_ask
            if bid is None or ask is None or bid <= ask:
                continue
            assert found.offered_bid is not None
            assert found.offered_ask is not None
            self.assertLess(abs(found.offered_bid - (bid + ask) / 2), D("0.0001"))
            self.assertLess(found.offered_bid, found.offered_ask)
            return
        self.fail("no pool here crosses its own prices")

    def test_markout_moves_both_against_us(self) -> None:
        """What fills cost afterwards is taken from the bid and put on the ask, and counted in the risk."""
        chosen = calm.settings(max_skew=D(1))
        plain = optimum(decide(calm.snapshot(), chosen))
        charged = optimum(decide(calm.snapshot(markout=D(100)), chosen))
        ignored = optimum(decide(calm.snapshot(markout=D(100)), chosen.replace(charge_markout=False)))
        assert plain.offered_bid is not None
        assert charged.offered_bid is not None
        assert charged.indifference_bid is not None
        self.assertEqual(plain, ignored)
        self.assertLess(charged.indifference_bid, plain.offered_bid)
        self.assertAlmostEqual(charged.indifference_bid - charged.offered_bid, 100 / FIAT_ASK, places=4)


class SizeTests(SynchronousTestCase):
    """What balances on both venues can honour."""

    def test_null_rules(self) -> None:
        """No ask without a whole quote of BTC, no bid that the target's cash cannot pay; each says why."""
        found = decide(calm.snapshot(target_cash="1000", target_btc="0.2"), calm.settings())
        whole = optimum(found)
        self.assertEqual((whole.indifference_bid, whole.indifference_ask), (None, None))
        self.assertIn("cannot pay", found.no_quote["BUY"])
        self.assertIn("less than 0.25 BTC", found.no_quote["SELL"])
        self.assertEqual(found.quotes, ())

    def test_source_limits_the_size(self) -> None:
        """A bid is no larger than what could be sold at the source, an ask than what could be bought there."""
        chosen = calm.settings(deviation_penalty=D(0), risk_aversion=D(0), fiat_exchange_cost=Cost(D(500), D("0.01")))
        (bid,) = quotes(calm.snapshot(source_btc="0.1"), chosen, Side.BUY)
        self.assertEqual(bid.quantity, D("0.1"))
        (ask,) = quotes(calm.snapshot(source_cash="6000"), chosen, Side.SELL)
        self.assertAlmostEqual(ask.quantity, D(6000) / (D(50_010) * D("1.002")), places=7)

    def test_minimum_says_why(self) -> None:
        """What is left for a quote may be less than the venue takes."""
        chosen = calm.settings(deviation_penalty=D(0), risk_aversion=D(0), fiat_exchange_cost=Cost(D(500), D("0.01")))
        found = decide(calm.snapshot(source_btc="0.01", target_steps=STEPS), chosen)
        self.assertIn("sold at the source", found.no_quote["BUY"])
        self.assertNotIn("SELL", found.no_quote)

    def test_ladder(self) -> None:
        """Each level has its own indifference price (a reaction's fixed cost may make one no worse than the one before), and
        no quote is better than the one before it."""
        chosen = calm.settings(levels=4, risk_aversion=D("0.001"), fiat_exchange_cost=Cost(D(500), D("0.01")), max_skew=D(1))
        found = decide(calm.snapshot(), chosen).quotes
        for side in Side:
            mine = [quote for quote in found if quote.side is side]
            self.assertEqual([quote.level for quote in mine], [0, 1, 2, 3])
            prices = [-side.sign * quote.price for quote in mine]
            self.assertEqual(prices, sorted(prices))
            self.assertLess(prices[0], prices[3])
            self.assertEqual(len({quote.indifference for quote in mine}), 4)

    def test_explanation_adds_up(self) -> None:
        """The terms of a quote are the values after and before its fill, to the last digit."""
        chosen = calm.settings(edge_to_enter=Edge(D(100)), target_fee=Cost(D(50), D("0.001")))
        shot = calm.snapshot(source_btc="2.7")
        pool = pool_of(shot, chosen)
        before = best_of(pool)
        for quote in decide(shot, chosen).quotes:
            after = pool.after_fill(quote.side, quote.quantity, quote.price)
            at_indifference = pool.after_fill(quote.side, quote.quantity, quote.indifference)
            reaction = best_of(at_indifference).plan
            earned = evaluate(after, reaction).worth.value - evaluate(pool, before.plan).worth.value
            self.assertEqual(sum(term.amount for term in quote.why), earned)
            self.assertGreater(earned, 0)
