"""Bitfinex's streamed book without a wire, and its streams against a hand-driven server that sends what it likes."""

import json
import zlib
from decimal import Decimal
from random import Random
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from clients.bitfinex import streams
from clients.bitfinex.book import CheckedBook, javascript
from clients.bitfinex.streams import BookStream, Numbers, OwnOrders
from clients.bitfinex.wire import reading
from clients.errors import ExchangeError, InvalidData
from clients.streamed_book import OutOfStep
from clients.surroundings import Surroundings
from tests.clients.test_bitfinex_wire import MARKET, ORDER, TRADE, nonsense

D = Decimal
LISTING = MARKET.contracts["LTC/USDT"]
SNAPSHOT: list[Any] = [[10, 1, 1], [9, 2, 2], [11, 1, -1], [12, 1, -2]]


class NumbersAsPrintedTests(SynchronousTestCase):
    """:func:`javascript`."""

    def test_like_a_browser(self) -> None:
        """No trailing zeros, an exponent below a millionth (as seen in the venue's own bug reports)."""
        for text, expected in (
            ("50000", "50000"),
            ("1E+4", "10000"),
            ("0.10", "0.1"),
            ("-0.5000", "-0.5"),
            ("0.0000082", "0.0000082"),
            ("0.000001", "0.000001"),
            ("0.00000017", "1.7e-7"),
            ("-0.0000005", "-5e-7"),
            ("1047414.30449527", "1047414.30449527"),
            ("0", "0"),
        ):
            self.assertEqual(expected, javascript(D(text)))


class CheckedBookTests(SynchronousTestCase):
    """:class:`CheckedBook`."""

    def setUp(self) -> None:
        self.book = CheckedBook(LISTING, 25)

    def prices(self) -> tuple[list[Decimal], list[Decimal]]:
        shape = self.book.shape(1)
        return [each["price"] for each in shape["bids"]], [each["price"] for each in shape["asks"]]

    def test_checksum(self) -> None:
        """Bids and asks in turns, price and amount, asks negative; signed."""
        self.book.snapshot(SNAPSHOT, 1)
        expected = zlib.crc32(b"10:1:11:-1:9:2:12:-2")
        self.assertEqual(expected - 2**32 if expected >= 2**31 else expected, self.book.checksum())

    def test_sides_of_different_length(self) -> None:
        """Where one side has ended the other goes on."""
        self.book.snapshot([[10, 1, 1], [11, 1, -1], [12, 1, D("-0.00000012")]], 1)
        expected = zlib.crc32(b"10:1:11:-1:12:-1.2e-7")
        self.assertEqual(expected - 2**32 if expected >= 2**31 else expected, self.book.checksum())

    def test_rows_are_shown_when_proven(self) -> None:
        """Between two checksums the book may be crossed; nobody sees it."""
        self.book.snapshot(SNAPSHOT, 1)
        self.book.update([11, 3, 5])
        self.assertEqual(([10, 9], [11, 12]), self.prices())
        self.assertTrue(self.book.is_in_step and self.book.is_pending)
        self.book.update([11, 0, -1])
        self.book.check(self.book.checksum(), 2)
        self.assertEqual(([11, 10, 9], [12]), self.prices())
        self.assertEqual((False, 2), (self.book.is_pending, self.book.proven_at))

    def test_wrong_checksum(self) -> None:
        """Is not believed; nor is a crossed book with the right one."""
        self.book.snapshot(SNAPSHOT, 1)
        self.book.update([10, 1, 7])
        self.assertRaises(OutOfStep, self.book.check, self.book.checksum() ^ 1, 2)
        self.assertFalse(self.book.is_in_step)
        self.book.snapshot(SNAPSHOT, 1)
        self.book.update([11, 1, 7])
        self.assertRaises(OutOfStep, self.book.check, self.book.checksum(), 2)
        self.assertRaises(OutOfStep, self.book.snapshot, [[10, 1, 1], [10, 1, -1]], 3)

    @given(
        st.lists(st.lists(st.tuples(st.booleans(), st.integers(1, 60), st.integers(0, 3)), max_size=6), max_size=20), st.randoms()
    )
    def test_follows_a_venue(self, steps: list[list[tuple[bool, int, int]]], dice: Random) -> None:
        """In whatever order a venue tells what has changed within its depth, the book is the venue's at each checksum."""
        sides: dict[int, dict[int, int]] = {1: {5: 1}, -1: {100: 1}}
        told = self.seen(sides)
        book = CheckedBook(LISTING, 25)
        book.snapshot(list(told.values()), 1)
        for step in steps:
            for is_bid, price, quantity in step:
                sides[1 if is_bid else -1][price if is_bid else price + 61] = quantity
            now = self.seen(sides)
            rows = [row for key, row in now.items() if told.get(key) != row]
            rows += [[price, 0, sign] for sign, price in told if (sign, price) not in now]
            dice.shuffle(rows)
            for row in rows:
                book.update(row)
            told = now
            other = CheckedBook(LISTING, 25)
            other.snapshot(list(now.values()), 1)
            book.check(other.checksum(), 2)
            self.assertEqual(other.shape(1), book.shape(1))

    def seen(self, sides: dict[int, dict[int, int]]) -> dict[tuple[int, int], list[int]]:
        """The best 25 of each side, as rows by side and price."""
        found: dict[tuple[int, int], list[int]] = {}
        for sign, levels in sides.items():
            best = sorted((price for price, quantity in levels.items() if quantity), reverse=sign > 0)[:25]
            found |= {(sign, price): [price, 1, sign * levels[price]] for price in best}
        return found

    @given(nonsense)
    def test_nonsense(self, bad: Any) -> None:
        """What is no row, snapshot or checksum is a named error, and no book comes of it."""
        for call, wrong in (
            ("update", bad),
            ("update", [bad, 1, 1]),
            ("update", [10, bad, 1]),
            ("update", [10, 1, bad]),
            ("snapshot", bad),
            ("snapshot", [bad]),
            ("check", bad),
        ):
            book = CheckedBook(LISTING, 25)
            book.snapshot(SNAPSHOT, 1)
            try:
                with reading("book"):
                    getattr(book, call)(*([wrong] if call == "update" else [wrong, 2]))
            except (InvalidData, OutOfStep):
                self.assertFalse(book.is_in_step)


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
