"""Bitstamp's streamed book without a wire, and both its streams against a hand-driven server that sends what it likes."""

import json
from decimal import Decimal
from random import Random
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from hypothesis import given
from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from clients.bitstamp import streams
from clients.bitstamp.book import BitstampBook
from clients.bitstamp.channels import Subscriptions
from clients.bitstamp.streams import Access, BookStream, UserStream
from clients.bitstamp.wire import image, reading
from clients.errors import InvalidData, Retryable
from clients.listings import Listing
from clients.streamed_book import OutOfStep
from clients.surroundings import Surroundings
from model.instrument import Instrument
from tests.clients.nonsense import nonsense
from tests.clients.test_bitstamp_wire import FILLED, ORDERED

D = Decimal
LISTING, OTHER = Listing("ethusdt", Instrument("ETH/USDT")), Listing("btcusd", Instrument("BTC/USD"))
CHANNEL = "order_book_ethusdt"
ORDERS, TRADES = "private-my_orders_ethusdt-77", "private-my_trades_ethusdt-77"


def book(at: int, bids: Any = (("10", "1"), ("9", "2")), asks: Any = (("11", "1"), ("12", "2"))) -> dict[str, Any]:
    """A book as on the wire."""
    return {"timestamp": "1", "microtimestamp": str(at), "bids": [*map(list, bids)], "asks": [*map(list, asks)]}


def told(data: Any, event: str = "data", channel: str = CHANNEL, **more: Any) -> dict[str, Any]:
    """A message of a channel."""
    return {"event": event, "channel": channel, "data": data, **more}


class BookTests(SynchronousTestCase):
    """:class:`BitstampBook`."""

    def setUp(self) -> None:
        self.book = BitstampBook(LISTING)

    def bids(self) -> list[tuple[Decimal, Decimal]]:
        return [(row["price"], row["quantity"]) for row in self.book.shape(1)["bids"]]

    def test_each_image_is_all_there_is(self) -> None:
        """What is not in it is gone."""
        self.book.update(image(book(5)))
        self.assertEqual([(D(10), D(1)), (D(9), D(2))], self.bids())
        self.book.update(image(book(6, bids=[["9.5", "3"]])))
        self.assertEqual(([(D("9.5"), D(3))], True), (self.bids(), self.book.is_in_step))

    def test_times_rise(self) -> None:
        """One from before the last is a doubt, after which any is new; the same again is none."""
        self.book.update(image(book(5)))
        self.book.update(image(book(5)))
        self.assertRaises(OutOfStep, self.book.update, image(book(4)))
        self.assertFalse(self.book.is_in_step)
        self.book.lose()
        self.book.update(image(book(4)))
        self.assertTrue(self.book.is_in_step)

    def test_crossed_book(self) -> None:
        """A bid at the ask is not what the venue has."""
        self.assertRaises(OutOfStep, self.book.update, image(book(5, bids=[["11", "1"]])))
        self.assertRaises(OutOfStep, self.book.snapshot, book(5, bids=[["11", "1"]]))
        self.assertFalse(self.book.is_in_step)

    @given(nonsense)
    def test_nonsense(self, bad: Any) -> None:
        """What is no image is a named error, and no book comes of it."""
        for data in (bad, book(5) | {"microtimestamp": bad}, book(5) | {"bids": bad}, book(5) | {"asks": [[bad, bad]]}):
            found = BitstampBook(LISTING)
            try:
                with reading("book"):
                    found.update(image(data))
            except InvalidData:
                self.assertFalse(found.is_in_step)


class SubscriptionTests(SynchronousTestCase):
    """:class:`Subscriptions`."""

    def test_one_at_a_time(self) -> None:
        """An error does not say which channel it is about: it is the one that was asked for."""
        sent: list[Any] = []
        asked = Subscriptions(sent.append)
        asked.ask("a")
        asked.ask("b", "token")
        self.assertEqual(["a"], [message["data"]["channel"] for message in sent])
        self.assertIsNone(asked.answered(told({}, "bts:subscription_succeeded", "b")))
        self.assertIsNone(asked.answered(told({}, "data", "a")))
        self.assertEqual("a", asked.answered(told({"code": None}, "bts:error", "")))
        self.assertEqual({"event": "bts:subscribe", "data": {"channel": "b", "auth": "token"}}, sent[-1])
        self.assertEqual("b", asked.answered(told({}, "bts:subscription_succeeded", "b")))
        self.assertIsNone(asked.answered(told({}, "bts:error", "")))


