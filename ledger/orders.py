"""Order intents on the database: what we meant, what became of it, how much of it has filled.

Every function is a job of :class:`ledger.writer.Writer`.
"""

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.engine import Connection

from ledger import schema
from ledger.interface import LedgerError
from ledger.postings import exactly
from ledger.rows import insert_new, record_of, values_of
from model.money import ZERO
from model.records import IntentRecord, IntentState, OrderIntent

#: Built once: that takes SQLAlchemy longer than to execute it.
_ANSWER = update(schema.intents).where(schema.intents.c.id == bindparam("intent_id"))
_PLACE = select(schema.intents.c.place).where(schema.intents.c.id == bindparam("answered")).scalar_subquery()
_BIND = (
    update(schema.fills)
    .where(schema.fills.c.intent_id.is_(None), schema.fills.c.order_id == bindparam("order"), schema.fills.c.place == _PLACE)
    .values(intent_id=bindparam("answered"))
)


def intend(connection: Connection, intent: OrderIntent) -> None:
    """Remember an order before it is sent. A repeat changes nothing.

    :raises LedgerError: if another order was remembered under this id: sent twice, one of the two would be taken for the other.
    """
    table = schema.intents
    first = {"state": IntentState.INTENDED, "order_id": None, "detail": "", "updated": intent.created}
    if insert_new(connection, table, values_of(intent) | first):
        return
    known = connection.execute(select(table).where(table.c.id == intent.id)).mappings().one()
    if record_of(OrderIntent, known) != intent:
        raise LedgerError(f"intent {intent.id} is another order already")


def answer(connection: Connection, intent_id: str, state: IntentState, order_id: str | None, detail: str, timestamp: int) -> None:
    """Remember what became of an intent. Fills that have overtaken the answer, and were booked as nobody's, are its own.

    :raises LedgerError: if there is no such intent.
    """
    changes = {"intent_id": intent_id, "state": state, "detail": detail, "updated": timestamp}
    if order_id is not None:
        changes["order_id"] = order_id
    changed = connection.execute(_ANSWER, changes)
    if changed.rowcount != 1:
        raise LedgerError(f"there is no intent {intent_id} to remember an answer for")
    if order_id is not None:
        connection.execute(_BIND, {"answered": intent_id, "order": order_id})


def intents(connection: Connection, only_open: bool, limit: int) -> list[IntentRecord]:
    """Newest first, with what has filled."""
    table = schema.intents
    statement = select(table).order_by(table.c.created.desc(), table.c.id.desc()).limit(limit)
    if only_open:
        statement = statement.where(table.c.state.in_([state for state in IntentState if not state.is_final]))
    return intents_by(connection, statement)


def intents_by(connection: Connection, statement: Select[Any]) -> list[IntentRecord]:
    """Those that ``statement`` selects from the table of intents, in its order."""
    rows = connection.execute(statement).mappings().all()
    filled = _filled(connection, [row["id"] for row in rows])
    return [
        IntentRecord(
            record_of(OrderIntent, row),
            row["state"],
            row["order_id"],
            row["detail"],
            row["updated"],
            filled.get(row["id"], ZERO),
        )
        for row in rows
    ]


def _filled(connection: Connection, intent_ids: Collection[str]) -> dict[str, Decimal]:
    table = schema.fills
    sums: dict[str, Decimal] = {}
    rows = connection.execute(select(table.c.intent_id, table.c.quantity).where(table.c.intent_id.in_(intent_ids)))
    with exactly():
        for intent_id, quantity in rows:
            sums[intent_id] = sums.get(intent_id, ZERO) + quantity
    return sums
