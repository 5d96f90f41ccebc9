"""The file that ``backup`` writes and ``restore`` reads.

A gzipped tar of ``manifest.json`` (what it is, with the SHA-256 of the others), ``ledger.sqlite`` (a whole ledger, whatever
kind of database it came from) and ``config.ini`` (without secrets). Beside it stands ``<file>.sha256``, which ``sha256sum -c``
reads. A bare SQLite ledger, as an upgrade leaves it behind, is read too; it has no checksum but its own structure.
"""

import errno
import gzip
import hashlib
import io
import json
import os
import sqlite3
import tarfile
import zlib
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from attrs import frozen
from sqlalchemy.engine import URL

from ledger.copying import copy_out
from runtime.problems import CannotDo

FORMAT: Final = 1
_MANIFEST, _LEDGER, _CONFIG = "manifest.json", "ledger.sqlite", "config.ini"
_SQLITE: Final = b"SQLite format 3\0"
#: Bytes that are read at a time.
_PIECE: Final = 1 << 20
#: Of gzip: a ledger shrinks to a sixth with it, and little more with a slower one.
_LEVEL: Final = 3

Progress = Callable[[int, int], object]


@frozen
class Manifest:
    """What a backup is: of which pool, when, by which program, of which revision, and how many rows are in it by table."""

    pool: str
    created: str
    version: str
    revision: str
    rows: Mapping[str, int]
    sha256: Mapping[str, str]
    format: int = FORMAT


@frozen
class Unpacked:
    """A ledger out of a backup; ``manifest`` is None where it was a bare one."""

    ledger: Path
    manifest: Manifest | None


def name_for(pool: str, at: datetime) -> str:
    """What the backup of a pool is called."""
    return f"ilp-{pool}-{at:%Y%m%dT%H%M%SZ}.backup.tar.gz"


def pack(to: Path, ledger: Path, config: str, manifest: Callable[[Mapping[str, str]], Manifest]) -> str:
    """Write the backup ``to`` and flush it to the disk; its SHA-256. ``manifest`` is given those of its parts.

    :raises OSError: it cannot be written.
    """
    text = config.encode()
    sums = {_LEDGER: sha256_of(ledger), _CONFIG: hashlib.sha256(text).hexdigest()}
    described = json.dumps(_as_json(manifest(sums)), indent=2).encode()
    to.touch(0o600)
    with to.open("wb") as raw:
        # Without a name and time of its own, so that the same content is the same file.
        with gzip.GzipFile("", "wb", _LEVEL, raw, 0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
            _add(tar, _MANIFEST, io.BytesIO(described), len(described))
            _add(tar, _CONFIG, io.BytesIO(text), len(text))
            with ledger.open("rb") as content:
                _add(tar, _LEDGER, content, ledger.stat().st_size)
        raw.flush()
        os.fsync(raw.fileno())
    return sha256_of(to)


def unpack(file: Path, folder: Path, progress: Progress) -> Unpacked:
    """Put the ledger of ``file`` into ``folder``, every checksum compared.

    :raises CannotDo: it is none, of a newer format, or damaged.
    """
    try:
        with file.open("rb") as content:
            is_bare = content.read(len(_SQLITE)) == _SQLITE
        _check_beside(file)
        to = folder / _LEDGER
        if is_bare:
            # By SQLite itself: what a pool wrote last may stand in a log beside the file.
            copy_out(URL.create("sqlite", database=str(file)), to, progress)
            to.chmod(0o600)
            return Unpacked(to, None)
        return Unpacked(to, _unpack(file, to, progress))
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, sqlite3.Error, KeyError, ValueError, TypeError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise _no_room(folder, file, error) from None
        raise CannotDo(f"{file} is damaged, or no backup: {str(error) or type(error).__name__}") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_room(folder, file, error) from None
        raise CannotDo(f"{file} cannot be read: {error.strerror or error}") from None


def _no_room(folder: Path, file: Path, error: Exception) -> CannotDo:
    return CannotDo(f"there is no room in {folder.parent} for what is in {file}: {error}")


def sha256_of(file: Path) -> str:
    """The checksum of a file, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def sum_file(file: Path) -> Path:
    """Where the checksum of a backup stands."""
    return file.with_name(f"{file.name}.sha256")


def _unpack(file: Path, to: Path, progress: Progress) -> Manifest:
    with gzip.open(file) as content:
        # To its end, where gzip's own checksum is: tar stops reading before it.
        while content.read(_PIECE):
            pass
    with tarfile.open(file, "r:gz") as tar:
        manifest = _manifest(_member(tar, _MANIFEST).read())
        config = hashlib.sha256(_member(tar, _CONFIG).read()).hexdigest()
        _write(_member(tar, _LEDGER), to, tar.getmember(_LEDGER).size, progress)
    for name, found in ((_CONFIG, config), (_LEDGER, sha256_of(to))):
        if found != manifest.sha256[name]:
            raise ValueError(f"the checksum of {name} is not the one in the manifest")
    return manifest


def _manifest(text: bytes) -> Manifest:
    found: dict[str, Any] = json.loads(text)
    if found.get("format") != FORMAT:
        raise ValueError(f"it is of format {found.get('format')}, and this program reads format {FORMAT}")
    return Manifest(**found)


def _check_beside(file: Path) -> None:
    beside = sum_file(file)
    if beside.exists() and beside.read_text(encoding="utf-8").split()[:1] != [sha256_of(file)]:
        raise ValueError(f"its checksum is not the one in {beside.name}")


def _as_json(manifest: Manifest) -> dict[str, Any]:
    names = ("format", "pool", "created", "version", "revision", "rows", "sha256")
    return {name: getattr(manifest, name) for name in names}


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    head = tarfile.TarInfo(name)
    head.size, head.mode = size, 0o600
    tar.addfile(head, content)


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    found = tar.extractfile(name)
    if found is None:
        raise ValueError(f"{name} in it is no file")
    return found


def _write(content: IO[bytes], to: Path, whole: int, progress: Progress) -> None:
    with content, to.open("wb") as written:
        to.chmod(0o600)
        done = 0
        while piece := content.read(_PIECE):
            written.write(piece)
            done += len(piece)
            progress(done, whole)
