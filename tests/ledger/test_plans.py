"""What the console asks of a large ledger is found by an index: the pages of a million fills take no longer than the first one.

How long they take is measured by bench/first_paint.py; here it is proven that nothing is read from end to end.
"""

import sqlite3
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ledger.reading import SqlHistory
from ledger.sql import SqlLedger

reactor: Any = the_reactor
NOW, DAY = 1_795_269_600_000_000, 86_400_000_000
#: Tables that grow as long as the pool trades.
GROWING = ("fills", "intents", "entries", "postings", "samples", "transactions", "decisions")


class PlanTests(TestCase):
    """An empty ledger: SQLite plans by the indexes, whatever the tables hold."""

    timeout = 60

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="ilp-plans-")
        self.addCleanup(folder.cleanup)
        self.file = Path(folder.name) / "ledger.sqlite"
        self.url = f"sqlite:///{self.file}"
        self.asked: list[tuple[str, Any]] = []

        def remember(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
            self.asked.append((statement, parameters))

        event.listen(Engine, "before_cursor_execute", remember)
        self.addCleanup(event.remove, Engine, "before_cursor_execute", remember)

    def test_nothing_is_read_from_end_to_end(self) -> "Deferred[None]":
        """Pages of tables wherever they begin, the statement of a day, charts."""
        return Deferred.fromCoroutine(self._ask())

    async def _ask(self) -> None:
        ledger = SqlLedger(self.url, reactor)
        await ledger.open()
        await ledger.close()
        history = SqlHistory(self.url, reactor)
        history.open()
        await history.size()
        middle = NOW - 180 * DAY
        asks = (
            partial(history.fills, (), 101),
            partial(history.fills, (middle, "target", "T1"), 101),
            partial(history.intents, (), 101),
            partial(history.intents, (middle, "i1"), 101),
            partial(history.postings, (middle, "fill:target:T1"), 101),
            partial(history.samples, NOW - 30 * DAY, NOW, DAY),
            partial(history.fill_marks, NOW - 30 * DAY, NOW, DAY),
            partial(history.period, NOW - DAY, NOW, {}),
        )
        for ask in asks:
            self.asked.clear()
            await ask()
            selects = [(statement, more) for statement, more in self.asked if statement.lstrip().startswith("SELECT")]
            self.assertTrue(selects)
            for statement, parameters in selects:
                self.assertEqual(self._read_whole(statement, parameters), [], statement)
        await history.close()

    def _read_whole(self, statement: str, parameters: Any) -> list[str]:
        """The growing tables that SQLite would read from end to end for this."""
        connection = sqlite3.connect(self.file)
        steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]
        connection.close()
        bounded = "LIMIT" in statement
        return [
            step for step in steps for table in GROWING if step.startswith(f"SCAN {table}") and not (bounded and "INDEX" in step)
        ]
