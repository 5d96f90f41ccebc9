"""Matching, money and holds of the venue model."""

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from model.order import Side
from sandbox import venue as venue_module
from sandbox.accounts import FEES
from sandbox.events import BookChanged, Change, Event, Matched, OrderChanged
from sandbox.trading import FeeSchedule, Reason, VenueRefused
from sandbox.venue import Venue
from tests.sandbox.worlds import WallClock, kraken_rules, kraken_venue, sputnik_rules

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
CONTRACT = "BTC/USD"


class PlaceAndMatch(SynchronousTestCase):
    """Price-time priority at the passive price."""

    def setUp(self) -> None:
        self.venue = kraken_venue()
        self.events: list[Event] = []
        self.venue.listen(self.events.append)

    def place(self, user: str, side: Side, quantity: str, price: str | None = None, **options: Any) -> Any:
        return self.venue.place(user, CONTRACT, side, D(quantity), None if price is None else D(price), **options)

    def refusal(self, *args: Any, **options: Any) -> Reason:
        error: VenueRefused = self.assertRaises(VenueRefused, self.place, *args, **options)
        return error.reason

    def test_passive_price(self) -> None:
        """An aggressor trades at the older order's price, and both pay their own fee in quote."""
        self.place("alice", SELL, "1", "50000")
        taken = self.place("bob", BUY, "0.4", "51000")
        self.assertEqual((taken.cost, taken.fee, taken.is_open), (D(20000), D(52), False))
        self.assertEqual(self.venue.accounts.balance("bob", "USD"), D(100_000) - 20_000 - 52)
        self.assertEqual(self.venue.accounts.balance("alice", "USD"), D(100_000) + 20_000 - 32)
        self.assertEqual(self.venue.accounts.balance(FEES, "USD"), D(84))
        self.assertEqual(self.venue.accounts.held("alice", "BTC"), D("0.6"))

    def test_amended(self) -> None:
        """Less at the same price keeps the place in the queue, more loses it; holds, id and book follow."""
        self.venue.accounts.open("carol")
        self.venue.accounts.post("carol", "USD", D(100_000), "Deposit")
        first, second = self.place("alice", SELL, "1", "50000"), self.place("bob", SELL, "1", "50000")
        self.venue.amend("alice", first.id, D("0.5"), D(50_000))
        self.assertEqual(self.venue.accounts.held("alice", "BTC"), D("0.5"))
        self.place("carol", BUY, "0.3", "50000")
        self.assertEqual(self.venue.order("alice", first.id).filled, D("0.3"))
        after = self.venue.amend("alice", first.id, D("0.6"), D(50_000))
        self.assertEqual((after.id, after.quantity_left, after.filled), (first.id, D("0.3"), D("0.3")))
        self.place("carol", BUY, "0.4", "50000")
        self.assertEqual(self.venue.order("bob", second.id).filled, D("0.4"))
        self.venue.amend("alice", first.id, D("0.6"), D(50_100))
        self.assertEqual([tuple(level) for level in self.venue.levels(CONTRACT, SELL)], [(50_000, D("0.6")), (50_100, D("0.3"))])
        self.assertEqual([e.change for e in self.events if isinstance(e, OrderChanged)].count(Change.AMENDED), 3)

    def test_amends_that_are_refused(self) -> None:
        """Crossing, without the funds, below the minimum, of what is over: the order is as it was, and so is what it holds."""
        self.place("alice", SELL, "1", "50000")
        bid = self.place("bob", BUY, "1", "49000")
        held = self.venue.accounts.held("bob", "USD")
        for quantity, price, reason in (
            ("1", "50000", Reason.WOULD_CROSS),
            ("90", "49000", Reason.FUNDS),
            ("0.00001", "49000", Reason.MINIMUM),
        ):
            error = self.assertRaises(VenueRefused, self.venue.amend, "bob", bid.id, D(quantity), D(price), post_only=True)
            self.assertIs(error.reason, reason)
        self.assertEqual((self.venue.order("bob", bid.id), self.venue.accounts.held("bob", "USD")), (bid, held))
        self.venue.cancel("bob", bid.id)
        error = self.assertRaises(VenueRefused, self.venue.amend, "bob", bid.id, D(1), D(49_000))
        self.assertIs(error.reason, Reason.CLOSED)

    def test_amended_below_what_has_filled(self) -> None:
        """The rest is cancelled and nothing stays held."""
        order = self.place("alice", SELL, "1", "50000")
        self.place("bob", BUY, "0.4", "50000")
        after = self.venue.amend("alice", order.id, D("0.3"), D(50_000))
        self.assertEqual((after.is_cancelled, after.filled, self.venue.accounts.held("alice", "BTC")), (True, D("0.4"), 0))

    def test_amended_into_the_market(self) -> None:
        """Not post-only it trades, at the passive price, as a new order would."""
        self.place("alice", SELL, "0.4", "50000")
        order = self.place("bob", BUY, "1", "49000")
        after = self.venue.amend("bob", order.id, D(1), D(50_500))
        self.assertEqual((after.cost, after.quantity_left), (D(20_000), D("0.6")))
        self.assertEqual(self.venue.best(CONTRACT, BUY), (D(50_500), D("0.6")))

    def test_priority(self) -> None:
        """The better price first, then the older order; a reduced order keeps its place."""
        late = self.place("alice", SELL, "1", "50001")
        first = self.place("alice", SELL, "1", "50000")
        second = self.place("alice", SELL, "1", "50000")
        self.place("bob", BUY, "0.5", "50001")
        self.place("bob", BUY, "1", "50001")
        left = [self.venue.order("alice", order.id).quantity_left for order in (first, second, late)]
        self.assertEqual(left, [D(0), D("0.5"), D(1)])

    def test_order_of_events(self) -> None:
        """New, then book and match for each match, then the book with the rest."""
        self.place("alice", SELL, "0.1", "50000")
        self.events.clear()
        self.place("bob", BUY, "0.3", "50000")
        self.assertEqual([type(event) for event in self.events], [OrderChanged, BookChanged, Matched, BookChanged])

    def test_immediate(self) -> None:
        """What an immediate order does not trade at once is cancelled, not queued."""
        self.place("alice", SELL, "0.1", "50000")
        order = self.place("bob", BUY, "0.3", "50000", immediate=True)
        self.assertTrue(order.is_cancelled)
        self.assertEqual(order.filled, D("0.1"))
        self.assertEqual(self.venue.levels(CONTRACT, BUY), [])
        self.assertEqual(self.venue.accounts.held("bob", "USD"), 0)

    def test_market(self) -> None:
        """A market order walks the book; it is refused when what it would cost is not there."""
        self.place("alice", SELL, "1", "50000")
        self.place("alice", SELL, "1", "60000")
        self.assertEqual(self.refusal("bob", BUY, "2"), Reason.FUNDS)
        self.assertEqual(self.place("bob", BUY, "1.5").cost, D(80_000))

    def test_post_only(self) -> None:
        """A post-only order that would trade is refused and holds nothing."""
        self.place("alice", SELL, "1", "50000")
        self.assertEqual(self.refusal("bob", BUY, "1", "50000", post_only=True), Reason.WOULD_CROSS)
        self.assertEqual(self.venue.accounts.held("bob", "USD"), 0)
        self.assertTrue(self.place("bob", BUY, "1", "49999.9", post_only=True).is_open)

    def test_post_only_cancelled(self) -> None:
        """Where the venue cancels instead of refusing, nothing trades, nothing rests and nothing is held."""
        venue = Venue("kraken", kraken_rules(cancels_crossing=True), WallClock())
        for user in ("alice", "bob"):
            venue.accounts.open(user)
            venue.accounts.post(user, "USD", D(100_000), "Deposit")
        venue.accounts.post("alice", "BTC", D(1), "Deposit")
        venue.place("alice", CONTRACT, SELL, D(1), D(50_000))
        order = venue.place("bob", CONTRACT, BUY, D(1), D(50_000), post_only=True)
        self.assertEqual((order.is_cancelled, order.filled, order.reason), (True, D(0), "Post only order"))
        self.assertEqual((venue.levels(CONTRACT, BUY), venue.accounts.held("bob", "USD")), ([], D(0)))

    def test_self_trade(self) -> None:
        """Kraken-like: the newer order is cancelled when it meets one's own; Sputnik-like: they trade and pay twice."""
        self.place("alice", SELL, "1", "50000")
        self.assertEqual(self.place("alice", BUY, "1", "50000").reason, "Self trade prevention")
        sputnik = Venue("sputnik", sputnik_rules(), WallClock())
        sputnik.accounts.open("pool")
        sputnik.accounts.post("pool", "HUF", D(30_000_000), "Deposit")
        sputnik.accounts.post("pool", "BTC", D(1), "Deposit")
        sputnik.place("pool", "BTC/HUF", SELL, D("0.1"), D(24_000_000))
        sputnik.place("pool", "BTC/HUF", BUY, D("0.1"), D(24_000_000))
        self.assertEqual(sputnik.accounts.balance("pool", "HUF"), D(30_000_000) - 4_800)

    def test_refusals(self) -> None:
        """Steps, minimums, funds and unknown names are refused with their own reason."""
        for reason, arguments in {
            Reason.PRICE: ("alice", BUY, "1", "50000.05"),
            Reason.SIZE: ("alice", BUY, "0.000000001", "50000"),
            Reason.MINIMUM: ("alice", BUY, "0.00009", "50000"),
            Reason.FUNDS: ("alice", SELL, "10.1", "50000"),
            Reason.USER: ("carol", SELL, "1", "50000"),
        }.items():
            self.assertEqual(self.refusal(*arguments), reason)

    def test_client_id(self) -> None:
        """A client id names one open order at a time, and comes back on the fill."""
        order = self.place("alice", SELL, "1", "50000", client_id="ilp-1")
        self.assertEqual(self.refusal("alice", SELL, "1", "50000", client_id="ilp-1"), Reason.CLIENT_ID)
        self.assertEqual(self.venue.by_client_id("alice", "ilp-1"), order)
        self.place("bob", BUY, "1", "50000")
        self.assertEqual(self.venue.fills("alice")[0].client_id, "ilp-1")

    def test_cancel(self) -> None:
        """A cancel releases the hold, once; unknown, foreign and closed orders are told apart."""
        order = self.place("alice", BUY, "1", "50000")
        self.assertEqual(self.venue.accounts.held("alice", "USD"), D(50_130))
        cancelled = self.venue.cancel("alice", order.id)
        self.assertEqual((cancelled.is_cancelled, self.venue.accounts.held("alice", "USD")), (True, D(0)))
        self.assertEqual(self.events[-1], OrderChanged(cancelled, Change.CANCELLED))
        for user, order_id, reason in (
            ("alice", order.id, Reason.CLOSED),
            ("bob", order.id, Reason.NOT_YOURS),
            ("bob", 99, Reason.UNKNOWN_ORDER),
        ):
            error = self.assertRaises(VenueRefused, self.venue.cancel, user, order_id)
            self.assertEqual(error.reason, reason)

    def test_take(self) -> None:
        """An order trades at its price though a better one stands before it; a share, then the rest, then no more."""
        self.place("bob", SELL, "1", "49990")
        order = self.place("alice", SELL, "1", "50000")
        left = [self.venue.take("bob", order.id, D(share)).quantity_left for share in ("0.25", "1")]
        self.assertEqual(left, [D("0.75"), D(0)])
        self.assertEqual([(fill.price, fill.is_maker) for fill in self.venue.fills("alice")], [(D(50000), True)] * 2)
        self.assertEqual([order.user for order in self.venue.open_orders("bob")], ["bob"])
        error = self.assertRaises(VenueRefused, self.venue.take, "bob", order.id, D(1))
        self.assertEqual(error.reason, Reason.CLOSED)

    def test_filled_while_it_is_cancelled(self) -> None:
        """Whoever hears of a cancel may be faster: what is left is cancelled, or nothing is left to cancel."""
        order = self.place("alice", SELL, "1", "50000")
        self.venue.cancelling = lambda order: self.venue.take("bob", order.id, D("0.5"))
        cancelled = self.venue.cancel("alice", order.id)
        self.assertEqual((cancelled.is_cancelled, cancelled.filled), (True, D("0.5")))
        order = self.place("alice", SELL, "1", "50000")
        self.venue.cancelling = lambda order: self.venue.take("bob", order.id, D(1))
        error = self.assertRaises(VenueRefused, self.venue.cancel, "alice", order.id)
        self.assertEqual(error.reason, Reason.CLOSED)

    def test_closed_orders_are_bounded(self) -> None:
        """Old cancelled orders are forgotten; those that traded are not, since their fills are still told."""
        self.patch(venue_module, "_CLOSED_KEPT", 2)
        self.place("alice", SELL, "0.1", "50000")
        traded = self.place("bob", BUY, "0.1", "50000")
        cancelled = [self.venue.cancel("bob", self.place("bob", BUY, "0.1", "40000").id) for _ in range(5)]
        self.assertEqual(self.venue.closed_orders("bob"), cancelled[-2:])
        self.assertEqual(self.venue.order("bob", traded.id), traded)
        error = self.assertRaises(VenueRefused, self.venue.order, "bob", cancelled[0].id)
        self.assertEqual(error.reason, Reason.UNKNOWN_ORDER)

    def test_together(self) -> None:
        """Book changes made together are told as one, with the levels as they end up."""
        with self.venue.together():
            self.place("alice", SELL, "1", "50000")
            self.place("alice", SELL, "2", "50000")
            self.place("alice", SELL, "1", "50010")
        (change,) = (event for event in self.events if isinstance(event, BookChanged))
        self.assertEqual([(level.price, level.quantity) for level in change.levels], [(D(50000), D(3)), (D(50010), D(1))])


