"""What the charts draw: samples of the ledger, thinned by the database to what a screen can show, by column."""

from collections.abc import Mapping, Sequence
from typing import Any

from ledger.reading import FillMark
from model.records import Sample
from web.shapes import jsonable

#: The ranges that can be asked for, in hours, by name.
RANGES: Mapping[str, int] = {"1h": 1, "6h": 6, "1d": 24, "7d": 168, "30d": 720}
#: Points of a line: more than a screen has pixels for would be drawn over each other.
POINTS = 720
_HOUR = 3_600_000_000
_COLUMNS = ("timestamp", "source_mid", "rate", "target_mid", "fair", "bid", "ask", "source_cash", "source_btc")
_MORE = ("target_cash", "target_btc", "exposure", "value", "decision_us", "lag_us", "commit_us")


def window(now: int, hours: int) -> tuple[int, int, int]:
    """From when, until when and how wide a point is, in microseconds, for the last ``hours``."""
    length = hours * _HOUR
    return now - length, now + 1, max(1, length // POINTS)


def chart_shape(since: int, until: int, width: int, samples: Sequence[Sample], fills: Sequence[FillMark]) -> dict[str, Any]:
    """Columns of equal length, oldest first; ``profit`` by part, counted from the first of them on."""
    columns = {name: [jsonable(getattr(sample, name)) for sample in samples] for name in (*_COLUMNS, *_MORE)}
    first = next((sample.profit for sample in samples if sample.profit), {})
    profit = {
        part: [jsonable(sample.profit[part] - begun) if part in sample.profit else None for sample in samples]
        for part, begun in first.items()
    }
    return {
        "since": since,
        "until": until,
        "width": width,
        "columns": columns,
        "profit": profit,
        "fills": jsonable(tuple(fills)),
    }
