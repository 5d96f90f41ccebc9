"""What a person who is not looking is told of: the kinds of notices, and what sends them."""

from collections.abc import Mapping
from typing import Final, Literal, Protocol

#: How much it matters, the least first. What is critical is told at once, at any hour.
Severity = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")


class Notify(Protocol):
    """Tells people. It never waits and never fails."""

    def __call__(self, kind: str, sentence: str, severity: Severity | None = None, /) -> None:
        """``kind`` is one of :data:`KINDS`; ``severity`` None: what such a kind has by the config."""


#: Every kind there is, and when it is sent.
KINDS: Final[Mapping[str, str]] = {
    "halted": "the pool has stopped and waits for a person; a tripped guard is told so too, with its numbers",
    "hedge": "a hedge could not be done inside max_slippage; quotes are pulled until its task is closed",
    "overdue": "a transfer has not arrived when it should have",
    "task": "there is other work for a person: a withdrawal to make, approve or look for, an address to confirm",
    "limit": "a transfer that the decision wanted is over a limit and was not made",
    "venue": "an exchange or the rate has been gone for longer than it may be, or is back",
    "ledger": "the ledger cannot remember, or can again",
    "watchdog": "the watchdog has lost the pool's heartbeat, and what it did about it",
}


def nobody(_kind: str, _sentence: str, _severity: Severity | None = None, /) -> None:
    """Tells nobody: for a pool that has no notices configured."""
