"""Orders at Coinbase Exchange by REST. Each method is the body of one of the interface's."""

from collections.abc import Iterable
from decimal import Decimal

from attrs import define
from twisted.internet.interfaces import IReactorTime

from clients.cancelling import proven_cancel
from clients.coinbase_exchange import wire
from clients.coinbase_exchange.client_ids import uuid_of
from clients.coinbase_exchange.executions import Executions
from clients.coinbase_exchange.faults import VENUE
from clients.coinbase_exchange.rest import CoinbaseExchangeRest
from clients.coinbase_exchange.wire import reading
from clients.errors import Reason, Refused
from clients.listings import Listing
from clients.paging import all_pages
from clients.parsing import proving, text
from clients.steps import check_steps
from model.money import plain
from model.shapes import OrderShape, SideName

NEW_ORDER, OPEN = "POST /orders", "GET /orders"
LOOK, CANCEL = "GET /orders/{id}", "DELETE /orders/{id}"
#: Orders that one page may tell.
PAGE = 100


class _Gone(Exception):
    """It was cancelled without a fill: of such an order nothing is kept."""


@define
class Orders:
    """``memory``: what is known of orders besides, which spares look-ups."""

    _rest: CoinbaseExchangeRest
    _memory: Executions
    _clock: IReactorTime

    async def place(
        self, listing: Listing, quantity: Decimal, price: Decimal, side: SideName, client_id: str | None, flags: frozenset[str]
    ) -> str:
        """A limit order; ``flags`` of ``post_only``, ``immediate``. Off-step values never leave."""
        check_steps(VENUE, NEW_ORDER, listing.instrument, quantity, price, side, flags)
        form: dict[str, str | bool] = {
            "type": "limit",
            "side": side.lower(),
            "product_id": listing.symbol,
            "price": plain(price),
            "size": plain(quantity),
            "time_in_force": "IOC" if "immediate" in flags else "GTC",
            # Of two orders of ours that meet the newer one goes; the default would change the size of the older one.
            "stp": "cn",
        }
        if "post_only" in flags:
            form["post_only"] = True
        if client_id is not None:
            form["client_oid"] = _uuid(client_id)
        answer = await self._rest.private(NEW_ORDER, form=form)
        with proving(VENUE, NEW_ORDER, answer):
            if answer.get("status") != "rejected":
                return text(answer["id"], "id")
        words = str(answer.get("reject_reason"))
        raise Refused(VENUE, NEW_ORDER, words, Reason.WOULD_CROSS if "post only" in words.lower() else Reason.OTHER)

    async def cancel(self, id: str) -> bool:
        """True only if it is proven cancelled, False only if it is proven filled."""
        is_asked = False

        async def ask() -> bool:
            nonlocal is_asked
            await self._rest.private(CANCEL, {"id": id})
            is_asked = True
            # It says that the cancel was taken, not what it met.
            return False

        async def look() -> OrderShape:
            try:
                return await self.look(id)
            except Refused as refused:
                if is_asked and refused.reason is Reason.UNKNOWN_ORDER:
                    raise _Gone from None
                raise

        try:
            return await proven_cancel(VENUE, CANCEL, id, ask, look, self._clock)
        except _Gone:
            return True

    async def look(self, id: str) -> OrderShape:
        """One order as it is now.

        :raises Refused: (UNKNOWN_ORDER) also of one that was cancelled without a fill.
        """
        answer = await self._rest.private(LOOK, {"id": id})
        with reading(LOOK):
            return wire.order(answer)

    async def look_up(self, ids: list[str]) -> list[OrderShape]:
        """These as they are now, one by one; of those that the venue has forgotten, what follows from that."""
        found: list[OrderShape | None] = []
        for id in ids:
            try:
                found.append(await self.look(id))
            except Refused as refused:
                if refused.reason is not Reason.UNKNOWN_ORDER:
                    raise
                found.append(self._memory.gone(id))
        return [order for order in found if order is not None]

    async def open(self) -> dict[str, OrderShape]:
        """All open orders, by id."""
        found: dict[str, OrderShape] = {}

        async def page(after: str) -> str | None:
            query: dict[str, str | tuple[str, ...]] = {"status": ("open", "pending", "active"), "limit": str(PAGE)}
            told = await self._rest.page(OPEN, query=query | ({"after": after} if after else {}))
            with reading(OPEN):
                found.update({order["id"]: order for order in map(wire.order, told.rows)})
            return told.after

        await all_pages(VENUE, OPEN, page, "")
        return found

    async def client_ids(self, ids: Iterable[str]) -> dict[str, str | None]:
        """Our own ids of these orders; executions do not carry them."""
        wanted = set(ids)
        for id in sorted(wanted):
            if not self._memory.knows(id):
                for order in await self.look_up([id]):
                    self._memory.learn(order)
        return {id: self._memory.client_id(id) for id in wanted}


def _uuid(client_id: str) -> str:
    try:
        return uuid_of(client_id)
    except ValueError as error:
        raise Refused(VENUE, NEW_ORDER, str(error)) from None
