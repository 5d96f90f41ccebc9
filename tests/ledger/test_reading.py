"""The ledger as people read it: pages without gaps or repeats, charts of few points, days that add up, and no writing."""

from decimal import Decimal
from typing import Any

import attrs
from twisted.trial.unittest import SkipTest, SynchronousTestCase
from zope.interface.verify import verifyObject

from ledger.reading import IHistory, SqlHistory
from ledger.sql import SqlLedger
from model.order import Fill, Side
from model.records import IntentState, Obligation, OrderIntent, Sample, TransitRecord
from tests.ledger import postgres
from tests.ledger.folders import new_folder
from tests.ledger.pump import Pump

D = Decimal


class HistoryContract:
    """What every database must do."""

    url: str

    def setUp(self: Any) -> None:
        super().setUp()  # type: ignore[misc]
        self.pump = Pump()
        self.ledger = SqlLedger(self.url, self.pump)
        self.pump.wait(self.ledger.open())
        self.history = SqlHistory(self.url, self.pump)
        self.history.open()
        self.addCleanup(lambda: self.pump.wait(self.ledger.close()))
        self.addCleanup(lambda: self.pump.wait(self.history.close()))

    def wait(self: Any, deferred: Any) -> Any:
        return self.pump.wait(deferred)

    def fill(self, n: int, at: int) -> Fill:
        """A sale of 0.1 BTC."""
        return Fill(f"T{n}", f"O{n}", "BTC/HUF", Side.SELL, D(20_000_000), D("0.1"), {"HUF": D(2000)}, at, f"i{n}")

    def intent(self, n: int, at: int, obligation: str | None = None) -> OrderIntent:
        """Its order."""
        purpose: Any = "hedge" if obligation else "quote"
        return OrderIntent(f"i{n}", "target", "BTC/HUF", Side.SELL, D(20_000_000), D("0.1"), purpose, at, 0, obligation)

    def test_interface(self: Any) -> None:
        """All of it is there."""
        verifyObject(IHistory, self.history)

    def test_pages_of_fills(self: Any) -> None:
        """Pages neither repeat nor skip a fill, also where many are of one time."""
        for n in range(25):
            self.wait(self.ledger.intend(self.intent(n, n)))
            self.wait(self.ledger.book_fill("target", self.fill(n, n // 7), f"i{n}"))
        found: list[Any] = []
        key: Any = ()
        while page := self.wait(self.history.fills(key, 4)):
            found += page
            last = page[-1].fill
            key = (last.timestamp, last.place, last.id)
        self.assertEqual(len(found), 25)
        self.assertEqual(len({line.fill.id for line in found}), 25)
        times = [line.fill.timestamp for line in found]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual({line.purpose for line in found}, {"quote"})

    def test_pages_of_orders_and_transits(self: Any) -> None:
        """Newest first, from after the key."""
        for n in range(5):
            self.wait(self.ledger.intend(self.intent(n, n // 2)))
            self.wait(self.ledger.save_transit(TransitRecord(f"m{n}", "source", "target", "BTC", D(1), "travelling", n, n)))
        first = self.wait(self.history.intents((), 2))
        rest = self.wait(self.history.intents((first[-1].intent.created, first[-1].intent.id), 9))
        self.assertEqual([record.intent.id for record in (*first, *rest)], ["i4", "i3", "i2", "i1", "i0"])
        self.assertEqual([t.id for t in self.wait(self.history.transits((3, "m3"), 9))], ["m2", "m1", "m0"])

    def test_postings(self: Any) -> None:
        """Oldest first, whole entries, each balanced."""
        for n in range(4):
            self.wait(self.ledger.book_fill("target", self.fill(n, 10 + n), None))
        first = self.wait(self.history.postings((), 3))
        rest = self.wait(self.history.postings((first[-1].timestamp, first[-1].entry_id), 3))
        self.assertEqual(len({line.entry_id for line in first}), 3)
        self.assertEqual({line.entry_id for line in rest}, {"fill:target:T3"})
        for ticker in ("BTC", "HUF"):
            self.assertEqual(sum(line.amount for line in rest if line.ticker == ticker), 0)

    def test_samples_are_thinned(self: Any) -> None:
        """One a bucket: the last values, the largest times; old ones are forgotten."""
        for at, lag in ((5, 1), (12, 90), (17, 20), (29, 3)):
            sample = Sample(at, "TRADING", source_mid=D(at), profit={"edge": D(at)}, lag_us=lag)
            self.wait(self.ledger.save_sample(sample, 6))
        found = self.wait(self.history.samples(0, 100, 10))
        self.assertEqual([(s.timestamp, s.source_mid, s.lag_us) for s in found], [(17, D(17), 90), (29, D(29), 3)])
        self.assertEqual(self.wait(self.ledger.last_sample(29)).timestamp, 17)
        self.assertIsNone(self.wait(self.ledger.last_sample(12)))

    def test_fill_marks(self: Any) -> None:
        """One a stretch and side: the last price, and how many."""
        for n, at in enumerate((1, 5, 8, 12)):
            self.wait(self.ledger.book_fill("target", attrs.evolve(self.fill(n, at), price=D(100 + n)), None))
        found = self.wait(self.history.fill_marks(0, 100, 10))
        self.assertEqual(
            [(m.timestamp, m.side, m.price, m.count) for m in found], [(8, Side.SELL, D(102), 3), (12, Side.SELL, D(103), 1)]
        )

    def test_period(self: Any) -> None:
        """The closing balances are those of then, not of now."""
        for n in range(3):
            self.wait(self.ledger.book_fill("target", self.fill(n, 100 * n), None))
        self.wait(self.ledger.save_sample(Sample(50, "READY"), 0))
        period = self.wait(self.history.period(100, 200))
        self.assertEqual([movement.id for movement in period.movements], ["fill:target:T1"])
        self.assertEqual(period.closing["venue:target"]["BTC"], D("-0.2"))
        self.assertEqual([sample.timestamp for sample in period.samples], [50])

    def test_story_of_a_hedge(self: Any) -> None:
        """Its orders and their fills, and nobody else's."""
        self.wait(self.ledger.save_obligation(Obligation("ob1", D("-0.1"), D("-0.1"), D(1), "d1", "done", 1, 5, 9)))
        self.wait(self.ledger.intend(self.intent(1, 6, "ob1")))
        self.wait(self.ledger.intend(self.intent(2, 7)))
        self.wait(self.ledger.book_fill("target", self.fill(1, 8), "i1"))
        self.wait(self.ledger.book_fill("target", self.fill(2, 8), "i2"))
        self.wait(self.ledger.answer("i1", IntentState.CLOSED, "O1", "", 9))
        story = self.wait(self.history.hedge("ob1"))
        self.assertEqual([record.intent.id for record in story.orders], ["i1"])
        self.assertEqual([fill.id for fill in story.fills], ["T1"])
        self.assertIsNone(self.wait(self.history.hedge("ob2")))

    def test_size(self: Any) -> None:
        """Something, once there is something."""
        self.assertGreater(self.wait(self.history.size()), 4096)

    def test_reads_only(self: Any) -> None:
        """The database itself refuses a write by this connection."""
        with self.assertRaises(Exception) as refused:
            self.wait(self.history._thread.submit(lambda c: c.exec_driver_sql("DELETE FROM fills")))
        self.assertRegex(str(refused.exception), "readonly|read-only")


class SqliteHistoryTests(HistoryContract, SynchronousTestCase):
    """On a file."""

    def setUp(self) -> None:
        self.url = f"sqlite:///{new_folder(self)}/ilp.db"
        super().setUp()


class PostgresHistoryTests(HistoryContract, SynchronousTestCase):
    """On a server."""

    def setUp(self) -> None:
        try:
            self.url = postgres.server().new_database()
        except postgres.Missing as missing:
            raise SkipTest(str(missing)) from None
        super().setUp()
