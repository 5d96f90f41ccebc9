"""Where the pool remembers, made ready before the ledger is opened."""

import fcntl
from pathlib import Path

from sqlalchemy.engine import make_url

from runtime.config_values import Config
from runtime.problems import CannotStart


def prepare(config: Config) -> None:
    """Make the folder of the ledger's file. The sandbox's world begins anew at each start, and so do paper accounts
    without a file: then the ledger is emptied.

    Only a ledger that such a start has made is ever emptied: it has a file ``....sandbox`` beside it.

    :raises CannotStart: the place cannot be written, another pool uses the ledger, or it is not a sandbox's.
    """
    url = make_url(config.ledger_url)
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return
    path = Path(str(url.database))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if config.begins_anew:
            _empty(path)
    except OSError as error:
        raise CannotStart(f"the ledger {path}: {error.strerror}") from None


def _empty(path: Path) -> None:
    mark = _beside(path, ".sandbox")
    # The ledger's own lock: what another pool has open must not be taken from under it.
    with _beside(path, ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CannotStart(f"another pool is using the ledger {path}") from None
        if path.exists() and not mark.exists():
            raise CannotStart(
                f"the ledger {path} is not a sandbox's or a paper account's, which would empty it; name another in [ledger] url"
            )
        mark.touch()
        for suffix in ("", "-wal", "-shm"):
            _beside(path, suffix).unlink(missing_ok=True)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
