"""The connection on which a venue streams order books: followed, subscribed to again and again, doubted one by one.

Each book is subscribed to whenever the connection stands again. What breaks the format, an unanswered subscription: the
connection is dropped and made anew with back-off, and until then nothing is claimed. A gap in a book costs that book only.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from attrs import define
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from clients.alarm import Alarm
from clients.backoff import Backoff
from clients.errors import ExchangeError
from clients.listings import Listed
from clients.parsing import reading
from clients.socket_link import SocketLink
from clients.streamed_book import OutOfStep, StreamedBook
from clients.surroundings import Surroundings
from model.shapes import BookShape

SILENCE_LIMIT = 10.0
#: Seconds within which a subscription must have led to a book, or to the question for its snapshot.
ANSWER_LIMIT = 15.0

ListingT = TypeVar("ListingT", bound=Listed)
BookT = TypeVar("BookT", bound=StreamedBook)


@define(eq=False)
class Followed(Generic[ListingT, BookT]):
    """A book that is streamed; ``alarm``: a subscription or snapshot that is due, or overdue."""

    listing: ListingT
    book: BookT
    backoff: Backoff
    alarm: Alarm
    #: Counts the snapshots that were asked for: an answer to an earlier question is of no use.
    question: int = 0

    def lose(self) -> None:
        """Nothing of it is known any more, and nothing is due."""
        self.alarm.stop()
        self.book.lose()
        self.question += 1


class BookStream(Generic[ListingT, BookT]):
    """Books of the listings that are followed. A venue says how to subscribe (:meth:`_ask_for`) and hears (:meth:`_heard`).

    ``new_book(listing)`` makes an empty one. ``changed(shape)`` with every change, ``up()`` and ``down()`` when the connection
    stands and when it is gone. ``ping``: how to ask for a sign of life, where WebSocket's own way is not enough.
    """

    log = Logger()

    def __init__(
        self,
        venue: str,
        url: str,
        surroundings: Surroundings,
        *,
        new_book: Callable[[ListingT], BookT],
        changed: Callable[[BookShape], object],
        up: Callable[[], object],
        down: Callable[[], object],
        ping: str | None = None,
    ) -> None:
        self._venue = venue
        self._surroundings = surroundings
        self._new_book = new_book
        self._changed, self._up, self._down = changed, up, down
        self._followed: dict[str, Followed[ListingT, BookT]] = {}
        self.is_up = False
        self._link = SocketLink(
            f"{venue} books",
            url,
            surroundings,
            opened=self._opened,
            heard=self._heard,
            lost=self._lost,
            ping=ping,
            silence_limit=SILENCE_LIMIT,
        )

    # What a venue has to bring

    @abstractmethod
    def _ask_for(self, followed: Followed[ListingT, BookT]) -> None:
        """Send the subscription."""

    @abstractmethod
    def _heard(self, message: Any) -> None:
        """Take a message in; an ExchangeError or ValueError ends the connection."""

    def _ask_again(self, followed: Followed[ListingT, BookT]) -> None:
        """The book is out of step and the back-off over: begin it anew."""
        self._subscribe(followed)

    # For its owner

    @property
    def last_heard(self) -> int | None:
        """When the last message came, in microseconds."""
        return self._link.last_heard

    @property
    def contracts(self) -> list[str]:
        """The contracts that are followed."""
        return [followed.book.contract for followed in self._followed.values()]

    def start(self) -> None:
        """Connect; a repeat changes nothing."""
        self._link.start()

    def close(self) -> "Deferred[None]":
        """Hang up for good; a repeat is safe."""
        for followed in self._followed.values():
            followed.lose()
        return self._link.close()

    def follow(self, listing: ListingT) -> None:
        """Stream the book of ``listing`` from now on; a repeat changes nothing."""
        if listing.symbol not in self._followed:
            backoff, alarm = Backoff(self._surroundings.random), Alarm(self._surroundings.reactor)
            self._followed[listing.symbol] = Followed(listing, self._new_book(listing), backoff, alarm)
            self._subscribe(self._followed[listing.symbol])

    def book(self, listing: ListingT) -> BookShape | None:
        """The book with when it was last proven; None if it is not in step."""
        as_of = self.as_of(listing)
        return None if as_of is None else self._followed[listing.symbol].book.shape(as_of)

    def as_of(self, listing: ListingT) -> int | None:
        """When the book was last proven current, in microseconds: a change would have come before the last message did."""
        followed = self._followed.get(listing.symbol)
        return self._link.last_heard if self.is_up and followed and followed.book.is_in_step else None

    # The connection

    def _opened(self) -> None:
        self.is_up = True
        for followed in self._followed.values():
            self._subscribe(followed)
        self._up()

    def _lost(self) -> None:
        self.is_up = False
        for followed in self._followed.values():
            followed.lose()
        self._down()

    def _subscribe(self, followed: Followed[ListingT, BookT]) -> None:
        if not self.is_up:
            return
        followed.lose()
        why = f"{followed.listing.symbol}: no answer to a subscription in {ANSWER_LIMIT:g} s"
        followed.alarm.set(ANSWER_LIMIT, self._link.drop, why)
        self._ask_for(followed)

    def _will_not_stream(self, symbol: str, words: object) -> None:
        """One contract that the venue will not stream must not cost us the other books: it stays without a proven age.

        It is asked for again, ever more rarely: a venue that is busy may say no more than one that has no such book.
        """
        self.log.error("{venue} will not stream {symbol}: {words}", venue=self._venue, symbol=symbol, words=words)
        followed = self._followed.get(symbol)
        if followed is not None:
            followed.lose()
            followed.alarm.set(followed.backoff.next_delay(), self._subscribe, followed)

    # The books

    def _tell(self, followed: Followed[ListingT, BookT]) -> None:
        self._changed(followed.book.shape(self._link.last_heard or 0))

    def _out_of_step(self, followed: Followed[ListingT, BookT], trouble: object) -> None:
        self.log.warn("{venue}: {trouble}; asking for a new snapshot", venue=self._venue, trouble=trouble)
        followed.alarm.set(followed.backoff.next_delay(), self._ask_again, followed)


QuestionedT = TypeVar("QuestionedT", bound="BookByQuestion")


class BookByQuestion(StreamedBook):
    """A book whose snapshot is asked for by REST; changes that come before it wait in the book."""

    @abstractmethod
    def snapshot(self, answer: Any) -> None:
        """Begin anew with REST's answer and go on with the changes that wait.

        :raises OutOfStep: if they have gone on without it; those that may fit the next snapshot still wait.
        :raises ValueError: (or KeyError, TypeError) for what breaks the format.
        """

    @abstractmethod
    def update(self, update: Any) -> None:
        """Apply a change, or let it wait for the snapshot that is on its way.

        :raises OutOfStep: if changes are missing before it, or the book is crossed after it.
        """


class BookStreamByQuestion(BookStream[ListingT, QuestionedT]):
    """Where the stream has changes only: ``snapshot(symbol)`` asks for the book they continue; ``call`` names that."""

    def __init__(
        self,
        venue: str,
        url: str,
        surroundings: Surroundings,
        *,
        new_book: Callable[[ListingT], QuestionedT],
        snapshot: Callable[[str], "Deferred[Any]"],
        call: str,
        changed: Callable[[BookShape], object],
        up: Callable[[], object],
        down: Callable[[], object],
        ping: str | None = None,
    ) -> None:
        super().__init__(venue, url, surroundings, new_book=new_book, changed=changed, up=up, down=down, ping=ping)
        self._snapshot = snapshot
        self._call = call

    def _subscribed(self, followed: Followed[ListingT, QuestionedT]) -> None:
        """The venue streams it; only now is the snapshot asked for: what it does not have will come as a change."""
        self._link.settled()
        self._ask_again(followed)

    def _ask_again(self, followed: Followed[ListingT, QuestionedT]) -> None:
        followed.alarm.stop()
        followed.question += 1
        asked = self._snapshot(followed.listing.symbol)
        asked.addCallback(self._snapshot_came, followed, followed.question)
        asked.addErrback(self._no_snapshot, followed, followed.question)

    def _snapshot_came(self, answer: Any, followed: Followed[ListingT, QuestionedT], question: int) -> None:
        if question != followed.question:
            return
        try:
            with reading(self._venue, self._call):
                followed.book.snapshot(answer)
        except (OutOfStep, ExchangeError) as trouble:
            self._out_of_step(followed, trouble)
        else:
            self._tell(followed)

    def _no_snapshot(self, failure: Failure, followed: Followed[ListingT, QuestionedT], question: int) -> None:
        if not isinstance(failure.value, ExchangeError):
            self.log.failure("{venue}: a snapshot failed", failure=failure, venue=self._venue)
        if question == followed.question:
            self._out_of_step(followed, failure.getErrorMessage())

    def _update(self, followed: Followed[ListingT, QuestionedT], update: Any) -> None:
        """A change of this book was streamed."""
        was_in_step = followed.book.is_in_step
        try:
            followed.book.update(update)
        except OutOfStep as trouble:
            followed.lose()
            # It may be the first that fits the new snapshot.
            followed.book.update(update)
            self._out_of_step(followed, trouble)
            return
        if was_in_step:
            followed.backoff.reset()
            self._tell(followed)
