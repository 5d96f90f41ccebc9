"""Who may use a ledger: one pool at a time, by a lock that ends with its holder, however that dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import OperationalError

from ledger.interface import LedgerInUse

#: Names this program among the users of a PostgreSQL's advisory locks (any number, but always the same): "ILP ledg".
ADVISORY_LOCK = 0x494C50206C656467

#: Seconds to wait for whoever reads a SQLite file (a back-up, a person) and for a PostgreSQL that does not answer.
PATIENCE = 10

#: Milliseconds that a PostgreSQL may take to notice that its last user is dead.
PREDECESSOR_MS = 2_000


def file_of(url: URL) -> Path | None:
    """The file of a SQLite ledger; None for one in memory, or of a server."""
    is_file = url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")
    return Path(str(url.database)) if is_file else None


def claim_file(path: Path) -> IO[str]:
    """The lock of the ledger ``path``, held until it is closed.

    :raises LedgerInUse: another has it.
    """
    # The kernel lets go of it when we die, however we die; a file with a process id in it would outlive a kill.
    lock = path.with_name(f"{path.name}.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise LedgerInUse(f"another pool is using the ledger {path}") from None
    return lock


def claim_database(connection: Connection, url: URL) -> None:
    """Lock the PostgreSQL ledger for as long as ``connection`` lives.

    :raises LedgerInUse: another has it.
    """
    try:
        with connection.begin():
            # Not at once: a server needs a moment to notice that the pool before us was killed.
            connection.execute(text(f"SET LOCAL lock_timeout = {PREDECESSOR_MS}"))
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
    except OperationalError as error:
        if error.connection_invalidated:
            raise
        place = url.render_as_string(hide_password=True)
        raise LedgerInUse(f"another pool is using the ledger {place}") from error


@contextmanager
def claimed(url: str) -> Iterator[None]:
    """No pool can use the ledger ``url`` meanwhile.

    :raises LedgerInUse: one does.
    """
    place = make_url(url)
    path = file_of(place)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with claim_file(path):
            yield
    elif place.get_backend_name() == "postgresql":
        with create_engine(place, poolclass=NullPool, connect_args=server_arguments(place)).connect() as connection:
            claim_database(connection, place)
            yield
    else:
        yield


def is_in_use(url: str) -> bool:
    """Whether a pool uses the ledger now. Changes nothing."""
    path = file_of(make_url(url))
    if path is not None and not path.with_name(f"{path.name}.lock").exists():
        return False
    try:
        with claimed(url):
            return False
    except LedgerInUse:
        return True


def server_arguments(url: URL) -> dict[str, Any]:
    """Time-outs, so that a server that went silent is noticed; what the operator wrote into the URL wins."""
    wanted = {
        "connect_timeout": PATIENCE,
        "keepalives_idle": PATIENCE,
        "keepalives_interval": PATIENCE // 2,
        "tcp_user_timeout": PATIENCE * 1000,
    }
    return {name: value for name, value in wanted.items() if name not in url.query}
