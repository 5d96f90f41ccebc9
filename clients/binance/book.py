"""The streamed order book of one symbol: a snapshot by REST, continued by numbered changes ("How to manage a local order book").

Each event carries the first (``U``) and the last (``u``) number of the changes in it, and the whole quantity of each level
that they touched. A snapshot has the number of the last change in it (``lastUpdateId``): events up to that are in it, the
first one after must continue it, and each one after that must begin one above where the last has ended.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

from clients.binance.wire import Changes, level
from clients.book_stream import BookByQuestion
from clients.listings import Listing
from clients.parsing import whole
from clients.streamed_book import OutOfStep

#: Events that are kept for a snapshot that is on its way: ten a second come, so this is minutes. Older ones are in it.
KEPT = 3_000


class BinanceBook(BookByQuestion):
    """The book of ``listing``, of which the best ``depth`` levels are shown; in step once a snapshot fits the events."""

    def __init__(self, listing: Listing, depth: int) -> None:
        super().__init__(listing.contract, depth)
        self._kept: deque[Changes] = deque(maxlen=KEPT)
        self._last = 0
        self._is_continued = False

    def lose(self) -> None:
        """Nothing is proven any more, and no event that was kept will fit what comes."""
        super().lose()
        self._kept.clear()

    def snapshot(self, answer: Mapping[str, Any]) -> None:
        """Begin anew with ``depth``'s answer, and go on with the events that were kept.

        :raises OutOfStep: if the events have gone on without it; those that may fit the next snapshot are still kept.
        :raises ValueError: (or KeyError, TypeError) for what breaks the format.
        """
        self.is_in_step = False
        self._clear()
        self._set_all(self._bids, map(level, answer["bids"]))
        self._set_all(self._asks, map(level, answer["asks"]))
        self._last = whole(answer["lastUpdateId"], "lastUpdateId")
        self._is_continued = False
        for update in self._kept:
            self._continue(update)
        self._kept.clear()
        self._check_sides()
        self.is_in_step = True

    def update(self, update: Changes) -> None:
        """A ``depthUpdate``: applied, or kept for the snapshot that is on its way.

        :raises OutOfStep: if changes are missing before it, or the book is crossed after it.
        """
        if not self.is_in_step:
            self._kept.append(update)
            return
        self.is_in_step = False
        self._continue(update)
        self._check_sides()
        self.is_in_step = True

    def _continue(self, update: Changes) -> None:
        first, last, expected = update.first, update.last, self._last + 1
        if not self._is_continued and last < expected:
            return  # the snapshot has it
        # The first event after a snapshot may begin with what the snapshot has already; the others may not.
        if not (first == expected or (first < expected and not self._is_continued)) or last < expected:
            raise OutOfStep(f"{self.contract}: changes {first} to {last} after {self._last}")
        self._set_all(self._bids, update.bids)
        self._set_all(self._asks, update.asks)
        self._last, self._is_continued = last, True
