"""The JSON API: one table of routes, from which the router and the OpenAPI document are both made."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

from attrs import define, field, frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from model.snapshot import to_json
from trader.interface import IPool, NotNow
from web.errors import BadRequest, NotFound
from web.parameters import ParameterInfo, body_schema, flatten
from web.sessions import Person, Role
from web.shapes import decision_shape, jsonable, update_shape

_log = Logger()
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
    """One request as the API sees it: who, and what with. ``names``: what the path's placeholders stand for."""

    person: Person
    body: Mapping[str, Any] = field(factory=dict)
    names: Mapping[str, str] = field(factory=dict)


@frozen
class Route:
    """One line of the table; ``body``: the JSON Schema of what is sent, for the document."""

    method: Literal["GET", "POST"]
    path: str
    summary: str
    run: Callable[[Call], Awaitable[Any]]
    role: Role = "viewer"
    body: Mapping[str, Any] | None = None


@define
class Api:
    """What the routes do. Each method answers JSON-ready values or raises what :mod:`web.errors` has a line for."""

    pool: IPool
    parameters: Sequence[ParameterInfo]

    def routes(self) -> tuple[Route, ...]:
        """The table."""
        return (*self._reading(), *self._changing())

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

    def _changing(self) -> tuple[Route, ...]:
        sections = body_schema(self.parameters)
        return (
            Route("POST", "/api/start", "READY -> TRADING", self.start, "operator"),
            Route("POST", "/api/stop", "stop trading; answers once our orders are cancelled", self.stop, "operator"),
            Route("POST", "/api/update", "apply parameters, all or none", self.update, "operator", sections),
            Route("POST", "/api/what-if", "decide with these parameters; applies nothing", self.what_if, "viewer", sections),
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
        found = await self.pool.what_if(flatten(call.body, self.parameters))
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
        venues = {v.place: {"name": v.name, "is_connected": v.is_connected} for v in (view.source, view.target)}
        names = ("timestamp", "state", "reason", "inputs", "differences", "limits")
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


def _read(found: Callable[[], Any]) -> Callable[[Call], Awaitable[Any]]:
    async def run(_call: Call) -> Any:
        return found()

    return run
