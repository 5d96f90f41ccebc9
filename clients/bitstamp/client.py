"""Bitstamp behind the exchange interface. Its parts (:mod:`rest`, :mod:`orders`, :mod:`account`, :mod:`streams`) meet here."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from twisted.internet.task import deferLater

from clients.bars import finished
from clients.bitstamp import wire
from clients.bitstamp.account import Account
from clients.bitstamp.currencies import currencies
from clients.bitstamp.faults import VENUE
from clients.bitstamp.orders import Memory, Orders
from clients.bitstamp.places import Places
from clients.bitstamp.rest import BitstampRest
from clients.bitstamp.streams import SNAPSHOT, Access, BookStream, UserStream
from clients.bitstamp.wire import reading
from clients.errors import ExchangeError
from clients.interface import returns_deferred
from clients.listings import Listing
from clients.parsing import text, whole
from clients.spot_client import Parts, SpotClient
from clients.streaming_client import MARGIN
from clients.surroundings import Surroundings
from model.candle import PERIOD_SECONDS, Period
from model.shapes import CandleShape, FeesShape, FillShape, LevelShape, OrderShape

MARKETS, CURRENCIES = "GET /api/v2/markets/", "GET /api/v2/currencies/"
BARS, TOKEN = "GET /api/v2/ohlc/{market}/", "POST /api/v2/websockets_token/"
#: Bars that one answer may have, and before when there are none.
MOST_BARS, FOUNDED = 1000, datetime(2011, 8, 1, tzinfo=UTC)
#: Seconds between two readings of what a broken chain of events has left out.
BETWEEN_READINGS = 1.0


class Bitstamp(SpotClient[Listing, Orders, Account]):
    """Bitstamp spot.

    :param id: the API key; empty for public data only (as fiat): then everything private is Refused (AUTH).
    :param secret: its secret, as Bitstamp shows it.
    :param endpoint: ``https://www.bitstamp.net`` if empty. Plain http is for this machine only (the sandbox).
    :param options: see :class:`clients.bitstamp.places.Places`.
    :raises ValueError: for what cannot be an endpoint or an option.

    Client ids: any text, unique; Bitstamp gives them back with orders. What the key must be allowed: account balance, orders,
    transactions; withdrawals only with a list of IP addresses and of withdrawal addresses. No call makes a new deposit address,
    and money of states travels by bank in a person's name: both are for a person.
    """

    _rest: BitstampRest
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
        self._rest = BitstampRest(id, secret, places.rest, self._surroundings)
        self._memory = Memory()
        self._has_missed = self._is_reading = False
        books = BookStream(
            places.stream,
            self._surroundings,
            snapshot=self._snapshot,
            changed=lambda shape: self.emit("book", self, shape),
            up=self._settle,
            down=self._settle,
        )
        self._user = UserStream(
            places.stream,
            self._surroundings,
            access=self._access,
            ordered=self._ordered,
            filled=self._filled,
            missed=self._missed,
            up=self._own_up,
            down=self._own_down,
            refused=self._no_access,
        )
        self._use(books, self._user)

    async def _learn(self) -> None:
        await self._compare_clocks()
        markets, coins = await self._rest.public(MARKETS), await self._rest.public(CURRENCIES)
        with reading(MARKETS):
            market = wire.market(markets)
        with reading(CURRENCIES):
            known = currencies(coins, self._places.networks)
        orders = Orders(self._rest, self._memory, self._user.follow, self._surroundings.reactor)
        account = Account(self._rest, orders, known, self._ours, self._surroundings.now)
        if self._has_key:
            # Wrong credentials should be told now, not at the first order.
            await self._rest.private(TOKEN)
        self._parts = Parts(market.contracts, orders, account)
        steps = {contract: listing.instrument for contract, listing in market.contracts.items()}
        self.instruments = steps | known.networks.instruments()
        self._name_traded(self._places.contracts)
        for listing in self._traded.values():
            self._user.follow(listing)
        self._read_from_the_start()

    @returns_deferred
    async def _snapshot(self, symbol: str) -> Any:
        return await self._rest.public(SNAPSHOT.format(market=symbol))

    async def _ask_book(self, listing: Listing) -> tuple[list[LevelShape], list[LevelShape]]:
        answer = await self._snapshot(listing.symbol)
        with reading(SNAPSHOT):
            return wire.depth(answer)

    # What is ours

    @returns_deferred
    async def _access(self) -> Access:
        answer = await self._rest.private(TOKEN)
        with reading(TOKEN):
            return Access(text(answer["token"], "token"), whole(answer["user_id"], "user_id"))

    def _ordered(self, order: OrderShape) -> None:
        self._memory.keep(order)
        self._tell_order(order)

    def _filled(self, fill: FillShape) -> None:
        if fill.get("client_id") is None:
            known = self._memory.get(fill["order_id"])
            fill["client_id"] = known.get("client_id") if known else None
        self.emit("trade", self, fill)

    def _missed(self) -> None:
        """An order event is missing: read what it may have told, and again if one is missing meanwhile."""
        self._has_missed = True
        if not self._is_reading:
            self._is_reading = True
            self._run(self._read_missing(), "reading what was missed")

    async def _read_missing(self) -> None:
        try:
            while self._has_missed:
                self._has_missed = False
                await self._tell_missed(self._surroundings.now() - MARGIN)
                await deferLater(self._surroundings.reactor, BETWEEN_READINGS)
        except ExchangeError as error:
            # On the new connection it is read with all the rest.
            self._user.drop(f"what was missed could not be read: {error}")
        finally:
            self._is_reading = False

    async def _tell_missed(self, since: datetime) -> None:
        parts = self._ready("catch up")
        for order in (await parts.orders.open()).values():
            listing = parts.listings.get(order["contract"])
            if listing is not None:
                # Heard first and read afterwards, nothing is lost in between.
                await self._user.follow(listing)
        await super()._tell_missed(since)

    # What only some venues have

    @returns_deferred
    async def getFees(self, ticker: str) -> FeesShape:
        parts = self._private("getFees")
        return await parts.account.fees(self._listing(parts, "getFees", ticker))

    @returns_deferred
    async def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> dict[int, CandleShape]:
        """All bars between the two times, as far back as the contract goes. The bar that is not over is left out."""
        listing = self._listing(self._ready("getOHLCVHistory"), "getOHLCVHistory", ticker)
        call, step = BARS.format(market=listing.symbol), timedelta(seconds=PERIOD_SECONDS[period])
        found: dict[int, CandleShape] = {}
        first, last = max(start_datetime, FOUNDED), min(end_datetime, self._surroundings.now())
        while first <= last:
            until = min(first + (MOST_BARS - 1) * step, last)
            window = {"start": str(int(first.timestamp())), "end": str(int(until.timestamp()))}
            answer = await self._rest.public(call, step=str(PERIOD_SECONDS[period]), limit=str(MOST_BARS), **window)
            with reading(call):
                bars = wire.candles(answer, ticker, period)
            found |= finished(bars, start_datetime, end_datetime, self._surroundings.microseconds())
            first = until + timedelta(seconds=1)
        return found
