"""What must hold for every pool."""

import random
from decimal import ROUND_DOWN, Decimal

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from model.book import Book, Level
from model.decision import Decision, Optimum, Rounded, Verdict
from model.instrument import Instrument
from model.order import Side
from model.position import Position
from model.settings import Cost, Settings
from model.snapshot import Snapshot, VenueView
from model.transfer import Transit
from optimizer.decide import decide
from optimizer.evaluate import NOTHING, Plan, evaluate
from optimizer.pool import Pool, pool_of
from optimizer.sending import affordable
from tests.optimizer.pools import pool

seeds = st.integers(10_000, 1_000_000)
few = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))


def decided(snapshot: Snapshot, chosen: Settings) -> tuple[Decision, Optimum, Rounded]:
    """The decision and its two halves, which must be there."""
    decision = decide(snapshot, chosen)
    assert decision.verdict is Verdict.ACT, decision.reason
    assert decision.optimized is not None
    assert decision.rounded is not None
    return decision, decision.optimized, decision.rounded


class PropertyTests(SynchronousTestCase):
    """The issue's list."""

    @given(seeds, st.integers(1, 1_000_000))
    @few
    def test_more_cash_is_never_worse(self, seed: int, more: int) -> None:
        """More source cash never lowers the value."""
        shot, chosen = pool(seed)
        held = shot.source.positions["USD"]
        richer = Position("USD", held.position + more, held.available + more)
        view = attrs.evolve(shot.source, positions={**shot.source.positions, "USD": richer})
        less, than = decided(shot, chosen)[1], decided(attrs.evolve(shot, source=view), chosen)[1]
        self.assertLessEqual(less.worth.value, than.worth.value + Decimal("0.001"))

    @given(seeds)
    @few
    def test_bid_below_ask(self, seed: int) -> None:
        """We never bid what we ask, rounded or not; bids fall and asks rise from level to level."""
        shot, chosen = pool(seed)
        decision, optimum, rounded = decided(shot, chosen.replace(levels=2))
        for offer in (optimum, rounded):
            if offer.offered_bid is not None and offer.offered_ask is not None:
                self.assertLess(offer.offered_bid, offer.offered_ask)
        prices = [-quote.side.sign * quote.price for quote in decision.quotes]
        bids = len([quote for quote in decision.quotes if quote.side.sign > 0])
        self.assertEqual(prices, sorted(prices[:bids]) + sorted(prices[bids:]))

    @given(seeds)
    @few
    def test_nothing_is_overdrawn(self, seed: int) -> None:
        """No action takes more than is available, and the quotes can be paid from what is left."""
        shot, chosen = pool(seed)
        decision, _, rounded = decided(shot, chosen)
        state = pool_of(shot, chosen)
        valuation = evaluate(state, _plan(state, decision))
        self.assertEqual(valuation.overdrawn(state.available), "")
        self.assertEqual(valuation.worth, rounded.worth)
        for quote in decision.quotes:
            fee = chosen.target_fee
            cost = quote.price * quote.quantity * (1 + fee.proportional) + fee.fixed
            spare = valuation.left.target_cash - cost if quote.side.sign > 0 else valuation.left.target_btc - quote.quantity
            self.assertGreaterEqual(spare, 0)

    @given(seeds, st.sampled_from(["source", "target"]))
    @few
    def test_units_do_not_matter(self, seed: int, which: str) -> None:
        """Counting one currency in halves of its unit changes no decision."""
        shot, chosen = pool(seed)
        _, one, _ = decided(shot, chosen)
        doubled = _double_source(shot, chosen) if which == "source" else _double_target(shot, chosen)
        _, two, _ = decided(*doubled)
        factor = 2 if which == "source" else 1
        self.assertLess(abs(float(one.worth.value) * factor / float(two.worth.value) - 1), 1e-6)
        for name in ("indifference_bid", "indifference_ask"):
            price, other = getattr(one, name), getattr(two, name)
            self.assertEqual(price is None, other is None)
            if price is not None:
                self.assertLess(abs(float(price) / float(other) * (1 if which == "source" else 2) - 1), 1e-4)

    @given(seeds)
    @few
    def test_deterministic(self, seed: int) -> None:
        """The same question has the same answer."""
        shot, chosen = pool(seed)
        self.assertEqual(decide(shot, chosen), decide(shot, chosen))

    @given(seeds)
    @settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
    def test_nothing_random_is_better(self, seed: int) -> None:
        """1,000 random feasible plans are worth no more than the optimum, and the bound holds for each."""
        shot, chosen = pool(seed)
        _, optimum, _ = decided(shot, chosen)
        state, draw = pool_of(shot, chosen), random.Random(seed)
        best = max(evaluate(state, _random_plan(state, draw)).worth.value for _ in range(1_000))
        self.assertLessEqual(best, optimum.bound + Decimal("0.01"))
        self.assertLessEqual(best, optimum.worth.value + Decimal("0.01"))

    @given(seeds, st.sampled_from(["0.001", "0.1", "1000"]))
    @few
    def test_rounding_is_never_worse_than_nothing(self, seed: int, smallest: str) -> None:
        """However coarse the source's minimum, what is left of the plan is worth at least the base."""
        shot, chosen = pool(seed)
        coarse = Instrument("BTC/USD", lot=Decimal("0.001"), min_quantity=Decimal(smallest))
        decision, _, rounded = decided(attrs.evolve(shot, source=attrs.evolve(shot.source, instrument=coarse)), chosen)
        assert decision.base is not None
        self.assertGreaterEqual(rounded.worth.value, decision.base.value)
        if decision.trade is not None:
            self.assertGreaterEqual(decision.trade.quantity, Decimal(smallest))

    @given(seeds)
    @few
    def test_explanations_add_up(self, seed: int) -> None:
        """What an action is said to earn is exactly what leaving it out would cost."""
        shot, chosen = pool(seed)
        decision, _, rounded = decided(shot, chosen)
        state = pool_of(shot, chosen)
        plan = _plan(state, decision)
        if decision.trade is not None:
            without = evaluate(state, attrs.evolve(plan, trade=Decimal(0))).worth.value
            self.assertEqual(sum(term.amount for term in decision.trade.why), rounded.worth.value - without)
        for quote in decision.quotes:
            self.assertNotEqual(quote.why, ())


