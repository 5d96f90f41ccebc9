"""What a person who is not looking is told of: the kinds of notices, and what sends them."""

from collections.abc import Callable, Mapping
from typing import Final

#: Tell people: ``notify(kind, sentence)`` with a kind of :data:`KINDS`. It never waits and never fails.
Notify = Callable[[str, str], None]

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


def nobody(_kind: str, _sentence: str) -> None:
    """Tells nobody: for a pool that has no notices configured."""
