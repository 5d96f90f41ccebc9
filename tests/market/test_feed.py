"""How fresh a book is, and what is wrong with it."""

from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import ExchangeError
from clients.interface import ExchangeClient
from market.feed import VenueFeed
from market.gather import NotReady, positions_of, view
from model.instrument import Instrument

D = Decimal


def book(bid: str = "100", ask: str = "101", **more: Any) -> Any:
    """A book of one level a side, told in no order at all."""
    bids = [{"price": D(1), "quantity": D(1)}, {"price": D(bid), "quantity": D(2)}]
    return {"contract": "BTC/HUF", "bids": bids, "asks": [{"price": D(ask), "quantity": D(1)}], **more}


class Quiet(ExchangeClient):
    """A client whose book is asked for, or streamed with the test's own proof of life."""

    def __init__(self) -> None:
        super().__init__("quiet")
        self.as_of: int | None = None
        self.asked = 0

    def getInstruments(self) -> "Deferred[Any]":
        return succeed({"BTC/HUF": Instrument("BTC/HUF", D(1), D("0.01"))})

    def getOrderBook(self, _ticker: str) -> "Deferred[Any]":
        self.asked += 1
        return succeed(book())

    def bookAsOf(self, _ticker: str) -> int | None:
        return self.as_of


class FeedTests(SynchronousTestCase):
    """One feed on a clock."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1)
        self.client = Quiet()
        self.feed = self.make("BTC/HUF")
        self.addCleanup(self.feed.close)

    def make(self, contract: str) -> VenueFeed:
        return VenueFeed("quiet", self.client, contract, self.clock, lambda: int(self.clock.seconds() * 1e6), poll=2.0)

    def open(self) -> None:
        self.client.emit("connect", self.client)
        self.successResultOf(Deferred.fromCoroutine(self.feed.open()))

    def problem(self, limit: str = "10") -> str:
        return self.feed.status(D(limit)).problem

    def test_unsorted_books_are_sorted(self) -> None:
        """Best first, whatever the venue sends (original_bugs 6)."""
        self.open()
        assert self.feed.book is not None
        self.assertEqual([level.price for level in self.feed.book.bids], [D(100), D(1)])

    def test_asked_for_when_it_is_not_streamed(self) -> None:
        """A client that streams nothing is asked every few seconds; one that streams is not."""
        self.open()
        self.clock.pump([2, 2])
        self.assertEqual(self.client.asked, 3)
        self.client.as_of = 1
        self.clock.pump([2, 2])
        self.assertEqual(self.client.asked, 3)

    def test_a_silent_connection_makes_it_stale(self) -> None:
        """A frozen book is stale after its limit even while "connected" (hummingbot d); a quiet one that is proven is not."""
        self.open()
        self.client.as_of = int(self.clock.seconds() * 1e6)
        self.clock.advance(9)
        self.assertEqual(self.problem(), "")
        self.clock.advance(3)
        self.assertIn("s old, allowed are 10 s", self.problem())
        self.client.as_of = int(self.clock.seconds() * 1e6)
        self.assertEqual(self.problem(), "")

    def test_not_connected(self) -> None:
        """Says so at once, whatever the age."""
        self.open()
        self.client.emit("disconnect", self.client)
        self.assertEqual(self.problem(), "not connected")

    def test_crossed(self) -> None:
        """A book that bids more than it asks is no basis for anything."""
        self.open()
        self.client.emit("book", self.client, book("102", "101"))
        self.assertIn("crossed", self.problem())

    def test_a_contract_that_is_not_traded(self) -> None:
        """Named, with what there is."""
        feed = self.make("BTC/XYZ")
        failure = self.failureResultOf(Deferred.fromCoroutine(feed.open()), ExchangeError)
        self.assertIn("it trades BTC/HUF", str(failure.value))

    def test_another_contracts_book_is_not_ours(self) -> None:
        """Only our contract's events count."""
        self.open()
        before = self.feed.book
        self.client.emit("book", self.client, {**book("1", "2"), "contract": "BTC/USD"})
        self.assertIs(self.feed.book, before)


class GatherTests(SynchronousTestCase):
    """Beliefs into values."""

    def test_reserved_and_expected(self) -> None:
        """A hedge in flight counts as done, and what it needs cannot be spent again."""
        found = positions_of({"BTC": D(2), "USD": D(100)}, {"BTC": D("0.5")}, {"BTC": D("-0.5"), "USD": D(30000)})
        self.assertEqual((found["BTC"].position, found["BTC"].available), (D("1.5"), D("1.5")))
        self.assertEqual((found["USD"].position, found["USD"].available), (D(30100), D(100)))

    def test_no_book_is_not_ready(self) -> None:
        """Nothing is made up for a book that is not there."""
        feed = VenueFeed("quiet", Quiet(), "BTC/HUF", Clock(), lambda: 0)
        with self.assertRaisesRegex(NotReady, "no book of BTC/HUF yet"):
            view(feed, ("HUF", "BTC"), {}, [])
