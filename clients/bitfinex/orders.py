"""Orders at Bitfinex by REST. Each method is the body of one of the interface's."""

from collections import OrderedDict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from attrs import define, field
from twisted.internet.interfaces import IReactorTime

from clients.bitfinex import wire
from clients.bitfinex.client_ids import numbers
from clients.bitfinex.faults import VENUE
from clients.bitfinex.rest import CANCEL, SUBMIT, BitfinexRest
from clients.bitfinex.symbols import DIGITS, Market, step_of
from clients.bitfinex.wire import reading
from clients.cancelling import proven_cancel
from clients.errors import Reason, Refused
from clients.listings import Listing
from clients.parsing import proving
from clients.steps import check_steps
from model.money import plain
from model.shapes import OrderShape, SideName

OPEN, CLOSED = "auth/r/orders", "auth/r/orders/hist"
POST_ONLY = 4096
#: Orders that one question may name, and whose client ids are remembered.
MOST_ORDERS, MEMORY = 250, 10_000


@define
class Orders:
    """Orders of ``market``."""

    _rest: BitfinexRest
    _market: Market
    _clock: IReactorTime
    _client_ids: OrderedDict[str, str | None] = field(factory=OrderedDict, init=False)

    async def place(
        self, listing: Listing, quantity: Decimal, price: Decimal, side: SideName, client_id: str | None, flags: frozenset[str]
    ) -> str:
        """A limit order; ``flags`` of ``post_only``, ``immediate``. Off-step values never leave."""
        check_steps(VENUE, SUBMIT, listing.instrument, quantity, price, side, flags)
        if price % step_of(price):
            # The venue would round it, and tell nobody.
            words = f"{price} has more than {DIGITS} digits; the step of prices this high is learned at the next start"
            raise Refused(VENUE, SUBMIT, words, Reason.PRICE)
        fields: dict[str, Any] = {
            "type": "EXCHANGE IOC" if "immediate" in flags else "EXCHANGE LIMIT",
            "symbol": listing.symbol,
            "amount": plain(quantity if side == "BUY" else -quantity),
            "price": plain(price),
        }
        if "post_only" in flags:
            fields["flags"] = POST_ONLY
        if client_id is not None:
            fields["gid"], fields["cid"] = numbers(SUBMIT, client_id)
        answer = await self._rest.private(SUBMIT, **fields)
        with proving(VENUE, SUBMIT, answer):
            id = wire.submitted(wire.notified(SUBMIT, answer))
        self.note(id, client_id)
        return id

    async def cancel(self, id: str) -> bool:
        """True only if it is proven cancelled, False only if it is proven filled: the venue's answer is only that it will try."""
        if not (id.isascii() and id.isdecimal()):
            raise Refused(VENUE, CANCEL, f"{id} is no order of this venue", Reason.UNKNOWN_ORDER)

        async def ask() -> bool:
            answer = await self._rest.private(CANCEL, id=int(id))
            with proving(VENUE, CANCEL, answer):
                wire.notified(CANCEL, answer)
            return False

        async def look() -> OrderShape:
            found = await self.look_up([id])
            if not found:
                raise Refused(VENUE, CLOSED, f"{id} is not known", Reason.UNKNOWN_ORDER)
            return found[0]

        return await proven_cancel(VENUE, CANCEL, id, ask, look, self._clock)

    async def look_up(self, ids: list[str]) -> list[OrderShape]:
        """These as they are now, as far as the venue knows them; one that ends meanwhile is found all the same."""
        found: dict[str, OrderShape] = {}
        for first in range(0, len(ids), MOST_ORDERS):
            some = [int(id) for id in ids[first : first + MOST_ORDERS]]
            found |= await self._ask(OPEN, id=some)
            found |= await self._ask(CLOSED, id=some, limit=len(some))
        return list(found.values())

    async def open(self) -> dict[str, OrderShape]:
        """All open orders of the exchange wallet, by id."""
        return await self._ask(OPEN)

    async def _ask(self, call: str, **fields: Any) -> dict[str, OrderShape]:
        answer = await self._rest.private(call, **fields)
        with reading(call):
            found = wire.orders(answer, self._market)
        for id, order in found.items():
            self.note(id, order.get("client_id"))
        return found

    # Whose an execution is: it carries the client id in half only, its order in whole.

    def note(self, id: str, client_id: str | None) -> None:
        """Remember which client id an order has, or that it has none."""
        self._client_ids[id] = client_id
        self._client_ids.move_to_end(id)
        while len(self._client_ids) > MEMORY:
            self._client_ids.popitem(last=False)

    def client_id(self, id: str) -> str | None:
        """The client id of an order, as far as it is remembered."""
        return self._client_ids.get(id)

    async def learn_client_ids(self, ids: Iterable[str]) -> None:
        """Ask for the orders of which it is not remembered."""
        await self.look_up(sorted(id for id in set(ids) if id not in self._client_ids))
