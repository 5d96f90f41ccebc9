"""The streamed order book of one symbol (precision P0), proven by its checksums.

A snapshot is whole; after it each row says what one price has now (count 0: nothing). Rows come one by one, so that between them
the book may be crossed or one level too long; a checksum follows when it is whole again ("WebSocket checksum"). So what is shown
is always the book of the last checksum, or of the snapshot.

The checksum is the signed CRC32 of the best 25 bids and asks in turns, price and amount each, joined by colons, asks negative,
numbers as JavaScript prints them.
"""

from decimal import Decimal
from itertools import zip_longest
from typing import Any
from zlib import crc32

from clients.bitfinex.wire import level
from clients.book_side import BookSide
from clients.listings import Listing
from clients.parsing import exact
from clients.streamed_book import OutOfStep, StreamedBook
from model.money import plain
from model.shapes import BookShape, LevelShape

CHECKED_LEVELS = 25
#: What JavaScript prints without an exponent.
_PLAIN = range(-6, 21)


class CheckedBook(StreamedBook):
    """The book of ``listing`` to ``depth`` levels. ``proven_at``: when it was last proven, in microseconds; ``is_pending``:
    rows have come since."""

    def __init__(self, listing: Listing, depth: int) -> None:
        self._shown: tuple[list[LevelShape], list[LevelShape]] = ([], [])
        self.proven_at = 0
        self.is_pending = False
        super().__init__(listing.contract, depth)

    def snapshot(self, rows: Any, now: int) -> None:
        """Begin anew.

        :raises OutOfStep: if it is crossed.
        :raises ValueError: (or TypeError, IndexError) for what breaks the format.
        """
        self.is_in_step = False
        self._clear()
        for each in rows:
            self._set(each)
        self._prove(now)

    def update(self, row: Any) -> None:
        """Take one row in; it is shown when a checksum has proven it.

        :raises ValueError: (or TypeError, IndexError) for what breaks the format; the book is out of step then.
        """
        was_in_step, self.is_in_step = self.is_in_step, False
        self._set(row)
        self.is_in_step, self.is_pending = was_in_step, True

    def check(self, told: object, now: int) -> None:
        """The venue's checksum, which covers all rows before it.

        :raises OutOfStep: if ours is another, or the book is crossed.
        """
        self.is_in_step = False
        for side in (self._bids, self._asks):
            # What has fallen out of the depth may be removed later, or never be mentioned again.
            side.cut(self._depth)
        found = self.checksum()
        if found != exact(told, "checksum"):
            raise OutOfStep(f"{self.contract}: checksum {found}, the venue has {told}")
        self._prove(now)

    def checksum(self) -> int:
        """Of the best 25 of each side."""
        sides = self._bids.best_written(CHECKED_LEVELS), self._asks.best_written(CHECKED_LEVELS)
        found = crc32(":".join(level for turn in zip_longest(*sides) for level in turn if level is not None).encode())
        return found - 2**32 if found >= 2**31 else found

    def _clear(self) -> None:
        self._bids, self._asks = BookSide(is_bid=True, written=_bid), BookSide(is_bid=False, written=_ask)

    def shape(self, timestamp: int) -> BookShape:
        """The book as it was last proven."""
        bids, asks = self._shown
        return {"contract": self.contract, "bids": bids, "asks": asks, "timestamp": timestamp}

    def _set(self, row: Any) -> None:
        is_bid, price, quantity = level(row)
        (self._bids if is_bid else self._asks).set(price, quantity)

    def _prove(self, now: int) -> None:
        self._check_sides()
        self._shown = self._bids.shapes(self._depth), self._asks.shapes(self._depth)
        self.proven_at, self.is_pending, self.is_in_step = now, False, True


def _bid(price: Decimal, quantity: Decimal) -> str:
    return f"{javascript(price)}:{javascript(quantity)}"


def _ask(price: Decimal, quantity: Decimal) -> str:
    return f"{javascript(price)}:{javascript(-quantity)}"


def javascript(value: Decimal) -> str:
    """A number as JavaScript prints it: ``0.0000012``, but ``1.2e-7``."""
    if not value or value.adjusted() in _PLAIN:
        return plain(value)
    sign, digits, _ = value.normalize().as_tuple()
    mantissa = "".join(map(str, digits))
    point = "." if mantissa[1:] else ""
    return f"{'-' if sign else ''}{mantissa[0]}{point}{mantissa[1:]}e{value.adjusted():+d}"
