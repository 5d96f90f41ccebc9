"""Coinbase Exchange's feed, twice: one connection for order books, one for what is ours.

Books are the channel ``level2``, for which a key is needed; without one it is ``level2_batch``, the same twenty times a second.
With each comes ``heartbeat``, once a second, so that silence is told from quiet. What is ours is the channel ``user`` for all
products: an order that a person places is ours too.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from clients.book_stream import BookStream as SharedBookStream
from clients.book_stream import Followed
from clients.coinbase_exchange.book import CoinbaseExchangeBook
from clients.coinbase_exchange.executions import Executions, News
from clients.coinbase_exchange.faults import VENUE, WrongTime, error_of
from clients.coinbase_exchange.wire import reading
from clients.errors import ExchangeError
from clients.listings import Listing
from clients.own_stream import OwnStream
from clients.parsing import text
from clients.streamed_book import OutOfStep
from clients.surroundings import Surroundings
from model.shapes import BookShape

#: Seconds between two comparisons of a book with REST's, and after one that has failed.
AUDIT, AUDIT_AGAIN = 10.0, 1.0
BEST = "GET /products/{product_id}/book"
#: A product's id among the words of an error.
PRODUCT = re.compile(r"[A-Z0-9]+-[A-Z0-9]+")

Books = Followed[Listing, CoinbaseExchangeBook]


def request(kind: str, products: Sequence[str], channels: Sequence[str], proof: Mapping[str, str]) -> Mapping[str, Any]:
    """A ``subscribe`` or ``unsubscribe``."""
    return {"type": kind, "product_ids": list(products), "channels": list(channels), **proof}


class BookStream(SharedBookStream[Listing, CoinbaseExchangeBook]):
    """Books of the listings that are followed, the best ``depth`` levels.

    ``proof()`` signs a subscription, ``best(symbol)`` asks REST for the best levels.
    """

    def __init__(
        self,
        url: str,
        surroundings: Surroundings,
        depth: int,
        *,
        proof: Callable[[], Mapping[str, str]],
        best: Callable[[str], "Deferred[Any]"],
        changed: Callable[[BookShape], object],
        up: Callable[[], object],
        down: Callable[[], object],
    ) -> None:
        super().__init__(
            VENUE,
            url,
            surroundings,
            new_book=lambda listing: CoinbaseExchangeBook(listing.contract, depth),
            changed=changed,
            up=up,
            down=down,
        )
        self._proof, self._best = proof, best

    def _ask_for(self, followed: Books) -> None:
        self._send("subscribe", followed)

    def _ask_again(self, followed: Books) -> None:
        self._send("unsubscribe", followed)
        self._subscribe(followed)

    def _send(self, kind: str, followed: Books) -> None:
        proof = self._proof()
        channels = ("level2" if proof else "level2_batch", "heartbeat")
        self._link.send(request(kind, [followed.listing.symbol], channels, proof))

    def _heard(self, message: Any) -> None:
        with reading("book feed"):
            kind = text(message["type"], "type")
            if kind == "error":
                self._refused(str(message.get("reason") or message.get("message")))
                return
            followed = self._followed.get(str(message.get("product_id")))
            if followed is None or kind not in ("snapshot", "l2update", "heartbeat"):
                return
            try:
                self._told(followed, kind, message)
            except OutOfStep as trouble:
                followed.lose()
                self._out_of_step(followed, trouble)

    def _refused(self, words: str) -> None:
        """One product that it will not stream is named; anything else concerns the connection."""
        named = [symbol for symbol in PRODUCT.findall(words) if symbol in self._followed]
        if not named:
            raise ValueError(f"the feed says: {words:.200}")
        for symbol in named:
            self._will_not_stream(symbol, words)

    def _told(self, followed: Books, kind: str, message: Mapping[str, Any]) -> None:
        book = followed.book
        if kind == "snapshot":
            book.snapshot(message)
            self._link.settled()
            followed.alarm.set(AUDIT, self._audit, followed)
        elif not book.is_in_step:
            # Until the snapshot comes that was asked for, changes of what was before are of no use.
            return
        elif kind == "heartbeat":
            book.heartbeat(message)
        else:
            book.update(message)
            followed.backoff.reset()
        if kind != "heartbeat":
            self._tell(followed)
        if book.is_audited():
            followed.alarm.set(AUDIT_AGAIN if book.is_doubted else AUDIT, self._audit, followed)

    # The comparison with REST

    def _audit(self, followed: Books) -> None:
        followed.question += 1
        followed.book.begin_audit()
        asked = self._best(followed.listing.symbol)
        asked.addCallback(self._best_came, followed, followed.question)
        asked.addErrback(self._no_best, followed, followed.question)

    def _best_came(self, answer: Any, followed: Books, question: int) -> None:
        if question == followed.question:
            with reading(BEST):
                followed.book.claim(answer)

    def _no_best(self, failure: Failure, followed: Books, question: int) -> None:
        if not isinstance(failure.value, ExchangeError):
            self.log.failure("{venue}: a comparison failed", failure=failure, venue=VENUE)
        if question == followed.question:
            followed.alarm.set(AUDIT, self._audit, followed)


class UserStream(OwnStream):
    """Our orders and fills. ``proof()`` signs the subscription; ``told(news)`` with every message that is news.

    ``products()`` asks what is listed, for each connection anew: a subscription that names one that is not listed any more is
    refused as a whole. ``wrong_time()``: the venue finds our timestamp wrong.
    """

    def __init__(
        self,
        url: str,
        surroundings: Surroundings,
        *,
        products: Callable[[], "Deferred[Sequence[str]]"],
        proof: Callable[[], Mapping[str, str]],
        told: Callable[[News], object],
        up: Callable[[], object],
        down: Callable[[], object],
        refused: Callable[[ExchangeError], object],
        wrong_time: Callable[[], object],
    ) -> None:
        super().__init__(f"{VENUE} user", url, surroundings, up=up, down=down, refused=refused)
        self._listed, self._proof, self._told, self._wrong_time = products, proof, told, wrong_time
        self._products: Sequence[str] = ()
        self.memory = Executions()

    def _log_in(self) -> None:
        self._with(self._listed(), self._subscribe)

    def _subscribe(self, products: Sequence[str]) -> None:
        self._products = products
        self._link.send(request("subscribe", products, ["user"], self._proof()))

    def _heard(self, message: Any) -> None:
        news: News | None = None
        with reading("user feed"):
            kind = text(message["type"], "type")
            if kind == "error":
                self._error(message)
            elif kind == "subscriptions":
                self._subscribed(message)
            elif self.is_up:
                news = self.memory.hear(message)
        if news is not None:
            self._told(news)

    def _subscribed(self, message: Mapping[str, Any]) -> None:
        there = {product for each in message["channels"] if each["name"] == "user" for product in each["product_ids"]}
        if missing := set(self._products) - there:
            raise ValueError(f"the subscription lacks {', '.join(sorted(missing)[:5])}")
        self._stands()

    def _error(self, message: Mapping[str, Any]) -> None:
        words = f"{message.get('message')}: {message.get('reason')}"
        status = 401 if "authentication" in words.lower() else 400
        error = error_of("subscribe user", status, words)
        if isinstance(error, WrongTime):
            self._wrong_time()
        self._denied(error)
