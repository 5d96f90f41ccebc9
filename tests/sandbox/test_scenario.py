"""The order flow: repeatable, realistic enough, economical, and honest about money."""

import statistics
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from model.order import Side
from sandbox.candles import PriceHistory
from sandbox.crowd import Arrivals
from sandbox.events import BookChanged, Event, Matched
from sandbox.prices import BadCandles, RandomWalk, Replay, read_candles
from sandbox.rates import Rates, factor
from sandbox.service import Sandbox
from sandbox.trading import Trade
from tests.sandbox.worlds import D, WallClock

SHARED = Path(__file__).parents[3] / "shared" / "data" / "btc_usd_1m_2022-01.csv.gz"


class Flow(SynchronousTestCase):
    """A whole world, without any socket."""

    def world(self, **options: str) -> Sandbox:
        self.now = WallClock()
        sandbox = Sandbox(options, Clock(), self.now)
        self.events: list[Event] = []
        for venue in sandbox.world.venues.values():
            venue.listen(self.events.append)
        sandbox.scenario.start()
        return sandbox

    def run_for(self, sandbox: Sandbox, steps: int, seconds: float = 15.0) -> None:
        for _ in range(steps):
            self.now.advance(0.25)
            sandbox.scenario.advance(seconds)

    def trades(self) -> list[Trade]:
        return [event.trade for event in self.events if isinstance(event, Matched)]

    def test_same_seed(self) -> None:
        """The same seed gives the same trades, another seed others."""
        histories = []
        for seed in ("7", "7", "8"):
            self.run_for(self.world(seed=seed), 100)
            histories.append(self.trades())
        self.assertEqual(histories[0], histories[1])
        self.assertNotEqual(histories[0], histories[2])
        self.assertGreater(len(histories[0]), 20)

    def test_books(self) -> None:
        """Books of some depth around fair, never crossed; the target's other maker stays as far away as said."""
        sandbox = self.world()
        source, target = sandbox.world.venues["kraken"], sandbox.world.venues["sputnik"]
        for _ in range(50):
            self.run_for(sandbox, 4)
            bids, asks = (source.levels("BTC/USD", side) for side in (Side.BUY, Side.SELL))
            self.assertGreaterEqual(min(len(bids), len(asks)), 20)
            fair = sandbox.scenario.fair()
            self.assertLess(bids[0].price, asks[0].price)
            self.assertLess(abs((bids[0].price + asks[0].price) / 2 / fair - 1), D("0.002"))
            mine = [order.price for order in target.open_orders("maker of BTC/HUF") if order.side is Side.SELL]
            distance = min(price for price in mine if price is not None) / sandbox.scenario.fair_at_target() - 1
            self.assertTrue(D("0.007") < distance < D("0.0095"), distance)

    def test_nothing_is_lost(self) -> None:
        """After thousands of orders everything adds up, to the last unit; strangers' past is not kept."""
        sandbox = self.world()
        self.run_for(sandbox, 200)
        self.assertEqual(set(sandbox.world.truth()["conserved"].values()), {True})
        source = sandbox.world.venues["kraken"]
        self.assertEqual(source.fills("trader-1"), [])
        self.assertEqual(source.postings("trader-1"), [])

    def test_economical(self) -> None:
        """At sixty times the speed the makers change their books at most once per venue and step."""
        sandbox = self.world(trades_per_day="0", customers_per_day="0")
        self.events.clear()
        self.run_for(sandbox, 40)
        changes = [event for event in self.events if isinstance(event, BookChanged)]
        self.assertLessEqual(len(changes), 2 * 40)
        touched = statistics.mean(len(change.levels) for change in changes if change.contract == "BTC/USD")
        self.assertLess(touched, 25, "of a hundred that a ladder posted anew each time would touch")

    def test_customers_reach_the_middle(self) -> None:
        """Quotes half a per cent from fair, better than the other maker's, are taken within an hour, on both sides."""
        sandbox = self.world()
        target = sandbox.world.venues["sputnik"]
        target.accounts.open("pool")
        sandbox.world.fund("sputnik", "pool", "HUF", D(10**9))
        sandbox.world.fund("sputnik", "pool", "BTC", D(100))
        for _ in range(60):
            target.cancel_all("pool")
            for side in Side:
                price = sandbox.scenario.fair_at_target() * (1 - side.sign * D("0.005"))
                target.place("pool", "BTC/HUF", side, D(1), price - price % 100)
            self.run_for(sandbox, 4)
        self.assertEqual({fill.side for fill in target.fills("pool")}, set(Side))

    def test_fiat_pair(self) -> None:
        """A pair of two currencies has a book at their rate."""
        sandbox = self.world(extra_pairs="GBP/USD")
        best = sandbox.world.venues["kraken"].best("GBP/USD", Side.BUY)
        assert best is not None
        self.assertLess(abs(best.price / (D("1.08") / D("0.85")) - 1), D("0.001"))


