"""Values to rows and back: a value's attributes are a table's columns of the same names."""

from collections.abc import Iterable
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
    statement = _insert(connection, table).values(values).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(statement).first() is not None


def save(connection: Connection, table: Table, *rows: dict[str, Any]) -> None:
    """Insert rows, all with the same columns, or replace those with their keys."""
    keys = [column.name for column in table.primary_key]
    statement = _insert(connection, table)
    changes = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changes), list(rows))


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


def _insert(connection: Connection, table: Table) -> Any:
    # Both have the same ON CONFLICT, but SQLAlchemy gives each its own class.
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
