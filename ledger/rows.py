"""Values to rows and back: a value's attributes are a table's columns of the same names."""

from collections.abc import Iterable
from functools import cache
from typing import Any, TypeVar

import attrs
from attrs import AttrsInstance
from sqlalchemy import ColumnElement, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, RowMapping

T = TypeVar("T", bound=AttrsInstance)


def values_of(record: AttrsInstance) -> dict[str, Any]:
    """The record's attributes by name, not those of the values within."""
    return attrs.asdict(record, recurse=False)


def record_of(kind: type[T], row: RowMapping) -> T:
    """The value that the row holds."""
    return kind(**{field.name: row[field.name] for field in attrs.fields(kind)})


def insert_new(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert a row; False, and nothing changed, if its key is there already."""
    return connection.execute(_inserting(connection.dialect.name, table), values).first() is not None


def save(connection: Connection, table: Table, *rows: dict[str, Any]) -> None:
    """Insert rows, all with the same columns, or replace those with their keys."""
    connection.execute(_saving(connection.dialect.name, table, tuple(rows[0])), list(rows))


def newest(
    connection: Connection, table: Table, kind: type[T], limit: int, *conditions: ColumnElement[bool], time: str = "created"
) -> list[T]:
    """The ``limit`` newest values by column ``time``; of one time, the one with the greater key first."""
    order = [table.c[time].desc(), *(column.desc() for column in table.primary_key)]
    statement = select(table).where(*conditions).order_by(*order).limit(limit)
    return records(kind, connection.execute(statement).mappings())


def records(kind: type[T], rows: Iterable[RowMapping]) -> list[T]:
    """The values that the rows hold."""
    return [record_of(kind, row) for row in rows]


# To build a statement takes SQLAlchemy longer than to execute it: each is built once.


@cache
def _inserting(dialect: str, table: Table) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing().returning(*table.primary_key)


@cache
def _saving(dialect: str, table: Table, columns: tuple[str, ...]) -> Any:
    keys = [column.name for column in table.primary_key]
    statement = _insert(dialect, table)
    changes = {name: statement.excluded[name] for name in columns if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=changes)


def _insert(dialect: str, table: Table) -> Any:
    # Both have the same ON CONFLICT, but SQLAlchemy gives each its own class.
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
