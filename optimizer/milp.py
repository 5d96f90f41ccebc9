"""The general problem solved and proven: HiGHS branches on the switches, tangent cuts stand for the risk.

Every square is replaced by the highest of some of its tangents, so each answer of the solver is an upper bound. The switches it
chose are then rounded and fixed and the rest is solved again, with new tangents, until that value is exact: a lower bound.
Both close in on each other.

Note "leaks": HiGHS takes 1e-6 for 0. A switch at 1e-7 lets a little through without its fixed cost, and the bound stays above
what can be had. When no new tangent helps, the search therefore branches on a switch itself: fixed by its bounds it cannot leak.
"""

import heapq
import itertools
import math
from collections.abc import Mapping

from attrs import Factory, define, field, frozen

from optimizer.form import Answer, Form, NoAnswer
from optimizer.problem import Problem, Solution

#: Calls of HiGHS after which the search gives up and reports the gap it has.
CALLS = 400


def solve(problem: Problem, time_limit: float = math.inf) -> Solution:
    """The best choice, with the bound that proves it; where they did not meet, the gap shows.

    :param time_limit: seconds that any one call of HiGHS may take; what it has by then is used.
    :raises NoAnswer: if there is not even one choice to report.
    """
    return _Search(problem, time_limit).run()


@frozen(order=True)
class _Node:
    """Part of the choices: some switches fixed. Ordered so that the one with the highest bound comes first."""

    minus_bound: float
    number: int
    fixed: Mapping[str, bool] = field(order=False)


@define
class _Search:
    problem: Problem
    time_limit: float
    form: Form = field(init=False)
    best: Solution | None = None
    settled: set[frozenset[str]] = Factory(set)
    calls: int = 0

    def __attrs_post_init__(self) -> None:
        self.form = Form(self.problem)

    def run(self) -> Solution:
        """Take the most promising node, settle what it proposes, and branch if that does not close its gap."""
        numbers = itertools.count()
        nodes = [_Node(-math.inf, next(numbers), {})]
        bound = math.inf
        while nodes and self.calls < CALLS:
            node = heapq.heappop(nodes)
            bound = min(bound, -node.minus_bound)
            if self._is_closed(bound):
                break
            upper, branch = self._examine(node)
            if self._is_closed(upper):
                continue
            for choice in (False, True):
                heapq.heappush(nodes, _Node(-upper, next(numbers), {**node.fixed, branch: choice}))
        else:
            bound = -nodes[0].minus_bound if nodes else -math.inf
        if self.best is None:
            raise NoAnswer("no choice of actions satisfies the limits")
        return Solution(self.best.value, max(self.best.value, self.best.bound, bound), self.best.amounts, self.best.switched_on)

    def _is_closed(self, upper: float) -> bool:
        return self.best is not None and upper <= self.best.value + _goal(self.best.value)

    def _examine(self, node: _Node) -> tuple[float, str]:
        """The node's upper bound once no tangent lowers it further, and the switch to branch on if that is not enough."""
        while True:
            answer = self._solve(node.fixed)
            if answer is None:
                return -math.inf, ""
            pattern = frozenset(name for name, state in answer.switches.items() if state > 0.5)
            is_new = pattern not in self.settled
            if is_new:
                self.settled.add(pattern)
                self._settle(pattern)
            if self._is_closed(answer.bound) or self.calls >= CALLS:
                return answer.bound, _leakiest(answer, node.fixed)
            if not is_new:
                branch = _leakiest(answer, node.fixed)
                return (answer.bound, branch) if branch else (-math.inf, "")

    def _settle(self, pattern: frozenset[str]) -> None:
        """The best value with exactly these switches on, exact: tangents are added where the answer lies until they meet."""
        fixed = {switch.name: switch.name in pattern for switch in self.problem.switches}
        while (answer := self._solve(fixed)) is not None:
            value = self.problem.value(answer.amounts, pattern)
            if self.best is None or value > self.best.value:
                self.best = Solution(value, value, answer.amounts, pattern)
            if answer.bound <= value + _goal(value) / 10 or not self.form.add_tangents(answer):
                return

    def _solve(self, fixed: Mapping[str, bool]) -> Answer | None:
        self.calls += 1
        return self.form.solve(fixed, self.time_limit)


def _goal(value: float) -> float:
    """How close the bounds shall come: as close as HiGHS can tell, since prices are found from small differences of values."""
    return max(1e-6, 1e-9 * abs(value))


def _leakiest(answer: Answer, fixed: Mapping[str, bool]) -> str:
    free = {name: abs(state - round(state)) for name, state in answer.switches.items() if name not in fixed}
    return max(free, key=lambda name: free[name], default="")
