"""What happens to the database: upgrades, copies, newer programs, crashes, servers that go away."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ledger import migrations
from ledger.interface import LedgerError, LedgerTooNew
from ledger.schema import metadata
from ledger.sql import SqlLedger
from tests.contracts.ledger import FILL, INTENT
from tests.ledger import postgres
from tests.ledger.folders import new_folder
from tests.ledger.pump import Pump

REPOSITORY = Path(__file__).parents[2]

#: Books adjustments without end, and prints the number of each one that is on disk.
WRITES_FOR_EVER = """
import sys
from decimal import Decimal
from twisted.internet import reactor
from ledger.sql import SqlLedger

ledger = SqlLedger(sys.argv[1], reactor)

def book(n):
    booked = ledger.book_adjustment(str(n), "venue:source", "BTC", Decimal(1), "outside", "", n)
    booked.addCallbacks(lambda _: print(n, flush=True), lambda failure: failure.printTraceback())
    if n % 7 == 0:
        reactor.callLater(0.004, book, n + 1)
    else:
        book(n + 1)

ledger.open().addCallback(lambda _: book(1))
reactor.run()
"""


class StoreCase(SynchronousTestCase):
    """A pump, and ledgers that are closed in the end."""

    def setUp(self) -> None:
        self.pump = Pump()

    def ledger_on(self, url: str) -> SqlLedger:
        """A ledger, not opened."""
        ledger = SqlLedger(url, self.pump)
        self.addCleanup(lambda: self.pump.wait(ledger.close()))
        return ledger

    def opened(self, url: str) -> SqlLedger:
        """A ledger, opened."""
        ledger = self.ledger_on(url)
        self.pump.wait(ledger.open())
        return ledger

    def file(self) -> tuple[Path, str]:
        """A path for a SQLite file, and its URL."""
        path = new_folder(self) / "var" / "ilp.db"
        return path, f"sqlite:///{path}"

    def database(self) -> str:
        """The URL of an empty PostgreSQL database."""
        try:
            return postgres.server().new_database()
        except postgres.Missing as missing:
            raise SkipTest(str(missing)) from None


class MigrationTests(StoreCase):
    """Upgrades."""

    def assert_same(self, url: str) -> None:
        """The migrations lead to exactly the tables of the schema."""
        self.pump.wait(self.opened(url).close())
        engine = create_engine(url)
        self.addCleanup(engine.dispose)
        with engine.connect() as connection:
            self.assertEqual(compare_metadata(MigrationContext.configure(connection), metadata), [])

    def test_sqlite(self) -> None:
        """On SQLite there is nothing left to migrate."""
        self.assert_same(self.file()[1])

    def test_postgres(self) -> None:
        """On PostgreSQL neither."""
        self.assert_same(self.database())

    def test_too_new(self) -> None:
        """What a newer program has written is left alone, at every attempt."""
        path, url = self.file()
        self.pump.wait(self.opened(url).close())
        with sqlite3.connect(path) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.close()
        ledger = self.ledger_on(url)
        for _ in range(2):
            self.assertRaises(LedgerTooNew, self.pump.wait, ledger.open())

    def test_copy_before_upgrade(self) -> None:
        """Before an older file is upgraded, a copy of it is kept under the name of its revision."""
        path, url = self.file()
        ledger = self.opened(url)
        self.pump.wait(ledger.intend(INTENT))
        self.pump.wait(ledger.close())
        newer = new_folder(self) / "newer"
        shutil.copytree(migrations.HERE, newer)
        head = ScriptDirectory(str(migrations.HERE)).get_current_head()
        (newer / "versions" / "r9999_more.py").write_text(
            f"from alembic import op\nrevision, down_revision = '9999', '{head}'\n"
            "def upgrade():\n    op.execute('CREATE TABLE more (id TEXT)')\n"
        )
        with mock.patch.object(migrations, "HERE", newer):
            self.opened(url)
        for file, tables in ((path, 1), (path.with_name(f"ilp.db.{head}.backup"), 0)):
            connection = sqlite3.connect(file)
            self.addCleanup(connection.close)
            found = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'more'").fetchone()
            self.assertEqual(found, (tables,), file.name)
            self.assertEqual(connection.execute("SELECT id FROM intents").fetchall(), [("ilp-1",)])


class StoreTests(StoreCase):
    """One pool, one file, whatever happens."""

    def test_other_databases(self) -> None:
        """A URL of a database that we do not know is refused when it is given."""
        self.assertRaises(ValueError, SqlLedger, "mysql://localhost/ilp", self.pump)

    def test_no_such_place(self) -> None:
        """A file that cannot be made is a LedgerError, and another attempt may succeed."""
        path, url = self.file()
        path.parent.write_text("in the way")
        ledger = self.ledger_on(url)
        self.assertRaises(LedgerError, self.pump.wait, ledger.open())
        path.parent.unlink()
        self.pump.wait(ledger.open())
        self.assertEqual(self.pump.wait(ledger.check()), [])

    def test_in_memory(self) -> None:
        """Without a file it remembers as long as it is open."""
        ledger = self.opened("sqlite://")
        self.assertEqual(self.pump.wait(ledger.book_fill("source", FILL, None)), True)
        self.assertEqual(self.pump.wait(ledger.book_fill("source", FILL, None)), False)

    def test_taken_away(self) -> None:
        """Nothing is written into a file that was moved or deleted, nor into a new one; when it is back all goes on."""
        path, url = self.file()
        ledger = self.opened(url)
        self.pump.wait(ledger.book_fill("source", FILL, None))
        aside = path.with_name("aside")
        path.rename(aside)
        for _ in range(2):
            with self.assertRaisesRegex(LedgerError, "was taken away"):
                self.pump.wait(ledger.balances())
            self.assertFalse(path.exists())
        path.write_bytes(b"")
        self.assertRaises(LedgerError, self.pump.wait, ledger.balances())
        aside.replace(path)
        self.assertEqual(self.pump.wait(ledger.book_fill("source", FILL, None)), False)

    def test_opened_again(self) -> None:
        """Who closes a ledger and opens it again has locked it again."""
        _path, url = self.file()
        ledger = self.opened(url)
        self.pump.wait(ledger.close())
        self.pump.wait(ledger.open())
        self.assertRaises(LedgerError, self.pump.wait, self.ledger_on(url).open())

    def test_check_finds_a_hole(self) -> None:
        """An amount that was changed behind the ledger's back is named, with the numbers."""
        path, url = self.file()
        ledger = self.opened(url)
        self.pump.wait(ledger.book_adjustment("a", "venue:source", "BTC", Decimal(5), "outside", "", 1))
        connection = sqlite3.connect(path)
        self.addCleanup(connection.close)
        with connection:
            connection.execute("UPDATE postings SET amount = '4' WHERE account = 'venue:source'")
        self.assertEqual(
            self.pump.wait(ledger.check()),
            [
                "BTC: the accounts sum to -1 and not to zero",
                "BTC: account venue:source is kept as 5, but its postings sum to 4",
            ],
        )

    def test_flushed(self) -> None:
        """A commit is flushed to the disk, and readers do not stand in its way."""
        ledger = self.opened(self.file()[1])
        settings: Any = ledger._writer.submit(
            lambda c: [c.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")]
        )
        self.assertEqual(self.pump.wait(settings), ["wal", 2, 1])


class CrashTests(StoreCase):
    """Killed in the middle of writing."""

    def crash(self, url: str) -> None:
        """Kill a writer at some moment; all that it was told is on disk must be there."""
        with subprocess.Popen(
            [sys.executable, "-c", WRITES_FOR_EVER, url], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        ) as process:
            assert process.stdout is not None
            told = [int(process.stdout.readline()) for _ in range(150)]
            process.send_signal(signal.SIGKILL)
            told += [int(line) for line in process.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        self.assertEqual(told, list(range(1, len(told) + 1)))
        ledger = self.opened(url)
        there = self.pump.wait(ledger.balances())["venue:source"]["BTC"]
        self.assertGreaterEqual(there, len(told))
        self.assertEqual(self.pump.wait(ledger.check()), [])
        for n in (1, len(told)):
            booked = ledger.book_adjustment(str(n), "venue:source", "BTC", Decimal(1), "outside", "", n)
            self.assertEqual(self.pump.wait(booked), False)

    def test_sqlite(self) -> None:
        """A killed pool's SQLite file has everything and can be opened at once."""
        self.crash(self.file()[1])

    def test_postgres(self) -> None:
        """So has a PostgreSQL server, though it learns of the death a moment later."""
        self.crash(self.database())

    def test_server_gone(self) -> None:
        """While the PostgreSQL server is away every call fails with LedgerError; when it is back all goes on."""
        ledger = self.opened(self.database())
        self.pump.wait(ledger.intend(INTENT))
        postgres.server().kill()
        try:
            for _ in range(2):
                self.assertRaises(LedgerError, self.pump.wait, ledger.book_fill("source", FILL, "ilp-1"))
        finally:
            postgres.server().start()
        self.assertEqual(self.pump.wait(ledger.book_fill("source", FILL, "ilp-1")), True)
        self.assertEqual(self.pump.wait(ledger.intents(True, 5))[0].filled, FILL.quantity)
