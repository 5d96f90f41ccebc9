"""The streamed books, one rule at a time."""

from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from clients.sputnik.books import Books
from clients.sputnik.contracts import Contract

PAIR = Contract("BTC/HUF", "cash_pair", 1, 1, 1, 1, 1, "BTC", "HUF")
BOOK = {"contract": "BTC/HUF", "bids": [{"price": 5, "quantity": 1}], "asks": []}


class Session:
    """A connection on which one book can be asked for; ``tell`` is what the venue calls for its events."""

    def __init__(self) -> None:
        self.tell: Callable[[Any], None] = lambda _raw: None

    async def subscribe(self, _topic: str, listener: Callable[[Any], None]) -> None:
        self.tell = listener

    def call(self, _procedure: str, _ticker: str) -> "Deferred[Any]":
        return succeed(BOOK)


class BooksTests(SynchronousTestCase):
    """What an event does."""

    def setUp(self) -> None:
        self.emitted: list[Any] = []
        self.doubts: list[None] = []
        self.books = Books(lambda: 7, self.emitted.append, lambda: self.doubts.append(None))
        self.session = Session()
        listening = self.books.listen(cast(Any, self.session), {"BTC/HUF": PAIR})
        self.successResultOf(Deferred.fromCoroutine(listening))

    def test_an_event_is_told(self) -> None:
        """A changed book is emitted, and is the one that is given when asked for."""
        self.session.tell({**BOOK, "asks": [{"price": 6, "quantity": 1}]})
        self.assertEqual(len(self.emitted), 2)
        self.assertEqual(self.books.get("BTC/HUF"), self.emitted[-1])

    def test_an_event_after_the_end_is_nothing(self) -> None:
        """When a stream is over, what was still in the socket's buffer neither fails nor counts as a live book."""
        self.books.forget()
        self.session.tell({**BOOK, "asks": [{"price": 6, "quantity": 1}]})
        self.assertEqual(len(self.emitted), 1)
        self.assertIsNone(self.books.get("BTC/HUF"))
        self.assertEqual(self.doubts, [])
