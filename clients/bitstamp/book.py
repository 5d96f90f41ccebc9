"""The streamed order book of one market: the channel ``order_book`` brings the whole of it, a hundred levels a side, each time.

The channel of differences has neither numbers nor a checksum, so that a lost one could not be noticed; an image needs none: it
heals whatever was lost before it. Their times must rise. One that comes from before the last is no news of the book's state.
"""

from collections.abc import Mapping
from typing import Any

from clients.bitstamp.wire import Image, image
from clients.book_stream import BookByQuestion
from clients.listings import Listing
from clients.streamed_book import OutOfStep

#: Levels of each side in an image.
DEPTH = 100


class BitstampBook(BookByQuestion):
    """The book of ``listing``; in step from an image to the first doubt."""

    def __init__(self, listing: Listing) -> None:
        super().__init__(listing.contract, DEPTH)
        self._at = 0

    def lose(self) -> None:
        """Nothing is proven any more; whatever comes next is new."""
        super().lose()
        self._at = 0

    def snapshot(self, answer: Mapping[str, Any]) -> None:
        """Begin anew with the answer of ``order_book/``.

        :raises OutOfStep: for a crossed book.
        :raises ValueError: (or KeyError, TypeError) for what breaks the format.
        """
        self._take(image(answer))

    def update(self, update: Image) -> None:
        """A streamed image; one that was told already changes nothing.

        :raises OutOfStep: if it is older than the one before, or crossed.
        """
        if update.at < self._at:
            self.is_in_step = False
            raise OutOfStep(f"{self.contract}: an image of {update.at} after that of {self._at}")
        self._take(update)

    def _take(self, found: Image) -> None:
        self.is_in_step = False
        self._bids.fill(found.bids)
        self._asks.fill(found.asks)
        self._check_sides()
        self._at, self.is_in_step = found.at, True
