"""What the streamed books of all venues have in common: two sides, and a doubt that only a new snapshot ends."""

from collections.abc import Iterable
from decimal import Decimal

from clients.book_side import BookSide
from model.shapes import BookShape


class OutOfStep(ValueError):
    """The book is not what the venue has: a change was lost, doubled or misread. Only a new snapshot helps."""


class StreamedBook:
    """The book of ``contract``; ``is_in_step`` between a snapshot that is proven and the first doubt.

    A venue's own book says what a snapshot and an update are and by what they are proven (number, checksum), each time
    ends with :meth:`_check_sides`, and is in step only after that. ``depth``: how many levels of each side are shown.
    """

    def __init__(self, contract: str, depth: int) -> None:
        self.contract = contract
        self._depth = depth
        self.is_in_step = False
        self._clear()

    def lose(self) -> None:
        """Nothing is proven any more; wait for a snapshot."""
        self.is_in_step = False

    def _clear(self) -> None:
        self._bids, self._asks = BookSide(is_bid=True), BookSide(is_bid=False)

    def _set_all(self, side: BookSide, levels: Iterable[tuple[Decimal, Decimal]]) -> None:
        for price, quantity in levels:
            side.set(price, quantity)

    def _check_sides(self) -> None:
        """:raises OutOfStep: for a crossed book, which no venue has."""
        bid, ask = self._bids.best, self._asks.best
        if bid is not None and ask is not None and bid >= ask:
            raise OutOfStep(f"{self.contract}: bid {bid} at or above ask {ask}")

    def shape(self, timestamp: int) -> BookShape:
        """The best levels of each side; ``timestamp``: when they were last known to be true."""
        return {
            "contract": self.contract,
            "bids": self._bids.shapes(self._depth),
            "asks": self._asks.shapes(self._depth),
            "timestamp": timestamp,
        }
