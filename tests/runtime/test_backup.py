"""backup and restore: nothing is lost, nothing damaged is taken, nothing is written over, and no secret leaves."""

import gzip
import io
import json
import sqlite3
import subprocess
import tarfile
from contextlib import closing, redirect_stdout
from decimal import Decimal as D
from pathlib import Path
from typing import Any
from unittest import SkipTest, mock

from sqlalchemy import create_engine
from twisted.trial.unittest import SynchronousTestCase

from ledger import migrations
from ledger.interface import LedgerTooNew
from ledger.sql import SqlLedger
from runtime import archive, backup, restore
from runtime.archive import sum_file
from runtime.config import Config, load
from runtime.config_cleaned import REMOVED, cleaned
from runtime.exits import Exit
from runtime.problems import CannotDo, ConfigError, Refused
from tests.ledger import postgres
from tests.ledger.folders import new_folder
from tests.ledger.pump import Pump
from tests.runtime.configs import ORIGINAL, OVERRIDES, written

SECRETS = """\
[ledger]
url = postgresql://ilp:pass-word-9@db/ilp
[users]
ann = $argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA
bob = ${BOBS_PASSWORD}
[notify]
url = https://chat.example/hooks/h00k-s3cret
smtp_password = file:/run/secrets/smtp
"""


class BackupCase(SynchronousTestCase):
    """A ledger with some bookings, and a config that names it."""

    def setUp(self) -> None:
        self.pump = Pump()
        self.folder = new_folder(self)
        self.url = f"sqlite:///{self.folder}/var/ilp.db"
        self.book(self.url)

    def book(self, url: str, count: int = 30) -> None:
        """Write so many bookings and close."""
        ledger = self.opened(url)
        for n in range(count):
            self.pump.wait(ledger.book_adjustment(f"a{n}", "venue:source", "BTC", D("0.1"), "outside", f"note {n}", n))
        self.pump.wait(ledger.close())

    def opened(self, url: str) -> SqlLedger:
        """A ledger, opened."""
        ledger = SqlLedger(url, self.pump)
        self.addCleanup(lambda: self.pump.wait(ledger.close()))
        self.pump.wait(ledger.open())
        return ledger

    def config(self, url: str | None = None) -> Config:
        """The original's, with this ledger."""
        path = written(f"{ORIGINAL}{OVERRIDES}[ledger]\nurl = {url or self.url}\n")
        return load(path, {}, is_offline=True)

    def postgres(self) -> str:
        """The URL of an empty PostgreSQL database."""
        try:
            return postgres.server().new_database()
        except postgres.Missing as missing:
            raise SkipTest(str(missing)) from None

    def backed_up(self, name: str = "x.backup", url: str | None = None, code: Exit = Exit.DONE) -> Path:
        """A backup."""
        file = self.folder / name
        with redirect_stdout(io.StringIO()) as said:
            self.assertEqual(backup.run(self.config(url), file, as_json=True), code)
        self.told = json.loads(said.getvalue())
        return file

    def restored(self, file: Path, url: str | None = None, force: bool = False) -> Any:
        """What restore says as JSON."""
        with redirect_stdout(io.StringIO()) as said:
            self.assertEqual(restore.run(self.config(url), file, force, as_json=True), Exit.DONE)
        return json.loads(said.getvalue())

    def held(self, url: str | None = None) -> D:
        """What the ledger says is at the source; it adds up."""
        ledger = self.opened(url or self.url)
        self.assertEqual(self.pump.wait(ledger.check()), [])
        found = self.pump.wait(ledger.balances())["venue:source"]["BTC"]
        self.pump.wait(ledger.close())
        return found


