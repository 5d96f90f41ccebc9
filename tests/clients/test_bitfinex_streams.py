"""Bitfinex's streams against a hand-driven server that sends what it likes."""

import json
from decimal import Decimal
from random import Random
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from clients.bitfinex import streams
from clients.bitfinex.book import CheckedBook
from clients.bitfinex.streams import BookStream, Numbers, OwnOrders
from clients.errors import ExchangeError
from clients.surroundings import Surroundings
from tests.clients.test_bitfinex_book import LISTING, SNAPSHOT
from tests.clients.test_bitfinex_wire import MARKET, ORDER, TRADE

D = Decimal


class NumbersTests(SynchronousTestCase):
    """:class:`Numbers`."""

    def test_places(self) -> None:
        """Behind the payload, whatever comes after; where there is none nothing is concluded."""
        numbers = Numbers()
        for message in (
            [17, [[10, 1, 1]], 1],
            [17, [10, 1, 1], 2],
            [17, "cs", -5, 3],
            [17, "hb", 4],
            [0, "os", [], 5, 0],
            [0, "on", [1], 6, 1],
            [0, "hb", 7],
            [0, "n", [1], 8],
            [17, [10, 1, 1]],
            [17, "hb", 9],
        ):
            numbers.check(message)
        for gap in ([17, "hb", 11], [17, "hb", 9], [17, "hb", "x"]):
            self.assertRaises(ValueError, numbers.check, gap)
        numbers.restart()
        numbers.check([17, "hb", 40])


class _Server(WebSocketServerProtocol):
    def onOpen(self) -> None:
        self.number = 0
        self.factory.case.connections.append(self)
        self.say(self.factory.case.greeting)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        request = json.loads(payload)
        self.factory.case.asked.append(request)
        self.factory.case.requested(self, request)

    def say(self, message: Any) -> None:
        self.sendMessage(message if isinstance(message, bytes) else json.dumps(message, default=float).encode())

    def tell(self, *message: Any) -> None:
        """The next numbered message."""
        self.number += 1
        self.say([*message, self.number])


class ServerCase(TestCase):
    """A server on a free port; ``asked``: what it was sent, ``connections``: the connections it had."""

    greeting: Any

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.greeting = {"event": "info", "version": 2, "platform": {"status": 1}}
        self.asked: list[Any] = []
        self.connections: list[Any] = []
        factory: Any = WebSocketServerFactory()
        factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        factory.protocol, factory.case = _Server, self
        port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.url, self.around = f"ws://127.0.0.1:{port.getHost().port}", Surroundings(reactor, random=Random(1))

    def requested(self, connection: _Server, request: Any) -> None:
        """Answer."""

    async def until(self, condition: Any) -> None:
        """Wait for it, five seconds at most."""
        for _ in range(500):
            if condition():
                return
            await deferLater(reactor, 0.01)
        self.fail(f"waited in vain; {self.asked}")


