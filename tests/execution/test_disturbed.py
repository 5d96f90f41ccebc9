"""What happens in the middle: the disk fails, a client has a bug, a venue forgets. Money is counted right all the same."""

from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import ExchangeError, Retryable
from execution.addresses import Addresses
from execution.child_order import OPEN, OVER, UNKNOWN
from execution.looking_up import SETTLE
from model.records import TransitRecord
from tests.execution.support import ScriptedVenue, Surroundings, fill_shape

D = Decimal


class DeskTests(SynchronousTestCase):
    """One order at a scripted venue."""

    def setUp(self) -> None:
        self.s = Surroundings()

    def test_a_bug_in_a_client_proves_nothing(self) -> None:
        """An order whose client failed after it may have left is looked up, and found."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.silence = Retryable("venue", "getOpenOrders", "down")
        self.s.venue.placing[0].errback(RuntimeError("bug"))
        self.assertEqual((child.state, child.detail), (UNKNOWN, "the client failed"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.s.venue.silence = None
        self.s.venue.tell_order("46", "0.10", client_id="ilp-1")
        self.assertEqual((child.state, child.order_id), (OPEN, "46"))

    def test_an_event_overtakes_the_answer(self) -> None:
        """An order told of by its client id is known before its placing is answered."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.tell_order("46", "0.10", client_id="ilp-1")
        self.assertEqual((child.state, child.order_id), (OPEN, "46"))

    def test_a_fill_that_cannot_be_written(self) -> None:
        """It moves no balance, the failure is told, and told again later it counts once."""
        self.s.desk.place_order(self.s.intent())
        self.s.venue.placing[0].callback("46")
        self.s.ledger.failing = True
        self.s.venue.tell_fill("t1", "46", "0.04")
        self.assertEqual(self.s.books.balance("target", "BTC"), 0)
        self.assertTrue(self.s.ledger_errors)
        self.s.ledger.failing = False
        for _ in range(2):
            self.s.venue.emit("trade", self.s.venue, fill_shape("t1", "46", "0.04"))
        self.assertEqual(self.s.books.balance("target", "BTC"), D("0.04"))

    def test_an_answer_that_cannot_be_remembered(self) -> None:
        """The order stands where the venue says; that the ledger forgets is told."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.ledger.failing = True
        self.s.venue.placing[0].callback("46")
        self.assertEqual(child.state, OPEN)
        self.assertEqual([str(error) for error in self.s.ledger_errors], ["disk full"])

    def test_a_ledger_with_a_bug_is_heard_of(self) -> None:
        """What is no trouble of the database is not taken for one."""
        self.s.desk.place_order(self.s.intent())
        self.s.ledger.answer = lambda *_: fail(KeyError("bug"))  # type: ignore[method-assign]
        self.s.venue.placing[0].callback("46")
        self.assertEqual(self.s.ledger_errors, [])
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_a_venue_without_a_record_of_fills(self) -> None:
        """What it streamed is all there is: an order that is over is settled by that."""
        child = self.over()
        self.s.venue.getTradeHistory = lambda *_: fail(NotImplementedError())  # type: ignore[method-assign]
        self.assertFalse(child.is_settled)
        self.s.clock.advance(SETTLE)
        self.assertTrue(child.is_settled)

    def test_a_record_that_cannot_be_read_is_read_again(self) -> None:
        """An order is settled only when the venue's record has been read, however often that takes."""
        child = self.over()
        self.s.venue.silence = Retryable("venue", "getTradeHistory", "down")
        self.s.clock.advance(SETTLE)
        self.assertFalse(child.is_settled)
        self.s.venue.silence = None
        self.s.venue.trades.append(fill_shape("t1", "46", "0.10"))
        self.s.clock.pump([5] * 12)
        self.assertTrue(child.is_settled)
        self.assertEqual(self.s.books.balance("target", "BTC"), D("0.10"))

    def over(self) -> Any:
        """An order that its venue says has filled, without having told the fills."""
        child = self.s.desk.place_order(self.s.intent())
        self.s.venue.placing[0].callback("46")
        self.s.venue.tell_order("46", "0")
        self.assertEqual(child.state, OVER)
        return child


class AddressTests(SynchronousTestCase):
    """Where money may go besides the other venue."""

    def setUp(self) -> None:
        self.venues: dict[Any, Any] = {"source": ScriptedVenue("source"), "target": ScriptedVenue("target")}

    def addresses(self, out: str | None) -> Addresses:
        return Addresses(self.venues, {"source": "USD", "target": "HUF"}, {}, out)

    def transit(self, to: Any, address: str | None) -> TransitRecord:
        return TransitRecord("w1", "source", to, "BTC", D(1), "intended", 1, 1, address=address)

    def ask(self, addresses: Addresses, transit: TransitRecord) -> "Deferred[str]":
        return Deferred.fromCoroutine(addresses.of(transit))

    def test_out(self) -> None:
        """Out of the pool goes to the one address of the config, and nowhere without one."""
        failure = self.failureResultOf(self.ask(self.addresses(None), self.transit("out", None)), ExchangeError)
        self.assertIn("no out_address is configured", str(failure.value))
        addresses = self.addresses("COLD")
        self.assertEqual(self.successResultOf(self.ask(addresses, self.transit("out", None))), "COLD")
        listed = [addresses.is_listed(self.transit("out", address)) for address in ("COLD", "THIEF")]
        self.assertEqual(listed, [True, False])
        self.assertFalse(
            addresses.is_listed(self.transit("target", "COLD2")) and addresses.is_listed(self.transit("out", "THIEF"))
        )

    def test_no_address_is_on_no_list(self) -> None:
        """A transfer without an address is never allowed, and teaches the list nothing."""
        addresses = self.addresses("COLD")
        addresses.add(self.transit("target", None))
        self.assertFalse(addresses.is_listed(self.transit("target", None)))
        self.assertEqual(addresses.before(self.transit("target", None)), "none")