class RoundTripTests(BackupCase):
    """Out, and in again."""

    def test_lost_ledger(self) -> None:
        """A ledger that is gone comes back as it was, and a person is asked to look for orders of after the backup."""
        file = self.backed_up()
        for path in (self.folder / "var").iterdir():
            path.unlink()
        found = self.restored(file)
        self.assertEqual((found["rows"]["entries"], found["kept"], found["problems"]), (30, None, []))
        self.assertEqual(self.held(), D(3))
        (task,) = self.pump.wait(self.opened(self.url).tasks(True, 10))
        self.assertEqual(task.kind, "look")
        self.assertEqual([path.name for path in (self.folder / "var").glob(".ilp-*")], [])

    def test_force_keeps_what_was_there(self) -> None:
        """In the place of a ledger only with --force; what was there, its write-ahead log too, is kept and can be restored."""
        file = self.backed_up()
        self.book(self.url, 50)
        with self.assertRaises(Refused) as raised:
            self.restored(file)
        self.assertIn("--force", str(raised.exception))
        self.assertEqual(self.held(), D(5))
        found = self.restored(file, force=True)
        self.assertEqual(self.held(), D(3))
        self.assertEqual(self.restored(Path(found["kept"]), force=True)["rows"]["entries"], 50)
        self.assertEqual(self.held(), D(5))

    def test_between_databases(self) -> None:
        """A backup of a PostgreSQL ledger can be restored to SQLite, and the other way round; what was there is kept."""
        server = self.postgres()
        self.book(server, 7)
        self.assertEqual(self.restored(self.backed_up("pg.backup", server), force=True)["rows"]["entries"], 7)
        self.assertEqual(self.held(), D("0.7"))
        with mock.patch.object(restore, "beside_ledger", lambda _config, suffix: self.folder / f"pg{suffix}"):
            file = self.backed_up("lite.backup")
            self.book(server, 9)
            self.assertRaises(Refused, self.restored, file, server)
            kept = Path(self.restored(file, server, force=True)["kept"])
        self.assertEqual(self.held(server), D("0.7"))
        self.restored(kept, force=True)
        self.assertEqual(self.held(), D("0.9"))

    def test_in_use(self) -> None:
        """While a pool runs it is backed up, and nothing is restored, not even with --force."""
        for name, url in (("lite", self.url), ("server", self.postgres())):
            ledger = self.opened(url)
            self.pump.wait(ledger.book_adjustment("more", "venue:source", "BTC", D(1), "outside", "", 99))
            file = self.backed_up(name, url)
            with self.assertRaises(Refused) as raised:
                self.restored(file, url, force=True)
            self.assertIn("stop it first", str(raised.exception))
            self.pump.wait(ledger.close())

    def test_older_backup(self) -> None:
        """What an older program has backed up is upgraded before it is put in place."""
        old = self.folder / "old.db"
        engine = create_engine(f"sqlite:///{old}")
        with engine.begin() as building:
            migrations.build(building, "0001")
            building.exec_driver_sql("INSERT INTO cursors VALUES ('fills:source', 7)")
        engine.dispose()
        self.assertEqual(self.restored(old, force=True)["revision"], migrations.head())
        self.assertEqual(self.pump.wait(self.opened(self.url).cursors()), {"fills:source": 7})

    def test_folder(self) -> None:
        """Into a folder it goes under a name of its own, with its checksum beside, which sha256sum agrees with."""
        with redirect_stdout(io.StringIO()):
            backup.run(self.config(), self.folder, as_json=False)
        (file,) = self.folder.glob("ilp-pool-*.backup.tar.gz")
        done = subprocess.run(["sha256sum", "-c", sum_file(file).name], cwd=self.folder, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(file.stat().st_mode & 0o077, 0)

    def test_never_over_a_file(self) -> None:
        """Neither over a backup nor over a checksum."""
        file = self.backed_up()
        before = file.read_bytes()
        self.assertRaises(Refused, self.backed_up)
        file.rename(self.folder / "moved")
        self.assertRaises(Refused, self.backed_up)
        self.assertEqual((self.folder / "moved").read_bytes(), before)

    def test_several_at_once(self) -> None:
        """Of two that make one file at the same time the second is refused, and the first one's stays as it is."""

        def overtaken(to: Path, *rest: Any) -> str:
            found = archive.pack(to, *rest)
            sum_file(self.folder / "x.backup").write_text("the other's")
            return found

        with mock.patch.object(backup, "pack", overtaken), self.assertRaisesRegex(Refused, "is there already"):
            self.backed_up()
        self.assertEqual(sum_file(self.folder / "x.backup").read_text(), "the other's")
        self.assertFalse((self.folder / "x.backup").exists())

    def test_full_disk(self) -> None:
        """Where the last step fails neither file is left behind, and the sentence names the place."""
        full = mock.patch.object(Path, "replace", side_effect=OSError(28, "No space left on device"))
        with full, self.assertRaisesRegex(CannotDo, "No space left"):
            self.backed_up()
        self.assertEqual([path.name for path in self.folder.glob("*x.backup*")], [])

    def test_no_room_to_restore(self) -> None:
        """It is the ledger's disk that is full, and not the backup that is damaged; the ledger stays."""
        file = self.backed_up()
        full = mock.patch.object(archive, "_write", side_effect=OSError(28, "No space left on device"))
        with full, self.assertRaisesRegex(CannotDo, f"no room in {self.folder}/var"):
            self.restored(file, force=True)
        self.assertEqual(self.held(), D(3))

    def test_bare_with_its_log(self) -> None:
        """A bare ledger that was not closed has what was written last in the log beside it: that comes along."""
        ledger = self.opened(self.url)
        self.pump.wait(ledger.book_adjustment("last", "venue:source", "BTC", D(7), "outside", "", 99))
        bare = self.folder / "bare.db"
        for suffix in ("", "-wal"):
            there = self.folder / "var" / f"ilp.db{suffix}"
            bare.with_name(f"bare.db{suffix}").write_bytes(there.read_bytes())
        self.pump.wait(ledger.close())
        other = f"sqlite:///{self.folder}/other.db"
        self.restored(bare, other)
        self.assertEqual(self.held(other), D(10))


class DamageTests(BackupCase):
    """What is not whole is not taken."""

    def test_texts_that_are_none(self) -> None:
        """A file that is sound for SQLite, and in which no ledger has written, is told by its name."""
        bare = self.spoil("UPDATE alembic_version SET version_num = CAST(x'ff' AS TEXT)")
        copy = self.folder / "copy.db"
        bare.rename(copy)
        with self.assertRaisesRegex(CannotDo, f"{copy} cannot be restored: .*damaged"):
            self.restored(copy)

    def test_any_damage(self) -> None:
        """Wherever a bit is wrong in a backup, or its end is missing, it is refused; without the checksum beside it too, unless
        all that is in it is unharmed."""
        file = self.backed_up()
        whole = file.read_bytes()
        sums = sum_file(file).read_text()
        for position in (*range(0, len(whole), len(whole) // 25), len(whole) - 1):
            damaged = whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :]
            for content in (damaged, whole[:position]):
                file.write_bytes(content)
                sum_file(file).write_text(sums)
                with self.assertRaises(CannotDo):
                    self.restored(file, force=True)
                sum_file(file).unlink()
                self.refused_or_same(file, whole)
        self.assertEqual(self.held(), D(3))

    def refused_or_same(self, file: Path, whole: bytes) -> None:
        """Without the checksum beside it, what is inside tells: taken is only what unpacks to the very same."""
        try:
            self.restored(file, force=True)
        except CannotDo:
            return
        self.assertEqual(gzip.decompress(file.read_bytes()), gzip.decompress(whole))

    def test_other_formats(self) -> None:
        """A newer format, another archive and just any file are told apart from a backup."""
        file = self.folder / "x"
        for words, content in (
            ("format 9", self.packed({"format": 9})),
            ("manifest.json", self.packed(None)),
            ("damaged", b"x" * 99),
        ):
            file.write_bytes(content)
            with self.assertRaises(CannotDo) as raised:
                self.restored(file, force=True)
            self.assertIn(words, str(raised.exception))
        self.assertRaises(CannotDo, self.restored, self.folder / "nowhere", force=True)

    def packed(self, manifest: Any) -> bytes:
        """An archive with that for a manifest, or with none."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz") as tar:
            if manifest is not None:
                text = json.dumps(manifest).encode()
                head = tarfile.TarInfo("manifest.json")
                head.size = len(text)
                tar.addfile(head, io.BytesIO(text))
        return out.getvalue()

    def spoil(self, statement: str) -> Path:
        """A bare copy of the ledger that the statement has changed."""
        with closing(sqlite3.connect(self.folder / "var" / "ilp.db")) as connection:
            with connection:
                connection.execute(statement)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return self.folder / "var" / "ilp.db"

    def test_newer(self) -> None:
        """A newer program's backup is not restored, and the ledger stays."""
        bare = self.folder / "newer.db"
        bare.write_bytes(self.spoil("UPDATE alembic_version SET version_num = '9999'").read_bytes())
        self.assertRaises((CannotDo, LedgerTooNew), self.restored, bare, force=True)

    def test_books_that_do_not_add_up(self) -> None:
        """They are backed up, as they must be looked into, with an exit code that says so; restored only with --force."""
        self.spoil("UPDATE postings SET amount = '5' WHERE entry_id LIKE '%a3' AND account = 'outside'")
        file = self.backed_up(code=Exit.FOUND)
        self.assertIn("BTC: the accounts sum to", self.told["problems"][0])
        for path in (self.folder / "var").iterdir():
            path.unlink()
        with self.assertRaises(Refused) as raised:
            self.restored(file)
        self.assertIn("do not add up", str(raised.exception))
        self.assertEqual(len(self.restored(file, force=True)["problems"]), 2)

    def test_a_disk_that_lies(self) -> None:
        """What is not read again as it was written is no backup."""
        with mock.patch.object(archive, "sha256_of", side_effect=["0" * 64, "1" * 64, "2" * 64]), self.assertRaises(CannotDo):
            self.backed_up()
        self.assertEqual([path.name for path in self.folder.iterdir()], ["var"])


class CleanedTests(SynchronousTestCase):
    """The config in a backup."""

    def test_no_secret(self) -> None:
        """Keys, hashes, passwords in URLs and hooks are taken out; what only names a secret stays, and so does the rest."""
        path = written(ORIGINAL + OVERRIDES + SECRETS)
        text = cleaned(load(path, {}, is_offline=True), path)
        for secret in ("COINSETTER_SECRET", "SPUTNIK_SECRET", "pass-word-9", "$argon2id", "h00k-s3cret"):
            self.assertNotIn(secret, text)
        for kept in (
            "bob = ${BOBS_PASSWORD}",
            "smtp_password = file:/run/secrets/smtp",
            "id = COINSETTER_ID",
            "quote_size = 0.1",
        ):
            self.assertIn(kept, text)
        self.assertEqual(text.count(REMOVED), 5)
        self.assertEqual(len(text.splitlines()), len(path.read_text().splitlines()))

    def test_values_of_several_lines(self) -> None:
        """All lines of a secret go."""
        path = written(
            ORIGINAL.replace("secret = SPUTNIK_SECRET", "secret = first-part\n   second-part\n   third-part") + OVERRIDES
        )
        text = cleaned(load(path, {}, is_offline=True), path)
        for part in ("first-part", "second-part", "third-part"):
            self.assertNotIn(part, text)
        self.assertIn("[tickers]", text)

    def test_in_the_archive(self) -> None:
        """It is that text which is packed."""
        case = BackupCase("setUp")
        case.setUp()
        self.addCleanup(case.doCleanups)
        with tarfile.open(case.backed_up()) as tar:
            member = tar.extractfile("config.ini")
            assert member is not None
            text = member.read().decode()
        self.assertNotIn("COINSETTER_SECRET", text)
        self.assertIn("[valuation]", text)

    def test_ledger_that_names_a_missing_variable(self) -> None:
        """A ledger whose URL cannot be put together is told as such."""
        config = load(written(f"{ORIGINAL}{OVERRIDES}[ledger]\nurl = ${{LEDGER}}\n"), {}, is_offline=True)
        self.assertRaises(ConfigError, backup.run, config, Path("x"), as_json=False)
