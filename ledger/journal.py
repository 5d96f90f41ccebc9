"""The double-entry books on the database: enter once, keep the balances, recount everything.

Every function is a job of :class:`ledger.writer.Writer`: it runs inside a transaction on the writer's thread.
"""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from ledger import schema
from ledger.postings import Entry, entry_of_fill, entry_of_transaction, exactly, sums_by_ticker
from ledger.rows import insert_new, save, values_of
from model.money import ZERO, plain
from model.order import Fill
from model.records import FillRecord, TransitRecord
from model.transfer import Place, Transaction

Sums = dict[tuple[str, str], Decimal]

#: Rows fetched at once while everything is recounted.
AT_ONCE = 5_000


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
        connection.execute(insert(schema.postings), rows)
    for (account, ticker), amount in entry.moves.items():
        _add_to_balance(connection, account, ticker, amount)
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
    connection.execute(insert(schema.fills).values(values_of(record)))
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


def check(connection: Connection) -> list[str]:
    """Recount every posting: one sentence for each ticker not conserved, and for each balance that was kept wrongly."""
    counted, kept = _counted(connection), _kept(connection)
    problems = [
        f"{ticker}: the accounts sum to {plain(rest)} and not to zero"
        for ticker, rest in sorted(sums_by_ticker(counted).items())
        if rest
    ]
    problems += [
        f"{ticker}: account {account} is kept as {plain(kept.get((account, ticker), ZERO))}, "
        f"but its postings sum to {plain(counted.get((account, ticker), ZERO))}"
        for account, ticker in sorted(counted.keys() | kept.keys())
        if kept.get((account, ticker), ZERO) != counted.get((account, ticker), ZERO)
    ]
    return problems


def _add_to_balance(connection: Connection, account: str, ticker: str, amount: Decimal) -> None:
    table = schema.balances
    before = connection.scalar(select(table.c.amount).where(table.c.account == account, table.c.ticker == ticker))
    with exactly():
        after = amount if before is None else before + amount
    save(connection, table, {"account": account, "ticker": ticker, "amount": after})


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
