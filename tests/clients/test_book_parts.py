"""What all streamed books are made of: sides, their levels, and the doubt about them."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from clients.book_side import BookSide
from clients.parsing import level, number, positive
from clients.streamed_book import OutOfStep, StreamedBook

D = Decimal
CHANGES = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 3)), max_size=60)


def written(price: Decimal, quantity: Decimal) -> str:
    """What a checksum might have."""
    return f"{price}:{quantity}"


class BookSideTests(SynchronousTestCase):
    """:class:`BookSide`."""

    @given(CHANGES, st.booleans(), st.integers(1, 12))
    def test_is_what_was_set(self, changes: list[tuple[int, int]], is_bid: bool, depth: int) -> None:
        """Whatever is set, removed and cut: the best levels, best first, in each form."""
        side, expected = BookSide(is_bid, written), {}
        for price, quantity in changes:
            side.set(D(price), D(quantity))
            expected[D(price)] = D(quantity)
        best_first = sorted(((p, q) for p, q in expected.items() if q), reverse=is_bid)
        self.assertEqual(best_first, side.best_first())
        self.assertEqual([expected[price] for price in expected], [side.at(price) for price in expected])
        side.cut(depth)
        self.assertEqual(best_first[:depth], side.best_first())
        self.assertEqual(best_first[:depth][:3], side.best_first(3))
        self.assertEqual([written(*row) for row in best_first[:depth][:5]], side.best_written(5))
        self.assertEqual(best_first[0][0] if best_first else None, side.best)

    @given(CHANGES, st.booleans(), st.randoms())
    def test_filled_at_once(self, changes: list[tuple[int, int]], is_bid: bool, dice: Any) -> None:
        """In whatever order the levels come, the side is as if they had been set one by one."""
        one_by_one, at_once = BookSide(is_bid, written), BookSide(is_bid, written)
        levels = list({D(price): D(quantity) for price, quantity in changes if quantity}.items())
        for row in levels:
            one_by_one.set(*row)
        dice.shuffle(levels)
        at_once.set(D(7), D(7))
        at_once.fill({"price": price, "quantity": quantity} for price, quantity in levels)
        self.assertEqual(one_by_one.best_first(), at_once.best_first())
        self.assertEqual(one_by_one.best_written(9), at_once.best_written(9))

    def test_a_price_twice(self) -> None:
        """Which of the two would be true is not known."""
        twice = [{"price": D("1.0"), "quantity": D(1)}, {"price": D("1.00"), "quantity": D(2)}]
        self.assertRaises(ValueError, BookSide(is_bid=True).fill, twice)

    def test_what_was_shown_stays(self) -> None:
        """A shape that somebody holds is not changed by what comes later."""
        side = BookSide(is_bid=False)
        side.set(D(1), D(1))
        shown = side.shapes(5)
        self.assertIs(shown, side.shapes(5))
        side.set(D(1), D(2))
        self.assertEqual([{"price": D(1), "quantity": D(1)}], shown)
        self.assertEqual([{"price": D(1), "quantity": D(2)}], side.shapes(5))


class StreamedBookTests(SynchronousTestCase):
    """:class:`StreamedBook`."""

    def test_crossed_sides(self) -> None:
        """A bid at the ask is doubted; below it, or alone, it is not."""
        book = StreamedBook("BTC/USD", 10)
        book._bids.set(D(10), D(1))
        book._check_sides()
        book._asks.set(D(11), D(1))
        book._check_sides()
        book._bids.set(D("11.0"), D(1))
        self.assertRaises(OutOfStep, book._check_sides)


class LevelTests(SynchronousTestCase):
    """:func:`level`, the quick way of reading a row."""

    odd: Any = st.one_of(
        st.none(),
        st.booleans(),
        st.floats(),
        st.integers(),
        st.decimals(),
        st.text(max_size=5),
        st.sampled_from(["1e999999", "1e-31", "1e31", "-0", "-1", "sNaN", "NaN", "0E+9999", "١"]),
        st.binary(max_size=2),
        st.tuples(st.integers(0, 1), st.tuples(st.integers(0, 9)), st.integers(-9, 9)),
    )

    @given(odd, odd)
    def test_as_the_careful_way(self, price: Any, quantity: Any) -> None:
        """It takes and refuses what :func:`positive` and :func:`number` do."""
        self.assertEqual(
            self.read(lambda: (positive(price, "p"), number(quantity, "q"))), self.read(lambda: level(price, quantity))
        )

    def read(self, way: Any) -> Any:
        try:
            return way()
        except ValueError:
            return ValueError
