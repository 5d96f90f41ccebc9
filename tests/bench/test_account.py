"""The arena's money: exact, and every part of the profit accounted for."""

from decimal import Decimal, localcontext

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from bench.arena.account import Account, Arrival, Overdrawn
from model.money import EXACT
from model.order import Side
from optimizer.evaluate import Plan
from tests.bench.tiny import market

D = Decimal

AMOUNTS = st.decimals("-0.4", "0.4", places=5)
CASH = st.decimals("0", "20000", places=2)
STEPS = st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, CASH, CASH), min_size=1, max_size=8)
MIDS = st.lists(st.integers(20_000, 60_000), min_size=8, max_size=8)
RATES = st.lists(st.decimals("1.2", "2", places=5).map(str), min_size=8, max_size=8)


class AccountTests(SynchronousTestCase):
    """What changes do to the balances and to the parts."""

    def test_begins_with_equal_worths(self) -> None:
        """Each of the four balances is worth 100,000 source currency, and nothing is earned yet."""
        account = Account(market())
        self.assertEqual((D(100_000), D("2.5"), D(62_500), D("2.5")), tuple(_four(account)))
        self.assertEqual(D(0), account.pnl(0))

    def test_fill_by_hand(self) -> None:
        """Selling 0.1 BTC 400 pounds above fair: an edge of 64 USD, less 0.1 % of 2,540 pounds."""
        account = Account(market())
        account.fill(0, Side.SELL, D("0.1"), D(25_400))
        self.assertEqual(D("64"), account.parts.edge)
        self.assertEqual(D("4.064"), account.parts.target_fee)
        self.assertEqual(D("59.936"), account.pnl(0))

    def test_trade_by_hand(self) -> None:
        """Buying 1.5 BTC takes one level and half of the next."""
        account = Account(market())
        account.there = account.there.plus(source_cash=D(100_000))
        account.do(0, Plan(trade=D("1.5")))
        self.assertEqual(D(80), account.parts.slippage)
        self.assertEqual(D("60080") * D("0.0026"), account.parts.source_fee)
        self.assertEqual(D("4.0"), account.there.source_btc)

    def test_coins_are_on_the_way_and_then_there(self) -> None:
        """The network's fee is gone at once, the rest arrives two minutes later."""
        account = Account(market())
        account.do(0, Plan(btc=D(1)))
        self.assertEqual((Arrival(2, "target", True, D("0.9995")),), account.on_the_way)
        self.assertEqual([False, False, True], [account.land(minute) for minute in range(3)])
        self.assertEqual(D("3.4995"), account.there.target_btc)
        self.assertEqual(D(20), account.parts.transfers)

    def test_the_bank_counts_its_own_hours(self) -> None:
        """Three minutes of bank time that begin before a weekend end after it."""
        account = Account(market(is_open=(True, True, False, False, False, False, True, True, True, True)))
        account.do(0, Plan(cash_out=D(1625)))
        self.assertEqual((Arrival(7, "target", False, D("997.96")),), account.on_the_way)

    def test_nothing_is_spent_twice(self) -> None:
        """Sending more than there is is a mistake, not a debt."""
        account = Account(market())
        self.assertRaises(Overdrawn, account.do, 0, Plan(btc=D("2.6")))

    @given(STEPS, MIDS, RATES)
    @settings(max_examples=60, deadline=None)
    def test_the_parts_add_up(self, steps: list[tuple[Decimal, ...]], mids: list[int], rates: list[str]) -> None:
        """Whatever is done, and whatever the prices do, the parts explain the profit to the last digit."""
        account = Account(market(mids=tuple(mids), rates=tuple(rates)))
        for minute, (trade, btc, fill, out, back) in enumerate(steps):
            account.land(minute)
            try:
                account.do(minute, Plan(trade=trade, btc=btc, cash_out=out, cash_back=back if not out else D(0)))
                account.fill(minute, Side.BUY if fill > 0 else Side.SELL, abs(fill), D(25_000))
            except Overdrawn:
                break
        last = len(mids) - 1
        account.revalue(last)
        with localcontext(EXACT):
            self.assertEqual(account.pnl(last), account.parts.pnl)


def _four(account: Account) -> tuple[Decimal, ...]:
    there = account.there
    return there.source_cash, there.source_btc, there.target_cash, there.target_btc
