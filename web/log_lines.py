"""The end of the log, kept in memory for the Log page."""

from collections import deque
from collections.abc import Iterable
from threading import Lock

from attrs import frozen

#: From the least important to the most.
LEVELS = ("debug", "info", "warn", "error", "critical")
#: Lines that are kept, and letters of each.
MOST_LINES, LONGEST_LINE = 5_000, 4_000


@frozen
class LogLine:
    """One event: ``timestamp`` in microseconds, ``text`` with its traceback below, if it has one."""

    timestamp: int
    level: str
    namespace: str
    text: str


class LogRing:
    """The newest lines; older ones are forgotten. Lines are added by any thread and hold no secrets when they come."""

    def __init__(self, most: int = MOST_LINES) -> None:
        self._lines: deque[LogLine] = deque(maxlen=most)
        self._lock = Lock()

    def add(self, line: LogLine) -> None:
        """Keep a line; what is longer than :data:`LONGEST_LINE` is cut."""
        text = line.text if len(line.text) <= LONGEST_LINE else f"{line.text[:LONGEST_LINE]}..."
        with self._lock:
            self._lines.append(LogLine(line.timestamp, line.level, line.namespace, text))

    def find(self, level: str, search: str, limit: int) -> list[LogLine]:
        """The ``limit`` newest lines of at least ``level`` that hold ``search`` in any case, newest first."""
        with self._lock:
            lines = list(self._lines)
        return list(_some(reversed(lines), LEVELS.index(level) if level in LEVELS else 0, search.casefold(), limit))


def _some(lines: Iterable[LogLine], least: int, search: str, limit: int) -> Iterable[LogLine]:
    left = limit
    for line in lines:
        if left <= 0:
            return
        if LEVELS.index(line.level) >= least and search in f"{line.namespace} {line.text}".casefold():
            left -= 1
            yield line
