"""Binance behind the exchange interface. Its parts (:mod:`rest`, :mod:`orders`, :mod:`account`, :mod:`streams`) meet here."""

from collections.abc import Mapping
from datetime import datetime
from math import floor
from typing import Any

from clients.binance import wire
from clients.binance.account import Account
from clients.binance.executions import News
from clients.binance.faults import VENUE
from clients.binance.networks import networks
from clients.binance.orders import Orders
from clients.binance.places import Places
from clients.binance.rest import BinanceRest
from clients.binance.streams import BookStream, UserStream
from clients.binance.wire import reading
from clients.interface import returns_deferred
from clients.listings import Listing
from clients.paging import milliseconds
from clients.spot_client import Parts, SpotClient
from clients.surroundings import Surroundings
from model.candle import Period
from model.shapes import CandleShape, LevelShape

INFO, COINS = "GET /api/v3/exchangeInfo", "GET /sapi/v1/capital/config/getall"
DEPTH, KLINES = "GET /api/v3/depth", "GET /api/v3/klines"
#: Bars that one ``klines`` may tell.
BARS = 1000


class Binance(SpotClient[Listing, Orders, Account]):
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

    _rest: BinanceRest
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
        books = BookStream(
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
            wrong_time=lambda: self._run(self._rest.set_clock(), "asking for the time"),
        )
        self._use(books, self._user)

    async def _learn(self) -> None:
        await self._compare_clocks()
        info = await self._rest.public(INFO)
        with reading(INFO):
            market, budget = wire.market(info), wire.budget(info)
        self._rest.keep_to(budget)
        # Wrong credentials should be told now, not at the first order.
        coins = await self._rest.private(COINS) if self._has_key else []
        with reading(COINS):
            ways = networks(coins, self._places.networks)
        orders = Orders(self._rest, market, self._surroundings.reactor)
        account = Account(self._rest, market, orders, ways, self._ours, self._surroundings.now)
        self._parts = Parts(market.contracts, orders, account)
        self._user.market = market
        self.instruments = {contract: listing.instrument for contract, listing in market.contracts.items()} | ways.instruments()
        self._name_traded(self._places.contracts)
        self._read_from_the_start()

    @returns_deferred
    async def _snapshot(self, symbol: str) -> Any:
        return await self._rest.public(DEPTH, symbol=symbol, limit=str(self._places.depth))

    async def _ask_book(self, listing: Listing) -> tuple[list[LevelShape], list[LevelShape]]:
        answer = await self._snapshot(listing.symbol)
        with reading(DEPTH):
            return wire.depth(answer)

    def _told(self, news: News) -> None:
        self._tell_order(news.order)
        if news.fill is not None:
            self.emit("trade", self, news.fill)

    @returns_deferred
    async def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> dict[int, CandleShape]:
        """All bars between the two times, as far back as the contract goes. The bar that is not over is left out."""
        listing = self._listing(self._ready("getOHLCVHistory"), "getOHLCVHistory", ticker)
        first, last = (milliseconds(moment, floor) for moment in (start_datetime, end_datetime))
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
