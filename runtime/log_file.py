"""A log file that puts itself aside: when it is large enough or old enough it gets the time in its name, and a new one begins.

Of those put aside only the newest are kept, so that a log cannot fill the disk that the ledger needs.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

#: What a file put aside has after its name: when that was, UTC. In the order of the names they are in the order of time.
_STAMP = "%Y%m%dT%H%M%S.%fZ"


class RotatingFile:
    """Appends to ``path``. ``now``: the wall clock, aware; ``most_bytes``, ``most_seconds``: of one file; ``keep``: how many."""

    def __init__(self, path: Path, most_bytes: int, most_seconds: float, keep: int, now: Callable[[], datetime]) -> None:
        """:raises OSError: it cannot be opened."""
        self._path = path
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._keep = keep
        self._now = now
        path.parent.mkdir(parents=True, exist_ok=True)
        self._open()

    def _open(self) -> None:
        self._file = self._path.open("ab")
        self._size = self._file.tell()
        self._begun = self._now()

    def write(self, text: str) -> None:
        """Append, and have it at the kernel when this returns. What begins in one file ends in it.

        :raises OSError: the disk will not have it.
        """
        line = text.encode("utf-8", "replace")
        is_old = (self._now() - self._begun).total_seconds() >= self._most_seconds
        if self._size and (is_old or self._size + len(line) > self._most_bytes):
            self._put_aside()
        self._file.write(line)
        self._file.flush()
        self._size += len(line)

    def flush(self) -> None:
        """Nothing is held back. Safe to repeat."""

    def close(self) -> None:
        """End. Safe to repeat."""
        self._file.close()

    def _put_aside(self) -> None:
        self._file.close()
        self._path.rename(self._path.with_name(f"{self._path.name}.{self._now().strftime(_STAMP)}"))
        for old in sorted(self._path.parent.glob(f"{self._path.name}.*Z"))[: -self._keep or None]:
            old.unlink()
        self._open()
