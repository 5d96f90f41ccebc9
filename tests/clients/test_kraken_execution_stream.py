"""The executions' connection against a hand-driven server: when it may be called subscribed."""

import json
from random import Random
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from clients import own_stream
from clients.errors import Reason, Refused
from clients.kraken import streams
from clients.kraken.streams import ExecutionStream
from clients.surroundings import Surroundings


class _Server(WebSocketServerProtocol):
    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        self.factory.case.asked.append(json.loads(payload))
        for answer in self.factory.case.answers:
            self.sendMessage(json.dumps(answer).encode())


class ExecutionStreamTests(TestCase):
    """:class:`ExecutionStream`."""

    def setUp(self) -> None:
        self.asked: list[Any] = []
        self.answers: list[Any] = []
        self.news: list[Any] = []
        self.patch(streams, "EMPTY_SNAPSHOT_LIMIT", 0.1)
        self.patch(own_stream, "ANSWER_LIMIT", 0.3)
        factory: Any = WebSocketServerFactory()
        factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        factory.protocol, factory.case = _Server, self
        self.port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(self.port.stopListening)

    def stream(self, token: "Deferred[str]") -> ExecutionStream:
        """A stream to the server."""
        stream = ExecutionStream(
            f"ws://127.0.0.1:{self.port.getHost().port}",
            Surroundings(reactor, random=Random(1)),
            token=lambda: token,
            told=self.news.append,
            up=lambda: self.news.append("up"),
            down=lambda: self.news.append("down"),
            refused=self.news.append,
        )
        self.addCleanup(stream.close)
        stream.start()
        return stream

    async def until(self, condition: Any) -> None:
        """Wait for it, five seconds at most."""
        for _ in range(500):
            if condition():
                return
            await deferLater(reactor, 0.01)
        self.fail(f"waited in vain; {self.news}")

    async def test_no_snapshot_is_no_orders(self) -> None:
        """A venue that accepts, and has nothing to tell, does not keep us waiting."""
        self.answers = [{"method": "subscribe", "success": True, "result": {"channel": "executions"}}]
        stream = self.stream(succeed("token"))
        await self.until(lambda: self.news == ["up"])
        self.assertTrue(stream.is_up)
        self.assertEqual("token", self.asked[0]["params"]["token"])

    async def test_unanswered_subscription(self) -> None:
        """A venue that does not answer at all is asked again on a new connection, and nothing is claimed meanwhile."""
        stream = self.stream(succeed("token"))
        await self.until(lambda: len(self.asked) == 1)
        await deferLater(reactor, 0.4)
        self.assertEqual(([], False), (self.news, stream.is_up))

    async def test_refused_token(self) -> None:
        """The refusal is told, with its reason."""
        self.stream(fail(Refused("kraken", "GetWebSocketsToken", "EGeneral:Permission denied", Reason.AUTH)))
        await self.until(lambda: self.news)
        self.assertIs(Reason.AUTH, self.news[0].reason)
