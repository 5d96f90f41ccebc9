"""What the decision does with bad inputs, safety nets and steps."""

from decimal import Decimal
from unittest import mock

import attrs
from twisted.trial.unittest import SynchronousTestCase

from model.book import Book
from model.decision import Decision, Verdict
from model.instrument import Instrument
from model.order import Side
from model.position import Position
from model.settings import Cost, Edge
from model.transfer import Transit
from optimizer import best
from optimizer.decide import decide
from optimizer.pool import Pool, pool_of
from optimizer.sending import forced_by
from tests.optimizer import calm, pools
from tests.optimizer.calm import D, levels


class RefusalTests(SynchronousTestCase):
    """It never raises for what the market or an operator does."""

    def refused(self, decision: Decision, *words: str) -> None:
        """Nothing is done, and the reason is told, for either side too."""
        self.assertIs(decision.verdict, Verdict.REFUSE)
        for word in words:
            self.assertIn(word, decision.reason)
        self.assertEqual((decision.quotes, decision.trade, decision.transfers), ((), None, ()))
        self.assertEqual(set(decision.no_quote), {"BUY", "SELL"})

    def test_inputs(self) -> None:
        """An empty or crossed source book, a missing or crossed rate."""
        empty = Book("BTC/USD", (), levels(("50010", "1")))
        crossed = Book("BTC/USD", levels(("50020", "1")), levels(("50010", "1")))
        self.refused(decide(calm.snapshot(source_book=empty), calm.settings()), "nobody bids")
        self.refused(decide(calm.snapshot(source_book=crossed), calm.settings()), "crossed")
        blind = attrs.evolve(calm.snapshot(), fiat=Book("HUF/USD"))
        self.refused(decide(blind, calm.settings()), "fiat rate is missing")
        odd = Book("HUF/USD", levels(("0.003", "1")), levels(("0.002", "1")))
        self.refused(decide(attrs.evolve(calm.snapshot(), fiat=odd), calm.settings()), "fiat rate is crossed")

    def test_settings(self) -> None:
        """Settings that contradict themselves."""
        for changes in ({"quote_size": D(0)}, {"levels": 0}, {"btc_fee": D(-1)}, {"max_slippage": D(1)}):
            self.refused(decide(calm.snapshot(), calm.settings(**changes)))
        self.refused(decide(calm.snapshot(), calm.settings(edge_to_enter=Edge(D(-1)))), "negative")
        self.refused(decide(calm.snapshot(), calm.settings(source_fee=Cost(D(0), D(1)))), "below 1")

    def test_no_asks(self) -> None:
        """Without asks at the source there is no fair price: decided, but not quoted."""
        bids_only = Book("BTC/USD", levels(("49990", "1")), ())
        decision = decide(calm.snapshot(source_book=bids_only), calm.settings())
        self.assertIs(decision.verdict, Verdict.ACT)
        self.assertIsNone(decision.fair)
        self.assertEqual(decision.quotes, ())
        self.assertIn("nobody asks", decision.no_quote["SELL"])

    def test_false_claim(self) -> None:
        """A solver that claims more than its plan is worth is not believed."""
        honest = best.best_of

        def boasting(pool: Pool, forced: object = None) -> best.Best:
            found = honest(pool)
            return attrs.evolve(found, value=found.value + 1, bound=found.bound + 1)

        with mock.patch("optimizer.decide.best_of", boasting):
            self.refused(decide(calm.snapshot(), calm.settings()), "claims")

    def test_overdrawn(self) -> None:
        """Nor is one that spends what is not there."""
        honest = best.best_of

        def spending(pool: Pool, forced: object = None) -> best.Best:
            return honest(attrs.evolve(pool, available=pool.available.plus(target_cash=D(100_000_000))))

        poor = calm.snapshot(target_cash="0", transits=(Transit(None, "target", "HUF", D(100_000_000)),))
        with mock.patch("optimizer.decide.best_of", spending):
            self.refused(decide(poor, calm.settings(deviation_penalty=D(1))), "more than there is")

    def test_unproven(self) -> None:
        """If value and bound do not meet, the decision is to wait."""

        def unproven(pool: Pool, forced: object = None) -> best.Best:
            raise best.Unproven("a value of 1.00 was found, but up to 2.00 is not ruled out")

        with mock.patch("optimizer.decide.best_of", unproven):
            decision = decide(calm.snapshot(), calm.settings())
        self.assertIs(decision.verdict, Verdict.WAIT)
        self.assertIn("not ruled out", decision.reason)
        self.assertIsNone(decision.optimized)


