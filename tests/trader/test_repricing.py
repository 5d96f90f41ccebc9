"""Quotes between two decisions: only ever away from the market, and by enough."""

from decimal import Decimal

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from model.book import Book, Level
from model.decision import Quote
from model.order import Side
from tests.trader.pools import SNAPSHOT
from trader.repricing import SourceMove

D = Decimal
FIAT = D("0.0027")  # USD per HUF, bid and ask alike
BID = Quote(Side.BUY, D(23_900_000), D("0.5"), D(24_000_000), D(23_900_000), D(23_950_000))
ASK = Quote(Side.SELL, D(24_300_000), D("0.5"), D(24_200_000), D(24_250_000), D(24_300_000))
PRICES = st.integers(64_500, 65_400).map(D)


def book(bid: Decimal, ask: Decimal, quantity: str = "3") -> Book:
    return Book("BTC/USD", (Level(bid, D(quantity)),), (Level(ask, D(quantity)),))


def moved(quote: Quote, now: Book | None, most: str = "0.01") -> Quote | None:
    return SourceMove(SNAPSHOT, lambda: now, D(most))(quote)


class SourceMoveTests(SynchronousTestCase):
    """The snapshot's source: 65000 bid, 65010 asked, 3 BTC each."""

    def test_nothing_has_moved(self) -> None:
        """The same book: the same quotes."""
        self.assertEqual([moved(quote, SNAPSHOT.source.book) for quote in (BID, ASK)], [BID, ASK])

    def test_a_rise(self) -> None:
        """The ask and its band go up with the source, on the tick, rather too far; the bid stays where it was proven."""
        now = book(D(65_100), D(65_110))
        ask = moved(ASK, now)
        assert ask is not None
        self.assertGreaterEqual(ask.price - ASK.price, 100 / FIAT)
        self.assertLess(ask.price - ASK.price, 102 / FIAT)
        self.assertGreaterEqual(ask.keep_from - ASK.keep_from, 100 / FIAT)
        self.assertEqual(ask.price % 1, 0)
        self.assertEqual(moved(BID, now), BID)

    def test_a_fall(self) -> None:
        """The bid goes down; the ask stays."""
        now = book(D(64_900), D(64_910))
        bid = moved(BID, now)
        assert bid is not None
        self.assertLessEqual(bid.price - BID.price, -100 / FIAT)
        self.assertEqual(moved(ASK, now), ASK)

    def test_only_the_depth_has_gone(self) -> None:
        """The best price stands, but the rest of what a hedge would need has become worse: the quote follows that."""
        now = Book("BTC/USD", (Level(D(65_000), D("0.1")), Level(D(64_900), D(3))), SNAPSHOT.source.book.asks)
        bid = moved(BID, now)
        assert bid is not None
        self.assertLessEqual(bid.price - BID.price, -80 / FIAT)

    def test_withdrawn(self) -> None:
        """No book, an empty side, too little depth, or a move that is too large for a first order: better no quote."""
        thin, far = book(D(65_000), D(65_010), "0.4"), book(D(64_000), D(64_010))
        for now in (None, Book("BTC/USD"), attrs.evolve(SNAPSHOT.source.book, bids=()), thin, far):
            self.assertIsNone(moved(BID, now))

    @given(PRICES, st.integers(1, 200).map(D), st.sampled_from([BID, ASK]))
    def test_never_closer_and_never_too_near(self, bid: Decimal, spread: Decimal, quote: Quote) -> None:
        """Whatever the book does: never closer than proven, and farther by at least what a hedge has become worse."""
        now = moved(quote, book(bid, bid + spread), most="0.05")
        assert now is not None
        away = -quote.side.sign * (now.price - quote.price)
        worse = D(65_000) - bid if quote.side is Side.BUY else bid + spread - D(65_010)
        self.assertGreaterEqual(away, max(D(0), worse / FIAT))
        self.assertGreaterEqual(-quote.side.sign * (now.keep_to - quote.keep_to), away - 1)
