"""An exchange of ccxt behind the exchange interface.

Books in use are streamed where ccxt.pro can; without it, or while a stream has nothing to say, they are looked at every ``poll``
seconds. So are our orders while any is open: a fill is known up to ``poll`` seconds late. Where we have a client of our own, use
that.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import ccxt
from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from clients.backoff import Backoff
from clients.ccxt import mapping
from clients.ccxt.account import Account
from clients.ccxt.library import Library
from clients.ccxt.mapping import reading
from clients.ccxt.memory import Memory
from clients.ccxt.options import read_options
from clients.ccxt.orders import Orders
from clients.ccxt.streams import BookStreams, Rows, offered
from clients.ccxt.watch import Watch
from clients.clock_skew import ClockSkew
from clients.endpoints import checked_endpoint
from clients.errors import ExchangeError, Reason, Refused, Retryable
from clients.interface import ExchangeClient, returns_deferred
from clients.surroundings import Surroundings
from model.candle import Period
from model.instrument import Instrument
from model.shapes import BookShape, CandleShape, FeesShape, FillShape, OrderShape, PositionShape, SideName, TransactionShape

#: Exchanges that take an id of the form of ours (``ilp-lq3k9x0a1b2``), give it back in their orders, and of which ccxt passes
#: both on (read in ccxt 4.5.90). A wrong claim would make an order whose answer was lost count as never placed.
CARRIES_CLIENT_IDS = frozenset({"binance", "binanceus", "bybit", "gemini", "kraken"})
#: What executed shortly before is read again: some of it may be listed late. So many looks after an order has changed.
MARGIN, LATE_LOOKS = timedelta(seconds=60), 3
#: Of a book in use the last look counts as current for so many periods.
CURRENT = 2.5
#: What of the interface needs which of ccxt's calls.
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "getCurrentAddress": ("fetchDepositAddress",),
    "getNewAddress": ("createDepositAddress",),
    "requestWithdrawal": ("withdraw",),
    "placeOrder": ("createOrder",),
    "cancelOrder": ("cancelOrder", "fetchOrder"),
    "getOpenOrders": ("fetchOpenOrders",),
    "getTradeHistory": ("fetchMyTrades",),
    "getTransactionHistory": ("fetchLedger", "fetchDeposits", "fetchDepositsWithdrawals"),
    "getOHLCVHistory": ("fetchOHLCV",),
}
#: Of these one is enough.
_ONE_OF = frozenset({"getTransactionHistory"})


def client_class(exchange_id: str) -> type["CcxtClient"]:
    """The client of one exchange of ccxt, with what it can do."""
    described: Any = getattr(ccxt, exchange_id)()
    features = ((described.features or {}).get("spot") or {}).get("createOrder") or {}
    in_force = features.get("timeInForce") or {}
    claims = {
        "book_stream": offered(exchange_id),
        "client_id": exchange_id in CARRIES_CLIENT_IDS,
        "post_only": in_force.get("PO") is True,
        "immediate": in_force.get("IOC") is True,
    }
    lacks = {
        method
        for method, calls in _NEEDED.items()
        if not (any if method in _ONE_OF else all)(described.has.get(call) for call in calls)
    }
    body = {
        "__doc__": f"ccxt's {exchange_id}; see :class:`CcxtClient`.",
        "__module__": __name__,
        "exchange_id": exchange_id,
        "capabilities": frozenset(name for name, has in claims.items() if has),
        "lacks": frozenset(lacks),
    }
    return type(exchange_id, (CcxtClient,), body)


class CcxtClient(ExchangeClient):
    """Made for one exchange by :func:`client_class`.

    :param id: the API key; empty for public data only: then everything private is Refused (AUTH).
    :param secret: its secret.
    :param endpoint: another address than the venue's own; plain http is for this machine only (the sandbox).
    :param options: see :class:`clients.ccxt.options.Options`.
    :raises ValueError: for what cannot be an endpoint or an option.
    """

    exchange_id: ClassVar[str]
    #: What of the interface ccxt cannot do at this exchange.
    lacks: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        id: str = "",
        secret: str = "",
        endpoint: str = "",
        *,
        surroundings: Surroundings | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"ccxt-{self.exchange_id}")
        self._surroundings = surroundings or Surroundings.of_the_process()
        self._options = read_options(self.name, options or {}, is_home=not endpoint)
        if self._options.client_ids is not None:
            claimed = self.capabilities - {"client_id"}
            self.capabilities = claimed | {"client_id"} if self._options.client_ids else claimed  # type: ignore[misc]
        self._has_key = bool(id)
        place = checked_endpoint(self.name, endpoint) if endpoint else ""
        self._library = Library(self.name, self.exchange_id, (id, secret), place, self._options, self._surroundings)
        clock = self._surroundings.reactor
        self._orders = Orders(self.name, self._library, self._options, clock, Memory(), self._told)
        self._account = Account(self.name, self._library, self._options, self._orders)
        self._streams = BookStreams(self.name, self.exchange_id, place, self._surroundings, self._streamed)
        self._does_stream = self._options.stream and "book_stream" in self.capabilities
        self._watch = Watch(self.name, self._look, self._options.poll, clock, self._went_up, self._went_down)
        self._skew = ClockSkew(resolution=0.001)
        self._books: dict[str, BookShape] = {}
        self._since: datetime = self._surroundings.now() - MARGIN
        self._late_looks = 0
        self._connecting: Deferred[None] | None = None
        self._waiting: list[Deferred[None]] = []
        self._is_usable = self._is_closed = False
        self._closing: Deferred[None] | None = None

    # The connection

    def connect(self) -> "Deferred[None]":
        if self._is_closed:
            return fail(Retryable(self.name, "connect", "this client was disconnected for good"))
        if self._is_usable:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        if self._connecting is None:
            self._connecting = Deferred.fromCoroutine(self._start())
            self._connecting.addErrback(self._gave_up)
        return waiter

    def _gave_up(self, failure: Failure) -> None:
        self._connecting = None
        self._answer_waiting(failure)

    def _answer_waiting(self, result: Any) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(result)

    async def _start(self) -> None:
        backoff = Backoff(self._surroundings.random)
        while not self._is_closed:
            try:
                await self._learn()
                break
            except ExchangeError as error:
                if self._is_closed or (isinstance(error, Refused) and error.reason is Reason.AUTH):
                    raise
                self.log.warn("{error}; trying again", error=error)
                await deferLater(self._surroundings.reactor, backoff.next_delay())
        if self._is_closed:
            raise Retryable(self.name, "connect", "disconnected meanwhile")
        self._watch.start()
        self._went_up()
        self._answer_waiting(None)

    async def _learn(self) -> None:
        markets = await self._library.markets()
        if self._library.can("fetchTime"):
            sent = self._surroundings.now().timestamp()
            server = await self._library.call("fetch_time")
            with reading(self.name, "fetch_time"):
                seconds = mapping.microseconds(server) / 1_000_000
            self._skew.observe(seconds, sent, self._surroundings.now().timestamp())
        if self._has_key:
            # Wrong credentials should be told now, not at the first order.
            await self._account.positions()
        traded = [market for market in markets.values() if mapping.is_traded(market)]
        mode = self._library.exchange.precisionMode
        prices = await self._last_prices() if mode == ccxt.SIGNIFICANT_DIGITS else {}
        with reading(self.name, "load_markets"):
            found = [mapping.instrument(market, mode, prices.get(market["symbol"])) for market in traded]
        self.instruments = {instrument.contract: instrument for instrument in found}

    @property
    def clock_offset(self) -> float | None:
        """By how many seconds the venue's clock is ahead of ours; None while no difference can be proven."""
        return self._skew.proven_offset

    async def _last_prices(self) -> dict[str, Decimal]:
        tickers = await self._library.call("fetch_tickers")
        with reading(self.name, "fetch_tickers"):
            return {name: mapping.exact(told["last"], "last price") for name, told in tickers.items() if told.get("last")}

    def _went_up(self) -> None:
        if not self._is_usable and not self._is_closed:
            self._is_usable = True
            self.emit("connect", self)

    def _went_down(self) -> None:
        if self._is_usable:
            self._is_usable = False
            self.emit("disconnect", self)

    def disconnect(self) -> "Deferred[None]":
        if self._closing is None:
            self._is_closed = True
            self._watch.stop()
            self._went_down()
            ends = [Deferred.fromCoroutine(self._library.close()), self._streams.close()]
            self._closing = gatherResults(ends).addCallback(lambda _: None)
            self._answer_waiting(Failure(Retryable(self.name, "connect", "disconnected meanwhile")))
        # Each caller gets a Deferred of its own: what one makes of its result is not the others'.
        done: Deferred[None] = Deferred()
        self._closing.chainDeferred(done)
        return done

    # Looking again and again

    async def _look(self) -> None:
        for contract in sorted(self._books):
            # What a stream has told just now need not be asked for.
            if self._age(contract) > self._options.poll * 1_000_000 or not self._does_stream:
                self.emit("book", self, await self._ask_book(contract))
        if not self._orders.memory.open and not self._late_looks:
            return
        self._late_looks = max(0, self._late_looks - 1)
        before = dict(self._orders.memory.open)
        now_open = await self._orders.open()
        for id in before.keys() - now_open.keys():
            await self._see_off(id, before[id]["contract"])
        for fill in await self._account.fills(self._since, self._surroundings.now() + MARGIN):
            if self._orders.memory.is_news(fill):
                self.emit("trade", self, fill)
        self._since = self._surroundings.now() - MARGIN

    async def _see_off(self, id: str, contract: str) -> None:
        """An order is open no longer: learn and tell how it ended."""
        try:
            await self._orders.look(id, contract)
        except Refused as refused:
            if refused.reason is not Reason.UNKNOWN_ORDER:
                raise
            # How it ended only its executions can tell now.
            self._orders.memory.open.pop(id, None)
            self._late_looks = LATE_LOOKS

    def _told(self, shape: OrderShape) -> None:
        self._late_looks = LATE_LOOKS
        self.emit("order", self, shape)

    async def _ask_book(self, contract: str) -> BookShape:
        answer = await self._library.call("fetch_order_book", contract)
        with reading(self.name, "fetch_order_book"):
            return self._take(contract, answer["bids"], answer["asks"])

    def _streamed(self, contract: str, bids: Rows, asks: Rows) -> None:
        if not self._is_usable:
            return
        try:
            with reading(self.name, "watch_order_book"):
                shape = self._take(contract, bids, asks)
        except ExchangeError as error:
            # The next look shows the book as it is; until then there is none.
            self.log.warn("{error}; looking instead", error=error)
            self._books.pop(contract, None)
        else:
            self.emit("book", self, shape)

    def _take(self, contract: str, told_bids: Any, told_asks: Any) -> BookShape:
        bids, asks = mapping.levels(told_bids, is_bid=True), mapping.levels(told_asks, is_bid=False)
        shape: BookShape = {"contract": contract, "bids": bids, "asks": asks, "timestamp": self._surroundings.microseconds()}
        self._books[contract] = shape
        return shape

    # The interface's calls

    def _ready(self, call: str) -> None:
        if not self.instruments or self._is_closed:
            raise Retryable(self.name, call, "not connected")

    def _private(self, call: str) -> Account:
        if not self._has_key:
            raise Refused(self.name, call, "no API key is configured", Reason.AUTH)
        self._ready(call)
        return self._account

    def _instrument(self, call: str, contract: str) -> Instrument:
        if contract not in self.instruments:
            raise Refused(self.name, call, f"{contract} is not listed")
        return self.instruments[contract]

    @returns_deferred
    async def getInstruments(self) -> Mapping[str, Instrument]:
        self._ready("getInstruments")
        return dict(self.instruments)

    @returns_deferred
    async def getFees(self, ticker: str) -> FeesShape:
        account = self._private("getFees")
        self._instrument("getFees", ticker)
        maker, taker = await account.fees(ticker, self._library.exchange.markets[ticker])
        return {"maker": maker, "taker": taker}

    @returns_deferred
    async def getPositions(self) -> Mapping[str, PositionShape]:
        return await self._private("getPositions").positions()

    @returns_deferred
    async def getCurrentAddress(self, ticker: str) -> str:
        return await self._private("getCurrentAddress").address(ticker, is_new=False)

    @returns_deferred
    async def getNewAddress(self, ticker: str) -> str:
        return await self._private("getNewAddress").address(ticker, is_new=True)

    @returns_deferred
    async def requestWithdrawal(self, ticker: str, amount: Decimal, address: str) -> str | None:
        return await self._private("requestWithdrawal").withdraw(ticker, amount, address)

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
        self._private("placeOrder").needs("createOrder")
        instrument = self._instrument("placeOrder", ticker)
        asked = {"post_only": post_only, "immediate": immediate}
        flags = frozenset(name for name, is_wanted in asked.items() if is_wanted and name in self.capabilities)
        carried = client_id if "client_id" in self.capabilities else None
        return await self._orders.place(instrument, quantity, price, side, carried, flags)

    @returns_deferred
    async def cancelOrder(self, id: str) -> bool:
        for method in _NEEDED["cancelOrder"]:
            self._private("cancelOrder").needs(method)
        return await self._orders.cancel(id)

    @returns_deferred
    async def getOpenOrders(self) -> Mapping[str, OrderShape]:
        self._private("getOpenOrders").needs("fetchOpenOrders")
        return await self._orders.open()

    @returns_deferred
    async def getOrderBook(self, ticker: str) -> BookShape:
        """The last look while it is current; from the first call on the book is looked at again and again."""
        self._ready("getOrderBook")
        self._instrument("getOrderBook", ticker)
        self._orders.in_use.add(ticker)
        if self._does_stream:
            self._streams.follow(ticker, self._library.exchange.markets)
        return self._books[ticker] if self.bookAsOf(ticker) is not None else await self._ask_book(ticker)

    def bookAsOf(self, ticker: str) -> int | None:
        """When the book in use was last looked at; None if that is too long ago."""
        book = self._books.get(ticker)
        if book is None or not self._is_usable:
            return None
        return book["timestamp"] if self._age(ticker) <= CURRENT * self._options.poll * 1_000_000 else None

    def _age(self, contract: str) -> int:
        return self._surroundings.microseconds() - self._books[contract]["timestamp"]

    @returns_deferred
    async def getTransactionHistory(self, start_datetime: datetime, end_datetime: datetime) -> list[TransactionShape]:
        return await self._private("getTransactionHistory").transactions(start_datetime, end_datetime)

    @returns_deferred
    async def getTradeHistory(self, start_datetime: datetime, end_datetime: datetime) -> list[FillShape]:
        return await self._private("getTradeHistory").fills(start_datetime, end_datetime)

    @returns_deferred
    async def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> dict[int, CandleShape]:
        self._ready("getOHLCVHistory")
        self._instrument("getOHLCVHistory", ticker)
        self._account.needs("fetchOHLCV")
        now = self._surroundings.now()
        return await self._account.candles(ticker, period, start_datetime, min(now, end_datetime))
