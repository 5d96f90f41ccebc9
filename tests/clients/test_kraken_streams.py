"""Kraken's streamed book and executions, without a wire."""

from decimal import Decimal
from typing import Any
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import InvalidData
from clients.kraken.book import KrakenBook
from clients.kraken.executions import Executions, SequenceGap
from clients.kraken.wire import Pair, reading
from clients.streamed_book import OutOfStep
from model.book import Book
from model.instrument import Instrument
from tests.clients.nonsense import nonsense

D = Decimal


def pair(price_digits: int = 1) -> Pair:
    """BTC/USD with that many digits."""
    return Pair("XXBTZUSD", "XBTUSD", Instrument("BTC/USD"), price_digits, 8)


def levels(text: str) -> list[dict[str, Decimal]]:
    """``price:qty price:qty`` as on the wire."""
    return [dict(zip(("price", "qty"), map(Decimal, level.split(":")), strict=True)) for level in text.split()]


VECTOR: dict[str, Any] = {
    "asks": levels(
        "45285.2:0.00100000 45286.4:1.54571953 45286.6:1.54571109 45289.6:1.54560911 45290.2:0.15890660 45291.8:1.54553491"
        " 45294.7:0.04454749 45296.1:0.35380000 45297.5:0.09945542 45299.5:0.18772827"
    ),
    "bids": levels(
        "45283.5:0.10000000 45283.4:1.54582015 45282.1:0.10000000 45281.0:0.10000000 45280.3:1.54592586 45279.0:0.07990000"
        " 45277.6:0.03310103 45277.5:0.30000000 45277.3:1.54602737 45276.6:0.15445238"
    ),
    "checksum": 3310070434,
}


class StreamedBookTests(SynchronousTestCase):
    """:class:`KrakenBook`."""

    def test_published_vectors(self) -> None:
        """Both of Kraken's examples prove themselves; the second has leading zeros to strip."""
        book = KrakenBook(pair(), 10)
        book.snapshot(VECTOR)
        self.assertTrue(book.is_in_step)
        small = KrakenBook(pair(5), 10)
        asks = " ".join(f"{D('0.05005') + n * D('0.00005')}:0.00000500" for n in range(10))
        bids = " ".join(
            f"{price}:0.00000500"
            for price in (
                ["0.05000", "0.04995", "0.04990", "0.04980", "0.04975", "0.04970", "0.04965", "0.04960", "0.04955", "0.04950"]
            )
        )
        small.snapshot({"asks": levels(asks), "bids": levels(bids), "checksum": 974947235})

    def test_digits_need_not_be_as_sent(self) -> None:
        """Numbers whose zeros were lost on the way are written with the pair's own digits."""
        book = KrakenBook(pair(), 10)
        stripped = {
            side: [{name: value.normalize() for name, value in level.items()} for level in VECTOR[side]]
            for side in ("asks", "bids")
        }
        book.snapshot({**stripped, "checksum": 3310070434})

    def test_any_change_is_noticed(self) -> None:
        """A quantity that differs by its last digit breaks the checksum, and the book claims nothing any more."""
        book = KrakenBook(pair(), 10)
        book.snapshot(VECTOR)
        update = {"asks": levels("45285.2:0.00100001"), "bids": [], "checksum": VECTOR["checksum"]}
        self.assertRaises(OutOfStep, book.update, update)
        self.assertFalse(book.is_in_step)
        self.assertRaises(OutOfStep, book.update, {"asks": [], "bids": [], "checksum": 0})

    def test_update_before_snapshot(self) -> None:
        """An update alone is no book."""
        self.assertRaises(OutOfStep, KrakenBook(pair(), 10).update, VECTOR)

    def test_crossed_book(self) -> None:
        """A bid at the ask is not what the venue has, whatever the checksum."""
        book = KrakenBook(pair(), 10)
        crossed = {"bids": levels("2.0:1.0"), "asks": levels("2.0:1.0")}
        twin = KrakenBook(pair(), 10)
        twin._bids.set(D("2.0"), D("1.0"))
        twin._asks.set(D("2.0"), D("1.0"))
        self.assertRaises(OutOfStep, book.snapshot, {**crossed, "checksum": twin.checksum()})

    @given(
        st.lists(
            st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.integers(0, 3)), min_size=1, max_size=5),
            max_size=30,
        ),
        st.integers(1, 12),
    )
    def test_follows_a_venue(self, changes: list[list[tuple[bool, int, int]]], depth: int) -> None:
        """Against a whole book of which only the best levels are told, as Kraken tells them, it always shows the best."""
        bids: dict[Decimal, Decimal] = {}
        asks: dict[Decimal, Decimal] = {}
        book = KrakenBook(pair(0), depth)
        book.snapshot({"bids": [], "asks": [], "checksum": book.checksum()})
        for changed in changes:
            before = _best(bids, depth, True), _best(asks, depth, False)
            for is_bid, price, quantity in changed:
                side, at = (bids, D(price)) if is_bid else (asks, D(price + 50))
                side[at] = D(quantity)
                if not quantity:
                    del side[at]
            after = _best(bids, depth, True), _best(asks, depth, False)
            sides = zip(before, after, (True, False), strict=True)
            told = [_told(old, new, depth, is_bid) for old, new, is_bid in sides]
            message = {"bids": told[0], "asks": told[1], "checksum": _checksum(*after)}
            book.update(message)
            shown = Book.from_shape(book.shape(1))
            self.assertEqual(after[0], {level.price: level.quantity for level in shown.bids})
            self.assertEqual(after[1], {level.price: level.quantity for level in shown.asks})

    @given(nonsense)
    def test_nonsense(self, bad: Any) -> None:
        """Levels that are none are a named error, and the book is not in step after it."""
        book = KrakenBook(pair(), 10)
        book.snapshot(VECTOR)
        for update in (
            {"bids": bad, "asks": [], "checksum": 1},
            {"bids": [{"price": bad, "qty": bad}], "asks": [], "checksum": bad},
        ):
            try:
                with reading("book"):
                    book.update(update)
            except InvalidData:
                self.assertFalse(book.is_in_step)
            book.snapshot(VECTOR)


