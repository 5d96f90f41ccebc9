"""Gemini's streamed book without a wire, and its two streams against a hand-driven server that sends what it likes."""

import json
from decimal import Decimal
from random import Random
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from clients.errors import InvalidData
from clients.gemini.book import GeminiBook
from clients.gemini.streams import Books, OrderEvents
from clients.gemini.wire import changes, reading
from clients.streamed_book import OutOfStep
from clients.surroundings import Surroundings
from tests.clients.nonsense import nonsense
from tests.clients.test_gemini_wire import EVENT, MARKET

D = Decimal
LISTING = MARKET.contracts["BTC/USD"]
WHOLE = [["buy", "10", "1"], ["buy", "9", "2"], ["sell", "11", "1"], ["sell", "12", "2"]]
ACK = {"type": "subscription_ack", "accountId": 1, "subscriptionId": "x"}


def updates(rows: Any, **more: Any) -> dict[str, Any]:
    """An ``l2_updates`` as on the wire."""
    return {"type": "l2_updates", "symbol": "BTCUSD", "changes": rows, **more}


def whole(rows: Any = WHOLE) -> dict[str, Any]:
    """The first one after a subscription."""
    return updates(rows, trades=[], auction_events=[])


class BookTests(SynchronousTestCase):
    """:class:`GeminiBook`."""

    def setUp(self) -> None:
        self.book = GeminiBook("BTC/USD", 2)
        self.book.take(changes(whole()))

    def change(self, *rows: list[str]) -> None:
        self.book.take(changes(updates(list(rows))))

    def best(self) -> list[Any]:
        shape = self.book.shape(1)
        return [[(level["price"], level["quantity"]) for level in side] for side in (shape["bids"], shape["asks"])]

    def test_changes_are_absolute(self) -> None:
        """Each row has all that is there now; 0 takes the level away."""
        self.change(["buy", "10", "0"], ["sell", "11", "5"], ["buy", "10.5", "3"])
        self.assertEqual([[(D("10.5"), D(3)), (D(9), D(2))], [(D(11), D(5)), (D(12), D(2))]], self.best())

    def test_changes_before_the_whole(self) -> None:
        """They are of a book that nobody knows."""
        book = GeminiBook("BTC/USD", 2)
        book.take(changes(updates([["buy", "10", "1"]])))
        self.assertFalse(book.is_in_step)
        self.assertEqual([], book.shape(1)["bids"])

    def test_whole_begins_anew(self) -> None:
        """What was there before is forgotten."""
        self.book.take(changes(whole([["buy", "7", "1"]])))
        self.assertEqual([[(D(7), D(1))], []], self.best())

    def test_crossed_book(self) -> None:
        """A bid at the ask is not what the venue has."""
        self.assertRaises(OutOfStep, self.change, ["buy", "11", "1"])
        self.assertFalse(self.book.is_in_step)

    def test_audit(self) -> None:
        """REST may have what a level has held meanwhile, before or after, and nothing else."""
        bids, asks = [(D(10), D(1)), (D(9), D(2))], [(D(11), D(1)), (D(12), D(2))]
        self.book.begin_audit()
        self.change(["buy", "10", "3"])
        self.change(["buy", "10", "4"], ["sell", "11", "0"])
        for quantity in (1, 3, 4):
            seen = self.book._seen
            self.book.audit([(D(10), D(quantity)), bids[1]], asks)
            self.book._seen = seen
        self.book.audit([(D(10), D(4)), bids[1]], asks[1:])
        for wrong in ([(D(10), D(4))], [(D(10), D(4)), (D("9.5"), D(1))], [(D(10), D(2)), bids[1]]):
            self.book.begin_audit()
            self.assertRaises(OutOfStep, self.book.audit, wrong, asks[1:])

    def test_audit_of_a_deep_book(self) -> None:
        """What lies beyond the levels that were told is not judged; what lies among them is."""
        self.change(["buy", "8", "5"], ["sell", "13", "5"])
        self.book.begin_audit()
        self.book.audit([(D(10), D(1)), (D(9), D(2))], [(D(11), D(1)), (D(12), D(2))])
        self.book.begin_audit()
        self.assertRaises(OutOfStep, self.book.audit, [(D(10), D(1)), (D(8), D(5))], [(D(11), D(1)), (D(12), D(2))])

    steps = st.lists(st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 6), st.integers(0, 3)), max_size=30)

    @given(steps, st.data())
    def test_follows_a_venue(self, steps: list[tuple[str, int, int]], data: st.DataObject) -> None:
        """Whenever REST's book is taken during an audit the audit passes; with any one change lost that it shows, it does not."""
        rows = [[side, str(price if side == "buy" else price + 6), str(quantity)] for side, price, quantity in steps]
        begun = data.draw(st.integers(0, len(rows)))
        taken = data.draw(st.integers(begun, len(rows)))
        lost = data.draw(st.integers(0, len(rows)))
        venue, ours, losing = (GeminiBook("BTC/USD", 100) for _ in range(3))
        for book in (venue, ours, losing):
            book.take(changes(whole([])))
        told: Any = None
        for number in range(len(rows) + 1):
            if number == begun:
                ours.begin_audit()
            if number == taken:
                shape = venue.shape(1)
                told = tuple([(level["price"], level["quantity"]) for level in shape[side]] for side in ("bids", "asks"))
            if number < len(rows):
                for book in (venue, ours) if number == lost else (venue, ours, losing):
                    book.take(changes(updates([rows[number]])))
        ours.audit(*told)
        self.assertEqual(venue.shape(1), ours.shape(1))
        end = venue.shape(1)
        if losing.shape(1) != end:
            losing.begin_audit()
            last = tuple([(level["price"], level["quantity"]) for level in end[side]] for side in ("bids", "asks"))
            self.assertRaises(OutOfStep, losing.audit, *last)

    @given(nonsense)
    def test_nonsense(self, bad: Any) -> None:
        """What is no change is a named error, and no book comes of it."""
        for message in (updates(bad), updates([bad]), updates([["buy", bad, bad]]), updates([[bad, "1", "1"]]), bad):
            try:
                with reading("market data"):
                    self.book.take(changes(message))
            except (InvalidData, OutOfStep):
                continue


