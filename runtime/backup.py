"""``backup``: a copy of the ledger, of one moment, while the pool goes on; checked by reading it again."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from sqlite3 import Error as SqliteError
from tempfile import TemporaryDirectory

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from ledger.copying import Progress, copy_out
from ledger.examining import Contents, examine
from ledger.interface import LedgerError
from runtime.archive import Manifest, name_for, pack, sum_file, unpack
from runtime.config_cleaned import cleaned
from runtime.config_values import Config
from runtime.exits import Exit
from runtime.ledger_place import ledger_url, name_of
from runtime.printing import bar, print_json, say
from runtime.problems import CannotDo, Refused
from runtime.version import VERSION


def run(config: Config, to: Path, as_json: bool) -> int:
    """Back up to the file ``to``, or into the folder; the exit code says whether the books add up. Never writes over a file.

    :raises Refused: there is such a file.
    :raises CannotDo: it cannot be written, or does not come back as it was written.
    """
    now = datetime.now(UTC)
    file = to / name_for(name_of(config), now) if to.is_dir() else to
    for taken in (file, sum_file(file)):
        if taken.exists():
            raise Refused(f"{taken} is there already; name another file")
    try:
        # Beside its place, so that it appears there whole or not at all.
        with TemporaryDirectory(prefix=".ilp-backup-", dir=file.parent) as folder:
            contents, checksum = _make(config, file, Path(folder), now)
    except OSError as error:
        raise CannotDo(f"{file} cannot be written: {error.strerror or error}") from None
    _tell(file, contents, checksum, as_json)
    return Exit.FOUND if contents.problems else Exit.DONE


def _make(config: Config, file: Path, folder: Path, now: datetime) -> tuple[Contents, str]:
    ledger, made = folder / "ledger.sqlite", folder / "made"
    with bar("copying the ledger") as progress:
        _copy(ledger_url(config), ledger, progress)
    contents = examine(ledger)
    text = cleaned(config, config.path) if config.path else ""
    manifest = partial(_manifest, config, contents, now)
    checksum = pack(made, ledger, text, manifest)
    with bar("reading it again") as progress:
        again = folder / "again"
        again.mkdir()
        if examine(unpack(made, again, progress).ledger) != contents:
            raise CannotDo("what was written is not what is read again: is the disk sound? No backup was made")
    _put(made, file, checksum)
    return contents, checksum


def _put(made: Path, file: Path, checksum: str) -> None:
    """Both files at once. The checksum's is made by whoever is the first of several with one name: the others are refused."""
    sums = sum_file(file)
    try:
        content = sums.open("x", encoding="utf-8")
    except FileExistsError:
        raise Refused(f"{sums} is there already; name another file") from None
    try:
        with content:
            content.write(f"{checksum}  {file.name}\n")
        made.replace(file)
    except BaseException:
        sums.unlink(missing_ok=True)
        raise
    _flush(file.parent)


def _copy(url: str, to: Path, progress: Progress) -> None:
    try:
        copy_out(url, to, progress)
    except (SqliteError, SQLAlchemyError) as error:
        place, why = make_url(url).render_as_string(hide_password=True), getattr(error, "orig", None) or error
        raise LedgerError(f"the ledger {place} cannot be copied to {to.parent.parent}: {why}") from None


def _manifest(config: Config, contents: Contents, now: datetime, sums: Mapping[str, str]) -> Manifest:
    created = now.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Manifest(name_of(config), created, VERSION, contents.revision, contents.rows, sums)


def _flush(folder: Path) -> None:
    """The file's name is on the disk too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _tell(file: Path, contents: Contents, checksum: str, as_json: bool) -> None:
    size = file.stat().st_size
    if as_json:
        told = {"file": str(file), "bytes": size, "sha256": checksum, "revision": contents.revision}
        print_json({**told, "rows": dict(contents.rows), "problems": list(contents.problems)})
        return
    say(f"{file}: {size:,} bytes, {sum(contents.rows.values()):,} rows, revision {contents.revision}, read again and sound")
    say(f"sha256 {checksum}, in {sum_file(file).name} too")
    for problem in contents.problems:
        say(f"THE LEDGER ITSELF DOES NOT ADD UP: {problem}")
