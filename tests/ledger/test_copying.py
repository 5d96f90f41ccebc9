"""Copies of a ledger: of one moment, exact to the digit, from either kind of database and back into it."""

import sqlite3
from contextlib import closing
from decimal import Decimal as D
from pathlib import Path
from typing import Any
from unittest import mock

from sqlalchemy import create_engine, make_url, select
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ledger import copying, migrations, schema
from ledger.claim import claimed, is_in_use
from ledger.interface import LedgerError, LedgerInUse, LedgerTooNew
from ledger.readonly import reader
from ledger.sql import SqlLedger
from ledger.store import Store
from model.records import Sample
from tests.contracts.ledger import CHANGE, DECISION, FILL, INTENT, OBLIGATION, TASK, TRANSIT, transaction
from tests.ledger import postgres
from tests.ledger.folders import new_folder
from tests.ledger.pump import Pump

BIG = D("12345678901234567890.123456789012345678")


class CopyCase(SynchronousTestCase):
    """Ledgers with something in every table."""

    def setUp(self) -> None:
        self.pump = Pump()
        self.folder = new_folder(self)

    def sqlite(self, name: str = "ilp.db") -> str:
        """The URL of a file."""
        return f"sqlite:///{self.folder / name}"

    def postgres(self) -> str:
        """The URL of an empty PostgreSQL database."""
        try:
            return postgres.server().new_database()
        except postgres.Missing as missing:
            raise SkipTest(str(missing)) from None

    def opened(self, url: str) -> SqlLedger:
        """A ledger, opened."""
        ledger = SqlLedger(url, self.pump)
        self.addCleanup(lambda: self.pump.wait(ledger.close()))
        self.pump.wait(ledger.open())
        return ledger

    def filled(self, url: str) -> SqlLedger:
        """One with something in every table."""
        ledger, wait = self.opened(url), self.pump.wait
        wait(ledger.intend(INTENT))
        wait(ledger.book_fill("source", FILL, INTENT.id))
        wait(ledger.book_transaction("source", transaction("w1", "BTC", False, "1.5", "0.0001"), "transit", TRANSIT))
        wait(ledger.book_adjustment("open", "venue:target", "HUF", BIG, "outside", 'it\'s "so" → ő', 5))
        wait(ledger.save_obligation(OBLIGATION))
        wait(ledger.save_task(TASK))
        wait(ledger.save_decision(DECISION))
        wait(ledger.save_parameters(CHANGE))
        wait(ledger.save_cursor("fills:source", 2**53 + 1))
        wait(ledger.save_sample(Sample(7, "READY", D("60000.10"), profit={"edge": D("-1.50")}), 0))
        return ledger

    def rows(self, url: str) -> dict[str, list[Any]]:
        """Everything in it, by table."""
        with create_engine(url).connect() as connection:
            found = {}
            for name, table in schema.metadata.tables.items():
                statement = select(table).order_by(*table.primary_key)
                found[name] = [dict(row) for row in connection.execute(statement).mappings()]
        connection.engine.dispose()
        return found

    def assert_same(self, one: str, other: str) -> None:
        """All rows of all tables, none of which is empty, and the revision."""
        rows = self.rows(one)
        self.assertEqual([name for name, found in rows.items() if not found], [])
        self.assertEqual(self.rows(other), rows)
        with reader(other) as connection:
            self.assertEqual(migrations.revision_of(connection), migrations.head())


