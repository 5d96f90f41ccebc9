"""The ledger on a database: SQLite by default, PostgreSQL by URL."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial

from sqlalchemy import delete, select
from sqlalchemy.engine import Connection
from twisted.internet.defer import Deferred
from zope.interface import implementer

from ledger import forgetting, journal, orders, schema
from ledger.interface import ILedger
from ledger.movement import Movement
from ledger.postings import entry_of_adjustment
from ledger.rows import insert_new, newest, record_of, save, values_of
from ledger.store import Store
from ledger.writer import CallsFromThread, Committed, Writer, nobody_counts
from model.order import Fill
from model.records import (
    DecisionRecord,
    FillRecord,
    IntentRecord,
    IntentState,
    Obligation,
    OrderIntent,
    ParameterChange,
    Sample,
    Task,
    TransitRecord,
)
from model.transfer import Place, Transaction


@implementer(ILedger)
class SqlLedger:
    """One pool's memory. Every method fails with LedgerError while the database cannot be reached, and works again after.

    Reads see what was asked to be written before them.
    """

    def __init__(self, url: str, reactor: CallsFromThread, committed: Committed = nobody_counts) -> None:
        """``url`` as SQLAlchemy has it: ``sqlite:///var/ilp.db``, ``sqlite://`` (in memory), ``postgresql+psycopg://...``.

        :raises ValueError: for a URL of another kind of database.
        """
        self._writer = Writer(Store(url), reactor, committed)

    def open(self) -> "Deferred[None]":
        """A repeat is safe, and tries again where the first one failed."""
        self._writer.start()
        return self._writer.submit(_nothing)

    def close(self) -> "Deferred[None]":
        return self._writer.stop()

    def intend(self, intent: OrderIntent) -> "Deferred[None]":
        return self._writer.submit(partial(orders.intend, intent=intent))

    def answer(self, intent_id: str, state: IntentState, order_id: str | None, detail: str, timestamp: int) -> "Deferred[None]":
        return self._writer.submit(
            partial(orders.answer, intent_id=intent_id, state=state, order_id=order_id, detail=detail, timestamp=timestamp),
            can_wait=True,  # a crash before it is on disk is one before it was heard
        )

    def intents(self, only_open: bool, limit: int) -> "Deferred[list[IntentRecord]]":
        return self._writer.submit(partial(orders.intents, only_open=only_open, limit=limit))

    def book_fill(self, place: Place, fill: Fill, intent_id: str | None) -> "Deferred[bool]":
        return self._writer.submit(partial(journal.book_fill, place=place, fill=fill, intent_id=intent_id))

    def fills(self, since: int, limit: int) -> "Deferred[list[FillRecord]]":
        table = schema.fills
        return self._writer.submit(lambda c: newest(c, table, FillRecord, limit, table.c.timestamp >= since, time="timestamp"))

    def book_transaction(
        self,
        place: Place,
        transaction: Transaction,
        counter: str,
        transit: TransitRecord | None,
        fee_account: str = "fee:network",
    ) -> "Deferred[bool]":
        return self._writer.submit(
            partial(
                journal.book_transaction,
                place=place,
                transaction=transaction,
                counter=counter,
                transit=transit,
                fee_account=fee_account,
            )
        )

    def book_adjustment(
        self, id: str, account: str, ticker: str, amount: Decimal, counter: str, note: str, timestamp: int
    ) -> "Deferred[bool]":
        return self._writer.submit(
            lambda c: journal.enter(c, entry_of_adjustment(id, account, ticker, amount, counter, note, timestamp))
        )

    def balances(self) -> "Deferred[Mapping[str, Mapping[str, Decimal]]]":
        return self._writer.submit(journal.balances)

    def movements(self, since: int, until: int) -> "Deferred[list[Movement]]":
        return self._writer.submit(partial(journal.movements, since=since, until=until))

    def unbalanced(self) -> "Deferred[list[str]]":
        return self._writer.submit(journal.unbalanced)

    def check(self) -> "Deferred[list[str]]":
        return self._writer.submit(journal.check)

    def save_obligation(self, obligation: Obligation) -> "Deferred[None]":
        return self._writer.submit(lambda c: save(c, schema.obligations, values_of(obligation)))

    def obligations(self, only_open: bool, limit: int) -> "Deferred[list[Obligation]]":
        table = schema.obligations
        conditions = [table.c.state.in_(["open", "escalated"])] if only_open else []
        return self._writer.submit(lambda c: newest(c, table, Obligation, limit, *conditions))

    def save_transit(self, transit: TransitRecord) -> "Deferred[None]":
        return self._writer.submit(lambda c: save(c, schema.transits, values_of(transit)))

    def transits(self, only_open: bool, limit: int) -> "Deferred[list[TransitRecord]]":
        table = schema.transits
        conditions = [table.c.state.not_in(["arrived", "cancelled"])] if only_open else []
        return self._writer.submit(lambda c: newest(c, table, TransitRecord, limit, *conditions))

    def save_task(self, task: Task) -> "Deferred[None]":
        return self._writer.submit(lambda c: save(c, schema.tasks, values_of(task) | {"details": dict(task.details)}))

    def tasks(self, only_open: bool, limit: int) -> "Deferred[list[Task]]":
        table = schema.tasks
        conditions = [table.c.closed.is_(None)] if only_open else []
        return self._writer.submit(lambda c: newest(c, table, Task, limit, *conditions))

    def save_decision(self, record: DecisionRecord) -> "Deferred[None]":
        return self._writer.submit(partial(_save_decision, record=record), can_wait=True)

    def decisions(self, since: int, limit: int) -> "Deferred[list[DecisionRecord]]":
        table = schema.decisions
        return self._writer.submit(
            lambda c: newest(c, table, DecisionRecord, limit, table.c.timestamp >= since, time="timestamp")
        )

    def decision(self, id: str) -> "Deferred[DecisionRecord | None]":
        return self._writer.submit(partial(_decision, id=id))

    def cutoff(self, most_bytes: int) -> "Deferred[int]":
        return self._writer.submit(partial(forgetting.cutoff, most_bytes=most_bytes))

    def forget(self, before: int, decisions_before: int, at_most: int) -> "Deferred[int]":
        job = partial(forgetting.forget, before=before, decisions_before=decisions_before, at_most=at_most)
        return self._writer.submit(job)

    def save_parameters(self, change: ParameterChange) -> "Deferred[None]":
        return self._writer.submit(partial(_save_parameters, change=change))

    def parameters(self, limit: int) -> "Deferred[list[ParameterChange]]":
        return self._writer.submit(partial(_parameters, limit=limit))

    def save_sample(self, sample: Sample, keep_from: int) -> "Deferred[None]":
        return self._writer.submit(partial(_save_sample, sample=sample, keep_from=keep_from))

    def last_sample(self, before: int) -> "Deferred[Sample | None]":
        table = schema.samples
        found = self._writer.submit(lambda c: newest(c, table, Sample, 1, table.c.timestamp < before, time="timestamp"))
        return found.addCallback(lambda samples: samples[0] if samples else None)

    def save_cursor(self, name: str, value: int) -> "Deferred[None]":
        return self._writer.submit(lambda c: save(c, schema.cursors, {"name": name, "value": value}))

    def cursors(self) -> "Deferred[Mapping[str, int]]":
        return self._writer.submit(_cursors)


def _nothing(_connection: Connection) -> None:
    """What open() waits for: the writer has a connection, as it is about to commit nothing."""


def _save_decision(connection: Connection, record: DecisionRecord) -> None:
    plain = {name: dict(getattr(record, name)) for name in ("snapshot", "settings", "decision")}
    guards = None if record.guards is None else dict(record.guards)
    insert_new(connection, schema.decisions, values_of(record) | plain | {"guards": guards})


def _decision(connection: Connection, id: str) -> DecisionRecord | None:
    row = connection.execute(select(schema.decisions).where(schema.decisions.c.id == id)).mappings().one_or_none()
    return None if row is None else record_of(DecisionRecord, row)


def _save_parameters(connection: Connection, change: ParameterChange) -> None:
    insert_new(connection, schema.parameter_changes, values_of(change) | {"changes": dict(change.changes)})


def _parameters(connection: Connection, limit: int) -> list[ParameterChange]:
    found = newest(connection, schema.parameter_changes, ParameterChange, limit, time="timestamp")
    # JSON has lists only.
    return [ParameterChange(c.timestamp, c.who, {key: (old, new) for key, (old, new) in c.changes.items()}) for c in found]


def _save_sample(connection: Connection, sample: Sample, keep_from: int) -> None:
    connection.execute(delete(schema.samples).where(schema.samples.c.timestamp < keep_from))
    insert_new(connection, schema.samples, values_of(sample))


def _cursors(connection: Connection) -> Mapping[str, int]:
    return {row.name: row.value for row in connection.execute(select(schema.cursors))}
