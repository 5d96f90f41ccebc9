"""Answers that nobody can read, or that nobody reads to the end."""

import subprocess
import sys
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from runtime.exits import Exit

ROOT = Path(__file__).parents[2]


class StandardOutputTests(SynchronousTestCase):
    """Real ones: full, closed, and left by their reader."""

    def ended(self, redirected: str) -> tuple[int, str]:
        """How ``examples``, so redirected by a shell, ends, and what it complains of."""
        command = f"set -o pipefail; {sys.executable} ilp.py examples {redirected}"
        done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    def test_full(self) -> None:
        """One sentence and a code; and nothing more from Python when it ends."""
        if not Path("/dev/full").exists():
            self.skipTest("no /dev/full here")
        sentence = "ilp: standard output cannot be written: No space left on device\n"
        self.assertEqual(self.ended("> /dev/full"), (Exit.CANNOT, sentence))

    def test_closed(self) -> None:
        """The same."""
        self.assertEqual(self.ended(">&-"), (Exit.CANNOT, "ilp: standard output is closed\n"))

    def test_read_enough(self) -> None:
        """Whoever stops reading has read enough: no complaint, and it is done."""
        self.assertEqual(self.ended("| true"), (Exit.DONE, ""))
