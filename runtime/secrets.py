"""Secrets: where they come from, who else could read them, and a type that does not show them.

A value of a connection, of [users] or of [ledger] may name an environment variable (``${KRAKEN_SECRET}``) or, as a whole, a
file (``file:/run/secrets/kraken``). Paths are relative to the folder the pool is started in.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from attrs import frozen

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FILE = "file:"
_HIDDEN: Final = "<secret>"
_SECRET_WORDS = ("secret", "password", "passphrase", "token", "private")


class Secret:
    """A text that no repr, log, page or traceback shows; only :meth:`reveal` gives it."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself. Keep it out of values that others may print."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return _HIDDEN


@frozen
class Resolved:
    """A value after its variables and file have been put in. ``is_literal``: it stands in the config itself."""

    text: str
    is_literal: bool


def resolve(text: str, environment: Mapping[str, str]) -> Resolved:
    """Put in the environment's values, or the file's content (less the line's end).

    :raises ValueError: for a variable that is not set, and a file that is missing or that others can read. The text names
        the variable or the file, never a value.
    """
    if text.startswith(_FILE):
        return Resolved(_content(Path(text.removeprefix(_FILE))), is_literal=False)
    names = _VARIABLE.findall(text)
    if missing := [name for name in names if name not in environment]:
        raise ValueError(f"the environment variable {', '.join(missing)} is not set")
    return Resolved(_VARIABLE.sub(lambda match: environment[match[1]], text), is_literal=not names)


def names_a_secret(key: str) -> bool:
    """Whether a key of that name is likely to hold a secret."""
    return any(word in key.lower() for word in _SECRET_WORDS)


def password_in(url: str) -> str:
    """The password that a database's URL holds, as it is and not as the URL spells it; empty if there is none."""
    login, at, _ = url.partition("//")[2].rpartition("@")
    return unquote(login.partition(":")[2]) if at else ""


def exposure(path: Path) -> str | None:
    """What to type so that only its owner can read ``path``; None if that is so already."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"chmod 600 {path}" if os.name == "posix" and mode & 0o077 else None


def _content(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
        remedy = exposure(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the secret's file {path} cannot be read ({type(error).__name__})") from None
    if remedy:
        raise ValueError(f"the secret's file {path} can be read by others; type: {remedy}")
    return text.rstrip("\r\n")
