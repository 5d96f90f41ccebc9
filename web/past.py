"""What the ledger and the log remember, as pages and API ask for it: one line of a query in, values out."""

from collections.abc import Mapping
from typing import Any

from attrs import define, frozen

from ledger.reading import HedgeStory, IHistory
from trader.interface import IPool, NotNow
from web.charts import RANGES, chart_shape, window
from web.errors import BadRequest, NotFound
from web.exports import Lines
from web.keys import MOST, as_word, key_of, read_key, read_limit, whole
from web.log_lines import LEVELS, LogLine, LogRing
from web.statement import Statement, read_day, statement_of

Query = Mapping[str, str]

#: The tables that are read by pages, and of how many parts the key of a line is.
TABLES: Mapping[str, int] = {"orders": 2, "fills": 3, "transits": 2, "ledger": 2}


@frozen
class Found:
    """A page of a table; ``older`` is where the next one begins, empty where there is none. ``is_first``: the newest."""

    lines: tuple[Any, ...]
    older: str
    is_first: bool


@define
class Past:
    """``history`` is None where the ledger is in memory; then all but the log fails with NotNow."""

    pool: IPool
    history: IHistory | None
    log_ring: LogRing

    def readable(self) -> IHistory:
        """The history.

        :raises NotNow: there is none.
        """
        if self.history is None:
            raise NotNow("this pool's ledger is in memory: it has no history to show")
        return self.history

    def lines_of(self, table: str) -> Lines:
        """Where the lines of a table come from."""
        history = self.readable()
        lines: Mapping[str, Lines] = {
            "orders": history.intents,
            "fills": history.fills,
            "transits": history.transits,
            "ledger": history.postings,
        }
        return lines[table]

    async def table(self, table: str, query: Query) -> Found:
        """The page of ``table`` from ``after`` on, ``limit`` lines long.

        :raises BadRequest: the query is none.
        """
        key, limit = read_key(query.get("after", ""), TABLES[table]), read_limit(query)
        # One more than is shown: it tells whether there is another page.
        lines = await self.lines_of(table)(key, limit + 1)
        kept = _first(lines, limit)
        older = as_word(key_of(kept[-1])) if len(kept) < len(lines) else ""
        return Found(tuple(kept), older, not key)

    async def hedge(self, id: str) -> HedgeStory:
        """What was done for an obligation.

        :raises NotFound: there is none of that id.
        """
        story = await self.readable().hedge(id)
        if story is None:
            raise NotFound("there is no such hedge")
        return story

    async def charts(self, query: Query) -> dict[str, Any]:
        """The columns of the charts for the last ``hours``."""
        hours = whole(query, "hours", 1, max(RANGES.values()))
        since, until, width = window(self.pool.view().timestamp, hours)
        history = self.readable()
        samples = await history.samples(since, until, width)
        return chart_shape(since, until, width, samples, await history.fill_marks(since, until, width))

    async def statement(self, query: Query) -> Statement:
        """The statement of ``day``."""
        view = self.pool.view()
        day, since, until = read_day(query.get("day", ""), view.timestamp)
        return statement_of(day, since, until, await self.readable().period(since, until), view.settings)

    def log(self, query: Query) -> list[LogLine]:
        """The newest lines of at least ``level`` that hold ``search``.

        :raises BadRequest: there is no such level.
        """
        level = query.get("level", "") or "info"
        if level not in LEVELS:
            raise BadRequest(f"level must be one of {', '.join(LEVELS)}")
        return self.log_ring.find(level, query.get("search", "")[:200], whole(query, "limit", MOST, MOST))


def _first(lines: list[Any], limit: int) -> list[Any]:
    """``limit`` lines; but an entry of the books, which is several, stays whole: its page was asked for by entries."""
    keys = list(dict.fromkeys(key_of(line) for line in lines))
    if len(keys) <= limit:
        return lines
    return [line for line in lines if key_of(line) != keys[-1]]
