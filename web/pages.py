"""The HTML side: which page is where, who may see it, and what a form does. The pages themselves are templates."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from attrs import frozen
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from trader.interface import BadParameters, IPool, NotNow
from web import formats, views
from web.api import lasting
from web.assets import read_assets
from web.auth import COOKIE, Gate, refuse_foreign, require_role, session_id
from web.errors import Answer, NotFound, NotLoggedIn, TooOften, WebError, WrongPassword
from web.exports import EXPORTS, as_csv
from web.front import Front
from web.live import MAX_VIEWERS, Live
from web.parameters import ParameterInfo, by_section, changed
from web.requests import arguments_of, form_of, header
from web.sessions import ABSOLUTE_LIMIT, Person

Handler = Callable[..., Awaitable[bytes | None]]


@frozen
class Page:
    """A page of the console: its address, name, and the key that, after ``g``, leads there."""

    name: str
    label: str
    key: str
    is_live: bool = True


PAGES = (
    Page("trader", "Trader", "t"),
    Page("optimized", "Optimized", "o"),
    Page("what-if", "What-if", "w", is_live=False),
    Page("parameters", "Parameters", "p", is_live=False),
    Page("balances", "Balances", "b"),
    Page("books", "Books", "k"),
    Page("orders", "Orders", "r"),
    Page("fills", "Fills", "f"),
    Page("transits", "Transits", "i"),
    Page("tasks", "Tasks", "a"),
    Page("transactions", "Transactions", "x"),
    Page("health", "Health", "h"),
    Page("help", "Help", "l", is_live=False),
)
_BY_NAME = {page.name: page for page in PAGES}
#: What can be streamed: each live page, and the state alone for those that are not.
_STREAMS = frozenset(page.name for page in PAGES if page.is_live) | {"state"}
_TEMPLATES = Path(__file__).parent / "templates"


class Pages:
    """Renders and serves the pages."""

    log: ClassVar[Logger] = Logger()

    def __init__(
        self, pool: IPool, gate: Gate, front: Front, parameters: Sequence[ParameterInfo], clock: IReactorTime, title: str
    ) -> None:
        self._pool = pool
        self._gate = gate
        self._front = front
        self._parameters = parameters
        self._assets = read_assets()
        self._templates = _environment(title, self._assets, parameters)
        self.live = Live(clock, self._live_part)

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and what serves it."""
        reading: list[tuple[str, str, Handler]] = [
            ("GET", "/", self._home),
            ("GET", "/login", self._login_form),
            ("GET", "/static/<path:name>", self._static),
            ("GET", "/favicon.ico", self._favicon),
            ("GET", "/events/<name>", self._events),
            ("GET", "/start", self._confirm_start),
            ("GET", "/differences", self._confirm_differences),
            ("GET", "/tasks/<id>", self._task),
            ("GET", "/export/<name>.csv", self._export),
            *(("GET", f"/{page.name}", self._showing(page)) for page in PAGES),
        ]
        changing: list[tuple[str, str, Handler]] = [
            ("POST", "/login", self._login),
            ("POST", "/logout", self._logout),
            ("POST", "/start", self._start),
            ("POST", "/stop", self._stop),
            ("POST", "/parameters", self._update),
            ("POST", "/what-if", self._what_if),
            ("POST", "/tasks/<id>", self._close_task),
            ("POST", "/differences", self._accept_differences),
        ]
        return reading + changing

    # -- reading ---------------------------------------------------------------------------------------------------------

    async def _home(self, request: Request) -> bytes:
        return _see_other(request, "/trader")

    def _showing(self, page: Page) -> Handler:
        async def show(request: Request) -> bytes:
            return self._page(request, page.name, self._person(request))

        return show

    async def _static(self, request: Request, name: str) -> bytes | None:
        asset = self._assets.get(name)
        if asset is None:
            raise NotFound("there is no such file")
        request.setHeader(b"content-type", asset.type.encode())
        # The address carries the tag, so a changed file has another address.
        request.setHeader(b"cache-control", b"public, max-age=31536000, immutable")
        return b"" if request.setETag(asset.tag.encode()) else asset.content

    async def _favicon(self, request: Request) -> bytes | None:
        return await self._static(request, "icon.svg")

    async def _events(self, request: Request, name: str) -> None:
        self._person(request)
        if name not in _STREAMS:
            raise NotFound("that page is not live")
        if self.live.viewers >= MAX_VIEWERS:
            raise WebError(f"{MAX_VIEWERS} live pages are open already")
        if request.method != b"HEAD":
            await self.live.attach(request, name, lambda: self._gate.by_session(request, touch=False) is not None)

    async def _export(self, request: Request, name: str) -> bytes:
        self._person(request)
        if name not in EXPORTS:
            raise NotFound(f"there is no export {name}")
        request.setHeader(b"content-type", b"text/csv; charset=utf-8")
        request.setHeader(b"content-disposition", f'attachment; filename="{name}.csv"'.encode())
        return as_csv(EXPORTS[name](self._pool.view())).encode()

    async def _confirm_start(self, request: Request) -> bytes:
        return self._page(request, "start", self._person(request))

    async def _confirm_differences(self, request: Request) -> bytes:
        return self._page(request, "differences", self._person(request))

    async def _task(self, request: Request, id: str) -> bytes:
        return self._task_page(request, self._person(request), id)

    # -- coming and going ------------------------------------------------------------------------------------------------

    async def _login_form(self, request: Request) -> bytes:
        return self._login_page(request, "")

    async def _login(self, request: Request) -> bytes:
        # There is no session yet, so no token: another site's page is told by its origin.
        refuse_foreign(request, self._front.is_own_host)
        form = form_of(request)
        try:
            id = await self._gate.log_in(form.get("name", ""), form.get("password", ""), request)
        except (WrongPassword, TooOften) as refused:
            request.setResponseCode(refused.status)
            return self._login_page(request, str(refused))
        self._set_cookie(request, id, ABSOLUTE_LIMIT)
        return _see_other(request, _local(form.get("next", "")))

    async def _logout(self, request: Request) -> bytes:
        await self._meant(request, "viewer")
        self._gate.sessions.end(session_id(request))
        self._set_cookie(request, "", 0)
        return _see_other(request, "/login")

    # -- changing --------------------------------------------------------------------------------------------------------

    async def _start(self, request: Request) -> bytes:
        person, _ = await self._meant(request)
        await lasting(self._pool.start(person.name))
        return _see_other(request, "/trader")

    async def _stop(self, request: Request) -> bytes:
        person, _ = await self._meant(request)
        await lasting(self._pool.stop(person.name))
        return _see_other(request, "/trader")

    async def _update(self, request: Request) -> bytes:
        person, form = await self._meant(request)
        changes = changed(form, self._parameters)
        before = {info.name: info.value_of(self._pool.view().settings) for info in self._parameters}
        if not changes:
            return self._page(request, "parameters", person, {"form": form, "message": "Nothing was changed, nothing to update."})
        try:
            await lasting(self._pool.update(changes, person.name))
        except BadParameters as bad:
            request.setResponseCode(400)
            return self._page(request, "parameters", person, {"form": form, "problems": bad.problems})
        applied = {name: (before[name], text) for name, text in changes.items()}
        return self._page(request, "parameters", person, {"applied": applied})

    async def _what_if(self, request: Request) -> bytes:
        person, form = await self._meant(request, "viewer")
        changes = changed(form, self._parameters)
        found: dict[str, Any] = {"form": form}
        try:
            found["tried"] = await self._pool.what_if(changes)
        except BadParameters as bad:
            found["problems"] = bad.problems
        except NotNow as not_now:
            found["message"] = str(not_now)
        if header(request, "hx-request"):
            return self._render(request, "parts/what_if_result.html", self._about("what-if", person, found))
        return self._page(request, "what-if", person, found)

    async def _close_task(self, request: Request, id: str) -> bytes:
        person, form = await self._meant(request)
        if views.task_of(self._pool.view(), id) is None:
            raise NotFound("there is no such task")
        fields = {name.removeprefix("field:"): text.strip() for name, text in form.items() if name.startswith("field:")}
        try:
            await lasting(self._pool.close_task(id, person.name, form.get("outcome", ""), fields))
        except BadParameters as bad:
            request.setResponseCode(400)
            return self._task_page(request, person, id, {"problems": bad.problems, "form": form})
        return _see_other(request, "/tasks")

    async def _accept_differences(self, request: Request) -> bytes:
        person, _ = await self._meant(request)
        await lasting(self._pool.accept_differences(person.name))
        return _see_other(request, "/trader")

    # -- drawing ---------------------------------------------------------------------------------------------------------

    def failed(self, request: Request, failure: Failure, answer: Answer) -> bytes:
        """The page of a failure whose answer's status and headers are set already."""
        if request.path.startswith(b"/events/"):
            # Nobody reads this: the page's script looks at the status and goes to the login by itself.
            return answer.message.encode()
        if failure.check(NotLoggedIn):
            if request.method in (b"GET", b"HEAD"):
                return _see_other(request, f"/login?next={request.path.decode('ascii', 'replace')}")
            return self._login_page(request, "Your session has ended: log in and try again. Nothing was changed.")
        person = self._gate.by_session(request)
        return self._render(request, "error.html", self._about("", person, {"answer": answer}))

    def _live_part(self, name: str) -> str:
        return self._templates.get_template("live.html").render(self._about(name, None))

    def _page(self, request: Request, name: str, person: Person, more: Mapping[str, Any] | None = None) -> bytes:
        template = "page.html" if name in _STREAMS else f"{name.replace('-', '_')}.html"
        return self._render(request, template, self._about(name, person, more))

    def _task_page(self, request: Request, person: Person, id: str, more: Mapping[str, Any] | None = None) -> bytes:
        view = self._pool.view()
        task = views.task_of(view, id)
        if task is None:
            raise NotFound("there is no such task")
        found = {"task": task, "transit": views.transit_of(view, id), **(more or {})}
        return self._render(request, "task.html", self._about("tasks", person, found))

    def _login_page(self, request: Request, message: str) -> bytes:
        next = _local(arguments_of(request).get("next", ""))
        return self._render(request, "login.html", {"message": message, "next": next, "person": None})

    def _about(self, name: str, person: Person | None, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
        view = self._pool.view()
        nothing: dict[str, Any] = {"form": {}, "problems": {}, "message": "", "applied": {}, "tried": None}
        return {**nothing, "page": name, "view": view, "settings": view.settings, "person": person, **(more or {})}

    def _render(self, request: Request, template: str, context: Mapping[str, Any]) -> bytes:
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        return self._templates.get_template(template).render(context).encode()

    # -- who -------------------------------------------------------------------------------------------------------------

    def _person(self, request: Request) -> Person:
        person = self._gate.by_session(request)
        if person is None:
            raise NotLoggedIn("log in first")
        return person

    async def _meant(self, request: Request, role: Any = "operator") -> tuple[Person, dict[str, str]]:
        """Who sent this form, once it is proven that they meant it and may; and the form."""
        person = self._person(request)
        form = form_of(request)
        self._gate.require_intent(request, person, form.get("csrf"), self._front.is_own_host)
        require_role(person, role)
        self.log.info("{user} asks for {path}", user=person.name, path=request.path.decode("utf-8", "replace"))
        return person, form

    def _set_cookie(self, request: Request, id: str, max_age: int) -> None:
        secure = self._front.is_secure or request.isSecure()
        request.addCookie(COOKIE, id, path="/", max_age=str(max_age), httpOnly=True, secure=secure, sameSite="strict")


def _environment(title: str, assets: Mapping[str, Any], parameters: Sequence[ParameterInfo]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    names = ("number", "signed", "exact", "cell", "gain", "share", "seconds", "moment", "places_of", "price_places")
    environment.filters.update({name: getattr(formats, name) for name in names})
    environment.globals.update(
        title=title,
        pages=PAGES,
        streams=_STREAMS,
        views=views,
        sections=by_section(parameters),
        parameters=parameters,
        asset=lambda name: f"/static/{name}?v={assets[name].tag}",
    )
    return environment


def _see_other(request: Request, where: str) -> bytes:
    request.setResponseCode(303)
    request.setHeader(b"location", where.encode("ascii", "replace"))
    return b""


def _local(path: str) -> str:
    """``path`` rebuilt from its own words if it is a page of ours, else the first page: no login leads to another site."""
    words = [word for word in path.partition("?")[0].split("/") if word]
    return f"/{'/'.join(words)}" if words and words[0] in _BY_NAME and "\\" not in path else "/trader"
