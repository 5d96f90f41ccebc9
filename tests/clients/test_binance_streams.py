"""Binance's streamed book without a wire, and its market stream against a hand-driven server that sends what it likes."""

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

from clients.binance.book import BinanceBook
from clients.binance.streams import BookStream
from clients.binance.wire import Changes, changes, reading
from clients.errors import InvalidData
from clients.listings import Listing
from clients.streamed_book import OutOfStep
from clients.surroundings import Surroundings
from model.instrument import Instrument
from tests.clients.nonsense import nonsense

D = Decimal
LISTING = Listing("BTCUSDT", Instrument("BTC/USDT"))
SNAPSHOT: dict[str, Any] = {"lastUpdateId": 100, "bids": [["10", "1"], ["9", "2"]], "asks": [["11", "1"], ["12", "2"]]}


def event(first: int, last: int, bids: Any = (), asks: Any = ()) -> dict[str, Any]:
    """A ``depthUpdate`` as on the wire."""
    return {"e": "depthUpdate", "E": 1, "s": "BTCUSDT", "U": first, "u": last, "b": list(bids), "a": list(asks)}


def change(first: int, last: int, bids: Any = (), asks: Any = ()) -> Changes:
    """The same, read."""
    return changes(event(first, last, bids, asks))


class StreamedBookTests(SynchronousTestCase):
    """:class:`BinanceBook`."""

    def setUp(self) -> None:
        self.book = BinanceBook(LISTING, 100)

    def best(self) -> tuple[Any, Any]:
        shape = self.book.shape(1)
        return tuple((side[0]["price"], side[0]["quantity"]) for side in (shape["bids"], shape["asks"]))  # type: ignore[return-value]

    def test_events_wait_for_the_snapshot(self) -> None:
        """What the snapshot has is dropped, what overlaps or follows it is applied."""
        for waiting in (change(90, 95, [["10.9", "9"]]), change(96, 102, [["10.1", "1"]]), change(103, 103, [], [["11", "0"]])):
            self.book.update(waiting)
        self.assertFalse(self.book.is_in_step)
        self.book.snapshot(SNAPSHOT)
        self.assertTrue(self.book.is_in_step)
        self.assertEqual(((D("10.1"), D(1)), (D(12), D(2))), self.best())

    def test_late_events_of_before_the_snapshot(self) -> None:
        """The stream may lag behind the snapshot: what is in it already changes nothing."""
        self.book.snapshot(SNAPSHOT)
        self.book.update(change(95, 99, [["10", "7"]]))
        self.assertEqual((D(10), D(1)), self.best()[0])
        self.book.update(change(98, 101, [["10", "7"]]))
        self.assertEqual((D(10), D(7)), self.best()[0])

    def test_gaps_and_repeats(self) -> None:
        """After the first event each must begin one above where the last has ended."""
        for wrong in (change(104, 104), change(101, 101), change(102, 103), change(90, 101)):
            self.book.snapshot(SNAPSHOT)
            self.book.update(change(100, 102))
            self.assertRaises(OutOfStep, self.book.update, wrong)
            self.assertFalse(self.book.is_in_step)

    def test_snapshot_older_than_the_events(self) -> None:
        """A snapshot that the events do not continue is no book; the next one may be."""
        self.book.update(change(150, 151))
        self.assertRaises(OutOfStep, self.book.snapshot, SNAPSHOT)
        self.book.snapshot({**SNAPSHOT, "lastUpdateId": 150})
        self.assertTrue(self.book.is_in_step)

    def test_crossed_book(self) -> None:
        """A bid at the ask is not what the venue has, whatever the numbers."""
        self.book.snapshot(SNAPSHOT)
        self.assertRaises(OutOfStep, self.book.update, change(101, 101, [["11", "1"]]))

    @given(
        st.lists(st.lists(st.tuples(st.booleans(), st.integers(1, 30), st.integers(0, 3)), min_size=1, max_size=5), max_size=25),
        st.data(),
    )
    def test_follows_a_venue(self, steps: list[list[tuple[bool, int, int]]], data: st.DataObject) -> None:
        """Whenever the snapshot was taken and whenever it comes among the events, in the end the book is the venue's."""
        venue = _Venue()
        events, snapshots = [], [venue.snapshot()]
        for step in steps:
            events.append(venue.change(step))
            snapshots.append(venue.snapshot())
        snapshot = data.draw(st.sampled_from(snapshots))
        comes_after = data.draw(st.integers(0, len(events)))
        book = BinanceBook(LISTING, 100)
        for told in events[:comes_after]:
            book.update(told)
        book.snapshot(snapshot)
        for told in events[comes_after:]:
            book.update(told)
        shape = book.shape(1)
        shown = {side: {row["price"]: row["quantity"] for row in shape[side]} for side in ("bids", "asks")}
        self.assertEqual({side: {D(p): D(q) for p, q in venue.levels(side)} for side in shown}, shown)

    @given(nonsense)
    def test_nonsense(self, bad: Any) -> None:
        """What is no event or no snapshot is a named error, and no book comes of it."""
        for good in (event(101, 101, [bad]), event(101, 101, [[bad, bad]]), {**event(1, 2), "U": bad}, bad):
            try:
                with reading("market stream"):
                    self.book.update(changes(good))
            except InvalidData:
                continue
        for snapshot in (bad, {**SNAPSHOT, "bids": bad}, {**SNAPSHOT, "lastUpdateId": bad}, {**SNAPSHOT, "asks": [[bad, bad]]}):
            book = BinanceBook(LISTING, 100)
            try:
                with reading("snapshot"):
                    book.snapshot(snapshot)
            except InvalidData:
                self.assertFalse(book.is_in_step)


