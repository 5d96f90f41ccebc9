"""Orders at Binance by REST. Each method is the body of one of the interface's."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from attrs import define

from clients.binance import wire
from clients.binance.faults import VENUE
from clients.binance.rest import NEW_ORDER, BinanceRest
from clients.binance.wire import OVER, Listing, Market, reading
from clients.errors import OutcomeUnknown, Reason, Refused
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

    async def place(
        self, listing: Listing, quantity: Decimal, price: Decimal, side: SideName, client_id: str | None, flags: frozenset[str]
    ) -> str:
        """A limit order; ``flags`` of ``post_only``, ``immediate``. Off-step values never leave."""
        _check(listing, quantity, price, side)
        if flags >= {"post_only", "immediate"}:
            raise Refused(VENUE, NEW_ORDER, "an order that may only rest cannot be immediate too")
        form = {"symbol": listing.symbol, "side": side, "quantity": plain(quantity), "price": plain(price)}
        if "post_only" in flags:
            form["type"] = "LIMIT_MAKER"
        else:
            form |= {"type": "LIMIT", "timeInForce": "IOC" if "immediate" in flags else "GTC"}
        if client_id is not None:
            form["newClientOrderId"] = client_id
        # What traded at once is told by the stream, as all other fills.
        answer = await self._rest.private(NEW_ORDER, **form, newOrderRespType="ACK")
        try:
            return wire.order_id(listing.symbol, answer["orderId"])
        except (KeyError, TypeError, ValueError) as error:
            # It says neither no nor which order: it may be in the book.
            raise OutcomeUnknown(VENUE, NEW_ORDER, f"no order id in {answer!r:.200}") from error

    async def cancel(self, id: str) -> bool:
        """True only if it is proven cancelled, False only if it is proven filled."""
        symbol, number = self._parts(CANCEL, id)
        try:
            answer = await self._rest.private(CANCEL, symbol=symbol, orderId=number)
        except Refused as refused:
            # Binance says the same of an order that is filled, cancelled, or not its own: only a look tells which.
            if refused.reason is not Reason.UNKNOWN_ORDER:
                raise
            return await self._is_over(id)
        is_done = isinstance(answer, dict) and answer.get("status") in OVER
        return True if is_done else await self._is_over(id)

    async def _is_over(self, id: str) -> bool:
        order = await self.look(id)
        if order["is_cancelled"]:
            return True
        if order["quantity_left"] == 0:
            return False
        raise OutcomeUnknown(VENUE, CANCEL, f"{id} is still open")

    async def look(self, id: str) -> OrderShape:
        """One order as it is now."""
        symbol, number = self._parts(LOOK, id)
        answer = await self._rest.private(LOOK, symbol=symbol, orderId=number)
        with reading(LOOK):
            return wire.order(answer, self._market)

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


def _check(listing: Listing, quantity: Decimal, price: Decimal, side: str) -> None:
    """Refuse here what the venue would refuse."""
    instrument = listing.instrument
    if side not in ("BUY", "SELL"):
        raise Refused(VENUE, NEW_ORDER, f"side {side!r} is neither BUY nor SELL")
    if not price.is_finite() or price <= 0 or instrument.round_bid(price) != price:
        raise Refused(VENUE, NEW_ORDER, f"{price} is not a multiple of {plain(instrument.tick)}", Reason.PRICE)
    if not quantity.is_finite() or quantity <= 0 or instrument.round_quantity(quantity) != quantity:
        raise Refused(VENUE, NEW_ORDER, f"{quantity} is not a multiple of {plain(instrument.lot)}", Reason.SIZE)
    if not instrument.accepts(quantity, price):
        least = f"{plain(instrument.min_quantity)} {instrument.base} and {plain(instrument.min_value)} {instrument.quote}"
        raise Refused(VENUE, NEW_ORDER, f"{quantity} at {price} is below the minimum of {least}", Reason.SIZE)
