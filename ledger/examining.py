"""Whether a copy of a ledger is whole: the file itself, what refers to what, and whether the books add up."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from attrs import frozen
from sqlalchemy import NullPool, create_engine
from sqlalchemy.exc import SQLAlchemyError

from ledger import journal, migrations, schema
from ledger.copying import has_ledger, rows_by_table
from ledger.interface import LedgerError
from ledger.rows import save, values_of
from model.records import Task


@frozen
class Contents:
    """What a copy holds: its revision, how many rows by table, and what does not add up (a sentence each; empty is good)."""

    revision: str
    rows: Mapping[str, int]
    problems: tuple[str, ...]


def examine(path: Path) -> Contents:
    """Read all of the SQLite ledger ``path``. Changes nothing.

    :raises LedgerError: it is damaged, or no ledger; LedgerTooNew: a newer program's.
    """
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            damage = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(3)")]
            orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise LedgerError(f"{path.name} is damaged, or no ledger: {error}") from None
    if damage != ["ok"] or orphans:
        raise LedgerError(f"{path.name} is damaged: {'; '.join(damage)}; {len(orphans)} rows refer to what is not there")
    try:
        return _books(path)
    except (SQLAlchemyError, ValueError, ArithmeticError) as error:
        # The file is sound, and what stands in it is nothing that a ledger wrote.
        reason = getattr(error, "orig", None) or error
        raise LedgerError(f"{path.name} is damaged, or no ledger: {str(reason) or type(reason).__name__}") from None


def _books(path: Path) -> Contents:
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).connect() as connection:
        revision = migrations.revision_of(connection) if has_ledger(connection) else None
        if revision is None:
            raise LedgerError(f"{path.name} is no ledger")
        migrations.refuse_newer(revision)
        return Contents(revision, rows_by_table(connection), tuple(journal.check(connection)))


def upgrade_copy(path: Path) -> None:
    """Bring the tables of the copy ``path``, which nobody uses, to what this program expects. Safe to repeat."""
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).connect() as connection:
        migrations.upgrade(connection, lambda _revision: None)


def leave_task(path: Path, task: Task) -> None:
    """Have a person look when the pool runs on the copy ``path``. Safe to repeat."""
    with create_engine(f"sqlite:///{path}", poolclass=NullPool).begin() as connection:
        save(connection, schema.tasks, values_of(task) | {"details": dict(task.details)})
