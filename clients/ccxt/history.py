"""Histories of which the venue tells a page at a time, read whole by narrowing the time that is asked for.

Venues differ in how many entries a page has, and in whether it is the oldest or the newest ones; what they share is that a page
has no hole. So what is before and after a page is asked for until that brings nothing new.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from clients.errors import InvalidData

#: Fewer entries than this are all there are: no venue has pages so small.
LEAST_PAGE = 10
#: More pages than this of one history are a venue that never ends, not a history.
MOST_PAGES = 2_000
#: Some venues count in whole seconds, and leave out the first: ask for a little more, and cut.
WIDER = 1_000

Page = list[Mapping[str, Any]]


async def whole(
    ask: Callable[[int, int], Awaitable[Page]], start: int, end: int, what: tuple[str, str], span: int | None = None
) -> Page:
    """All entries from ``start`` to ``end`` (milliseconds), oldest first, each once, by their ``id``.

    ``ask(since, until)`` is one page; ``what`` is venue and call, for errors; ``span``: no longer time may be asked for at once
    (milliseconds; None: any). More than a page within one second cannot be
    told apart by time: what is beyond the page is not found.

    :raises InvalidData: for entries without id or time, or a history that does not end.
    """
    found: dict[str, Mapping[str, Any]] = {}
    step = span or end - start + 2 * WIDER
    windows = [(since, min(since + step, end + WIDER)) for since in range(start - WIDER, end + WIDER, step)]
    for _ in range(MOST_PAGES):
        if not windows:
            inside = [entry for entry in found.values() if start <= entry["timestamp"] <= end]
            return sorted(inside, key=lambda entry: (entry["timestamp"], entry["id"]))
        since, until = windows.pop()
        page = await ask(since, until)
        new = {entry["id"]: entry for entry in page if entry["id"] not in found}
        if any(not isinstance(entry["id"], str) or not isinstance(entry["timestamp"], int) for entry in new.values()):
            raise InvalidData(*what, "an entry without id or time")
        found.update(new)
        if new and len(page) >= LEAST_PAGE:
            times = [entry["timestamp"] for entry in page]
            windows += [(since, min(times)), (max(times), until)]
    raise InvalidData(*what, f"more than {MOST_PAGES} pages")
