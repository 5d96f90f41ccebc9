"""Profit and loss: the parts add up to the whole, and each means what it says."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ledger.movement import Movement
from ledger.pnl import DIGITS, MarkHistory, Pnl, attribute, holdings, marks_of
from ledger.postings import entry_of_fill, entry_of_transaction, exactly
from ledger.sql import SqlLedger
from model.book import Book, Level
from model.order import Fill, Side
from model.records import OrderIntent, TransitRecord
from model.snapshot import Snapshot, VenueView
from tests.contracts.ledger import transaction
from tests.ledger.pump import Pump

TICKERS = ("USD", "HUF", "BTC")
ACCOUNTS = ("trade", "fee:trading", "fee:network", "fee:bank", "outside", "difference")
amounts = st.decimals(-(10**9), 10**9, allow_nan=False, places=18)
marks = st.fixed_dictionaries({ticker: st.decimals("0.0001", 100000, allow_nan=False, places=12) for ticker in TICKERS})


@st.composite
def movements(draw: Any) -> Movement:
    """A balanced entry between any held account and any other."""
    moves: dict[tuple[str, str], Decimal] = {}
    for account in draw(st.sets(st.sampled_from(ACCOUNTS), min_size=1)):
        ticker, amount = draw(st.sampled_from(TICKERS)), draw(amounts)
        held = draw(st.sampled_from(["venue:source", "venue:target", "transit"]))
        moves[account, ticker] = amount
        with exactly():
            moves[held, ticker] = moves.get((held, ticker), Decimal(0)) - amount
    purpose = draw(st.sampled_from([None, "quote", "hedge"]))
    kind, place = draw(st.sampled_from(["fill", "deposit"])), draw(st.sampled_from(["source", "target"]))
    return Movement("e", kind, draw(st.integers(0, 100)), moves, place, purpose)


def parts_of(pnl: Pnl) -> Decimal:
    """The sum of all parts."""
    with exactly(DIGITS):
        parts = (pnl.edge, pnl.hedges, pnl.fees, pnl.conversion, pnl.transfers, pnl.differences, pnl.revaluation)
        return sum(parts, Decimal(0))


class AttributeTests(SynchronousTestCase):
    """The arithmetic."""

    @given(
        st.lists(movements(), max_size=6),
        st.fixed_dictionaries(dict.fromkeys(TICKERS, amounts)),
        marks,
        marks,
        st.lists(marks, min_size=1, max_size=4),
    )
    def test_parts_are_the_whole(
        self,
        happened: list[Movement],
        closing: dict[str, Decimal],
        first: dict[str, Decimal],
        last: dict[str, Decimal],
        between: list[dict[str, Decimal]],
    ) -> None:
        """Whatever happened at whatever marks, the parts sum to the whole, to the last digit."""
        history = MarkHistory(tuple((n * 25, point) for n, point in enumerate(between)))
        pnl = attribute(happened, closing, first, last, history.at)
        self.assertEqual(parts_of(pnl), pnl.whole)

    def test_nothing_happened(self) -> None:
        """Without movements, only the market made a difference."""
        before, after = {"USD": Decimal(1), "BTC": Decimal(100)}, {"USD": Decimal(1), "BTC": Decimal(90)}
        pnl = attribute([], {"USD": Decimal(50), "BTC": Decimal(2)}, before, after, lambda _: after)
        self.assertEqual((pnl.whole, pnl.revaluation, pnl.edge), (Decimal(-20), Decimal(-20), Decimal(0)))

    def test_customer_and_hedge(self) -> None:
        """Sold dear to a customer and bought back at the source: edge, slippage and fees each by its own name."""
        sale = Fill("1", "o", "BTC/HUF", Side.SELL, Decimal(41000), Decimal(1), {"HUF": Decimal(40)}, 10)
        hedge = Fill("2", "o", "BTC/USD", Side.BUY, Decimal("100.5"), Decimal(1), {}, 20)
        happened = [
            Movement("1", "fill", 10, entry_of_fill("target", sale).moves, "target", None),
            Movement("2", "fill", 20, entry_of_fill("source", hedge).moves, "source", "hedge"),
        ]
        closing = {"USD": Decimal("-100.5"), "HUF": Decimal(40960), "BTC": Decimal(0)}
        at_sale = {"USD": Decimal(1), "HUF": Decimal("0.0025"), "BTC": Decimal(100)}
        later = at_sale | {"BTC": Decimal(101)}
        history = MarkHistory(((0, at_sale), (15, later)))
        pnl = attribute(happened, closing, at_sale, later, history.at)
        self.assertEqual(pnl.edge, Decimal("2.5"))
        self.assertEqual(pnl.hedges, Decimal("0.5"))
        self.assertEqual(pnl.fees, Decimal("-0.1"))
        self.assertEqual(pnl.revaluation, Decimal(-1))
        self.assertEqual(pnl.whole, Decimal("1.9"))

    def test_conversion_and_contribution(self) -> None:
        """A bank's bad rate is conversion, its fee a transfer; the operator's own money is neither gain nor loss."""
        cash = TransitRecord("t", "source", "target", "USD", Decimal(100), "arrived", 1, 1)
        left = entry_of_transaction("source", transaction("1", "USD", False, "100", "2"), "transit", cash, "fee:bank")
        come = entry_of_transaction("target", transaction("2", "HUF", True, "39000"), "transit", cash, "fee:bank")
        own = entry_of_transaction("source", transaction("3", "USD", True, "500"), "outside", None, "fee:bank")
        happened = [Movement(e.id, e.kind, e.timestamp, e.moves) for e in (left, come, own)]
        same = {"USD": Decimal(1), "HUF": Decimal("0.0025")}
        pnl = attribute(happened, {"USD": Decimal(398), "HUF": Decimal(39000)}, same, same, lambda _: same)
        self.assertEqual((pnl.conversion, pnl.transfers, pnl.contributed), (Decimal("-2.5"), Decimal(-2), Decimal(500)))
        self.assertEqual(pnl.whole, Decimal("-4.5"))

    def test_no_mark(self) -> None:
        """A missing mark is an error that names the ticker, never a one or a zero."""
        with self.assertRaisesRegex(ValueError, "HUF"):
            attribute([], {"HUF": Decimal(1)}, {}, {}, lambda _: {})

    def test_marks(self) -> None:
        """The marks of a time are the last known before it; those of a snapshot are its mids."""
        one, two = {"BTC": Decimal(1)}, {"BTC": Decimal(2)}
        history = MarkHistory(((10, one), (20, two)))
        self.assertEqual([history.at(t) for t in (5, 10, 19, 20, 99)], [one, one, one, two, two])
        self.assertRaises(ValueError, MarkHistory, ())

        def book(contract: str, bid: str, ask: str) -> Book:
            return Book(contract, (Level(Decimal(bid), Decimal(1)),), (Level(Decimal(ask), Decimal(1)),))

        source, fiat = book("BTC/USD", "99", "101"), book("HUF/USD", "0.002", "0.003")
        snapshot = Snapshot(0, VenueView(source), VenueView(book("BTC/HUF", "1", "2")), fiat)
        self.assertEqual(marks_of(snapshot), {"USD": Decimal(1), "BTC": Decimal(100), "HUF": Decimal("0.0025")})
        self.assertEqual(marks_of(Snapshot(0, VenueView(source), VenueView(source), Book("HUF/USD"))), None)


class FromTheLedgerTests(SynchronousTestCase):
    """Out of a real ledger."""

    def test_period(self) -> None:
        """The movements of a period know the purpose of their orders, and with the balances give the whole."""
        pump = Pump()
        ledger = SqlLedger("sqlite://", pump)
        self.addCleanup(lambda: pump.wait(ledger.close()))
        pump.wait(ledger.open())
        intent = OrderIntent("h", "source", "BTC/USD", Side.BUY, Decimal(102), Decimal(1), "hedge", 9)
        pump.wait(ledger.intend(intent))
        pump.wait(ledger.book_adjustment("o", "venue:source", "USD", Decimal(500), "outside", "opening", 5))
        fill = Fill("1", "o", "BTC/USD", Side.BUY, Decimal(102), Decimal(1), {"USD": Decimal("0.5")}, 10)
        pump.wait(ledger.book_fill("source", fill, "h"))
        pump.wait(ledger.book_fill("target", Fill("2", "o", "BTC/USD", Side.SELL, Decimal(103), Decimal(1), {}, 11), None))
        happened = pump.wait(ledger.movements(6, 12))
        self.assertEqual([(m.place, m.purpose) for m in happened], [("source", "hedge"), ("target", None)])
        self.assertEqual([m.timestamp for m in pump.wait(ledger.movements(0, 10))], [5])
        same = {"USD": Decimal(1), "BTC": Decimal(100)}
        closing = holdings(pump.wait(ledger.balances()))
        pnl = attribute(happened, closing, same, same, lambda _: same)
        self.assertEqual((pnl.hedges, pnl.edge, pnl.fees), (Decimal(-2), Decimal(3), Decimal("-0.5")))
        self.assertEqual((pnl.whole, pnl.contributed), (Decimal("0.5"), Decimal(0)))
