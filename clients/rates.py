"""What the sources of fiat rates share: a rate as a book, and asking for it again and again."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure

from clients.backoff import Backoff
from clients.endpoints import checked_endpoint
from clients.errors import ExchangeError, Refused, Retryable
from clients.http_link import HttpLink
from clients.interface import ExchangeClient, returns_deferred
from clients.surroundings import Surroundings
from model.candle import PERIOD_SECONDS, Period
from model.money import decimal_of
from model.shapes import BookShape, CandleShape

#: Units of the base at each side's one price: a reference rate has no size, so it must never be what limits a trade.
ENDLESS = Decimal(10) ** 12
#: Significant digits of a rate: more than any source means, few enough to be read.
_DIGITS = 12


def rate_book(contract: str, rate: Decimal, spread: Decimal, timestamp: int) -> BookShape:
    """A book around ``rate`` (quote per base); ``spread``: a share of it, half to each side.

    Rounded away from the rate, and the sides never touch, since a book whose sides do counts as crossed: without a spread
    the bid is the rate and the ask one unit of the twelfth digit above it.
    """
    bid = Context(_DIGITS, rounding=ROUND_FLOOR).multiply(rate, 1 - spread / 2)
    ask = Context(_DIGITS, rounding=ROUND_CEILING).multiply(rate, 1 + spread / 2)
    ask = max(ask, Context(_DIGITS).next_plus(bid))
    return {
        "contract": contract,
        "bids": [{"price": bid, "quantity": ENDLESS}],
        "asks": [{"price": ask, "quantity": ENDLESS}],
        "timestamp": timestamp,
    }


def spread_of(options: Mapping[str, str]) -> Decimal:
    """The option ``spread``, a share from 0 to below 1.

    :raises ValueError: for anything else.
    """
    spread = decimal_of(options.get("spread") or "0", "spread")
    if not 0 <= spread < 1:
        raise ValueError(f"spread: {spread} is not a share from 0 to below 1")
    return spread


def seconds_of(options: Mapping[str, str], name: str, default: str) -> float:
    """The option ``name``, a positive number of seconds.

    :raises ValueError: for anything else.
    """
    seconds = decimal_of(options.get(name) or default, name)
    if seconds <= 0:
        raise ValueError(f"{name}: {seconds} s is no time to wait")
    return float(seconds)


def check_options(venue: str, options: Iterable[str], allowed: Iterable[str]) -> None:
    """A misspelt option must not be ignored.

    :raises ValueError: naming what there is.
    """
    if unknown := sorted(set(options) - set(allowed)):
        raise ValueError(f"{venue}: no option {', '.join(unknown)}; there are {', '.join(allowed) or 'none'}")


def flat_candle(contract: str, period: Period, opened: int, rate: Decimal) -> CandleShape:
    """A bar of which only one rate is known."""
    return {
        "contract": contract,
        "period": period,
        "open": rate,
        "high": rate,
        "low": rate,
        "close": rate,
        "volume": Decimal(0),
        "open_timestamp": opened,
        "close_timestamp": opened + PERIOD_SECONDS[period] * 1_000_000,
    }


def check_age(venue: str, call: str, age: timedelta, limit: timedelta) -> None:
    """A source that still answers with last month's rates knows nothing.

    :raises Retryable: if the newest rate's ``age`` is above ``limit``.
    """
    if age > limit:
        raise Retryable(venue, call, f"the newest rate is {age} old, more than {limit}")


class PolledRates(ExchangeClient):
    """Rates that are asked for every ``period`` seconds, more often while that fails.

    A rate keeps the time at which the source last confirmed it: when the source is gone, its age tells. A subclass says how
    to ask (:meth:`read`).
    """

    def __init__(self, name: str, endpoint: str, surroundings: Surroundings, period: float, spread: Decimal) -> None:
        super().__init__(name)
        self.surroundings = surroundings
        self.link = HttpLink(name, checked_endpoint(name, endpoint), surroundings)
        self._period = period
        self._spread = spread
        self._books: dict[str, BookShape] = {}
        self._backoff = Backoff(surroundings.random, first=min(5.0, period), ceiling=period)
        self._timer: IDelayedCall | None = None
        self._waiting: list[Deferred[None]] = []
        self._is_asking = self._is_connected = self._is_closed = False

    async def read(self, contracts: frozenset[str]) -> Mapping[str, Decimal]:
        """The rate now of each of ``contracts``, and of nothing else; with none, whether the source answers.

        :raises ExchangeError: if any is missing: Refused where the source does not have it at all.
        """
        raise NotImplementedError(f"{self.name} cannot read rates")

    def connect(self) -> "Deferred[None]":
        if self._is_closed:
            return fail(Retryable(self.name, "connect", "this client was disconnected for good"))
        if self._is_connected:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        if not self._is_asking:
            self._is_asking = True
            self._ask()
        return waiter

    @returns_deferred
    async def disconnect(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        was_connected, self._is_connected = self._is_connected, False
        await self.link.close()
        self._answer_waiting(Failure(Retryable(self.name, "connect", "disconnected meanwhile")))
        if was_connected:
            self.emit("disconnect", self)

    @returns_deferred
    async def getOrderBook(self, ticker: str) -> BookShape:
        if not self._is_connected:
            raise Retryable(self.name, "getOrderBook", "not connected")
        if ticker not in self._books:
            self._keep(await self.read(frozenset({ticker})))
        return self._books[ticker]

    def bookAsOf(self, ticker: str) -> int | None:
        book = self._books.get(ticker)
        return book["timestamp"] if book and self._is_connected else None

    def tickers(self, call: str, contract: str) -> tuple[str, str]:
        """Base and quote of ``contract``.

        :raises Refused: if it is none.
        """
        base, slash, quote = contract.partition("/")
        if not (slash and base.isalnum() and quote.isalnum() and contract.isascii()):
            raise Refused(self.name, call, f"{contract!r} is no contract like HUF/USD")
        return base, quote

    def _ask(self) -> None:
        Deferred.fromCoroutine(self._poll()).addErrback(
            lambda failure: self.log.failure("{name}: asking for rates failed", failure=failure, name=self.name)
        )

    async def _poll(self) -> None:
        try:
            self._keep(await self.read(frozenset(self._books)))
        except ExchangeError as trouble:
            delay = self._backoff.next_delay()
            if not self._is_closed:
                self.log.warn("{trouble}; asking again in {delay:.0f} s", trouble=trouble, delay=delay)
        else:
            delay = self._period
            self._backoff.reset()
            self._connected()
        if not self._is_closed:
            self._timer = self.surroundings.reactor.callLater(delay, self._ask)

    def _keep(self, rates: Mapping[str, Decimal]) -> None:
        for contract, rate in rates.items():
            self._books[contract] = rate_book(contract, rate, self._spread, self.surroundings.microseconds())
            self.emit("book", self, self._books[contract])

    def _connected(self) -> None:
        if not self._is_connected and not self._is_closed:
            self._is_connected = True
            self.emit("connect", self)
            self._answer_waiting(None)

    def _answer_waiting(self, result: "Failure | None") -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            waiter.callback(result)
