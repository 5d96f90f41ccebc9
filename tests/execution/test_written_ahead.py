"""What replaces a quote is written down while its cancel is under way, and is sent, or answered for, exactly once."""

from model.order import Side
from model.records import IntentState
from tests.execution.test_quotes import QuotesCase, quote


class WrittenAheadTests(QuotesCase):
    """A bid that has to move."""

    def setUp(self) -> None:
        super().setUp()
        self.want(quote(Side.BUY, "60000"))
        self.answer("1")
        self.want(quote(Side.BUY, "60500"))

    def intents(self) -> list[str]:
        return [id for what, id in self.s.ledger.written if what == "intend"]

    def cancelled(self) -> None:
        self.s.venue.cancelling[0].callback(True)
        self.s.clock.advance(0)

    def test_is_on_disk_before_the_cancel_is_confirmed(self) -> None:
        """The confirmation need not wait for the disk; nothing is sent before it, and nothing is written twice."""
        self.assertEqual((len(self.intents()), len(self.places())), (2, 1))
        self.cancelled()
        self.assertEqual((len(self.intents()), len(self.places())), (2, 2))
        self.assertEqual(self.s.venue.calls[-1][5], self.intents()[1])

    def test_wanted_otherwise_by_then(self) -> None:
        """The newest price is sent under an id of its own, and the one that was never sent is closed in the ledger."""
        self.want(quote(Side.BUY, "60700"))
        self.cancelled()
        self.assertEqual([price for _, price in self.places()], [60000, 60700])
        _, never_sent, sent = self.intents()
        self.assertEqual(self.s.venue.calls[-1][5], sent)
        record = self.s.ledger.intents_by_id[never_sent]
        self.assertEqual((record.state, record.detail), (IntentState.REFUSED, "not sent: no longer wanted"))

    def test_not_wanted_any_more(self) -> None:
        """After a pull it is not sent, and no intent is left open."""
        self.quotes.pull("stale source")
        self.cancelled()
        self.assertEqual(len(self.places()), 1)
        self.assertEqual(self.s.ledger.intents_by_id[self.intents()[1]].state, IntentState.REFUSED)

    def test_asked_again_the_same(self) -> None:
        """The same decision again while the cancel is out writes nothing more."""
        self.want(quote(Side.BUY, "60500"))
        self.assertEqual(len(self.intents()), 2)

    def test_the_old_one_traded_meanwhile(self) -> None:
        """A fill during the cancel makes a new decision necessary: what was written is not sent."""
        self.s.venue.tell_fill("t1", "1", "0.04")
        self.cancelled()
        self.assertEqual(len(self.places()), 1)
        self.assertEqual(self.s.ledger.intents_by_id[self.intents()[1]].state, IntentState.REFUSED)

    def test_the_ledger_fails(self) -> None:
        """What could not be written is not sent; the side says why."""
        self.quotes.pull("")
        self.s.ledger.failing = True
        failed: list[str] = []
        self.s.desk.ledger_failed = lambda error: failed.append(str(error))
        self.want(quote(Side.BUY, "60500"))
        self.cancelled()
        self.assertEqual(len(self.places()), 1)
        self.assertIn("disk full", self.quotes.reasons["BUY"])
        self.assertIn("disk full", failed)
