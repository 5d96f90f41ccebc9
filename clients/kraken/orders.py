"""Orders at Kraken by REST. Each method is the body of one of the interface's."""

from collections.abc import Callable
from decimal import Decimal

from attrs import define
from twisted.internet.interfaces import IReactorTime

from clients.cancelling import proven_cancel
from clients.errors import Reason, Refused
from clients.kraken import wire
from clients.kraken.faults import VENUE
from clients.kraken.rest import KrakenRest
from clients.kraken.wire import Market, Pair, reading
from clients.looking_up import known_orders
from clients.parsing import proving, text
from clients.steps import check_steps
from model.money import plain
from model.shapes import OrderShape, SideName

#: Orders that one QueryOrders may ask for.
MOST_ORDERS = 50


@define
class Orders:
    """``age``: seconds since an order was first heard of, for the venue's penalty on cancels."""

    _rest: KrakenRest
    _market: Market
    _clock: IReactorTime
    _age: Callable[[str], float]

    async def place(
        self, pair: Pair, quantity: Decimal, price: Decimal, side: SideName, client_id: str | None, flags: frozenset[str]
    ) -> str:
        """AddOrder, a limit order; ``flags`` of ``post_only``, ``immediate``. Off-step values never leave."""
        check_steps(VENUE, "AddOrder", pair.instrument, quantity, price, side, flags)
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
        with proving(VENUE, "AddOrder", answer):
            (id,) = answer["txid"]
            return text(id, "txid")

    async def amend(self, id: str, quantity: Decimal, price: Decimal) -> None:
        """AmendOrder. Whether the values are on the steps the venue says: an id alone does not tell the pair."""
        self._rest.charge_amend(self._age(id))
        form = {"txid": id, "order_qty": plain(quantity), "limit_price": plain(price), "post_only": "true"}
        answer = await self._rest.private("AmendOrder", **form)
        with proving(VENUE, "AmendOrder", answer):
            text(answer["amend_id"], "amend_id")

    async def cancel(self, id: str) -> bool:
        """True only if it is proven cancelled, False only if it is proven filled."""
        self._rest.charge_cancel(self._age(id))

        async def ask() -> bool:
            answer = await self._rest.private("CancelOrder", txid=id)
            return isinstance(answer, dict) and answer.get("count") in (1, "1") and not answer.get("pending")

        return await proven_cancel(VENUE, "CancelOrder", id, ask, lambda: self._look(id), self._clock)

    async def _look(self, id: str) -> OrderShape:
        result = await self._rest.private("QueryOrders", txid=id)
        with reading("QueryOrders"):
            if id not in result:
                raise Refused(VENUE, "QueryOrders", f"{id} is not known", Reason.UNKNOWN_ORDER)
            return wire.order(id, result[id], self._market)

    async def look_up(self, ids: list[str]) -> list[OrderShape]:
        """These as they are now; what the venue does not know (any more) is left out."""
        found: list[OrderShape] = []
        for first in range(0, len(ids), MOST_ORDERS):
            some = ids[first : first + MOST_ORDERS]
            try:
                found += await self._queried(some)
            except Refused as refused:
                if refused.reason is not Reason.UNKNOWN_ORDER:
                    raise
                # One that is forgotten hides the others.
                found += await known_orders(some, self._look)
        return found

    async def _queried(self, ids: list[str]) -> list[OrderShape]:
        result = await self._rest.private("QueryOrders", txid=",".join(ids))
        with reading("QueryOrders"):
            return list(wire.orders(result, self._market).values())

    async def open(self) -> dict[str, OrderShape]:
        """OpenOrders, by id."""
        result = await self._rest.private("OpenOrders")
        with reading("OpenOrders"):
            return wire.orders(result["open"], self._market)
