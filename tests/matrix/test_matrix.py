"""The matrix itself: its pairs, what it finds, and one short run of it."""

from decimal import Decimal
from typing import Any
from unittest import TestCase

from tests.matrix.pairs import CLIENTS, pairs
from tests.matrix.run import differences, run


class PairsTests(TestCase):
    """Who is put together with whom."""

    def test_everybody_is_both(self) -> None:
        """Seven clients make fourteen runs, none twice: each is twice a source and twice a target, never with itself."""
        found = pairs(list(CLIENTS))
        self.assertEqual((14, 14), (len(found), len(set(found))))
        for place in range(2):
            self.assertEqual(dict.fromkeys(CLIENTS, 2), {name: [pair[place] for pair in found].count(name) for name in CLIENTS})
        self.assertFalse([pair for pair in found if pair[0] == pair[1]])

    def test_fewer(self) -> None:
        """Two are put together both ways, three in all ways."""
        self.assertEqual([("a", "b"), ("b", "a")], pairs(["a", "b"]))
        self.assertEqual({(a, b) for a in "abc" for b in "abc" if a != b}, set(pairs(["a", "b", "c"])))


class DifferencesTests(TestCase):
    """What a run calls wrong."""

    def truth(self, **changes: Any) -> Any:
        """A venue with a bitcoin of ours that has traded once."""
        account = {"BTC": {"balance": "1.0", "held": "0"}}
        trading = {"orders": {"pool": []}, "fills": {"pool": [{"id": 1}]}, **changes}
        return {"venues": {"there": {"balances": {"pool": account}}}, "trading": {"there": trading}}

    def test_equal(self) -> None:
        """The same in other digits is the same."""
        self.assertEqual([], differences("source", self.truth(), "there", {"BTC": Decimal(1)}, 1))

    def test_a_satoshi_an_order_a_fill(self) -> None:
        """Each thing that differs has its sentence."""
        found = differences("source", self.truth(orders={"pool": ["one"]}), "there", {"BTC": Decimal("1.00000001")}, 2)
        self.assertEqual(3, len(found), found)
        self.assertIn("+0.00000001 BTC", found[0])


class RunTests(TestCase):
    """A pool, truly."""

    def test_one_pair(self) -> None:
        """A few seconds with a pair that no other test has: both sides trade, money moves, and the books are true."""
        result = run(("sputnik", "binance"), 4)
        self.assertEqual([], result.wrong)
        self.assertGreater(result.hedges, 0)
        self.assertGreater(result.fills, result.hedges)
