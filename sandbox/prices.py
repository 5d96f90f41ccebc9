"""Where prices come from: a seeded random walk, or the user's own candles; and the past before the sandbox began."""

import csv
import gzip
from collections.abc import Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from random import Random
from typing import Protocol

from attrs import evolve, frozen

from model.money import ZERO, floor_to
from sandbox.candles import Bar
from sandbox.rates import factor

_DAY = 86_400
#: The past: bars of so many seconds, as far back as so many seconds. Fine where a venue serves fine bars, then coarser.
_ZONES = ((60, 3 * _DAY), (900, 15 * _DAY), (3_600, 120 * _DAY), (_DAY, 730 * _DAY))


class Price(Protocol):
    """A price that moves with the world's time."""

    @property
    def now(self) -> Decimal:
        """The fair price (quote per base)."""

    def advance(self, seconds: float) -> None:
        """Let world time pass."""

    def past(self, end: int, tick: Decimal) -> list[Bar]:
        """Bars before ``end`` (seconds since the epoch), oldest first."""


class RandomWalk:
    """A geometric random walk: no memory, normal steps, a yearly ``volatility`` (0.55: a usual year of Bitcoin)."""

    def __init__(self, start: Decimal, volatility: float, random: Random) -> None:
        self._price = self._start = start
        self._volatility = volatility
        self._random = random

    @property
    def now(self) -> Decimal:
        return self._price

    def advance(self, seconds: float) -> None:
        self._price = (self._price * factor(self._random, self._volatility, seconds)).quantize(Decimal("1e-6"))

    def past(self, end: int, tick: Decimal) -> list[Bar]:
        """Walk back from the start price."""
        bars: list[Bar] = []
        close = self._start
        for length, start in self._starts(end):
            opened = close / factor(self._random, self._volatility, length)
            edges = [abs(factor(self._random, self._volatility * 0.5, length) - 1) for _ in range(2)]
            high, low = max(opened, close) * (1 + edges[0]), min(opened, close) * (1 - edges[1])
            volume = Decimal(repr(round(self._random.lognormvariate(0.0, 1.0) * length / 60, 8)))
            bars.append(_bar(start, (opened, high, low, close), tick, volume, max(1, length // 20)))
            close = opened
        return bars[::-1]

    def _starts(self, end: int) -> Iterator[tuple[int, int]]:
        start = end - end % 60
        for (length, reach), (next_length, _) in zip(_ZONES, (*_ZONES[1:], _ZONES[-1]), strict=True):
            # A zone goes on until the coarser bars of the next one fit before it.
            while start > end - reach or start % next_length:
                start -= length
                yield length, start


@frozen
class Candle:
    """One minute of the user's file."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


class BadCandles(ValueError):
    """The file of candles cannot be used; the text says why."""


def read_candles(path: Path) -> list[Candle]:
    """One-minute candles from a CSV file (``.gz`` or plain) with columns open, high, low, close, oldest first.

    :raises BadCandles: if there is no such file, column, or a line holds no positive numbers.
    """
    try:
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
            rows = list(csv.DictReader(lines))
        candles = [Candle(*(Decimal(row[name]) for name in ("open", "high", "low", "close"))) for row in rows]
    except (OSError, KeyError, InvalidOperation, TypeError) as error:
        raise BadCandles(f"{path}: {type(error).__name__}: {error}") from None
    if len(candles) < 2 or any(not min(candle.low, candle.open).is_finite() or candle.low <= 0 for candle in candles):
        raise BadCandles(f"{path}: needs at least two candles of positive prices")
    return candles


class Replay:
    """The user's candles, one per world minute, from number ``first`` on; those before are the past. The last one lasts."""

    def __init__(self, candles: Sequence[Candle], first: int) -> None:
        self._candles = candles
        self._first = min(first, len(candles) - 1)
        self._seconds = 0.0

    @property
    def now(self) -> Decimal:
        minute, second = divmod(self._seconds, 60)
        index = self._first + int(minute)
        if index >= len(self._candles):
            return self._candles[-1].close
        candle = self._candles[index]
        return candle.open + (candle.close - candle.open) * int(second) / 60

    def advance(self, seconds: float) -> None:
        self._seconds += seconds

    def past(self, end: int, tick: Decimal) -> list[Bar]:
        end -= end % 60
        before = self._candles[: self._first]
        starts = range(end - 60 * len(before), end, 60)
        return [
            _bar(start, (candle.open, candle.high, candle.low, candle.close), tick, Decimal(1), 1)
            for start, candle in zip(starts, before, strict=True)
        ]


def _bar(start: int, prices: tuple[Decimal, Decimal, Decimal, Decimal], tick: Decimal, volume: Decimal, count: int) -> Bar:
    opened, high, low, close = (max(tick, floor_to(price, tick)) for price in prices)
    return Bar(start, opened, high, low, close, volume, volume * close, count)


def converted(bars: Sequence[Bar], rate: Decimal, tick: Decimal) -> list[Bar]:
    """Bars in another currency, at one ``rate`` for all of them."""
    return [
        evolve(
            bar,
            open=floor_to(bar.open * rate, tick),
            high=floor_to(bar.high * rate, tick),
            low=floor_to(bar.low * rate, tick),
            close=floor_to(bar.close * rate, tick),
            value=bar.value * rate if bar.volume else ZERO,
        )
        for bar in bars
    ]
