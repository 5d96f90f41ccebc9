"""What no decision may exceed, and what today's trades have brought."""

from decimal import Decimal
from typing import ClassVar

from twisted.trial.unittest import SynchronousTestCase

from model.decision import Decision, Quote, Trade, Verdict
from model.instrument import Instrument
from model.limits import Limits
from model.order import Fill, Side
from trader.guards import limited
from trader.results import DAY, Results

D = Decimal


class LimitedTests(SynchronousTestCase):
    """max_order_value."""

    def setUp(self) -> None:
        def quote(side: Side, quantity: str) -> Quote:
            return Quote(side, D(24_000_000), D(quantity), D(1), D(1), D(1))

        quotes = (quote(Side.BUY, "0.1"), quote(Side.SELL, "1"))
        trade = Trade(Side.BUY, D(1), D(65000))
        self.decision = Decision(Verdict.ACT, "", 0, D(0), quotes=quotes, trade=trade)
        self.instrument = Instrument("BTC/USD", D("0.1"), D("0.01"), D("0.01"))

    def test_no_limit(self) -> None:
        """Without a limit nothing changes."""
        self.assertEqual(limited(self.decision, Limits(), D("0.0027"), self.instrument), self.decision)

    def test_too_large(self) -> None:
        """The quote is left out with its reason, the trade is made as large as it may be, on the lot."""
        found = limited(self.decision, Limits(max_order_value=D(10000)), D("0.0027"), self.instrument)
        self.assertEqual([quote.side for quote in found.quotes], [Side.BUY])
        self.assertIn("max_order_value, 10000", found.no_quote["SELL"])
        assert found.trade is not None
        self.assertEqual(found.trade.quantity, D("0.15"))

    def test_nothing_left(self) -> None:
        """A trade that may not even be as large as the venue's minimum is none."""
        found = limited(self.decision, Limits(max_order_value=D(100)), D("0.0027"), self.instrument)
        self.assertIsNone(found.trade)
        self.assertEqual(found.quotes, ())


class ResultsTests(SynchronousTestCase):
    """Today's result, by hand."""

    MARKS: ClassVar[dict[str, Decimal]] = {"USD": D(1), "BTC": D(65000), "HUF": D("0.0025")}

    def fill(self, side: Side, price: str, contract: str = "BTC/HUF", fees: str = "0") -> Fill:
        quote = contract.partition("/")[2]
        return Fill("f", "o", contract, side, D(price), D("0.1"), {quote: D(fees)})

    def test_a_round_trip(self) -> None:
        """Bought for 25.8 m HUF the coin, sold for 65,000 USD: the edge less both fees."""
        results = Results()
        results.filled(self.fill(Side.BUY, "25800000", fees="2580"), 5)
        results.filled(self.fill(Side.SELL, "65000", "BTC/USD", "16.9"), 6)
        self.assertEqual(results.today(self.MARKS), D(50) - D("6.45") - D("16.9"))

    def test_a_new_day(self) -> None:
        """At midnight UTC it begins anew."""
        results = Results()
        results.filled(self.fill(Side.BUY, "30000000"), 5)
        self.assertEqual(results.loss(self.MARKS), D(1000))
        results.filled(self.fill(Side.BUY, "26000000"), DAY + 5)
        self.assertEqual(results.loss(self.MARKS), D(0))

    def test_forgiven(self) -> None:
        """What a person has accepted is not counted again; what is lost after it is."""
        results = Results()
        results.filled(self.fill(Side.BUY, "30000000"), 5)
        results.forgive(self.MARKS)
        self.assertEqual(results.loss(self.MARKS), D(0))
        results.filled(self.fill(Side.BUY, "30000000"), 6)
        self.assertEqual(results.loss(self.MARKS), D(1000))
