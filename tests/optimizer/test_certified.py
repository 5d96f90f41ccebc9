"""The pools whose optimum was certified elsewhere."""

from decimal import Decimal
from typing import Any
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from model.decision import Verdict
from optimizer.decide import decide
from tests.optimizer.cases import CERTIFIED, certified, read


class CertifiedTests(SynchronousTestCase):
    """Value, bound and indifference prices, within the tolerances that come with the cases."""

    def test_all(self) -> None:
        """Every certified pool is decided rightly; a wrong one is named."""
        cases = certified()
        if not cases:
            raise SkipTest(f"{CERTIFIED} is not here")
        wrong = {case["name"]: found for case in cases if (found := self._wrong(case))}
        self.assertEqual(wrong, {})
        print(f"certified pools decided: {len(cases)}")  # noqa: T201

    def _wrong(self, case: dict[str, Any]) -> list[str]:
        snapshot, settings = read(case)
        decision, expected = decide(snapshot, settings), case["expected"]
        if decision.verdict is not Verdict.ACT or decision.base is None or decision.optimized is None:
            return [decision.reason]
        near = max(0.01, 1e-7 * abs(expected["value"]))
        values = {
            "base_value": decision.base.value,
            "value": decision.optimized.worth.value,
            "bound": decision.optimized.bound,
        }
        found = [name for name, value in values.items() if abs(float(value) - expected[name]) > near]
        for name in ("indifference_bid", "indifference_ask"):
            price: Decimal | None = getattr(decision.optimized, name)
            agrees = price is None if expected[name] is None else price is not None and _is_near(price, expected[name])
            if not agrees:
                found.append(f"{name} {price} for {expected[name]}")
        return found


def _is_near(price: Decimal, expected: float) -> bool:
    return abs(float(price) / expected - 1) <= 1e-4