class SafetyNetTests(SynchronousTestCase):
    """Trades that are made whatever the optimum says."""

    def test_content(self) -> None:
        """Below max_exposure nothing is forced."""
        chosen = calm.settings(risk_aversion=D(0), max_exposure=D(1))
        self.assertIsNone(decide(calm.snapshot(source_btc="2.5"), chosen).trade)

    def test_max_exposure(self) -> None:
        """The excess is traded at once, on either side, at no worse than the last level it needs."""
        chosen = calm.settings(risk_aversion=D(0), deviation_penalty=D(0), max_exposure=D("0.5"))
        for btc, side, limit in (("4", Side.SELL, "49950"), ("0.2", Side.BUY, "50050")):
            trade = decide(calm.snapshot(source_btc=btc), chosen).trade
            assert trade is not None
            self.assertEqual((trade.side, trade.limit), (side, D(limit)))
            self.assertEqual(trade.quantity, abs(D(btc) - 2) - D("0.5"))

    def test_transits_count(self) -> None:
        """BTC in transit is exposure as much as BTC held."""
        chosen = calm.settings(risk_aversion=D(0), deviation_penalty=D(0), max_exposure=D("0.5"))
        arriving = (Transit(None, "target", "BTC", D(1)),)
        trade = decide(calm.snapshot(transits=arriving), chosen).trade
        assert trade is not None
        self.assertEqual(trade.quantity, D("0.5"))

    def test_immediate(self) -> None:
        """Every fill is covered whole; without exposure nothing is traded, whatever the optimum would."""
        chosen = calm.settings(hedge="immediate")
        trade = decide(calm.snapshot(target_btc="2.25"), chosen).trade
        assert trade is not None
        self.assertEqual((trade.side, trade.quantity), (Side.SELL, D("0.25")))
        self.assertIsNone(decide(calm.snapshot(), chosen).trade)

    def test_exact_amounts(self) -> None:
        """What the net demands is traded to the satoshi, though the solver counts in floats."""
        for seed in (10023, 10043, 10050, 10088, 10090):
            shot, chosen = pools.pool(seed)
            chosen = chosen.replace(hedge="immediate")
            trade, demand = decide(shot, chosen).trade, forced_by(pool_of(shot, chosen))
            assert trade is not None
            assert demand is not None
            self.assertEqual((trade.side, trade.quantity), (demand.side, demand.least.quantize(D("1e-8"))))

    def test_nearest_lot(self) -> None:
        """An exposure between two lots is traded as the nearer one, unless that is more than there is."""
        chosen, coarse = calm.settings(hedge="immediate"), Instrument("BTC/USD", lot=D("0.1"))
        for held, target, traded in (("2", "2.26", "0.3"), ("2", "2.24", "0.2"), ("0.28", "4", "0.2")):
            trade = decide(calm.snapshot(source_btc=held, target_btc=target, source_steps=coarse), chosen).trade
            assert trade is not None
            self.assertEqual(trade.quantity, D(traded))

    def test_what_can_be_paid(self) -> None:
        """A net cannot sell what is not there."""
        chosen = calm.settings(hedge="immediate", deviation_penalty=D(0), risk_aversion=D(0))
        trade = decide(calm.snapshot(source_btc="0.3", target_btc="5"), chosen).trade
        assert trade is not None
        self.assertEqual(trade.quantity, D("0.3"))


class SendingTests(SynchronousTestCase):
    """From the optimum to what is sent."""

    def test_steps(self) -> None:
        """Trades come on the lot and above the venue's minimum, coins in 1e-8, cash in cents."""
        shot = calm.snapshot(
            source_cash="400000.129", target_btc="0.30000000", source_steps=Instrument("BTC/USD", D("0.5"), D("0.1"), D("0.2"))
        )
        decision = decide(shot, calm.settings(deviation_penalty=D("0.3")))
        self.assertNotEqual(decision.transfers, ())
        for transfer in decision.transfers:
            step = D("1e-8") if transfer.ticker == "BTC" else D("0.01")
            self.assertEqual(transfer.quantity % step, 0)
            self.assertNotEqual(transfer.why, ())
        assert decision.trade is not None
        self.assertEqual(decision.trade.quantity % D("0.1"), 0)
        self.assertEqual(decision.trade.limit % D("0.5"), 0)

    def test_too_small_for_the_venue(self) -> None:
        """What is below the source's minimum is carried."""
        chosen = calm.settings(hedge="immediate")
        coarse = Instrument("BTC/USD", min_quantity=D("0.5"))
        self.assertIsNone(decide(calm.snapshot(target_btc="2.25", source_steps=coarse), chosen).trade)

    def test_leaving_money_is_spent(self) -> None:
        """What has been asked to leave is not spent again, though the venue still shows it."""
        leaving = (Transit("source", "out", "USD", D(90_000)),)
        pool = pool_of(calm.snapshot(transits=leaving), calm.settings())
        self.assertEqual((pool.available.source_cash, pool.projected.source_cash), (D(10_000), D(10_000)))

    def test_own_quotes_do_not_bind(self) -> None:
        """What our own quotes hold is available, so live orders change neither value nor transfers."""
        shot = calm.snapshot(target_btc="9")
        orders = {"1": calm.order("1", Side.SELL, "21000000", "0.25")}
        listed = attrs.evolve(shot, target=attrs.evolve(shot.target, orders=orders))
        chosen = calm.settings(deviation_penalty=D("0.1"))
        self.assertEqual(decide(shot, chosen), decide(listed, chosen))

    def test_what_if(self) -> None:
        """Other settings are another question to the same snapshot."""
        shot = calm.snapshot(target_btc="3")
        bold, calmer = (decide(shot, calm.settings(risk_aversion=D(value))) for value in ("0.000001", "0.01"))
        self.assertIsNone(bold.trade)
        self.assertIsNotNone(calmer.trade)

    def test_missing_balance(self) -> None:
        """A ticker that the venue does not list is nothing, not an error."""
        shot = calm.snapshot()
        view = attrs.evolve(shot.target, positions={"HUF": Position("HUF", Decimal(5), Decimal(5))})
        self.assertEqual(pool_of(attrs.evolve(shot, target=view), calm.settings()).available.target_btc, 0)
