"""A log file puts itself aside by size and by age, keeps some, and loses no line."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

from twisted.trial.unittest import SynchronousTestCase

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