class SputnikHolds(SynchronousTestCase):
    """Reservations as protocol section 9 has them."""

    def test_exactly_enough(self) -> None:
        """Cost and fee of the whole may equal the balance, to the filler; one lot more is refused."""
        venue = Venue("sputnik", sputnik_rules(), WallClock())
        venue.accounts.open("pool")
        venue.accounts.post("pool", "HUF", D("2402400"), "Deposit")
        refused = self.assertRaises(VenueRefused, venue.place, "pool", "BTC/HUF", BUY, D("0.1001"), D(24_000_000))
        self.assertEqual(refused.reason, Reason.FUNDS)
        venue.place("pool", "BTC/HUF", BUY, D("0.1"), D(24_000_000))
        self.assertEqual(venue.accounts.available("pool", "HUF"), 0)


class Fees(SynchronousTestCase):
    """Fee rounding."""

    def test_documented_vector(self) -> None:
        """The worked example of the Sputnik server: 100 bps of 6729.70 HUF are 67.29 HUF."""
        self.assertEqual(FeeSchedule(D("0.01"), D("0.01"), D("0.01")).fee(D("6729.70"), is_maker=True), D("67.29"))

    @given(st.lists(st.decimals(min_value="0.00001", max_value=1000, places=9), min_size=1, max_size=20))
    def test_parts_never_exceed_the_reserve(self, values: list[Decimal]) -> None:
        """However an order is split into fills, its fees stay within what was held for the whole."""
        fees = FeeSchedule(D("0.0016"), D("0.0026"))
        self.assertLessEqual(sum(fees.fee(value, is_maker=False) for value in values), fees.reserve(sum(values, D(0))))


