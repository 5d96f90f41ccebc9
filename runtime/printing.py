"""Answers of commands: JSON for programs, and bars for people who wait."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import Progress

from runtime.problems import CannotDo


def print_json(value: Any) -> None:
    """One JSON value on standard output.

    :raises CannotDo: it cannot be written.
    """
    say(json.dumps(value, indent=2, ensure_ascii=False))


def say(line: str) -> None:
    """One line for the person at the terminal. Whoever reads no further has read enough: that is no error.

    :raises CannotDo: it cannot be written.
    """
    with to_standard_output():
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


@contextmanager
def to_standard_output() -> Iterator[None]:
    """Around what is written there; the errors are those of :func:`say`."""
    if sys.stdout is None:  # the shell's >&-
        raise CannotDo("standard output is closed")
    try:
        yield
    except OSError as error:
        # What is left in it could not be written either, and Python would complain about that once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise CannotDo(f"standard output cannot be written: {error.strerror}") from None


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Shows how far long work is, on a terminal only, and on standard error: call the result with what is done, of how much."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, whole: progress.update(task, completed=done, total=whole)


def as_time(microseconds: int) -> str:
    """A time of the ledger as ISO 8601 UTC, to the second."""
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).isoformat().replace("+00:00", "Z")
