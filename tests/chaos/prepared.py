"""``python -m tests.chaos.prepared CONFIG``: a pool process that has all its imports behind it and starts when it is told to.

A restart costs a second or two of imports; they are made while the process before it still runs. One line on standard input
starts it: the crash point, or nothing. From there on it is ``python ilp.py --config CONFIG``, but in a world that runs sixty
times as fast: what is done every so often is done oftener, and who is waited for is waited for less long.
"""

import os
import sys
from importlib import import_module

from clients.http_link import HttpLink
from execution import intake, looking_up, transfers
from runtime import options
from runtime.crash_points import VARIABLE
from trader import beats

intake.UNPROVEN = 15_000_000
transfers.GRACE = 2_000_000
beats.COMPARE, beats.READ = 3.0, 2.0
#: Its exchanges answer in milliseconds or 1.5 s late or never, and carry out an order at most 1.5 s after they gave up on it.
HttpLink.__init__.__defaults__ = (2.0,)
looking_up.LOOKS = (0.1, 0.15, 0.25, 0.5, 0.5, 0.5)


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
