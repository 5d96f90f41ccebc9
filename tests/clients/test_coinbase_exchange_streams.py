"""Coinbase Exchange's streamed book without a wire, and the book feed against a hand-driven server."""

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

from clients.coinbase_exchange.book import MOST_DOUBTS, CoinbaseExchangeBook
from clients.coinbase_exchange.streams import BookStream
from clients.coinbase_exchange.wire import reading
from clients.errors import InvalidData
from clients.listings import Listing
from clients.streamed_book import OutOfStep
from clients.surroundings import Surroundings
from model.instrument import Instrument
from tests.clients.nonsense import nonsense

D = Decimal
LISTING = Listing("BTC-USD", Instrument("BTC/USD"))
SNAPSHOT: dict[str, Any] = {
    "type": "snapshot",
    "product_id": "BTC-USD",
    "bids": [["10", "1"], ["9", "2"]],
    "asks": [["11", "1"], ["12", "2"]],
}


def at(second: float) -> str:
    """A time of the venue."""
    return f"2024-01-31T12:00:{second:09.6f}Z"


def change(second: float, *changes: Any) -> dict[str, Any]:
    """An ``l2update``."""
    return {"type": "l2update", "product_id": "BTC-USD", "changes": list(changes), "time": at(second)}


def best(second: float, bid: list[str], ask: list[str]) -> dict[str, Any]:
    """REST's best levels."""
    return {"bids": [[*bid, 1]], "asks": [[*ask, 1]], "sequence": 1, "time": at(second)}


