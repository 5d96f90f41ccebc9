"""HTTP servers in memory for the tests: scripted answers, real client code, no sockets."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from attrs import define, field
from treq.testing import RequestTraversalAgent
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from clients.surroundings import Surroundings

#: Makes a server fall silent instead of answering.
SILENCE = object()
#: Makes a server break the connection.
BREAK = object()


@define
class Asked:
    """One request as the server saw it."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Scripted(Resource):
    """Answers each request with what ``answer(asked)`` gives: (status, bytes), bytes, a JSON value, SILENCE or BREAK."""

    isLeaf = True

    def __init__(self, answer: Callable[[Asked], Any]) -> None:
        super().__init__()
        self._answer = answer
        self.asked: list[Asked] = []

    def render(self, request: Request) -> Any:
        """Note the request and follow the script."""
        query = {name.decode(): values[0].decode() for name, values in request.args.items()}
        headers = {name.decode(): values[0].decode() for name, values in request.requestHeaders.getAllRawHeaders()}
        asked = Asked(request.method.decode(), request.path.decode(), query, headers, request.content.read())  # type: ignore[union-attr]
        self.asked.append(asked)
        answer = self._answer(asked)
        if answer is SILENCE:
            return NOT_DONE_YET
        if answer is BREAK:
            request.loseConnection()
            return NOT_DONE_YET
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        request.setResponseCode(status)
        return body if isinstance(body, bytes) else json.dumps(body).encode()


@define
class Around:
    """A clock, a wall clock that follows it, and an in-memory agent to ``server``."""

    server: Scripted
    clock: Clock = field(factory=Clock)
    agent: RequestTraversalAgent = field(init=False)
    began: datetime = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __attrs_post_init__(self) -> None:
        self.agent = RequestTraversalAgent(self.server)

    def now(self) -> datetime:
        """The wall clock."""
        return self.began + timedelta(seconds=self.clock.seconds())

    def surroundings(self) -> Surroundings:
        """For a client."""
        return Surroundings(self.clock, self.now, Random(1), self.agent)
