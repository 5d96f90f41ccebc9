"""A log file that puts itself aside: when it is large enough or old enough it gets the time in its name, and a new one begins.

Of those put aside only the newest are kept, so that a log cannot fill the disk that the ledger needs.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from errno import ENOSPC
from glob import escape
from pathlib import Path

from twisted.logger import Logger

#: What a file put aside has after its name: when that was, UTC. In the order of the names they are in the order of time.
_STAMP = "%Y%m%dT%H%M%S.%fZ"


class RotatingFile:
    """Appends to ``path``. ``now``: the wall clock, aware; ``most_bytes``, ``most_seconds``: of one file; ``keep``: how many.

    While the disk will not have it, lines are lost; that is told once to the other logs, and how many they were when it is over.
    """

    log = Logger()

    def __init__(self, path: Path, most_bytes: int, most_seconds: float, keep: int, now: Callable[[], datetime]) -> None:
        """:raises OSError: it cannot be opened."""
        self._path = path
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._keep = keep
        self._now = now
        self._lost = 0
        self._trouble = ""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        # Not buffered: what could not be written would be tried again with all that comes after it.
        self._file = self._path.open("ab", buffering=0)
        self._size = self._file.tell()
        self._begun = self._now()

    def write(self, text: str) -> None:
        """Append, and have it at the kernel when this returns. What begins in one file ends in it. Never fails."""
        line = text.encode("utf-8", "replace")
        try:
            if self._is_full(len(line)):
                self._put_aside()
        except OSError as trouble:
            self._tell(f"{self._path} cannot be put aside: {trouble.strerror}")  # and goes on in the file that is open
        try:
            self._append(line)
        except OSError as trouble:
            self._lost += 1
            self._tell(f"{self._path} cannot be written: {trouble.strerror}")
        else:
            self._recovered()

    def flush(self) -> None:
        """Nothing is held back. Safe to repeat."""

    def close(self) -> None:
        """End. Safe to repeat."""
        self._file.close()

    def _is_full(self, more: int) -> bool:
        is_old = (self._now() - self._begun).total_seconds() >= self._most_seconds
        return bool(self._size) and (is_old or self._size + more > self._most_bytes)

    def _append(self, line: bytes) -> None:
        written = self._file.write(line)
        if written != len(line):
            # Half a line would spoil the next one too.
            os.truncate(self._file.fileno(), os.fstat(self._file.fileno()).st_size - written)
            raise OSError(ENOSPC, os.strerror(ENOSPC))
        self._size += written

    def _put_aside(self) -> None:
        with suppress(FileNotFoundError):  # somebody has taken it away
            self._path.rename(self._path.with_name(f"{self._path.name}.{self._now().strftime(_STAMP)}"))
        aside = self._file
        self._open()
        aside.close()
        for old in sorted(self._path.parent.glob(f"{escape(self._path.name)}.*Z"))[: -self._keep or None]:
            old.unlink(missing_ok=True)

    def _tell(self, sentence: str) -> None:
        is_known, self._trouble = sentence == self._trouble, sentence
        if not is_known:
            self.log.error("{sentence}", sentence=sentence)

    def _recovered(self) -> None:
        lost, self._lost = self._lost, 0
        if lost:
            self._trouble = ""
            self.log.warn("{path} is written again; {lost} lines are missing", path=str(self._path), lost=lost)
