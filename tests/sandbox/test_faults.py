"""Faults: which call they hit, how often, and what a control face may say."""

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from sandbox.faults import BadFault, Faults, Kind
from tests.sandbox.worlds import D


class Decide(SynchronousTestCase):
    """Criteria."""

    def setUp(self) -> None:
        self.faults = Faults(Random(1))

    def hits(self, venue: str, call: str, *kinds: Kind) -> bool:
        return self.faults.decide(venue, call, *kinds) is not None

    def test_venue_and_call(self) -> None:
        """The name must match as a whole; "*" is every venue."""
        self.faults.add("kraken", "Add.*", Kind.ERROR)
        self.faults.add("*", "Balance", Kind.DELAY)
        self.assertEqual(
            [self.hits("kraken", "AddOrder"), self.hits("sputnik", "AddOrder"), self.hits("kraken", "BalanceEx")],
            [True, False, False],
        )
        self.assertTrue(self.hits("sputnik", "Balance"))

    def test_count(self) -> None:
        """The next two calls, then no more."""
        self.faults.add("*", ".*", Kind.ERROR, count=2)
        self.assertEqual([self.hits("kraken", "X") for _ in range(3)], [True, True, False])
        self.assertEqual(self.faults.in_force(), [])

    def test_hits(self) -> None:
        """What each has hit is counted, also after it is over."""
        fault = self.faults.add("*", ".*", Kind.ERROR, count=2)
        for _ in range(3):
            self.hits("kraken", "X")
        self.assertEqual(self.faults.hits, {fault.id: 2})

    def test_kinds(self) -> None:
        """A fault that makes no sense at this point is neither used nor used up."""
        self.faults.add("*", ".*", Kind.CHECKSUM, count=1)
        self.assertFalse(self.hits("kraken", "AddOrder", Kind.ERROR))
        self.assertTrue(self.hits("kraken", "book", Kind.CHECKSUM))

    def test_probability(self) -> None:
        """About as often as said, and the same again with the same seed."""
        self.faults.add("*", ".*", Kind.ERROR, probability=D("0.3"))
        first = [self.hits("kraken", "X") for _ in range(1000)]
        self.assertTrue(250 < sum(first) < 350)
        again = Faults(Random(1))
        again.add("*", ".*", Kind.ERROR, probability=D("0.3"))
        self.assertEqual([again.decide("kraken", "X") is not None for _ in range(1000)], first)

    def test_end(self) -> None:
        """Removed one by one or all at once."""
        fault = self.faults.add("*", ".*", Kind.ERROR)
        self.faults.add("*", ".*", Kind.DELAY)
        self.assertEqual((self.faults.remove(fault.id), self.faults.remove(fault.id)), (True, False))
        self.faults.clear()
        self.assertFalse(self.hits("kraken", "X"))


class Described(SynchronousTestCase):
    """Faults in a control face's words."""

    def test_good(self) -> None:
        """All keys; numbers as JSON has them."""
        words = {
            "venue": "kraken",
            "call": "AddOrder",
            "kind": "error",
            "probability": D("0.5"),
            "count": 3,
            "text": "E",
            "seconds": 2,
        }
        fault = Faults().add_described(words)
        self.assertEqual(
            (fault.kind, fault.probability, fault.left, fault.text, fault.seconds), (Kind.ERROR, D("0.5"), 3, "E", D(2))
        )

    def test_bad(self) -> None:
        """Nonsense is refused, whatever part it is in."""
        for words in (
            {"kind": "explode"},
            {},
            {"kind": "error", "probability": 2},
            {"kind": "error", "count": 0},
            {"kind": "error", "call": "("},
            {"kind": "error", "colour": "red"},
        ):
            self.assertRaises(BadFault, Faults().add_described, words)
