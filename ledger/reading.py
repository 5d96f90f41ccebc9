"""Reading the ledger for people: pages, charts, statements and exports, by a connection and a thread of their own.

The writer's connection is the trading path's: nobody who looks at a million fills may make an order wait. What is read here
is what had been committed when the reading began.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from attrs import frozen
from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.engine import Connection
from twisted.internet.defer import Deferred
from zope.interface import Interface, implementer

from ledger import journal, orders, schema
from ledger.movement import Movement
from ledger.postings import exactly
from ledger.readonly import ReadOnlyStore
from ledger.rows import record_of, records
from ledger.writer import CallsFromThread, Writer
from model.money import ZERO
from model.order import Side
from model.records import FillRecord, IntentRecord, Obligation, Purpose, Sample, TransitRecord

#: By account and ticker.
Balances = Mapping[str, Mapping[str, Decimal]]


@frozen
class FillLine:
    """A fill with what its order was for and the obligation that asked for it, where that is known."""

    fill: FillRecord
    purpose: Purpose | None
    obligation_id: str | None


@frozen
class PostingLine:
    """One posting of the double-entry books: ``amount`` of ``ticker`` to ``account``; ``timestamp`` in microseconds."""

    timestamp: int
    entry_id: str
    kind: str
    account: str
    ticker: str
    amount: Decimal
    note: str


@frozen
class FillMark:
    """The fills of one side on the target in one stretch of time: the last one's time and price, and how many there were."""

    timestamp: int
    side: Side
    price: Decimal
    count: int


@frozen
class Period:
    """All that happened from a time until another. ``closing``: the balances at its end.

    ``marks``: the samples of the period, oldest first, and the last one before it.
    """

    movements: tuple[Movement, ...]
    closing: Balances
    samples: tuple[Sample, ...]


@frozen
class HedgeStory:
    """An obligation, the orders that were sent for it, oldest first, and their fills."""

    obligation: Obligation
    orders: tuple[IntentRecord, ...]
    fills: tuple[FillRecord, ...]


#: Where a page begins: the key of the last line of the page before it; empty for the first page.
Key = Sequence[int | str]


class IHistory(Interface):
    """The ledger as people read it. Every method fails with LedgerError while the database cannot be read.

    Pages are newest first unless said otherwise, ``limit`` lines from after ``key`` on, and take the same time wherever
    they begin; the key of a line is what the method says.
    """

    def fills(key: Key, limit: int) -> "Deferred[list[FillLine]]":
        """Key: timestamp, place, id."""

    def intents(key: Key, limit: int) -> "Deferred[list[IntentRecord]]":
        """Our orders. Key: created, id."""

    def transits(key: Key, limit: int) -> "Deferred[list[TransitRecord]]":
        """Key: created, id."""

    def postings(key: Key, limit: int) -> "Deferred[list[PostingLine]]":
        """Oldest first; ``limit`` entries with all their postings. Key: timestamp, entry id."""

    def samples(since: int, until: int, width: int) -> "Deferred[list[Sample]]":
        """Oldest first, one for every ``width`` microseconds: the last of each, with the largest times of all of them."""

    def fill_marks(since: int, until: int, width: int) -> "Deferred[list[FillMark]]":
        """Oldest first, what customers traded with us, one for every ``width`` microseconds and side."""

    def period(since: int, until: int, closing: Balances | None = None) -> "Deferred[Period]":
        """What a statement of the time from ``since`` until before ``until`` (microseconds) is made of.

        ``closing``: the balances at its end, where they are known: of days read newest first, each one's are what the next
        one began with. Without it everything that happened since is taken back.
        """

    def hedge(obligation_id: str) -> "Deferred[HedgeStory | None]":
        """What was done for an obligation; None where there is none of that id."""

    def size() -> "Deferred[int]":
        """Bytes that the database takes."""


