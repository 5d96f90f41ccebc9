"""Orders by way of ccxt. Each method is the body of one of the interface's."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from attrs import define, field
from twisted.internet.task import deferLater

from clients.ccxt import mapping
from clients.ccxt.library import Library
from clients.ccxt.mapping import reading
from clients.ccxt.memory import Memory
from clients.ccxt.options import Options
from clients.errors import OutcomeUnknown, Reason, Refused
from clients.steps import check_steps
from model.instrument import Instrument
from model.money import plain
from model.shapes import OrderShape, SideName

#: A cancelled order that the venue still calls open is looked at so often, so many seconds apart.
LOOKS, BETWEEN_LOOKS = 10, 0.5
#: What the two flags of an order are in ccxt.
_FLAGS: Mapping[str, Mapping[str, Any]] = {"post_only": {"postOnly": True}, "immediate": {"timeInForce": "IOC"}}


@define
class Orders:
    """``told`` is called with each order that is not as it was. ``in_use``: contracts that have been asked for."""

    venue: str
    _library: Library
    _options: Options
    _clock: Any
    memory: Memory
    _told: Callable[[OrderShape], None]
    in_use: set[str] = field(factory=set)

    async def place(
        self,
        instrument: Instrument,
        quantity: Decimal,
        price: Decimal,
        side: SideName,
        client_id: str | None,
        flags: frozenset[str],
    ) -> str:
        """A limit order; off-step values never leave."""
        self._check(instrument, quantity, price, side)
        self.in_use.add(instrument.contract)
        parameters: dict[str, Any] = {} if client_id is None else {"clientOrderId": client_id}
        for flag in flags:
            parameters |= _FLAGS[flag]
        arguments = (instrument.contract, "limit", side.lower(), plain(quantity), plain(price))
        answer = await self._library.call("create_order", *arguments, params=parameters)
        id = answer.get("id") if isinstance(answer, dict) else None
        if not isinstance(id, str) or not id:
            # It says neither no nor which order: it may be in the book.
            raise OutcomeUnknown(self.venue, "create_order", f"no order id in {answer!r:.200}")
        self.memory.note(
            {
                "id": id,
                "contract": instrument.contract,
                "side": side,
                "price": price,
                "quantity": quantity,
                "quantity_left": quantity,
                "is_cancelled": False,
                "timestamp": 0,
                "client_id": client_id,
            }
        )
        return id

    def _check(self, instrument: Instrument, quantity: Decimal, price: Decimal, side: str) -> None:
        """Refuse here what ccxt would round without a word: it cuts quantities and rounds prices."""
        check_steps(self.venue, "create_order", instrument, quantity, price, side)
        contract = instrument.contract
        if Decimal(self._library.exchange.price_to_precision(contract, plain(price))) != price:
            raise Refused(self.venue, "create_order", f"{price} has more digits than the venue takes", Reason.PRICE)

    async def cancel(self, id: str) -> bool:
        """True only if it is proven cancelled, False only if it is proven filled."""
        contract = self._contract(id)
        try:
            await self._library.call("cancel_order", id, contract)
        except Refused as refused:
            # Venues say the same of an order that is filled, cancelled, or not its own: only a look tells which.
            if refused.reason is not Reason.UNKNOWN_ORDER:
                raise
            return await self._ended(id, contract, looks=1)
        return await self._ended(id, contract, looks=LOOKS)

    def _contract(self, id: str) -> str | None:
        """Most venues want to know the contract of an order; where it is forgotten, the only one in use is meant."""
        known = self.memory.contract(id)
        others = sorted(self.in_use | set(self._options.contracts))
        return known or (others[0] if len(others) == 1 else None)

    async def _ended(self, id: str, contract: str | None, looks: int) -> bool:
        """Look until the order has ended, ``looks`` times at most; True if it was cancelled."""
        for look in range(looks):
            if look:
                await deferLater(self._clock, BETWEEN_LOOKS)
            order, status = await self.look(id, contract)
            if status != mapping.OPEN:
                return not (status == mapping.CLOSED and order["quantity_left"] == 0)
        raise OutcomeUnknown(self.venue, "cancel_order", f"{id} is still open")

    async def look(self, id: str, contract: str | None) -> tuple[OrderShape, str]:
        """One order as it is now, and ccxt's word for its state."""
        answer = await self._library.call("fetch_order", id, contract)
        with reading(self.venue, "fetch_order"):
            shape, status = mapping.order(answer), str(answer["status"])
        if status != mapping.OPEN and shape["quantity_left"] > 0:
            # Some venues call an order closed that was cancelled when part of it had traded.
            shape["is_cancelled"] = True
        self.tell(shape)
        return shape, status

    def tell(self, shape: OrderShape) -> None:
        """Remember what the venue says of an order, and pass on what is new."""
        if self.memory.note(shape):
            self._told(shape)

    async def open(self) -> dict[str, OrderShape]:
        """All our open orders, by id."""
        found: dict[str, OrderShape] = {}
        for contract in self.contracts("fetch_open_orders"):
            answer = await self._library.call("fetch_open_orders", contract)
            with reading(self.venue, "fetch_open_orders"):
                found.update((entry["id"], mapping.order(entry)) for entry in answer)
        for shape in found.values():
            self.tell(shape)
        return found

    def contracts(self, method: str) -> list[str | None]:
        """For which contracts ``method`` is to be called: none in particular where the venue answers for all of them."""
        known = self.in_use | set(self._options.contracts) | {shape["contract"] for shape in self.memory.open.values()}
        is_required = self._library.features(method).get("symbolRequired") is not False
        if not is_required and not (self._library.is_dear_for_all and known):
            return [None]
        if not known:
            raise Refused(self.venue, method, "the venue asks for a contract; set the option contracts, e.g. BTC/USD")
        return [*sorted(known)]
