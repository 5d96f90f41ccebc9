"""Binance behind the exchange interface. Its parts (:mod:`rest`, :mod:`orders`, :mod:`account`, :mod:`streams`) meet here."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred

from clients.binance import wire
from clients.binance.account import Account
from clients.binance.executions import News
from clients.binance.faults import VENUE
from clients.binance.networks import networks
from clients.binance.orders import Orders
from clients.binance.places import Places
from clients.binance.rest import BinanceRest
from clients.binance.streams import BookStream, UserStream
from clients.binance.wire import Listing, Market, reading
from clients.errors import Reason, Refused, Retryable
from clients.interface import returns_deferred
from clients.parsing import EPOCH
from clients.streaming_client import MARGIN, StreamingClient
from clients.surroundings import Surroundings
from model.candle import Period
from model.instrument import Instrument
from model.shapes import BookShape, CandleShape, FillShape, OrderShape, PositionShape, SideName, TransactionShape

INFO, COINS = "GET /api/v3/exchangeInfo", "GET /sapi/v1/capital/config/getall"
DEPTH, KLINES = "GET /api/v3/depth", "GET /api/v3/klines"
#: Bars that one ``klines`` may tell.
BARS = 1000


class Binance(StreamingClient):
    """Binance spot.

    :param id: the API key (HMAC); empty for public data only (as fiat): then everything private is Refused (AUTH).
    :param secret: its secret, as Binance shows it.
    :param endpoint: ``https://api.binance.com`` if empty. Plain http is for this machine only (the sandbox).
    :param options: see :class:`clients.binance.places.Places`.
    :raises ValueError: for what cannot be an endpoint or an option.

    Client ids: Binance takes up to 36 of letters, digits and ``.:/_-``, unique among open orders, and gives them back.
    What the key must be allowed: reading, spot trading; withdrawals only with a list of IP addresses and of withdrawal
    addresses. No call makes a new deposit address: that is for a person.

    Histories tell the executions of contracts whose book is followed, that were traded here, or that the option
    ``contracts`` names; deposits and withdrawals of all coins (not those of fiat money by bank, which have other lists).
    """

    capabilities = frozenset({"book_stream", "order_stream", "client_id", "post_only", "immediate"})

    def __init__(
        self,
        id: str,
        secret: str,
        endpoint: str = "",
        *,
        surroundings: Surroundings | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        places = self._places = Places.of(endpoint, options or {})
        super().__init__(VENUE, surroundings or Surroundings.of_the_process(), has_key=bool(id))
        self._rest = BinanceRest(id, secret, places.rest, self._surroundings, places.window)
        self._books = BookStream(
            places.books,
            self._surroundings,
            places.depth,
            snapshot=self._snapshot,
            changed=lambda shape: self.emit("book", self, shape),
            up=self._settle,
            down=self._settle,
        )
        self._user = UserStream(
            places.user,
            self._surroundings,
            subscription=self._rest.subscription,
            told=self._told,
            up=self._own_up,
            down=self._own_down,
            refused=self._no_access,
            wrong_time=lambda: self._run(self._rest.measure_skew(), "asking for the time"),
        )
        self._traded: dict[str, Listing] = {}
        self._parts: tuple[Market, Orders, Account] | None = None
        self._use(self._books, self._user)

    # The connection

    @property
    def clock_offset(self) -> float | None:
        """By how many seconds the venue's clock is ahead of ours; None while no difference can be proven."""
        return self._rest.skew.proven_offset

    async def _learn(self) -> None:
        await self._rest.measure_skew()
        skew = self._rest.skew
        if skew.is_certain and abs(skew.best.offset) > 1:
            self.log.warn("binance's clock is {offset:.1f} s ahead of ours", offset=skew.best.offset)
        info = await self._rest.public(INFO)
        with reading(INFO):
            market, budget = wire.market(info), wire.budget(info)
        self._rest.keep_to(budget)
        # Wrong credentials should be told now, not at the first order.
        coins = await self._rest.private(COINS) if self._has_key else []
        with reading(COINS):
            ways = networks(coins, self._places.networks)
        orders = Orders(self._rest, market)
        account = Account(self._rest, market, orders, ways, self._ours, self._surroundings.now)
        self._parts = (market, orders, account)
        self._user.market = market
        self.instruments = {contract: listing.instrument for contract, listing in market.contracts.items()} | ways.instruments()
        for contract in self._places.contracts:
            self._traded[contract] = self._listing(market, "contracts", contract)
        if self._missed_since is None:
            # A subscription tells nothing of what is open already: that is read, from the first time on.
            self._missed_since = self._surroundings.now() - MARGIN

    def _close_calls(self) -> "Deferred[None]":
        return self._rest.close()

    @returns_deferred
    async def _snapshot(self, symbol: str) -> Any:
        return await self._rest.public(DEPTH, symbol=symbol, limit=str(self._places.depth))

    # What is ours

    def _ours(self) -> list[Listing]:
        market, _, _ = self._ready("histories")
        followed = {contract: market.contracts[contract] for contract in self._books.contracts}
        return list((followed | self._traded).values())

    def _told(self, news: News) -> None:
        self._note(news.order)
        if self._user.progress.is_news(news.order):
            self.emit("order", self, news.order)
        if news.fill is not None:
            self.emit("trade", self, news.fill)

    def _note(self, order: OrderShape) -> None:
        """Its contract is one that we trade, by this client or another way."""
        market, _, _ = self._ready("orders")
        listing = market.contracts.get(order["contract"])
        if listing is not None:
            self._traded[listing.contract] = listing

    async def _tell_missed(self, since: datetime) -> None:
        _, orders, account = self._ready("catch up")
        # Orders first: one that ends between the two readings is then still told by its fills.
        open_orders = await orders.open()
        ended = sorted(self._user.progress.unfinished() - set(open_orders))
        for order in [*open_orders.values(), *[await orders.look(id) for id in ended]]:
            self._note(order)
            # The stream may have told of it meanwhile, and newer things than we have read.
            if self._user.progress.is_news(order):
                self.emit("order", self, order)
        for fill in await account.fills(since, self._surroundings.now() + MARGIN):
            self.emit("trade", self, fill)

    # The interface's calls

    def _ready(self, call: str) -> tuple[Market, Orders, Account]:
        if self._parts is None or self._closing is not None:
            raise Retryable(VENUE, call, "not connected")
        return self._parts

    def _private(self, call: str) -> tuple[Market, Orders, Account]:
        if not self._has_key:
            raise Refused(VENUE, call, "no API key is configured", Reason.AUTH)
        return self._ready(call)

    def _listing(self, market: Market, call: str, contract: str) -> Listing:
        listing = market.contracts.get(contract)
        if listing is None:
            raise Refused(VENUE, call, f"{contract} is not listed")
        return listing

    @returns_deferred
    async def getInstruments(self) -> Mapping[str, Instrument]:
        self._ready("getInstruments")
        return dict(self.instruments)

    @returns_deferred
    async def getPositions(self) -> Mapping[str, PositionShape]:
        _, _, account = self._private("getPositions")
        return await account.positions()

    @returns_deferred
    async def getCurrentAddress(self, ticker: str) -> str:
        _, _, account = self._private("getCurrentAddress")
        return await account.address(ticker)

    @returns_deferred
    async def requestWithdrawal(self, ticker: str, amount: Decimal, address: str) -> str | None:
        _, _, account = self._private("requestWithdrawal")
        return await account.withdraw(ticker, amount, address)

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
        market, orders, _ = self._private("placeOrder")
        listing = self._listing(market, "placeOrder", ticker)
        self._traded[ticker] = listing
        asked = (("post_only", post_only), ("immediate", immediate))
        flags = frozenset(name for name, is_wanted in asked if is_wanted)
        return await orders.place(listing, quantity, price, side, client_id, flags)

    @returns_deferred
    async def cancelOrder(self, id: str) -> bool:
        _, orders, _ = self._private("cancelOrder")
        return await orders.cancel(id)

    @returns_deferred
    async def getOpenOrders(self) -> Mapping[str, OrderShape]:
        _, orders, _ = self._private("getOpenOrders")
        return await orders.open()

    @returns_deferred
    async def getOrderBook(self, ticker: str) -> BookShape:
        market, _, _ = self._ready("getOrderBook")
        listing = self._listing(market, "getOrderBook", ticker)
        self._books.follow(listing)
        streamed = self._books.book(listing)
        if streamed is not None:
            return streamed
        answer = await self._snapshot(listing.symbol)
        with reading(DEPTH):
            bids, asks = wire.depth(answer)
        return {"contract": ticker, "bids": bids, "asks": asks, "timestamp": self._surroundings.microseconds()}

    def bookAsOf(self, ticker: str) -> int | None:
        listing = self._parts[0].contracts.get(ticker) if self._parts else None
        return self._books.as_of(listing) if listing else None

    @returns_deferred
    async def getTransactionHistory(self, start_datetime: datetime, end_datetime: datetime) -> list[TransactionShape]:
        _, _, account = self._private("getTransactionHistory")
        return await account.transactions(start_datetime, end_datetime)

    @returns_deferred
    async def getTradeHistory(self, start_datetime: datetime, end_datetime: datetime) -> list[FillShape]:
        _, _, account = self._private("getTradeHistory")
        return await account.fills(start_datetime, end_datetime)

    @returns_deferred
    async def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> dict[int, CandleShape]:
        """All bars between the two times, as far back as the contract goes. The bar that is not over is left out."""
        market, _, _ = self._ready("getOHLCVHistory")
        listing = self._listing(market, "getOHLCVHistory", ticker)
        first, last = ((moment - EPOCH) // timedelta(milliseconds=1) for moment in (start_datetime, end_datetime))
        now = self._surroundings.microseconds()
        found: dict[int, CandleShape] = {}
        while first <= last:
            query = {"symbol": listing.symbol, "interval": wire.INTERVALS[period], "limit": str(BARS)}
            rows = await self._rest.public(KLINES, **query, startTime=str(first), endTime=str(last))
            with reading(KLINES):
                bars = [wire.candle(row, ticker, period) for row in rows]
            found |= {bar["open_timestamp"]: bar for bar in bars if bar["close_timestamp"] <= now}
            newest = max((bar["open_timestamp"] for bar in bars), default=0) // 1000
            if len(bars) < BARS or newest < first:
                break
            first = newest + 1
        return found
