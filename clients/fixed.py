"""Rates that the operator sets: for pegs and for tests."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from math import ceil

from twisted.internet.defer import Deferred, succeed

from clients.errors import Refused
from clients.interface import ExchangeClient, returns_deferred
from clients.rates import check_options, flat_candle, rate_book, spread_of
from clients.surroundings import Surroundings
from model.candle import PERIOD_SECONDS, Period
from model.money import decimal_of
from model.shapes import BookShape, CandleShape


class FixedRate(ExchangeClient):
    """``endpoint`` is the rates themselves: ``HUF/USD=0.0027`` (USD per HUF), more of them after commas.

    Option ``spread``: a share of the rate, half to each side. A contract that is not named is Refused.

    :raises ValueError: for what is no contract, no positive rate, or named twice.
    """

    def __init__(
        self,
        id: str = "",
        secret: str = "",
        endpoint: str = "",
        *,
        surroundings: Surroundings | None = None,
        options: Mapping[str, str] | None = None,
    ) -> None:
        del id, secret  # the constructor of every exchange has them; a fixed rate asks nobody
        super().__init__("fixed")
        check_options("fixed", options or {}, ("spread",))
        self._spread = spread_of(options or {})
        self._rates = _rates(endpoint)
        self._surroundings = surroundings or Surroundings.of_the_process()
        self._is_connected = False

    def connect(self) -> "Deferred[None]":
        if not self._is_connected:
            self._is_connected = True
            self.emit("connect", self)
        return succeed(None)

    def disconnect(self) -> "Deferred[None]":
        if self._is_connected:
            self._is_connected = False
            self.emit("disconnect", self)
        return succeed(None)

    @returns_deferred
    async def getOrderBook(self, ticker: str) -> BookShape:
        return rate_book(ticker, self._rate("getOrderBook", ticker), self._spread, self._surroundings.microseconds())

    def bookAsOf(self, ticker: str) -> int | None:
        """Now: what is fixed is always so."""
        return self._surroundings.microseconds() if ticker in self._rates else None

    @returns_deferred
    async def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> dict[int, CandleShape]:
        rate = self._rate("getOHLCVHistory", ticker)
        step = PERIOD_SECONDS[period]
        first = ceil(start_datetime.astimezone(UTC).timestamp() / step)
        after_last = int(end_datetime.astimezone(UTC).timestamp()) // step
        times = (bar * step * 1_000_000 for bar in range(first, after_last))
        return {opened: flat_candle(ticker, period, opened, rate) for opened in times}

    def _rate(self, call: str, contract: str) -> Decimal:
        if contract not in self._rates:
            known = ", ".join(sorted(self._rates))
            raise Refused(self.name, call, f"no rate is set for {contract}; there are {known}")
        return self._rates[contract]


def _rates(text: str) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for part in text.split(","):
        contract, equals, value = (word.strip() for word in part.partition("="))
        base, slash, quote = contract.partition("/")
        if not (equals and slash and base and quote):
            raise ValueError(f"a fixed rate is written HUF/USD=0.0027, not {part.strip()!r}")
        rate = decimal_of(value, contract)
        if rate <= 0:
            raise ValueError(f"{contract}: {rate} is no rate")
        if contract in found:
            raise ValueError(f"{contract} is set twice")
        found[contract] = rate
    return found
