"""The double-entry books on the database: enter once, keep the balances, recount everything.

Every function is a job of :class:`ledger.writer.Writer`: it runs inside a transaction on the writer's thread.
"""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import bindparam, insert, select
from sqlalchemy.engine import Connection

from ledger import schema
from ledger.movement import Movement, Moves
from ledger.postings import Entry, entry_of_fill, entry_of_transaction, exactly, id_of_fill, sums_by_ticker
from ledger.rows import insert_new, save, values_of
from model.money import ZERO, plain
from model.order import Fill
from model.records import FillRecord, Purpose, TransitRecord
from model.transfer import Place, Transaction

Sums = dict[tuple[str, str], Decimal]

#: Rows fetched at once while everything is recounted.
AT_ONCE = 5_000

# Built once: that takes SQLAlchemy longer than to execute them, and orders wait for it.
_NEW_POSTINGS, _NEW_FILL = insert(schema.postings), insert(schema.fills)
_BALANCES_OF = select(schema.balances).where(schema.balances.c.account.in_(bindparam("accounts", expanding=True)))


def enter(connection: Connection, entry: Entry) -> bool:
    """Book ``entry``; False, and nothing changed, if it is booked already.

    :raises LedgerError: if it does not balance.
    """
    entry.check()
    head = {"id": entry.id, "kind": entry.kind, "timestamp": entry.timestamp, "note": entry.note}
    if not insert_new(connection, schema.entries, head):
        return False
    if entry.moves:
        rows = [
            {"entry_id": entry.id, "account": account, "ticker": ticker, "amount": amount}
            for (account, ticker), amount in entry.moves.items()
        ]
        connection.execute(_NEW_POSTINGS, rows)
        _add_to_balances(connection, entry.moves)
    return True


def book_fill(connection: Connection, place: Place, fill: Fill, intent_id: str | None) -> bool:
    """Book the fill and remember it; False if it is booked already."""
    if not enter(connection, entry_of_fill(place, fill)):
        return False
    record = FillRecord(
        place,
        fill.id,
        fill.order_id,
        intent_id,
        fill.contract,
        fill.side,
        fill.price,
        fill.quantity,
        fill.fees,
        fill.timestamp,
    )
    connection.execute(_NEW_FILL, values_of(record))
    return True


def book_transaction(
    connection: Connection,
    place: Place,
    transaction: Transaction,
    counter: str,
    transit: TransitRecord | None,
    fee_account: str,
) -> bool:
    """Book the transaction and store ``transit`` beside it; False, and neither done, if it is booked already."""
    if not enter(connection, entry_of_transaction(place, transaction, counter, transit, fee_account)):
        return False
    connection.execute(insert(schema.transactions).values(place=place, **values_of(transaction)))
    if transit is not None:
        save(connection, schema.transits, values_of(transit))
    return True


def balances(connection: Connection) -> Mapping[str, Mapping[str, Decimal]]:
    """Account -> ticker -> balance, from the sums that are kept."""
    found: dict[str, dict[str, Decimal]] = {}
    for (account, ticker), amount in _kept(connection).items():
        found.setdefault(account, {})[ticker] = amount
    return found


def movements(connection: Connection, since: int, until: int) -> list[Movement]:
    """Every entry from ``since`` until before ``until``, oldest first, with its postings."""
    entries, postings = schema.entries, schema.postings
    orders = _fills_of(connection, since, until)
    statement = (
        select(entries.c.id, entries.c.kind, entries.c.timestamp, postings.c.account, postings.c.ticker, postings.c.amount)
        .join_from(entries, postings)
        .where(entries.c.timestamp >= since, entries.c.timestamp < until)
        .order_by(entries.c.timestamp, entries.c.id)
    )
    found: dict[str, Movement] = {}
    moves: dict[str, dict[tuple[str, str], Decimal]] = {}
    for row in connection.execute(statement):
        if row.id not in found:
            place, purpose = orders.get(row.id, (None, None))
            moves[row.id] = {}
            found[row.id] = Movement(row.id, row.kind, row.timestamp, moves[row.id], place, purpose)
        moves[row.id][row.account, row.ticker] = row.amount
    return list(found.values())


def unbalanced(connection: Connection) -> list[str]:
    """One sentence for each ticker whose accounts, as they are kept, do not sum to zero. Reads a row per account and ticker."""
    return _not_conserved(_kept(connection))


def check(connection: Connection) -> list[str]:
    """Recount every posting: one sentence for each ticker not conserved, and for each balance that was kept wrongly."""
    counted, kept = _counted(connection), _kept(connection)
    problems = _not_conserved(counted)
    problems += [
        f"{ticker}: account {account} is kept as {plain(kept.get((account, ticker), ZERO))}, "
        f"but its postings sum to {plain(counted.get((account, ticker), ZERO))}"
        for account, ticker in sorted(counted.keys() | kept.keys())
        if kept.get((account, ticker), ZERO) != counted.get((account, ticker), ZERO)
    ]
    return problems


def _not_conserved(sums: Sums) -> list[str]:
    totals = sorted(sums_by_ticker(sums).items())
    return [f"{ticker}: the accounts sum to {plain(rest)} and not to zero" for ticker, rest in totals if rest]


def _fills_of(connection: Connection, since: int, until: int) -> dict[str, tuple[Place, Purpose | None]]:
    """The place of each fill of a time, and what its order was for, by the id of its entry."""
    fills, intents = schema.fills, schema.intents
    statement = (
        select(fills.c.place, fills.c.id, intents.c.purpose)
        .join_from(fills, intents, fills.c.intent_id == intents.c.id, isouter=True)
        .where(fills.c.timestamp >= since, fills.c.timestamp < until)
    )
    return {id_of_fill(row.place, row.id): (row.place, row.purpose) for row in connection.execute(statement)}


def _add_to_balances(connection: Connection, moves: Moves) -> None:
    rows = connection.execute(_BALANCES_OF, {"accounts": sorted({account for account, _ in moves})})
    before = {(row.account, row.ticker): row.amount for row in rows}
    with exactly():
        after = [
            {"account": account, "ticker": ticker, "amount": before.get((account, ticker), ZERO) + amount}
            for (account, ticker), amount in moves.items()
        ]
    save(connection, schema.balances, *after)


def _kept(connection: Connection) -> Sums:
    table = schema.balances
    rows = connection.execute(select(table).order_by(table.c.account, table.c.ticker))
    return {(row.account, row.ticker): row.amount for row in rows}


def _counted(connection: Connection) -> Sums:
    # Added up here and not by the database: SQLite would do it in binary floats.
    table, sums = schema.postings, Sums()
    statement = select(table.c.account, table.c.ticker, table.c.amount).execution_options(yield_per=AT_ONCE)
    with exactly():
        for account, ticker, amount in connection.execute(statement):
            sums[account, ticker] = sums.get((account, ticker), ZERO) + amount
    return sums
