"""A native client of a spot exchange: the interface's calls, done by the venue's parts.

A venue brings its REST (:mod:`clients.rest`), its two streams (:mod:`clients.book_stream`, :mod:`clients.own_stream`), and, once
it has learned its market, :class:`Parts`: the listings, the orders' calls and the money's. What every venue does with these
is here: who may ask before there is a connection, without a key, for what is not listed; what is told once and what again.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar

from attrs import frozen
from twisted.internet.defer import Deferred

from clients.book_stream import BookStream
from clients.errors import Reason, Refused, Retryable
from clients.interface import returns_deferred
from clients.listings import Listed
from clients.progress import Progress
from clients.rest import VenueRest
from clients.streamed_book import StreamedBook
from clients.streaming_client import MARGIN, StreamingClient
from clients.surroundings import Surroundings
from model.instrument import Instrument
from model.shapes import BookShape, FillShape, LevelShape, OrderShape, PositionShape, SideName, TransactionShape

ListingT = TypeVar("ListingT", bound=Listed)
ListingT_contra = TypeVar("ListingT_contra", bound=Listed, contravariant=True)


class OrderCalls(Protocol[ListingT_contra]):
    """Orders at a venue; each method is the body of one of the interface's."""

    async def place(
        self,
        listing: ListingT_contra,
        quantity: Decimal,
        price: Decimal,
        side: SideName,
        client_id: str | None,
        flags: frozenset[str],
    ) -> str:
        """A limit order; ``flags`` of ``post_only``, ``immediate``. Off-step values never leave."""

    async def cancel(self, id: str) -> bool:
        """True only if it is proven cancelled, False only if it is proven filled."""

    async def open(self) -> dict[str, OrderShape]:
        """All open orders, by id."""

    async def look_up(self, ids: list[str]) -> Iterable[OrderShape]:
        """These orders as they are now; those that the venue does not know (any more) are left out."""


class MoneyCalls(Protocol):
    """Money at a venue; each method is the body of one of the interface's."""

    async def positions(self) -> dict[str, PositionShape]:
        """Balances, by ticker."""

    async def address(self, ticker: str) -> str:
        """Where a deposit goes."""

    async def withdraw(self, ticker: str, amount: Decimal, address: str) -> str:
        """Send; never safe to repeat."""

    async def fills(self, start: datetime, end: datetime) -> list[FillShape]:
        """Executions, oldest first."""

    async def transactions(self, start: datetime, end: datetime) -> list[TransactionShape]:
        """Postings, oldest first."""


OrdersT = TypeVar("OrdersT", bound=OrderCalls[Any])
MoneyT = TypeVar("MoneyT", bound=MoneyCalls)


@frozen
class Parts(Generic[ListingT, OrdersT, MoneyT]):
    """What a venue knows and can do once it has learned its market. ``listings``: by contract."""

    listings: Mapping[str, ListingT]
    orders: OrdersT
    account: MoneyT