class StreamedBookTests(SynchronousTestCase):
    """:class:`CoinbaseExchangeBook`."""

    def setUp(self) -> None:
        self.book = CoinbaseExchangeBook("BTC/USD", 100)
        self.book.snapshot(SNAPSHOT)

    def bids(self) -> dict[Decimal, Decimal]:
        return {row["price"]: row["quantity"] for row in self.book.shape(1)["bids"]}

    def test_changes(self) -> None:
        """Whole levels; 0 removes one; an update says again what it says."""
        for _ in range(2):
            self.book.update(change(1, ["buy", "10.00", "0.00000000"], ["buy", "9.5", "3"], ["sell", "11", "4"]))
        self.assertEqual({D("9.5"): D(3), D(9): D(2)}, self.bids())

    def test_crossed(self) -> None:
        """Something was lost."""
        self.assertRaises(OutOfStep, self.book.update, change(1, ["buy", "11", "1"]))
        self.assertFalse(self.book.is_in_step)
        self.assertRaises(OutOfStep, self.book.snapshot, {**SNAPSHOT, "bids": [["11", "1"]]})

    def test_time_that_runs_backwards(self) -> None:
        """Whole levels in a wrong order make a wrong book."""
        self.book.update(change(2, ["buy", "10", "2"]))
        self.book.update(change(2, ["buy", "10", "3"]))
        self.assertRaises(OutOfStep, self.book.update, change(1, ["buy", "10", "2"]))
        self.book.snapshot(SNAPSHOT)
        self.assertTrue(self.book.is_in_step)

    def audit(self, answer: dict[str, Any], then: float) -> bool:
        """Compare with ``answer``; a heartbeat of ``then`` ends it."""
        self.book.claim(answer)
        self.book.heartbeat({"time": at(then)})
        return self.book.is_audited()

    def test_comparison(self) -> None:
        """It ends when the feed has come to the time of REST's answer, and not before."""
        self.book.begin_audit()
        self.book.claim(best(5, ["10", "1"], ["11", "1"]))
        self.book.heartbeat({"time": at(5)})
        self.assertFalse(self.book.is_audited())
        self.book.heartbeat({"time": at(6)})
        self.assertTrue(self.book.is_audited())
        self.assertFalse(self.book.is_doubted)
        self.assertFalse(self.book.is_audited())

    def test_comparison_of_what_was_meanwhile(self) -> None:
        """REST may show any of the best levels since the question, or one that the price has passed."""
        for bid in (["10", "1"], ["10.5", "7"], ["10.2", "3"]):
            self.book.snapshot(SNAPSHOT)
            self.book.update(change(1, ["buy", "9", "1"]))
            self.book.begin_audit()
            self.book.update(change(2, ["buy", "10.5", "7"]))
            self.book.update(change(3, ["buy", "10.5", "0"]))
            self.assertTrue(self.audit(best(2, bid, ["11", "1"]), 4))
            self.assertFalse(self.book.is_doubted, bid)

    def test_comparison_that_fails(self) -> None:
        """Three times in a row is no coincidence: another quantity, another price, a side that is empty."""
        for answer in (
            best(2, ["10", "2"], ["11", "1"]),
            best(2, ["10", "1"], ["10.9", "1"]),
            {**best(2, [], ["11", "1"]), "bids": []},
        ):
            self.book.snapshot(SNAPSHOT)
            for number in range(1, MOST_DOUBTS):
                self.book.begin_audit()
                self.assertTrue(self.audit({**answer, "time": at(2 * number)}, 2 * number + 1))
                self.assertTrue(self.book.is_doubted)
            self.book.begin_audit()
            self.book.claim({**answer, "time": at(20)})
            self.book.heartbeat({"time": at(21)})
            self.assertRaises(OutOfStep, self.book.is_audited)

    def test_doubt_that_was_none(self) -> None:
        """One comparison that is right ends the doubt; REST that is behind proves nothing."""
        self.book.heartbeat({"time": at(1)})
        self.book.begin_audit()
        self.audit(best(2, ["10", "2"], ["11", "1"]), 3)
        self.assertTrue(self.book.is_doubted)
        self.book.begin_audit()
        self.audit(best(4, ["10", "1"], ["11", "1"]), 5)
        self.assertFalse(self.book.is_doubted)
        self.book.begin_audit()
        self.audit(best(2, ["7", "1"], ["8", "1"]), 6)
        self.assertFalse(self.book.is_doubted)

    @given(
        st.lists(st.lists(st.tuples(st.booleans(), st.integers(1, 20), st.integers(0, 5)), max_size=4), max_size=12), st.data()
    )
    def test_follows_the_venue(self, steps: list[Any], data: st.DataObject) -> None:
        """Whenever the snapshot is taken, with the changes after it the book is the venue's."""
        levels: dict[str, dict[int, int]] = {"buy": {}, "sell": {}}
        taken = data.draw(st.integers(0, len(steps)))
        book = CoinbaseExchangeBook("BTC/USD", 100)
        for second, step in enumerate([*steps, []]):
            if second == taken:
                rows = {side: [[str(p), str(q)] for p, q in found.items() if q] for side, found in levels.items()}
                book.snapshot({"bids": rows["buy"], "asks": rows["sell"]})
            changes = []
            for is_bid, price, quantity in step:
                side, at_price = ("buy", price) if is_bid else ("sell", price + 40)
                levels[side][at_price] = quantity
                changes.append([side, str(at_price), str(quantity)])
            if second >= taken:
                book.update(change(second, *changes))
        shape = book.shape(1)
        shown = {"buy": shape["bids"], "sell": shape["asks"]}
        for side, rows_shown in shown.items():
            expected = {D(p): D(q) for p, q in levels[side].items() if q}
            self.assertEqual(expected, {row["price"]: row["quantity"] for row in rows_shown})

    @given(nonsense)
    def test_nonsense(self, bad: Any) -> None:
        """What is no change, snapshot or answer is a named error, and no book comes of it."""
        for message in (
            bad,
            change(1, bad),
            change(1, ["buy", bad, bad]),
            {**change(1), "time": bad},
            {**change(1), "changes": bad},
        ):
            book = CoinbaseExchangeBook("BTC/USD", 100)
            book.snapshot(SNAPSHOT)
            try:
                with reading("book feed"):
                    book.update(message)
            except InvalidData:
                self.assertFalse(book.is_in_step)
        for snapshot in (bad, {**SNAPSHOT, "bids": bad}, {**SNAPSHOT, "asks": [[bad, bad]]}):
            book = CoinbaseExchangeBook("BTC/USD", 100)
            try:
                with reading("book feed"):
                    book.snapshot(snapshot)
            except InvalidData:
                self.assertFalse(book.is_in_step)
        for answer in (
            bad,
            {**best(1, ["10", "1"], ["11", "1"]), "time": bad},
            best(1, bad, ["11", "1"]) if isinstance(bad, list) else bad,
        ):
            try:
                with reading("audit"):
                    self.book.claim(answer)
            except InvalidData:
                continue


