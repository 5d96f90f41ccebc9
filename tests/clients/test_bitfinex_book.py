"""Bitfinex's streamed book without a wire: rows, checksums, and nonsense, of which no book comes."""

import zlib
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from clients.bitfinex.book import CheckedBook, javascript
from clients.bitfinex.wire import reading
from clients.errors import InvalidData
from clients.streamed_book import OutOfStep
from tests.clients.nonsense import nonsense
from tests.clients.test_bitfinex_wire import MARKET

D = Decimal
LISTING = MARKET.contracts["LTC/USDT"]
SNAPSHOT: list[Any] = [[10, 1, 1], [9, 2, 2], [11, 1, -1], [12, 1, -2]]


class NumbersAsPrintedTests(SynchronousTestCase):
    """:func:`javascript`."""

    def test_like_a_browser(self) -> None:
        """No trailing zeros, an exponent below a millionth (as seen in the venue's own bug reports)."""
        for text, expected in (
            ("50000", "50000"),
            ("1E+4", "10000"),
            ("0.10", "0.1"),
            ("-0.5000", "-0.5"),
            ("0.0000082", "0.0000082"),
            ("0.000001", "0.000001"),
            ("0.00000017", "1.7e-7"),
            ("-0.0000005", "-5e-7"),
            ("1047414.30449527", "1047414.30449527"),
            ("0", "0"),
        ):
            self.assertEqual(expected, javascript(D(text)))


class CheckedBookTests(SynchronousTestCase):
    """:class:`CheckedBook`."""

    def setUp(self) -> None:
        self.book = CheckedBook(LISTING, 25)

    def prices(self) -> tuple[list[Decimal], list[Decimal]]:
        shape = self.book.shape(1)
        return [each["price"] for each in shape["bids"]], [each["price"] for each in shape["asks"]]

    def test_checksum(self) -> None:
        """Bids and asks in turns, price and amount, asks negative; signed."""
        self.book.snapshot(SNAPSHOT, 1)
        expected = zlib.crc32(b"10:1:11:-1:9:2:12:-2")
        self.assertEqual(expected - 2**32 if expected >= 2**31 else expected, self.book.checksum())

    def test_sides_of_different_length(self) -> None:
        """Where one side has ended the other goes on."""
        self.book.snapshot([[10, 1, 1], [11, 1, -1], [12, 1, D("-0.00000012")]], 1)
        expected = zlib.crc32(b"10:1:11:-1:12:-1.2e-7")
        self.assertEqual(expected - 2**32 if expected >= 2**31 else expected, self.book.checksum())

    def test_rows_are_shown_when_proven(self) -> None:
        """Between two checksums the book may be crossed; nobody sees it."""
        self.book.snapshot(SNAPSHOT, 1)
        self.book.update([11, 3, 5])
        self.assertEqual(([10, 9], [11, 12]), self.prices())
        self.assertTrue(self.book.is_in_step and self.book.is_pending)
        self.book.update([11, 0, -1])
        self.book.check(self.book.checksum(), 2)
        self.assertEqual(([11, 10, 9], [12]), self.prices())
        self.assertEqual((False, 2), (self.book.is_pending, self.book.proven_at))

    def test_wrong_checksum(self) -> None:
        """Is not believed; nor is a crossed book with the right one."""
        self.book.snapshot(SNAPSHOT, 1)
        self.book.update([10, 1, 7])
        self.assertRaises(OutOfStep, self.book.check, self.book.checksum() ^ 1, 2)
        self.assertFalse(self.book.is_in_step)
        self.book.snapshot(SNAPSHOT, 1)
        self.book.update([11, 1, 7])
        self.assertRaises(OutOfStep, self.book.check, self.book.checksum(), 2)
        self.assertRaises(OutOfStep, self.book.snapshot, [[10, 1, 1], [10, 1, -1]], 3)

    @given(
        st.lists(st.lists(st.tuples(st.booleans(), st.integers(1, 60), st.integers(0, 3)), max_size=6), max_size=20), st.randoms()
    )
    def test_follows_a_venue(self, steps: list[list[tuple[bool, int, int]]], dice: Random) -> None:
        """In whatever order a venue tells what has changed within its depth, the book is the venue's at each checksum."""
        sides: dict[int, dict[int, int]] = {1: {5: 1}, -1: {100: 1}}
        told = self.seen(sides)
        book = CheckedBook(LISTING, 25)
        book.snapshot(list(told.values()), 1)
        for step in steps:
            for is_bid, price, quantity in step:
                sides[1 if is_bid else -1][price if is_bid else price + 61] = quantity
            now = self.seen(sides)
            rows = [row for key, row in now.items() if told.get(key) != row]
            rows += [[price, 0, sign] for sign, price in told if (sign, price) not in now]
            dice.shuffle(rows)
            for row in rows:
                book.update(row)
            told = now
            other = CheckedBook(LISTING, 25)
            other.snapshot(list(now.values()), 1)
            book.check(other.checksum(), 2)
            self.assertEqual(other.shape(1), book.shape(1))

    def seen(self, sides: dict[int, dict[int, int]]) -> dict[tuple[int, int], list[int]]:
        """The best 25 of each side, as rows by side and price."""
        found: dict[tuple[int, int], list[int]] = {}
        for sign, levels in sides.items():
            best = sorted((price for price, quantity in levels.items() if quantity), reverse=sign > 0)[:25]
            found |= {(sign, price): [price, 1, sign * levels[price]] for price in best}
        return found

    @given(nonsense)
    def test_nonsense(self, bad: Any) -> None:
        """What is no row, snapshot or checksum is a named error, and no book comes of it."""
        for call, wrong in (
            ("update", bad),
            ("update", [bad, 1, 1]),
            ("update", [10, bad, 1]),
            ("update", [10, 1, bad]),
            ("snapshot", bad),
            ("snapshot", [bad]),
            ("check", bad),
        ):
            book = CheckedBook(LISTING, 25)
            book.snapshot(SNAPSHOT, 1)
            try:
                with reading("book"):
                    getattr(book, call)(*([wrong] if call == "update" else [wrong, 2]))
            except (InvalidData, OutOfStep):
                self.assertFalse(book.is_in_step)
