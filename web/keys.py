"""Where a page of history begins: the key of the line before it, as one word of an address."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ledger.reading import FillLine, Key, PostingLine
from model.records import IntentRecord, TransitRecord
from web.errors import BadRequest

_BETWEEN = "~"
#: Lines of a page, and the most that a program may ask for at once.
PAGE, MOST = 100, 500


def key_of(line: Any) -> Key:
    """The key of a line, in the form that :class:`ledger.reading.IHistory` takes."""
    match line:
        case FillLine(fill=fill):
            return (fill.timestamp, fill.place, fill.id)
        case IntentRecord(intent=intent):
            return (intent.created, intent.id)
        case TransitRecord():
            return (line.created, line.id)
        case PostingLine():
            return (line.timestamp, line.entry_id)
    raise TypeError(f"{type(line).__name__} has no key")


def as_word(key: Key) -> str:
    """``key`` for an address."""
    return _BETWEEN.join(str(part) for part in key)


def read_key(word: str, length: int) -> Key:
    """The key that ``word`` stands for; the first page for an empty one.

    :raises BadRequest: it is none of ``length`` parts.
    """
    if not word:
        return ()
    parts = word.split(_BETWEEN, length - 1)
    if len(parts) != length or not parts[0].isascii() or not parts[0].isdecimal() or len(parts[0]) > 18:
        raise BadRequest(f"after must be a key that an earlier page gave, not {word[:80]!r}")
    return (int(parts[0]), *parts[1:])


def read_limit(query: Mapping[str, str]) -> int:
    """How many lines are asked for.

    :raises BadRequest: not a whole number from 1 to :data:`MOST`.
    """
    return whole(query, "limit", PAGE, MOST)


def whole(query: Mapping[str, str], name: str, default: int, most: int) -> int:
    """A whole number of the query from 1 to ``most``.

    :raises BadRequest: it is none.
    """
    text = query.get(name, "") or str(default)
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or not 1 <= int(text) <= most:
        raise BadRequest(f"{name} must be a whole number from 1 to {most}")
    return int(text)


def amount_of(text: str) -> Decimal | None:
    """A finite number that a person wrote, spaces and thousands' commas allowed; None if it is none."""
    try:
        value = Decimal(text.replace(",", "").replace(" ", ""))
    except ArithmeticError:
        return None
    return value if value.is_finite() else None