@implementer(IHistory)
class SqlHistory:
    """``url`` is the ledger's own, which must have been opened before; an in-memory database cannot be read from here."""

    def __init__(self, url: str, reactor: CallsFromThread) -> None:
        # The writer's thread and queue serve as well for reading: one connection, one job after the other, no GIL storms.
        self._thread = Writer(ReadOnlyStore(url), reactor)

    def open(self) -> None:
        """Start the thread. A repeat changes nothing."""
        self._thread.start()

    def close(self) -> "Deferred[None]":
        """End it. A repeat is safe."""
        return self._thread.stop()

    def fills(self, key: Key, limit: int) -> "Deferred[list[FillLine]]":
        return self._thread.submit(partial(_fills, key=key, limit=limit))

    def intents(self, key: Key, limit: int) -> "Deferred[list[IntentRecord]]":
        return self._thread.submit(partial(_intents, key=key, limit=limit))

    def transits(self, key: Key, limit: int) -> "Deferred[list[TransitRecord]]":
        return self._thread.submit(partial(_transits, key=key, limit=limit))

    def postings(self, key: Key, limit: int) -> "Deferred[list[PostingLine]]":
        return self._thread.submit(partial(_postings, key=key, limit=limit))

    def samples(self, since: int, until: int, width: int) -> "Deferred[list[Sample]]":
        return self._thread.submit(partial(_samples, since=since, until=until, width=width))

    def fill_marks(self, since: int, until: int, width: int) -> "Deferred[list[FillMark]]":
        return self._thread.submit(partial(_fill_marks, since=since, until=until, width=width))

    def period(self, since: int, until: int, closing: Balances | None = None) -> "Deferred[Period]":
        return self._thread.submit(partial(_period, since=since, until=until, known=closing))

    def hedge(self, obligation_id: str) -> "Deferred[HedgeStory | None]":
        return self._thread.submit(partial(_hedge, id=obligation_id))

    def size(self) -> "Deferred[int]":
        return self._thread.submit(_size)


def _older(statement: Select[Any], columns: Sequence[Any], key: Key, limit: int) -> Select[Any]:
    """The ``limit`` newest rows after ``key``, without reading those before it."""
    if key:
        # The first condition is for the index on the time alone; the second decides between rows of one time.
        statement = statement.where(columns[0] <= key[0], tuple_(*columns) < tuple_(*key))
    return statement.order_by(*(column.desc() for column in columns)).limit(limit)


def _fills(connection: Connection, key: Key, limit: int) -> list[FillLine]:
    fills, intents = schema.fills, schema.intents
    statement = select(fills, intents.c.purpose, intents.c.obligation_id).join_from(
        fills, intents, fills.c.intent_id == intents.c.id, isouter=True
    )
    rows = connection.execute(_older(statement, (fills.c.timestamp, fills.c.place, fills.c.id), key, limit)).mappings()
    return [FillLine(record_of(FillRecord, row), row["purpose"], row["obligation_id"]) for row in rows]


def _intents(connection: Connection, key: Key, limit: int) -> list[IntentRecord]:
    table = schema.intents
    return orders.intents_by(connection, _older(select(table), (table.c.created, table.c.id), key, limit))


def _transits(connection: Connection, key: Key, limit: int) -> list[TransitRecord]:
    table = schema.transits
    rows = connection.execute(_older(select(table), (table.c.created, table.c.id), key, limit)).mappings()
    return records(TransitRecord, rows)


def _postings(connection: Connection, key: Key, limit: int) -> list[PostingLine]:
    entries, postings = schema.entries, schema.postings
    page = select(entries).order_by(entries.c.timestamp, entries.c.id).limit(limit)
    if key:
        page = page.where(entries.c.timestamp >= key[0], tuple_(entries.c.timestamp, entries.c.id) > tuple_(*key))
    some = page.subquery()
    statement = (
        select(some.c.timestamp, postings.c.entry_id, some.c.kind, postings.c.account, postings.c.ticker)
        .add_columns(postings.c.amount, some.c.note)
        .join_from(some, postings, postings.c.entry_id == some.c.id)
        .order_by(some.c.timestamp, some.c.id, postings.c.account, postings.c.ticker)
    )
    return records(PostingLine, connection.execute(statement).mappings())


