"""Bitfinex behind the exchange interface: :mod:`rest`, :mod:`orders`, :mod:`account`, :mod:`streams` meet here."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from math import ceil, floor
from typing import Any

from twisted.internet.defer import Deferred

from clients.bars import finished
from clients.bitfinex import symbols, wire
from clients.bitfinex.account import WALLETS, Account
from clients.bitfinex.faults import VENUE
from clients.bitfinex.orders import Orders
from clients.bitfinex.places import Places
from clients.bitfinex.rest import STATUS, BitfinexRest
from clients.bitfinex.streams import BookStream, OwnOrders
from clients.bitfinex.wire import reading, row
from clients.errors import InvalidData, Reason, Refused
from clients.interface import returns_deferred
from clients.listings import Listing
from clients.paging import all_pages, milliseconds
from clients.spot_client import Parts, SpotClient
from clients.surroundings import Surroundings
from model.candle import Period
from model.shapes import CandleShape, FeesShape, FillShape, LevelShape, OrderShape

CONFIGS = "conf/" + ",".join(symbols.CONFIGS)
TICKERS = "tickers"
#: Bars that one ``candles`` may tell.
BARS = 10_000


class Bitfinex(SpotClient[Listing, Orders, Account]):
    """Bitfinex spot: the exchange wallet, nothing on margin.

    :param id: the API key; empty for public data only (as fiat): then everything private is Refused (AUTH).
    :param secret: its secret, as Bitfinex shows it.
    :param endpoint: ``https://api.bitfinex.com`` if empty. Plain http is for this machine only (the sandbox).
    :param options: see :class:`clients.bitfinex.places.Places`.
    :raises ValueError: for what cannot be an endpoint or an option.

    Client ids: Bitfinex takes two numbers, in which ours are carried (:mod:`clients.bitfinex.client_ids`); it does not see to it
    that they are unique. The key is for this program alone: its nonces are microseconds, and only ever rise.

    Histories tell executions, deposits and withdrawals; not transfers between the account's wallets, which are for a person.
    """

    _rest: BitfinexRest
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
        around, has_limits = self._surroundings, places.has_limits
        self._rest = BitfinexRest(id, secret, places.public, places.private, around, has_limits=has_limits)
        books = BookStream(
            places.books,
            self._surroundings,
            places.depth,
            changed=lambda shape: self.emit("book", self, shape),
            up=self._settle,
            down=self._settle,
        )
        self._own = OwnOrders(
            places.own,
            self._surroundings,
            login=self._log_in,
            order=self._order_told,
            fill=self._fill_told,
            up=self._own_up,
            down=self._own_down,
            refused=self._no_access,
        )
        self._use(books, self._own)

    async def _learn(self) -> None:
        await self._check_platform()
        await self._compare_clocks()
        configs = await self._rest.public(CONFIGS)
        tickers = await self._rest.public(TICKERS, symbols="ALL")
        with reading(CONFIGS):
            market = symbols.market(configs, tickers)
        if self._has_key:
            # Wrong credentials should be told now, not at the first order.
            await self._rest.private(WALLETS)
        orders = Orders(self._rest, market, self._surroundings.reactor)
        account = Account(self._rest, market, orders, self._places.networks, self._ours)
        self._parts = Parts(market.contracts, orders, account)
        self._own.market = market
        self.instruments = {contract: listing.instrument for contract, listing in market.contracts.items()}
        self._read_from_the_start()

    async def _check_platform(self) -> None:
        answer = await self._rest.public(STATUS)
        if answer == [0]:
            raise Refused(VENUE, STATUS, "the venue is in maintenance", Reason.MAINTENANCE)
        if answer != [1]:
            raise InvalidData(VENUE, STATUS, f"neither 0 nor 1: {answer!r:.100}")

    async def _ask_book(self, listing: Listing) -> tuple[list[LevelShape], list[LevelShape]]:
        call = f"book/{listing.symbol}/P0"
        answer = await self._rest.public(call, "book", len=str(self._places.depth))
        with reading(call):
            return wire.book(answer)

    # What is ours

    @returns_deferred
    async def _log_in(self, send: Callable[[Mapping[str, object]], "Deferred[None]"]) -> None:
        await self._rest.log_in(send)

    def _order_told(self, order: OrderShape) -> None:
        self._ready("orders").orders.note(order["id"], order.get("client_id"))
        self._tell_order(order)

    def _fill_told(self, fill: FillShape) -> None:
        # Its order has been told before, by this stream or by what is read at the beginning of it.
        fill["client_id"] = self._ready("fills").orders.client_id(fill["order_id"])
        self.emit("trade", self, fill)

    # What only some venues have

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
        """All bars between the two times; none for a period without a trade. The bar that is not over is left out."""
        listing = self._listing(self._ready("getOHLCVHistory"), "getOHLCVHistory", ticker)
        call = f"candles/trade:{wire.INTERVALS[period]}:{listing.symbol}/hist"
        first, last = milliseconds(start_datetime, floor), milliseconds(end_datetime, ceil)
        found: list[CandleShape] = []
        await all_pages(VENUE, call, partial(self._bars_from, call, (ticker, period), last, found), first)
        return finished(found, start_datetime, end_datetime, self._surroundings.microseconds())

    async def _bars_from(self, call: str, what: tuple[str, Period], end: int, found: list[CandleShape], start: int) -> int | None:
        query: dict[str, Any] = {"start": str(start), "end": str(end), "limit": str(BARS), "sort": "1"}
        answer = await self._rest.public(call, "candles", **query)
        with reading(call):
            bars = [wire.candle(each, *what) for each in row(answer, 0, "candles")]
        found += bars
        newest = max((bar["open_timestamp"] for bar in bars), default=0) // 1000
        return None if len(bars) < BARS or newest < start else newest + 1
