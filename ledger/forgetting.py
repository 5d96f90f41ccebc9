"""Forgetting what only explains: decisions with their snapshots, and orders that never traded. Money is never forgotten.

The functions are jobs of :class:`ledger.writer.Writer`, each small, so that no order waits long behind one.
"""

import sqlite3
from contextlib import closing
from typing import Any

from sqlalchemy import Select, Table, Text, cast, delete, exists, func, make_url, select
from sqlalchemy.engine import Connection

from ledger import schema
from model.records import IntentState

#: So many of the newest decisions are measured to find how large one is.
_MEASURED = 50


def cutoff(connection: Connection, most_bytes: int) -> int:
    """The time (microseconds) before which decisions must go for the rest to fill no more than ``most_bytes``; 0: none must.

    Told from the size of the newest: adding up a million snapshots would keep the orders waiting.
    """
    table = schema.decisions
    lengths = [func.length(cast(table.c[name], Text)) for name in ("snapshot", "settings", "decision")]
    length = lengths[0] + lengths[1] + lengths[2]
    newest = select(length.label("length")).order_by(table.c.timestamp.desc()).limit(_MEASURED).subquery()
    average = connection.execute(select(func.avg(newest.c.length))).scalar_one()
    if not average:
        return 0
    first_to_go = select(table.c.timestamp).order_by(table.c.timestamp.desc()).offset(most_bytes // int(average)).limit(1)
    found = connection.execute(first_to_go).scalar_one_or_none()
    return 0 if found is None else found + 1


def forget(connection: Connection, before: int, decisions_before: int, at_most: int) -> int:
    """Delete the oldest decisions from before ``decisions_before``, and orders from before ``before`` that are over and never
    traded, ``at_most`` of each; how many were deleted. Safe to repeat.
    """
    decisions, intents, fills = schema.decisions, schema.intents, schema.fills
    old = select(decisions.c.id).where(decisions.c.timestamp < decisions_before).order_by(decisions.c.timestamp)
    never_traded = (
        select(intents.c.id)
        .where(intents.c.created < before, intents.c.state.in_([state for state in IntentState if state.is_final]))
        .where(~exists().where(fills.c.intent_id == intents.c.id))
        .order_by(intents.c.created)
    )
    return sum(_delete(connection, table, rows.limit(at_most)) for table, rows in ((decisions, old), (intents, never_traded)))


def _delete(connection: Connection, table: Table, ids: Select[Any]) -> int:
    return connection.execute(delete(table).where(table.c.id.in_(ids))).rowcount


def checkpoint(url: str) -> int:
    """Move what SQLite has written ahead into its file, as far as no reader is in the way; the pages that are left.

    By a connection of its own, as it cannot be done inside a transaction; it waits for nobody and nobody for it. Blocking:
    call it on a thread. Nothing to do for another database, or one in memory.
    """
    path = make_url(url).database
    if not url.startswith("sqlite") or path in (None, "", ":memory:"):
        return 0
    with closing(sqlite3.connect(str(path), timeout=0)) as connection:
        _is_busy, written, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return int(written) - int(moved)