class Statistics(SynchronousTestCase):
    """What the dice give."""

    def test_volatility(self) -> None:
        """A year's walk in hours has the volatility asked for."""
        dice = Random(1)
        moves = [float(factor(dice, 0.55, 3_600.0)) - 1 for _ in range(8_760)]
        self.assertTrue(0.53 < statistics.pstdev(moves) * 8_760**0.5 < 0.57)

    def test_arrivals(self) -> None:
        """As many as said, however time is cut into steps."""
        at_once, in_steps = Arrivals(86_400, Random(3)), Arrivals(86_400, Random(3))
        count = at_once.during(10_000.0)
        self.assertEqual(sum(in_steps.during(0.5) for _ in range(20_000)), count)
        self.assertTrue(9_700 < count < 10_300)
        self.assertEqual(Arrivals(0, Random(1)).during(10**9), 0)

    def test_past(self) -> None:
        """Enough bars for every interval a venue serves, joined without a jump to the price now."""
        end = 1_767_225_640
        bars = RandomWalk(D(65_000), 0.55, Random(1)).past(end, D("0.1"))
        history = PriceHistory(bars)
        for length in (60, 3_600, 86_400):
            served = history.bars(length, end - 720 * length)
            self.assertTrue(700 <= len(served) <= 720, (length, len(served)))
            self.assertEqual([bar.start % length for bar in served], [0] * len(served))
        self.assertEqual(bars[-1].close, D(65_000))
        self.assertTrue(all(bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high for bar in bars))

    def test_rates(self) -> None:
        """Only working days are published, newest first, and the newest is what holds now."""
        rates = Rates({"USD": D("1.08"), "HUF": D(400)}, Random(1))
        rates.advance(86_400)
        published = rates.published(datetime(2026, 11, 22, tzinfo=UTC).date(), 6)
        self.assertEqual([day.day for day, _ in published], [20, 19, 18, 17, 16, 13])
        self.assertEqual(published[0][1], rates.per_euro())
        self.assertAlmostEqual(float(rates.rate("HUF", "USD") * rates.rate("USD", "HUF")), 1.0)


class Candles(SynchronousTestCase):
    """The user's own file."""

    def read(self, text: str) -> Replay:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "candles.csv"
            path.write_text(text)
            return Replay(read_candles(path), 1)

    def test_replayed(self) -> None:
        """From open to close within a minute, then on; the last close lasts; what was before is the past."""
        replay = self.read("open,high,low,close\n1,2,1,2\n10,20,10,20\n20,40,20,40\n")
        prices = []
        for seconds in (0, 30, 30, 30, 600):
            replay.advance(seconds)
            prices.append(replay.now)
        self.assertEqual(prices, [10, 15, 20, 30, 40])
        self.assertEqual([(bar.start, bar.close) for bar in replay.past(120, D("0.1"))], [(60, D(2))])

    def test_bad_files(self) -> None:
        """A missing file, a missing column, no number, no price."""
        for text in (
            "open,high,low\n1,1,1\n1,1,1\n",
            "open,high,low,close\n1,1,1,x\n",
            "open,high,low,close\n0,0,0,0\n0,0,0,0\n",
        ):
            self.assertRaises(BadCandles, self.read, text)
        self.assertRaises(BadCandles, read_candles, Path("/nonexistent/candles.csv"))

    def test_real_history(self) -> None:
        """A month of real candles drives the world at its own prices."""
        flow = Flow()
        sandbox = flow.world(candles=str(SHARED), candles_start="1000")
        flow.run_for(sandbox, 20)
        best = sandbox.world.venues["kraken"].best("BTC/USD", Side.BUY)
        assert best is not None
        self.assertTrue(30_000 < best.price < 60_000)

    if not SHARED.exists():
        test_real_history.skip = f"{SHARED} is not there"  # type: ignore[attr-defined]
