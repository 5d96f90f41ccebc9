"""How the pool is, in one JSON object: of a running one, and of one that does not run, out of its ledger."""

import os
from typing import Any

from sqlalchemy.engine import Connection

from ledger import journal, orders, schema
from ledger.rows import newest
from model.records import Obligation, Sample, Task, TransitRecord
from runtime.version import VERSION
from trader.interface import PoolView, VenueStatus
from web.shapes import jsonable

#: Of each kind at most so many are told; there are never as many, but a broken ledger must not fill a terminal.
MOST = 1_000


def running(view: PoolView) -> dict[str, Any]:
    """A running pool. Ages in seconds, times in microseconds UTC, amounts as texts."""
    venues = (view.source, view.target)
    return {
        "is_running": True,
        "state": view.state,
        "reason": view.reason,
        "timestamp": view.timestamp,
        "version": VERSION,
        "pid": os.getpid(),
        "is_sandbox": view.is_sandbox,
        "is_paper": view.is_paper,
        "venues": {venue.place: _venue(venue) for venue in venues},
        "quotes": [jsonable(order) for order in view.target.orders.values()],
        "quote_reasons": dict(view.quote_reasons),
        "tickers": {"source": view.settings.source, "btc": view.settings.btc},
        "exposure": jsonable(view.exposure),
        "result_today": jsonable(view.result_today),
        "inputs": jsonable(view.inputs),
        "tasks": [jsonable(task) for task in view.tasks if task.closed is None],
        "obligations": jsonable(view.obligations),
        "transits": [jsonable(transit) for transit in view.transits if not transit.is_over],
        "vitals": jsonable(view.vitals),
    }


def _venue(venue: VenueStatus) -> dict[str, Any]:
    found = {"name": venue.name, "is_connected": venue.is_connected, "since": venue.since}
    return {**found, "balances": jsonable(venue.balances), "open_orders": len(venue.orders)}


def resting(connection: Connection) -> dict[str, Any]:
    """A pool that does not run, as its ledger has it: how it last stood, what it holds, and what it will have to look after."""
    sample = next(iter(newest(connection, schema.samples, Sample, 1, time="timestamp")), None)
    tasks, obligations, transits = schema.tasks, schema.obligations, schema.transits
    is_open, is_travelling = obligations.c.state.in_(["open", "escalated"]), transits.c.state.not_in(["arrived", "cancelled"])
    accounts = journal.balances(connection)
    return {
        "is_running": False,
        "state": None,
        "reason": "no pool is running",
        "last_state": sample.state if sample else None,
        "last_seen": sample.timestamp if sample else None,
        "balances": {account: jsonable(tickers) for account, tickers in accounts.items() if account.startswith("venue:")},
        "open_orders": jsonable(orders.intents(connection, only_open=True, limit=MOST)),
        "tasks": jsonable(newest(connection, tasks, Task, MOST, tasks.c.closed.is_(None))),
        "obligations": jsonable(newest(connection, obligations, Obligation, MOST, is_open)),
        "transits": jsonable(newest(connection, transits, TransitRecord, MOST, is_travelling)),
    }
