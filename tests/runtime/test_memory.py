"""Emptying the sandbox's ledger, and nobody else's."""

import fcntl
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from twisted.trial.unittest import SynchronousTestCase

from runtime.config import load
from runtime.config_values import Config
from runtime.memory import prepare
from runtime.problems import CannotStart
from tests.whole.running import EXAMPLE


class MemoryTests(SynchronousTestCase):
    """What a start may do to the ledger's files."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.ledger = Path(folder.name) / "var" / "books.sqlite"
        self.config = self.config_for(self.ledger)

    def config_for(self, path: Path) -> Config:
        """The sandbox's config with its ledger at ``path``."""
        return attrs.evolve(load(EXAMPLE, {}), ledger_url=f"sqlite:///{path}")

    def refusal(self, config: Config) -> str:
        """The sentence with which ``config`` cannot start."""
        return str(self.assertRaises(CannotStart, prepare, config))

    def test_sandbox_begins_empty(self) -> None:
        """The ledger that the last run of a sandbox left behind is gone, its write-ahead log too."""
        prepare(self.config)
        self.ledger.write_text("old")
        log = self.ledger.with_name("books.sqlite-wal")
        log.write_text("old")
        prepare(self.config)
        self.assertFalse(self.ledger.exists() or log.exists())

    def test_real_books_are_kept(self) -> None:
        """A ledger that no sandbox has made is not touched, and neither are files that only begin with its name."""
        self.ledger.parent.mkdir()
        backup = self.ledger.with_name("books.sqlite.2026")
        for file in (self.ledger, backup):
            file.write_text("real money")
        self.assertIn("is not a sandbox's", self.refusal(self.config))
        self.ledger.unlink()
        prepare(self.config)
        self.assertEqual(backup.read_text(), "real money")

    def test_real_pool_keeps_its_ledger(self) -> None:
        """Without a [sandbox] nothing is emptied, whatever stands beside it."""
        prepare(self.config)
        self.ledger.write_text("real money")
        prepare(attrs.evolve(self.config, sandbox=None))
        self.assertEqual(self.ledger.read_text(), "real money")

    def test_ledger_in_use(self) -> None:
        """A second sandbox on the same config does not take the ledger from under the first one."""
        prepare(self.config)
        self.ledger.write_text("in use")
        with self.ledger.with_name("books.sqlite.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.assertIn("another pool is using the ledger", self.refusal(self.config))
        self.assertEqual(self.ledger.read_text(), "in use")

    def test_impossible_places(self) -> None:
        """A folder that cannot be made, and a folder in the place of the file, are sentences."""
        self.assertIn("the ledger /proc/nowhere/x.sqlite: ", self.refusal(self.config_for(Path("/proc/nowhere/x.sqlite"))))
        prepare(self.config)
        self.ledger.mkdir()
        self.assertIn(f"the ledger {self.ledger}: ", self.refusal(self.config))
