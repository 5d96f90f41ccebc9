"""Sputnik behind the exchange interface."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from twisted.internet.defer import Deferred
from zope.interface import implementer

from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from clients.interface import ExchangeClient, IExchangeClient, returns_deferred
from clients.sputnik.account import Account
from clients.sputnik.books import Books
from clients.sputnik.connection import Connection
from clients.sputnik.contracts import Contract, OffStep, read_markets, whole, words
from clients.sputnik.options import read_endpoint, read_options
from clients.sputnik.recheck import Recheck
from clients.sputnik.reserves import held_by
from clients.sputnik.session import Access, Session
from clients.sputnik.wire import WireOrder, order_shape, read_book, read_candles, read_open_orders, read_positions
from clients.surroundings import Surroundings
from model.candle import Period
from model.instrument import Instrument
from model.money import ZERO
from model.shapes import BookShape, CandleShape, FillShape, OrderShape, PositionShape, SideName, TransactionShape

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T = TypeVar("T")


@implementer(IExchangeClient)
class Sputnik(ExchangeClient):
    """A Sputnik exchange, of 2015 or of today; ``id`` is the user's name, ``secret`` the password.

    :param endpoint: ``wss://host:port/ws``; port and path may be left out. ``ws://`` only to this machine.
    :param options: see :class:`clients.sputnik.options.Options`.
    :raises ValueError: for an endpoint or option that makes no sense.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset({"book_stream", "order_stream"})

    def __init__(
        self,
        id: str,
        secret: str,
        endpoint: str,
        *,
        surroundings: Surroundings | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__("sputnik")
        self._surroundings = surroundings or Surroundings.of_the_process()
        self._options = read_options(options or {})
        self._access = Access(self.name, read_endpoint(endpoint, self._options.allow_insecure), id, secret, self._options)
        self._contracts: dict[str, Contract] = {}
        self._recheck = Recheck(self._surroundings, self._options, self._compare)
        now, doubt = self._surroundings.microseconds, self._recheck.doubt
        self._books = Books(now, lambda shape: self.emit("book", self, shape), doubt)
        slack = int(self._options.clock_slack * 1_000_000)
        self._account = Account(now, slack, lambda event, shape: self.emit(event, self, shape), doubt)
        self._connection = Connection(self._access, self._surroundings, self._prepare, self._up, self._down)

    # The connection

    def connect(self) -> "Deferred[None]":
        return self._connection.start()

    def disconnect(self) -> "Deferred[None]":
        return self._connection.close()

    async def _prepare(self, session: Session) -> None:
        """What must be true before ``connect`` is told: contracts known, streams up, nothing missed."""
        active, problems = self._read("get_markets", read_markets, await session.call("market.get_markets"))
        for problem in problems:
            self.log.warn("{name}: a contract is left out: {problem}", name=self.name, problem=problem)
        # What is not active any more is still needed to read what we hold of it and did with it.
        self._contracts = {**self._contracts, **active}
        self._account.contracts = self._contracts
        self.instruments = {ticker: contract.instrument for ticker, contract in active.items()}
        await self._account.listen(session)
        try:
            await self._books.listen(session, {ticker: self._pair(ticker, "connect") for ticker in self._streamed()})
            self._account.missed_events()
            await self._account.compare(session)
        except ValueError as problem:
            raise InvalidData(self.name, "connect", str(problem)) from problem

    def _streamed(self) -> list[str]:
        return list(self._options.contracts) or self._pairs()

    def _pairs(self) -> list[str]:
        return sorted(ticker for ticker in self.instruments if self._contracts[ticker].is_pair)

    def _up(self) -> None:
        self._recheck.start()
        if not (self._account.is_clear and self._books.is_clear):
            self._recheck.doubt()
        self.emit("connect", self)

    def _down(self) -> None:
        self._recheck.stop()
        self._books.forget()
        self.emit("disconnect", self)

    async def _compare(self, is_full: bool) -> bool:
        """Whether nothing is left in doubt after a look at the venue, where one was needed."""
        session = self._connection.session
        if session is None:
            return True
        try:
            await self._books.refresh(session, is_full)
            if is_full or not self._account.is_clear:
                await self._account.compare(session)
        except ValueError as problem:
            raise InvalidData(self.name, "compare", str(problem)) from problem
        return self._account.is_clear and self._books.is_clear

    def _session(self, call: str) -> Session:
        if self._connection.session is None:
            raise Retryable(self.name, call, "not connected")
        return self._connection.session

    def _contract(self, ticker: str, call: str) -> Contract:
        self._session(call)
        if ticker not in self._contracts:
            raise Refused(self.name, call, f"no contract {ticker!r}")
        return self._contracts[ticker]

    def _pair(self, ticker: str, call: str) -> Contract:
        contract = self._contracts.get(ticker)
        if contract is None or not contract.is_pair:
            raise Refused(self.name, call, f"{ticker!r} is not one of the currency pairs {self._pairs()}")
        return contract

    def _read(self, call: str, reader: Callable[..., T], *arguments: Any) -> T:
        try:
            return reader(*arguments)
        except ValueError as problem:
            raise InvalidData(self.name, call, str(problem)) from problem

    # Looking

    @returns_deferred
    async def getInstruments(self) -> Mapping[str, Instrument]:
        self._session("getInstruments")
        return dict(self.instruments)

    @returns_deferred
    async def getPositions(self) -> Mapping[str, PositionShape]:
        """``available`` is less than the position by what our open orders hold; the venue does not tell it (see reserves)."""
        session = self._session("getPositions")
        raw = await session.call("trader.get_positions")
        orders = self._read("getPositions", read_open_orders, await session.call("trader.get_open_orders"))
        positions = self._read("getPositions", read_positions, raw, self._contracts)
        for ticker, held in held_by(orders.values(), self._contracts, self._options.fee).items():
            if ticker in positions:
                position = positions[ticker]["position"]
                positions[ticker]["available"] = min(position, max(ZERO, position - held))
        return positions

    @returns_deferred
    async def getOpenOrders(self) -> Mapping[str, OrderShape]:
        """Asked each time; less orders in contracts that we never saw active, which have no known unit."""
        raw = await self._session("getOpenOrders").call("trader.get_open_orders")
        orders = self._read("getOpenOrders", read_open_orders, raw).values()
        return {str(o.id): order_shape(o, self._contracts[o.contract]) for o in orders if o.contract in self._contracts}

    @returns_deferred
    async def getOrderBook(self, ticker: str) -> BookShape:
        self._contract(ticker, "getOrderBook")
        streamed = self._books.get(ticker)
        if streamed is not None:
            return {**streamed, "timestamp": self.bookAsOf(ticker) or streamed["timestamp"]}
        raw = await self._session("getOrderBook").call("market.get_order_book", ticker)
        contract, now = self._contract(ticker, "getOrderBook"), self._surroundings.microseconds()
        return self._read("getOrderBook", read_book, raw, contract, now)

    def bookAsOf(self, ticker: str) -> int | None:
        session = self._connection.session
        return session.heard_at if session is not None and self._books.get(ticker) is not None else None

    @returns_deferred
    async def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> dict[int, CandleShape]:
        contract = self._contract(ticker, "getOHLCVHistory")
        span = _microseconds(start_datetime), _microseconds(end_datetime)
        raw = await self._session("getOHLCVHistory").call("market.get_ohlcv_history", ticker, period, *span)
        return self._read("getOHLCVHistory", read_candles, raw, contract, period)

    @returns_deferred
    async def getTransactionHistory(self, start_datetime: datetime, end_datetime: datetime) -> list[TransactionShape]:
        """Money in and out; what trades moved is told by :meth:`getTradeHistory`."""
        span = _microseconds(start_datetime), _microseconds(end_datetime)
        try:
            return await self._account.transactions(self._session("getTransactionHistory"), *span)
        except ValueError as problem:
            raise InvalidData(self.name, "getTransactionHistory", str(problem)) from problem

    @returns_deferred
    async def getTradeHistory(self, start_datetime: datetime, end_datetime: datetime) -> list[FillShape]:
        span = _microseconds(start_datetime), _microseconds(end_datetime)
        try:
            return await self._account.trades(self._session("getTradeHistory"), *span)
        except ValueError as problem:
            raise InvalidData(self.name, "getTradeHistory", str(problem)) from problem

    # Trading

    @returns_deferred
    async def placeOrder(
        self,
        ticker: str,
        quantity: Decimal,
        price: Decimal,
        side: SideName,
        client_id: str | None = None,  # noqa: ARG002  # Sputnik carries none
        post_only: bool = False,  # noqa: ARG002  # Sputnik has none
        immediate: bool = False,  # noqa: ARG002  # Sputnik has none
    ) -> str:
        """Only currency pairs: executions of other types could not be proven from the history."""
        session = self._session("placeOrder")
        contract = self._pair(ticker, "placeOrder")
        if side not in ("BUY", "SELL"):
            raise Refused(self.name, "placeOrder", f"side must be BUY or SELL, not {side!r}")
        try:
            units, size = contract.price_to_wire(price), contract.quantity_to_wire(quantity)
        except OffStep as off:
            raise Refused(self.name, "placeOrder", str(off), off.reason) from off
        sent_at = self._surroundings.microseconds()
        order = {"contract": ticker, "price": units, "quantity": size, "side": side}
        found = await session.call("trader.place_order", order, is_write=True)
        try:
            id = whole(found, "order id", 0)
        except ValueError as problem:
            raise OutcomeUnknown(self.name, "placeOrder", str(problem)) from problem
        self._account.placed(WireOrder(id, ticker, side, units, size, size, False, 0), sent_at)
        return str(id)

    @returns_deferred
    async def cancelOrder(self, id: str) -> bool:
        session = self._session("cancelOrder")
        if not (id.isascii() and id.isdecimal()):
            raise Refused(self.name, "cancelOrder", f"{id!r} is no order id of this venue", Reason.UNKNOWN_ORDER)
        was_cancelled = await session.call("trader.cancel_order", int(id), is_write=True)
        if not isinstance(was_cancelled, bool):
            raise OutcomeUnknown(self.name, "cancelOrder", f"expected true or false, got {was_cancelled!r:.100}")
        return was_cancelled

    # Money in and out

    @returns_deferred
    async def getCurrentAddress(self, ticker: str) -> str:
        return await self._address("get_current_address", ticker)

    @returns_deferred
    async def getNewAddress(self, ticker: str) -> str:
        """Ends the old one: the venue looks for coins at active addresses only."""
        return await self._address("get_new_address", ticker)

    async def _address(self, call: str, ticker: str) -> str:
        self._contract(ticker, call)
        return self._read(call, words, await self._session(call).call(f"trader.{call}", ticker), "address")

    @returns_deferred
    async def requestWithdrawal(self, ticker: str, amount: Decimal, address: str) -> str | None:
        """The venue takes its fee out of ``amount``, gives no reference, and may wait for its operator."""
        contract = self._contract(ticker, "requestWithdrawal")
        if contract.kind != "cash":
            raise Refused(self.name, "requestWithdrawal", f"{ticker!r} is no currency")
        if not address:
            raise Refused(self.name, "requestWithdrawal", "no address", Reason.ADDRESS)
        try:
            units = contract.quantity_to_wire(amount)
        except OffStep as off:
            raise Refused(self.name, "requestWithdrawal", str(off), off.reason) from off
        totp = self._access.one_time_password(self._surroundings)
        session = self._session("requestWithdrawal")
        answer = await session.call("trader.request_withdrawal", ticker, units, address, totp, is_write=True)
        if answer is not True:
            raise OutcomeUnknown(self.name, "requestWithdrawal", f"expected true, got {answer!r:.100}")
        return None


def _microseconds(moment: datetime) -> int:
    """An aware time in microseconds; integers all the way.

    :raises ValueError: for a naive one.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return (moment - EPOCH) // timedelta(microseconds=1)
