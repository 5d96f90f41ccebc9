"""A console with a fake pool, a Clock and no socket; requests go through treq's in-memory transport."""

import json
from collections.abc import Mapping
from typing import Any

from treq.testing import StubTreq
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from tests.web.fake_history import FakeHistory
from tests.web.fake_pool import PARAMETERS, FakePool
from web.app import Console
from web.auth import User
from web.log_lines import LogRing
from web.sessions import Role

PASSWORD = "correct horse"
ROLES: dict[str, Role] = {"ann": "operator", "vic": "viewer"}


def verify(name: str, password: str) -> "Deferred[Role | None]":
    """As the process's own, without the argon2."""
    return succeed(ROLES.get(name) if password == PASSWORD else None)


class ConsoleCase(SynchronousTestCase):
    """One console, ``self.pool`` behind it."""

    is_secure = False

    def setUp(self) -> None:
        self.clock = Clock()
        self.pool = FakePool()
        self.users = {name: User(name, role) for name, role in ROLES.items()}
        self.log_ring = LogRing()
        self.verified: list[str] = []
        self.console = Console(
            self.pool,
            self.users,
            self.clock,
            verify=self._verify,
            parameters=PARAMETERS,
            hosts=["pool.example"],
            is_secure=self.is_secure,
            history=FakeHistory(),
            log_ring=self.log_ring,
        )
        self.addCleanup(self._nothing_left)

    def _nothing_left(self) -> None:
        self.console.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def _verify(self, name: str, password: str) -> "Deferred[Role | None]":
        self.verified.append(name)
        return verify(name, password)

    def ask(self, method: str, path: str, **more: Any) -> tuple[Any, str]:
        """The response and its body."""
        # A stub keeps cookies as a browser does: each request has its own, and says what it carries.
        stub: Any = StubTreq(self.console.resource())
        asked = stub.request(method, f"http://localhost{path}", allow_redirects=False, **more)
        stub.flush()
        response = self.successResultOf(asked)
        return response, self.successResultOf(response.text("utf-8"))

    def basic(self, method: str, path: str, who: str = "ann", **more: Any) -> tuple[Any, Any]:
        """As a program with HTTP Basic; the answer's JSON."""
        response, text = self.ask(method, path, auth=(who, PASSWORD), **more)
        return response, json.loads(text)

    def log_in(self, who: str = "ann", password: str = PASSWORD, **more: Any) -> str:
        """The session id that the browser got."""
        response, _ = self.ask("POST", "/login", data={"name": who, "password": password}, **more)
        cookies = response.headers.getRawHeaders("set-cookie") or [""]
        return str(cookies[0].partition(";")[0].removeprefix("ilp_session="))

    def browse(self, path: str, id: str) -> tuple[Any, str]:
        """A page, as the browser of session ``id``."""
        return self.ask("GET", path, cookies={"ilp_session": id})

    def send(self, path: str, id: str, form: Mapping[str, str], **more: Any) -> tuple[Any, str]:
        """A form of a page of session ``id``, with its token."""
        token = self.console._gate.sessions.token(id)
        return self.ask("POST", path, cookies={"ilp_session": id}, data={"csrf": token, **form}, **more)
