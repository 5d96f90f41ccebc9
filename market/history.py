"""Price history of a contract, asked of the venue once and kept in a file: only what is missing is asked for again."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen
from twisted.logger import Logger

from clients.errors import InvalidData
from clients.interface import IExchangeClient, returns_deferred
from model.candle import PERIOD_SECONDS, WINDOW_SECONDS, Candle, Period, Window
from model.money import decimal_of, plain

#: The form of the file; one of another form is not read, but asked for anew.
VERSION = 1

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@frozen
class Stretch:
    """All that is known of the bars that began in [``start``, ``end``) microseconds: their closes, by beginning."""

    start: int
    end: int
    closes: Mapping[int, Decimal] = field(factory=dict)


class History:
    """The history of ``contract`` at ``client``; ``now`` tells the time in microseconds, ``cache_dir`` is made if missing."""

    log = Logger()

    def __init__(self, client: IExchangeClient, contract: str, cache_dir: Path, now: Callable[[], int]) -> None:
        self._client = client
        self._contract = contract
        self._cache_dir = cache_dir
        self._now = now
        self._venue = str(getattr(client, "name", type(client).__name__))

    @returns_deferred
    async def candles(self, period: Period, window: Window) -> list[Candle]:
        """The finished bars of the last ``window``, oldest first, as far as the venue has them. Safe to repeat.

        :raises clients.errors.ExchangeError: of the venue; NotImplementedError if it has no history.
        """
        length = PERIOD_SECONDS[period] * 1_000_000
        # The bar that is still forming has no close yet.
        end = self._now() // length * length
        start = end - WINDOW_SECONDS[window] * 1_000_000
        known = self._read(period)
        for beginning, ending in _missing(known, start, end):
            closes = await self._ask(period, beginning, ending)
            known = _joined(known, Stretch(beginning, ending, closes), length)
        if known is None:
            return []
        known = _since(known, start)
        self._write(period, known)
        return [Candle(timestamp, close) for timestamp, close in sorted(known.closes.items()) if timestamp < end]

    async def _ask(self, period: Period, start: int, end: int) -> Mapping[int, Decimal]:
        shapes = await self._client.getOHLCVHistory(self._contract, period, _aware(start), _aware(end))
        try:
            found = [Candle.from_shape(shape) for shape in shapes.values()]
        except (ValueError, KeyError) as wrong:
            raise InvalidData(self._venue, "getOHLCVHistory", str(wrong)) from wrong
        return {candle.open_timestamp: candle.close for candle in found if start <= candle.open_timestamp < end}

    def _path(self, period: Period) -> Path:
        name = re.sub(r"[^A-Za-z0-9.]+", "-", f"{self._venue}_{self._contract}_{period}")
        return self._cache_dir / f"{name}.json"

    def _key(self, period: Period) -> list[str]:
        return [self._venue, self._contract, period]

    def _read(self, period: Period) -> Stretch | None:
        path = self._path(period)
        try:
            return _from_json(json.loads(path.read_text()), self._key(period))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            self.log.warn("{path} is no price history, asking anew: {error}", path=str(path), error=str(error))
            return None

    def _write(self, period: Period, known: Stretch) -> None:
        path = self._path(period)
        whole = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole.write_text(json.dumps(_to_json(known, self._key(period))))
            whole.replace(path)
        except OSError as error:
            # The candles are good all the same; the next start will have to ask again.
            self.log.warn("cannot keep the price history {path}: {error}", path=str(path), error=str(error))


def _aware(timestamp: int) -> datetime:
    return EPOCH + timedelta(microseconds=timestamp)


def _missing(known: Stretch | None, start: int, end: int) -> list[tuple[int, int]]:
    """What of [start, end) is not known; what is known without touching it does not help."""
    if known is None or known.end < start or known.start > end:
        return [(start, end)]
    stretches = [(start, known.start), (known.end, end)]
    return [(beginning, ending) for beginning, ending in stretches if beginning < ending]


def _joined(known: Stretch | None, fresh: Stretch, length: int) -> Stretch | None:
    """Both in one, where they touch; else the fresh one.

    Fresh bars are known up to the last one that the venue told: a bar that it has not published yet must be asked again.
    """
    if known is not None and fresh.end == known.start:
        return Stretch(fresh.start, known.end, {**fresh.closes, **known.closes})
    if not fresh.closes:
        return known
    told = evolve(fresh, end=max(fresh.closes) + length)
    if known is not None and told.start == known.end:
        return Stretch(known.start, told.end, {**known.closes, **told.closes})
    return told


def _since(known: Stretch, start: int) -> Stretch:
    closes = {timestamp: close for timestamp, close in known.closes.items() if timestamp >= start}
    return Stretch(max(known.start, start), max(known.end, start), closes)


def _to_json(known: Stretch, key: list[str]) -> dict[str, Any]:
    closes = {str(timestamp): plain(close) for timestamp, close in sorted(known.closes.items())}
    return {"version": VERSION, "key": key, "start": known.start, "end": known.end, "closes": closes}


def _from_json(data: Any, key: list[str]) -> Stretch:
    if data["version"] != VERSION or data["key"] != key:
        raise ValueError(f"it is of version {data['version']} and about {data['key']}")
    closes = {int(timestamp): decimal_of(close, "close") for timestamp, close in data["closes"].items()}
    return Stretch(int(data["start"]), int(data["end"]), closes)
