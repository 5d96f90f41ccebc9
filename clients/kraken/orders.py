"""Orders at Kraken by REST. Each method is the body of one of the interface's."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from attrs import define
from twisted.internet.task import deferLater

from clients.errors import OutcomeUnknown, Reason, Refused
from clients.kraken import wire
from clients.kraken.faults import VENUE
from clients.kraken.rest import KrakenRest
from clients.kraken.wire import OVER, Market, Pair, reading
from clients.parsing import text
from clients.steps import check_steps
from model.money import plain
from model.shapes import OrderShape, SideName

#: A cancel that the venue calls pending is looked up so often, so many seconds apart.
LOOKS, BETWEEN_LOOKS = 10, 0.5


@define
class Orders:
    """``age``: seconds since an order was first heard of, for the venue's penalty on cancels."""

    _rest: KrakenRest
    _market: Market
    _clock: Any
    _age: Callable[[str], float]

    async def place(
        self, pair: Pair, quantity: Decimal, price: Decimal, side: SideName, client_id: str | None, flags: frozenset[str]
    ) -> str:
        """AddOrder, a limit order; ``flags`` of ``post_only``, ``immediate``. Off-step values never leave."""
        check_steps(VENUE, "AddOrder", pair.instrument, quantity, price, side)
        form = {
            "pair": pair.id,
            "type": "buy" if side == "BUY" else "sell",
            "ordertype": "limit",
            "volume": plain(quantity),
            "price": plain(price),
            # Unless told, a seller pays in the base currency and a buyer in the quote currency; the pool counts on the latter.
            "oflags": "fciq,post" if "post_only" in flags else "fciq",
        }
        if "immediate" in flags:
            form["timeinforce"] = "IOC"
        if client_id is not None:
            form["cl_ord_id"] = client_id
        answer = await self._rest.private("AddOrder", **form)
        try:
            (id,) = answer["txid"]
            return text(id, "txid")
        except (KeyError, TypeError, ValueError) as error:
            # It says neither no nor which order: it may be in the book.
            raise OutcomeUnknown(VENUE, "AddOrder", f"no order id in {answer!r:.200}") from error

    async def cancel(self, id: str) -> bool:
        """True only if it is proven cancelled, False only if it is proven filled."""
        self._rest.charge_cancel(self._age(id))
        try:
            answer = await self._rest.private("CancelOrder", txid=id)
        except Refused as refused:
            # Kraken says the same of an order that is filled, cancelled, or not its own: only a look tells which.
            if refused.reason is not Reason.UNKNOWN_ORDER:
                raise
            return await self._ended(id, looks=1)
        is_done = isinstance(answer, dict) and answer.get("count") in (1, "1") and not answer.get("pending")
        return True if is_done else await self._ended(id, looks=LOOKS)

    async def _ended(self, id: str, looks: int) -> bool:
        """Look until the order has ended, ``looks`` times at most; True if it was cancelled."""
        for look in range(looks):
            if look:
                await deferLater(self._clock, BETWEEN_LOOKS)
            order, status = await self._look(id)
            if status == "closed" and order["quantity_left"] == 0:
                return False
            if status in OVER or status == "closed":
                return True
        raise OutcomeUnknown(VENUE, "CancelOrder", f"{id} is still {status}")

    async def _look(self, id: str) -> tuple[OrderShape, str]:
        result = await self._rest.private("QueryOrders", txid=id)
        with reading("QueryOrders"):
            if id not in result:
                raise Refused(VENUE, "QueryOrders", f"{id} is not known", Reason.UNKNOWN_ORDER)
            return wire.order(id, result[id], self._market), text(result[id]["status"], "status")

    async def look_up(self, ids: list[str]) -> list[OrderShape]:
        """QueryOrders, of at most 50 ids."""
        result = await self._rest.private("QueryOrders", txid=",".join(ids))
        with reading("QueryOrders"):
            return list(wire.orders(result, self._market).values())

    async def open(self) -> dict[str, OrderShape]:
        """OpenOrders, by id."""
        result = await self._rest.private("OpenOrders")
        with reading("OpenOrders"):
            return wire.orders(result["open"], self._market)
