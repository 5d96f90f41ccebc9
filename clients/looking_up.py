"""Orders looked up one by one, for venues that have no call for several or none that says which of them it has forgotten."""

from collections.abc import Awaitable, Callable, Iterable

from clients.errors import Reason, Refused
from model.shapes import OrderShape


async def known_orders(ids: Iterable[str], look: Callable[[str], Awaitable[OrderShape]]) -> list[OrderShape]:
    """These as ``look`` shows them now; those that the venue does not know (any more) are left out.

    Venues forget orders that were cancelled without a fill, some after minutes: that must not hide what became of the others.
    """
    found: list[OrderShape] = []
    for id in ids:
        try:
            found.append(await look(id))
        except Refused as refused:
            if refused.reason is not Reason.UNKNOWN_ORDER:
                raise
    return found
