"""Temporary folders outside the repository: trial's own ``mktemp`` leaves its files in the working folder."""

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase


def new_folder(case: SynchronousTestCase) -> Path:
    """An empty folder, gone after the test."""
    folder = tempfile.TemporaryDirectory(prefix="ilp-test-")
    case.addCleanup(folder.cleanup)
    return Path(folder.name)
