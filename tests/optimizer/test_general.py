"""The general core: any number of accounts, and the definition that every answer is held against."""

import itertools
from decimal import Decimal

import attrs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bench.decision import joined
from optimizer.evaluate import NOTHING, Plan, evaluate
from optimizer.form import NoAnswer
from optimizer.instance import problem_of
from optimizer.milp import solve
from optimizer.pool import pool_of
from optimizer.problem import Account, Column, Hinge, Problem, Square, Switch
from tests.optimizer import calm
from tests.optimizer.pools import pool


class GeneralTests(SynchronousTestCase):
    """More than one source and one target."""

    def test_pools_beside_each_other(self) -> None:
        """Three pools of which one may trade are worth what each is alone, the one chosen that gains most by trading."""
        problems = [problem_of(pool_of(*pool(seed, is_tame=True))) for seed in (5, 7, 9)]
        together = solve(joined(problems))
        trading, still = [solve(problem).value for problem in problems], [solve(_still(problem)).value for problem in problems]
        gains = [one - other for one, other in zip(trading, still, strict=True)]
        self.assertGreater(max(gains), 1)
        self.assertLess(abs(together.value - sum(still) - max(gains)), 0.01)
        self.assertLess(together.bound - together.value, 0.01)

    def test_three_venues_share(self) -> None:
        """With a third venue in the middle, coins take the way over it when that is cheaper."""
        accounts = [Account(name, held, held, 1.0) for name, held in (("a", 100.0), ("b", 50.0), ("c", 0.0))]
        columns, switches = [], []
        for origin, to, fee in (("a", "b", 1.0), ("b", "c", 1.0), ("a", "c", 5.0)):
            name = origin + to
            columns.append(Column(name, name, {origin: -1.0, to: 1.0}, {origin: 1.0}, 1.0))
            switches.append(Switch(name, name, {to: -fee}))
        wanted = [Hinge(("c",), 40.0, 0.5, -1), Hinge(("b",), 50.0, 0.5, -1)]
        found = solve(Problem(accounts, columns, switches, wanted))
        self.assertEqual(found.switched_on, {"ab", "bc"})
        self.assertLess(abs(found.value - (150 - 2)), 1e-6)

    def test_fixed_cost_cannot_leak(self) -> None:
        """A large transfer is never let through without its fixed cost by a switch that is almost off."""
        for size in (1e3, 1e6):
            accounts = [Account("a", size, size, 1.0), Account("b", 0.0, 0.0, 1.0)]
            columns = [Column("ab", "ab", {"a": -1.0, "b": 1.0}, {"a": 1.0}, 1.0)]
            switches = [Switch("ab", "ab", {"b": -2.0})]
            for gain, expected in ((1.9, size - 1.9), (2.1, size - 2.0)):
                problem = Problem(accounts, columns, switches, [Hinge(("b",), gain / 0.5, 0.5, -1)])
                found = solve(problem)
                self.assertLess(abs(problem.value(found.amounts, found.switched_on) - found.value), 1e-9 * size + 1e-9)
                self.assertGreaterEqual(found.bound, expected - 1e-6)
                self.assertLess(found.value, expected + 1e-6)

    def test_must(self) -> None:
        """A switch that must be on is, though it costs; one that cannot has no answer."""
        accounts = [Account("a", 5.0, 5.0, 1.0)]
        columns = [Column("pay", "pay", {"a": -1.0}, {"a": 1.0}, 1.0, limit=3.0, least=2.0)]
        problem = Problem(accounts, columns, [Switch("pay", "pay", must=True)])
        self.assertLess(abs(solve(problem).value - 3.0), 1e-9)
        with self.assertRaises(NoAnswer):
            solve(attrs.evolve(problem, switches=[Switch("pay", "pay", least=9.0, must=True)]))

    def test_square_by_hand(self) -> None:
        """The optimum between two tangents is found exactly: 10 of gain against (x - 3) ** 2 ends at x = 8."""
        accounts = [Account("a", 100.0, 0.0, 0.0001)]
        columns = [Column("x", "x", {"a": 1.0}, {"a": 1.0}, 1.0, keeps=10.0)]
        found = solve(Problem(accounts, columns, [Switch("x", "x")], (), [Square(("a",), 3.0, 1.0)]))
        self.assertLess(abs(found.value - (80 - 25 + 0.0008)), 1e-4)