class CopyTests(CopyCase):
    """Out and in."""

    def test_sqlite_out(self) -> None:
        """A file's copy is one file with the same in it."""
        self.filled(self.sqlite())
        to = self.folder / "copy.db"
        copying.copy_out(self.sqlite(), to)
        self.assert_same(self.sqlite(), self.sqlite("copy.db"))
        self.assertEqual([path.name for path in self.folder.glob("copy*")], ["copy.db"])

    def test_while_a_pool_writes(self) -> None:
        """What is written while it is copied is not in the copy, which is of one moment and comes to an end."""
        ledger = self.filled(self.sqlite())
        for n in range(300):
            self.pump.wait(ledger.book_adjustment(f"a{n}", "venue:source", "BTC", D(1), "outside", "x" * 500, n))
        before, written = self.rows(self.sqlite()), [0]

        def write(_done: int, _whole: int) -> None:
            written[0] += 1
            booked = ledger.book_adjustment(f"b{written[0]}", "venue:source", "BTC", D(1), "outside", "", 9)
            self.pump.wait(booked)

        with mock.patch.object(copying, "PAGES", 5):
            copying.copy_out(self.sqlite(), self.folder / "copy.db", write)
        self.assertGreater(written[0], 10)
        self.assertEqual(self.rows(self.sqlite("copy.db")), before)
        self.assertEqual(self.pump.wait(self.opened(self.sqlite("copy.db")).check()), [])

    def test_postgres_out_and_in(self) -> None:
        """A server's copy is a file with the same in it, and put into another database it is the same there."""
        url, other = self.postgres(), self.postgres()
        self.filled(url)
        told: list[tuple[int, int]] = []
        copying.copy_out(url, self.folder / "copy.db", lambda done, whole: told.append((done, whole)))
        self.assert_same(url, self.sqlite("copy.db"))
        self.assertEqual(told[-1][0], told[-1][1])
        with copying.server(make_url(other)).connect() as connection, connection.begin():
            copying.copy_in(self.folder / "copy.db", connection)
        self.assert_same(url, other)
        self.assertEqual(self.pump.wait(self.opened(other).check()), [])

    def test_in_the_place_of_another(self) -> None:
        """What was in the database before is gone; what is no ledger's stays."""
        url = self.postgres()
        self.pump.wait(self.filled(url).close())
        self.filled(self.sqlite())
        with copying.server(make_url(url)).connect() as connection, connection.begin():
            connection.exec_driver_sql("CREATE TABLE mine (x TEXT)")
            connection.exec_driver_sql("DELETE FROM fills")
            copying.copy_in(self.folder / "ilp.db", connection)
            connection.exec_driver_sql("DROP TABLE mine")
        self.assert_same(self.sqlite(), url)

    def test_nothing_there(self) -> None:
        """Of no ledger there is no copy, and the attempt leaves nothing behind."""
        to = self.folder / "copy.db"
        for url in (self.sqlite("none.db"), self.postgres()):
            self.assertRaises(LedgerError, copying.copy_out, url, to)
            self.assertEqual(list(self.folder.iterdir()), [])

    def test_half_a_copy(self) -> None:
        """A copy that fails in the middle leaves neither itself nor a piece of it."""
        self.filled(self.sqlite())
        fails = mock.Mock(side_effect=OSError("disk full"))
        with mock.patch.object(copying, "PAGES", 1):
            self.assertRaises(OSError, copying.copy_out, self.sqlite(), self.folder / "copy.db", fails)
        self.assertEqual(list(self.folder.glob("copy*")), [])

    def test_free_name(self) -> None:
        """No copy takes the place of another one."""
        path = self.folder / "x.backup"
        self.assertEqual(copying.free_name(path), path)
        path.touch()
        self.assertEqual(copying.free_name(path).name, "x.backup.2")


