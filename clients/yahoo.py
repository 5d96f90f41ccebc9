"""Rates from Yahoo's chart service: JSON, undocumented, as the web site itself uses it (``/v8/finance/chart/HUFUSD=X``).

``{"chart": {"result": [{"meta": {"symbol", "currency", "regularMarketPrice", "regularMarketTime"}, "timestamp": [...],
"indicators": {"quote": [{"open": [...], "high", "low", "close", "volume"}]}}], "error": null}}``; bars without a trade are
null. The service promises nothing; the European Central Bank (:mod:`clients.ecb`) does.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import ceil, floor
from typing import Any

from clients.errors import InvalidData, Refused
from clients.http_link import Request
from clients.interface import returns_deferred
from clients.rates import PolledRates, check_age, check_options, seconds_of, spread_of
from clients.surroundings import Surroundings
from model.candle import PERIOD_SECONDS, Period
from model.money import decimal_of
from model.shapes import CandleShape

HOME = "https://query1.finance.yahoo.com"
INTERVALS: Mapping[Period, str] = {"minute": "1m", "hour": "1h", "day": "1d"}
#: Currencies do not trade from Friday evening to Sunday evening, nor on a holiday beside it.
LONGEST_WEEKEND = timedelta(days=4)
#: Without a browser's name the service answers 429.
_HEADERS = {"User-Agent": "Mozilla/5.0", "Accept": "application/json"}


class Yahoo(PolledRates):
    """Rates of currencies. Options: ``spread`` (a share) and ``period`` (seconds between two readings).

    A book's ``timestamp`` is when Yahoo last gave the rate; one whose market time is before the last long weekend is not
    given at all.
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
        del id, secret  # the constructor of every exchange has them; Yahoo asks for none
        chosen = options or {}
        check_options("yahoo", chosen, ("period", "spread"))
        around = surroundings or Surroundings.of_the_process()
        super().__init__("yahoo", endpoint or HOME, around, seconds_of(chosen, "period", "60"), spread_of(chosen))

    async def read(self, contracts: frozenset[str]) -> Mapping[str, Decimal]:
        return {contract: await self._rate(contract) for contract in sorted(contracts)}

    async def _rate(self, contract: str) -> Decimal:
        chart = await self._chart(contract, interval="1d", range="1d")
        try:
            rate = _positive(chart["meta"]["regularMarketPrice"], "regularMarketPrice")
            moment = datetime.fromtimestamp(int(decimal_of(chart["meta"]["regularMarketTime"])), UTC)
        except (KeyError, TypeError, ValueError, OverflowError, OSError) as error:
            raise InvalidData(self.name, contract, f"no price and time: {error!r}") from error
        check_age(self.name, contract, self.surroundings.now() - moment, LONGEST_WEEKEND)
        return rate

    @returns_deferred
    async def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> dict[int, CandleShape]:
        """Bars without a trade, and the one that is not over, are left out. Volume is 0: currencies have none here."""
        window = {"period1": str(floor(start_datetime.timestamp())), "period2": str(ceil(end_datetime.timestamp()))}
        chart = await self._chart(ticker, interval=INTERVALS[period], **window)
        try:
            bars = candles(chart, ticker, period)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InvalidData(self.name, ticker, f"no bars: {error!r}") from error
        first = floor(start_datetime.timestamp()) * 1_000_000
        over = min(ceil(end_datetime.timestamp()) * 1_000_000, self.surroundings.microseconds())
        return {opened: bar for opened, bar in bars.items() if first <= opened and bar["close_timestamp"] <= over}

    async def _chart(self, contract: str, **query: str) -> Any:
        """The one chart that was asked for, of that pair in that currency, or an error."""
        base, quote = self.tickers("chart", contract)
        symbol = f"{base}{quote}=X"
        answer = await self.link.json(Request("chart", f"/v8/finance/chart/{symbol}", query=query, headers=_HEADERS))
        try:
            chart = answer["chart"]
            if chart.get("error"):
                raise Refused(self.name, "chart", str(chart["error"].get("description") or chart["error"]))
            (result,) = chart["result"]
            told = (result["meta"]["symbol"], result["meta"]["currency"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidData(self.name, "chart", f"not the known form: {error!r}") from error
        if told != (symbol, quote):
            raise InvalidData(self.name, "chart", f"{symbol} in {quote} was asked for, {told} came")
        return result


def candles(chart: Mapping[str, Any], contract: str, period: Period) -> dict[int, CandleShape]:
    """The bars of a chart.

    :raises ValueError: (or KeyError, TypeError) for series that do not belong together, or what is no price.
    """
    (series,) = chart["indicators"]["quote"]
    times = chart.get("timestamp") or []
    columns = [series.get(name) or [] for name in ("open", "high", "low", "close")]
    found: dict[int, CandleShape] = {}
    for seconds, *prices in zip(times, *columns, strict=True):
        if None not in prices:
            bar = _candle(seconds, prices, contract, period)
            found[bar["open_timestamp"]] = bar
    return found


def _candle(seconds: object, prices: list[object], contract: str, period: Period) -> CandleShape:
    first, high, low, last = (_positive(price, "price") for price in prices)
    opened = int(decimal_of(seconds, "timestamp")) * 1_000_000
    return {
        "contract": contract,
        "period": period,
        "open": first,
        # Nothing promises that Yahoo's open and close lie within its extremes, and a bar that is off by a digit is no lie.
        "high": max(first, high, low, last),
        "low": min(first, high, low, last),
        "close": last,
        "volume": Decimal(0),
        "open_timestamp": opened,
        "close_timestamp": opened + PERIOD_SECONDS[period] * 1_000_000,
    }


def _positive(value: object, what: str) -> Decimal:
    number = decimal_of(value, what)
    if number <= 0:
        raise ValueError(f"{what}: {number} is no rate")
    return number
