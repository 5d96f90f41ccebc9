"""Coinbase Exchange behind the exchange interface.

Its parts (:mod:`rest`, :mod:`orders`, :mod:`account`, :mod:`streams`) meet here.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from clients.bars import finished
from clients.coinbase_exchange import wire
from clients.coinbase_exchange.account import ACCOUNTS, Account
from clients.coinbase_exchange.executions import News
from clients.coinbase_exchange.faults import VENUE
from clients.coinbase_exchange.networks import networks
from clients.coinbase_exchange.orders import Orders
from clients.coinbase_exchange.places import Places
from clients.coinbase_exchange.rest import CoinbaseExchangeRest
from clients.coinbase_exchange.streams import BEST, BookStream, UserStream
from clients.coinbase_exchange.wire import reading
from clients.errors import ExchangeError
from clients.interface import returns_deferred
from clients.listings import Listing, Market
from clients.spot_client import Parts, SpotClient
from clients.surroundings import Surroundings
from model.candle import PERIOD_SECONDS, Period
from model.shapes import CandleShape, FeesShape, LevelShape, OrderShape

PRODUCTS, CURRENCIES = "GET /products", "GET /currencies"
CANDLES = "GET /products/{product_id}/candles"
#: Bars that one ``candles`` may tell.
BARS = 300


class CoinbaseExchange(SpotClient[Listing, Orders, Account]):
    """Coinbase Exchange (the former GDAX and Coinbase Pro).

    :param id: the API key; empty for public data only (as fiat): then everything private is Refused (AUTH).
    :param secret: its secret, base64. Its passphrase is the option ``passphrase``.
    :param endpoint: ``https://api.exchange.coinbase.com`` if empty. Plain http is for this machine only (the sandbox).
    :param options: see :class:`clients.coinbase_exchange.places.Places`.
    :raises ValueError: for what cannot be an endpoint, a secret or an option.

    Client ids: Coinbase takes a UUID; words of up to 18 letters, digits, ``-`` and ``_`` are written into one and read out
    again (:mod:`clients.coinbase_exchange.client_ids`).
    What the key must be allowed: view and trade; transfer only with a list of IP addresses and of withdrawal addresses.

    Histories tell the executions of contracts whose book is followed, that were traded here, or that the option ``contracts``
    names. An order that was cancelled without a fill is forgotten by the venue: a look does not find it.
    """

    _rest: CoinbaseExchangeRest
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
        self._rest = CoinbaseExchangeRest(id, secret, places.passphrase, places.rest, self._surroundings)
        books = BookStream(
            places.feed,
            self._surroundings,
            places.depth,
            proof=self._rest.subscription,
            best=self._best,
            changed=lambda shape: self.emit("book", self, shape),
            up=self._settle,
            down=self._settle,
        )
        self._user = UserStream(
            places.feed,
            self._surroundings,
            products=self._products,
            proof=self._rest.subscription,
            told=self._told,
            up=self._own_up,
            down=self._own_down,
            refused=self._no_access,
            wrong_time=lambda: self._run(self._rest.set_clock(), "asking for the time"),
        )
        self._use(books, self._user)

    # The connection

    async def _learn(self) -> None:
        await self._compare_clocks()
        market = await self._market()
        currencies = await self._rest.public(CURRENCIES)
        with reading(CURRENCIES):
            ways = networks(currencies, self._places.networks)
        if self._has_key:
            # Wrong credentials should be told now, not at the first order.
            await self._rest.private(ACCOUNTS)
        orders = Orders(self._rest, self._user.memory, self._surroundings.reactor)
        account = Account(self._rest, orders, ways, self._ours, dict(self._places.addresses))
        self._parts = Parts(market.contracts, orders, account)
        self.instruments = {contract: listing.instrument for contract, listing in market.contracts.items()} | ways.instruments()
        self._name_traded(self._places.contracts)
        self._read_from_the_start()

    async def _market(self) -> Market:
        products = await self._rest.public(PRODUCTS)
        with reading(PRODUCTS):
            return wire.market(products)

    @returns_deferred
    async def _products(self) -> Sequence[str]:
        return sorted((await self._market()).symbols)

    @returns_deferred
    async def _best(self, symbol: str) -> Any:
        return await self._rest.public(BEST, {"product_id": symbol}, level="1")

    async def _ask_book(self, listing: Listing) -> tuple[list[LevelShape], list[LevelShape]]:
        answer = await self._rest.public(BEST, {"product_id": listing.symbol}, level="2")
        with reading(BEST):
            bids, asks = wire.depth(answer)
        return bids[: self._places.depth], asks[: self._places.depth]

    # What is ours

    def _told(self, news: News) -> None:
        if news.order is not None:
            self._tell_order(news.order)
        if news.fill is not None:
            self.emit("trade", self, news.fill)
        if news.incomplete is not None:
            self._run(self._complete(news.incomplete), "looking up an order")

    def _tell_order(self, order: OrderShape) -> None:
        super()._tell_order(self._user.memory.learn(order))

    async def _complete(self, id: str) -> None:
        """The feed has told too little of an order: tell what REST knows of it."""
        parts = self._ready("orders")
        try:
            for order in await parts.orders.look_up([id]):
                fills = await parts.account.fills_of(id)
                super()._tell_order(self._user.memory.learn(order, fills))
                for fill in fills:
                    self.emit("trade", self, {**fill, "client_id": order.get("client_id")})
        except ExchangeError as error:
            # On the new connection what was missed is read.
            self._user.drop(f"order {id} could not be looked up: {error}")

    # What only some venues have

    @returns_deferred
    async def getFees(self, ticker: str) -> FeesShape:
        parts = self._private("getFees")
        self._listing(parts, "getFees", ticker)
        return await parts.account.fees()

    @returns_deferred
    async def getNewAddress(self, ticker: str) -> str:
        return await self._private("getNewAddress").account.new_address(ticker)

    @returns_deferred
    async def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> dict[int, CandleShape]:
        """All bars between the two times, newest first, back to a stretch of 300 bars without a trade, as before a contract's
        beginning. The bar that is not over is left out."""
        listing = self._listing(self._ready("getOHLCVHistory"), "getOHLCVHistory", ticker)
        length = timedelta(seconds=PERIOD_SECONDS[period])
        found: list[CandleShape] = []
        end = min(end_datetime, self._surroundings.now())
        while start_datetime <= end:
            start = max(start_datetime, end - (BARS - 1) * length)
            window = {"start": _written(start), "end": _written(end), "granularity": str(PERIOD_SECONDS[period])}
            rows = await self._rest.public(CANDLES, {"product_id": listing.symbol}, **window)
            with reading(CANDLES):
                bars = [wire.candle(row, ticker, period) for row in rows]
            if not bars:
                break
            found += bars
            end = start - timedelta(seconds=1)
        return finished(found, start_datetime, end_datetime, self._surroundings.microseconds())


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
