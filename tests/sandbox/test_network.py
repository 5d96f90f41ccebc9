"""Money between venues: arrival, costs, states, and that nothing is ever lost."""

import contextlib
from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sandbox.network import Routes, World
from sandbox.rates import Rates
from sandbox.trading import Reason, VenueRefused, WithdrawalState
from sandbox.venue import Venue
from tests.sandbox.worlds import D, WallClock, kraken_rules, sputnik_rules


class NetworkCase(SynchronousTestCase):
    """Two venues, a network and a bank; the pool has money at both."""

    def setUp(self) -> None:
        self.build()

    def build(self, routes: Routes | None = None, *, returns_fee: bool = True) -> None:
        now = WallClock()
        self.source, self.target = (
            Venue("kraken", kraken_rules(returns_fee=returns_fee), now),
            Venue("sputnik", sputnik_rules(), now),
        )
        self.clock = Clock()
        rates = Rates({"USD": D("1.08"), "HUF": D(400)}, Random(1))
        routes = routes or Routes(fiat_fixed=D(5), fiat_share=D("0.001"))
        self.world = World([self.source, self.target], self.clock, rates, routes)
        for venue, ticker, amount in (("kraken", "USD", 10_000), ("kraken", "BTC", 2), ("sputnik", "HUF", 4_000_000)):
            self.world.venues[venue].accounts.open("pool")
            self.world.fund(venue, "pool", ticker, D(amount))

    def assertConserved(self) -> None:
        self.assertEqual(set(self.world.totals().values()), {D(0)})

    def pass_time(self, seconds: float) -> None:
        # One by one, as the world's clock does: what is scheduled while it passes must find its time.
        for _ in range(int(seconds) // 5):
            self.clock.advance(5)
            self.assertConserved()


class Coins(NetworkCase):
    """The coin network."""

    def test_arrives(self) -> None:
        """Pending, sent, done; less the fee; with one transaction id at both ends."""
        address = self.target.funding.current_address("pool", "BTC")
        withdrawal = self.source.funding.withdraw("pool", "BTC", D(1), address)
        states = [withdrawal.state]
        for seconds in (10, 600):
            self.pass_time(seconds)
            states.append(self.source.funding.withdrawals[withdrawal.id].state)
        self.assertEqual(states, [WithdrawalState.PENDING, WithdrawalState.SENT, WithdrawalState.DONE])
        self.assertEqual(self.target.accounts.balance("pool", "BTC"), D("0.9999"))
        sent = self.source.funding.withdrawals[withdrawal.id]
        self.assertEqual(self.target.funding.deposits[-1].transaction_id, sent.transaction_id)

    def test_old_address(self) -> None:
        """Coins sent to an address that was replaced still arrive."""
        old = self.target.funding.current_address("pool", "BTC")
        self.assertNotEqual(self.target.funding.new_address("pool", "BTC"), old)
        self.source.funding.withdraw("pool", "BTC", D(1), old)
        self.pass_time(700)
        self.assertEqual(self.target.accounts.balance("pool", "BTC"), D("0.9999"))

    def test_outside(self) -> None:
        """An address that nobody here knows takes the coins out of this world."""
        self.source.funding.withdraw("pool", "BTC", D(1), "1BoatSLRHtKNngkdXEeobR76b53LETtpyT")
        self.pass_time(700)
        self.assertEqual(self.world.truth()["outside"]["BTC"], D(-2) + D("0.9999"))

    def test_wrong_network(self) -> None:
        """Dollars sent to a coin address do not become coins."""
        self.source.funding.withdraw("pool", "USD", D(100), self.target.funding.current_address("pool", "BTC"))
        self.pass_time(4000)
        self.assertEqual(self.target.accounts.balance("pool", "BTC"), 0)


class Bank(NetworkCase):
    """Transfers that change the currency."""

    def test_dollars_to_forints(self) -> None:
        """The middle rate, less the share and the fixed cost, in whole fillers."""
        self.source.funding.withdraw("pool", "USD", D(1000), self.target.funding.current_address("pool", "HUF"))
        self.pass_time(3700)
        self.assertEqual(self.target.accounts.balance("pool", "HUF") - 4_000_000, D("368148.14"))

    def test_forints_to_dollars(self) -> None:
        """The same the other way; what is left over stays at the bank."""
        self.target.funding.withdraw("pool", "HUF", D(400_000), self.source.funding.current_address("pool", "USD"))
        self.pass_time(3700)
        self.assertEqual(self.source.accounts.balance("pool", "USD") - 10_000, D("1073.92"))

    def test_too_little(self) -> None:
        """A transfer that does not pay its cost brings nothing, and is in the bank's books."""
        self.source.funding.withdraw("pool", "USD", D(4), self.target.funding.current_address("pool", "HUF"))
        self.pass_time(3700)
        self.assertEqual(self.world.truth()["bank"]["USD"], D(4))


class People(NetworkCase):
    """Withdrawals that wait for a person."""

    def setUp(self) -> None:
        self.build(Routes(approval=None))
        self.address = self.target.funding.current_address("pool", "BTC")

    def test_waits(self) -> None:
        """Nothing moves until it is approved, and it can be approved once."""
        withdrawal = self.source.funding.withdraw("pool", "BTC", D(1), self.address)
        self.pass_time(1000)
        self.assertIs(self.source.funding.withdrawals[withdrawal.id].state, WithdrawalState.PENDING)
        self.world.approve("kraken", withdrawal.id)
        error = self.assertRaises(VenueRefused, self.world.approve, "kraken", withdrawal.id)
        self.assertIs(error.reason, Reason.WITHDRAWAL)
        self.pass_time(700)
        self.assertEqual(self.target.accounts.balance("pool", "BTC"), D("0.9999"))

    def test_cancelled(self) -> None:
        """It comes back as a Transfer, with its fee where the rules say so; then it cannot be approved."""
        withdrawal = self.source.funding.withdraw("pool", "BTC", D(1), self.address)
        self.source.funding.cancel(withdrawal.id)
        last = self.source.postings("pool")[-1]
        self.assertEqual((last.kind, last.change, self.source.accounts.balance("pool", "BTC")), ("Transfer", D(1), D(2)))
        self.assertRaises(VenueRefused, self.world.approve, "kraken", withdrawal.id)
        self.assertConserved()

    def test_fee_kept(self) -> None:
        """A venue that keeps the fee of a cancelled withdrawal keeps it."""
        self.build(Routes(approval=None), returns_fee=False)
        withdrawal = self.source.funding.withdraw("pool", "BTC", D(1), self.target.funding.current_address("pool", "BTC"))
        self.source.funding.cancel(withdrawal.id)
        self.assertEqual(self.source.accounts.balance("pool", "BTC"), D("1.9999"))
        self.assertConserved()


MOVE = st.tuples(
    st.sampled_from(["kraken BTC", "kraken USD", "sputnik HUF", "sputnik BTC"]), st.integers(1, 10**6), st.integers(0, 900)
)


class Conserved(NetworkCase):
    """Any number of transfers."""

    @settings(max_examples=25, deadline=None)
    @given(st.lists(MOVE, max_size=12))
    def test_nothing_is_lost(self, moves: list[tuple[str, int, int]]) -> None:
        """At every moment everything that exists is somewhere; in the end nothing is on its way."""
        self.build()
        for where, amount, seconds in moves:
            name, ticker = where.split()
            other = self.target if name == "kraken" else self.source
            to = "BTC" if ticker == "BTC" else {"USD": "HUF", "HUF": "USD"}[ticker]
            address = other.funding.current_address("pool", to)
            with contextlib.suppress(VenueRefused):
                self.world.venues[name].funding.withdraw("pool", ticker, Decimal(amount) / 100, address)
            self.pass_time(seconds)
        self.pass_time(4000)
        self.assertEqual([transit for transit in self.world.transits.values() if not transit.is_done], [])