def _best(side: dict[Decimal, Decimal], depth: int, is_bid: bool) -> dict[Decimal, Decimal]:
    return {price: side[price] for price in sorted(side, reverse=is_bid)[:depth]}


def _told(old: dict[Decimal, Decimal], new: dict[Decimal, Decimal], depth: int, is_bid: bool) -> list[dict[str, Decimal]]:
    # What only fell out of the depth is not told.
    worst = None if len(new) < depth else (min(new) if is_bid else max(new))
    gone = [price for price in old if price not in new and (worst is None or (price > worst) == is_bid)]
    changed = [{"price": price, "qty": qty} for price, qty in new.items() if old.get(price) != qty]
    return [{"price": price, "qty": D(0)} for price in gone] + changed


def _checksum(bids: dict[Decimal, Decimal], asks: dict[Decimal, Decimal]) -> int:
    rows = list(asks.items())[:10] + list(bids.items())[:10]
    return crc32("".join(f"{price:.0f}{int(quantity * 10**8)}" for price, quantity in rows).encode())


WHOLE = {
    "exec_type": "pending_new",
    "order_id": "O1",
    "cl_ord_id": "ilp-1",
    "symbol": "BTC/USD",
    "side": "buy",
    "order_qty": D("1.0"),
    "limit_price": D("30000.1"),
    "order_status": "pending_new",
    "cum_qty": D(0),
    "timestamp": "2026-11-21T12:00:00.123456Z",
}
TRADE = {
    "exec_type": "trade",
    "order_id": "O1",
    "exec_id": "T1",
    "trade_id": 7,
    "last_qty": D("0.4"),
    "last_price": D("30000.0"),
    "cum_qty": D("0.4"),
    "order_status": "partially_filled",
    "fees": [{"asset": "USD", "qty": D("31.2")}],
    "timestamp": "2026-11-21T12:00:01Z",
}


def message(sequence: int, *entries: dict[str, Any], kind: str = "update") -> dict[str, Any]:
    """As on the wire."""
    return {"channel": "executions", "type": kind, "sequence": sequence, "data": list(entries)}


class ExecutionsTests(SynchronousTestCase):
    """:class:`Executions`."""

    def setUp(self) -> None:
        self.executions = Executions()
        self.executions.hear(message(1, kind="snapshot"))

    def test_partial_entries_are_merged(self) -> None:
        """A trade that names only what changed is told with all that is known of its order."""
        self.executions.hear(message(2, WHOLE))
        news = self.executions.hear(message(3, TRADE))
        (fill,) = news.fills
        self.assertEqual(
            ("T1", "O1", "ilp-1", "BTC/USD", "BUY", D("0.4"), D("30000.0"), {"USD": D("31.2")}),
            tuple(fill[k] for k in ("id", "order_id", "client_id", "contract", "side", "quantity", "price", "fees")),
        )
        (order,) = news.orders
        self.assertEqual((D("0.6"), D("30000.1"), False), (order["quantity_left"], order["price"], order["is_cancelled"]))
        self.assertEqual(1795262400123456, order["timestamp"])

    def test_fill_after_cancel(self) -> None:
        """A fill that comes after the end of its order is told, and does not bring the order back."""
        self.executions.hear(message(2, WHOLE))
        self.executions.hear(message(3, {"order_id": "O1", "exec_type": "canceled", "order_status": "canceled"}))
        news = self.executions.hear(message(4, TRADE))
        self.assertEqual("T1", news.fills[0]["id"])
        self.assertTrue(news.orders[0]["is_cancelled"])
        self.assertEqual(frozenset(), self.executions.unfinished())

    def test_gap(self) -> None:
        """A number that is left out is noticed; a new subscription counts anew."""
        self.executions.hear(message(2, WHOLE))
        self.assertRaises(SequenceGap, self.executions.hear, message(4, TRADE))
        self.executions.restart()
        self.executions.hear(message(1, kind="snapshot"))

    def test_unknown_order(self) -> None:
        """Of an order that was never told in whole, the id is given to be looked up."""
        news = self.executions.hear(message(2, {"order_id": "O9", "exec_type": "canceled", "order_status": "canceled"}))
        self.assertEqual(((), frozenset({"O9"})), (news.orders, news.incomplete))

    def test_more_than_was_ordered(self) -> None:
        """What cannot be is an error."""
        self.assertRaises(ValueError, self.executions.hear, message(2, {**WHOLE, "cum_qty": D(2)}))

    @given(st.sampled_from([WHOLE, TRADE]), st.data(), nonsense)
    def test_nonsense(self, good: dict[str, Any], data: st.DataObject, bad: Any) -> None:
        """Any field spoiled: a named error, or shapes that stand a check."""
        executions = Executions()
        executions.hear(message(1, WHOLE, kind="snapshot"))
        try:
            with reading("executions"):
                news = executions.hear(message(2, {**good, data.draw(st.sampled_from(sorted(good))): bad}))
        except InvalidData:
            return
        for fill in news.fills:
            self.assertTrue(fill["quantity"] > 0 and fill["price"] > 0)
        for order in news.orders:
            self.assertTrue(0 <= order["quantity_left"] <= order["quantity"])
