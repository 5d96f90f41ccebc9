"""A whole ledger as one SQLite file, and back: one consistent view of it, every digit, while a pool goes on writing.

A SQLite ledger is copied page by page (SQLite's online backup), a PostgreSQL one row by row, into the tables that a SQLite
ledger of the same revision has. So a copy is always a ledger itself: it can be opened, added up and looked into, and goes
back into either kind of database. All of this blocks: call it where there is no reactor, or on a thread.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Boolean, MetaData, NullPool, Numeric, Table, column, create_engine, func, insert, inspect, select, table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.types import NullType, TypeEngine

from ledger import migrations
from ledger.claim import PATIENCE, file_of, server_arguments
from ledger.interface import LedgerError
from model.money import plain

#: Pages and rows that are copied at a time.
PAGES, ROWS = 2_000, 1_000
#: Alembic's own, in every ledger.
_REVISION = "alembic_version"
#: Told while it works: how much is done, of how much.
Progress = Callable[[int, int], object]


def nobody(_done: int, _whole: int) -> None:
    """Told, and does nothing about it."""


def free_name(path: Path) -> Path:
    """``path``, or where something is there already ``path`` with the first number that is free."""
    names = (path, *(path.with_name(f"{path.name}.{number}") for number in range(2, 10_000)))
    return next(name for name in names if not name.exists())


def copy_out(url: str | URL, to: Path, progress: Progress = nobody) -> None:
    """Copy the ledger ``url``, as it is at one moment, to the file ``to``, which appears when it is complete and on disk.

    :raises LedgerError: there is no ledger.
    :raises OSError: ``to`` cannot be written; ``sqlite3.Error`` or SQLAlchemy's errors for the database.
    """
    place = make_url(url)
    part = to.with_name(f"{to.name}.part")
    part.unlink(missing_ok=True)
    try:
        path = file_of(place)
        if path is not None:
            _copy_pages(path, part, progress)
        else:
            _copy_rows(place, part, progress)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(to)
    finally:
        part.unlink(missing_ok=True)


def copy_in(file: Path, connection: Connection, progress: Progress = nobody) -> None:
    """Put the ledger ``file`` into the PostgreSQL database of ``connection``, in its transaction, in the place of the ledger
    that may be there. The tables are those of the file's revision."""
    existing = [name for name in inspect(connection).get_table_names() if name in _every_table(connection)]
    for name in existing:
        connection.exec_driver_sql(f'DROP TABLE "{name}" CASCADE')
    with _sqlite(file).connect() as source:
        revision = migrations.revision_of(source)
        assert revision is not None, "a copy is a ledger"
        migrations.build(connection, revision)
        whole, done = sum(rows_by_table(source).values()), 0
        for found in _tables(source):
            kinds = {part["name"]: _kind(part["type"]) for part in inspect(connection).get_columns(found.name)}
            into = table(found.name, *(column(name, kind) for name, kind in kinds.items()))
            for rows in _some_rows(source, found.name, list(found.columns.keys())):
                connection.execute(insert(into), [_typed(row, kinds) for row in rows])
                done += len(rows)
                progress(done, whole)


def has_ledger(connection: Connection) -> bool:
    """Whether there is a ledger in the database."""
    return bool(inspect(connection).has_table(_REVISION))


def server(url: URL) -> Engine:
    """An engine for a PostgreSQL ledger, one connection at a time."""
    return create_engine(url, poolclass=NullPool, connect_args=server_arguments(url))


def _copy_pages(path: Path, part: Path, progress: Progress) -> None:
    if not path.exists():
        raise LedgerError(f"there is no ledger {path}")
    with closing(sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)) as source, closing(sqlite3.connect(part)) as copy:
        # One view from now on: without it the copy would begin again whenever the pool writes, and might never end.
        source.execute("BEGIN")
        source.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        source.backup(copy, pages=PAGES, progress=lambda _status, left, whole: progress(whole - left, whole))
        # One file that is complete by itself.
        copy.execute("PRAGMA journal_mode = DELETE")


def _copy_rows(place: URL, part: Path, progress: Progress) -> None:
    engine = server(place).execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with engine.connect() as source, source.begin():
        revision = migrations.revision_of(source) if has_ledger(source) else None
        if revision is None:
            raise LedgerError(f"there is no ledger in {place.render_as_string(hide_password=True)}")
        migrations.refuse_newer(revision)
        with _sqlite(part).connect() as copy, copy.begin():
            migrations.build(copy, revision)
            tables = _tables(copy)
            whole, done = sum(_count(source, found.name) for found in tables), 0
            for found in tables:
                names = list(found.columns.keys())
                into = insert(table(found.name, *map(column, names)))
                for rows in _some_rows(source, found.name, names):
                    copy.execute(into, [{name: _plain(value) for name, value in row.items()} for row in rows])
                    done += len(rows)
                    progress(done, whole)


def _sqlite(path: Path) -> Engine:
    return create_engine(f"sqlite:///{path}", poolclass=NullPool)


def _tables(connection: Connection) -> list[Table]:
    """The tables of a ledger, what is referred to before what refers to it."""
    found = MetaData()
    found.reflect(connection)
    return [one for one in found.sorted_tables if one.name != _REVISION]


def _every_table(connection: Connection) -> set[str]:
    """The names of all tables that a ledger in the database has, by its own revision; empty where there is none."""
    if not has_ledger(connection):
        return set()
    revision = migrations.revision_of(connection)
    migrations.refuse_newer(revision)
    with create_engine("sqlite://").connect() as model, model.begin():
        migrations.build(model, revision or "head")
        return {one.name for one in _tables(model)} | {_REVISION}


def _count(connection: Connection, name: str) -> int:
    return int(connection.execute(select(func.count()).select_from(table(name))).scalar_one())


def rows_by_table(connection: Connection) -> dict[str, int]:
    """How many rows each table of the ledger has."""
    return {found.name: _count(connection, found.name) for found in _tables(connection)}


def _some_rows(connection: Connection, name: str, columns: list[str]) -> Iterator[list[Mapping[str, Any]]]:
    """All rows, some at a time, as the driver gives them."""
    # Without types of ours: what is stored is copied, and not what this program would make of it.
    statement = select(table(name, *map(column, columns))).execution_options(yield_per=ROWS)
    for some in connection.execute(statement).mappings().partitions():
        yield [dict(row) for row in some]


def _plain(value: Any) -> Any:
    """A PostgreSQL's value as a SQLite ledger stores it (:mod:`ledger.columns`)."""
    if isinstance(value, Decimal):
        return plain(value)
    return json.dumps(value) if isinstance(value, dict | list) else value


def _kind(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """What turns a SQLite ledger's value into that of a PostgreSQL's column of type ``kind``."""
    if isinstance(kind, Numeric):
        return Numeric()
    if isinstance(kind, JSONB):
        return JSONB(none_as_null=True)
    return Boolean() if isinstance(kind, Boolean) else NullType()


def _typed(row: Mapping[str, Any], kinds: Mapping[str, TypeEngine[Any]]) -> dict[str, Any]:
    found = dict(row)
    for name, value in row.items():
        kind = kinds[name]
        if value is None:
            continue
        if isinstance(kind, JSONB):
            found[name] = json.loads(value)
        elif isinstance(kind, Numeric):
            found[name] = Decimal(value)
        elif isinstance(kind, Boolean):
            found[name] = bool(value)
    return found
