"""The database behind the ledger: SQLite or PostgreSQL, one pool at a time, upgraded when it is opened.

Everything here runs on the writer's thread.
"""

import fcntl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, event, make_url, text
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from twisted.logger import Logger

from ledger import migrations
from ledger.interface import LedgerError

#: Names this program among the users of a PostgreSQL's advisory locks (any number, but always the same): "ILP ledg".
ADVISORY_LOCK = 0x494C50206C656467

#: Seconds to wait for whoever reads a SQLite file (a back-up, a person) and for a PostgreSQL that does not answer.
PATIENCE = 10

#: Milliseconds that a PostgreSQL may take to notice that its last user is dead.
PREDECESSOR_MS = 2_000


class Store:
    """``url`` as SQLAlchemy has it: ``sqlite:///var/ilp.db`` or ``postgresql+psycopg://user@host/name``."""

    log = Logger()

    def __init__(self, url: str) -> None:
        """:raises ValueError: for a URL of another kind of database."""
        self._url = make_url(url)
        if self._url.get_backend_name() not in ("sqlite", "postgresql"):
            raise ValueError(f"a ledger is sqlite or postgresql, not {self._url.get_backend_name()}")
        database = self._url.database
        is_file = self._url.get_backend_name() == "sqlite" and database not in (None, "", ":memory:")
        self._path = Path(str(database)) if is_file else None
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._lock: Any = None

    def connection(self) -> Connection:
        """The one connection; made, locked and upgraded where there is none.

        :raises LedgerError: where another pool uses this ledger; LedgerTooNew; or what SQLAlchemy raises.
        """
        if self._connection is None:
            self._engine = self._engine or self._create_engine()
            connection = self._engine.connect()
            try:
                self._claim(connection)
                migrations.upgrade(connection, self._path)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

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

    def _create_engine(self) -> Engine:
        if self._url.get_backend_name() == "postgresql":
            return create_engine(self._url, poolclass=NullPool, connect_args=_postgresql_arguments(self._url))
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock_file(self._path)
        engine = create_engine(self._url, poolclass=NullPool, connect_args={"timeout": PATIENCE})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _lock_file(self, path: Path) -> None:
        # The kernel lets go of it when we die, however we die; a file with a process id in it would outlive a kill.
        lock = path.with_name(f"{path.name}.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise LedgerError(f"another pool is using the ledger {path}") from None
        self._lock = lock

    def _claim(self, connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            return
        try:
            with connection.begin():
                # Not at once: a server needs a moment to notice that the pool before us was killed.
                connection.execute(text(f"SET LOCAL lock_timeout = {PREDECESSOR_MS}"))
                connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
        except OperationalError as error:
            if error.connection_invalidated:
                raise
            place = self._url.render_as_string(hide_password=True)
            raise LedgerError(f"another pool is using the ledger {place}") from error


def _postgresql_arguments(url: URL) -> dict[str, Any]:
    """Time-outs, so that a server that went silent is noticed; what the operator wrote into the URL wins."""
    wanted = {
        "connect_timeout": PATIENCE,
        "keepalives_idle": PATIENCE,
        "keepalives_interval": PATIENCE // 2,
        "tcp_user_timeout": PATIENCE * 1000,
    }
    return {name: value for name, value in wanted.items() if name not in url.query}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own idea of when a transaction begins breaks savepoints and DDL; we say BEGIN ourselves.
    connection.isolation_level = None
    run: Callable[[str], Any] = connection.execute
    run("PRAGMA journal_mode = WAL")
    run("PRAGMA synchronous = FULL")
    run("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
