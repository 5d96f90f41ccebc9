"""The console: one resource that serves the pages, the live streams and the JSON API of one pool.

Everything it needs is handed in, so that a test gives it a fake pool, a ``Clock`` and a cheap ``verify``.
"""

import json
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, cast

from klein import Klein
from prometheus_client import CollectorRegistry
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from ledger.reading import IHistory
from trader.interface import IPool
from web.api import Api, Call, Route
from web.auth import Gate, User, Verify, require_role
from web.errors import NotLoggedIn, answer_to
from web.front import ConsoleRequest, Front
from web.log_lines import LogRing
from web.monitoring import Monitoring
from web.openapi import document
from web.pages import Pages
from web.parameters import ParameterInfo
from web.past import Past
from web.requests import arguments_of, header, json_of
from web.sessions import Person


class Console:
    """The operator's cockpit.

    :param pool: what is watched and steered.
    :param users: who may log in, by name; one who is taken out is logged out at the next request.
    :param clock: the reactor's time; for sessions, throttling and live pages.
    :param verify: name and password -> Deferred of the role, or None if they are wrong; off the reactor thread.
    :param parameters: what UPDATE may change, in the order of the page.
    :param hosts: names besides localhost and loopback addresses that the console is reached by (DNS rebinding).
    :param is_secure: browsers come by TLS, here or at a proxy before us: cookies are then sent over TLS only.
    :param history: the ledger as people read it; None where nobody can.
    :param log_ring: the end of the log, filled by the process.
    :param registry: what is measured, for /metrics; None: nothing is.
    :param metrics_token: who has it may read /metrics without a login; empty: nobody.
    :param is_behind_proxy: requests come through a proxy, and X-Forwarded-For says for whom: logins are throttled by that.
    :param random_bytes: chance, for session ids.
    """

    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        pool: IPool,
        users: Mapping[str, User],
        clock: IReactorTime,
        *,
        verify: Verify,
        parameters: Sequence[ParameterInfo],
        title: str = "International Liquidity Pool",
        hosts: Collection[str] = (),
        is_secure: bool = False,
        history: IHistory | None = None,
        log_ring: LogRing | None = None,
        registry: CollectorRegistry | None = None,
        metrics_token: str = "",
        is_behind_proxy: bool = False,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._clock = clock
        self._klein = Klein()
        self._gate = Gate(users, verify, clock, random_bytes, is_behind_proxy)
        self._front = Front(self._klein.resource(), hosts, is_secure)
        past = Past(pool, history, log_ring if log_ring is not None else LogRing())
        self._api = Api(pool, parameters, past)
        self._pages = Pages(pool, self._gate, self._front, parameters, clock, title, past)
        self._monitoring = Monitoring(pool, self._gate, registry, metrics_token)
        self._document = document(title, self._api.routes())
        self._unsubscribe: Callable[[], None] | None = pool.subscribe(self._pages.live.changed)
        self._route_all()

    def resource(self) -> IResource:
        """For a ``twisted.web.server.Site``; see :meth:`site` for one with the right limits."""
        return self._front

    def site(self) -> Site:
        """The resource in a Site that refuses large uploads while they arrive and closes idle connections."""
        return Site(self._front, requestFactory=ConsoleRequest, timeout=60)

    @property
    def viewers(self) -> int:
        """How many live pages are open."""
        return self._pages.live.viewers

    def close(self) -> None:
        """End the live streams. A repeat is safe."""
        unsubscribe, self._unsubscribe = self._unsubscribe, None
        if unsubscribe is not None:
            unsubscribe()
        self._pages.live.close()

    def _route_all(self) -> None:
        for route in self._api.routes():
            self._add(route.method, route.path, self._serving(route))
        self._add("GET", "/api/openapi.json", self._openapi)
        for name in ("healthz", "readyz", "metrics"):
            self._add("GET", f"/{name}", getattr(self._monitoring, name))
        for method, path, run in self._pages.routes():
            self._add(method, path, run)
        self._klein.handle_errors(Exception)(cast(Any, self._failed))

    def _add(self, method: str, path: str, run: Callable[..., Awaitable[Any]]) -> None:
        def serve(request: Request, **names: str) -> Awaitable[Any]:
            return run(request, **names)

        self._klein.route(path, methods=[method], endpoint=f"{method} {path}", strict_slashes=False)(serve)

    def _serving(self, route: Route) -> Callable[..., Awaitable[bytes]]:
        async def serve(request: Request, **names: str) -> bytes:
            person = await self._gate.identify(request)
            body: Mapping[str, Any] = {}
            if route.method == "POST":
                token = header(request, "x-csrf-token") or None
                self._gate.require_intent(request, person, token, self._front.is_own_host)
                require_role(person, route.role)
                body = json_of(request)
                self._audit(person, route, names)
            return _json(request, await route.run(Call(person, body, names, arguments_of(request))))

        return serve

    def _audit(self, person: Person, route: Route, names: Mapping[str, str]) -> None:
        self.log.info("{user} asks for {path} {names}", user=person.name, path=route.path, names=dict(names))

    async def _openapi(self, request: Request) -> bytes:
        await self._gate.identify(request)
        return _json(request, self._document)

    def _failed(self, request: Request, failure: Failure) -> bytes:
        path = request.path.decode("utf-8", "replace")
        answer = answer_to(failure, path)
        request.setResponseCode(answer.status)
        for name, value in answer.headers.items():
            request.setHeader(name.encode(), value.encode())
        if path.split("/")[1:2] in (["api"], ["healthz"], ["readyz"], ["metrics"]):
            if failure.check(NotLoggedIn) and header(request, "authorization"):
                # Only to who spoke Basic first: a browser must not be made to remember credentials that it then sends by itself.
                request.setHeader(b"www-authenticate", b'Basic realm="pool", charset="UTF-8"')
            found: dict[str, Any] = {"error": answer.message}
            return _json(request, {**found, "problems": answer.problems} if answer.problems else found)
        return self._pages.failed(request, failure, answer)


def _json(request: Request, value: Any) -> bytes:
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
