"""A short campaign in the test suite; ``make chaos`` runs the long one. And that its comparison can see what is wrong."""

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import TestCase

import pytest
from sqlalchemy.engine import Connection

from ledger import journal, orders
from ledger.postings import entry_of_adjustment
from ledger.rows import save, values_of
from ledger.schema import obligations, transits
from ledger.store import Store
from model.order import Fill, Side
from model.records import Obligation, OrderIntent, TransitRecord
from runtime.crash_points import NAMES
from sandbox.faults import Faults, Kind
from tests.chaos.campaign import Campaign, missing
from tests.chaos.plan import DATABASE, Round, digest, draw_plan
from tests.chaos.trouble import KINDS, Trouble
from tests.chaos.truth import Comparison, compare
from tests.whole.running import ROOT

D = Decimal
KILLS = 4
#: Drawn so that named points, random moments and faults are among the kills.
SEED = 22

FILL = {"side": "BUY", "quantity": "0.5", "price": "20000000", "fee": "10000"}


def truth_of(fills: list[Any], btc: str = "2", huf: str = "89990000", orders: list[Any] | None = None) -> Any:
    """The exchanges' account of a pool that began with 1.5 BTC at each and 100 million HUF, and bought 0.5 BTC."""
    balances = {"source": {"BTC": {"balance": "1.5"}}, "target": {"BTC": {"balance": btc}, "HUF": {"balance": huf}}}
    trading = {
        "kraken": {"fills": {}, "orders": {}, "withdrawals": {}},
        "sputnik": {"fills": {"pool": fills}, "orders": {"pool": orders or []}, "withdrawals": {}},
    }
    venues = {
        venue: {"balances": {"pool": balances[place]}, "withdrawals": {}}
        for place, venue in (("source", "kraken"), ("target", "sputnik"))
    }
    return {"venues": venues, "in_transit": {}, "transits": [], "trading": trading}


