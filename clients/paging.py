"""Histories that come in pages, and the times that they are asked for by."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from clients.errors import InvalidData
from clients.parsing import EPOCH

#: More pages than this of one history are a venue that never ends, not a history.
MOST_PAGES = 2_000

#: Where times are whole milliseconds: what is dated by the one in which a window begins is not before it.
MILLISECOND = timedelta(milliseconds=1)

Where = TypeVar("Where")


async def all_pages(venue: str, call: str, page: Callable[[Where], Awaitable[Where | None]], first: Where) -> None:
    """Ask page after page: ``page(where)`` keeps what it is told and says where the next one begins; None: it was the last.

    :raises InvalidData: for a history without an end.
    """
    where = first
    for _ in range(MOST_PAGES):
        following = await page(where)
        if following is None:
            return
        where = following
    raise InvalidData(venue, call, f"more than {MOST_PAGES} pages")


def microseconds_of(moment: datetime) -> int:
    """An aware time as unix microseconds."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def milliseconds(moment: datetime, rounded: Callable[[float], int]) -> int:
    """An aware time as unix milliseconds, ``rounded`` (floor, ceil)."""
    return rounded((moment - EPOCH) / timedelta(milliseconds=1))


def is_within(timestamp: int, start: datetime, end: datetime) -> bool:
    """Whether ``timestamp`` (microseconds) is from ``start`` to ``end``, both included."""
    return microseconds_of(start) <= timestamp <= microseconds_of(end)
