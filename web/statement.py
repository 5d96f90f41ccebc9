"""The statement of a day: what was held, what came of it and why, out of the ledger alone."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from attrs import frozen

from ledger.pnl import MarkHistory, Marks, Pnl, attribute, holdings, is_held
from ledger.postings import exactly
from ledger.reading import Period
from model.money import ZERO
from model.records import Sample
from model.settings import Settings
from web.errors import BadRequest

_MICROSECONDS = 1_000_000


@frozen
class Holding:
    """What the pool held of one ticker as the day began and ended, and what its unit was worth in source currency."""

    ticker: str
    opening: Decimal
    closing: Decimal
    opening_mark: Decimal | None
    closing_mark: Decimal | None

    @property
    def change(self) -> Decimal:
        """In the ticker's own unit."""
        return self.closing - self.opening


@frozen
class Turnover:
    """What was traded at a place: how many fills, coins bought and sold, and what was paid in fees, by ticker."""

    place: str
    fills: int
    bought: Decimal
    sold: Decimal
    fees: Mapping[str, Decimal]


@frozen
class Statement:
    """One UTC day. ``pnl`` is None where the ledger has no prices of it; then ``why_not`` says so."""

    day: str
    since: int
    until: int
    holdings: tuple[Holding, ...]
    turnovers: tuple[Turnover, ...]
    other: tuple[tuple[str, str, Decimal], ...]
    pnl: Pnl | None
    why_not: str


def read_day(text: str, now: int) -> tuple[str, int, int]:
    """A day as ``YYYY-MM-DD`` (today if empty), and the microseconds UTC of its beginning and end.

    :raises BadRequest: it is no day of the last thousand years.
    """
    try:
        begin = date.fromisoformat(text) if text else datetime.fromtimestamp(now // _MICROSECONDS, UTC).date()
        day = datetime.combine(begin, time(), UTC)
    except ValueError:
        raise BadRequest("day must be a date as 2026-11-21") from None
    if not 2000 <= day.year < 3000:
        raise BadRequest("day must be a date as 2026-11-21")
    since, until = (int(moment.timestamp()) * _MICROSECONDS for moment in (day, day + timedelta(days=1)))
    return f"{day:%Y-%m-%d}", since, until


def statement_of(day: str, since: int, until: int, period: Period, settings: Settings) -> Statement:
    """The statement of what ``period`` holds."""
    points = [(sample.timestamp, _marks(sample, settings)) for sample in period.samples]
    marks = [(timestamp, found) for timestamp, found in points if found is not None]
    closing = holdings(period.closing)
    opening_marks, closing_marks = (marks[0][1], marks[-1][1]) if marks else ({}, {})
    pnl, why_not = _pnl(period, closing, marks)
    return Statement(
        day,
        since,
        until,
        _holdings(period, closing, opening_marks, closing_marks),
        tuple(_turnover(period, place, settings.btc) for place in ("target", "source")),
        _other(period),
        pnl,
        why_not,
    )


def _marks(sample: Sample, settings: Settings) -> Marks | None:
    if sample.source_mid is None or sample.rate is None:
        return None
    return {settings.source: Decimal(1), settings.btc: sample.source_mid, settings.target: sample.rate}


def _pnl(period: Period, closing: Mapping[str, Decimal], marks: list[tuple[int, Marks]]) -> tuple[Pnl | None, str]:
    if not marks:
        return None, "The ledger has no prices of this day: the pool was not running."
    try:
        return attribute(period.movements, closing, marks[0][1], marks[-1][1], MarkHistory(tuple(marks)).at), ""
    except ValueError as unknown:
        return None, f"Not worked out: {unknown}."


def _holdings(period: Period, closing: Mapping[str, Decimal], first: Marks, last: Marks) -> tuple[Holding, ...]:
    opening = dict(closing)
    with exactly():
        for movement in period.movements:
            for (account, ticker), amount in movement.moves.items():
                if is_held(account):
                    opening[ticker] = opening.get(ticker, ZERO) - amount
    tickers = sorted(opening.keys() | closing.keys())
    return tuple(
        Holding(ticker, opening.get(ticker, ZERO), closing.get(ticker, ZERO), first.get(ticker), last.get(ticker))
        for ticker in tickers
    )


def _turnover(period: Period, place: str, btc: str) -> Turnover:
    count, bought, sold = 0, ZERO, ZERO
    fees: dict[str, Decimal] = {}
    with exactly():
        for movement in period.movements:
            if movement.kind != "fill" or movement.place != place:
                continue
            count += 1
            coins = -movement.moves.get(("trade", btc), ZERO)
            bought, sold = (bought + coins, sold) if coins > 0 else (bought, sold - coins)
            for (account, ticker), amount in movement.moves.items():
                if account == "fee:trading":
                    fees[ticker] = fees.get(ticker, ZERO) + amount
    return Turnover(place, count, bought, sold, fees)


def _other(period: Period) -> tuple[tuple[str, str, Decimal], ...]:
    """What moved otherwise than by trades, by account and ticker, summed."""
    sums: dict[tuple[str, str], Decimal] = {}
    with exactly():
        for movement in period.movements:
            for key, amount in movement.moves.items() if movement.kind != "fill" else ():
                sums[key] = sums.get(key, ZERO) + amount
    return tuple((account, ticker, amount) for (account, ticker), amount in sorted(sums.items()) if amount)
