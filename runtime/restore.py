"""``restore``: a backup in the place of the ledger. The pool then learns from the venues what has happened since."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time

from attrs import frozen
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from ledger.claim import claimed, file_of
from ledger.copying import copy_in, copy_out, free_name, has_ledger, server
from ledger.examining import Contents, examine, leave_task, upgrade_copy
from ledger.interface import LedgerError, LedgerInUse
from model.records import Task
from runtime.archive import Unpacked, unpack
from runtime.config_values import Config
from runtime.exits import Exit
from runtime.ledger_place import beside_ledger, ledger_url
from runtime.printing import bar, print_json, say
from runtime.problems import CannotDo, Refused

#: What a SQLite ledger consists of.
_SUFFIXES = ("", "-wal", "-shm")


@frozen
class Restored:
    """What was done: ``contents`` are in the ledger now; ``kept`` is where the one before it is, if there was one."""

    backup: Unpacked
    contents: Contents
    kept: Path | None


def run(config: Config, file: Path, force: bool, as_json: bool) -> int:
    """Restore ``file``; the exit code. ``force``: also where a ledger is, which is kept, or where the books do not add up.

    :raises Refused: a pool runs on the ledger, or there is one and no ``force``.
    :raises CannotDo: the backup is damaged, or the ledger's place cannot be written.
    """
    url = ledger_url(config)
    try:
        with claimed(url):
            restored = _restore(config, make_url(url), file, force)
    except LedgerInUse as error:
        raise Refused(f"{error}; stop it first") from None
    except OSError as error:
        raise CannotDo(f"the ledger {error.filename or _shown(url)} cannot be written: {error.strerror or error}") from None
    except SQLAlchemyError as error:
        raise CannotDo(f"the ledger {_shown(url)} cannot be written: {getattr(error, 'orig', None) or error}") from None
    _tell(config, file, restored, as_json)
    return Exit.DONE


def _shown(url: str | URL) -> str:
    return make_url(url).render_as_string(hide_password=True)


def _restore(config: Config, place: URL, file: Path, force: bool) -> Restored:
    if _is_there(place) and not force:
        raise Refused(f"there is a ledger already in {_shown(place)}; --force keeps it beside")
    to = beside_ledger(config, "")
    to.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".ilp-restore-", dir=to.parent) as folder:
        with bar("reading the backup") as progress:
            backup = unpack(file, Path(folder), progress)
        try:
            examine(backup.ledger)
            upgrade_copy(backup.ledger)
            contents = examine(backup.ledger)
        except LedgerError as error:
            raise CannotDo(f"{file} cannot be restored: {error}") from None
        if contents.problems and not force:
            raise Refused(f"the books in it do not add up ({'; '.join(contents.problems)}); --force restores it all the same")
        leave_task(backup.ledger, _task(file, backup))
        kept = free_name(beside_ledger(config, ".replaced")) if _is_there(place) else None
        _put(place, backup.ledger, kept)
    return Restored(backup, contents, kept)


def _task(file: Path, backup: Unpacked) -> Task:
    """Where a venue carries no tag of ours, an order of after the backup is nobody's: only a person can tell."""
    made = backup.manifest.created if backup.manifest else f"the time of {file.name}"
    now = int(time() * 1_000_000)
    title = f"the ledger was restored as of {made}: is an order of the pool's still out that was placed after that?"
    what = (
        "The pool cancels those with its tag itself. Where a venue carries no tag (Sputnik does not), cancel by hand what is "
        "open there and is the pool's; what trades until then is booked."
    )
    return Task(f"restored-{now}", "look", title, {"what to do": what, "backup": str(file)}, now)


def _is_there(place: URL) -> bool:
    path = file_of(place)
    if path is not None:
        return path.exists()
    with server(place).connect() as connection:
        return has_ledger(connection)


def _put(place: URL, ledger: Path, kept: Path | None) -> None:
    path = file_of(place)
    if path is None:
        _put_into_server(place, ledger, kept)
        return
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(path)) as connection:
        # What is damaged cannot be folded, and is kept as it is.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in _SUFFIXES:
        part = path.with_name(f"{path.name}{suffix}")
        if kept is not None and part.exists():
            os.link(part, kept.with_name(f"{kept.name}{suffix}"))
        if suffix:
            # Before the file itself: SQLite would put an old write-ahead log into the new file.
            part.unlink(missing_ok=True)
    with ledger.open("rb") as content:
        os.fsync(content.fileno())
    ledger.replace(path)


def _put_into_server(place: URL, ledger: Path, kept: Path | None) -> None:
    if kept is not None:
        with bar("keeping the ledger that is there") as progress:
            copy_out(place, kept, progress)
    with bar("writing the ledger") as progress, server(place).connect() as connection, connection.begin():
        copy_in(ledger, connection, progress)


def _tell(config: Config, file: Path, restored: Restored, as_json: bool) -> None:
    manifest, contents = restored.backup.manifest, restored.contents
    if as_json:
        told = {"file": str(file), "created": manifest.created if manifest else None, "revision": contents.revision}
        kept = None if restored.kept is None else str(restored.kept)
        print_json({**told, "rows": dict(contents.rows), "problems": list(contents.problems), "kept": kept})
        return
    made = f"made {manifest.created} by version {manifest.version}" if manifest else "a bare ledger, without a checksum"
    say(f"restored {file}: {made}; {sum(contents.rows.values()):,} rows, revision {contents.revision}")
    if restored.kept is not None:
        say(f"the ledger that was there is kept in {restored.kept}")
    if config.begins_anew:
        say("NOTE: this config's ledger begins anew at each start of the pool (sandbox, or paper without a file)")
    say("a task asks you to look for orders that the pool placed after the backup, at venues that carry no tag of it")
    say("start the pool: it asks the venues what has happened since, and books it before it is READY")
