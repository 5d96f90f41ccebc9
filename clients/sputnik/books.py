"""The streamed books. Every event is the whole book, so the newest event is the truth and a snapshot only fills the gap."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from twisted.logger import Logger

from clients.sputnik.contracts import Contract
from clients.sputnik.session import Session
from clients.sputnik.signing import book_topic
from clients.sputnik.wire import read_book
from model.shapes import BookShape


class Books:
    """``emit(shape)`` is called with every book; ``in_doubt()`` where one could not be read and must be asked for."""

    log = Logger()

    def __init__(
        self, microseconds: Callable[[], int], emit: Callable[[BookShape], object], in_doubt: Callable[[], object]
    ) -> None:
        self._microseconds = microseconds
        self._emit = emit
        self._in_doubt = in_doubt
        self._contracts: dict[str, Contract] = {}
        self._shapes: dict[str, BookShape] = {}
        self._events: dict[str, int] = {}

    def get(self, ticker: str) -> BookShape | None:
        """The book as last heard, if it is in step."""
        return self._shapes.get(ticker)

    @property
    def is_clear(self) -> bool:
        """Whether every streamed book is in step."""
        return self._shapes.keys() >= self._contracts.keys()

    def forget(self) -> None:
        """The stream is over; what was heard proves nothing any more."""
        self._contracts = {}
        self._shapes = {}

    async def listen(self, session: Session, contracts: Mapping[str, Contract]) -> None:
        """Subscribe, then ask for what has been missed; the other way round would leave a gap."""
        self.forget()
        self._contracts = dict(contracts)
        self._events = dict.fromkeys(contracts, 0)
        for ticker in contracts:
            await session.subscribe(book_topic(ticker), partial(self._heard, ticker))
        await self.refresh(session)

    async def refresh(self, session: Session, is_full: bool = False) -> None:
        """Ask for the books that are not in step; with ``is_full`` for all of them, in case an event was lost.

        :raises ExchangeError: as the call does; ValueError for a book that makes no sense.
        """
        for ticker, contract in self._contracts.items():
            if ticker in self._shapes and not is_full:
                continue
            heard = self._events[ticker]
            raw = await session.call("market.get_order_book", ticker)
            if self._events[ticker] == heard:
                # An event that has come meanwhile is younger than the answer, or as old.
                self._take(contract, raw)

    def _heard(self, ticker: str, raw: Any) -> None:
        contract = self._contracts.get(ticker)
        if contract is None:
            return  # the stream is over; what was on its way still comes out of the socket's buffer
        self._events[ticker] += 1
        try:
            self._take(contract, raw)
        except ValueError as problem:
            self.log.error("{ticker}: a book event that makes no sense: {problem}", ticker=ticker, problem=str(problem))
            self._shapes.pop(ticker, None)
            self._in_doubt()

    def _take(self, contract: Contract, raw: Any) -> None:
        shape, known = read_book(raw, contract, self._microseconds()), self._shapes.get(contract.ticker)
        self._shapes[contract.ticker] = shape
        if known is None or (known["bids"], known["asks"]) != (shape["bids"], shape["asks"]):
            self._emit(shape)
