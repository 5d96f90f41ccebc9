"""Quotes changed in place: what each answer, and none, makes of the order and of its two intents."""

from decimal import Decimal

from twisted.trial.unittest import SynchronousTestCase

from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from execution.child import Child
from execution.child_order import AMENDING, CANCELLING, OPEN, OVER
from model.order import Side
from model.records import IntentRecord, IntentState
from tests.execution.support import Surroundings, fill_shape, order_shape
from tests.execution.test_quotes import QuotesCase, quote

D = Decimal
LOST = OutcomeUnknown("venue", "amendOrder", "timed out")


class AmendingTests(QuotesCase):
    """A bid of 60,000 that is wanted at 60,500, at a venue that amends."""

    def setUp(self) -> None:
        super().setUp()
        self.s.venue.capabilities = frozenset({"client_id", "amend"})  # type: ignore[misc]
        self.want(quote(Side.BUY, "60000"))
        self.answer("1")
        self.child = self.s.desk.children()[0]
        self.old = self.child.intent
        self.want(quote(Side.BUY, "60500"))

    def sent(self) -> list[str]:
        return [call[0] for call in self.s.venue.calls]

    def amended(self, failure: Exception | None = None) -> None:
        waiting = self.s.venue.amending[-1]
        waiting.callback(None) if failure is None else waiting.errback(failure)
        self.s.clock.advance(0)

    def record(self, id: str) -> IntentRecord:
        return self.s.ledger.intents_by_id[id]

    def at_the_venue(self, price: str, quantity: str = "0.10") -> None:
        order = order_shape("1", quantity, client_id=self.old.id, price=D(price), quantity=D(quantity))
        self.s.venue.open_orders = {"1": order}

    def test_done(self) -> None:
        """One request; the new intent has the order, is what is offered, and the old one is closed in the ledger."""
        self.assertEqual(self.s.venue.calls[1:], [("amend", "1", D("0.10"), D(60500))])
        self.assertEqual(self.child.state, AMENDING)
        self.amended()
        new = self.child.intent
        self.assertEqual((self.child.state, new.price, self.child.left), (OPEN, D(60500), D("0.10")))
        self.assertEqual((self.record(new.id).state, self.record(new.id).order_id), (IntentState.OPEN, "1"))
        self.assertEqual(self.record(self.old.id).state, IntentState.CLOSED)
        self.assertEqual((self.s.desk.children(), self.s.desk.child_of("1")), ([self.child], self.child))

    def test_on_disk_with_its_order_before_the_request(self) -> None:
        """Law 1: after a crash the ledger knows which order may have been changed, and to what."""
        self.amended()
        self.want(quote(Side.BUY, "61000"))
        (asked,) = [record for record in self.s.ledger.intents_by_id.values() if record.intent.price == D(61000)]
        self.assertEqual((asked.state, asked.order_id), (IntentState.INTENDED, "1"))

    def test_not_written_is_not_sent(self) -> None:
        """A ledger that cannot write lets no amend out: what is there is cancelled."""
        self.amended()
        self.s.ledger.failing = True
        self.want(quote(Side.BUY, "61000"))
        self.assertEqual(self.sent(), ["place", "amend", "cancel"])
        self.s.venue.cancelling[0].callback(True)
        self.s.clock.advance(0)
        self.assertEqual((self.sent()[-1], self.child.state), ("cancel", OVER))
        self.assertTrue(self.s.ledger_errors)

    def test_refused_goes_the_old_way(self) -> None:
        """Nothing was done: cancelled, confirmed, placed; the intent that never was is refused in the ledger."""
        for failure in (Refused("venue", "amendOrder", "crosses", Reason.WOULD_CROSS), Retryable("venue", "amendOrder", "busy")):
            new = self.child.meant
            self.amended(failure)
            self.assertEqual((self.child.state, self.record(new.id).state), (CANCELLING, IntentState.REFUSED))
            self.s.venue.cancelling[-1].callback(True)
            self.s.clock.advance(0)
            self.assertEqual((self.sent()[-1], self.s.venue.calls[-1][3]), ("place", new.price))
            self.answer("1")
            (self.child,) = self.s.desk.children()
            self.want(quote(Side.BUY, "61000"))

    def test_refused_because_it_is_over(self) -> None:
        """The order went before its amend came: no cancel, both intents closed, and the slot waits for a decision."""
        new = self.child.meant
        self.amended(Refused("venue", "amendOrder", "unknown", Reason.UNKNOWN_ORDER))
        self.assertEqual((self.child.state, self.sent()), (OVER, ["place", "amend"]))
        self.assertEqual({self.record(id).state for id in (self.old.id, new.id)}, {IntentState.CLOSED})
        self.s.venue.tell_fill("t1", "1", "0.10")
        self.assertEqual(self.s.books.balance("target", "BTC"), D("0.10"))

    def test_unknown_and_done(self) -> None:
        """No answer, but the venue shows the new price: as if it had answered."""
        self.at_the_venue("60500")
        self.amended(LOST)
        self.assertEqual((self.child.state, self.child.intent.price, self.child.detail), (OPEN, D(60500), ""))
        self.assertEqual(self.sent(), ["place", "amend"])

    def test_unknown_and_not_seen(self) -> None:
        """No answer and the old price: it may yet come, so the order is cancelled; never a second amend."""
        new = self.child.meant
        self.at_the_venue("60000")
        self.amended(LOST)
        self.assertEqual((self.child.state, self.sent()), (CANCELLING, ["place", "amend", "cancel"]))
        self.assertEqual({terms.price for terms in self.child.terms}, {D(60000), D(60500)})
        self.s.venue.cancelling[0].callback(True)
        self.assertEqual({self.record(id).state for id in (self.old.id, new.id)}, {IntentState.CLOSED})

    def test_unknown_and_gone(self) -> None:
        """No answer, and the order is not open any more: over, and its fills are found by its id."""
        self.amended(LOST)
        self.assertEqual(self.child.state, OVER)
        self.s.venue.trades = [fill_shape("t1", "1", "0.10")]
        self.s.clock.advance(2)
        self.assertEqual((self.child.filled, self.child.is_settled), (D("0.10"), True))

    def test_unknown_and_silent(self) -> None:
        """No answer, and none to the look either: cancelled."""
        self.s.venue.silence = Retryable("venue", "getOpenOrders", "down")
        self.amended(LOST)
        self.assertEqual(self.sent()[-1], "cancel")

    def test_a_fill_during_it_counts_once(self) -> None:
        """It is the old intent's, what is left is the new total less it, and the next misfit goes the old way."""
        self.s.venue.tell_fill("t1", "1", "0.04")
        self.amended()
        self.assertEqual(self.s.ledger.intents_of_fills["t1"], self.old.id)
        self.assertEqual((self.child.left, self.s.books.balance("target", "BTC")), (D("0.06"), D("0.04")))
        self.s.venue.tell_fill("t2", "1", "0.01")
        self.assertEqual(self.s.ledger.intents_of_fills["t2"], self.child.intent.id)
        self.assertEqual(self.sent()[1:], ["amend", "cancel"])

    def test_filled_to_the_old_size_while_it_grows(self) -> None:
        """Full by the old terms is not over while the new ones may hold, and is over when they are known not to."""
        self.want(quote(Side.BUY, "60500", quantity="0.20"))
        self.amended()
        self.assertEqual(self.s.venue.calls[-1], ("amend", "1", D("0.20"), D(60500)))
        self.s.venue.tell_fill("t1", "1", "0.10")
        self.assertEqual(self.child.state, AMENDING)
        self.amended()
        self.assertEqual((self.child.left, self.child.state), (D("0.10"), CANCELLING))

    def test_filled_to_the_new_size(self) -> None:
        """Amended to no more than has filled by then it is over."""
        self.amended()
        self.want(quote(Side.BUY, "60500", quantity="0.05"))
        self.s.venue.tell_fill("t1", "1", "0.05")
        self.amended()
        self.assertEqual((self.child.state, self.child.is_settled), (OVER, True))

    def test_a_second_wish_waits_for_the_first(self) -> None:
        """One at a time; what is wanted at the end is sent then, and only that."""
        self.want(quote(Side.BUY, "60800"))
        self.want(quote(Side.BUY, "61200"))
        self.assertEqual(self.sent(), ["place", "amend"])
        self.amended()
        self.assertEqual([call[3] for call in self.s.venue.calls if call[0] == "amend"], [D(60500), D(61200)])

    def test_a_pull_does_not_wait(self) -> None:
        """Not wanted at all any more: cancelled at once, whatever becomes of the amend."""
        self.quotes.pull("stop")
        self.assertEqual((self.child.state, self.sent()[-1]), (CANCELLING, "cancel"))
        self.amended()
        self.assertEqual((self.child.state, self.child.intent.price), (CANCELLING, D(60500)))
        self.s.venue.cancelling[0].callback(True)
        self.assertEqual([record.state for record in self.s.ledger.intents_by_id.values()], [IntentState.CLOSED] * 2)

    def test_told_filled_by_the_refusal_of_a_cancel(self) -> None:
        """Cancel says filled while an amend is out: how much is read from the fills, not taken from either intent."""
        self.quotes.pull("stop")
        self.s.venue.cancelling[0].callback(False)
        self.assertEqual((self.child.state, self.child.told_filled), (OVER, None))

    def test_never_meets_itself(self) -> None:
        """An ask that is being amended keeps bids away by the price it is to have, as by the one it has."""
        self.amended()
        self.want(quote(Side.BUY, "60500"), quote(Side.SELL, "62000"))
        self.answer("2")
        self.want(quote(Side.BUY, "60500"), quote(Side.SELL, "61000"))
        self.want(quote(Side.BUY, "61500"), quote(Side.SELL, "63000"))
        self.assertEqual(self.sent()[-2:], ["amend", "cancel"])
        self.s.venue.cancelling[0].callback(True)
        self.s.clock.advance(0)
        self.assertIn("waiting for our own order", self.quotes.reasons["BUY"])

    def test_counts_in_the_budget(self) -> None:
        """An amend is an order: with none left what offers too much is cancelled."""
        self.amended()
        while self.quotes.budget.take():
            pass
        self.want(quote(Side.BUY, "60000"))
        self.assertEqual(self.sent()[-1], "cancel")


