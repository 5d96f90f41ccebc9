"""The supervised WebSocket: its machine pair by pair, and the real thing over loopback."""

import json
from random import Random
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from clients.backoff import Backoff
from clients.socket_life import TABLE, life_machine
from clients.socket_link import SocketLink
from clients.surroundings import Surroundings

INPUTS = ("start", "opened", "lost", "retry", "close")
#: How each state is reached, and what each input (in the order of INPUTS) makes be done there.
EXPECTED: dict[str, tuple[list[str], list[list[str]]]] = {
    "idle": ([], [["dial"], [], [], [], ["tell_closed"]]),
    "connecting": (["start"], [[], ["tell_opened"], ["wait"], [], ["hang_up"]]),
    "open": (["start", "opened"], [[], [], ["wait", "tell_lost"], [], ["tell_lost", "hang_up"]]),
    "waiting": (["start", "lost"], [[], [], [], ["dial"], ["stop_waiting", "tell_closed"]]),
    "closing": (["start", "close"], [[], ["hang_up"], ["tell_closed"], [], []]),
    "closed": (["close"], [[], [], [], [], []]),
}


class RecordingHands:
    """Notes what the machine wants done."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return lambda: self.done.append(name)


class LifeTests(SynchronousTestCase):
    """:mod:`clients.socket_life`."""

    def test_table_is_complete(self) -> None:
        """Every input is answered in every state, and no state is left that does not exist."""
        self.assertEqual({(state, given) for state in EXPECTED for given in INPUTS}, set(TABLE))
        self.assertEqual(set(EXPECTED), {target for target, _ in TABLE.values()} | {"idle"})

    def test_every_pair(self) -> None:
        """All six states under all five inputs do exactly what the table says."""
        for state, (way, row) in EXPECTED.items():
            for given, expected in zip(INPUTS, row, strict=True):
                hands = RecordingHands()
                life: Any = life_machine(hands)
                for step in way:
                    getattr(life, step)()
                hands.done.clear()
                getattr(life, given)()
                self.assertEqual(expected, hands.done, f"{given} when {state}")


class _Server(WebSocketServerProtocol):
    def onOpen(self) -> None:
        self.factory.case.connections.append(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        self.factory.case.said.append(json.loads(payload))


class SocketLinkTests(TestCase):
    """:class:`SocketLink` against autobahn's server."""

    def setUp(self) -> None:
        self.connections: list[Any] = []
        self.said: list[Any] = []
        self.news: list[Any] = []
        self.links: list[SocketLink] = []
        factory: Any = WebSocketServerFactory()
        factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        factory.protocol, factory.case = _Server, self
        self.port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(self.clear)

    async def clear(self) -> None:
        """Close all that is open."""
        for link in self.links:
            await link.close()
        for connection in self.connections:
            connection.dropConnection(abort=True)
        stopped = self.port.stopListening()
        if stopped is not None:
            await stopped

    def link(self, heard: Any = None, **options: Any) -> SocketLink:
        """A link to the server, quick to try again."""
        link = SocketLink(
            "test",
            f"ws://127.0.0.1:{self.port.getHost().port}",
            Surroundings(reactor, random=Random(1)),
            opened=lambda: self.news.append("opened"),
            heard=heard or self.news.append,
            lost=lambda: self.news.append("lost"),
            backoff=Backoff(Random(1), first=0.05, ceiling=0.1),
            **options,
        )
        self.links.append(link)
        return link

    async def until(self, condition: Any) -> None:
        """Wait for it, five seconds at most."""
        for _ in range(500):
            if condition():
                return
            await deferLater(reactor, 0.01)
        self.fail(f"waited in vain; {self.news}")

    async def test_messages_both_ways(self) -> None:
        """Numbers come exact, messages go as JSON, and the time of the last one is known."""
        link = self.link()
        link.start()
        self.assertFalse(link.send({"too": "early"}))
        await self.until(lambda: self.news == ["opened"])
        self.connections[0].sendMessage(b'{"price": 1.10}')
        self.assertTrue(link.send({"method": "ping"}))
        await self.until(lambda: self.said and len(self.news) == 2)
        self.assertEqual([{"method": "ping"}], self.said)
        self.assertEqual("1.10", str(self.news[1]["price"]))
        self.assertIsNotNone(link.last_heard)

    async def test_comes_back(self) -> None:
        """A lost connection is told and made anew, again and again."""
        self.link().start()
        for number in range(1, 4):
            await self.until(lambda number=number: len(self.connections) == number and self.news[-1:] == ["opened"])
            self.connections[-1].dropConnection(abort=True)
            await self.until(lambda: self.news[-1] == "lost" or self.news[-1] == "opened")
        self.assertEqual(["opened", "lost"] * 2, self.news[:4])

    async def test_nonsense_ends_the_connection(self) -> None:
        """What is no JSON, or what the owner cannot believe, makes a new connection."""

        def disbelieve(message: Any) -> None:
            raise ValueError("no such thing")

        self.link(disbelieve).start()
        for number, text in enumerate((b"<html>", b"{}"), 1):
            await self.until(lambda number=number: len(self.connections) == number)
            self.connections[-1].sendMessage(text)
        await self.until(lambda: len(self.connections) == 3)

    async def test_silence_ends_the_connection(self) -> None:
        """A venue that says nothing is asked first, then given up."""
        self.link(ping='{"method":"ping"}', silence_limit=0.2).start()
        await self.until(lambda: len(self.connections) == 2)
        self.assertIn({"method": "ping"}, self.said)

    async def test_pongs_are_life(self) -> None:
        """WebSocket's own ping is answered by the other side, so a quiet connection stays."""
        self.link(silence_limit=0.2).start()
        await self.until(lambda: self.news == ["opened"])
        await deferLater(reactor, 0.7)
        self.assertEqual(1, len(self.connections))

    async def test_close_for_good(self) -> None:
        """Closing ends it from every state, tells the loss once, and leaves nothing behind."""
        link = self.link()
        link.start()
        await self.until(lambda: self.news == ["opened"])
        await link.close()
        await link.close()
        link.start()
        await deferLater(reactor, 0.2)
        self.assertEqual((["opened", "lost"], 1), (self.news, len(self.connections)))

    async def test_close_before_it_is_open(self) -> None:
        """While it is dialled, while it waits, and when it never began."""
        await self.link().close()
        dialled = self.link()
        dialled.start()
        await dialled.close()
        waiting = self.link()
        await self.port.stopListening()
        waiting.start()
        await deferLater(reactor, 0.1)
        await waiting.close()
        self.assertEqual([], self.news)

    def test_close_is_a_deferred(self) -> None:
        """Each caller gets one of its own."""
        link = self.link()
        self.assertIsInstance(link.close(), Deferred)
        self.successResultOf(link.close())