class SpotClient(StreamingClient, Generic[ListingT, OrdersT, MoneyT]):
    """A venue hands in its ``_rest`` and (:meth:`_use`) its streams, and sets ``_parts`` when it has learned (:meth:`_learn`)."""

    _rest: VenueRest
    _book_stream: BookStream[ListingT, StreamedBook]

    def __init__(self, name: str, surroundings: Surroundings, *, has_key: bool) -> None:
        super().__init__(name, surroundings, has_key=has_key)
        self._parts: Parts[ListingT, OrdersT, MoneyT] | None = None
        self._progress = Progress()
        self._traded: dict[str, ListingT] = {}

    # What a venue has to bring, besides what a streaming client has to

    @abstractmethod
    async def _ask_book(self, listing: ListingT) -> tuple[list[LevelShape], list[LevelShape]]:
        """Bids and asks by REST, best first."""

    # The connection

    @property
    def clock_offset(self) -> float | None:
        """By how many seconds the venue's clock is ahead of ours; None while no difference can be proven."""
        return self._rest.skew.proven_offset

    @property
    def call_budgets(self) -> Mapping[str, float]:
        """How much is left of each budget of calls that the venue gives us, as a share of all of it."""
        shares = {name: limit.share_left for name, limit in self._rest.budgets().items()}
        return {name: share for name, share in shares.items() if share is not None}

    async def _compare_clocks(self) -> None:
        await self._rest.measure_skew()
        skew = self._rest.skew
        if skew.is_certain and abs(skew.best.offset) > 1:
            self.log.warn("{name}'s clock is {offset:.1f} s ahead of ours", name=self.name, offset=skew.best.offset)

    def _read_from_the_start(self) -> None:
        """Where a subscription does not tell of what is open already, that is read, from the first time on."""
        if self._missed_since is None:
            self._missed_since = self._surroundings.now() - MARGIN

    def _close_calls(self) -> "Deferred[None]":
        return self._rest.close()

    # What is ours

    def _name_traded(self, contracts: Iterable[str]) -> None:
        """The config says that we trade these."""
        parts = self._ready("contracts")
        for contract in contracts:
            self._traded[contract] = self._listing(parts, "contracts", contract)

    def _ours(self) -> list[ListingT]:
        """Contracts that are followed, that were traded here, or that the config names: of venues whose histories go by these."""
        parts = self._ready("histories")
        followed = {contract: parts.listings[contract] for contract in self._book_stream.contracts}
        return list((followed | self._traded).values())

    def _note(self, order: OrderShape) -> None:
        """Its contract is one that we trade, by this client or another way."""
        parts = self._ready("orders")
        listing = parts.listings.get(order["contract"])
        if listing is not None:
            self._traded[order["contract"]] = listing

    def _tell_order(self, order: OrderShape) -> None:
        """Emit it, unless something newer has been told already."""
        self._note(order)
        if self._progress.is_news(order):
            self.emit("order", self, order)

    async def _tell_missed(self, since: datetime) -> None:
        parts = self._ready("catch up")
        # Orders first: one that ends between the two readings is then still told by its fills.
        open_orders = await parts.orders.open()
        ended = sorted(self._progress.unfinished() - set(open_orders))
        looked_up = list(await parts.orders.look_up(ended))
        for order in [*open_orders.values(), *looked_up]:
            self._tell_order(order)
        self._progress.forget(set(ended) - {order["id"] for order in looked_up})
        for fill in await parts.account.fills(since, self._surroundings.now() + MARGIN):
            self.emit("trade", self, fill)

    # The interface's calls

    def _ready(self, call: str) -> Parts[ListingT, OrdersT, MoneyT]:
        if self._parts is None or self._closing is not None:
            raise Retryable(self.name, call, "not connected")
        return self._parts

    def _private(self, call: str) -> Parts[ListingT, OrdersT, MoneyT]:
        if not self._has_key:
            raise Refused(self.name, call, "no API key is configured", Reason.AUTH)
        return self._ready(call)

    def _listing(self, parts: Parts[ListingT, OrdersT, MoneyT], call: str, contract: str) -> ListingT:
        listing = parts.listings.get(contract)
        if listing is None:
            raise Refused(self.name, call, f"{contract} is not listed")
        return listing

    @returns_deferred
    async def getInstruments(self) -> Mapping[str, Instrument]:
        self._ready("getInstruments")
        return dict(self.instruments)

    @returns_deferred
    async def getPositions(self) -> Mapping[str, PositionShape]:
        return await self._private("getPositions").account.positions()

    @returns_deferred
    async def getCurrentAddress(self, ticker: str) -> str:
        return await self._private("getCurrentAddress").account.address(ticker)

    @returns_deferred
    async def requestWithdrawal(self, ticker: str, amount: Decimal, address: str) -> str | None:
        return await self._private("requestWithdrawal").account.withdraw(ticker, amount, address)

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
        parts = self._private("placeOrder")
        listing = self._listing(parts, "placeOrder", ticker)
        self._traded[ticker] = listing
        asked = (("post_only", post_only), ("immediate", immediate))
        flags = frozenset(name for name, is_wanted in asked if is_wanted)
        return await parts.orders.place(listing, quantity, price, side, client_id, flags)

    @returns_deferred
    async def cancelOrder(self, id: str) -> bool:
        return await self._private("cancelOrder").orders.cancel(id)

    @returns_deferred
    async def getOpenOrders(self) -> Mapping[str, OrderShape]:
        return await self._private("getOpenOrders").orders.open()

    @returns_deferred
    async def getOrderBook(self, ticker: str) -> BookShape:
        listing = self._listing(self._ready("getOrderBook"), "getOrderBook", ticker)
        self._book_stream.follow(listing)
        streamed = self._book_stream.book(listing)
        if streamed is not None:
            return streamed
        bids, asks = await self._ask_book(listing)
        return {"contract": ticker, "bids": bids, "asks": asks, "timestamp": self._surroundings.microseconds()}

    def bookAsOf(self, ticker: str) -> int | None:
        listing = self._parts.listings.get(ticker) if self._parts else None
        return self._book_stream.as_of(listing) if listing else None

    @returns_deferred
    async def getTransactionHistory(self, start_datetime: datetime, end_datetime: datetime) -> list[TransactionShape]:
        return await self._private("getTransactionHistory").account.transactions(start_datetime, end_datetime)

    @returns_deferred
    async def getTradeHistory(self, start_datetime: datetime, end_datetime: datetime) -> list[FillShape]:
        return await self._private("getTradeHistory").account.fills(start_datetime, end_datetime)
