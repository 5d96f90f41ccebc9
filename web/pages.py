"""The HTML side: which page is where, who may see it, and what a form does. The pages themselves are templates."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Request

from ledger.interface import LedgerError
from trader.interface import BadParameters, IPool, NotNow
from web import views
from web.api import lasting
from web.assets import read_assets
from web.auth import COOKIE, Gate, refuse_foreign, require_role, session_id
from web.drawing import PAGES, STREAMS, Page, environment
from web.errors import Answer, NotFound, NotLoggedIn, TooOften, WebError, WrongPassword
from web.front import Front
from web.live import MAX_VIEWERS, Live
from web.parameters import ParameterInfo, amounts_of, changed
from web.past import TABLES, Past
from web.past_pages import PastPages
from web.requests import arguments_of, form_of, header
from web.sessions import ABSOLUTE_LIMIT, Person

Handler = Callable[..., Awaitable[bytes | None]]
_NAMES = frozenset(page.name for page in PAGES)


class Pages:
    """Renders and serves the pages."""

    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        pool: IPool,
        gate: Gate,
        front: Front,
        parameters: Sequence[ParameterInfo],
        clock: IReactorTime,
        title: str,
        past: Past,
    ) -> None:
        self._pool = pool
        self._gate = gate
        self._front = front
        self._parameters = parameters
        self._assets = read_assets()
        self._templates = environment(title, self._assets, parameters)
        self._past = past
        self._past_pages = PastPages(pool, past, self.person, self.page)
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
            *(("GET", f"/{page.name}", self._showing(page)) for page in PAGES),
            *self._past_pages.routes(),
        ]
        changing: list[tuple[str, str, Handler]] = [
            ("POST", "/login", self._login),
            ("POST", "/logout", self._logout),
            ("POST", "/start", self._start),
            ("POST", "/stop", self._stop),
            ("POST", "/cancel-all", self._cancel_all),
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
            person = self.person(request)
            return self.page(request, page.name, person, await self._remembered(request, page.name))

        return show

    async def _remembered(self, request: Request, name: str) -> dict[str, Any]:
        """What the ledger and the log add to the page; a page can be read, and STOP pressed, where the ledger cannot."""
        try:
            if name in TABLES:
                return {"past": await self._past.table(name, arguments_of(request))}
            return await self._past_pages.about(name, arguments_of(request))
        except (NotNow, LedgerError) as trouble:
            return {"message": str(trouble)}

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
        self.person(request)
        if name not in STREAMS:
            raise NotFound("that page is not live")
        if self.live.viewers >= MAX_VIEWERS:
            raise WebError(f"{MAX_VIEWERS} live pages are open already")
        if request.method != b"HEAD":
            # A page that is watched is used: the operator is not logged out of a cockpit that they look at.
            await self.live.attach(request, name, lambda: self._gate.by_session(request) is not None)

    async def _confirm_start(self, request: Request) -> bytes:
        return self.page(request, "start", self.person(request))

    async def _confirm_differences(self, request: Request) -> bytes:
        return self.page(request, "differences", self.person(request))

    async def _task(self, request: Request, id: str) -> bytes:
        return self._task_page(request, self.person(request), id)

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

    async def _cancel_all(self, request: Request) -> bytes:
        person, _ = await self._meant(request)
        await lasting(self._pool.cancel_all(person.name))
        return _see_other(request, "/orders")

    async def _update(self, request: Request) -> bytes:
        person, form = await self._meant(request)
        changes = changed(form, self._parameters)
        before = {info.name: info.value_of(self._pool.view().settings) for info in self._parameters}
        if not changes:
            return self.page(request, "parameters", person, {"form": form, "message": "Nothing was changed, nothing to update."})
        try:
            await lasting(self._pool.update(changes, person.name))
        except BadParameters as bad:
            request.setResponseCode(400)
            return self.page(request, "parameters", person, {"form": form, "problems": bad.problems})
        applied = {name: (before[name], text) for name, text in changes.items()}
        return self.page(request, "parameters", person, {"applied": applied})

    async def _what_if(self, request: Request) -> bytes:
        person, form = await self._meant(request, "viewer")
        changes = changed(form, self._parameters)
        found: dict[str, Any] = {"form": form}
        try:
            found["tried"] = await self._pool.what_if(changes, amounts_of(_changed_balances(form)))
        except BadParameters as bad:
            found["problems"] = bad.problems
        except NotNow as not_now:
            found["message"] = str(not_now)
        if header(request, "hx-request"):
            return self._render(request, "parts/what_if_result.html", self._about("what-if", person, found))
        return self.page(request, "what-if", person, found)

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

    def page(self, request: Request, name: str, person: Person, more: Mapping[str, Any] | None = None) -> bytes:
        """Draw page ``name`` for ``person``, with what it needs besides the pool's view."""
        template = "page.html" if name in STREAMS else f"{name.replace('-', '_')}.html"
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
        nothing: dict[str, Any] = {"form": {}, "problems": {}, "message": "", "applied": {}, "tried": None, "past": None}
        return {**nothing, "page": name, "view": view, "settings": view.settings, "person": person, **(more or {})}

    def _render(self, request: Request, template: str, context: Mapping[str, Any]) -> bytes:
        request.setHeader(b"content-type", b"text/html; charset=utf-8")
        return self._templates.get_template(template).render(context).encode()

    # -- who -------------------------------------------------------------------------------------------------------------

    def person(self, request: Request) -> Person:
        """Whose session this is.

        :raises NotLoggedIn: nobody's.
        """
        person = self._gate.by_session(request)
        if person is None:
            raise NotLoggedIn("log in first")
        return person

    async def _meant(self, request: Request, role: Any = "operator") -> tuple[Person, dict[str, str]]:
        """Who sent this form, once it is proven that they meant it and may; and the form."""
        person = self.person(request)
        form = form_of(request)
        self._gate.require_intent(request, person, form.get("csrf"), self._front.is_own_host)
        require_role(person, role)
        self.log.info("{user} asks for {path}", user=person.name, path=request.path.decode("utf-8", "replace"))
        return person, form

    def _set_cookie(self, request: Request, id: str, max_age: int) -> None:
        secure = self._front.is_secure or request.isSecure()
        request.addCookie(COOKIE, id, path="/", max_age=str(max_age), httpOnly=True, secure=secure, sameSite="strict")


def _changed_balances(form: Mapping[str, str]) -> dict[str, str]:
    """The balances of a what-if that differ from those that the form began with."""
    return {
        name.removeprefix("balance:"): text
        for name, text in form.items()
        if name.startswith("balance:") and text.strip() != form.get(f"was:{name}", "").strip()
    }


def _see_other(request: Request, where: str) -> bytes:
    request.setResponseCode(303)
    request.setHeader(b"location", where.encode("ascii", "replace"))
    return b""


def _local(path: str) -> str:
    """``path`` rebuilt from its own words if it is a page of ours, else the first page: no login leads to another site."""
    words = [word for word in path.partition("?")[0].split("/") if word]
    return f"/{'/'.join(words)}" if words and words[0] in _NAMES and "\\" not in path else "/trader"
