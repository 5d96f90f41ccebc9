"""The one interface of every exchange: the seed's methods, Deferreds out, ``Decimal`` values, times in microseconds.

A client of your own subclasses :class:`ExchangeClient` (or only looks like :class:`IExchangeClient`), is constructed as
``Exchange(id=..., secret=..., endpoint=...)`` and overrides what its venue can do; the rest answers NotImplementedError
through the Deferred, and the pool hands such work to a person. Errors are those of :mod:`clients.errors`.

Events (``exchange.on(name, handler)``; the exchange is always the first argument):

=============== ==================================== ====================================================
event           arguments                            when
=============== ==================================== ====================================================
``connect``     exchange                             usable: symbols known, streams up (again)
``disconnect``  exchange                             not usable any more; it reconnects by itself
``book``        exchange, BookShape                  the streamed book changed
``order``       exchange, OrderShape                 an order of ours changed
``trade``       exchange, FillShape                  an order of ours executed; each fill at least once, same id
``transaction`` exchange, TransactionShape           a posting to our account, where the venue streams it
=============== ==================================== ====================================================
"""

import functools
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, ParamSpec, TypeVar

from pyee.twisted import TwistedEventEmitter
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from zope.interface import Interface, implementer

from model.candle import Period
from model.instrument import Instrument
from model.shapes import BookShape, CandleShape, FeesShape, FillShape, OrderShape, PositionShape, SideName, TransactionShape

P = ParamSpec("P")
T = TypeVar("T")


def returns_deferred(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, "Deferred[T]"]:
    """Let the body of an interface method be ``async def``: calling it starts it and returns its Deferred."""

    @functools.wraps(method)
    def start(*args: P.args, **kwargs: P.kwargs) -> "Deferred[T]":
        return Deferred.fromCoroutine(method(*args, **kwargs))

    return start


