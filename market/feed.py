"""What one venue tells of its market: the book of our contract, kept fresh, and the steps it trades in."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from clients.errors import ExchangeError
from clients.interface import IExchangeClient, returns_deferred
from market.inputs import InputStatus, status
from model.book import Book
from model.instrument import Instrument
from model.shapes import BookShape


class VenueFeed:
    """The live book of ``contract`` at one venue: streamed where the client streams it, else asked for every ``poll`` seconds.

    ``moved`` is called after each new book. ``is_connected`` follows the client's events.
    """

    log = Logger()

    def __init__(
        self, name: str, client: IExchangeClient, contract: str, clock: IReactorTime, now: Callable[[], int], poll: float = 5.0
    ) -> None:
        self.name = name
        self.client = client
        self.contract = contract
        self.is_connected = False
        self.book: Book | None = None
        self.instrument: Instrument | None = None
        self.problem = ""
        self.moved: Callable[[VenueFeed], None] = lambda _feed: None
        self.connection_changed: Callable[[VenueFeed], None] = lambda _feed: None
        self._now = now
        self._period = poll
        self._poll = LoopingCall(self._ask)
        self._poll.clock = clock
        client.on("connect", self._connected)
        client.on("disconnect", self._disconnected)
        client.on("book", self._book_event)

    async def open(self) -> None:
        """Read the steps of our contract and the first book; from then on keep the book fresh.

        :raises clients.errors.ExchangeError: the venue does not trade the contract, or could not be asked.
        """
        self.instrument = await self._read_instrument()
        await self._read_book()
        if not self._poll.running:
            self._poll.start(self._period, now=False)

    def close(self) -> None:
        """Ask no more. Safe to repeat."""
        if self._poll.running:
            self._poll.stop()

    async def _read_instrument(self) -> Instrument | None:
        try:
            instruments = await self.client.getInstruments()
        except NotImplementedError:
            return None
        if self.contract not in instruments:
            known = ", ".join(sorted(instruments)[:20]) or "none"
            raise ExchangeError(self.name, "getInstruments", f"does not trade {self.contract}; it trades {known}")
        return instruments[self.contract]

    async def _read_book(self) -> None:
        self._take(await self.client.getOrderBook(self.contract))

    @returns_deferred
    async def _ask(self) -> None:
        if not self.is_connected or self._streamed_as_of() is not None:
            return
        try:
            await self._read_book()
        except (ExchangeError, ValueError) as trouble:
            self.problem = str(trouble)
            self.log.warn("{name}: no book: {trouble}", name=self.name, trouble=str(trouble))

    def _streamed_as_of(self) -> int | None:
        return self.client.bookAsOf(self.contract)

    def _connected(self, _exchange: Any) -> None:
        self.is_connected = True
        self.connection_changed(self)

    def _disconnected(self, _exchange: Any) -> None:
        self.is_connected = False
        self.problem = ""
        self.connection_changed(self)

    def _book_event(self, _exchange: Any, shape: BookShape) -> None:
        if shape["contract"] == self.contract:
            self._take(shape)

    def _take(self, shape: BookShape) -> None:
        book = Book.from_shape(shape)
        if not book.timestamp:
            book = Book(book.contract, book.bids, book.asks, self._now())
        self.book = book
        self.problem = ""
        self.moved(self)

    def as_of(self) -> int | None:
        """When the book was last known to be true, in microseconds."""
        streamed = self._streamed_as_of()
        if self.book is None:
            return None
        return self.book.timestamp if streamed is None else max(streamed, self.book.timestamp)

    def status(self, limit: Decimal) -> InputStatus:
        """How fresh the book is, and what is wrong with it if something is."""
        problem = self.problem
        if not self.is_connected:
            problem = "not connected"
        elif self.book is not None and self.book.is_crossed:
            problem = "the book is crossed"
        return status(f"{self.name} book", self.as_of(), self._now(), limit, problem)
