"""The [sandbox] section: defaults, values, and every problem at once."""

from twisted.trial.unittest import SynchronousTestCase

from sandbox.options import BadOptions, SandboxOptions, parse_options
from tests.sandbox.worlds import D


class Parse(SynchronousTestCase):
    """Texts to options."""

    def problems(self, **section: str) -> dict[str, str]:
        error: BadOptions = self.assertRaises(BadOptions, parse_options, section)
        return error.problems

    def test_nothing(self) -> None:
        """An empty section is the default world."""
        self.assertEqual(parse_options({}), SandboxOptions())

    def test_values(self) -> None:
        """Each form of value."""
        options = parse_options(
            {
                "seed": "42",
                "speed": "60",
                "clock": "paused",
                "source_balance": "USD 5000.50, BTC 0.1",
                "source_fees": "[0.001, 0.002]",
                "fiat_cost": "10, 0.002",
                "approval": "manual",
                "extra_pairs": "GBP/USD",
            }
        )
        self.assertEqual((options.seed, options.speed, options.is_paused, options.approval), (42, 60.0, True, None))
        self.assertEqual(options.source_balance, {"USD": D("5000.50"), "BTC": D("0.1")})
        self.assertEqual((options.source_fees, options.fiat_cost), ((D("0.001"), D("0.002")), (D(10), D("0.002"))))

    def test_all_problems_at_once(self) -> None:
        """Every key that is wrong is named, with what is allowed."""
        problems = self.problems(speed="fast", colour="red", price="NaN", clock="running backwards", source_fees="1", seed="-1")
        self.assertEqual(set(problems), {"speed", "colour", "price", "clock", "source_fees", "seed"})
        self.assertIn("from 0.01 to 1000", problems["speed"])
        self.assertIn("unknown", problems["colour"])

    def test_disagreements(self) -> None:
        """Values that are fine alone but not together."""
        self.assertEqual(set(self.problems(target_lot="0.00001")), {"target_lot"})
        self.assertEqual(set(self.problems(source_front="binance", target_front="binance")), {"target_front"})
        self.assertEqual(set(self.problems(source_front="nasdaq")), {"source_front"})
        self.assertEqual(set(self.problems(target_currency="SEK", target_balance="SEK 1")), {"rates"})
        self.assertEqual(set(self.problems(target_currency="GBP")), {"target_balance"})

    def test_candles(self) -> None:
        """A file that is not there."""
        self.assertEqual(set(self.problems(candles="/nonexistent.csv")), {"candles"})
