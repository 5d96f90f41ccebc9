"""Reference rates of the European Central Bank: published on working days about 16:00 CET, one rate per day.

Format (ecb.europa.eu, "Euro foreign exchange reference rates"): ``<Cube time="2026-11-20"><Cube currency="USD"
rate="1.0820"/>...``, units of the currency per euro; ``eurofxref-daily.xml`` has the newest day, the others more.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import NoReturn
from xml.parsers.expat import ExpatError, ParserCreate

from clients.errors import InvalidData, Refused
from clients.http_link import Request
from clients.interface import returns_deferred
from clients.rates import PolledRates, check_age, check_options, flat_candle, seconds_of, spread_of
from clients.surroundings import Surroundings
from model.candle import Period
from model.money import decimal_of
from model.shapes import CandleShape

HOME = "https://www.ecb.europa.eu/stats/eurofxref"
DAILY, QUARTER, ALL = "eurofxref-daily.xml", "eurofxref-hist-90d.xml", "eurofxref-hist.xml"
#: Easter and Christmas leave at most five days without a rate.
LONGEST_HOLIDAY = timedelta(days=7)
Days = Mapping[date, Mapping[str, Decimal]]


class ECB(PolledRates):
    """Cross rates from the euro rates. Options: ``spread`` (a share) and ``period`` (seconds between two readings).

    A book's ``timestamp`` is when the bank's file last confirmed the rate; ``rate_date`` is the day the rate is of. A rate
    that is older than the longest holiday is not given at all.
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
        del id, secret  # the constructor of every exchange has them; the bank publishes to everybody
        chosen = options or {}
        check_options("ecb", chosen, ("period", "spread"))
        around = surroundings or Surroundings.of_the_process()
        super().__init__("ecb", endpoint or HOME, around, seconds_of(chosen, "period", "900"), spread_of(chosen))
        self.rate_date: date | None = None

    async def read(self, contracts: frozenset[str]) -> Mapping[str, Decimal]:
        days = await self._days(DAILY)
        newest = max(days)
        check_age(self.name, DAILY, self.surroundings.now().astimezone(UTC).date() - newest, LONGEST_HOLIDAY)
        self.rate_date = newest
        return {contract: self._cross(DAILY, contract, days[newest]) for contract in contracts}

    @returns_deferred
    async def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> dict[int, CandleShape]:
        """One flat bar for each day with a rate, opening at midnight UTC; other periods are NotImplementedError."""
        if period != "day":
            raise NotImplementedError(f"ecb has one rate per day, no bars by the {period}")
        first, last = start_datetime.astimezone(UTC), end_datetime.astimezone(UTC)
        is_recent = self.surroundings.now() - first < timedelta(days=85)
        days = await self._days(QUARTER if is_recent else ALL)
        found: dict[int, CandleShape] = {}
        for day, rates in days.items():
            opened = datetime(day.year, day.month, day.day, tzinfo=UTC)
            # A currency that was not quoted yet, or no more, has no bar.
            if first <= opened <= last and all(rates.get(name) for name in self.tickers("getOHLCVHistory", ticker)):
                timestamp = int(opened.timestamp()) * 1_000_000
                found[timestamp] = flat_candle(ticker, period, timestamp, self._cross("getOHLCVHistory", ticker, rates))
        return dict(sorted(found.items()))

    async def _days(self, file: str) -> Days:
        content = await self.link.content(Request(file, f"/{file}"))
        try:
            return parse(content)
        except ValueError as error:
            raise InvalidData(self.name, file, str(error)) from error

    def _cross(self, call: str, contract: str, rates: Mapping[str, Decimal]) -> Decimal:
        base, quote = self.tickers(call, contract)
        missing = [ticker for ticker in (base, quote) if ticker not in rates]
        if missing:
            raise Refused(self.name, call, f"the bank has no rate of {' and '.join(missing)}")
        return Context(prec=20).divide(rates[quote], rates[base])


def parse(content: bytes) -> Days:
    """The days of a file, each with units per euro by currency, the euro itself included.

    :raises ValueError: for what is no such file. A document type is refused: the bank's files have none, and entities, which
        can grow without bound, are declared in nothing else.
    """
    days: dict[date, dict[str, Decimal]] = {}
    current: list[dict[str, Decimal]] = []

    def started(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] != "Cube":
            return
        if "time" in attributes:
            day = date.fromisoformat(attributes["time"])
            if day in days:
                raise ValueError(f"{day} is there twice")
            days[day] = {"EUR": Decimal(1)}
            current[:] = [days[day]]
        elif "currency" in attributes:
            _add_rate(current, attributes)

    def refused(*_declaration: object) -> NoReturn:
        raise ValueError("a document type declaration, which the bank's files do not have")

    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = refused
    parser.StartElementHandler = started
    try:
        parser.Parse(content, True)
    except ExpatError as error:
        raise ValueError(f"no XML: {error}") from error
    if not days or any(len(rates) == 1 for rates in days.values()):
        raise ValueError("no rates in it")
    return days


def _add_rate(current: list[dict[str, Decimal]], attributes: Mapping[str, str]) -> None:
    currency = attributes["currency"]
    if not current or currency in current[0]:
        raise ValueError(f"a rate of {currency} without a day, or twice")
    rate = decimal_of(attributes.get("rate"), f"{currency} rate")
    if rate <= 0:
        raise ValueError(f"{currency} rate: {rate} is none")
    current[0][currency] = rate
