"""Moving what SQLite has written ahead into its file."""

import sqlite3
from contextlib import closing

import attrs
from twisted.trial.unittest import SynchronousTestCase

from ledger.forgetting import checkpoint
from ledger.sql import SqlLedger
from tests.contracts.ledger import INTENT
from tests.ledger.folders import new_folder
from tests.ledger.pump import Pump


class CheckpointTests(SynchronousTestCase):
    """With the ledger open, as it always is."""

    def setUp(self) -> None:
        self.pump = Pump()
        self.path = new_folder(self) / "ilp.db"
        self.url = f"sqlite:///{self.path}"
        self.ledger = SqlLedger(self.url, self.pump)
        self.addCleanup(lambda: self.pump.wait(self.ledger.close()))
        self.pump.wait(self.ledger.open())
        self.pump.wait(self.ledger.intend(INTENT))

    def test_all_is_moved(self) -> None:
        """Nothing is left in the log, and the file by itself has all of it."""
        self.assertEqual(checkpoint(self.url), 0)
        copy = self.path.with_name("copy.db")
        copy.write_bytes(self.path.read_bytes())
        with closing(sqlite3.connect(copy)) as connection:
            self.assertEqual(connection.execute("SELECT id FROM intents").fetchall(), [(INTENT.id,)])

    def test_a_reader_is_not_waited_for(self) -> None:
        """Somebody reads an old state: it returns at once and says that something is left."""
        checkpoint(self.url)
        with closing(sqlite3.connect(self.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM intents").fetchone()
            self.pump.wait(self.ledger.intend(attrs.evolve(INTENT, id="ilp-2")))
            self.assertGreater(checkpoint(self.url), 0)
        self.assertEqual(checkpoint(self.url), 0)

    def test_nothing_to_do(self) -> None:
        """In memory and on PostgreSQL there is no such file."""
        self.assertEqual([checkpoint(url) for url in ("sqlite://", "postgresql+psycopg://ilp@127.0.0.1/ilp")], [0, 0])
