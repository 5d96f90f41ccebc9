"""The whole pool on PostgreSQL, and the server killed while it trades."""

from unittest import SkipTest, TestCase

import pytest

from ledger.sql import SqlLedger
from tests.ledger import postgres
from tests.ledger.pump import Pump
from tests.whole.running import Running, until
from tests.whole.test_pool_runs import FAST


@pytest.mark.slow
class PostgresTests(TestCase):
    """A real server, a real pool, customers all the time."""

    def setUp(self) -> None:
        try:
            self.server = postgres.server()
        except postgres.Missing as missing:
            raise SkipTest(str(missing)) from None
        self.url = self.server.new_database()

    def fills(self, pool: Running) -> int:
        return len(pool.call("/api/fills"))

    def assert_the_ledger_is_whole(self, pool: Running) -> None:
        """As many fills in the ledger as the venues know of, and no cent is missing from the accounts."""
        traded = {venue: len(found["fills"]["pool"]) for venue, found in pool.truth()["trading"].items()}
        pump = Pump()
        self.assertEqual(pool.end(), 0)
        ledger = SqlLedger(self.url, pump)
        pump.wait(ledger.open())
        self.addCleanup(lambda: pump.wait(ledger.close()))
        booked = [fill.place for fill in pump.wait(ledger.fills(0, 100_000))]
        self.assertEqual({"kraken": booked.count("source"), "sputnik": booked.count("target")}, traded)
        self.assertEqual(pump.wait(ledger.check()), [])

    def test_the_server_is_killed(self) -> None:
        """Quotes are pulled, with the reason; when the server is back they are there again, and nothing is lost."""
        with Running({**FAST, "ledger.url": self.url, "trader.hedge": "immediate"}) as pool:
            pool.wait_for_state("READY")
            pool.call("/api/start", {})
            until(lambda: self.fills(pool) >= 5, "there are five fills")
            self.server.kill()
            try:
                until(lambda: not pool.held(), "no order of ours is left at any venue")
                inputs = {found["name"]: found for found in pool.call("/api/health")["inputs"]}
                self.assertIn("the ledger cannot remember", inputs["ledger"]["problem"])
                self.assertEqual(pool.state(), "TRADING")
            finally:
                self.server.start()
            before = self.fills(pool)
            until(lambda: pool.quoted_sides() == {"BUY", "SELL"}, "both sides are quoted again")
            until(lambda: self.fills(pool) >= before + 5, "there are five fills more")
            pool.call("/api/stop", {})
            until(lambda: not pool.differences(), "the pool's books equal the sandbox's truth")
            self.assert_the_ledger_is_whole(pool)
