"""The result by part, counted bit by bit: it adds up to what the pool's holdings became worth, whatever happened."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from ledger.movement import Movement
from ledger.reading import Period
from trader.profit import LATEST, PARTS, Profit

D = Decimal
AMOUNTS = st.decimals(-100, 100, places=4)
MARKS = st.decimals(1, 100_000, places=2)


def fill(id: str, at: int, btc: Decimal, cash: Decimal, fee: Any = 0, place: Any = "target") -> Movement:
    """A trade of ``btc`` for ``cash``, as the ledger books it."""
    venue = f"venue:{place}"
    moves = {(venue, "BTC"): btc, (venue, "HUF"): cash - D(fee), ("trade", "BTC"): -btc, ("trade", "HUF"): -cash}
    moves["fee:trading", "HUF"] = D(fee)
    return Movement(id, "fill", at, moves, place, "quote")


def marks(btc: Any, rate: Any = "0.0027") -> dict[str, Decimal]:
    """What a unit of each is worth."""
    return {"USD": D(1), "BTC": D(btc), "HUF": D(rate)}


def period(movements: tuple[Movement, ...], **held: Any) -> Period:
    """What the history answers."""
    return Period(movements, {"venue:target": {ticker: D(amount) for ticker, amount in held.items()}}, ())


class ProfitTests(SynchronousTestCase):
    """Sums, days, repeats."""

    def test_a_sale_above_the_mark(self) -> None:
        """What the customer paid over the mark is edge, the fee is fees, and the price has not moved."""
        profit = Profit(0, marks(60_000), {}, {})
        sale = fill("f1", 5, D("-0.1"), D(2_300_000), D(2300))
        profit.mark(4, marks(60_000))
        profit.advance(period((sale,), BTC="0.9", HUF="2297700"))
        parts = {term.name: term.amount for term in profit.today()}
        self.assertEqual(parts, {"Customers' spread": D(6210 - 6000), "Trading fees": D("-6.21")})

    def test_nothing_is_counted_twice(self) -> None:
        """What is read again, because it may have come late, counts once; what did come late counts."""
        profit = Profit(0, marks(60_000), {}, {})
        first, late = fill("f1", 5, D("-0.1"), D(2_300_000)), fill("f2", 6, D("-0.1"), D(2_300_000))
        profit.mark(10, marks(60_000))
        profit.advance(period((first,), BTC="0.9", HUF="2300000"))
        self.assertLessEqual(profit.since, 5)
        profit.mark(20, marks(60_000))
        profit.advance(period((first, late), BTC="0.8", HUF="4600000"))
        self.assertEqual(profit.totals["edge"], D(420))

    def test_forgets_what_cannot_come_again(self) -> None:
        """The window of what is read moves on."""
        profit = Profit(0, marks(60_000), {}, {})
        for at in (10, LATEST + 20):
            profit.mark(at, marks(60_000))
            profit.advance(period((), BTC="1"))
        self.assertEqual(profit.since, 20)

    def test_a_new_day(self) -> None:
        """Today begins at zero; the sums go on."""
        profit = Profit(0, marks(60_000), {"revaluation": D(5)}, {"revaluation": D(2)})
        self.assertEqual([term.amount for term in profit.today()], [D(3)])
        profit.begin_day()
        self.assertEqual(profit.today(), ())
        self.assertEqual(profit.totals["revaluation"], D(5))

    def test_what_has_no_price_is_left_out(self) -> None:
        """A stranger's coin at the venue stops nothing."""
        profit = Profit(0, marks(60_000), {}, {})
        profit.mark(1, marks(61_000))
        profit.advance(period((), BTC="1", DOGE="1000"))
        self.assertEqual(profit.totals["revaluation"], D(1000))

    @given(st.lists(st.tuples(AMOUNTS, AMOUNTS, MARKS), min_size=1, max_size=8))
    def test_adds_up(self, steps: list[tuple[Decimal, Decimal, Decimal]]) -> None:
        """The sum of the parts is the change of what the holdings are worth, to the rounding of a hundred-millionth."""
        profit, held, mark = Profit(0, marks(50_000), {}, {}), {"BTC": D(1000), "HUF": D(0)}, marks(50_000)
        for n, (btc, cash, price) in enumerate(steps, 1):
            held = {"BTC": held["BTC"] + btc, "HUF": held["HUF"] + cash}
            mark = marks(price)
            profit.mark(n * 10, mark)
            profit.advance(period((fill(str(n), n * 10 - 3, btc, cash),), **held))
        worth = held["BTC"] * mark["BTC"] + held["HUF"] * mark["HUF"] - 1000 * D(50_000)
        self.assertAlmostEqual(sum(profit.totals.values()), worth, delta=D("1e-8") * len(PARTS) * len(steps))
