"""The pages of what was: charts, the log, a day's statement, the story of a hedge, and whole tables as files."""

from collections.abc import Awaitable, Callable
from typing import Any

from attrs import frozen
from twisted.web.server import Request

from trader.interface import IPool
from web.charts import RANGES, window
from web.errors import NotFound
from web.exports import EXPORTS, csv_of, json_of, one_page, pages_of
from web.flow import Flow
from web.past import Past, Query
from web.sessions import Person

Handler = Callable[..., Awaitable[bytes | None]]
_TYPES = {"csv": b"text/csv; charset=utf-8", "json": b"application/json"}
#: Lines of the chart's table, for who cannot see it drawn.
_ROWS = 24


@frozen
class PastPages:
    """``person`` says whose request it is, ``page`` draws a page for them."""

    pool: IPool
    past: Past
    person: Callable[[Request], Person]
    page: Callable[..., bytes]

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and what serves it."""
        return [
            ("GET", "/hedges/<id>", self._hedge),
            ("GET", "/export/<name>.<kind>", self._export),
        ]

    async def about(self, name: str, query: Query) -> dict[str, Any]:
        """What the page ``name`` shows besides the pool's view."""
        match name:
            case "charts":
                return await self._charts(query)
            case "statement":
                return {"statement": await self.past.statement(query)}
            case "log":
                wanted = {"level": query.get("level") or "info", "search": query.get("search", "")}
                return {"lines": self.past.log({**query, "limit": ""}), "wanted": wanted}
        return {}

    async def _charts(self, query: Query) -> dict[str, Any]:
        chosen = query.get("range", "1h")
        since, until, _ = window(self.pool.view().timestamp, _hours(chosen))
        # What is drawn is fetched after the first paint; the table is all that the page itself needs.
        samples = await self.past.readable().samples(since, until, (until - since) // _ROWS)
        return {"chosen": chosen, "rows": samples[::-1]}

    async def _hedge(self, request: Request, id: str) -> bytes:
        person = self.person(request)
        return self.page(request, "hedge", person, {"story": await self.past.hedge(id), "page": "fills"})

    async def _export(self, request: Request, name: str, kind: str) -> None:
        self.person(request)
        if name not in EXPORTS or kind not in _TYPES:
            raise NotFound(f"there is no export {name}.{kind}")
        export = EXPORTS[name]
        now = one_page(export.now(self.pool.view())) if export.now is not None else None
        pages = now if now is not None else pages_of(self.past.lines_of(name))
        request.setHeader(b"content-type", _TYPES[kind])
        request.setHeader(b"content-disposition", f'attachment; filename="{name}.{kind}"'.encode())
        await Flow().pour(request, csv_of(export, pages) if kind == "csv" else json_of(pages))


def _hours(chosen: str) -> int:
    if chosen not in RANGES:
        raise NotFound(f"there is no range {chosen}")
    return RANGES[chosen]
