"""The market of one seed: prices, customers, a rival, source books, and what things cost. Nobody reacts to what a pool does."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Literal

import numpy
from attrs import field, frozen

from bench.arena.prices import DAY, RECORDED, Prices, Row, prices
from model.book import Book, Level
from model.order import Side
from model.settings import Cost

Kind = Literal["base", "informed", "no_rival"]

#: Customers a day, and their size in BTC (log-normal: its mean, and the deviation of its logarithm).
CUSTOMERS_PER_DAY, SIZE_MEAN, SIZE_SPREAD = 80, 0.1, 1.0
#: How far from fair a customer goes on average, as a share; a seed's own mean is drawn between these.
REACHES = 0.004, 0.01
#: How long a mood lasts on average (days), and the shares of buyers that there are.
MOOD_DAYS, MOODS = 2.0, (0.75, 0.5, 0.25)
#: The rival's distance from fair, how its logarithm varies, and how often it changes (days).
RIVAL_HALF, RIVAL_SPREAD, RIVAL_DAYS = 0.008, 0.15, 0.25
#: In the market ``informed``: the share of customers who know the price so many minutes ahead.
INFORMED_SHARE, FORESIGHT = 0.4, 30
#: A source book: its levels, half its spread, the mean step between levels (shares of the price), the mean size of one (BTC).
LEVELS, HALF_SPREAD, STEP, LEVEL_SIZE = 20, 0.0001, 0.0001, 0.6
#: Books are drawn anew each hour.
BOOK_MINUTES = 60
#: Draws of one seed that must not depend on each other.
CUSTOMER_DRAW, RIVAL_DRAW, BOOK_DRAW = 3, 4, 5
CENT, COIN, PIP = Decimal("0.01"), Decimal("0.00001"), Decimal("0.00001")


@frozen
class Costs:
    """What the market charges and how long it takes; currencies as in :class:`~model.settings.Settings`, times in minutes."""

    source_fee: Decimal = Decimal("0.0026")
    target_fee: Decimal = Decimal("0.001")
    btc_fee: Decimal = Decimal("0.0005")
    btc_minutes: int = 60
    bank: Cost = field(default=Cost(Decimal(25), Decimal("0.002")))
    bank_minutes: int = DAY


@frozen
class Customer:
    """Who wants to trade on ``side`` at ``minute``, ``quantity`` BTC at ``limit`` (target currency per BTC) or better."""

    minute: int
    side: Side
    quantity: Decimal
    limit: Decimal


@frozen(eq=False)
class Market:
    """All that happens, whatever the pool does. ``rival_half`` is None where there is no rival, else one share a minute.

    ``mid`` (source currency per BTC), ``rate_bid`` and ``rate_ask`` (source currency per target unit), one a minute.
    ``offsets`` and ``sizes``: one source book an hour, as shares of the mid and in BTC; first the bids, then the asks.
    """

    prices: Prices
    mid: tuple[Decimal, ...]
    rate_bid: tuple[Decimal, ...]
    rate_ask: tuple[Decimal, ...]
    customers: tuple[Customer, ...]
    rival_half: tuple[Decimal, ...] | None
    offsets: Row
    sizes: Row
    costs: Costs = field(factory=Costs)

    @property
    def minutes(self) -> int:
        """How long it lasts."""
        return len(self.mid)

    def rate(self, minute: int) -> Decimal:
        """The middle of the rate."""
        return (self.rate_bid[minute] + self.rate_ask[minute]) / 2

    def fair(self, minute: int) -> Decimal:
        """BTC in target currency between both mids."""
        return self.mid[minute] / self.rate(minute)

    def source_book(self, minute: int) -> Book:
        """The book of the source, every level on a cent."""
        hour, mid = minute // BOOK_MINUTES, float(self.mid[minute])
        bids, asks = (self._levels(hour, number, mid) for number in (0, 1))
        return Book("BTC/USD", bids, asks, minute)

    def rival(self, minute: int, side: Side) -> Decimal | None:
        """What the rival bids (BUY) or asks (SELL) on the target."""
        if self.rival_half is None:
            return None
        return self.fair(minute) * (1 - side.sign * self.rival_half[minute])

    def bank_arrival(self, minute: int) -> int:
        """When money that leaves now arrives: the bank counts only minutes in which it is open."""
        done = numpy.cumsum(self.prices.is_bank_open[minute:])
        return minute + int(numpy.searchsorted(done, self.costs.bank_minutes)) + 1

    def _levels(self, hour: int, number: int, mid: float) -> tuple[Level, ...]:
        found = zip(mid * self.offsets[hour, number], self.sizes[hour, number], strict=True)
        return tuple(Level(_exact(price, CENT), _exact(size, COIN)) for price, size in found)


def market(seed: int, days: int = 31, kind: Kind = "base", folder: Path = RECORDED) -> Market:
    """The market with this number; always the same for the same seed, days and recorded prices (in ``folder``)."""
    found = prices(seed, days, folder)
    minutes = len(found.btc)
    offsets, sizes = _books(seed, minutes)
    return Market(
        found,
        tuple(_exact(price, CENT) for price in found.btc),
        tuple(_exact(price, PIP) for price in found.bid),
        tuple(_exact(price, PIP) for price in found.ask),
        _customers(seed, found, INFORMED_SHARE if kind == "informed" else 0.0),
        None if kind == "no_rival" else _rival(seed, minutes),
        offsets,
        sizes,
    )


def _customers(seed: int, found: Prices, informed_share: float) -> tuple[Customer, ...]:
    draw, minutes = numpy.random.default_rng([seed, CUSTOMER_DRAW]), len(found.btc)
    count = int(draw.poisson(CUSTOMERS_PER_DAY * minutes / DAY))
    when = numpy.sort(draw.integers(minutes, size=count))
    reach = draw.uniform(*REACHES)
    distance = draw.exponential(reach, count)
    sizes = draw.lognormal(numpy.log(SIZE_MEAN) - SIZE_SPREAD**2 / 2, SIZE_SPREAD, count)
    is_buyer = draw.random(count) < _steps(draw, minutes, MOOD_DAYS, lambda: draw.choice(MOODS))[when]
    knows = draw.random(count) < informed_share
    looked_at = numpy.where(knows, numpy.minimum(when + FORESIGHT, minutes - 1), when)
    fair = (found.btc / ((found.bid + found.ask) / 2))[looked_at]
    limits = fair * numpy.where(is_buyer, 1 + distance, 1 - distance)
    return tuple(
        Customer(int(minute), Side.BUY if buys else Side.SELL, max(COIN, _exact(size, COIN)), _exact(limit, CENT))
        for minute, buys, size, limit in zip(when, is_buyer, sizes, limits, strict=True)
    )


def _rival(seed: int, minutes: int) -> tuple[Decimal, ...]:
    draw = numpy.random.default_rng([seed, RIVAL_DRAW])
    halves = _steps(draw, minutes, RIVAL_DAYS, lambda: RIVAL_HALF * numpy.exp(draw.normal(0, RIVAL_SPREAD)))
    return tuple(_exact(half, PIP) for half in halves)


def _books(seed: int, minutes: int) -> tuple[Row, Row]:
    draw = numpy.random.default_rng([seed, BOOK_DRAW])
    shape = (minutes // BOOK_MINUTES + 1, 2, LEVELS)
    steps = draw.exponential(STEP, shape)
    steps[:, :, 0] = HALF_SPREAD
    distances = numpy.cumsum(steps, axis=2) * numpy.array([-1.0, 1.0])[None, :, None]
    return 1 + distances, draw.lognormal(numpy.log(LEVEL_SIZE) - 0.5, 1.0, shape) + float(COIN)


def _steps(draw: numpy.random.Generator, minutes: int, mean_days: float, value: Callable[[], float]) -> Row:
    """A value that changes now and then, one a minute."""
    found = numpy.empty(minutes)
    begin = 0
    while begin < minutes:
        end = begin + 1 + int(draw.exponential(mean_days * DAY))
        found[begin:end] = value()
        begin = end
    return found


def _exact(value: float, step: Decimal) -> Decimal:
    """The multiple of ``step`` nearest to a drawn number."""
    return Decimal(float(value)).quantize(step)