class _Server(WebSocketServerProtocol):
    def onOpen(self) -> None:
        self.factory.case.connections.append(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        self.factory.case.requested(self, json.loads(payload))

    def say(self, message: Any) -> None:
        self.sendMessage(message if isinstance(message, bytes) else json.dumps(message, default=float).encode())


class StreamCase(TestCase):
    """A server that says yes to every channel that is not in ``refused``."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.asked: list[Any] = []
        self.connections: list[Any] = []
        self.refused: set[str] = set()
        factory: Any = WebSocketServerFactory()
        factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        factory.protocol, factory.case = _Server, self
        port: Any = reactor.listenTCP(0, factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.url = f"ws://127.0.0.1:{port.getHost().port}"
        self.surroundings = Surroundings(reactor, random=Random(1))

    def requested(self, connection: _Server, request: Any) -> None:
        """Answer a request."""
        if request["event"] != "bts:subscribe":
            connection.say({"event": request["event"], "channel": "", "data": {"status": "success"}})
            return
        channel = request["data"]["channel"]
        self.asked.append(channel)
        if channel in self.refused:
            connection.say(told({"code": 4009, "message": "Connection is unauthorized."}, "bts:error", ""))
        else:
            connection.say(told({}, "bts:subscription_succeeded", channel))

    async def until(self, condition: Any) -> None:
        """Wait for it, five seconds at most."""
        for _ in range(500):
            if condition():
                return
            await deferLater(reactor, 0.01)
        self.fail(f"waited in vain; {self.asked}")


class BookStreamTests(StreamCase):
    """:class:`BookStream`."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.patch(streams, "QUIET", 0.05)
        self.books: list[Any] = []
        self.snapshots = 0
        self.stream = BookStream(self.url, self.surroundings, snapshot=self.snapshot, changed=self.books.append, up=int, down=int)
        self.addCleanup(self.stream.close)
        self.stream.start()
        self.stream.follow(LISTING)
        await self.until(lambda: self.stream.as_of(LISTING))

    def snapshot(self, _symbol: str) -> "Deferred[Any]":
        self.snapshots += 1
        return succeed(book(100))

    async def test_corrupt_stream_is_begun_anew(self) -> None:
        """Whatever makes no sense ends the connection; on the next one the book is subscribed to again."""
        broken: list[Any] = [
            b'{"event":"data","channel":"order_book_ethusdt","data":',
            b"[1,2]",
            b'{"event":"data","channel":"order_book_ethusdt","data":{"microtimestamp":"1","bids":[["\xff","1"]],"asks":[]}}',
            told({"microtimestamp": "101", "bids": []}),
            told(book(101, bids=[["NaN", "1"]])),
            told(book(101, bids=[["10", "-1"]])),
            told({**book(101), "microtimestamp": "x"}),
            told({}, "bts:request_reconnect", ""),
        ]
        for number, message in enumerate(broken, 1):
            self.connections[-1].say(message)
            await self.until(lambda number=number: len(self.connections) == number + 1 and self.stream.as_of(LISTING))
            self.assertEqual(number + 1, len(self.asked))
        self.assertEqual([D(10), D(9)], [row["price"] for row in self.books[-1]["bids"]])

    async def test_image_that_cannot_be(self) -> None:
        """A crossed or an older one is not shown; the book is asked for anew, and the connection stays."""
        for number, wrong in enumerate((book(200, bids=[["11", "1"]]), book(99)), 2):
            self.connections[-1].say(told(wrong))
            await self.until(lambda: self.stream.as_of(LISTING) is None)
            await self.until(lambda: self.stream.as_of(LISTING))
            self.assertEqual((number, 1), (self.snapshots, len(self.connections)))
        self.assertTrue(all(shown["bids"][0]["price"] == D(10) for shown in self.books))

    async def test_what_was_not_asked_for(self) -> None:
        """Other channels and words change nothing."""
        self.connections[-1].say(told(book(300), channel="order_book_btcusd"))
        self.connections[-1].say(told({}, "bts:something", ""))
        self.connections[-1].say(told(book(301, bids=[["10.5", "3"]])))
        await self.until(lambda: self.books[-1]["bids"] == [{"price": D("10.5"), "quantity": D(3)}])
        self.assertEqual(1, len(self.connections))

    async def test_refused_market(self) -> None:
        """A channel that the venue does not have stays without an age; the others go on."""
        self.refused.add("order_book_btcusd")
        self.stream.follow(OTHER)
        await self.until(lambda: len(self.asked) == 2)
        await deferLater(reactor, 0.1)
        self.assertIsNone(self.stream.as_of(OTHER))
        self.assertIsNotNone(self.stream.as_of(LISTING))
        self.flushLoggedErrors()


class UserStreamTests(StreamCase):
    """:class:`UserStream`."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.told: list[Any] = []
        self.tokens = 0
        self.access: Any = lambda: succeed(Access(f"token-{self.tokens}", 77))
        self.stream = UserStream(
            self.url,
            self.surroundings,
            access=self.give_access,
            ordered=lambda shape: self.told.append(("order", shape["quantity_left"])),
            filled=lambda shape: self.told.append(("fill", shape["id"])),
            missed=lambda: self.told.append("missed"),
            up=lambda: self.told.append("up"),
            down=lambda: self.told.append("down"),
            refused=lambda error: self.told.append(type(error)),
        )
        self.addCleanup(self.stream.close)

    def give_access(self) -> "Deferred[Access]":
        self.tokens += 1
        found: Deferred[Access] = self.access()
        return found

    async def standing(self) -> None:
        """Up, with the channels of one market."""
        self.stream.follow(LISTING)
        self.stream.start()
        await self.until(lambda: "up" in self.told)
        self.told.clear()

    async def test_up_without_a_market(self) -> None:
        """A token shows that we may hear; which market is said later, and whoever asks for it waits until it is heard."""
        self.stream.start()
        await self.until(lambda: self.told == ["up"])
        self.assertEqual([], self.asked)
        await self.stream.follow(LISTING)
        self.assertEqual([ORDERS, TRADES], self.asked)
        self.assertEqual((["up"], 2), (self.told, self.tokens))
        await self.stream.follow(LISTING)
        self.assertEqual(2, len(self.asked))

    async def test_events(self) -> None:
        """Orders and fills of the markets that are followed; others are not ours to tell."""
        await self.standing()
        self.connections[-1].say(told(ORDERED, "order_created", ORDERS, event_id="1", pre_event_id="0"))
        self.connections[-1].say(told(FILLED, "trade", TRADES))
        self.connections[-1].say(told(ORDERED, "order_created", "private-my_orders_btcusd-77"))
        self.connections[-1].say(told(ORDERED, "stop_active", ORDERS))
        await self.until(lambda: len(self.told) == 2)
        self.assertEqual([("order", D("0.003")), ("fill", "2050558851342339-635698396")], self.told)

    async def test_chain_of_events(self) -> None:
        """An event that does not name the last one has had one before it that we missed; the first has none to name."""
        await self.standing()
        for number, before in ((5, 4), (6, 5), (8, 7), (9, 8)):
            names = {"event_id": str(number), "pre_event_id": str(before), "order_source": "orderbook"}
            self.connections[-1].say(told(ORDERED, "order_changed", ORDERS, **names))
        await self.until(lambda: len(self.told) == 5)
        self.assertEqual(
            ["order", "order", "missed", "order", "order"], [each if each == "missed" else each[0] for each in self.told]
        )

    async def test_corrupt_events(self) -> None:
        """Whatever makes no sense ends the connection, and it is begun anew with a fresh token."""
        await self.standing()
        broken: list[Any] = [
            told({**ORDERED, "amount_str": "9"}, "order_changed", ORDERS),
            told({**FILLED, "price": "NaN"}, "trade", TRADES),
            told({k: v for k, v in FILLED.items() if k != "order_id"}, "trade", TRADES),
            b"{",
        ]
        for number, message in enumerate(broken, 1):
            self.connections[-1].say(message)
            await self.until(lambda number=number: self.told.count("up") == number)
            self.assertEqual((number + 1, number), (self.tokens, self.told.count("down")))
        self.assertEqual({"up", "down"}, set(self.told))

    async def test_no_access(self) -> None:
        """Without a token, or with one that does not open the channel, it is said and tried again."""
        self.access = lambda: fail(Retryable("bitstamp", "token", "not now"))
        self.stream.follow(LISTING)
        self.stream.start()
        await self.until(lambda: self.told == [Retryable])
        self.access = lambda: succeed(Access("token", 77))
        self.refused.add(ORDERS)
        await self.until(lambda: self.told == [Retryable, Retryable])
        self.refused.clear()
        await self.until(lambda: self.told[-1] == "up")

    async def test_who_waits_is_freed_by_a_loss(self) -> None:
        """An order need not wait for a stream that is gone: what becomes of it is read when it is back."""
        await self.standing()
        self.access = Deferred
        waiting = self.stream.follow(OTHER)
        await self.until(lambda: self.tokens == 2)
        self.assertNoResult(waiting)
        self.access = lambda: succeed(Access("token", 77))
        self.connections[-1].dropConnection(abort=True)
        await waiting
        await self.until(lambda: self.told == ["down", "up"])
        self.assertEqual({ORDERS, TRADES, "private-my_orders_btcusd-77", "private-my_trades_btcusd-77"}, set(self.asked))
