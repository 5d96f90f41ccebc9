"""A ledger that is only looked at: by a connection that the database itself keeps from writing.

It is neither locked nor upgraded: that is for the pool alone. What a pool writes meanwhile does not wait for it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import NullPool, create_engine, event, make_url
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from ledger import migrations
from ledger.claim import PATIENCE, file_of, server_arguments
from ledger.copying import has_ledger
from ledger.interface import LedgerError


class ReadOnlyStore:
    """One connection, for :class:`ledger.writer.Writer`'s thread."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._engine: Engine | None = None
        self._connection: Connection | None = None

    def connection(self) -> Connection:
        """The one connection, made (again) where there is none."""
        if self._connection is None:
            self._engine = self._engine or _engine(self._url)
            self._connection = self._engine.connect()
        return self._connection

    def discard(self) -> None:
        """Give the connection up; the next one is new."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Give everything up."""
        self.discard()


@contextmanager
def reader(url: str) -> Iterator[Connection]:
    """A connection that sees the ledger as it is at one moment, for blocking programs that look into it.

    :raises LedgerError: there is no ledger, it cannot be read, or an older program wrote it; LedgerTooNew: a newer one.
    """
    path = file_of(make_url(url))
    if path is not None and not path.exists():
        raise LedgerError(f"there is no ledger {path}")
    try:
        with _engine(url).connect() as connection, connection.begin():
            _check(connection, url)
            yield connection
    except SQLAlchemyError as error:
        # Not SQLAlchemy's own text, which recites the statement with all its values.
        reason = getattr(error, "orig", None) or error
        raise LedgerError(f"{type(reason).__name__}: {str(reason).strip()}") from error


def _check(connection: Connection, url: str) -> None:
    if not has_ledger(connection):
        raise LedgerError(f"there is no ledger in {make_url(url).render_as_string(hide_password=True)}")
    revision = migrations.revision_of(connection)
    migrations.refuse_newer(revision)
    if revision != migrations.head():
        raise LedgerError(
            f"the ledger is of revision {revision}, written by an older program; start the pool with this one, which upgrades "
            f"it to {migrations.head()} after a copy"
        )


def _engine(url: str) -> Engine:
    if url.startswith("sqlite"):
        engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": PATIENCE})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        return engine
    place = make_url(url)
    engine = create_engine(place, poolclass=NullPool, connect_args=server_arguments(place))
    return engine.execution_options(postgresql_readonly=True, isolation_level="REPEATABLE READ")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # As the ledger's own: we say BEGIN ourselves.
    connection.isolation_level = None
    run: Callable[[str], Any] = connection.execute
    run("PRAGMA query_only = ON")
