"""Kraken behind the exchange interface. The parts: :mod:`rest`, :mod:`orders`, :mod:`account`, :mod:`streams`; here they meet."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import floor

from twisted.internet.defer import Deferred

from clients.errors import ExchangeError, Reason, Refused, Retryable
from clients.interface import returns_deferred
from clients.kraken import wire
from clients.kraken.account import Account
from clients.kraken.executions import News
from clients.kraken.faults import VENUE
from clients.kraken.orders import Orders
from clients.kraken.places import Places
from clients.kraken.rest import KrakenRest
from clients.kraken.streams import BookStream, ExecutionStream
from clients.kraken.wire import Market, Pair, reading
from clients.parsing import EPOCH, text
from clients.streaming_client import MARGIN, StreamingClient
from clients.surroundings import Surroundings
from model.candle import PERIOD_SECONDS, Period
from model.instrument import Instrument
from model.shapes import BookShape, CandleShape, FeesShape, FillShape, OrderShape, PositionShape, SideName, TransactionShape


class Kraken(StreamingClient):
    """Kraken spot.

    :param id: the API key; empty for public data only (as fiat): then everything private is Refused (AUTH).
    :param secret: its secret, base64.
    :param endpoint: ``https://api.kraken.com`` if empty. Plain http is for this machine only (the sandbox).
    :param options: see :class:`clients.kraken.places.Places`.
    :raises ValueError: for what cannot be an endpoint, a secret or an option.

    Client ids: Kraken takes a UUID or up to 18 ASCII characters, unique among open orders, and gives them back.
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
        places = Places.of(endpoint, options or {})
        super().__init__(VENUE, surroundings or Surroundings.of_the_process(), has_key=bool(id))
        self._depth = places.depth
        self._deposit_methods = places.deposit_methods
        self._rest = KrakenRest(id, secret, places.rest, self._surroundings, places.tier)
        self._books = BookStream(
            places.books,
            self._surroundings,
            places.depth,
            changed=lambda shape: self.emit("book", self, shape),
            up=self._settle,
            down=self._settle,
        )
        self._executions = ExecutionStream(
            places.executions,
            self._surroundings,
            token=self._token,
            told=self._told,
            up=self._own_up,
            down=self._own_down,
            refused=self._no_access,
        )
        self._parts: tuple[Market, Orders, Account] | None = None
        self._use(self._books, self._executions)

    # The connection

    @property
    def clock_offset(self) -> float | None:
        """By how many seconds the venue's clock is ahead of ours; None while no difference can be proven."""
        return self._rest.skew.proven_offset

    async def _learn(self) -> None:
        await self._rest.measure_skew()
        skew = self._rest.skew
        if skew.is_certain and abs(skew.best.offset) > 1:
            self.log.warn("kraken's clock is {offset:.1f} s ahead of ours", offset=skew.best.offset)
        assets = await self._rest.public("Assets")
        pairs = await self._rest.public("AssetPairs")
        if self._has_key:
            # Wrong credentials should be told now, not at the first order.
            await self._rest.private("BalanceEx")
        with reading("AssetPairs"):
            market = wire.market(assets, pairs)
        orders = Orders(self._rest, market, self._surroundings.reactor, self._age)
        self._parts = (market, orders, Account(self._rest, market, self._deposit_methods))
        self.instruments = {contract: pair.instrument for contract, pair in market.pairs.items()}

    def _close_calls(self) -> "Deferred[None]":
        return self._rest.close()

    # Our executions

    @returns_deferred
    async def _token(self) -> str:
        answer = await self._rest.private("GetWebSocketsToken")
        with reading("GetWebSocketsToken"):
            return text(answer["token"], "token")

    def _told(self, news: News) -> None:
        for order in news.orders:
            self.emit("order", self, order)
        for fill in news.fills:
            self.emit("trade", self, fill)
        if news.incomplete:
            self._run(self._look_up(sorted(news.incomplete)), "looking up orders")

    async def _look_up(self, ids: list[str]) -> None:
        _, orders, _ = self._ready("QueryOrders")
        try:
            for order in await orders.look_up(ids):
                self.emit("order", self, order)
        except ExchangeError as error:
            # On the new connection the snapshot tells of open orders in whole, and the rest is read.
            self._executions.drop(f"orders could not be looked up: {error}")

    async def _tell_missed(self, since: datetime) -> None:
        _, orders, account = self._ready("catch up")
        # Orders first: one that ends between the two readings is then still told by its fills.
        open_orders = await orders.open()
        for order in open_orders.values():
            self.emit("order", self, order)
        ended = sorted(self._executions.memory.unfinished() - set(open_orders))
        for first in range(0, len(ended), 50):
            some = ended[first : first + 50]
            for order in await orders.look_up(some):
                self.emit("order", self, order)
            self._executions.memory.forget(some)
        for fill in await account.fills(since, self._surroundings.now() + MARGIN):
            self.emit("trade", self, fill)

    def _age(self, order_id: str) -> float:
        opened = self._executions.memory.opened_at(order_id)
        return 0.0 if opened is None else (self._surroundings.microseconds() - opened) / 1_000_000

    # The interface's calls

    def _ready(self, call: str) -> tuple[Market, Orders, Account]:
        if self._parts is None or self._closing is not None:
            raise Retryable(VENUE, call, "not connected")
        return self._parts

    def _private(self, call: str) -> tuple[Market, Orders, Account]:
        if not self._has_key:
            raise Refused(VENUE, call, "no API key is configured", Reason.AUTH)
        return self._ready(call)

    def _pair(self, market: Market, call: str, contract: str) -> Pair:
        pair = market.pairs.get(contract)
        if pair is None:
            raise Refused(VENUE, call, f"{contract} is not listed")
        return pair

    @returns_deferred
    async def getInstruments(self) -> Mapping[str, Instrument]:
        self._ready("getInstruments")
        return dict(self.instruments)

    @returns_deferred
    async def getFees(self, ticker: str) -> FeesShape:
        market, _, account = self._private("getFees")
        return await account.fees(self._pair(market, "getFees", ticker))

    @returns_deferred
    async def getPositions(self) -> Mapping[str, PositionShape]:
        _, _, account = self._private("getPositions")
        return await account.positions()

    @returns_deferred
    async def getCurrentAddress(self, ticker: str) -> str:
        _, _, account = self._private("getCurrentAddress")
        return await account.address(ticker, is_new=False)

    @returns_deferred
    async def getNewAddress(self, ticker: str) -> str:
        _, _, account = self._private("getNewAddress")
        return await account.address(ticker, is_new=True)

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
        pair = self._pair(market, "placeOrder", ticker)
        asked = (("post_only", post_only), ("immediate", immediate))
        flags = frozenset(name for name, is_wanted in asked if is_wanted)
        return await orders.place(pair, quantity, price, side, client_id, flags)

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
        pair = self._pair(market, "getOrderBook", ticker)
        self._books.follow(pair)
        streamed = self._books.book(ticker)
        if streamed is not None:
            return streamed
        result = await self._rest.public("Depth", pair=pair.id, count=str(self._depth))
        with reading("Depth"):
            bids, asks = wire.depth(result)
        return {"contract": ticker, "bids": bids, "asks": asks, "timestamp": self._surroundings.microseconds()}

    def bookAsOf(self, ticker: str) -> int | None:
        return self._books.as_of(ticker)

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
        """At most the last 720 bars, whatever is asked for: Kraken has no more. The bar that is not over is left out."""
        market, _, _ = self._ready("getOHLCVHistory")
        pair = self._pair(market, "getOHLCVHistory", ticker)
        # `since` is exclusive.
        since = str(floor(start_datetime.timestamp()) - PERIOD_SECONDS[period])
        result = await self._rest.public("OHLC", pair=pair.id, interval=wire.INTERVALS[period], since=since)
        with reading("OHLC"):
            bars = wire.candles(result, ticker, period)
        first, last = ((moment.astimezone(UTC) - EPOCH) // timedelta(microseconds=1) for moment in (start_datetime, end_datetime))
        over = min(last, self._surroundings.microseconds())
        return {opened: bar for opened, bar in bars.items() if first <= opened and bar["close_timestamp"] <= over}