def _samples(connection: Connection, since: int, until: int, width: int) -> list[Sample]:
    table = schema.samples
    wanted = (table.c.timestamp >= since, table.c.timestamp < until)
    bucket = table.c.timestamp - table.c.timestamp % width
    times = [func.max(table.c[name]).label(name) for name in ("decision_us", "lag_us", "commit_us")]
    last = select(func.max(table.c.timestamp).label("last"), *times).where(*wanted).group_by(bucket).subquery()
    others = [column for column in table.columns if not column.name.endswith("_us")]
    statement = (
        select(*others, last.c.decision_us, last.c.lag_us, last.c.commit_us)
        .join_from(last, table, table.c.timestamp == last.c.last)
        .order_by(table.c.timestamp)
    )
    return records(Sample, connection.execute(statement).mappings())


def _fill_marks(connection: Connection, since: int, until: int, width: int) -> list[FillMark]:
    table = schema.fills
    at_target = table.c.place == "target"
    bucket = table.c.timestamp - table.c.timestamp % width
    counts = (
        select(func.max(table.c.timestamp).label("last"), table.c.side, func.count().label("number"))
        .where(table.c.timestamp >= since, table.c.timestamp < until, at_target)
        .group_by(bucket, table.c.side)
    )
    found = connection.execute(counts).all()
    # A query of its own: joined to the first, a database may well read all fills for each of them. Of several fills in the
    # same microsecond any price will do, so long as it is one that was paid.
    times = sorted({row.last for row in found})
    priced = select(table.c.place, table.c.timestamp, table.c.side, table.c.price).where(table.c.timestamp.in_(times))
    prices = {(row.timestamp, row.side): row.price for row in connection.execute(priced) if row.place == "target"}
    marks = [FillMark(row.last, row.side, prices[row.last, row.side], row.number) for row in found]
    return sorted(marks, key=lambda mark: (mark.timestamp, mark.side.value))


def _period(connection: Connection, since: int, until: int, known: Balances | None) -> Period:
    closing = _balances_at(connection, until) if known is None else known
    table = schema.samples
    before = select(table).where(table.c.timestamp < since).order_by(table.c.timestamp.desc()).limit(1)
    within = select(table).where(table.c.timestamp >= since, table.c.timestamp < until).order_by(table.c.timestamp)
    samples = [*records(Sample, connection.execute(before).mappings()), *records(Sample, connection.execute(within).mappings())]
    return Period(tuple(journal.movements(connection, since, until)), closing, tuple(samples))


def _balances_at(connection: Connection, until: int) -> Balances:
    """The balances now, less all that has happened since: added up here, as SQLite would do it in binary floats."""
    found = {account: dict(tickers) for account, tickers in journal.balances(connection).items()}
    entries, postings = schema.entries, schema.postings
    later = (
        select(postings.c.account, postings.c.ticker, postings.c.amount)
        .join_from(entries, postings)
        .where(entries.c.timestamp >= until)
        .execution_options(yield_per=journal.AT_ONCE)
    )
    with exactly():
        for account, ticker, amount in connection.execute(later):
            found[account][ticker] = found[account].get(ticker, ZERO) - amount
    return found


def _hedge(connection: Connection, id: str) -> HedgeStory | None:
    row = connection.execute(select(schema.obligations).where(schema.obligations.c.id == id)).mappings().one_or_none()
    if row is None:
        return None
    obligation, fills = record_of(Obligation, row), schema.fills
    table = schema.intents
    sent = select(table).where(table.c.obligation_id == id).order_by(table.c.created)
    found = orders.intents_by(connection, sent)
    ids = [record.intent.id for record in found]
    rows = connection.execute(select(fills).where(fills.c.intent_id.in_(ids)).order_by(fills.c.timestamp)).mappings()
    return HedgeStory(obligation, tuple(found), tuple(records(FillRecord, rows)))


def _size(connection: Connection) -> int:
    if connection.dialect.name == "sqlite":
        pages, page = (connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "page_size"))
        return int(pages) * int(page)
    return int(connection.execute(select(func.pg_database_size(func.current_database()))).scalar_one())