class _Server(WebSocketServerProtocol):
    def onOpen(self) -> None:
        self.factory.case.connections.append(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        request = json.loads(payload)
        self.factory.case.asked.append(request)
        if request["type"] == "subscribe":
            for answer in self.factory.case.answers(request["product_ids"]):
                self.say(answer)

    def say(self, message: Any) -> None:
        self.sendMessage(message if isinstance(message, bytes) else json.dumps(message).encode())


def listening(case: Any) -> int:
    """The port of a server whose connections, requests and answers are those of ``case``."""
    factory: Any = WebSocketServerFactory()
    factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
    factory.protocol, factory.case = _Server, case
    port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
    case.addCleanup(port.stopListening)
    return int(port.getHost().port)


class BookStreamTests(TestCase):
    """:class:`BookStream`."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.asked: list[Any] = []
        self.connections: list[Any] = []
        self.books: list[Any] = []
        self.stream = BookStream(
            f"ws://127.0.0.1:{listening(self)}",
            Surroundings(reactor, random=Random(1)),
            100,
            proof=lambda: {"key": "k", "signature": "s"},
            best=self.best,
            changed=self.books.append,
            up=int,
            down=int,
        )
        self.addCleanup(self.stream.close)
        self.stream.start()
        self.stream.follow(LISTING)
        await self.until(lambda: self.stream.as_of(LISTING))

    def best(self, _symbol: str) -> "Deferred[Any]":
        return succeed(best(0, ["10", "1"], ["11", "1"]))

    def answers(self, products: list[str]) -> list[Any]:
        """What a subscription is answered with."""
        if products != ["BTC-USD"]:
            return [{"type": "error", "message": "Failed to subscribe", "reason": f"{products[0]} is not a valid product"}]
        return [{"type": "subscriptions", "channels": []}, SNAPSHOT]

    async def until(self, condition: Any) -> None:
        """Wait for it, five seconds at most."""
        for _ in range(500):
            if condition():
                return
            await deferLater(reactor, 0.01)
        self.fail(f"waited in vain; {self.asked} {self.books[-1:]}")

    async def test_subscription(self) -> None:
        """With a key the whole book, without one its batches; heartbeats with both."""
        self.assertEqual(
            [
                {
                    "type": "subscribe",
                    "product_ids": ["BTC-USD"],
                    "channels": ["level2", "heartbeat"],
                    "key": "k",
                    "signature": "s",
                }
            ],
            self.asked,
        )

    async def test_corrupt_stream_is_begun_anew(self) -> None:
        """Whatever makes no sense ends the connection; on the next one the book is subscribed to again."""
        broken: list[Any] = [
            b'{"type":"l2update","product_id":"BTC-USD"',
            b"[1,2]",
            b"\xff\xfe{}",
            {"product_id": "BTC-USD"},
            {"type": "l2update", "product_id": "BTC-USD", "time": at(1)},
            change(1, ["buy", "NaN", "1"]),
            change(1, ["buy", "10", "-1"]),
            change(1, ["hold", "10", "1"]),
            {**change(1), "time": "soon"},
            {"type": "error", "message": "Slow consumer"},
        ]
        for number, message in enumerate(broken, 1):
            self.connections[-1].say(message)
            await self.until(lambda number=number: len(self.connections) == number + 1 and self.stream.as_of(LISTING))
            self.assertEqual(number + 1, len(self.asked))
        self.assertEqual([D(10), D(9)], [row["price"] for row in self.books[-1]["bids"]])

    async def test_crossed_book_is_asked_for_again(self) -> None:
        """On the same connection: the subscription is ended and begun anew, and changes in between are of no use."""
        self.connections[-1].say(change(1, ["buy", "11.5", "1"]))
        self.connections[-1].say(change(2, ["buy", "10.5", "1"]))
        await self.until(lambda: self.stream.as_of(LISTING) is None)
        await self.until(lambda: self.stream.as_of(LISTING))
        self.assertEqual(["subscribe", "unsubscribe", "subscribe"], [request["type"] for request in self.asked])
        self.assertEqual((1, D(10)), (len(self.connections), self.books[-1]["bids"][0]["price"]))

    async def test_messages_of_others(self) -> None:
        """What was not asked for, and kinds that are new, change nothing."""
        self.connections[-1].say({**change(1, ["buy", "10.5", "9"]), "product_id": "ETH-USD"})
        self.connections[-1].say({"type": "ticker", "product_id": "BTC-USD"})
        self.connections[-1].say(change(1, ["buy", "10.5", "3"]))
        await self.until(lambda: self.books[-1]["bids"][0] == {"price": D("10.5"), "quantity": D(3)})
        self.assertEqual(1, len(self.connections))

    async def test_refused_product(self) -> None:
        """A product that the venue will not stream stays without an age; the others go on."""
        other = Listing("BTC-USDT", Instrument("BTC/USDT"))
        self.stream.follow(other)
        await self.until(lambda: len(self.asked) == 2)
        await deferLater(reactor, 0.05)
        self.assertIsNone(self.stream.as_of(other))
        self.assertIsNotNone(self.stream.as_of(LISTING))
