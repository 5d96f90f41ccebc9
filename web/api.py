"""The JSON API: one table of routes, from which the router and the OpenAPI document are both made."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from model.snapshot import to_json
from trader.interface import IPool, NotNow
from web.charts import RANGES
from web.errors import BadRequest, NotFound
from web.exports import fields_of
from web.keys import MOST
from web.log_lines import LEVELS
from web.parameters import ParameterInfo, body_schema, flatten, read_balances
from web.past import Past, Query
from web.sessions import Person, Role
from web.shapes import decision_shape, jsonable, update_shape

_log = Logger()
_TABLES = {"orders": "our orders", "fills": "our fills", "transits": "transfers", "ledger": "postings, oldest first"}
_PAGES = {
    "after": {"type": "string", "maxLength": 200, "description": "what the page before gave as `after`; empty for the first"},
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST},
}
_CHARTS = {"hours": {"type": "integer", "minimum": 1, "maximum": max(RANGES.values())}}
_DAY = {"day": {"type": "string", "format": "date", "description": "today if left out"}}
_LOG: dict[str, dict[str, Any]] = {
    "level": {"enum": list(LEVELS)},
    "search": {"type": "string", "maxLength": 200},
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST},
}
_AMOUNT = {"type": ["string", "number"], "description": "what is held there, in the ticker's unit"}
_BALANCES = {
    "type": "object",
    "additionalProperties": False,
    "properties": {place: {"type": "object", "additionalProperties": _AMOUNT} for place in ("source", "target")},
}
_CLOSING = {
    "type": "object",
    "required": ["outcome"],
    "properties": {
        "outcome": {"enum": ["done", "approve", "cancel"]},
        "fields": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "description": "what the person filled in, e.g. reference: the network's or bank's id",
        },
    },
}


@frozen
class Call:
    """One request as the API sees it: who, and what with. ``names``: what the path's placeholders stand for; ``query``: what
    follows the question mark."""

    person: Person
    body: Mapping[str, Any] = field(factory=dict)
    names: Mapping[str, str] = field(factory=dict)
    query: Mapping[str, str] = field(factory=dict)


@frozen
class Route:
    """One line of the table; ``body`` and ``query``: the JSON Schemas of what is sent, for the document."""

    method: Literal["GET", "POST"]
    path: str
    summary: str
    run: Callable[[Call], Awaitable[Any]]
    role: Role = "viewer"
    body: Mapping[str, Any] | None = None
    query: Mapping[str, Mapping[str, Any]] = field(factory=dict)


@define
class Api:
    """What the routes do. Each method answers JSON-ready values or raises what :mod:`web.errors` has a line for."""

    pool: IPool
    parameters: Sequence[ParameterInfo]
    past: Past

    def routes(self) -> tuple[Route, ...]:
        """The table."""
        return (*self._reading(), *self._remembered(), *self._changing())

    def _reading(self) -> tuple[Route, ...]:
        view = self.pool.view
        return (
            Route("GET", "/api/update", "everything", _read(lambda: update_shape(view()))),
            Route("GET", "/api/snapshot", "the last snapshot, for --dry-run --snapshot", _read(self._snapshot)),
            Route("GET", "/api/decision", "the last decision", _read(lambda: decision_shape(view().decision))),
            Route("GET", "/api/orders", "our own orders, by place", _read(self._orders)),
            Route("GET", "/api/fills", "our last fills, newest first", _read(lambda: jsonable(view().fills))),
            Route("GET", "/api/obligations", "what must be hedged", _read(lambda: jsonable(view().obligations))),
            Route("GET", "/api/transits", "transfers, newest first", _read(lambda: jsonable(view().transits))),
            Route("GET", "/api/tasks", "work for a person, newest first", _read(lambda: jsonable(view().tasks))),
            Route("GET", "/api/balances", "balances, by place and ticker", _read(self._balances)),
            Route("GET", "/api/books", "the three books", _read(self._books)),
            Route("GET", "/api/transactions", "postings of the venues, by place", _read(self._transactions)),
            Route("GET", "/api/health", "every input, its age and limit", _read(self._health)),
            Route("GET", "/api/parameters", "every parameter and its value", _read(self._parameters)),
        )

    def _remembered(self) -> tuple[Route, ...]:
        past = self.past
        tables = (
            Route("GET", f"/api/history/{name}", f"{about}, by pages", self._table(name), query=_PAGES)
            for name, about in _TABLES.items()
        )
        return (
            *tables,
            Route("GET", "/api/hedges/<id>", "an obligation, its orders and fills", self._hedge),
            Route("GET", "/api/charts", "samples and fills of the last hours, thinned", _asked(past.charts), query=_CHARTS),
            Route("GET", "/api/statement", "one UTC day: holdings, turnover, result", _asked(past.statement), query=_DAY),
            Route("GET", "/api/log", "the newest log lines, newest first", self._log, query=_LOG),
        )

    def _changing(self) -> tuple[Route, ...]:
        sections = body_schema(self.parameters)
        supposed = {**sections, "properties": {**sections["properties"], "balances": _BALANCES}}
        return (
            Route("POST", "/api/start", "READY -> TRADING", self.start, "operator"),
            Route("POST", "/api/stop", "stop trading; answers once our orders are cancelled", self.stop, "operator"),
            Route("POST", "/api/cancel-all", "cancel all orders of ours now", self.cancel_all, "operator"),
            Route("POST", "/api/update", "apply parameters, all or none", self.update, "operator", sections),
            Route("POST", "/api/what-if", "decide with these parameters; applies nothing", self.what_if, "viewer", supposed),
            Route("POST", "/api/tasks/<id>", "close a task", self.close_task, "operator", _CLOSING),
            Route("POST", "/api/accept-differences", "HALTED: book the differences shown", self.accept, "operator"),
        )

    def _snapshot(self) -> Any:
        snapshot = self.pool.view().snapshot
        if snapshot is None:
            raise NotNow("there is no snapshot yet: the pool has not seen all it needs")
        return to_json(snapshot)

    async def start(self, call: Call) -> Any:
        """Safe to repeat: TRADING stays TRADING."""
        await lasting(self.pool.start(call.person.name))
        return update_shape(self.pool.view())

    async def stop(self, call: Call) -> Any:
        """Safe to repeat and in every state."""
        await lasting(self.pool.stop(call.person.name))
        return update_shape(self.pool.view())

    async def cancel_all(self, call: Call) -> Any:
        """Safe to repeat and in every state."""
        await lasting(self.pool.cancel_all(call.person.name))
        return self._orders()

    async def update(self, call: Call) -> Any:
        """:raises BadParameters: nothing was applied."""
        changes = flatten(call.body, self.parameters)
        if not changes:
            raise BadRequest("no parameter is named: nothing to update")
        await lasting(self.pool.update(changes, call.person.name))
        return update_shape(self.pool.view())

    async def what_if(self, call: Call) -> Any:
        """:raises BadParameters: a value is none.
        :raises NotNow: there is no snapshot to decide on."""
        body = dict(call.body)
        balances = read_balances(body.pop("balances", {}))
        found = await self.pool.what_if(flatten(body, self.parameters), balances)
        return {"running": decision_shape(self.pool.view().decision), "what_if": decision_shape(found)}

    async def close_task(self, call: Call) -> Any:
        """:raises NotFound: there is no such task.
        :raises NotNow: it is closed already."""
        id, outcome, fields = call.names["id"], call.body.get("outcome"), call.body.get("fields", {})
        if outcome not in ("done", "approve", "cancel"):
            raise BadRequest("outcome must be done, approve or cancel")
        if not isinstance(fields, dict) or not all(isinstance(text, str) for text in fields.values()):
            raise BadRequest("fields must be an object of texts")
        if all(task.id != id for task in self.pool.view().tasks):
            raise NotFound(f"there is no task {id}")
        await lasting(self.pool.close_task(id, call.person.name, outcome, fields))
        return jsonable(self.pool.view().tasks)

    async def accept(self, call: Call) -> Any:
        """:raises NotNow: the pool is not HALTED over balances."""
        await lasting(self.pool.accept_differences(call.person.name))
        return update_shape(self.pool.view())

    def _table(self, name: str) -> Callable[[Call], Awaitable[Any]]:
        async def page(call: Call) -> Any:
            found = await self.past.table(name, call.query)
            return {"lines": [jsonable(fields_of(line)) for line in found.lines], "after": found.older or None}

        return page

    async def _hedge(self, call: Call) -> Any:
        return jsonable(await self.past.hedge(call.names["id"]))

    async def _log(self, call: Call) -> Any:
        return jsonable(self.past.log(call.query))

    def _orders(self) -> Any:
        view = self.pool.view()
        return {venue.place: jsonable(list(venue.orders.values())) for venue in (view.source, view.target)}

    def _balances(self) -> Any:
        view = self.pool.view()
        return {venue.place: jsonable(venue.balances) for venue in (view.source, view.target)}

    def _books(self) -> Any:
        view = self.pool.view()
        return {"source": jsonable(view.source.book), "target": jsonable(view.target.book), "fiat": jsonable(view.fiat_book)}

    def _transactions(self) -> Any:
        view = self.pool.view()
        return {venue.place: jsonable(venue.transactions) for venue in (view.source, view.target)}

    def _health(self) -> Any:
        view = self.pool.view()
        venues = {v.place: {"name": v.name, "is_connected": v.is_connected, "since": v.since} for v in (view.source, view.target)}
        names = ("timestamp", "state", "reason", "inputs", "vitals", "differences", "limits")
        return {**{name: jsonable(getattr(view, name)) for name in names}, "venues": venues}

    def _parameters(self) -> Any:
        settings = self.pool.view().settings
        return [
            {"name": p.name, "label": p.label, "unit": p.unit, "help": p.help, "value": p.value_of(settings)}
            for p in self.parameters
        ]


def lasting(change: "Deferred[Any]") -> "Deferred[Any]":
    """The result of ``change``, which goes on whoever stops waiting: a browser that leaves must not undo a STOP."""
    waiting: Deferred[Any] = Deferred(lambda _: None)

    def tell(result: Any) -> None:
        if waiting.called:
            if isinstance(result, Failure):
                _log.failure("a change failed after whoever asked for it had left", failure=result)
        else:
            waiting.callback(result)

    change.addBoth(tell)
    return waiting


def _asked(found: Callable[[Query], Awaitable[Any]]) -> Callable[[Call], Awaitable[Any]]:
    async def run(call: Call) -> Any:
        return jsonable(await found(call.query))

    return run


def _read(found: Callable[[], Any]) -> Callable[[Call], Awaitable[Any]]:
    async def run(_call: Call) -> Any:
        return found()

    return run
