"""The signals that ask the process to end. Whatever it is doing, the end is the same: clean, and exit code 0."""

import signal
import sys
from collections.abc import Callable
from typing import Any

from runtime.exits import Exit

#: Ctrl-C, ``kill``, and the terminal that is closed: an ssh connection that drops must not leave quotes behind.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def end_at_once() -> None:
    """Before the reactor runs nothing has begun, so there is nothing to put back: the process just ends."""
    _obey(lambda: sys.exit(0))


def give_up() -> None:
    """While a command works (``ilp backup && ...``): it is given up as after any other failure, and does not look like done."""

    def ended() -> None:
        sys.stderr.write("ilp: it was told to stop before it was done\n")
        sys.exit(Exit.CANNOT)

    _obey(ended)


def end_by(stop: Callable[[], object]) -> None:
    """While it runs each of them calls ``stop``; who is impatient may send several."""
    _obey(stop)


def ignore() -> None:
    """After it has run: nothing is left to end, and the exit code is to be the clean stop's."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)


def _obey(act: Callable[[], object]) -> None:
    def heard(_number: int, _frame: Any) -> None:
        act()

    for number in ENDING:
        # What was ignored before us (nohup, a shell's background job) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, heard)