ACTION = st.tuples(
    st.sampled_from(["alice", "bob", "carol"]),
    st.sampled_from(["limit", "limit", "limit", "market", "immediate", "post", "cancel"]),
    st.sampled_from(Side),
    st.integers(1, 300_000_000),
    st.integers(499_900, 500_100),
)


class Conservation(SynchronousTestCase):
    """Whatever happens, money is neither made nor lost."""

    @settings(max_examples=60, deadline=None)
    @given(st.lists(ACTION, max_size=40), st.booleans())
    def test_random_orders(self, actions: list[tuple[str, str, Side, int, int]], holds_original: bool) -> None:
        """Totals stay what they were, nobody's balance turns negative, holds vanish with the orders, no book crosses."""
        venue = Venue("any", kraken_rules(holds_original=holds_original, self_trades=holds_original), WallClock())
        for user in ("alice", "bob", "carol"):
            venue.accounts.open(user)
            venue.accounts.post(user, "USD", D(100_000), "Deposit")
            venue.accounts.post(user, "BTC", D(2), "Deposit")
        for action in actions:
            self._act(venue, *action)
            self.assertEqual(venue.accounts.totals(), {"USD": D(300_000), "BTC": D(6)})
            bid, ask = venue.best(CONTRACT, BUY), venue.best(CONTRACT, SELL)
            self.assertTrue(bid is None or ask is None or bid.price < ask.price)
        venue.cancel_all()
        for user in ("alice", "bob", "carol"):
            for ticker in ("USD", "BTC"):
                self.assertEqual(venue.accounts.held(user, ticker), 0)
                self.assertGreaterEqual(venue.accounts.balance(user, ticker), 0)
                self.assertEqual(
                    sum(p.change - p.fee for p in venue.postings(user) if p.ticker == ticker),
                    venue.accounts.balance(user, ticker),
                )

    def _act(self, venue: Venue, user: str, kind: str, side: Side, quantity: int, price: int) -> None:
        try:
            if kind == "cancel":
                orders = venue.open_orders(user)
                if orders:
                    venue.cancel(user, orders[quantity % len(orders)].id)
                return
            limit = None if kind == "market" else D(price) / 10
            venue.place(
                user,
                CONTRACT,
                side,
                D(quantity) / 10**8,
                limit,
                post_only=kind == "post",
                immediate=kind == "immediate",
            )
        except VenueRefused:
            return
