"""A client whose market is real and whose money is not."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, ClassVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater

from clients.errors import Reason, Refused, Retryable
from clients.interface import ExchangeClient, returns_deferred
from clients.paper.account import PaperAccount
from clients.paper.matching import Execution, PaperMarket, PaperOrder
from clients.paper.network import PaperNetwork
from clients.paper.options import PaperOptions
from clients.steps import check_steps
from clients.surroundings import Surroundings
from model.book import Book
from model.candle import Period
from model.instrument import Instrument
from model.money import ZERO
from model.order import Side
from model.shapes import BookShape, CandleShape, FeesShape, FillShape, OrderShape, PositionShape, SideName, TransactionShape

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: So many orders are remembered; the oldest that are over go first.
MOST_ORDERS = 4096


class Paper(ExchangeClient):
    """``real`` is asked for its market only: instruments, books, bars; never for anything about an account of it.

    How orders fare is :mod:`clients.paper.matching`'s model. Open orders end with the process, as with a venue that cancels on
    disconnect; the money is begun anew too, unless the options name a file. A transfer to an address that another paper
    account of ``network`` has told arrives there; any other address is outside, and the money gone.
    """

    capabilities: ClassVar[frozenset[str]] = frozenset({"order_stream", "client_id", "post_only", "immediate"})

    def __init__(self, real: Any, options: PaperOptions, surroundings: Surroundings, network: PaperNetwork) -> None:
        super().__init__(f"paper-{getattr(real, 'name', type(real).__name__)}")
        self.capabilities = self.capabilities | ({"book_stream"} & getattr(real, "capabilities", frozenset()))  # type: ignore[misc]
        self._real = real
        self._options = options
        self._surroundings = surroundings
        self._network = network
        self._account = PaperAccount(options.balance, options.file)
        self._account.open()
        self._markets: dict[str, PaperMarket] = {}
        self._orders: dict[str, PaperOrder] = {}
        self._addresses: dict[str, str] = {}
        # Ids must differ from those of every earlier run: the pool's ledger remembers them.
        self._run = f"paper-{surroundings.microseconds():x}"
        self._numbers = count(1)
        self._is_usable = False
        real.on("connect", self._real_connected)
        real.on("disconnect", self._real_disconnected)
        real.on("book", self._real_moved)

    # The connection

    @returns_deferred
    async def connect(self) -> None:
        await self._real.connect()
        if not self._is_usable:
            self.instruments = dict(await self._real.getInstruments())
            self._went_up()

    def _real_connected(self, _real: Any) -> None:
        if self.instruments:
            self._went_up()

    def _went_up(self) -> None:
        if not self._is_usable:
            self._is_usable = True
            self.emit("connect", self)

    def _real_disconnected(self, _real: Any) -> None:
        if self._is_usable:
            self._is_usable = False
            self.emit("disconnect", self)

    def disconnect(self) -> "Deferred[None]":
        self._real_disconnected(self._real)
        closed: Deferred[None] = self._real.disconnect()
        return closed

    @property
    def clock_offset(self) -> float | None:
        """The real venue's."""
        found: float | None = getattr(self._real, "clock_offset", None)
        return found

    # The market

    @returns_deferred
    async def getInstruments(self) -> Mapping[str, Instrument]:
        found: Mapping[str, Instrument] = await self._real.getInstruments()
        return found

    def getFees(self, ticker: str) -> "Deferred[FeesShape]":  # noqa: ARG002  # the same for all
        """What this account is charged."""
        return succeed({"maker": self._options.maker, "taker": self._options.taker})

    @returns_deferred
    async def getOrderBook(self, ticker: str) -> BookShape:
        """The real book, less what we took of it, with our own orders in it."""
        return (await self._market(ticker)).shown().to_shape()

    def bookAsOf(self, ticker: str) -> int | None:
        found: int | None = self._real.bookAsOf(ticker)
        return found

    def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> "Deferred[dict[int, CandleShape]]":
        found: Deferred[dict[int, CandleShape]] = self._real.getOHLCVHistory(ticker, period, start_datetime, end_datetime)
        return found

    async def _market(self, contract: str) -> PaperMarket:
        """The market of ``contract`` as it is now."""
        shape = await self._real.getOrderBook(contract)
        if contract not in self._markets:
            instrument = self.instruments.get(contract) or Instrument(contract)
            self._markets[contract] = PaperMarket(instrument, self._options.traded, Book.from_shape(shape))
        else:
            self._move(contract, Book.from_shape(shape))
        return self._markets[contract]

    def _real_moved(self, _real: Any, shape: BookShape) -> None:
        contract = shape["contract"]
        if contract in self._markets:
            self._move(contract, Book.from_shape(shape))
            self._show(contract)

    def _move(self, contract: str, book: Book) -> None:
        self._tell(self._markets[contract].move(book))

    def _show(self, contract: str) -> None:
        if "book_stream" in self.capabilities:
            self.emit("book", self, self._markets[contract].shown().to_shape())

    # Orders

    @returns_deferred
    async def placeOrder(
        self,
        ticker: str,
        quantity: Decimal,
        price: Decimal,
        side: SideName,
        client_id: str | None = None,
        post_only: bool = False,
        immediate: bool = False,
    ) -> str:
        self._ready("placeOrder")
        if ticker not in self.instruments:
            raise Refused(self.name, "placeOrder", f"{ticker} is not listed")
        check_steps(self.name, "placeOrder", self.instruments[ticker], quantity, price, side)
        await self._pause()
        market = await self._market(ticker)
        order = PaperOrder(
            f"{self._run}-{next(self._numbers)}",
            client_id,
            ticker,
            Side(side),
            price,
            quantity,
            quantity,
            self._surroundings.microseconds(),
        )
        self._check_funds(order)
        if post_only and market.would_cross(order.side, price):
            raise Refused(self.name, "placeOrder", f"{side} at {price} would trade at once", Reason.WOULD_CROSS)
        executions = market.arrive(order)
        self._remember(order)
        if immediate and order.left:
            order.is_cancelled = True
        self._tell_order(order)
        self._tell(executions)
        self._show(ticker)
        return order.id

    def _remember(self, order: PaperOrder) -> None:
        self._orders[order.id] = order
        if len(self._orders) > MOST_ORDERS:
            over = next((id for id, each in self._orders.items() if not each.is_open), None)
            if over is not None:
                del self._orders[over]

    def _check_funds(self, order: PaperOrder) -> None:
        ticker, amount = self._hold(order)
        available = self._account.balances.get(ticker, ZERO) - self._held().get(ticker, ZERO)
        if amount > available:
            words = f"{amount} {ticker} are needed and {available} available"
            raise Refused(self.name, "placeOrder", words, Reason.FUNDS)

    def _hold(self, order: PaperOrder) -> tuple[str, Decimal]:
        """What an open order keeps from being spent: the dearer fee included."""
        base, _, quote = order.contract.partition("/")
        fee = max(self._options.maker, self._options.taker, ZERO)
        if order.side is Side.SELL:
            return base, order.left
        return quote, order.left * order.price * (1 + fee)

    def _held(self) -> dict[str, Decimal]:
        held: dict[str, Decimal] = {}
        for order in self._orders.values():
            if order.is_open:
                ticker, amount = self._hold(order)
                held[ticker] = held.get(ticker, ZERO) + amount
        return held

    @returns_deferred
    async def cancelOrder(self, id: str) -> bool:
        self._ready("cancelOrder")
        await self._pause()
        order = self._orders.get(id)
        if order is None:
            raise Refused(self.name, "cancelOrder", f"{id} is not known", Reason.UNKNOWN_ORDER)
        if order.is_open:
            order.is_cancelled = True
            self._tell_order(order)
            self._show(order.contract)
        return order.is_cancelled

    @returns_deferred
    async def getOpenOrders(self) -> Mapping[str, OrderShape]:
        return {order.id: order.as_order().to_shape() for order in self._orders.values() if order.is_open}

    def _tell_order(self, order: PaperOrder) -> None:
        self.emit("order", self, order.as_order().to_shape())

    def _tell(self, executions: list[Execution]) -> None:
        for execution in executions:
            order = execution.order
            fee = execution.price * execution.quantity * (self._options.maker if execution.is_maker else self._options.taker)
            quote = order.contract.partition("/")[2]
            shape: FillShape = {
                "id": f"{self._run}-{next(self._numbers)}",
                "order_id": order.id,
                "client_id": order.client_id,
                "contract": order.contract,
                "side": order.side.value,
                "price": execution.price,
                "quantity": execution.quantity,
                "fees": {quote: fee} if fee else {},
                "timestamp": self._surroundings.microseconds(),
            }
            self._account.book_fill(shape)
            self.emit("trade", self, shape)
        for order in {execution.order.id: execution.order for execution in executions}.values():
            self._tell_order(order)

    # The account

    def _ready(self, call: str) -> None:
        if not self._is_usable:
            raise Retryable(self.name, call, "not connected")

    def _pause(self) -> "Deferred[None]":
        return deferLater(self._surroundings.reactor, self._options.latency, lambda: None)

    @returns_deferred
    async def getPositions(self) -> Mapping[str, PositionShape]:
        held = self._held()
        return {
            ticker: {"contract": ticker, "position": amount, "available": amount - held.get(ticker, ZERO)}
            for ticker, amount in self._account.balances.items()
        }

    @returns_deferred
    async def getTradeHistory(self, start_datetime: datetime, end_datetime: datetime) -> list[FillShape]:
        return [shape for shape in self._account.fills if _is_within(shape["timestamp"], start_datetime, end_datetime)]

    @returns_deferred
    async def getTransactionHistory(self, start_datetime: datetime, end_datetime: datetime) -> list[TransactionShape]:
        return [shape for shape in self._account.transactions if _is_within(shape["timestamp"], start_datetime, end_datetime)]

    @returns_deferred
    async def getCurrentAddress(self, ticker: str) -> str:
        return self._addresses[ticker] if ticker in self._addresses else self._open_address(ticker)

    @returns_deferred
    async def getNewAddress(self, ticker: str) -> str:
        return self._open_address(ticker)

    def _open_address(self, ticker: str) -> str:
        address = f"{self.name}-{ticker}-{self._run}-{next(self._numbers)}"
        self._network.open(ticker, address, self._credit)
        self._addresses[ticker] = address
        return address

    def _credit(self, ticker: str, amount: Decimal, address: str, reference: str) -> None:
        self._post("Deposit", ticker, amount, address, reference)

    @returns_deferred
    async def requestWithdrawal(self, ticker: str, amount: Decimal, address: str) -> str | None:
        available = self._account.balances.get(ticker, ZERO) - self._held().get(ticker, ZERO)
        if not amount.is_finite() or not ZERO < amount <= available:
            raise Refused(self.name, "requestWithdrawal", f"{amount} {ticker} of {available} available", Reason.FUNDS)
        reference = f"{self._run}-{next(self._numbers)}"
        self._post("Withdrawal", ticker, amount, address, reference)
        arrives = self._network.find(ticker, address)
        if arrives is not None:
            self._surroundings.reactor.callLater(self._options.delay, arrives, ticker, amount, address, reference)
        return reference

    def _post(self, kind: Any, ticker: str, amount: Decimal, address: str, reference: str) -> None:
        shape: TransactionShape = {
            "id": f"{self._run}-{next(self._numbers)}",
            "contract": ticker,
            "type": kind,
            "direction": "credit" if kind == "Deposit" else "debit",
            "quantity": amount,
            "note": f"paper {kind.lower()}",
            "address": address,
            "reference": reference,
            "state": "done",
            "timestamp": self._surroundings.microseconds(),
        }
        self._account.post(shape)
        self.emit("transaction", self, shape)


def _is_within(timestamp: int, start: datetime, end: datetime) -> bool:
    first, last = ((moment - EPOCH) // timedelta(microseconds=1) for moment in (start, end))
    return first <= timestamp <= last