class _Venue:
    """A book whose changes are counted, as Binance counts them."""

    def __init__(self) -> None:
        self._sides: dict[str, dict[int, int]] = {"bids": {}, "asks": {}}
        self._last = 10

    def levels(self, side: str) -> list[list[str]]:
        return [[str(price), str(quantity)] for price, quantity in self._sides[side].items() if quantity]

    def snapshot(self) -> dict[str, Any]:
        return {"lastUpdateId": self._last, "bids": self.levels("bids"), "asks": self.levels("asks")}

    def change(self, step: list[tuple[bool, int, int]]) -> Changes:
        rows: dict[str, list[Any]] = {"bids": [], "asks": []}
        for is_bid, price, quantity in step:
            side, at = ("bids", price) if is_bid else ("asks", price + 40)
            self._sides[side][at] = quantity
            rows[side].append([str(at), str(quantity)])
        first, self._last = self._last + 1, self._last + len(step)
        return change(first, self._last, rows["bids"], rows["asks"])


class _Server(WebSocketServerProtocol):
    def onOpen(self) -> None:
        self.factory.case.connections.append(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        request = json.loads(payload)
        self.factory.case.asked.append(request)
        self.say({"result": None, "id": request["id"]})

    def say(self, message: Any) -> None:
        self.sendMessage(message if isinstance(message, bytes) else json.dumps(message).encode())


class BookStreamTests(TestCase):
    """:class:`BookStream`."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.asked: list[Any] = []
        self.connections: list[Any] = []
        self.books: list[Any] = []
        factory: Any = WebSocketServerFactory()
        factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        factory.protocol, factory.case = _Server, self
        port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.stream = BookStream(
            f"ws://127.0.0.1:{port.getHost().port}",
            Surroundings(reactor, random=Random(1)),
            100,
            snapshot=self.snapshot,
            changed=self.books.append,
            up=int,
            down=int,
        )
        self.addCleanup(self.stream.close)
        self.stream.start()
        self.stream.follow(LISTING)
        await self.until(lambda: self.stream.as_of(LISTING))

    def snapshot(self, _symbol: str) -> "Deferred[Any]":
        return succeed(SNAPSHOT)

    async def until(self, condition: Any) -> None:
        """Wait for it, five seconds at most."""
        for _ in range(500):
            if condition():
                return
            await deferLater(reactor, 0.01)
        self.fail(f"waited in vain; {self.asked} {self.books[-1:]}")

    async def test_corrupt_stream_is_begun_anew(self) -> None:
        """Whatever makes no sense ends the connection; on the next one the book is subscribed to again."""
        broken: list[Any] = [
            b'{"e":"depthUpdate","s":"BTCUSDT","U":101',
            b"[1,2]",
            {"e": "depthUpdate", "s": "BTCUSDT", "U": 101, "u": 101, "b": []},
            event(101, 101, [["NaN", "1"]]),
            event(101, 101, [["10", "-1"]]),
            event(101, 101, [[10.5, "1"]]) | {"U": "x"},
            {"e": "serverShutdown", "E": 1},
        ]
        for number, message in enumerate(broken, 1):
            self.connections[-1].say(message)
            await self.until(lambda number=number: len(self.connections) == number + 1 and self.stream.as_of(LISTING))
            self.assertEqual(number + 1, len(self.asked))
        prices = [row["price"] for row in self.books[-1]["bids"]]
        self.assertEqual([D(10), D(9)], prices)

    async def test_events_of_others(self) -> None:
        """What was not asked for changes nothing."""
        self.connections[-1].say({**event(5, 6), "s": "ETHUSDT"})
        self.connections[-1].say({"e": "trade", "s": "BTCUSDT"})
        self.connections[-1].say(event(101, 101, [["10.5", "3"]]))
        await self.until(lambda: self.books[-1]["bids"][0] == {"price": D("10.5"), "quantity": D(3)})
        self.assertEqual(1, len(self.connections))

    async def test_refused_symbol(self) -> None:
        """A stream that the venue does not have stays without an age; the others go on."""
        _Server.onMessage, before = _refuse, _Server.onMessage  # type: ignore[method-assign]
        self.addCleanup(setattr, _Server, "onMessage", before)
        other = Listing("XXXYYY", Instrument("XXX/YYY"))
        self.stream.follow(other)
        await self.until(lambda: len(self.asked) == 2)
        await deferLater(reactor, 0.05)
        self.assertIsNone(self.stream.as_of(other))
        self.assertIsNotNone(self.stream.as_of(LISTING))


def _refuse(self: _Server, payload: bytes, _is_binary: bool) -> None:
    request = json.loads(payload)
    self.factory.case.asked.append(request)
    self.say({"error": {"code": 2, "msg": "Invalid request"}, "id": request["id"]})
