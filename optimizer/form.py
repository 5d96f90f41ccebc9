"""The general problem in the matrix form of HiGHS, scaled so that its tolerances mean a fraction of a cent."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

from optimizer.problem import Problem, Square

Row = NDArray[np.float64]

#: The problem is scaled to a total worth of this much: HiGHS's absolute tolerance of 1e-7 is then a 1e-11th of the pool.
SCALE = 1e4
#: Tangents to begin with, per square.
FIRST_TANGENTS = 17


class NoAnswer(Exception):
    """The solver has nothing to offer: nothing is feasible, or its time was too short."""


@frozen
class Answer:
    """What HiGHS said, in the problem's own units; ``bound`` is on every choice that was open to it.

    ``squares``: for each, what the tangents take for it and the deviation itself.
    """

    bound: float
    amounts: dict[str, float]
    switches: dict[str, float]
    squares: tuple[tuple[float, float], ...]


@define
class Form:
    """Variables in this order: what each column does (in worth), switches, hinges, squares. All but the switches in ``unit``."""

    problem: Problem
    unit: float = field(init=False)
    most: Row = field(init=False)
    effect: dict[str, Row] = field(init=False)
    rows: list[tuple[Row, float]] = field(init=False)
    gain: Row = field(init=False)
    constant: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        problem = self.problem
        held = sum(account.worth * (abs(account.projected) + max(0.0, account.budget)) for account in problem.accounts)
        self.unit = max(1.0, held) / SCALE
        self.effect = {account.name: self._effect(account.name) for account in problem.accounts}
        self.most = self._most()
        self.rows = [*self._budgets(), *self._links(), *self._groups(), *self._hinges()]
        self.gain = self._gain()
        self.constant = sum(account.worth * account.projected for account in problem.accounts)
        for number, square in enumerate(problem.squares):
            for at in self._first_tangents(square):
                self._add_tangent(number, at)

    def solve(self, fixed: Mapping[str, bool], time_limit: float) -> Answer | None:
        """The best choice with the switches in ``fixed`` as they are there; None if there is none.

        :raises NoAnswer: if the time was too short.
        """
        lower, upper, integrality = self._limits(fixed)
        if (lower > upper).any():
            return None
        matrix = np.array([row for row, _ in self.rows])
        result = milp(
            -self.gain,
            integrality=integrality,
            bounds=Bounds(lower, upper),
            constraints=LinearConstraint(matrix, -np.inf, np.array([most for _, most in self.rows])),
            options={"mip_rel_gap": 0.0} | ({} if math.isinf(time_limit) else {"time_limit": time_limit}),
        )
        if result.status == 2:
            return None
        if result.x is None:
            raise NoAnswer(f"HiGHS: {result.message}")
        bound = result.fun if not integrality.any() else result.mip_dual_bound
        return self._answer(result.x, self.constant - self.unit * bound)

    def add_tangents(self, answer: Answer) -> bool:
        """Touch every square where the answer lies; False if the tangents there already were good enough."""
        before = len(self.rows)
        for number, square in enumerate(self.problem.squares):
            claimed, deviation = answer.squares[number]
            if square.weight * deviation**2 - claimed > 1e-9 * self.unit:
                self._add_tangent(number, deviation)
        return len(self.rows) > before

    @property
    def _size(self) -> int:
        p = self.problem
        return len(p.columns) + len(p.switches) + len(p.hinges) + len(p.squares)

    def _effect(self, account: str) -> Row:
        """How each variable moves an account, in the account's own unit."""
        row = np.zeros(self._size)
        for number, column in enumerate(self.problem.columns):
            row[number] = column.moves.get(account, 0.0) * self.unit / column.worth
        for number, switch in enumerate(self.problem.switches, len(self.problem.columns)):
            row[number] = switch.moves.get(account, 0.0)
        return row

    def _most(self) -> Row:
        """The most that each switch's columns can be worth together: what they may take, and no more, or switches leak."""
        found = []
        for switch in self.problem.switches:
            columns = [column for column in self.problem.columns if column.switch == switch.name]
            most = sum(column.limit * column.worth for column in columns)
            for account in self.problem.accounts:
                rate = min((column.takes.get(account.name, 0.0) / column.worth for column in columns), default=0.0)
                if rate > 0:
                    most = min(most, (account.budget - switch.takes.get(account.name, 0.0)) / rate)
            found.append(most)
        return np.array(found)

    def _budgets(self) -> Iterator[tuple[Row, float]]:
        for account in self.problem.accounts:
            row = np.zeros(self._size)
            for number, column in enumerate(self.problem.columns):
                row[number] = column.takes.get(account.name, 0.0) / column.worth * account.worth
            for number, switch in enumerate(self.problem.switches, len(self.problem.columns)):
                row[number] = switch.takes.get(account.name, 0.0) * account.worth / self.unit
            if row.any():
                yield row, max(0.0, account.budget) * account.worth / self.unit

    def _links(self) -> Iterator[tuple[Row, float]]:
        """Off: nothing is done. On: at least the least worth doing."""
        for number, switch in enumerate(self.problem.switches):
            done = np.array([float(column.switch == switch.name) for column in self.problem.columns])
            for sign, amount in ((1.0, self.most[number]), (-1.0, switch.least)):
                row = np.zeros(self._size)
                row[: len(done)] = sign * done
                row[len(done) + number] = -sign * max(0.0, amount) / self.unit
                yield row, 0.0

    def _groups(self) -> Iterator[tuple[Row, float]]:
        switches = self.problem.switches
        for group in sorted({switch.group for switch in switches}):
            row = np.zeros(self._size)
            for number, switch in enumerate(switches, len(self.problem.columns)):
                row[number] = float(switch.group == group)
            yield row, 1.0

    def _hinges(self) -> Iterator[tuple[Row, float]]:
        start = len(self.problem.columns) + len(self.problem.switches)
        worth = {account.name: account.worth for account in self.problem.accounts}
        for number, hinge in enumerate(self.problem.hinges, start):
            effect, held = self._sum(hinge.accounts)
            factor = hinge.direction * worth[hinge.accounts[0]] / self.unit
            row = factor * effect
            row[number] = -1.0
            yield row, -factor * (held - hinge.at)

    def _gain(self) -> Row:
        columns, switches, hinges = len(self.problem.columns), len(self.problem.switches), len(self.problem.hinges)
        worth = {account.name: account.worth for account in self.problem.accounts}
        gain: Row = np.sum([worth[name] * row for name, row in self.effect.items()], axis=0) / self.unit
        gain[:columns] += [column.keeps / column.worth for column in self.problem.columns]
        start = columns + switches
        gain[start : start + hinges] = [-hinge.slope / worth[hinge.accounts[0]] for hinge in self.problem.hinges]
        gain[start + hinges :] = -1.0
        return gain

    def _sum(self, accounts: tuple[str, ...]) -> tuple[Row, float]:
        held = sum(account.projected for account in self.problem.accounts if account.name in accounts)
        effect: Row = np.sum([self.effect[name] for name in accounts], axis=0)
        return effect, held

    def _first_tangents(self, square: Square) -> Row:
        """Evenly over all deviations that can be reached."""
        effect, held = self._sum(square.accounts)
        low = high = held - square.at
        columns = self.problem.columns
        for number, switch in enumerate(self.problem.switches):
            rates = [effect[i] for i, column in enumerate(columns) if column.switch == switch.name]
            most, once = max(0.0, self.most[number]) / self.unit, effect[len(columns) + number]
            low += min(0.0, min(rates, default=0.0)) * most + min(0.0, once)
            high += max(0.0, max(rates, default=0.0)) * most + max(0.0, once)
        return np.unique(np.linspace(low, high, FIRST_TANGENTS))

    def _add_tangent(self, number: int, at: float) -> None:
        square = self.problem.squares[number]
        effect, held = self._sum(square.accounts)
        slope = 2 * square.weight * at / self.unit
        row = slope * effect
        row[self._size - len(self.problem.squares) + number] = -1.0
        self.rows.append((row, square.weight * at**2 / self.unit - slope * (held - square.at)))

    def _limits(self, fixed: Mapping[str, bool]) -> tuple[Row, Row, Row]:
        problem, columns = self.problem, len(self.problem.columns)
        lower, upper, integrality = np.zeros(self._size), np.full(self._size, np.inf), np.zeros(self._size)
        off = set()
        for number, switch in enumerate(problem.switches):
            place = columns + number
            integrality[place] = float(switch.name not in fixed)
            upper[place] = float(self.most[number] >= switch.least and fixed.get(switch.name, True))
            lower[place] = float(fixed.get(switch.name, False) or switch.must)
            if not upper[place]:
                off.add(switch.name)
        for number, column in enumerate(problem.columns):
            upper[number] = 0.0 if column.switch in off else column.limit * column.worth / self.unit
            lower[number] = 0.0 if column.switch in off else column.least * column.worth / self.unit
        return lower, upper, integrality

    def _answer(self, x: Row, bound: float) -> Answer:
        problem, columns = self.problem, len(self.problem.columns)
        amounts = {c.name: max(0.0, float(x[i])) * self.unit / c.worth for i, c in enumerate(problem.columns)}
        switches = {s.name: float(x[columns + i]) for i, s in enumerate(problem.switches)}
        pairs = []
        for number, square in enumerate(problem.squares):
            effect, held = self._sum(square.accounts)
            taken = float(x[self._size - len(problem.squares) + number]) * self.unit
            pairs.append((taken, float(effect @ x) + held - square.at))
        return Answer(bound, amounts, switches, tuple(pairs))
