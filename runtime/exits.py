"""The exit codes of every command. They are promised: scripts and service managers rely on them, so none changes its meaning."""

from enum import IntEnum


class Exit(IntEnum):
    """``meaning`` says when."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> "Exit":
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "done; the pool: a clean stop; status: READY or TRADING"
    FOUND = 1, "done, and what was looked at is not as it should be: check, a backup, a replay"
    BAD_CONFIG = 2, "bad config, command line or file; nothing was done"
    CANNOT = 3, "cannot start, or cannot be done; status: no pool is running"
    NOT_READY = 4, "status: a pool is running, and is neither READY nor TRADING, or does not answer"
    REFUSED = 5, "refused, as something would be lost: a ledger in use, or one that is there already"


def table() -> str:
    """All of them, a line each."""
    return "\n".join(f"  {code.value}  {code.meaning}" for code in Exit)
