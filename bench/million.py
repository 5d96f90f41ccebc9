"""A ledger with a million fills in a year, with the orders, bookings and samples that the pool would have written for them.

The database counts by itself; a million rows from Python take minutes.
"""

import sqlite3
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from ledger.sql import SqlLedger

FILLS = 1_000_000
DAY = 86_400 * 1_000_000
YEAR = 365 * DAY
_STEP = YEAR // FILLS
#: The pool takes a sample of itself every so often, in microseconds, and keeps a month of them.
_SAMPLE, _MONTH = 10_000_000, 30 * DAY


def _counted(last: int) -> str:
    return f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {last - 1})"


def _statements(now: int) -> tuple[str, ...]:
    at, side = f"{now - YEAR} + i * {_STEP}", "CASE i % 2 WHEN 1 THEN 'SELL' ELSE 'BUY' END"
    legs = (
        ("venue:target", "BTC", "0.0366"),
        ("trade", "BTC", "-0.0366"),
        ("venue:target", "HUF", "-811056"),
        ("trade", "HUF", "811056"),
    )
    return (
        f"""{_counted(FILLS)} INSERT INTO fills SELECT 'target', printf('T%07d', i), 'o' || i, printf('i%07d', i),
        'BTC/HUF', {side}, '22160000', '0.0366', '{{"HUF":"2216"}}', {at} FROM n""",
        f"""{_counted(FILLS)} INSERT INTO intents
        (id, place, contract, side, price, quantity, purpose, created, level, state, order_id, detail, updated)
        SELECT printf('i%07d', i), 'target', 'BTC/HUF', {side}, '22160000', '0.05', 'quote', {at}, 0, 'closed', 'o' || i, '', {at}
        FROM n""",
        f"""{_counted(FILLS)} INSERT INTO entries SELECT printf('fill:target:T%07d', i), 'fill', {at}, 'BTC/HUF' FROM n""",
        *(
            f"""{_counted(FILLS)} INSERT INTO postings SELECT printf('fill:target:T%07d', i), '{account}', '{ticker}',
            CASE i % 2 WHEN 1 THEN '{-float(amount):g}' ELSE '{amount}' END FROM n"""
            for account, ticker, amount in legs
        ),
        f"""{_counted(_MONTH // _SAMPLE)} INSERT INTO samples SELECT {now - _MONTH} + i * {_SAMPLE}, 'TRADING',
        {", ".join(["'1.5'"] * 12)}, '{{"edge":"1.5"}}', 2000, 3000, 4000 FROM n""",
    )


async def made(folder: Path, now: int, reactor: Any) -> str:
    """Make it, its newest fill at ``now`` (microseconds); its URL. Takes half a minute and a gigabyte."""
    file = folder / "million.sqlite"
    url = f"sqlite:///{file}"
    ledger = SqlLedger(url, reactor)
    opened: Deferred[None] = ledger.open()
    await opened
    await ledger.close()
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA synchronous = OFF")
    with connection:
        for statement in _statements(now):
            connection.execute(statement)
    connection.close()
    return url
