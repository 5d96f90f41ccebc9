"""Orders at Binance by REST. Each method is the body of one of the interface's."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from attrs import define
from twisted.internet.interfaces import IReactorTime

from clients.binance import wire
from clients.binance.faults import VENUE
from clients.binance.rest import NEW_ORDER, BinanceRest
from clients.binance.wire import OVER, reading
from clients.cancelling import proven_cancel
from clients.errors import Reason, Refused
from clients.listings import Listing, Market
from clients.looking_up import known_orders
from clients.parsing import proving
from clients.steps import check_steps
from model.money import plain
from model.shapes import OrderShape, SideName

CANCEL, LOOK = "DELETE /api/v3/order", "GET /api/v3/order"
OPEN, ALL = "GET /api/v3/openOrders", "GET /api/v3/allOrders"
#: Orders that one ``allOrders`` may tell.
PAGE = 1000


@define
class Orders:
    """Orders of ``market``."""

    _rest: BinanceRest
    _market: Market
    _clock: IReactorTime

    async def place(
        self, listing: Listing, quantity: Decimal, price: Decimal, side: SideName, client_id: str | None, flags: frozenset[str]
    ) -> str:
        """A limit order; ``flags`` of ``post_only``, ``immediate``. Off-step values never leave."""
        check_steps(VENUE, NEW_ORDER, listing.instrument, quantity, price, side, flags)
        form = {"symbol": listing.symbol, "side": side, "quantity": plain(quantity), "price": plain(price)}
        if "post_only" in flags:
            form["type"] = "LIMIT_MAKER"
        else:
            form |= {"type": "LIMIT", "timeInForce": "IOC" if "immediate" in flags else "GTC"}
        if client_id is not None:
            form["newClientOrderId"] = client_id
        # What traded at once is told by the stream, as all other fills.
        answer = await self._rest.private(NEW_ORDER, **form, newOrderRespType="ACK")
        with proving(VENUE, NEW_ORDER, answer):
            return wire.order_id(listing.symbol, answer["orderId"])

    async def cancel(self, id: str) -> bool:
        """True only if it is proven cancelled, False only if it is proven filled."""
        symbol, number = self._parts(CANCEL, id)

        async def ask() -> bool:
            answer = await self._rest.private(CANCEL, symbol=symbol, orderId=number)
            return isinstance(answer, dict) and answer.get("status") in OVER

        return await proven_cancel(VENUE, CANCEL, id, ask, lambda: self.look(id), self._clock, looks=1)

    async def look(self, id: str) -> OrderShape:
        """One order as it is now."""
        symbol, number = self._parts(LOOK, id)
        answer = await self._rest.private(LOOK, symbol=symbol, orderId=number)
        with reading(LOOK):
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

    async def client_ids(self, symbol: str, numbers: Iterable[int]) -> Mapping[str, str | None]:
        """Our own ids of these orders of one symbol, by order id; executions do not carry them."""
        found: dict[str, str | None] = {}
        for number in sorted(numbers):
            if wire.order_id(symbol, number) in found:
                continue
            # From this one on: neighbours are likely to be wanted too.
            answer: Any = await self._rest.private(ALL, symbol=symbol, orderId=str(number), limit=str(PAGE))
            with reading(ALL):
                found |= {order["id"]: order.get("client_id") for order in (wire.order(each, self._market) for each in answer)}
        return found

    def _parts(self, call: str, id: str) -> tuple[str, str]:
        parts = wire.parts_of(id)
        if parts is None or parts[0] not in self._market.symbols:
            raise Refused(VENUE, call, f"{id} is no order of this venue", Reason.UNKNOWN_ORDER)
        return parts
