"""Cancels that are proven: what venues answer to a cancel is often not yet what became of the order."""

from collections.abc import Awaitable, Callable

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from clients.errors import OutcomeUnknown, Reason, Refused
from model.shapes import OrderShape

#: A cancel that the venue calls pending is looked up so often, so many seconds apart.
LOOKS, BETWEEN_LOOKS = 10, 0.5


async def proven_cancel(
    venue: str,
    call: str,
    id: str,
    cancel: Callable[[], Awaitable[bool]],
    look: Callable[[], Awaitable[OrderShape]],
    clock: IReactorTime,
    looks: int = LOOKS,
) -> bool:
    """True only if order ``id`` is proven cancelled, False only if it is proven filled.

    ``cancel()`` asks the venue, and is True if its answer is the proof; if not, ``look()`` shows the order as it is now,
    ``looks`` times at most. Safe to repeat.

    :raises Refused: (UNKNOWN_ORDER) if ``look`` does not find it either.
    :raises OutcomeUnknown: if it is still open after all looks.
    """
    try:
        if await cancel():
            return True
    except Refused as refused:
        # Venues say the same of an order that is filled, cancelled, or not its own: only a look tells which.
        if refused.reason is not Reason.UNKNOWN_ORDER:
            raise
        looks = 1
    for number in range(looks):
        if number:
            await deferLater(clock, BETWEEN_LOOKS)
        order = await look()
        if order["is_cancelled"]:
            return True
        if not order["quantity_left"]:
            return False
    raise OutcomeUnknown(venue, call, f"{id} is still open")
