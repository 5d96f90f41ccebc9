"""A ledger of a million fills: every page of a table, and what the charts are drawn from, by the server's own time."""

import sqlite3
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor as the_reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ledger.reading import SqlHistory
from ledger.sql import SqlLedger
from tests.web.fake_pool import NOW, FakePool
from web.charts import RANGES, window
from web.log_lines import LogRing
from web.past import Past

reactor: Any = the_reactor
FILLS = 1_000_000
#: Seconds of the server for one page, by the issue.
LIMIT = 0.2
_MONTH = 30 * 86_400 * 1_000_000
_STEP = _MONTH // FILLS
_COUNT = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {last})"
#: The database counts by itself; a million rows from Python take minutes.
_FILLING = (
    f"""{_COUNT.format(last=FILLS - 1)} INSERT INTO fills SELECT 'target', printf('T%07d', i), 'o' || i, printf('i%07d', i),
    'BTC/HUF', CASE i % 2 WHEN 1 THEN 'SELL' ELSE 'BUY' END, '22160000', '0.0366', '{{"HUF":"2216"}}',
    {NOW - _MONTH} + i * {_STEP} FROM n""",
    f"""{_COUNT.format(last=FILLS - 1)} INSERT INTO intents
    (id, place, contract, side, price, quantity, purpose, created, level, state, order_id, detail, updated)
    SELECT printf('i%07d', i), 'target', 'BTC/HUF', 'SELL', '22160000', '0.05', 'quote', {NOW - _MONTH} + i * {_STEP}, 0,
    'closed', 'o' || i, '', {NOW} FROM n""",
    f"""{_COUNT.format(last=_MONTH // 10_000_000 - 1)} INSERT INTO samples SELECT {NOW - _MONTH} + i * 10000000, 'TRADING',
    {", ".join(["'1.5'"] * 12)}, '{{"edge":"1.5"}}', 2000, 3000, 4000 FROM n""",
)


def _chart_table(history: SqlHistory, hours: int) -> Any:
    since, until, _ = window(NOW, hours)
    return history.samples(since, until, (until - since) // 24)


@pytest.mark.slow
@pytest.mark.timeout(600)
class ManyFills(TestCase):
    """Made in a temporary folder: fills and orders of a month, and its samples."""

    timeout = 500

    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="ilp-million-")
        self.addCleanup(self.folder.cleanup)

    async def _made(self) -> str:
        file = Path(self.folder.name) / "ilp.db"
        url = f"sqlite:///{file}"
        ledger = SqlLedger(url, reactor)
        await ledger.open()
        await ledger.close()
        connection = sqlite3.connect(file)
        connection.execute("PRAGMA synchronous = OFF")
        with connection:
            for statement in _FILLING:
                connection.execute(statement)
        connection.close()
        return url

    def test_first_paint(self) -> "Deferred[None]":
        """No page of a table takes longer than the limit, wherever it begins."""
        return Deferred.fromCoroutine(self._measure())

    async def _measure(self) -> None:
        history = SqlHistory(await self._made(), reactor)
        history.open()
        past = Past(FakePool(), history, LogRing())
        asked: dict[str, Callable[[], Any]] = {
            **{table: partial(past.table, table, {}) for table in ("fills", "orders", "transits")},
            "fills, deep": partial(history.fills, (NOW - _MONTH // 2, "target", "T0500000"), 101),
            "orders, deep": partial(history.intents, (NOW - _MONTH // 2, "i0500000"), 101),
            **{f"table of charts {name}": partial(_chart_table, history, hours) for name, hours in RANGES.items()},
            **{f"charts {name}": partial(past.charts, {"hours": str(hours)}) for name, hours in RANGES.items()},
        }
        try:
            await history.size()  # the connection is there before the first browser is
            took = {name: await self._time(ask) for name, ask in asked.items()}
        finally:
            await history.close()
        # What a chart draws is fetched after its page is painted.
        self.assertEqual(
            {name: seconds for name, seconds in took.items() if seconds > LIMIT and not name.startswith("charts")}, {}
        )
        self.assertLess(took["charts 30d"], 10)

    @staticmethod
    async def _time(ask: Callable[[], Any]) -> float:
        """The best of three: other programs share the machine."""
        took = []
        for _ in range(3):
            began = time.perf_counter()
            await ask()
            took.append(time.perf_counter() - began)
        return min(took)
