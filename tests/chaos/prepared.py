"""``python -m tests.chaos.prepared CONFIG``: a pool process that has all its imports behind it and starts when it is told to.

A restart costs two seconds of imports; they are made while the process before it still runs. One line on standard input
starts it: the crash point, or nothing. From there on it is ``python ilp.py --config CONFIG``.
"""

import os
import sys
from importlib import import_module

from execution import intake
from runtime import options
from runtime.crash_points import VARIABLE

#: The campaign's person is asked about an unproven withdrawal sooner: its world runs faster. In microseconds.
intake.UNPROVEN = 15_000_000


def main(config: str) -> int:
    """Wait for the line, then run; the exit code."""
    import_module("runtime.service")  # with all that it needs; options.main would import it only now
    line = sys.stdin.readline()
    if not line:
        return 0  # nobody needs it any more
    if line.strip():
        os.environ[VARIABLE] = line.strip()
    return options.main(["--config", config])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
