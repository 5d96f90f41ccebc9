"""Kraken behind the exchange interface. The parts: :mod:`rest`, :mod:`orders`, :mod:`account`, :mod:`streams`; here they meet."""

from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import floor
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, succeed
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from clients.backoff import Backoff
from clients.errors import ExchangeError, Reason, Refused, Retryable
from clients.interface import ExchangeClient, returns_deferred
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
from clients.surroundings import Surroundings
from model.candle import PERIOD_SECONDS, Period
from model.instrument import Instrument
from model.shapes import BookShape, CandleShape, FillShape, OrderShape, PositionShape, SideName, TransactionShape

#: What was told shortly before a connection was lost is read again: some of it may have been lost with it.
MARGIN = timedelta(seconds=60)


class Kraken(ExchangeClient):
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
        super().__init__(VENUE)
        places = Places.of(endpoint, options or {})
        self._surroundings = surroundings or Surroundings.of_the_process()
        self._has_key = bool(id)
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
            up=self._executions_up,
            down=self._executions_down,
            refused=self._refused_a_token,
        )
        self._parts: tuple[Market, Orders, Account] | None = None
        self._waiting: list[Deferred[None]] = []
        self._is_starting = False
        self._at_work: set[Deferred[None]] = set()
        self._knows_orders = not self._has_key
        self._missed_since: datetime | None = None
        self._losses = 0
        self._is_usable = False
        self._closing: Deferred[None] | None = None

    # The connection

    def connect(self) -> "Deferred[None]":
        if self._closing is not None:
            return fail(Retryable(VENUE, "connect", "this client was disconnected for good"))
        if self._is_usable:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        if not self._is_starting:
            self._is_starting = True
            self._run(self._start(), "start")
        return waiter

    @property
    def clock_offset(self) -> float | None:
        """Seconds that the venue's clock is ahead of ours; None where the two cannot be told apart."""
        return self._rest.skew.best.offset if self._rest.skew.is_certain else None

    async def _start(self) -> None:
        backoff = Backoff(self._surroundings.random)
        while True:
            try:
                market = await self._learn()
                break
            except ExchangeError as error:
                if isinstance(error, Refused) and error.reason is Reason.AUTH:
                    self._is_starting = False
                    self._answer_waiting(Failure(error))
                    return
                self.log.warn("{error}; trying again", error=error)
                await deferLater(self._surroundings.reactor, backoff.next_delay())
        orders = Orders(self._rest, market, self._surroundings.reactor, self._age)
        self._parts = (market, orders, Account(self._rest, market, self._deposit_methods))
        self.instruments = {contract: pair.instrument for contract, pair in market.pairs.items()}
        self._books.start()
        if self._has_key:
            self._executions.start()

    async def _learn(self) -> Market:
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
            return wire.market(assets, pairs)

    def disconnect(self) -> "Deferred[None]":
        if self._closing is None:
            for deferred in list(self._at_work):
                deferred.cancel()
            ends = [self._books.close(), self._executions.close(), self._rest.close()]
            self._closing = gatherResults(ends).addCallback(lambda _: None)
            self._settle()
            self._answer_waiting(Failure(Retryable(VENUE, "connect", "disconnected meanwhile")))
        # Each caller gets a Deferred of its own: what one makes of its result is not the others'.
        done: Deferred[None] = Deferred()
        self._closing.chainDeferred(done)
        return done

    def _settle(self) -> None:
        """Tell when the client becomes usable, or ceases to be."""
        is_usable = self._books.is_up and self._knows_orders and self._closing is None
        if is_usable == self._is_usable:
            return
        self._is_usable = is_usable
        self.emit("connect" if is_usable else "disconnect", self)
        if is_usable:
            self._answer_waiting(None)

    def _answer_waiting(self, result: Any) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(result)

    def _run(self, work: Coroutine[Any, Any, None], what: str) -> "Deferred[None]":
        """Work that nobody waits for: its failure is logged, and it ends with the client."""
        running: Deferred[None] = Deferred.fromCoroutine(work)
        self._at_work.add(running)

        def ended(result: Any) -> None:
            self._at_work.discard(running)
            if isinstance(result, Failure) and not result.check(CancelledError):
                self.log.failure("kraken: {what} failed", failure=result, what=what)

        return running.addBoth(ended)

    # Our executions

    @returns_deferred
    async def _token(self) -> str:
        answer = await self._rest.private("GetWebSocketsToken")
        with reading("GetWebSocketsToken"):
            return text(answer["token"], "token")

    def _refused_a_token(self, error: ExchangeError) -> None:
        if isinstance(error, Refused) and error.reason is Reason.AUTH:
            self._answer_waiting(Failure(error))

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

    def _executions_up(self) -> None:
        self._run(self._catch_up(), "catching up")

    def _executions_down(self) -> None:
        self._losses += 1
        self._knows_orders = False
        heard = self._executions.last_heard
        if self._missed_since is None and heard is not None:
            self._missed_since = EPOCH + timedelta(microseconds=heard) - MARGIN
        self._settle()

    async def _catch_up(self) -> None:
        """After a loss, read and tell what was missed; only then are the orders known again."""
        backoff = Backoff(self._surroundings.random)
        losses = self._losses
        while self._missed_since is not None:
            try:
                await self._tell_missed(self._missed_since)
                is_read = True
            except ExchangeError as error:
                self.log.warn("{error}; reading again what was missed", error=error)
                is_read = False
            if losses != self._losses:
                # Lost again meanwhile: what came since is missing, and the next connection reads all of it.
                return
            if is_read:
                self._missed_since = None
            else:
                await deferLater(self._surroundings.reactor, backoff.next_delay())
        if losses == self._losses:
            self._knows_orders = True
            self._settle()

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