class BookStreamTests(ServerCase):
    """:class:`BookStream`."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.snapshot = SNAPSHOT
        self.books: list[Any] = []
        self.stream = BookStream(self.url, self.around, 25, changed=self.books.append, up=int, down=int)
        self.addCleanup(self.stream.close)
        self.stream.start()
        self.stream.follow(LISTING)
        await self.until(lambda: self.stream.as_of(LISTING))

    def requested(self, connection: _Server, request: Any) -> None:
        if request["event"] == "subscribe" and request["symbol"] == LISTING.symbol:
            channel = 16 + len(self.asked)
            connection.say({"event": "subscribed", "channel": "book", "chanId": channel, "symbol": request["symbol"]})
            connection.tell(channel, self.snapshot)
            self.channel = channel
        elif request["event"] == "subscribe":
            connection.say({"event": "error", "code": 10300, "msg": "symbol: invalid", "symbol": request["symbol"]})

    def checksum(self, *rows: Any) -> int:
        book = CheckedBook(LISTING, 25)
        book.snapshot(SNAPSHOT, 1)
        for row in rows:
            book.update(row)
        return book.checksum()

    async def test_what_is_asked(self) -> None:
        """Numbers and checksums first, then the book."""
        wanted = {"event": "subscribe", "channel": "book", "symbol": "tLTCUST", "prec": "P0", "freq": "F0", "len": "25"}
        self.assertEqual([{"event": "conf", "flags": 65536 + 131072}, wanted], self.asked)

    async def test_rows_and_checksum(self) -> None:
        """A proven change is told once; until then the book is as old as its last proof."""
        proven, seen = self.stream.as_of(LISTING), len(self.books)
        connection, row = self.connections[-1], [D("10.5"), 1, 3]
        connection.tell(self.channel, row)
        connection.tell(self.channel, "hb")
        await deferLater(reactor, 0.05)
        self.assertEqual((proven, seen), (self.stream.as_of(LISTING), len(self.books)))
        connection.tell(self.channel, "cs", self.checksum(row))
        await self.until(lambda: len(self.books) == seen + 1)
        self.assertEqual({"price": D("10.5"), "quantity": D(3)}, self.books[-1]["bids"][0])
        self.assertGreater(self.stream.as_of(LISTING) or 0, proven or 0)

    async def test_wrong_checksum_costs_that_book_only(self) -> None:
        """It is unsubscribed and subscribed to again, on the same connection."""
        self.connections[-1].tell(self.channel, "cs", 5)
        await self.until(lambda: self.stream.as_of(LISTING) is None)
        await self.until(lambda: self.stream.as_of(LISTING))
        self.assertEqual(["conf", "subscribe", "unsubscribe", "subscribe"], [request["event"] for request in self.asked])
        self.assertEqual(1, len(self.connections))

    async def test_empty_book(self) -> None:
        """Is a book too, and a proven one."""
        self.snapshot = []
        self.connections[-1].say({"event": "info", "code": 20061})
        await self.until(lambda: self.books[-1]["bids"] == [] and self.stream.as_of(LISTING))
        self.connections[-1].tell(self.channel, "cs", 0)
        self.connections[-1].tell(self.channel, "hb")
        await deferLater(reactor, 0.05)
        self.assertEqual((2, True), (len(self.connections), self.stream.as_of(LISTING) is not None))

    async def test_corrupt_stream_is_begun_anew(self) -> None:
        """Whatever makes no sense, and every gap, ends the connection; on the next one the book is subscribed to again."""
        broken: list[Any] = [
            b"[17,[10,1,",
            b"5",
            b"[]",
            {"no": "event"},
            lambda: [self.channel, [10, 1, -1, 5], 7],
            lambda: [self.channel, ["10", 1, "NaN"], 2],
            lambda: [self.channel, [10, -1, 1], 2],
            lambda: [self.channel, [10, 1, 0], 2],
            lambda: [self.channel, {}, 2],
            lambda: [self.channel, "?", 2, 2],
            lambda: [self.channel, "cs", "x", 2],
            {"event": "info", "code": 20051, "msg": "Stopping. Please try to reconnect"},
            {"event": "info", "code": 20061, "msg": "Resuming full activity"},
        ]
        for number, message in enumerate(broken, 1):
            self.connections[-1].say(message() if callable(message) else message)
            await self.until(lambda number=number: len(self.connections) == number + 1 and self.stream.as_of(LISTING))
        self.assertEqual([10, 9], [row["price"] for row in self.books[-1]["bids"]])

    async def test_maintenance_is_waited_for(self) -> None:
        """A venue that greets with it has no books; when it is well again they are there."""
        self.greeting = {"event": "info", "version": 2, "platform": {"status": 0}}
        self.connections[-1].say({"event": "info", "code": 20060, "msg": "Entering in Maintenance mode"})
        await self.until(lambda: len(self.connections) == 3)
        self.assertIsNone(self.stream.as_of(LISTING))
        self.greeting = {"event": "info", "version": 2, "platform": {"status": 1}}
        await self.until(lambda: self.stream.as_of(LISTING))

    async def test_refused_symbol(self) -> None:
        """A symbol that the venue does not stream stays without an age; the others go on."""
        other = MARKET.contracts["BTC/USDT"]
        self.stream.follow(other)
        await self.until(lambda: len(self.asked) == 3)
        await deferLater(reactor, 0.05)
        self.assertIsNone(self.stream.as_of(other))
        self.assertIsNotNone(self.stream.as_of(LISTING))


class OwnOrdersTests(ServerCase):
    """:class:`OwnOrders`."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.orders: list[Any] = []
        self.fills: list[Any] = []
        self.errors: list[ExchangeError] = []
        self.turns: list[Any] = []
        self.answer: Any = {"event": "auth", "status": "OK", "chanId": 0}
        self.stream = OwnOrders(
            self.url,
            self.around,
            login=self.login,
            order=self.orders.append,
            fill=self.fills.append,
            up=int,
            down=int,
            refused=self.errors.append,
        )
        self.stream.market = MARKET
        self.addCleanup(self.stream.close)
        self.stream.start()
        await self.until(lambda: self.stream.is_up)

    def login(self, send: Any) -> "Deferred[None]":
        turn: Deferred[None] = send({"event": "auth", "authNonce": str(len(self.turns))})
        self.turns.append(turn)
        return turn

    def requested(self, connection: _Server, request: Any) -> None:
        if request["event"] == "auth" and self.answer is not None:
            connection.say(self.answer)

    async def test_told(self) -> None:
        """Orders as they change, executions once their fee is known; nothing of margin, nothing of other channels."""
        connection = self.connections[-1]
        self.assertEqual(["trading"], self.asked[-1]["filter"])
        connection.tell(0, "os", [ORDER])
        connection.tell(0, "on", ORDER)
        connection.tell(0, "ou", [*ORDER[:8], "LIMIT", *ORDER[9:]])
        connection.tell(0, "te", [*TRADE[:9], None, None, 1])
        connection.tell(0, "tu", TRADE)
        connection.tell(0, "hb")
        connection.tell(0, "wu", ["exchange", "BTC", 1, 0, None])
        await self.until(lambda: self.fills)
        self.assertEqual((["139472205825"], ["1284511023"]), ([o["id"] for o in self.orders], [f["id"] for f in self.fills]))

    async def test_gap_ends_the_connection(self) -> None:
        """What was in it has to be read; and so with whatever makes no sense."""
        for number, message in enumerate(
            ([0, "hb", 1], [0, "on", [1, 2], 1], [0, "tu", TRADE[:9], 1], {"event": "error", "code": 10000})
        ):
            self.connections[-1].say(message)
            self.connections[-1].say([0, "hb", 3])
            await self.until(lambda number=number: len(self.connections) == number + 2 and self.stream.is_up)
        self.assertEqual([], self.orders + self.fills)

    async def test_log_in_that_is_refused(self) -> None:
        """The reason is told, the next request may go, and it is tried again."""
        self.answer = {"event": "auth", "status": "FAILED", "chanId": 0, "code": 10100, "msg": "apikey: invalid"}
        self.connections[-1].say(b"[]")
        await self.until(lambda: self.errors)
        self.assertTrue(self.turns[-1].called)
        self.answer = {"event": "auth", "status": "OK", "chanId": 0}
        await self.until(lambda: self.stream.is_up)

    async def test_connection_that_is_lost_while_logging_in(self) -> None:
        """Requests that wait for the log-in go on."""
        self.answer = None
        self.connections[-1].say(b"[]")
        await self.until(lambda: len(self.turns) == 2)
        self.assertFalse(self.turns[1].called)
        self.connections[-1].say(b"[]")
        await self.until(lambda: self.turns[1].called)
        self.answer = {"event": "auth", "status": "OK", "chanId": 0}
        await self.until(lambda: self.stream.is_up)

    async def test_log_in_that_is_not_answered(self) -> None:
        """Requests, cancels among them, do not wait for it for long."""
        self.patch(streams, "TURN", 0.05)
        self.answer = None
        self.connections[-1].say(b"[]")
        await self.until(lambda: len(self.turns) == 2 and self.turns[1].called)
        self.assertFalse(self.stream.is_up)
