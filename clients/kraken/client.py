"""Kraken behind the exchange interface. The parts: :mod:`rest`, :mod:`orders`, :mod:`account`, :mod:`streams`; here they meet."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from math import floor

from clients.bars import finished
from clients.errors import ExchangeError
from clients.interface import returns_deferred
from clients.kraken import wire
from clients.kraken.account import Account
from clients.kraken.executions import News
from clients.kraken.faults import VENUE
from clients.kraken.orders import Orders
from clients.kraken.places import Places
from clients.kraken.rest import KrakenRest
from clients.kraken.streams import BookStream, ExecutionStream
from clients.kraken.wire import Pair, reading
from clients.parsing import text
from clients.spot_client import Parts, SpotClient
from clients.streaming_client import MARGIN
from clients.surroundings import Surroundings
from model.candle import PERIOD_SECONDS, Period
from model.shapes import CandleShape, FeesShape, LevelShape


class Kraken(SpotClient[Pair, Orders, Account]):
    """Kraken spot.

    :param id: the API key; empty for public data only (as fiat): then everything private is Refused (AUTH).
    :param secret: its secret, base64.
    :param endpoint: ``https://api.kraken.com`` if empty. Plain http is for this machine only (the sandbox).
    :param options: see :class:`clients.kraken.places.Places`.
    :raises ValueError: for what cannot be an endpoint, a secret or an option.

    Client ids: Kraken takes a UUID or up to 18 ASCII characters, unique among open orders, and gives them back.
    """

    _rest: KrakenRest
    capabilities = frozenset({"book_stream", "order_stream", "client_id", "post_only", "immediate", "amend"})

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
        books = BookStream(
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
        self._use(books, self._executions)

    async def _learn(self) -> None:
        await self._compare_clocks()
        assets = await self._rest.public("Assets")
        pairs = await self._rest.public("AssetPairs")
        if self._has_key:
            # Wrong credentials should be told now, not at the first order.
            await self._rest.private("BalanceEx")
        with reading("AssetPairs"):
            market = wire.market(assets, pairs)
        orders = Orders(self._rest, market, self._surroundings.reactor, self._age)
        self._parts = Parts(market.pairs, orders, Account(self._rest, market, self._deposit_methods))
        self.instruments = {contract: pair.instrument for contract, pair in market.pairs.items()}

    async def _ask_book(self, listing: Pair) -> tuple[list[LevelShape], list[LevelShape]]:
        result = await self._rest.public("Depth", pair=listing.id, count=str(self._depth))
        with reading("Depth"):
            return wire.depth(result)

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
        parts = self._ready("QueryOrders")
        try:
            for order in await parts.orders.look_up(ids):
                self.emit("order", self, order)
        except ExchangeError as error:
            # On the new connection the snapshot tells of open orders in whole, and the rest is read.
            self._executions.drop(f"orders could not be looked up: {error}")

    async def _tell_missed(self, since: datetime) -> None:
        parts = self._ready("catch up")
        # Orders first: one that ends between the two readings is then still told by its fills.
        open_orders = await parts.orders.open()
        for order in open_orders.values():
            self.emit("order", self, order)
        ended = sorted(self._executions.memory.unfinished() - set(open_orders))
        for order in await parts.orders.look_up(ended):
            self.emit("order", self, order)
        self._executions.memory.forget(ended)
        for fill in await parts.account.fills(since, self._surroundings.now() + MARGIN):
            self.emit("trade", self, fill)

    def _age(self, order_id: str) -> float:
        opened = self._executions.memory.opened_at(order_id)
        return 0.0 if opened is None else (self._surroundings.microseconds() - opened) / 1_000_000

    # What only some venues have

    @returns_deferred
    async def amendOrder(self, id: str, quantity: Decimal, price: Decimal) -> None:
        await self._private("amendOrder").orders.amend(id, quantity, price)

    @returns_deferred
    async def getFees(self, ticker: str) -> FeesShape:
        parts = self._private("getFees")
        return await parts.account.fees(self._listing(parts, "getFees", ticker))

    @returns_deferred
    async def getNewAddress(self, ticker: str) -> str:
        return await self._private("getNewAddress").account.address(ticker, is_new=True)

    @returns_deferred
    async def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> dict[int, CandleShape]:
        """At most the last 720 bars, whatever is asked for: Kraken has no more. The bar that is not over is left out."""
        pair = self._listing(self._ready("getOHLCVHistory"), "getOHLCVHistory", ticker)
        # `since` is exclusive.
        since = str(floor(start_datetime.timestamp()) - PERIOD_SECONDS[period])
        result = await self._rest.public("OHLC", pair=pair.id, interval=wire.INTERVALS[period], since=since)
        with reading("OHLC"):
            bars = wire.candles(result, ticker, period)
        return finished(bars.values(), start_datetime, end_datetime, self._surroundings.microseconds())
