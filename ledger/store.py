"""The database behind the ledger: SQLite or PostgreSQL, one pool at a time, upgraded when it is opened.

Everything here runs on the writer's thread.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, event, make_url
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError
from twisted.logger import Logger

from ledger import copying, migrations
from ledger.claim import PATIENCE, claim_database, claim_file, file_of, server_arguments
from ledger.interface import LedgerError

#: Where the copy goes that is made before an upgrade, for a ledger that is no file.
COPIES = Path("var")


class Store:
    """``url`` as SQLAlchemy has it: ``sqlite:///var/ilp.db`` or ``postgresql+psycopg://user@host/name``.

    Before an upgrade the ledger is copied to ``<file>.<revision>.backup`` beside it; a server's to the folder ``copies``.
    """

    log = Logger()

    def __init__(self, url: str, copies: Path = COPIES) -> None:
        """:raises ValueError: for a URL of another kind of database."""
        self._url = make_url(url)
        if self._url.get_backend_name() not in ("sqlite", "postgresql"):
            raise ValueError(f"a ledger is sqlite or postgresql, not {self._url.get_backend_name()}")
        self._path = file_of(self._url)
        self._copy = self._path or copies / f"ilp-{self._url.database}"
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._lock: Any = None
        self._file: tuple[int, int] | None = None

    def connection(self) -> Connection:
        """The one connection; made, locked and upgraded where there is none.

        :raises LedgerError: where another pool uses this ledger, or its file is gone; LedgerTooNew; or what SQLAlchemy raises.
        """
        self._check_file()
        if self._connection is None:
            self._engine = self._engine or self._create_engine()
            connection = self._engine.connect()
            try:
                if self._url.get_backend_name() == "postgresql":
                    claim_database(connection, self._url)
                migrations.upgrade(connection, partial(self._keep, connection))
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self._file = self._file or self._identity()
        return self._connection

    def _identity(self) -> tuple[int, int] | None:
        """Which file the ledger's path leads to now; None where there is none."""
        if self._path is None:
            return None
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _check_file(self) -> None:
        # SQLite writes on happily into a file that was deleted or moved away, and begins an empty one when it opens it again.
        if self._file is not None and self._identity() != self._file:
            raise LedgerError(f"the file {self._path} was taken away; put it back, or stop the pool")

    def discard(self) -> None:
        """Give the connection up, whatever state it is in; the next one is new. The file stays ours."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.invalidate()
            connection.close()
        except SQLAlchemyError as error:
            self.log.warn("closing a broken connection to the ledger: {error}", error=str(error))

    def close(self) -> None:
        """Give everything up, so that another may open it."""
        self.discard()
        if self._lock is not None:
            self._lock.close()
            self._lock = None
        # Whoever opens it again must lock it again, and may find another file.
        self._engine = self._file = None

    def _create_engine(self) -> Engine:
        if self._url.get_backend_name() == "postgresql":
            return create_engine(self._url, poolclass=NullPool, connect_args=server_arguments(self._url))
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = claim_file(self._path)
        engine = create_engine(self._url, poolclass=NullPool, connect_args={"timeout": PATIENCE})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _keep(self, connection: Connection, revision: str) -> None:
        """Copy the ledger before it is upgraded; never in the place of an earlier copy."""
        if self._url.get_backend_name() == "sqlite" and self._path is None:
            return  # in memory, where no older program's ledger can be
        to = copying.free_name(self._copy.with_name(f"{self._copy.name}.{revision}.backup"))
        try:
            to.parent.mkdir(parents=True, exist_ok=True)
            copying.copy_out(connection.engine.url, to)
        except OSError as error:
            raise LedgerError(f"the ledger must be upgraded, and cannot be copied to {to} before: {error.strerror}") from error
        self.log.info("the ledger is upgraded; as it was, it is in {to}", to=str(to))


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own idea of when a transaction begins breaks savepoints and DDL; we say BEGIN ourselves.
    connection.isolation_level = None
    run: Callable[[str], Any] = connection.execute
    run("PRAGMA journal_mode = WAL")
    run("PRAGMA synchronous = FULL")
    run("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
