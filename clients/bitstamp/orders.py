"""Orders at Bitstamp by REST. Each method is the body of one of the interface's."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from decimal import Decimal

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from clients.bitstamp import wire
from clients.bitstamp.faults import VENUE
from clients.bitstamp.rest import CANCEL, BitstampRest
from clients.bitstamp.wire import reading
from clients.cancelling import proven_cancel
from clients.errors import Reason, Refused
from clients.listings import Listing
from clients.looking_up import known_orders
from clients.parsing import proving
from clients.steps import check_steps
from model.money import plain
from model.shapes import OrderShape, SideName

NEW_ORDER = "POST /api/v2/{side}/{market}/"
LOOK, OPEN = "POST /api/v2/order_status/", "POST /api/v2/open_orders/all/"
#: Orders whose whole shape is remembered.
MEMORY = 10_000


@define
class Memory:
    """Orders as they were last told: later answers, and executions, say less about them. It outlives connections."""

    _known: OrderedDict[str, OrderShape] = field(factory=OrderedDict)

    def keep(self, shape: OrderShape) -> None:
        """Remember it."""
        self._known[shape["id"]] = shape
        self._known.move_to_end(shape["id"])
        while len(self._known) > MEMORY:
            self._known.popitem(last=False)

    def get(self, id: str) -> OrderShape | None:
        """What was told last; None if nothing was."""
        return self._known.get(id)


@define
class Orders:
    """``follow(listing)``: see to it that what becomes of orders there is streamed; Bitstamp streams them by contract."""

    _rest: BitstampRest
    _memory: Memory
    _follow: Callable[[Listing], "Deferred[None]"]
    _clock: IReactorTime

    async def place(
        self, listing: Listing, quantity: Decimal, price: Decimal, side: SideName, client_id: str | None, flags: frozenset[str]
    ) -> str:
        """A limit order; ``flags`` of ``post_only``, ``immediate``. Off-step values never leave."""
        call = NEW_ORDER.format(side=side.lower(), market=listing.symbol)
        check_steps(VENUE, call, listing.instrument, quantity, price, side, flags)
        form = {"amount": plain(quantity), "price": plain(price)}
        if "post_only" in flags:
            form["moc_order"] = "True"
        if "immediate" in flags:
            form["ioc_order"] = "True"
        if client_id is not None:
            form["client_order_id"] = client_id
        await self._follow(listing)
        answer = await self._rest.private(call, **form)
        with proving(VENUE, call, answer):
            return wire.order_id(answer["id"])

    async def cancel(self, id: str) -> bool:
        """True only if it is proven cancelled, False only if it is proven filled."""
        self._check_id(CANCEL, id)

        async def ask() -> bool:
            answer = await self._rest.private(CANCEL, id=id)
            # Older answers have no status: they came when it was done.
            is_ours = isinstance(answer, dict) and str(answer.get("id")) == id
            return is_ours and answer.get("status", "Canceled") == "Canceled"

        return await proven_cancel(VENUE, CANCEL, id, ask, lambda: self.look(id), self._clock)

    async def look(self, id: str) -> OrderShape:
        """One order as it is now."""
        self._check_id(LOOK, id)
        answer = await self._rest.private(LOOK, id=id)
        with reading(LOOK):
            shape = wire.order_status(answer, self._memory.get(id))
            if shape["id"] != id:
                raise ValueError(f"asked for {id}, told of {shape['id']}")
        self._memory.keep(shape)
        return shape

    async def look_up(self, ids: list[str]) -> list[OrderShape]:
        """These as they are now, one by one; what the venue does not know (any more) is left out."""
        return await known_orders(ids, self.look)

    async def open(self) -> dict[str, OrderShape]:
        """All open orders, by id."""
        answer = await self._rest.private(OPEN)
        with reading(OPEN):
            found = [wire.order(entry) for entry in answer]
        for order in found:
            self._memory.keep(order)
        return {order["id"]: order for order in found}

    async def client_ids(self, ids: Iterable[str]) -> dict[str, str | None]:
        """Our own ids of these orders, by order id; executions do not carry them."""
        return {id: await self._client_id(id) for id in sorted(ids)}

    async def _client_id(self, id: str) -> str | None:
        known = self._memory.get(id)
        if known is not None:
            return known.get("client_id")
        try:
            return (await self.look(id)).get("client_id")
        except Refused as refused:
            # The venue forgets old orders sooner than their executions.
            if refused.reason is not Reason.UNKNOWN_ORDER:
                raise
            return None

    def _check_id(self, call: str, id: str) -> None:
        if not (id.isascii() and id.isdecimal()):
            raise Refused(VENUE, call, f"{id} is no order of this venue", Reason.UNKNOWN_ORDER)
