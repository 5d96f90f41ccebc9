"""Bars of any venue, checked and cut to what was asked for."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from clients.paging import microseconds_of
from clients.parsing import number, positive
from model.candle import PERIOD_SECONDS, Period
from model.shapes import CandleShape


def bar(contract: str, period: Period, opened: int, prices: Iterable[Any], volume: Any) -> CandleShape:
    """A bar that opened at ``opened`` (microseconds); ``prices``: open, high, low, close as the venue has them.

    :raises ValueError: for what is no bar.
    """
    first, high, low, last = (positive(value, "price") for value in prices)
    if not low <= min(first, last) <= max(first, last) <= high:
        raise ValueError(f"bar {opened}: {first} {high} {low} {last} are no open, high, low, close")
    return {
        "contract": contract,
        "period": period,
        "open": first,
        "high": high,
        "low": low,
        "close": last,
        "volume": number(volume, "volume"),
        "open_timestamp": opened,
        "close_timestamp": opened + PERIOD_SECONDS[period] * 1_000_000,
    }


def finished(bars: Iterable[CandleShape], start: datetime, end: datetime, now: int) -> dict[int, CandleShape]:
    """Those that opened at ``start`` or later and were over by ``end`` and by ``now`` (microseconds), by when they opened."""
    first, last = (microseconds_of(moment) for moment in (start, end))
    over = min(last, now)
    return {each["open_timestamp"]: each for each in bars if first <= each["open_timestamp"] and each["close_timestamp"] <= over}