class _Server(WebSocketServerProtocol):
    def onConnect(self, request: Any) -> None:
        self.factory.case.headers.append(request.headers)

    def onOpen(self) -> None:
        self.factory.case.connections.append(self)
        self.factory.case.greet(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        request = json.loads(payload)
        self.factory.case.asked.append(request)
        if request["type"] == "subscribe":
            self.factory.case.answer(self)

    def say(self, message: Any) -> None:
        self.sendMessage(message if isinstance(message, bytes) else json.dumps(message).encode())


class StreamCase(TestCase):
    """A server, and what it was asked."""

    def setUp(self) -> None:
        self.asked: list[Any] = []
        self.headers: list[Any] = []
        self.connections: list[Any] = []
        factory: Any = WebSocketServerFactory()
        factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        factory.protocol, factory.case = _Server, self
        port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.url = f"ws://127.0.0.1:{port.getHost().port}"
        self.surroundings = Surroundings(reactor, random=Random(1))

    def greet(self, connection: Any) -> None:
        """Say what there is to say at first."""

    def answer(self, connection: Any) -> None:
        """Answer a subscription."""

    async def until(self, condition: Any) -> None:
        """Wait for it, five seconds at most."""
        for _ in range(500):
            if condition():
                return
            await deferLater(reactor, 0.01)
        self.fail(f"waited in vain; {self.asked}")


class BookStreamTests(StreamCase):
    """:class:`Books`."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        self.books: list[Any] = []
        self.refuses = False
        self.stream = Books(self.url, self.surroundings, 100, 3600, ask=self.ask, changed=self.books.append, up=int, down=int)
        self.addCleanup(self.stream.close)
        self.stream.start()
        self.stream.follow(LISTING)
        await self.until(lambda: self.stream.as_of(LISTING))

    def ask(self, _listing: Any) -> "Deferred[Any]":
        return succeed(([], []))

    def answer(self, connection: Any) -> None:
        connection.say({"result": "error", "reason": "NoValidTradingPairs"} if self.refuses else whole())

    async def test_corrupt_stream_is_begun_anew(self) -> None:
        """Whatever makes no sense ends the connection; on the next one the book is subscribed to again."""
        broken: list[Any] = [
            b'{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy"',
            b"[1,2]",
            b'{"type":"l2_updates","symbol":"BTCUSD","changes":[["buy","\xff","1"]]}',
            {"type": "l2_updates", "symbol": "BTCUSD"},
            {"symbol": "BTCUSD"},
            updates([["buy", "NaN", "1"]]),
            updates([["buy", "10", "-1"]]),
            updates([["buy", 10.5, "1"], ["up", "1", "1"]]),
            updates([["buy", "1e999999", "1"]]),
            {"result": "error", "reason": "InvalidJson"},
        ]
        for number, message in enumerate(broken, 1):
            self.connections[-1].say(message)
            await self.until(lambda number=number: len(self.connections) == number + 1 and self.stream.as_of(LISTING))
            self.assertEqual(number + 1, len(self.asked))
        self.assertEqual([D(10), D(9)], [row["price"] for row in self.books[-1]["bids"]])

    async def test_crossed_book_is_asked_for_anew(self) -> None:
        """The doubt costs this book only: on the same connection it is left and subscribed to again."""
        self.connections[-1].say(updates([["buy", "11", "1"]]))
        await self.until(lambda: self.stream.as_of(LISTING) is None)
        await self.until(lambda: self.stream.as_of(LISTING))
        self.assertEqual(["subscribe", "unsubscribe", "subscribe"], [request["type"] for request in self.asked])
        self.assertEqual(1, len(self.connections))

    async def test_news_of_others(self) -> None:
        """What was not asked for, and what is no book, changes nothing."""
        self.connections[-1].say({**updates([["buy", "10", "9"]]), "symbol": "ETHUSD"})
        self.connections[-1].say({"type": "trade", "symbol": "BTCUSD", "price": "1"})
        self.connections[-1].say({"type": "heartbeat", "timestamp": 1})
        self.connections[-1].say(updates([["buy", "10.5", "3"]]))
        await self.until(lambda: self.books[-1]["bids"][0] == {"price": D("10.5"), "quantity": D(3)})
        self.assertEqual(1, len(self.connections))


class OrderEventTests(StreamCase):
    """:class:`OrderEvents`."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        super().setUp()
        self.told: list[Any] = []
        self.ups: list[int] = []
        self.handshakes = 0
        self.stream = OrderEvents(
            self.url,
            self.surroundings,
            "",
            handshake=self.handshake,
            told=self.told.append,
            up=lambda: self.ups.append(1),
            down=int,
            refused=self.fail,
        )
        self.stream.market = MARKET
        self.addCleanup(self.stream.close)
        self.stream.start()
        await self.until(lambda: self.stream.is_up)

    def handshake(self) -> dict[str, str]:
        self.handshakes += 1
        return {"X-GEMINI-PAYLOAD": str(self.handshakes)}

    def greet(self, connection: Any) -> None:
        connection.say(ACK)

    async def test_each_connection_is_signed_anew(self) -> None:
        """A nonce is good once; the numbers of events begin anew."""
        self.connections[-1].say([{**EVENT, "socket_sequence": 0}])
        await self.until(lambda: self.told)
        self.connections[-1].sendClose()
        await self.until(lambda: len(self.ups) == 2)
        self.connections[-1].say([{**EVENT, "socket_sequence": 0}])
        await self.until(lambda: len(self.told) == 2)
        self.assertEqual(["1", "2"], [headers["x-gemini-payload"] for headers in self.headers])

    async def test_what_is_lost_or_corrupt_ends_the_connection(self) -> None:
        """A gap, a heartbeat with a wrong number, nonsense: it is begun anew, and the owner reads what was missed."""
        broken: list[Any] = [
            [{**EVENT, "socket_sequence": 1}],
            {"type": "heartbeat", "socket_sequence": 4},
            {"type": "heartbeat"},
            [{**EVENT, "executed_amount": "0.6"}],
            [{**EVENT, "price": "NaN"}],
            [[]],
            b'[{"type":"fill"',
        ]
        for number, message in enumerate(broken, 1):
            self.connections[-1].say(message)
            await self.until(lambda number=number: len(self.ups) == number + 1)
        self.assertEqual([], self.told)

    async def test_single_event(self) -> None:
        """One that is not in a list is told as well."""
        self.connections[-1].say({"type": "heartbeat", "socket_sequence": 0})
        self.connections[-1].say({**EVENT, "socket_sequence": 1})
        await self.until(lambda: self.told)
        self.assertEqual("106817811-1034", self.told[0].fill["id"])
