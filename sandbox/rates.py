"""Fiat rates as the sandbox's world has them: units per euro, walking slowly, with a past for the reference-rate files."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from random import Random

from model.money import EXACT

#: Digits after the point of a published reference rate, as the ECB has them for these sizes.
_RATE_STEP = Decimal("0.00001")
_SECONDS_PER_YEAR = 365 * 86_400


def factor(random: Random, volatility: float, seconds: float) -> Decimal:
    """What a price is multiplied by over ``seconds`` of a random walk with a yearly ``volatility``; exact from here on."""
    move = random.gauss(0.0, volatility * (seconds / _SECONDS_PER_YEAR) ** 0.5)
    return Decimal(repr(round(1.0 + max(-0.5, min(0.5, move)), 12)))


class Rates:
    """``per_euro`` maps each ticker to its units per euro. The euro itself is always 1."""

    def __init__(self, per_euro: Mapping[str, Decimal], random: Random, volatility: float = 0.08) -> None:
        self._per_euro = {ticker: rate for ticker, rate in per_euro.items() if ticker != "EUR"}
        self._random = random
        self._volatility = volatility
        self._past = self._walk_back(dict(self._per_euro))

    def rate(self, origin: str, to: str) -> Decimal:
        """Units of ``to`` for one unit of ``origin``, mid.

        :raises KeyError: for a currency without a rate.
        """
        return EXACT.divide(self._rate_of(to), self._rate_of(origin))

    def knows(self, ticker: str) -> bool:
        """Whether there is a rate for it."""
        return ticker == "EUR" or ticker in self._per_euro

    def per_euro(self) -> Mapping[str, Decimal]:
        """Units per euro now, as published."""
        return {ticker: rate.quantize(_RATE_STEP) for ticker, rate in self._per_euro.items()}

    def advance(self, seconds: float) -> None:
        """Walk on for ``seconds``."""
        for ticker, rate in self._per_euro.items():
            self._per_euro[ticker] = (rate * factor(self._random, self._volatility, seconds)).quantize(Decimal("1e-9"))

    def move(self, ticker: str, per_euro: Decimal) -> None:
        """Set a rate by hand."""
        self._per_euro[ticker] = per_euro

    def published(self, today: date, working_days: int) -> list[tuple[date, Mapping[str, Decimal]]]:
        """The last ``working_days`` publications, newest first. The newest is always what holds now.

        The real ones are set once a day; these follow the world, so that a sandbox's bank and its source agree.
        """
        days: list[date] = []
        day = today
        while len(days) < working_days:
            if day.weekday() < 5:
                days.append(day)
            day -= timedelta(days=1)
        past = [self.per_euro(), *self._past]
        return list(zip(days, past, strict=False))

    def _rate_of(self, ticker: str) -> Decimal:
        return Decimal(1) if ticker == "EUR" else self._per_euro[ticker]

    def _walk_back(self, rates: dict[str, Decimal]) -> list[Mapping[str, Decimal]]:
        past: list[Mapping[str, Decimal]] = []
        for _ in range(520):
            rates = {ticker: rate / factor(self._random, self._volatility, 86_400) for ticker, rate in rates.items()}
            past.append({ticker: rate.quantize(_RATE_STEP) for ticker, rate in rates.items()})
        return past
