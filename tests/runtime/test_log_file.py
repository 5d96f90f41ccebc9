"""A log file puts itself aside by size and by age, keeps some, and loses no line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from unittest import mock

from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from runtime.log_file import RotatingFile


class RotatingTests(SynchronousTestCase):
    """Time is the test's."""

    def setUp(self) -> None:
        self.path = Path(mkdtemp()) / "var" / "pool.json"
        self.time = datetime(2026, 11, 21, tzinfo=UTC)

    def opened(self, most_bytes: int = 10, keep: int = 100) -> RotatingFile:
        """A file of at most ``most_bytes`` and an hour."""
        file = RotatingFile(self.path, most_bytes, 3600, keep, lambda: self.time)
        self.addCleanup(file.close)
        return file

    def write(self, file: RotatingFile, *lines: str) -> None:
        """A line a second."""
        for line in lines:
            self.time += timedelta(seconds=1)
            file.write(line)

    def texts(self) -> list[str]:
        """Of all files, the oldest first, the current one last."""
        aside = sorted(self.path.parent.glob("pool.json.*"))
        return [path.read_text() for path in (*aside, self.path)]

    def test_by_size(self) -> None:
        """What would be too large begins a new file; no line is cut, and none is lost."""
        self.write(self.opened(), "1234\n", "1234\n", "5\n", "a line of more than all\n", "6\n")
        self.assertEqual(self.texts(), ["1234\n1234\n", "5\n", "a line of more than all\n", "6\n"])

    def test_by_age(self) -> None:
        """After an hour, whatever its size."""
        file = self.opened(1000)
        self.write(file, "old\n")
        self.time += timedelta(hours=1)
        self.write(file, "new\n")
        self.assertEqual(self.texts(), ["old\n", "new\n"])

    def test_some_are_kept(self) -> None:
        """The newest; or none at all."""
        self.write(self.opened(keep=2), *(f"line {number}...\n" for number in range(6)))
        self.assertEqual(self.texts(), [f"line {number}...\n" for number in (3, 4, 5)])
        self.write(self.opened(keep=0), *(f"line {number}...\n" for number in range(6, 9)))
        self.assertEqual(self.texts(), ["line 8...\n"])

    def test_goes_on(self) -> None:
        """A new process appends to what the last one wrote."""
        self.write(self.opened(), "1\n")
        self.write(self.opened(), "2\n")
        self.assertEqual(self.texts(), ["1\n2\n"])

    def test_full_disk(self) -> None:
        """A full disk costs lines, never an error or half a line; it is told once, and once more when it is over."""
        file = self.opened(1000)
        told: list[str] = []

        @implementer(ILogObserver)
        def observer(event: LogEvent) -> None:
            told.append(formatEvent(event))

        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.write(file, "1\n")
        with mock.patch.object(file, "_file", Full(file._file)):
            self.write(file, "22\n", "333\n")
        self.write(file, "4\n", "5\n")
        self.assertEqual(self.texts(), ["1\n4\n5\n"])
        self.assertEqual(
            told,
            [f"{self.path} cannot be written: No space left on device", f"{self.path} is written again; 2 lines are missing"],
        )

    def test_cannot_be_put_aside(self) -> None:
        """It goes on in the file that it has, and puts it aside when it can again."""
        file = self.opened()
        self.write(file, "1234567\n")
        with mock.patch.object(Path, "rename", side_effect=PermissionError(1, "Operation not permitted")):
            self.write(file, "1234\n", "5\n")
        self.assertEqual(self.texts(), ["1234567\n1234\n5\n"])
        self.write(file, "6\n")
        self.assertEqual(self.texts(), ["1234567\n1234\n5\n", "6\n"])

    def test_taken_away(self) -> None:
        """Where somebody has deleted the file a new one begins when it is time to."""
        file = self.opened()
        self.write(file, "1234567\n")
        self.path.unlink()
        self.write(file, "1234\n")
        self.assertEqual(self.texts(), ["1234\n"])

    def test_odd_name(self) -> None:
        """A name that would be a pattern is none."""
        self.path = self.path.with_name("pool[1].json")
        self.write(self.opened(keep=1), *(f"line {number}...\n" for number in range(4)))
        self.assertEqual(len(list(self.path.parent.iterdir())), 2)


class Full:
    """A file on a disk that has room for one byte."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def write(self, line: bytes) -> int:
        return int(self.file.write(line[:1]))

    def fileno(self) -> int:
        return int(self.file.fileno())
