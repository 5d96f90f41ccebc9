"""Pieces of a venue's JSON, checked: what is not exactly what it should be is an error, never a number.

Each function raises ValueError for what breaks its form; :func:`reading` makes InvalidData of that.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

from attrs import frozen

from clients.errors import InvalidData, OutcomeUnknown
from model.money import decimal_of
from model.shapes import SideName

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Before and after the point; the largest number of any venue has fewer.
MOST_DIGITS = 30
_LEAST, _MOST = Decimal(1).scaleb(-MOST_DIGITS), Decimal(1).scaleb(MOST_DIGITS)
_WRITTEN = (str, Decimal)


@frozen
class Reading:
    """What breaks the format of ``call``'s answer comes out as InvalidData, with the reason.

    A context that holds nothing, so that one may serve all messages of a stream.
    """

    venue: str
    call: str

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, wrong: BaseException | None, _trace: object) -> None:
        if wrong is None:
            return
        if isinstance(wrong, KeyError):
            raise InvalidData(self.venue, self.call, f"{wrong.args[0]!r} is missing") from wrong
        if isinstance(wrong, ValueError | TypeError | AttributeError | IndexError):
            raise InvalidData(self.venue, self.call, str(wrong)) from wrong


def reading(venue: str, call: str) -> Reading:
    """See :class:`Reading`."""
    return Reading(venue, call)


@contextmanager
def proving(venue: str, call: str, answer: object) -> Iterator[None]:
    """What breaks the format of a write's ``answer`` comes out as OutcomeUnknown.

    It says neither no nor what was done: the order may be in the book, the money on its way.
    """
    try:
        yield
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as wrong:
        raise OutcomeUnknown(venue, call, f"no reference in {answer!r:.200}") from wrong


def exact(value: object, what: str) -> Decimal:
    """An exact number of a size that money can have.

    ``1e999999`` is a number too, and as an integer it would fill the memory.
    """
    found = decimal_of(value, what)
    if not -MOST_DIGITS <= found.adjusted() <= MOST_DIGITS and found:
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


def level(price: object, quantity: object) -> tuple[Decimal, Decimal]:
    """Price and quantity (0: the level is gone) of a row of a book.

    The same as :func:`positive` and :func:`number`, in half the time for what is right: thousands come each second.
    """
    if isinstance(price, _WRITTEN) and isinstance(quantity, _WRITTEN):
        try:
            at, left = Decimal(price), Decimal(quantity)
            if _LEAST <= at <= _MOST and (_LEAST <= left <= _MOST or not left):
                return at, left
        except InvalidOperation:
            pass  # no number, or none that can be compared: said below
    return positive(price, "price"), number(quantity, "quantity")


def text(value: object, what: str) -> str:
    """Text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what}: expected text, got {value!r}")
    return value


def optional_text(value: object, what: str) -> str | None:
    """Text, or None where the venue has nothing to say."""
    return None if value is None or value == "" else text(value, what)


def whole(value: object, what: str) -> int:
    """A whole number that is not negative, written as one or as text of digits."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{what}: expected a whole number, got {value!r:.60}")
    if isinstance(value, str) and not (value.isascii() and value.isdecimal() and len(value) <= MOST_DIGITS):
        raise ValueError(f"{what}: expected a whole number, got {value!r:.60}")
    if not 0 <= (found := int(value)) < 10**MOST_DIGITS:
        raise ValueError(f"{what}: {found} is no count")
    return found


def truth(value: object, what: str) -> bool:
    """True or false and nothing else."""
    if not isinstance(value, bool):
        raise ValueError(f"{what}: {value!r:.60} is neither true nor false")
    return value


def side_of(value: object, names: Mapping[str, SideName]) -> SideName:
    """BUY or SELL; ``names``: how the venue spells them."""
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"side: {value!r:.60} is neither {' nor '.join(names)}")
    return names[value]


def quantity_left(id: str, quantity: Decimal, done: Decimal) -> Decimal:
    """What of order ``id`` has not traded yet; more than was ordered cannot have."""
    if done > quantity:
        raise ValueError(f"order {id}: {done} of {quantity} is executed")
    return quantity - done


def microseconds_of_text(value: object) -> int:
    """ISO 8601 with a zone as microseconds."""
    moment = datetime.fromisoformat(text(value, "timestamp"))
    if moment.tzinfo is None:
        raise ValueError(f"timestamp: {value!r} has no zone")
    return (moment - EPOCH) // timedelta(microseconds=1)