def _still(problem: Problem) -> Problem:
    """The same without trades."""
    switches = [switch for switch in problem.switches if switch.group != "trade"]
    names = {switch.name for switch in switches}
    return attrs.evolve(problem, switches=switches, columns=[column for column in problem.columns if column.switch in names])


class DefinitionTests(SynchronousTestCase):
    """The exact valuation and the problem's own: two readings of one document."""

    @given(st.integers(0, 10_000), st.lists(st.integers(-9, 9), min_size=4, max_size=4))
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    def test_agree(self, seed: int, sizes: list[int]) -> None:
        """Any plan that the book can serve is worth the same by both."""
        state = pool_of(*pool(seed))
        depth = sum((level.quantity for level in (state.asks if sizes[0] > 0 else state.bids)), Decimal(0))
        plan = Plan(
            depth * sizes[0] / 10,
            state.available.source_btc * sizes[1] / 10,
            state.available.source_cash * max(sizes[2], 0) / 20,
            state.available.target_cash * max(-sizes[2], 0) / 10,
            state.available.source_cash * max(sizes[3], 0) / 20 if state.settings.out_address else Decimal(0),
        )
        problem = problem_of(state)
        amounts = {
            "btc out": float(max(plan.btc, Decimal(0))),
            "btc back": float(max(-plan.btc, Decimal(0))),
            "cash out": float(plan.cash_out),
            "cash back": float(plan.cash_back),
            "leave": float(plan.leave),
        }
        switched = frozenset([name for name, amount in amounts.items() if amount] + ([plan.side.value] if plan.side else []))
        rest = abs(plan.trade)
        for number in itertools.count():
            if not rest or plan.side is None:
                break
            level = (state.asks if plan.trade > 0 else state.bids)[number]
            amounts[f"{plan.side.value} {number}"] = float(min(rest, level.quantity))
            rest -= min(rest, level.quantity)
        exact = float(evaluate(state, plan).worth.value)
        self.assertLess(abs(problem.value(amounts, switched) - exact), 1e-6 + 1e-9 * abs(exact))

    def test_by_hand(self) -> None:
        """A pool in round numbers: cash, risk and penalty each counted on paper."""
        state = pool_of(calm.snapshot(source_cash="20000", source_btc="3"), calm.settings())
        worth = evaluate(state, NOTHING).worth
        # 20,000 USD; 5 BTC at 49,990; 40,000,000 HUF at 0.0025.
        self.assertEqual(worth.cash_value_in_source, 20_000 + 5 * 49_990 + 100_000)
        # One BTC away from the ideal: 0.00003 * 1,000,000 * 1 ** 2.
        self.assertEqual(worth.market_risk_in_source, 30)
        # USD: 10 * 0.001 * 5,000 + 3 * 0.001 * 55,000; BTC: 0.5 above 2.5, 0.001 each of 49,990.
        self.assertEqual(worth.deviation_penalty, 50 + 165 + Decimal("24.995"))

    def test_plan_by_hand(self) -> None:
        """Buying 2 BTC: one at 50,010, one at 50,050, 0.2 % on both, in the order of the book."""
        state = pool_of(calm.snapshot(), calm.settings(deviation_penalty=Decimal(0), risk_aversion=Decimal(0)))
        done = evaluate(state, Plan(trade=Decimal(2)))
        self.assertEqual(done.worth.source_source_balance, 100_000 - Decimal("100060") * Decimal("1.002"))
        self.assertEqual(done.worth.source_btc_balance, 4)
        self.assertEqual(done.overdrawn(state.available), "source cash")
        self.assertEqual(sum(term.amount for term in done.terms), done.worth.value)

    def test_book_too_thin(self) -> None:
        """What the book does not offer has no price."""
        state = pool_of(calm.snapshot(), calm.settings())
        with self.assertRaisesRegex(ValueError, "cannot serve"):
            evaluate(state, Plan(trade=Decimal(-5)))
