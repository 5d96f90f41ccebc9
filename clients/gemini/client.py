"""Gemini behind the exchange interface. Its parts (:mod:`rest`, :mod:`orders`, :mod:`account`, :mod:`streams`) meet here."""

from collections.abc import Mapping
from datetime import datetime

from clients.bars import finished
from clients.errors import Reason, Refused
from clients.gemini import wire
from clients.gemini.account import Account
from clients.gemini.executions import News
from clients.gemini.faults import VENUE
from clients.gemini.orders import OPEN, Orders
from clients.gemini.places import Places
from clients.gemini.rest import SYMBOLS, GeminiRest
from clients.gemini.streams import Books, OrderEvents
from clients.gemini.wire import Levels, reading
from clients.interface import returns_deferred
from clients.listings import Listing
from clients.spot_client import Parts, SpotClient
from clients.surroundings import Surroundings
from model.candle import Period
from model.shapes import CandleShape, FeesShape, LevelShape


class Gemini(SpotClient[Listing, Orders, Account]):
    """Gemini spot.

    :param id: the API key (``account-...``, or ``master-...`` with the option ``account``); empty for public data only: then
        everything private is Refused (AUTH).
    :param secret: its secret, as Gemini shows it.
    :param endpoint: ``https://api.gemini.com`` if empty. Plain http is for this machine only (the sandbox).
    :param options: see :class:`clients.gemini.places.Places`.
    :raises ValueError: for what cannot be an endpoint or an option.

    Client ids: Gemini takes up to 100 characters and gives them back with orders, events and executions, so that an order
    whose answer was lost is found by its own id. What the key must be allowed: Trading; Fund Management only for transfers.

    Symbols are told one by one, so only those that begin with BTC and those of the option ``contracts`` are known. Histories
    tell the executions of contracts whose book is followed, that were traded here, or that the option names.
    """

    _rest: GeminiRest
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
        self._rest = GeminiRest(id, secret, places, self._surroundings)
        self._known: dict[str, Listing | None] = {}
        books = Books(
            places.sockets,
            self._surroundings,
            places.depth,
            places.audit,
            ask=self._levels,
            changed=lambda shape: self.emit("book", self, shape),
            up=self._settle,
            down=self._settle,
        )
        self._own_events = OrderEvents(
            places.sockets,
            self._surroundings,
            places.account,
            handshake=self._rest.handshake,
            told=self._told,
            up=self._own_up,
            down=self._own_down,
            refused=self._no_access,
        )
        self._use(books, self._own_events)

    async def _learn(self) -> None:
        await self._compare_clocks()
        answer = await self._rest.public(SYMBOLS)
        with reading(SYMBOLS):
            listed = wire.symbols(answer)
        named = {wire.symbol_of(contract) for contract in self._places.contracts}
        for symbol in listed:
            if symbol not in self._known and (symbol.startswith("btc") or symbol in named):
                self._known[symbol] = await self._details(symbol)
        if self._has_key:
            # Wrong credentials, and a role that is missing, should be told now, not at the first order.
            await self._rest.private(OPEN)
        market = wire.market(listing for listing in self._known.values() if listing is not None)
        orders = Orders(self._rest, market, self._surroundings.reactor)
        self._parts = Parts(market.contracts, orders, Account(self._rest, self._places.networks, self._ours))
        self._own_events.market = market
        self.instruments = {contract: listing.instrument for contract, listing in market.contracts.items()}
        self._name_traded(self._places.contracts)
        self._read_from_the_start()

    async def _details(self, symbol: str) -> Listing | None:
        """Steps and minimum of ``symbol``; None for what is not spot, or what is listed and yet not known."""
        call = f"/v1/symbols/details/{symbol}"
        try:
            answer = await self._rest.public(call)
        except Refused as refused:
            if refused.reason is not Reason.OTHER:
                raise
            self.log.warn("{refused}; going on without it", refused=refused)
            return None
        with reading(call):
            return wire.listing(answer)

    @returns_deferred
    async def _levels(self, listing: Listing) -> tuple[Levels, Levels]:
        call, depth = f"/v1/book/{listing.symbol}", str(self._places.depth)
        answer = await self._rest.public(call, limit_bids=depth, limit_asks=depth)
        with reading(call):
            return wire.book(answer)

    async def _ask_book(self, listing: Listing) -> tuple[list[LevelShape], list[LevelShape]]:
        bids, asks = await self._levels(listing)
        return wire.level_shapes(bids), wire.level_shapes(asks)

    def _told(self, news: News) -> None:
        if news.order is not None:
            self._tell_order(news.order)
        if news.fill is not None:
            self.emit("trade", self, news.fill)

    # The interface's calls, besides those of all spot clients

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
        """As far back as Gemini tells, whatever is asked for: minutes of about a day, hours of about two months, days of about a
        year. The bar that is not over is left out."""
        listing = self._listing(self._ready("getOHLCVHistory"), "getOHLCVHistory", ticker)
        call = f"/v2/candles/{listing.symbol}/{wire.FRAMES[period]}"
        rows = await self._rest.public(call)
        with reading(call):
            found = [wire.candle(row, ticker, period) for row in rows]
        return finished(found, start_datetime, end_datetime, self._surroundings.microseconds())
