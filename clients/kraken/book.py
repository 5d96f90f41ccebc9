"""The streamed order book of one pair: what Kraken's ``book`` channel says, proven by its checksum.

After a snapshot each message sets levels (quantity 0 removes one); what falls out of the subscribed depth is never said to be
removed, so both sides are cut to the depth after every message. The checksum is the CRC32 of the best ten levels as they are
written: asks upwards, then bids downwards, price and quantity without point and leading zeros (Kraken, "Book checksum v2").
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from zlib import crc32

from clients.book_side import BookSide
from clients.kraken.wire import Pair
from clients.parsing import level
from clients.streamed_book import OutOfStep, StreamedBook

CHECKED_LEVELS = 10


class KrakenBook(StreamedBook):
    """The book of ``pair`` to ``depth`` levels; ``is_in_step`` between a proven snapshot and the first doubt."""

    def __init__(self, pair: Pair, depth: int) -> None:
        self._price_digits, self._quantity_digits = pair.price_digits, pair.quantity_digits
        super().__init__(pair.instrument.contract, depth)

    def _clear(self) -> None:
        self._bids, self._asks = (BookSide(is_bid, self._written) for is_bid in (True, False))

    def _written(self, price: Decimal, quantity: Decimal) -> str:
        return _digits(price, self._price_digits) + _digits(quantity, self._quantity_digits)

    def snapshot(self, data: Mapping[str, Any]) -> None:
        """Begin anew.

        :raises OutOfStep: if the checksum does not prove it.
        """
        self._clear()
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
        for side, levels in ((self._bids, data.get("bids", ())), (self._asks, data.get("asks", ()))):
            self._set_all(side, map(_level, levels))
            side.cut(self._depth)
        expected = data["checksum"]
        found = self.checksum()
        if found != expected:
            raise OutOfStep(f"{self.contract}: checksum {found}, the venue has {expected}")
        self._check_sides()
        self.is_in_step = True

    def checksum(self) -> int:
        """CRC32 of the best ten of each side."""
        parts = self._asks.best_written(CHECKED_LEVELS) + self._bids.best_written(CHECKED_LEVELS)
        return crc32("".join(parts).encode())


def _level(entry: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    return level(entry["price"], entry["qty"])


def _digits(value: Decimal, digits: int) -> str:
    return f"{value:.{digits}f}".replace(".", "").lstrip("0")
