"""The safety nets at once: what they demand, what of it can be traded, and nothing twice."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from model.book import Book, Level
from model.decision import Trade
from model.instrument import Instrument
from model.order import Side
from model.position import Position
from model.settings import Cost
from tests.trader.pools import SETTINGS
from trader.covering import covering, excess

D = Decimal
BOOK = Book(
    "BTC/USD", (Level(D(100), D(1)), Level(D("99.5"), D(1)), Level(D(90), D(9))), (Level(D(101), D(1)), Level(D(102), D(1)))
)
RULES = Instrument("BTC/USD", D("0.1"), D("0.01"), D("0.05"))
IMMEDIATE = SETTINGS.replace(hedge="immediate", source_fee=Cost(D(1), D("0.01")), max_slippage=D("0.01"))
RICH = Position("USD", D(10**6), D(10**6)), Position("BTC", D(100), D(100))


def position(ticker: str, available: str) -> Position:
    return Position(ticker, D(1000), D(available))


class ExcessTests(SynchronousTestCase):
    """What the nets demand."""

    def test_immediate(self) -> None:
        """All of it, whatever max_exposure says."""
        self.assertEqual(excess(D("-0.3"), IMMEDIATE.replace(max_exposure=D(1))), D("-0.3"))

    def test_what_is_beyond_the_limit(self) -> None:
        """Only what is beyond max_exposure, on either side; nothing inside it; nothing without a limit."""
        settings = SETTINGS.replace(max_exposure=D("0.5"))
        self.assertEqual([excess(D(e), settings) for e in ("0.7", "-0.7", "0.5", "-0.2")], [D("0.2"), D("-0.2"), 0, 0])
        self.assertEqual(excess(D(9), SETTINGS.replace(max_exposure=None)), 0)


class CoveringTests(SynchronousTestCase):
    """What of it is traded."""

    def cover(self, over: str, cash: str = "1000000", coins: str = "100") -> Trade | None:
        return covering(D(over), IMMEDIATE, BOOK, position("USD", cash), position("BTC", coins), RULES)

    def test_a_sale(self) -> None:
        """Too much is sold, down to the level that is needed."""
        self.assertEqual(self.cover("1.5"), Trade(Side.SELL, D("1.5"), D("99.5")))

    def test_a_purchase(self) -> None:
        """Too little is bought."""
        self.assertEqual(self.cover("-0.5"), Trade(Side.BUY, D("0.5"), D(101)))

    def test_levels_out_of_range(self) -> None:
        """What could only be had beyond max_slippage is left for later."""
        self.assertEqual(self.cover("5"), Trade(Side.SELL, D(2), D("99.5")))

    def test_no_more_than_there_is(self) -> None:
        """Our coins, and our cash with the fees, bound it."""
        self.assertEqual(self.cover("1.5", coins="0.3"), Trade(Side.SELL, D("0.3"), D(100)))
        bought = self.cover("-1.5", cash="103.01")
        self.assertEqual(bought, Trade(Side.BUY, D(1), D(101)))  # 1 of fixed fee, 102.01 for one BTC

    def test_too_little_is_carried(self) -> None:
        """Below the venue's minimum, on an empty side or without money nothing is traded."""
        self.assertIsNone(self.cover("0.04"))
        self.assertIsNone(self.cover("-1", cash="0.5"))
        self.assertIsNone(covering(D(1), IMMEDIATE, Book("BTC/USD"), *RICH, RULES))

    @given(st.decimals("-3", "3", places=4), st.decimals("0", "300", places=2), st.decimals("0", "3", places=4))
    def test_never_too_much(self, over: Decimal, cash: Decimal, coins: Decimal) -> None:
        """Never more than the exposure, never the wrong way, never more than the balances pay for."""
        trade = covering(over, IMMEDIATE, BOOK, position("USD", str(cash)), position("BTC", str(coins)), RULES)
        if trade is None:
            return
        self.assertLess(trade.side.sign * over, 0)
        self.assertLessEqual(trade.quantity, abs(over))
        if trade.side is Side.SELL:
            self.assertLessEqual(trade.quantity, coins)
        else:
            first = min(trade.quantity, D(1))
            self.assertLessEqual((first * 101 + (trade.quantity - first) * 102) * D("1.01") + 1, cash)
