"""Obligations: traded exactly once, pursued, never forgotten."""

from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import OutcomeUnknown, Reason, Refused
from execution import hedges
from execution.hedges import DECISION, LIMIT, STEPS, Hedges
from execution.intents import Names
from execution.rate_budget import RateBudget
from ledger.interface import LedgerError
from market.feed import VenueFeed
from model.book import Book, Level
from model.decision import Trade
from model.instrument import Instrument
from model.order import Side
from tests.execution.support import Surroundings, fill_shape

D = Decimal


class HedgesTests(SynchronousTestCase):
    """One obligation, with every kind of luck."""

    def setUp(self) -> None:
        self.s = Surroundings("source")
        self.feed = VenueFeed("source", self.s.venue, "BTC/USD", self.s.clock, self.s.now)
        self.feed.instrument = self.s.venue.instruments["BTC/USD"]
        self.feed.book = Book("BTC/USD", (Level(D(60000), D(5)),), (Level(D(60010), D(5)),), self.s.now())
        names = Names("ilp", self.s.now)
        self.hedges = Hedges(self.s.desk, self.feed, self.s.ledger, names, self.s.clock, self.s.now, lambda: D("0.01"), 5.0)  # type: ignore[arg-type]
        self.over: list[bool] = []
        self.told: list[str] = []
        self.hedges.done = lambda: self.over.append(True)
        self.hedges.escalated = self.told.append
        self.s.desk.changed = self.hedges.moved
        self.s.desk.filled_one = lambda *_: self.hedges.filled()

    def cover(self, quantity: str = "0.5", reason: str = DECISION) -> None:
        self.assertTrue(self.hedges.cover(Trade(Side.SELL, D(quantity), D(60000)), reason))

    def placed(self) -> list[tuple[Decimal, Decimal, str]]:
        return [(call[2], call[3], call[4]) for call in self.s.venue.calls if call[0] == "place"]

    def fill(self, id: str, order: str, quantity: str) -> None:
        shape = fill_shape(id, order, quantity, contract="BTC/USD", side="SELL", fees={})
        self.s.venue.emit("trade", self.s.venue, shape)

    def over_at_venue(self, order: str, left: str, quantity: str) -> None:
        more: dict[str, Any] = {"contract": "BTC/USD", "side": "SELL", "quantity": D(quantity)}
        self.s.venue.tell_order(order, left, True, **more)

    def test_durable_before_it_is_sent(self) -> None:
        """The obligation is on disk before its order is."""
        self.cover()
        self.assertEqual([what for what, _ in self.s.ledger.written], ["obligation", "intend"])

    def test_fills_name_what_covers_them(self) -> None:
        """Each fill of a quote is covered by the next obligation, and by no later one; only the newest are kept."""
        self.hedges.because("T1", "d1")
        self.hedges.because("T2", "d1")
        self.cover()
        first = self.hedges.obligation
        assert first is not None
        self.assertEqual(self.hedges.covered, {"T1": first.id, "T2": first.id})
        self.s.venue.placing[0].callback("1")
        self.fill("H1", "1", "0.5")
        self.over_at_venue("1", "0", "0.5")
        self.s.clock.advance(1)
        self.hedges.because("T3", "d2")
        self.patch(hedges, "MOST_COVERED", 2)
        self.cover()
        second = self.hedges.obligation
        assert second is not None
        self.assertEqual(self.hedges.covered, {"T2": first.id, "T3": second.id})

    def test_nothing_is_sent_without_its_obligation(self) -> None:
        """The order is written right behind its obligation; if that cannot be written, nothing is sent and nothing is open."""
        writing: Deferred[None] = Deferred()
        self.patch(self.s.ledger, "save_obligation", lambda _obligation: writing)
        self.cover()
        self.assertEqual(([what for what, _ in self.s.ledger.written], self.placed()), (["intend"], []))
        writing.errback(LedgerError("disk full"))
        self.s.clock.advance(1)
        self.assertEqual((self.placed(), self.hedges.is_busy), ([], False))
        self.assertEqual([str(error) for error in self.s.ledger_errors], ["disk full"])

    def test_done_at_once(self) -> None:
        """Filled whole: done, remembered as done, and there is room for the next."""
        self.cover()
        self.s.venue.placing[0].callback("1")
        self.fill("t1", "1", "0.5")
        self.s.clock.advance(1)
        self.assertEqual((self.hedges.is_busy, self.over), (False, [True]))
        (saved,) = self.s.ledger.saved["obligation"].values()
        self.assertEqual((saved.state, saved.done), ("done", D("-0.5")))

    def test_counted_while_in_flight(self) -> None:
        """What is still to be traded counts, fill by fill, and a second one is not opened beside it."""
        self.cover()
        self.s.venue.placing[0].callback("1")
        self.fill("t1", "1", "0.2")
        self.assertEqual(self.hedges.left, D("-0.3"))
        self.assertFalse(self.hedges.cover(Trade(Side.SELL, D(1), D(60000)), LIMIT))

    def test_a_decisions_rest_goes_back_to_the_next_decision(self) -> None:
        """Partly filled and cancelled: the rest is released, as exposure that the next decision sees."""
        self.cover()
        self.s.venue.placing[0].callback("1")
        self.fill("t1", "1", "0.2")
        self.over_at_venue("1", "0.3", "0.5")
        self.s.clock.advance(1)
        (saved,) = self.s.ledger.saved["obligation"].values()
        self.assertEqual((saved.state, saved.done, self.over), ("released", D("-0.2"), [True]))

    def test_a_limits_rest_is_pursued_by_steps(self) -> None:
        """What a limit demands is tried again at worse prices, inside max_slippage."""
        self.cover(reason=LIMIT)
        for attempt in range(STEPS):
            self.s.venue.placing[attempt].callback(str(attempt))
            self.over_at_venue(str(attempt), "0.5", "0.5")
            self.s.clock.advance(0.5)
        prices = [price for _quantity, price, _side in self.placed()]
        self.assertEqual(prices[:4], [D(60000), D(59850), D(59700), D(59550)])
        self.assertEqual(self.told, [f"hedge of -0.5 BTC still open after {STEPS} orders: no taker in range"])
        self.s.clock.advance(1)
        self.assertEqual(len(self.placed()), STEPS + 1)
        self.assertTrue(all(price >= D(59400) for _q, price, _s in self.placed()))

    def go_wrong(self, times: int, first: int = 0) -> None:
        """So many orders in a row find nobody."""
        for attempt in range(first, first + times):
            self.s.venue.placing[attempt].callback(f"f{attempt}")
            self.over_at_venue(f"f{attempt}", "0.5", "0.5")
            self.s.clock.pump([0.5] * 20)

    def test_escalated_is_durable_and_a_person_re_arms_it(self) -> None:
        """Escalated on disk and told once; a person's word ends the trouble, and as many failures again bring it back."""
        self.cover(reason=LIMIT)
        self.go_wrong(STEPS + 1)
        (saved,) = self.s.ledger.saved["obligation"].values()
        self.assertEqual((saved.state, len(self.told), bool(self.hedges.trouble)), ("escalated", 1, True))
        self.hedges.rearm()
        self.assertEqual((self.hedges.trouble, self.hedges.is_busy), ("", True))
        self.s.clock.pump([1] * 400)
        self.go_wrong(1, STEPS + 1)
        self.assertEqual(len(self.told), 1)
        for attempt in range(STEPS + 2, 2 * STEPS + 1):
            self.s.clock.pump([1] * 70)
            self.go_wrong(1, attempt)
        self.assertEqual(len(self.told), 2)

    def test_a_rest_below_the_minimum_is_carried(self) -> None:
        """What is too small for the venue is released, exactly: it stays in the balances, where the next decision sees it."""
        self.feed.instrument = Instrument("BTC/USD", D("0.1"), D("0.01"), D("0.1"))
        self.cover("0.5", reason=LIMIT)
        self.s.venue.placing[0].callback("1")
        self.fill("t1", "1", "0.45")
        self.over_at_venue("1", "0.05", "0.5")
        self.s.clock.advance(1)
        (saved,) = self.s.ledger.saved["obligation"].values()
        self.assertEqual((saved.state, saved.done, saved.left), ("released", D("-0.45"), D("-0.05")))
        self.assertEqual((self.s.books.balance("source", "BTC"), self.hedges.left), (D("-0.45"), D(0)))

    def test_without_budget_it_waits_and_is_made(self) -> None:
        """The budget is empty: the obligation stands, and its order goes out as soon as there is one again."""
        budget = RateBudget(60, self.s.now)
        while budget.take():
            pass
        self.hedges._may_send = budget.take
        self.cover(reason=LIMIT)
        self.assertEqual((self.placed(), self.hedges.left), ([], D("-0.5")))
        self.s.clock.advance(1.1)
        self.assertEqual(len(self.placed()), 1)

    def test_a_refused_hedge_is_tried_again(self) -> None:
        """Refused for funds now, done a moment later (hummingbot #3833, b3)."""
        self.cover(reason=LIMIT)
        self.s.venue.placing[0].errback(Refused("venue", "placeOrder", "no funds", Reason.FUNDS))
        self.s.clock.pump([0.1] * 15)
        self.s.venue.placing[1].callback("2")
        self.fill("t1", "2", "0.5")
        self.s.clock.advance(1)
        self.assertEqual(self.over, [True])

    def test_a_venue_that_refuses_is_not_hammered(self) -> None:
        """Refused and given back to the next decision, which asks at once: it waits, longer each time."""
        for pause in (1, 2, 4):
            self.cover()
            self.s.venue.placing[-1].errback(Refused("venue", "placeOrder", "no funds", Reason.FUNDS))
            self.s.clock.advance(0)
            self.s.clock.advance(0)
            self.assertFalse(self.hedges.is_busy)
            self.assertFalse(self.hedges.cover(Trade(Side.SELL, D(1), D(60000)), DECISION))
            self.s.clock.advance(pause)
        self.cover()

    def test_an_unknown_hedge_is_never_sent_twice(self) -> None:
        """The request timed out and was carried out: found, counted, done; one order in all."""
        self.cover()
        self.s.venue.placing[0].errback(OutcomeUnknown("venue", "placeOrder", "timed out"))
        self.assertEqual(self.hedges.left, D("-0.5"))
        client_id = self.s.venue.calls[0][5]
        self.s.venue.trades = [fill_shape("t1", "7", "0.5", contract="BTC/USD", side="SELL", fees={}, client_id=client_id)]
        self.s.clock.pump([0.5] * 6)
        self.assertEqual((self.hedges.is_busy, len(self.placed())), (False, 1))

    def test_a_late_fill_is_waited_for(self) -> None:
        """The venue says 0.5 has traded and tells the fill a second later: nothing is hedged in between."""
        self.cover(reason=LIMIT)
        self.s.venue.placing[0].callback("1")
        more: dict[str, Any] = {"contract": "BTC/USD", "side": "SELL", "quantity": D("0.5")}
        self.s.venue.tell_order("1", "0", False, **more)
        self.s.clock.pump([0.1] * 10)
        self.assertEqual((len(self.placed()), self.hedges.is_busy), (1, True))
        self.fill("t1", "1", "0.5")
        self.s.clock.advance(1)
        self.assertEqual((len(self.placed()), self.hedges.is_busy), (1, False))

    def test_a_resting_hedge_is_cancelled_when_patience_ends(self) -> None:
        """A hedge at a price that has gone does not rest for ever (hummingbot g)."""
        self.cover()
        self.s.venue.placing[0].callback("1")
        self.s.clock.advance(5)
        self.assertEqual(self.s.venue.calls[-1], ("cancel", "1"))

    def test_stop(self) -> None:
        """STOP cancels the order, releases the rest, and opens nothing until trading is resumed."""
        self.cover(reason=LIMIT)
        self.s.venue.placing[0].callback("1")
        self.hedges.stop()
        self.s.venue.cancelling[0].callback(True)
        self.over_at_venue("1", "0.5", "0.5")
        self.s.clock.advance(1)
        self.assertFalse(self.hedges.is_busy)
        self.assertFalse(self.hedges.cover(Trade(Side.SELL, D(1), D(60000)), LIMIT))
        self.hedges.resume()
        self.cover()
