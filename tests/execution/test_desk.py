"""Orders whose answers come late, twice, in the wrong order or never."""

from decimal import Decimal

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from execution.child_order import AMENDING, CANCELLING, OPEN, OVER, PLACING, TABLE, UNKNOWN
from execution.looking_up import LOOKS, SKEW
from model.records import IntentRecord, IntentState
from tests.execution.support import Surroundings, fill_shape, order_shape

D = Decimal


class TableTests(SynchronousTestCase):
    """The machine's table is complete."""

    def test_every_pair(self) -> None:
        """Each state has a row for each input."""
        states = {PLACING, UNKNOWN, OPEN, AMENDING, CANCELLING, OVER}
        inputs = {"acknowledged", "refused", "lost", "closed", "cancel", "cancel_failed", "amend", "amended"}
        self.assertEqual(set(TABLE), {(state, event) for state in states for event in inputs})
        self.assertTrue(all(target in states for target, _action in TABLE.values()))


class DeskTests(SynchronousTestCase):
    """What the desk does with each kind of answer."""

    def setUp(self) -> None:
        self.s = Surroundings()
        self.addCleanup(self._nothing_left)

    def _nothing_left(self) -> None:
        self.s.clock.advance(0)
        self.assertEqual([call for call in self.s.clock.getDelayedCalls() if call.getTime() <= self.s.clock.seconds()], [])

    def test_intent_is_written_before_the_request(self) -> None:
        """Law 1: on disk first; a ledger that fails lets nothing out."""
        self.s.desk.place_order(self.s.intent())
        self.assertEqual(self.s.ledger.written[0], ("intend", "ilp-1"))
        self.s.ledger.failing = True
        child = self.s.desk.place_order(self.s.intent("ilp-2"))
        self.assertEqual(len(self.s.venue.placing), 1)
        self.assertEqual(child.state, OVER)
        self.assertTrue(self.s.ledger_errors)

    def test_fill_before_the_answer(self) -> None:
        """A fill that overtakes the answer to its placing is booked and found by its client id."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.tell_fill("t1", "46", "0.04", client_id="ilp-1")
        self.assertEqual((child.order_id, child.filled, child.state), ("46", D("0.04"), OPEN))
        self.s.venue.placing[0].callback("46")
        self.assertEqual((child.state, child.left), (OPEN, D("0.06")))

    def test_a_fill_is_told_once(self) -> None:
        """The log has one line for each fill, however often the venue tells it."""
        self.s.desk.place_order(self.s.intent())
        with capturedLogs() as told:
            for _ in range(2):
                self.s.venue.tell_fill("t1", "46", "0.04", client_id="ilp-1")
        lines = [formatEvent(event) for event in told]
        self.assertEqual(len(lines), 1, lines)
        self.assertRegex(lines[0], r"target: quote filled: (BUY|SELL) 0.04 BTC/HUF at \d+")

    def test_order_event_before_the_answer_without_client_id(self) -> None:
        """A venue without client ids may say "filled" before it says the id: kept, and applied with the answer."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.tell_order("46", "0")
        self.assertEqual(child.state, PLACING)
        self.s.venue.placing[0].callback("46")
        self.assertEqual((child.state, child.told_filled), (OVER, D("0.10")))
        self.assertFalse(child.is_settled)
        self.s.venue.tell_fill("t1", "46", "0.10")
        self.assertTrue(child.is_settled)

    def test_fill_after_the_cancel(self) -> None:
        """A fill told after its order's cancel counts the same (hummingbot #8094 and family)."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.placing[0].callback("46")
        self.s.desk.cancel(child)
        self.s.venue.cancelling[0].callback(True)
        self.assertEqual(child.state, OVER)
        self.s.venue.tell_fill("t1", "46", "0.03")
        self.assertEqual(self.s.books.balance("target", "BTC"), D("0.03"))
        self.assertEqual(child.filled, D("0.03"))

    def test_same_fill_twice(self) -> None:
        """A repeated trade event changes nothing."""
        self.s.desk.place_order(self.s.intent())
        self.s.venue.placing[0].callback("46")
        for _ in range(3):
            self.s.venue.emit("trade", self.s.venue, fill_shape("t1", "46", "0.03"))
        self.assertEqual(self.s.books.balance("target", "BTC"), D("0.03"))
        self.assertEqual(self.s.books.balance("target", "HUF"), D("-1801"))

    def test_a_fill_counts_while_it_is_written(self) -> None:
        """A fill is told as soon as it counts and is being written: once, and not if the ledger may know it from before."""
        told: list[str] = []
        writing: list[Deferred[bool]] = [Deferred(), Deferred()]
        unwritten = iter(writing)
        self.patch(self.s.ledger, "book_fill", lambda *_: next(unwritten))
        self.s.desk.filling = lambda _place, fill: told.append(fill.id)
        for id, timestamp in (("t1", 11_000_000), ("t1", 11_000_000), ("t0", 9_000_000)):
            self.s.venue.tell_fill(id, "7", "0.04", timestamp=timestamp)
        self.assertEqual(told, ["t1"])
        self.assertIsNone(next(unwritten, None))

    def test_unknown_outcome_found_open(self) -> None:
        """A time-out is looked up and never sent again; the order is in the book after all."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.placing[0].errback(OutcomeUnknown("venue", "placeOrder", "timed out"))
        self.assertEqual(child.state, UNKNOWN)
        self.s.venue.open_orders = {"46": order_shape("46", "0.10", client_id="ilp-1")}
        self.s.clock.advance(LOOKS[0])
        self.assertEqual((child.state, child.order_id), (OPEN, "46"))
        self.assertEqual([call[0] for call in self.s.venue.calls], ["place"])

    def test_unknown_outcome_found_filled(self) -> None:
        """It was placed and filled before anybody could look: the venue's history proves it, and the fill is booked."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.trades = [fill_shape("t1", "46", "0.10", client_id="ilp-1")]
        self.s.venue.placing[0].errback(OutcomeUnknown("venue", "placeOrder", "timed out"))
        self.assertEqual((child.state, child.order_id, child.filled), (OVER, "46", D("0.10")))

    def test_unknown_outcome_proven_absent(self) -> None:
        """Only after the last look is it certain that the venue never had it; a silent venue proves nothing."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.silence = Retryable("venue", "getOpenOrders", "down")
        self.s.venue.placing[0].errback(OutcomeUnknown("venue", "placeOrder", "timed out"))
        self.s.clock.pump([8] * 20)
        self.assertEqual(child.state, UNKNOWN)
        self.s.venue.silence = None
        self.s.clock.pump([8] * (len(LOOKS) + 2))
        self.assertEqual((child.state, child.order_id), (OVER, None))
        self.assertEqual(self.s.ledger.intents_by_id["ilp-1"].state, IntentState.REFUSED)

    def test_unknown_without_client_ids(self) -> None:
        """Where the venue carries no client id, only an order that can be no other's is taken for ours."""
        self.s.venue.capabilities = frozenset()  # type: ignore[misc]
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.open_orders = {
            "7": order_shape("7", "0.10", price=D(59999)),
            "8": order_shape("8", "0.10", timestamp=self.s.now() - SKEW - 1),
            "9": order_shape("9", "0.10"),
        }
        self.s.venue.placing[0].errback(OutcomeUnknown("venue", "placeOrder", "timed out"))
        self.assertEqual((child.state, child.order_id), (OPEN, "9"))

    def test_unwanted_before_the_answer(self) -> None:
        """A cancel wished while the placing is out goes out with the id, at once."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.desk.cancel(child)
        self.assertEqual(self.s.venue.cancelling, [])
        self.s.venue.placing[0].callback("46")
        self.assertEqual((child.state, self.s.venue.calls[-1]), (CANCELLING, ("cancel", "46")))

    def test_cancel_of_a_filled_order(self) -> None:
        """False says that it was filled: over, and not settled until the fill is booked."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.placing[0].callback("46")
        self.s.desk.cancel(child)
        self.s.venue.cancelling[0].callback(False)
        self.assertEqual((child.state, child.is_settled), (OVER, False))
        self.s.venue.trades = [fill_shape("t1", "46", "0.10")]
        self.s.clock.advance(2)
        self.assertTrue(child.is_settled)
        self.assertEqual(self.s.books.balance("target", "BTC"), D("0.10"))

    def test_cancel_of_an_unknown_order(self) -> None:
        """A venue that no longer knows it may have filled it: its history is read before that is believed."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.placing[0].callback("46")
        self.s.desk.cancel(child)
        self.s.venue.cancelling[0].errback(Refused("venue", "cancelOrder", "unknown", Reason.UNKNOWN_ORDER))
        self.assertFalse(child.is_settled)
        self.s.clock.advance(2)
        self.assertTrue(child.is_settled)

    def test_cancel_turned_down_is_asked_again(self) -> None:
        """A rate limit is no reason to leave a quote out."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.placing[0].callback("46")
        self.s.desk.cancel(child)
        self.s.venue.cancelling[0].errback(Refused("venue", "cancelOrder", "slow down", Reason.RATE_LIMIT))
        self.s.clock.advance(1)
        self.assertEqual([call for call in self.s.venue.calls if call[0] == "cancel"], [("cancel", "46")] * 2)

    def test_lost_cancel_found_open_is_sent_again(self) -> None:
        """A cancel may be repeated safely, and is, when the look shows the order still open."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.placing[0].callback("46")
        self.s.desk.cancel(child)
        self.s.venue.open_orders = {"46": order_shape("46", "0.10", client_id="ilp-1")}
        self.s.venue.cancelling[0].errback(OutcomeUnknown("venue", "cancelOrder", "timed out"))
        self.assertEqual(len(self.s.venue.cancelling), 2)
        self.s.venue.cancelling[1].callback(True)
        self.assertEqual(child.state, OVER)

    def test_adopted_order_is_looked_up_and_cancelled(self) -> None:
        """After a crash an intent that may have been sent is looked up by its client id."""
        self.s.venue.open_orders = {"46": order_shape("46", "0.10", client_id="ilp-1")}
        intent = self.s.intent()
        self.s.ledger.intents_by_id["ilp-1"] = IntentRecord(intent, IntentState.INTENDED)
        child = self.s.desk.adopt(self.s.ledger.intents_by_id["ilp-1"])
        self.assertEqual((child.state, child.order_id), (OPEN, "46"))
        gone = self.s.desk.cancel_all()
        self.assertNoResult(gone)
        self.s.venue.cancelling[0].callback(True)
        self.successResultOf(gone)

    def test_a_quote_that_the_venue_does_not_know_is_not_waited_for(self) -> None:
        """At a start the pool goes on after one look, and cancels the order when it does turn up; of a hedge it wants proof."""
        self.s.venue.silence = Retryable("venue", "getOpenOrders", "down")
        for id, purpose in (("ilp-1", "quote"), ("ilp-2", "hedge")):
            intent = self.s.intent(id, purpose=purpose)  # type: ignore[arg-type]
            self.s.ledger.intents_by_id[id] = IntentRecord(intent, IntentState.INTENDED)
        self.s.desk.adopt(self.s.ledger.intents_by_id["ilp-1"])
        gone = self.s.desk.cancel_known()
        self.s.clock.advance(LOOKS[0])
        self.assertNoResult(gone)
        self.s.venue.silence = None
        self.s.clock.advance(LOOKS[1])
        self.successResultOf(gone)
        self.s.desk.adopt(self.s.ledger.intents_by_id["ilp-2"])
        self.assertNoResult(self.s.desk.cancel_known())
        self.s.venue.open_orders = {"46": order_shape("46", "0.10", client_id="ilp-1")}
        self.s.clock.advance(LOOKS[2])
        self.assertEqual(self.s.venue.calls, [("cancel", "46")])

    def test_an_order_just_placed_is_not_taken_for_one_that_is_looked_up(self) -> None:
        """Without client ids two of the same price and size look alike: the look waits until the answer has named one."""
        self.s.venue.capabilities = frozenset()  # type: ignore[misc]
        lost, placed = self.s.desk.place_order(self.s.intent()), self.s.desk.place_order(self.s.intent("ilp-2"))
        self.s.venue.open_orders = {"46": order_shape("46", "0.10")}
        self.s.venue.placing[0].errback(OutcomeUnknown("venue", "placeOrder", "timed out"))
        self.assertEqual((lost.state, lost.order_id), (UNKNOWN, None))
        self.s.venue.placing[1].callback("46")
        self.s.venue.open_orders["45"] = order_shape("45", "0.10")
        self.s.clock.advance(LOOKS[0])
        self.assertEqual((lost.order_id, placed.order_id), ("45", "46"))

    def test_a_fill_of_an_earlier_order_proves_nothing_of_a_later_one(self) -> None:
        """Without client ids, the fill of an order that an earlier run had closed is not taken for the one that is looked up."""
        self.s.venue.capabilities = frozenset()  # type: ignore[misc]
        self.s.desk.recall(IntentRecord(self.s.intent("ilp-0"), IntentState.CLOSED, "45"))
        self.s.venue.trades = [fill_shape("t1", "45", "0.10")]
        intent = self.s.intent()
        self.s.ledger.intents_by_id["ilp-1"] = IntentRecord(intent, IntentState.INTENDED)
        child = self.s.desk.adopt(self.s.ledger.intents_by_id["ilp-1"])
        self.assertEqual((child.state, child.order_id), (UNKNOWN, None))
        self.s.clock.pump([8] * (len(LOOKS) + 1))
        self.assertEqual((child.state, child.order_id), (OVER, None))

    def test_a_fill_told_after_a_restart_finds_its_intent(self) -> None:
        """The order was closed in an earlier run and its fill only told now: it is booked as that order's."""
        self.s.desk.recall(IntentRecord(self.s.intent("ilp-0"), IntentState.CLOSED, "45"))
        self.s.venue.tell_fill("t1", "45", "0.10")
        self.assertEqual(self.s.ledger.intents_of_fills, {"t1": "ilp-0"})

    def test_fill_of_no_order_of_ours_is_booked(self) -> None:
        """Somebody trades by hand on the same account: the balance has changed, so the books do."""
        self.s.venue.tell_fill("t9", "999", "0.01")
        self.assertEqual(self.s.books.balance("target", "BTC"), D("0.01"))
