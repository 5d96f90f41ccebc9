"""Prices, minute by minute: recorded ones where they lie beside the project, else drawn; the seed says which month it is.

A recorded month gives many: its returns are rotated by the seed, so that no jump appears at the seam, and on odd seeds they
run backwards. Rates are rotated by whole days, so that a week keeps its weekend.
"""

import csv
import gzip
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

import numpy
from attrs import frozen
from numpy.typing import NDArray

Row: TypeAlias = NDArray[numpy.float64]

DAY = 1440
#: Where the recorded prices lie if they are there; see the README beside them.
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data"
BTC_FILE, BID_FILE, ASK_FILE = "btc_usd_1m_2022-01.csv.gz", "gbp_usd_bid_1m_2012.csv.gz", "gbp_usd_ask_1m_2012.csv.gz"
#: What a drawn path begins with, and the standard deviation of its daily return.
DRAWN_BTC, DRAWN_BTC_DAILY = 46_000.0, 0.033
DRAWN_RATE, DRAWN_RATE_DAILY, DRAWN_RATE_SPREAD = 1.58, 0.005, 0.0001
#: The recorded rates begin on a Wednesday (1 February 2012); four whole weeks of them are used.
FIRST_WEEKDAY, RATE_DAYS = 2, 28
#: Draws of one seed that must not depend on each other.
BTC_DRAW, RATE_DRAW = 1, 2


@frozen(eq=False)
class Prices:
    """``btc`` in source currency, the rate's ``bid`` and ``ask`` in source currency per target unit; one value a minute."""

    btc: Row
    bid: Row
    ask: Row
    is_bank_open: NDArray[numpy.bool_]
    is_recorded: bool

    def variances(self) -> tuple[float, float]:
        """Of the daily price change of BTC and of the target currency, in squared source currency."""
        return float(numpy.var(numpy.diff(self.btc)) * DAY), float(numpy.var(numpy.diff((self.bid + self.ask) / 2)) * DAY)


def prices(seed: int, days: int, folder: Path = RECORDED) -> Prices:
    """The month with this number; always the same for the same seed and the same files."""
    is_recorded = all((folder / name).exists() for name in (BTC_FILE, BID_FILE, ASK_FILE))
    minutes = days * DAY
    if is_recorded:
        btc = _recorded_btc(folder, seed, minutes)
        bid, ask, weekday = _recorded_rate(folder, seed, minutes)
    else:
        btc = _drawn_btc(seed, minutes)
        bid, ask, weekday = _drawn_rate(seed, minutes)
    is_open = (weekday + numpy.arange(minutes) // DAY) % 7 < 5
    return Prices(numpy.round(btc, 2), numpy.round(bid, 5), numpy.round(ask, 5), is_open, is_recorded)


def _recorded_btc(folder: Path, seed: int, minutes: int) -> Row:
    closes = numpy.array(list(_closes(folder / BTC_FILE).values()))
    if seed % 2:
        closes = closes[::-1]
    start = int(_draw(seed, BTC_DRAW).integers(len(closes) - 1))
    return _path(float(closes[0]), numpy.diff(numpy.log(closes)), start, minutes)


def _recorded_rate(folder: Path, seed: int, minutes: int) -> tuple[Row, Row, int]:
    bids, asks = _rates(folder)
    day = int(_draw(seed, RATE_DRAW).integers(RATE_DAYS))
    mid = numpy.log((bids + asks) / 2)
    middle = _path(float(bids[0]), numpy.append(numpy.diff(mid), 0.0), day * DAY, minutes)
    half = numpy.resize(numpy.roll((asks - bids) / (asks + bids), -day * DAY), minutes)
    return middle * (1 - half), middle * (1 + half), (FIRST_WEEKDAY + day) % 7


def _path(first: float, returns: Row, start: int, minutes: int) -> Row:
    turned = numpy.resize(numpy.roll(returns, -start), minutes)
    turned[0] = 0.0
    return first * numpy.exp(numpy.cumsum(turned))


@cache
def _rates(folder: Path) -> tuple[Row, Row]:
    """Bid and ask on every minute of four weeks: a minute without a price keeps the one before it."""
    bids, asks = _closes(folder / BID_FILE), _closes(folder / ASK_FILE)
    first = numpy.datetime64(next(iter(bids)))
    minutes = (first + numpy.arange(RATE_DAYS * DAY).astype("timedelta64[m]")).astype("datetime64[s]")
    found_bids, found_asks = [], []
    bid, ask = next(iter(bids.values())), next(iter(asks.values()))
    for minute in minutes.astype(str):
        bid, ask = bids.get(minute, bid), asks.get(minute, ask)
        found_bids.append(bid)
        found_asks.append(max(bid, ask))
    return numpy.array(found_bids), numpy.array(found_asks)


@cache
def _closes(path: Path) -> dict[str, float]:
    """The close of each minute, by its time to the second, e.g. ``2012-02-01T00:00:00``."""
    return dict(_read(path))


def _read(path: Path) -> Iterator[tuple[str, float]]:
    with gzip.open(path, "rt", newline="") as file:
        for line in csv.DictReader(file):
            yield line["timestamp"][:19].replace(" ", "T"), float(line["close"])


def _drawn_btc(seed: int, minutes: int) -> Row:
    """Returns with fat tails: Student's t with four degrees of freedom has a variance of two."""
    steps = _draw(seed, BTC_DRAW).standard_t(4, minutes) * (DRAWN_BTC_DAILY / math.sqrt(2 * DAY))
    return DRAWN_BTC * numpy.exp(numpy.cumsum(steps))


def _drawn_rate(seed: int, minutes: int) -> tuple[Row, Row, int]:
    draw = _draw(seed, RATE_DRAW)
    weekday = int(draw.integers(7))
    is_open = (weekday + numpy.arange(minutes) // DAY) % 7 < 5
    steps = draw.standard_normal(minutes) * is_open * (DRAWN_RATE_DAILY / math.sqrt(DAY))
    middle = DRAWN_RATE * numpy.exp(numpy.cumsum(steps))
    return middle * (1 - DRAWN_RATE_SPREAD / 2), middle * (1 + DRAWN_RATE_SPREAD / 2), weekday


def _draw(seed: int, stream: int) -> numpy.random.Generator:
    return numpy.random.default_rng([seed, stream])