class ComparisonTests(TestCase):
    """Each thing that can be wrong is seen, and only that."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.url = f"sqlite:///{Path(folder.name) / 'ledger.sqlite'}"
        with self.ledger() as connection:
            for place, ticker, amount in (("source", "BTC", "1.5"), ("target", "BTC", "1.5"), ("target", "HUF", "100000000")):
                entry = entry_of_adjustment(f"{place}{ticker}", f"venue:{place}", ticker, D(amount), "outside", "", 1)
                journal.enter(connection, entry)
            intent = OrderIntent("ilp-1", "target", "BTC/HUF", Side.BUY, D(20000000), D("0.5"), "hedge", 1, 0, "o1")
            orders.intend(connection, intent)
            save(connection, obligations, values_of(Obligation("o1", D("0.5"), D("0.5"), D(1), "decision", "done", 1, 1, 1)))
            self.book(connection, "t1")

    @contextmanager
    def ledger(self) -> Iterator[Connection]:
        store = Store(self.url)
        try:
            with store.connection().begin():
                yield store.connection()
        finally:
            store.close()

    def book(self, connection: Connection, id: str) -> None:
        fill = Fill(id, "7", "BTC/HUF", Side.BUY, D("2E+7"), D("0.50"), {"HUF": D(10000)}, 2)
        journal.book_fill(connection, "target", fill, "ilp-1")

    def compare(self, truth: Any, limit: str = "1") -> Comparison:
        return compare(truth, self.url, {"BTC": D(3), "HUF": D(100000000)}, D(limit), D(3))

    def test_the_same_is_true(self) -> None:
        """Equal books, fills written differently but of the same amounts: nothing is wrong."""
        found = self.compare(truth_of([FILL]))
        self.assertEqual((found.is_true, found.fills, found.sentences), (True, 1, ()))

    def test_a_fill_the_ledger_does_not_have_is_lost(self) -> None:
        """Even where its balances happen to agree."""
        found = self.compare(truth_of([FILL, {**FILL, "quantity": "0.1"}]))
        self.assertEqual((found.is_true, found.lost, found.doubled), (False, 1, 0))

    def test_a_fill_booked_twice_is_doubled(self) -> None:
        """Under two ids; and more was traded than its obligation was."""
        with self.ledger() as connection:
            self.book(connection, "t2")
        found = self.compare(truth_of([FILL], btc="2.5", huf="79980000"))
        self.assertEqual((found.is_true, found.lost, found.doubled), (False, 0, 2))

    def test_an_order_left_behind_is_an_orphan(self) -> None:
        """Whatever it is for."""
        self.assertEqual(self.compare(truth_of([FILL], orders=[{"id": 9}])).orphans, 1)

    def test_exposure_beyond_its_limit_is_unhedged(self) -> None:
        """0.5 BTC too many is too much where the limit is less."""
        self.assertEqual(self.compare(truth_of([FILL]), limit="0.4").unhedged, 1)

    def test_a_satoshi_is_a_difference(self) -> None:
        """Balances are compared exactly."""
        found = self.compare(truth_of([FILL], btc="2.00000001"))
        self.assertFalse(found.is_true)
        self.assertIn("-0.00000001 BTC", found.sentences[0])

    def test_what_never_arrived_is_written_off(self) -> None:
        """As often as it happened, and with the amount that is in the books."""
        lost = truth_of([FILL], btc="1.5") | {"transits": [{"ticker": "BTC", "is_lost": True}]}
        self.assertIn("1 transits of BTC were lost, and 0 written off", self.compare(lost).sentences)
        transit = TransitRecord("w", "target", "source", "BTC", D("0.5"), "cancelled", 1, 1, detail="written off by ann")
        with self.ledger() as connection:
            save(connection, transits, values_of(transit))
            for account, counter in (("venue:target", "transit"), ("transit", "difference")):
                entry = entry_of_adjustment(f"lost{account}", account, "BTC", D("-0.5"), counter, "", 1)
                journal.enter(connection, entry)
        self.assertEqual(self.compare(lost).sentences, ())
        self.assertIn("0 transits of BTC were lost, and 1 written off", self.compare(truth_of([FILL], btc="1.5")).sentences)


def all_of(one: Round) -> list[Trouble]:
    """What goes wrong in a round, before and during it."""
    return [*one.before, *(trouble for _, trouble in one.troubles)]


class PlanTests(TestCase):
    """What is drawn from a seed."""

    def test_a_seed_draws_the_same_plan(self) -> None:
        """A campaign can be replayed, by another process too: the same kills, the same faults. Another seed is another one."""
        plan = draw_plan(5, 200)
        self.assertEqual(plan, draw_plan(5, 200))
        self.assertNotEqual(digest(plan), digest(draw_plan(6, 200)))
        code = "from tests.chaos.plan import digest, draw_plan; print(digest(draw_plan(5, 200)))"
        environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "1"}
        other = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        self.assertEqual(other.stdout.strip(), digest(plan))

    def test_a_long_plan_has_everything(self) -> None:
        """Every named point and every kind of fault comes up again and again, and a dead database where there is one."""
        plan = draw_plan(5, 200, has_database=True)
        points = Counter(each.point.partition(":")[0] for each in plan)
        kinds = Counter(trouble.kind for each in plan for trouble in all_of(each))
        self.assertGreaterEqual(min(points[name] for name in NAMES), 3)
        self.assertGreaterEqual(min(kinds[kind] for kind in (*KINDS, DATABASE.kind)), 3)

    def test_faults_make_sense_to_the_exchanges(self) -> None:
        """Whatever is drawn for the wire is a fault that the control face takes."""
        faults = [trouble for each in draw_plan(5, 200) for trouble in all_of(each) if trouble.path == "/faults"]
        for trouble in faults:
            Faults().add_described(trouble.body)
        wanted = {kind.value for kind in Kind}
        self.assertEqual({trouble.body["kind"] for trouble in faults}, wanted)

    def test_what_a_long_campaign_left_out(self) -> None:
        """A point that was never struck and a fault that never happened are told."""
        struck = Counter(dict.fromkeys(NAMES[1:], 1))
        hits = Counter(dict.fromkeys(KINDS[1:], 1))
        self.assertEqual(missing(struck, hits, KINDS), [f"no kill struck at {NAMES[0]}", f"{KINDS[0]}: it never happened"])


@pytest.mark.slow
@pytest.mark.timeout(600)  # a loaded machine is slow, not wrong
class CampaignTests(TestCase):
    """The real thing, short."""

    def test_a_few_kills(self) -> None:
        """Killed and restarted among faults, the pool ends with nothing lost, doubled, left behind or unhedged."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            campaign = Campaign(folder, draw_plan(SEED, KILLS), SEED, f"sqlite:///{folder / 'ledger.sqlite'}")
            found = campaign.run()
        self.assertEqual(found.sentences, ())
        self.assertTrue(found.is_true)
        self.assertEqual(campaign.kills, KILLS)
        self.assertGreater(found.fills, 0)
        self.assertGreater(campaign.made, 0)