def _plan(state: Pool, decision: Decision) -> Plan:
    plan = NOTHING
    if decision.trade is not None:
        plan = attrs.evolve(plan, trade=decision.trade.side.sign * decision.trade.quantity)
    for move in decision.transfers:
        name = "leave" if move.to == "out" else "cash_out" if move.origin == "source" else "cash_back"
        if move.ticker == "BTC":
            plan = attrs.evolve(plan, btc=move.quantity if move.origin == "source" else -move.quantity)
        else:
            plan = attrs.evolve(plan, **{name: move.quantity})
    return plan


def _random_plan(state: Pool, draw: random.Random) -> Plan:
    """A plan within every budget, its minimum and its group; nothing where the dice find none."""
    s, kept = state.settings, state.reserve
    plan = NOTHING

    def some(most: Decimal, worth: Decimal) -> Decimal:
        size = (max(Decimal(0), most) * Decimal(repr(draw.random()))).quantize(Decimal("1e-8"), ROUND_DOWN)
        return size if size * worth >= state.least else Decimal(0)

    side = draw.choice([None, *([1] if state.asks else []), -1])
    if side is not None:
        way = Side.BUY if side > 0 else Side.SELL
        plan = attrs.evolve(plan, trade=side * some(affordable(state, way, state.available), state.best_bid / 2))
    left = evaluate(state, plan).left
    if draw.random() < 0.5:
        plan = attrs.evolve(plan, btc=some(left.source_btc, state.best_bid))
    else:
        plan = attrs.evolve(plan, btc=-some(left.target_btc - kept.target_btc, state.best_bid))
    if draw.random() < 0.5:
        plan = attrs.evolve(plan, cash_out=some(left.source_cash, Decimal(1)))
    else:
        plan = attrs.evolve(plan, cash_back=some(left.target_cash - kept.target_cash, state.fiat_bid))
    if s.out_address is not None and draw.random() < 0.5:
        cost = s.fiat_exchange_cost
        spare = (left.source_cash - plan.cash_out - cost.fixed) / (1 + cost.proportional)
        plan = attrs.evolve(plan, leave=some(spare, Decimal(1)))
    return plan


def _scaled(book: Book, factor: int | Decimal) -> Book:
    def side(levels: tuple[Level, ...]) -> tuple[Level, ...]:
        return tuple(Level(level.price * factor, level.quantity) for level in levels)

    return Book(book.contract, side(book.bids), side(book.asks), book.timestamp)


def _cash(view: VenueView, ticker: str) -> dict[str, Position]:
    held = view.positions[ticker]
    return {**view.positions, ticker: Position(ticker, held.position * 2, held.available * 2)}


def _double_source(shot: Snapshot, s: Settings) -> tuple[Snapshot, Settings]:
    view = attrs.evolve(shot.source, book=_scaled(shot.source.book, 2), positions=_cash(shot.source, "USD"))
    chosen = s.replace(
        ideal_source_cash=s.ideal_source_cash * 2,
        risk_aversion=s.risk_aversion / 2,
        variance_btc=s.variance_btc * 4,
        variance_fiat=s.variance_fiat * 4,
        fiat_exchange_cost=Cost(s.fiat_exchange_cost.fixed * 2, s.fiat_exchange_cost.proportional),
        source_fee=Cost(s.source_fee.fixed * 2, s.source_fee.proportional),
        min_action_value=s.min_action_value * 2,
    )
    return attrs.evolve(shot, source=view, fiat=_scaled(shot.fiat, 2), transits=_doubled_transits(shot, "USD")), chosen


def _double_target(shot: Snapshot, s: Settings) -> tuple[Snapshot, Settings]:
    view = attrs.evolve(shot.target, positions=_cash(shot.target, "HUF"))
    chosen = s.replace(
        ideal_target_cash=s.ideal_target_cash * 2,
        variance_fiat=s.variance_fiat / 4,
        target_fee=Cost(s.target_fee.fixed * 2, s.target_fee.proportional),
    )
    half = _scaled(shot.fiat, Decimal("0.5"))
    return attrs.evolve(shot, target=view, fiat=half, transits=_doubled_transits(shot, "HUF")), chosen


def _doubled_transits(shot: Snapshot, ticker: str) -> tuple[Transit, ...]:
    return tuple(attrs.evolve(t, quantity=t.quantity * 2) if t.ticker == ticker else t for t in shot.transits)
