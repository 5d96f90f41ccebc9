"""The streamed order book of one pair: what Kraken's ``book`` channel says, proven by its checksum.

After a snapshot each message sets levels (quantity 0 removes one); what falls out of the subscribed depth is never said to be
removed, so both sides are cut to the depth after every message. The checksum is the CRC32 of the best ten levels as they are
written: asks upwards, then bids downwards, price and quantity without point and leading zeros (Kraken, "Book checksum v2").
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from zlib import crc32

from clients.book_side import BookSide
from clients.kraken.wire import Pair
from clients.parsing import number, positive
from model.shapes import BookShape

CHECKED_LEVELS = 10


class OutOfStep(ValueError):
    """The book is not what the venue has: an update was lost, doubled or misread. Only a new snapshot helps."""


class StreamedBook:
    """The book of ``pair`` to ``depth`` levels; ``is_in_step`` between a proven snapshot and the first doubt."""

    def __init__(self, pair: Pair, depth: int) -> None:
        self._pair = pair
        self._depth = depth
        self._bids, self._asks = BookSide(is_bid=True), BookSide(is_bid=False)
        self.is_in_step = False

    def lose(self) -> None:
        """Nothing is proven any more; wait for a snapshot."""
        self.is_in_step = False

    def snapshot(self, data: Mapping[str, Any]) -> None:
        """Begin anew.

        :raises OutOfStep: if the checksum does not prove it.
        """
        self._bids, self._asks = BookSide(is_bid=True), BookSide(is_bid=False)
        self.is_in_step = True
        self.update(data)

    def update(self, data: Mapping[str, Any]) -> None:
        """Set levels.

        :raises OutOfStep: if there was no snapshot, or the checksum or a crossed book tells that something is missing.
        :raises ValueError: for what is no level; the book is out of step then too.
        """
        if not self.is_in_step:
            raise OutOfStep("an update without a snapshot")
        self.is_in_step = False
        self._set_all(self._bids, data.get("bids", ()))
        self._set_all(self._asks, data.get("asks", ()))
        expected = data["checksum"]
        found = self.checksum()
        if found != expected:
            raise OutOfStep(f"{self._pair.instrument.contract}: checksum {found}, the venue has {expected}")
        bids, asks = self._bids.best_first(1), self._asks.best_first(1)
        if bids and asks and bids[0][0] >= asks[0][0]:
            raise OutOfStep(f"{self._pair.instrument.contract}: bid {bids[0][0]} at or above ask {asks[0][0]}")
        self.is_in_step = True

    def _set_all(self, side: BookSide, levels: Iterable[Mapping[str, Any]]) -> None:
        for level in levels:
            side.set(positive(level["price"], "price"), number(level["qty"], "qty"))
        side.cut(self._depth)

    def checksum(self) -> int:
        """CRC32 of the best ten of each side."""
        price_digits, quantity_digits = self._pair.price_digits, self._pair.quantity_digits
        levels = self._asks.best_first(CHECKED_LEVELS) + self._bids.best_first(CHECKED_LEVELS)
        parts = (_written(price, price_digits) + _written(quantity, quantity_digits) for price, quantity in levels)
        return crc32("".join(parts).encode())

    def shape(self, timestamp: int) -> BookShape:
        """The interface's shape; ``timestamp``: when it was last known to be true."""
        return {
            "contract": self._pair.instrument.contract,
            "bids": self._bids.shapes(),
            "asks": self._asks.shapes(),
            "timestamp": timestamp,
        }


def _written(value: Decimal, digits: int) -> str:
    return f"{value:.{digits}f}".replace(".", "").lstrip("0")