class UpgradeTests(CopyCase):
    """An upgrade of a server's ledger is preceded by a copy too."""

    def old(self, url: str, revision: str) -> None:
        """Tables of an older program, with one entry."""
        engine = create_engine(url)
        self.addCleanup(engine.dispose)
        with engine.begin() as connection:
            migrations.build(connection, revision)
            connection.exec_driver_sql("INSERT INTO cursors VALUES ('x', 7)")

    def test_postgres(self) -> None:
        """The copy is of the old revision, complete, and in the folder for copies; the ledger is of the new one."""
        url = self.postgres()
        self.old(url, "0001")
        name = make_url(url).database
        store = Store(url, self.folder)
        store.connection()
        self.addCleanup(store.close)
        copy = self.folder / f"ilp-{name}.0001.backup"
        with closing(sqlite3.connect(copy)) as connection:
            self.assertEqual(connection.execute("SELECT version_num FROM alembic_version").fetchall(), [("0001",)])
            self.assertEqual(connection.execute("SELECT * FROM cursors").fetchall(), [("x", 7)])
        with reader(url) as found:
            self.assertEqual(migrations.revision_of(found), migrations.head())

    def test_no_copy_no_upgrade(self) -> None:
        """Where the copy cannot be written the ledger stays as it is."""
        url = self.sqlite()
        self.old(url, "0002")
        with mock.patch.object(copying, "copy_out", side_effect=OSError(28, "No space left on device")):
            ledger = SqlLedger(url, self.pump)
            self.addCleanup(lambda: self.pump.wait(ledger.close()))
            with self.assertRaises(LedgerError) as raised:
                self.pump.wait(ledger.open())
        self.assertIn("No space left on device", str(raised.exception))
        with closing(sqlite3.connect(self.folder / "ilp.db")) as connection:
            self.assertEqual(connection.execute("SELECT version_num FROM alembic_version").fetchall(), [("0002",)])

    def test_two_upgrades_of_one_revision(self) -> None:
        """The second copy of the same revision does not take the place of the first."""
        for _ in range(2):
            for path in self.folder.glob("ilp.db"):
                path.unlink()
            self.old(self.sqlite(), "0002")
            self.pump.wait(self.opened(self.sqlite()).close())
        self.assertEqual(
            sorted(path.name for path in self.folder.glob("*.backup*")), ["ilp.db.0002.backup", "ilp.db.0002.backup.2"]
        )


class ReaderTests(CopyCase):
    """Looking only."""

    def refusal(self, url: str) -> str:
        """Why it cannot be read."""
        with self.assertRaises(LedgerError) as raised, reader(url):
            pass
        return str(raised.exception)

    def test_no_ledger(self) -> None:
        """A ledger that is not there is told, and none is made by looking for it; nor is just any file one."""
        self.assertIn("there is no ledger", self.refusal(self.sqlite()))
        self.assertEqual(list(self.folder.iterdir()), [])
        Path(self.folder / "ilp.db").write_text("no database at all, whatever its name is" * 99)
        self.assertIn("not a database", self.refusal(self.sqlite()))
        self.assertIn("there is no ledger in postgresql", self.refusal(self.postgres()))

    def test_other_programs(self) -> None:
        """A newer program's ledger and an older one's are refused with what to do; neither is changed."""
        self.pump.wait(self.opened(self.sqlite()).close())
        for revision, kind, words in (("9999", LedgerTooNew, "newer program"), ("0002", LedgerError, "start the pool")):
            with closing(sqlite3.connect(self.folder / "ilp.db")) as connection, connection:
                connection.execute(f"UPDATE alembic_version SET version_num = '{revision}'")
            with self.assertRaises(kind) as raised, reader(self.sqlite()):
                pass
            self.assertIn(words, str(raised.exception))

    def test_cannot_write(self) -> None:
        """The database refuses what a reader would write, on both kinds."""
        for url in (self.sqlite(), self.postgres()):
            self.opened(url)
            with self.assertRaises(LedgerError), reader(url) as connection:
                connection.exec_driver_sql("DELETE FROM cursors")

    def test_in_use(self) -> None:
        """A ledger is in use while it is open, on both kinds, and can be claimed when it is not; asking leaves no file."""
        self.assertFalse(is_in_use(self.sqlite()))
        self.assertEqual(list(self.folder.iterdir()), [])
        for url in (self.sqlite(), self.postgres()):
            ledger = self.opened(url)
            self.assertTrue(is_in_use(url))
            with self.assertRaises(LedgerInUse), claimed(url):
                pass
            self.pump.wait(ledger.close())
            with claimed(url):
                self.assertTrue(is_in_use(url))
            self.assertFalse(is_in_use(url))
