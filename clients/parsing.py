"""Pieces of a venue's JSON, checked: what is not exactly what it should be is an error, never a number.

Each function raises ValueError for what breaks its form; :func:`reading` makes InvalidData of that.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal

from clients.errors import InvalidData
from model.money import decimal_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Before and after the point; the largest number of any venue has fewer.
MOST_DIGITS = 30


@contextmanager
def reading(venue: str, call: str) -> Iterator[None]:
    """What breaks the format of ``call``'s answer comes out as InvalidData, with the reason."""
    try:
        yield
    except KeyError as missing:
        raise InvalidData(venue, call, f"{missing.args[0]!r} is missing") from missing
    except (ValueError, TypeError, AttributeError, IndexError) as wrong:
        raise InvalidData(venue, call, str(wrong)) from wrong


def exact(value: object, what: str) -> Decimal:
    """An exact number of a size that money can have.

    ``1e999999`` is a number too, and as an integer it would fill the memory.
    """
    found = decimal_of(value, what)
    if found and abs(found.adjusted()) > MOST_DIGITS:
        raise ValueError(f"{what}: {value!r:.40} is no amount")
    return found


def number(value: object, what: str) -> Decimal:
    """An exact number that is not negative."""
    found = exact(value, what)
    if found < 0:
        raise ValueError(f"{what}: {found} is negative")
    return found


def positive(value: object, what: str) -> Decimal:
    """An exact number above zero."""
    found = exact(value, what)
    if found <= 0:
        raise ValueError(f"{what}: {found} is not positive")
    return found


def text(value: object, what: str) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what}: expected text, got {value!r}")
    return value


def optional_text(value: object, what: str) -> str | None:
    """Text, or None where the venue has nothing to say."""
    return None if value is None or value == "" else text(value, what)
