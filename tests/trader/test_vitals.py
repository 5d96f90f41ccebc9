"""How well the pool is besides its inputs, also where that cannot be found out."""

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from runtime import wiring
from tests.ledger.folders import new_folder
from trader.vitals import LEAST_FREE, vitals


class DiskTests(SynchronousTestCase):
    """The disk that the ledger is on."""

    def disk(self, disk_free: Any) -> tuple[str, str]:
        """What is said of it."""
        feed = SimpleNamespace(name="venue")
        parts = SimpleNamespace(
            feeds={"source": feed, "target": feed}, clients={"source": None, "target": None}, budgets={}, disk_free=disk_free
        )
        pool: Any = SimpleNamespace(parts=parts, chronicle=SimpleNamespace(commit=None, size=None, lag=0.0))
        (found,) = (vital for vital in vitals(pool) if vital.name == "Disk free")
        return found.value, found.problem

    def test_little(self) -> None:
        """Little is a problem, enough is none."""
        self.assertEqual(self.disk(lambda: LEAST_FREE), ("0.5 GB", ""))
        self.assertIn("little is left", self.disk(lambda: LEAST_FREE - 1)[1])

    def test_folder_is_gone(self) -> None:
        """Where nothing can be asked that is the problem, and no error: status, console and readiness go on answering."""
        folder = new_folder(self) / "var"
        config: Any = SimpleNamespace(ledger_url=f"sqlite:///{folder}/ilp.db")
        disk_free = wiring.disk_free(config)
        value, problem = self.disk(disk_free)
        self.assertEqual(value, "not known")
        self.assertIn("still there", problem)
        folder.mkdir()
        self.assertEqual(self.disk(disk_free)[1], "")
