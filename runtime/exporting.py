"""``export``: what the ledger remembers of a time, as CSV or JSON, a few hundred lines at a time, while the pool goes on.

The columns are those of the console's own exports (:mod:`web.exports`); ``pnl`` is a line for each UTC day, as the console's
statement has it. Newest first, but postings, which are oldest first.
"""

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, Final

import attrs
from attrs import frozen
from sqlalchemy import func, select

from clients.surroundings import Surroundings
from ledger.postings import exactly
from ledger.reading import Balances, Key, Period, SqlHistory
from ledger.readonly import reader
from ledger.schema import entries
from model.money import ZERO
from model.settings import Settings
from runtime.config_values import Config
from runtime.exits import Exit
from runtime.ledger_place import ledger_url
from runtime.printing import bar, to_standard_output
from runtime.problems import CannotDo, Refused
from web.exports import AT_ONCE, EXPORTS, Export, Lines, csv_of, json_of
from web.keys import key_of
from web.past import TABLES
from web.statement import Statement, statement_of

#: The one table that is read from its beginning.
_OLDEST_FIRST: Final = "ledger"
DAY: Final = 86_400_000_000
#: Before any ledger.
EPOCH: Final = datetime(2009, 1, 3, tzinfo=UTC)
#: Told while it works: how much is done, of how much.
Progress = Callable[[int, int], None]


@frozen
class Wanted:
    """What is to be exported: ``since`` until before ``until``; to ``output``, or to standard output."""

    table: str
    since: datetime | None
    until: datetime | None
    is_json: bool
    output: Path | None
    force: bool


@frozen
class PnlLine:
    """The result of one UTC day, in source currency; see :class:`ledger.pnl.Pnl`. ``why_not``: why there is none."""

    day: str
    edge: Decimal | None = None
    hedges: Decimal | None = None
    fees: Decimal | None = None
    conversion: Decimal | None = None
    transfers: Decimal | None = None
    differences: Decimal | None = None
    revaluation: Decimal | None = None
    whole: Decimal | None = None
    contributed: Decimal | None = None
    why_not: str = ""


def run(config: Config, wanted: Wanted) -> int:
    """Write it; the exit code.

    :raises Refused: the file is there already.
    :raises CannotDo: it cannot be written, or the times make no sense.
    :raises LedgerError: the ledger cannot be read.
    """
    if wanted.output is not None and wanted.output.exists() and not wanted.force:
        raise Refused(f"{wanted.output} is there already; --force writes over it")
    since, until = _microseconds(wanted.since or EPOCH), _microseconds(wanted.until or datetime.now(UTC))
    if since >= until:
        raise CannotDo("there is no time between --from and --to")
    with reader(ledger_url(config)) as connection:
        begins = connection.execute(select(func.min(entries.c.timestamp))).scalar_one()
    since = max(since, begins or since)
    try:
        _write(config, wanted, since, until)
    except OSError as error:
        raise CannotDo(f"{wanted.output} cannot be written: {error.strerror or error}") from None
    return Exit.DONE


def _write(config: Config, wanted: Wanted, since: int, until: int) -> None:
    # Imported here: it brings the reactor, which a mistake in the command line must not need.
    from runtime.service import once

    output = _standard_output() if wanted.output is None else _file(wanted.output)
    with output as out, bar(f"exporting {wanted.table}") as progress:
        once(lambda surroundings: _pour(config, wanted, since, until, out, progress, surroundings))


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    with to_standard_output():
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()


@contextmanager
def _file(path: Path) -> Iterator[IO[bytes]]:
    """A file, which appears when it is complete, and is as it was where that fails; a pipe or a device is just written to."""
    if path.exists() and not path.is_file():
        with path.open("wb") as out:
            yield out
        return
    # What a link leads to, and not the link.
    place = path.resolve()
    with TemporaryDirectory(prefix=".ilp-export-", dir=place.parent) as folder:
        part = Path(folder) / "part"
        with part.open("wb") as out:
            yield out
        part.replace(place)


async def _pour(
    config: Config, wanted: Wanted, since: int, until: int, out: IO[bytes], progress: Progress, surroundings: Surroundings
) -> None:
    history = SqlHistory(ledger_url(config), surroundings.reactor)
    history.open()
    try:
        if wanted.table == "pnl":
            # Days that have not begun have no result, and there is no end of them.
            until = min(until, _microseconds(datetime.now(UTC)))
            export, pages = Export((PnlLine,)), days(history, config.settings(ZERO, ZERO), since, until, progress)
        else:
            export = EXPORTS[wanted.table]
            assert export.past is not None
            pages = pages_between(export.past(history), wanted.table, since, until, progress)
        async for piece in json_of(pages) if wanted.is_json else csv_of(export, pages):
            out.write(piece)
    finally:
        await history.close()


async def pages_between(
    lines: Lines, table: str, since: int, until: int, progress: Progress, at_once: int = AT_ONCE
) -> AsyncIterator[list[Any]]:
    """All lines of ``table`` from ``since`` until before ``until`` (microseconds), some at a time."""
    # A time with empty texts is a key before all lines of that time, whichever way they are read.
    first = since if table == _OLDEST_FIRST else until
    key: Key = (first, *[""] * (TABLES[table] - 1))
    while page := await lines(key, at_once):
        kept = [line for line in page if since <= int(key_of(line)[0]) < until]
        if kept:
            yield kept
        key = key_of(page[-1])
        progress(abs(int(key[0]) - first), until - since)
        if len(kept) < len(page):
            return


async def days(history: SqlHistory, settings: Settings, since: int, until: int, progress: Progress) -> AsyncIterator[list[Any]]:
    """The days of a time, newest first; each one's closing balances are the opening ones of the day after it."""
    closing: Balances | None = None
    last, first = ((moment // DAY) * DAY for moment in (until - 1, since))
    for day in range(last, first - DAY, -DAY):
        period = await history.period(day, day + DAY, closing)
        yield [_pnl_line(statement_of(_date(day), day, day + DAY, period, settings))]
        closing = _opening(period)
        progress(last - day + DAY, last - first + DAY)


def _opening(period: Period) -> Balances:
    found = {account: dict(tickers) for account, tickers in period.closing.items()}
    with exactly():
        for movement in period.movements:
            for (account, ticker), amount in movement.moves.items():
                found[account][ticker] -= amount
    return found


def _pnl_line(statement: Statement) -> PnlLine:
    found = {} if statement.pnl is None else attrs.asdict(statement.pnl)
    return PnlLine(statement.day, **found, why_not=statement.why_not)


def _date(microseconds: int) -> str:
    return f"{datetime.fromtimestamp(microseconds // 1_000_000, UTC):%Y-%m-%d}"


def _microseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond
