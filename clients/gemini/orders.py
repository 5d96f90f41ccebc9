"""Orders at Gemini by REST. Each method is the body of one of the interface's."""

from decimal import Decimal
from typing import Any

from attrs import define
from twisted.internet.interfaces import IReactorTime

from clients.cancelling import proven_cancel
from clients.errors import Reason, Refused
from clients.gemini import wire
from clients.gemini.faults import VENUE
from clients.gemini.rest import CANCEL, NEW_ORDER, GeminiRest
from clients.gemini.wire import LIMIT, reading
from clients.listings import Listing, Market
from clients.looking_up import known_orders
from clients.parsing import proving
from clients.steps import check_steps
from model.money import plain
from model.shapes import OrderShape, SideName

OPEN, STATUS = "/v1/orders", "/v1/order/status"


@define
class Orders:
    """Orders of ``market``."""

    _rest: GeminiRest
    _market: Market
    _clock: IReactorTime

    async def place(
        self, listing: Listing, quantity: Decimal, price: Decimal, side: SideName, client_id: str | None, flags: frozenset[str]
    ) -> str:
        """A limit order; ``flags`` of ``post_only``, ``immediate``. Off-step values never leave.

        One that cannot be what ``flags`` want is cancelled by the venue at once, and told so by the stream.
        """
        check_steps(VENUE, NEW_ORDER, listing.instrument, quantity, price, side, flags)
        form: dict[str, Any] = {"symbol": listing.symbol, "amount": plain(quantity), "price": plain(price)}
        form |= {"side": side.lower(), "type": LIMIT}
        if flags:
            form["options"] = ["maker-or-cancel" if "post_only" in flags else "immediate-or-cancel"]
        if client_id is not None:
            form["client_order_id"] = client_id
        # What traded at once is told by the stream, as all other fills.
        answer = await self._rest.private(NEW_ORDER, **form)
        with proving(VENUE, NEW_ORDER, answer):
            return wire.order_id(answer["order_id"])

    async def cancel(self, id: str) -> bool:
        """True only if it is proven cancelled, False only if it is proven filled."""
        number = self._number(CANCEL, id)

        async def ask() -> bool:
            answer = await self._rest.private(CANCEL, order_id=number)
            return isinstance(answer, dict) and answer.get("is_cancelled") is True

        return await proven_cancel(VENUE, CANCEL, id, ask, lambda: self.look(id), self._clock)

    async def look(self, id: str) -> OrderShape:
        """One order as it is now."""
        answer = await self._rest.private(STATUS, order_id=self._number(STATUS, id))
        with reading(STATUS):
            return wire.order(answer, self._market)

    async def look_up(self, ids: list[str]) -> list[OrderShape]:
        """These as they are now, one by one; what the venue does not know (any more) is left out."""
        return await known_orders(ids, self.look)

    async def open(self) -> dict[str, OrderShape]:
        """All open orders, by id."""
        answer = await self._rest.private(OPEN)
        with reading(OPEN):
            found = [wire.order(entry, self._market) for entry in answer]
        return {order["id"]: order for order in found}

    def _number(self, call: str, id: str) -> int:
        if not (id.isascii() and id.isdecimal()):
            raise Refused(VENUE, call, f"{id} is no order of this venue", Reason.UNKNOWN_ORDER)
        return int(id)