class IExchangeClient(Interface):
    """A venue. Every method but ``on``, ``bookAsOf`` and the rounding ones returns a Deferred and never raises itself."""

    def connect() -> "Deferred[None]":
        """Connect, learn the symbols, start the streams; from then on stay connected, reconnecting by itself.

        Fires when usable for the first time. Fails with Refused (AUTH) for wrong credentials; other trouble is retried.
        A repeat while connected or connecting changes nothing.
        """

    def disconnect() -> "Deferred[None]":
        """Close for good; fires when all is closed. Orders are left as they are. A repeat is safe."""

    def on(event: str, handler: Callable[..., Any]) -> Any:
        """Call ``handler`` with the event's arguments, each time."""

    def getInstruments() -> "Deferred[Mapping[str, Instrument]]":
        """The contracts with their steps and minimums, by contract (``BTC/USD``).

        A currency that leaves only in steps stands here too, under its own ticker: ``lot`` is the step of a withdrawal,
        ``min_quantity`` the smallest one.
        """

    def getPositions() -> "Deferred[Mapping[str, PositionShape]]":
        """Our balances, by ticker. Safe to repeat."""

    def getCurrentAddress(ticker: str) -> "Deferred[str]":
        """Where a deposit of ``ticker`` goes. Safe to repeat."""

    def getNewAddress(ticker: str) -> "Deferred[str]":
        """A fresh deposit address. On some venues this ends the old one: never ask while coins are on the way."""

    def requestWithdrawal(ticker: str, amount: Decimal, address: str) -> "Deferred[str | None]":
        """Send ``amount`` of ``ticker`` to ``address``; the venue's reference if it gives one. NEVER safe to repeat.

        ``amount`` leaves our balance; a fee the venue takes out of it or besides it is told by the history.
        """

    def placeOrder(
        ticker: str,
        quantity: Decimal,
        price: Decimal,
        side: SideName,
        client_id: str | None = None,
        post_only: bool = False,
        immediate: bool = False,
    ) -> "Deferred[str]":
        """Place a limit order on contract ``ticker`` (``quantity`` in base, ``price`` in quote per base); fires with its id.

        ``client_id``: ours, given back in order and fill shapes where the venue can carry it. ``post_only``: refuse rather
        than take; ``immediate``: cancel what does not trade at once; both only where ``capabilities`` has them, else ignored.
        Off-step values are Refused (PRICE, SIZE), never rounded silently. NEVER safe to repeat after OutcomeUnknown.
        """

    def cancelOrder(id: str) -> "Deferred[bool]":
        """Cancel by order id: True if it was cancelled, False if it was already filled. Safe to repeat.

        Refused (UNKNOWN_ORDER) if the venue does not know it (any more). What filled before is told as ``trade``.
        """

    def amendOrder(id: str, quantity: Decimal, price: Decimal) -> "Deferred[None]":
        """Change an order of ours that rests, in place: it keeps its id. Only where ``capabilities`` has ``amend``.

        ``quantity``: all of the order in base, what has filled of it included; ``price`` in quote per base. It only ever
        rests: Refused (WOULD_CROSS) rather than take, and then, as after each refusal, it is as it was; Refused
        (UNKNOWN_ORDER) if it is over. After OutcomeUnknown look at it, or cancel it.
        """

    def getOpenOrders() -> "Deferred[Mapping[str, OrderShape]]":
        """All our open orders, by id. Safe to repeat."""

    def getOrderBook(ticker: str) -> "Deferred[BookShape]":
        """The book of contract ``ticker``: the streamed one if it is streamed, else asked for. Safe to repeat."""

    def bookAsOf(ticker: str) -> int | None:
        """When the streamed book of ``ticker`` was last proven current (any message on its connection counts), in
        microseconds; None if it is not streamed or not in step."""

    def getTransactionHistory(start_datetime: datetime, end_datetime: datetime) -> "Deferred[list[TransactionShape]]":
        """Postings to our account between two aware times, oldest first, all pages. Safe to repeat."""

    def getTradeHistory(start_datetime: datetime, end_datetime: datetime) -> "Deferred[list[FillShape]]":
        """Executions of our orders between two aware times, oldest first, with the ids the ``trade`` event has."""

    def getOHLCVHistory(
        ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> "Deferred[dict[int, CandleShape]]":
        """Bars of contract ``ticker``, by open_timestamp (microseconds), as far back as the venue goes."""

    def round_bid(ticker: str, price: Decimal) -> Decimal:
        """``price`` down to the tick of contract ``ticker``."""

    def round_ask(ticker: str, price: Decimal) -> Decimal:
        """``price`` up to the tick of contract ``ticker``."""


@implementer(IExchangeClient)
class ExchangeClient(TwistedEventEmitter):
    """What all clients share: events whose handlers cannot hurt each other, and honest refusals for what is missing."""

    log: ClassVar[Logger] = Logger()
    #: What the venue can do besides the plain calls: any of ``book_stream``, ``order_stream``, ``client_id``,
    #: ``post_only``, ``immediate``, ``amend``.
    capabilities: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.instruments: dict[str, Instrument] = {}
        # Without a listener of this kind one raising handler would hide the event from the others (pyee).
        self.on("failure", self._handler_failed)

    def _handler_failed(self, failure: Any) -> None:
        self.log.failure("{name}: a handler failed", failure=failure, name=self.name)

    def _cannot(self, call: str) -> "Deferred[Any]":
        return fail(NotImplementedError(f"{self.name} cannot {call}"))

    def connect(self) -> "Deferred[None]":
        return self._cannot("connect")

    def disconnect(self) -> "Deferred[None]":
        return self._cannot("disconnect")

    def getInstruments(self) -> "Deferred[Mapping[str, Instrument]]":
        return self._cannot("getInstruments")

    def getFees(self, ticker: str) -> "Deferred[FeesShape]":
        """What a trade on contract ``ticker`` costs this account now. Safe to repeat.

        Not of the interface that a client must have: ``ilp.py check`` compares it with the config, nothing else asks.
        """
        return self._cannot("getFees")

    def getPositions(self) -> "Deferred[Mapping[str, PositionShape]]":
        return self._cannot("getPositions")

    def getCurrentAddress(self, ticker: str) -> "Deferred[str]":
        return self._cannot("getCurrentAddress")

    def getNewAddress(self, ticker: str) -> "Deferred[str]":
        return self._cannot("getNewAddress")

    def requestWithdrawal(self, ticker: str, amount: Decimal, address: str) -> "Deferred[str | None]":
        return self._cannot("requestWithdrawal")

    def placeOrder(
        self,
        ticker: str,
        quantity: Decimal,
        price: Decimal,
        side: SideName,
        client_id: str | None = None,
        post_only: bool = False,
        immediate: bool = False,
    ) -> "Deferred[str]":
        return self._cannot("placeOrder")

    def cancelOrder(self, id: str) -> "Deferred[bool]":
        return self._cannot("cancelOrder")

    def amendOrder(self, id: str, quantity: Decimal, price: Decimal) -> "Deferred[None]":
        return self._cannot("amendOrder")

    def getOpenOrders(self) -> "Deferred[Mapping[str, OrderShape]]":
        return self._cannot("getOpenOrders")

    def getOrderBook(self, ticker: str) -> "Deferred[BookShape]":
        return self._cannot("getOrderBook")

    def bookAsOf(self, ticker: str) -> int | None:
        return None

    def getTransactionHistory(self, start_datetime: datetime, end_datetime: datetime) -> "Deferred[list[TransactionShape]]":
        return self._cannot("getTransactionHistory")

    def getTradeHistory(self, start_datetime: datetime, end_datetime: datetime) -> "Deferred[list[FillShape]]":
        return self._cannot("getTradeHistory")

    def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> "Deferred[dict[int, CandleShape]]":
        return self._cannot("getOHLCVHistory")

    def round_bid(self, ticker: str, price: Decimal) -> Decimal:
        return self.instruments[ticker].round_bid(price)

    def round_ask(self, ticker: str, price: Decimal) -> Decimal:
        return self.instruments[ticker].round_ask(price)