class RestartTests(SynchronousTestCase):
    """What an earlier run left in the ledger when it was killed between an amend's writing and its answer."""

    def setUp(self) -> None:
        self.s = Surroundings()
        self.s.venue.capabilities = frozenset({"client_id", "amend"})  # type: ignore[misc]
        self.old, self.new = self.s.intent("ilp-1"), self.s.intent("ilp-2", price="60500", quantity="0.20")
        for intent in (self.old, self.new):
            self.s.ledger.intend(intent)

    def adopt(self, *records: IntentRecord) -> set[Child]:
        children = {self.s.desk.adopt(record) for record in records}
        self.s.desk.cancel_known()
        self.s.clock.advance(0)
        return children

    def states(self) -> list[IntentState]:
        return [self.s.ledger.intents_by_id[id].state for id in ("ilp-1", "ilp-2")]

    def test_sent_or_not(self) -> None:
        """Two intents of one order are one order, cancelled once, whichever of the two holds at the venue."""
        for price, quantity in (("60000", "0.10"), ("60500", "0.20")):
            self.setUp()
            order = order_shape("1", quantity, client_id="ilp-1", price=D(price), quantity=D(quantity))
            self.s.venue.open_orders = {"1": order}
            newer = IntentRecord(self.new, IntentState.INTENDED, "1")
            self.assertEqual(len(self.adopt(newer, IntentRecord(self.old, IntentState.OPEN, "1"))), 1)
            self.s.venue.tell_fill("t1", "1", "0.10")
            self.assertEqual([call[0] for call in self.s.venue.calls], ["cancel"])
            self.assertEqual(len(self.s.desk.children()), 1)
            self.s.venue.cancelling[0].callback(True)
            self.assertEqual(self.states(), [IntentState.CLOSED] * 2)
            self.assertEqual(self.s.books.balance("target", "BTC"), D("0.10"))

    def test_killed_before_it_had_its_order(self) -> None:
        """Written, and nothing more: nothing was sent, and the venue never heard of it."""
        self.s.venue.open_orders = {"1": order_shape("1", "0.10", client_id="ilp-1")}
        never, old = IntentRecord(self.new, IntentState.INTENDED), IntentRecord(self.old, IntentState.OPEN, "1")
        self.assertEqual(len(self.adopt(never, old)), 2)
        self.s.venue.cancelling[0].callback(True)
        self.s.venue.open_orders = {}
        self.s.clock.pump([1.0] * 40)
        self.assertEqual(self.states(), [IntentState.CLOSED, IntentState.REFUSED])
        self.assertEqual(self.s.desk.children(), [])

    def test_gone_while_away(self) -> None:
        """Filled before the start: the fill is booked once, and nothing waits for more."""
        self.s.venue.trades = [fill_shape("t1", "1", "0.20")]
        self.s.venue.silence = Retryable("venue", "getOpenOrders", "not yet")
        (child,) = self.adopt(IntentRecord(self.new, IntentState.OPEN, "1"), IntentRecord(self.old, IntentState.OPEN, "1"))
        self.s.venue.silence = None
        self.s.clock.pump([1.0] * 4)
        self.assertEqual((child.is_settled, self.states()), (True, [IntentState.CLOSED] * 2))
        self.assertEqual(self.s.books.balance("target", "BTC"), D("0.20"))

    def test_what_both_have_filled(self) -> None:
        """Part of it filled as the old intent: known when the new one is taken over, so nothing is looked for for ever."""
        self.s.desk.recall(IntentRecord(self.old, IntentState.CLOSED, "1", filled=D("0.03")))
        (child,) = self.adopt(IntentRecord(self.new, IntentState.OPEN, "1", filled=D("0.02")))
        self.assertEqual(child.filled, D("0.05"))
