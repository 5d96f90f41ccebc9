"""Money on the move: written first, sent once, matched at most once."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import OutcomeUnknown, Reason, Refused
from execution.addresses import Addresses
from execution.books import Books
from execution.intake import UNPROVEN, Intake
from execution.intents import Names
from execution.tasks import BadAnswer, NoSuchTask, Tasks
from execution.transfers import Transfers
from ledger.interface import LedgerError
from model.decision import Transfer
from model.instrument import Instrument
from model.limits import Limits
from model.records import TransitRecord
from tests.execution.support import ScriptedVenue, Surroundings

D = Decimal


class TransferTests(SynchronousTestCase):
    """From a decision to coins at the other venue."""

    def setUp(self) -> None:
        self.s = Surroundings()
        self.source, self.target = ScriptedVenue("source"), ScriptedVenue("target")
        self.books = Books(self.s.ledger)  # type: ignore[arg-type]
        self.make(Limits(transfers="automatic"))

    def make(self, limits: Limits) -> None:
        clients: dict[Any, Any] = {"source": self.source, "target": self.target}
        names = Names("ilp", self.s.now)
        cash: dict[Any, str] = {"source": "USD", "target": "HUF"}
        ledger: Any = self.s.ledger
        self.told: list[tuple[str, str]] = []
        tell = lambda kind, sentence, *_: self.told.append((kind, sentence))  # noqa: E731
        self.tasks = Tasks(ledger, self.s.now, tell)
        addresses = Addresses(clients, cash, limits.addresses, "OUT")
        self.transfers = Transfers(
            clients, ledger, self.tasks, names, self.s.now, limits, addresses, lambda _ticker: D(3600), tell
        )
        self.intake = Intake(clients, self.books, ledger, self.transfers, self.s.now, "BTC")

    def carry(self, quantity: str = "1", ticker: str = "BTC") -> None:
        self.transfers.carry_out([Transfer("source", "target", ticker, D(quantity))], lambda _transfer: D(60000))

    def only(self) -> TransitRecord:
        (transit,) = self.s.ledger.saved["transit"].values()
        assert isinstance(transit, TransitRecord)
        return transit

    def read(self, place: Any, **posting: Any) -> None:
        self.s.clock.advance(10)
        shape = {
            "id": f"{place}-{self.s.now()}",
            "note": "",
            "timestamp": self.s.now() - 1,
            "direction": "credit" if posting["type"] == "Deposit" else "debit",
            **posting,
        }
        (self.source if place == "source" else self.target).transactions.append(shape)
        self.successResultOf(self._reading(place))

    def _reading(self, place: Any) -> Any:
        return Deferred.fromCoroutine(self.intake.read(place))

    def test_written_before_it_is_sent(self) -> None:
        """Law 1 for withdrawals: on disk as intended, then the request (original_bugs 57)."""
        self.carry()
        self.assertEqual(self.only().state, "intended")
        self.assertEqual(self.source.calls, [("withdraw", "BTC", D(1), "target-BTC-address")])

    def test_the_whole_way(self) -> None:
        """Requested, left, arrived: booked from the venues' own histories, fee included, once."""
        self.carry()
        self.source.withdrawals[0].callback("REF1")
        self.assertEqual((self.only().state, self.transfers.reserved("source")), ("requested", {"BTC": D(1)}))
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), fee=D("0.0001"), reference="REF1")
        self.assertEqual((self.only().state, self.books.balance("source", "BTC")), ("travelling", D("-1.0001")))
        self.read("target", type="Deposit", contract="BTC", quantity=D("0.9995"), address="target-BTC-address")
        self.assertEqual((self.only().state, self.only().arrived), ("arrived", D("0.9995")))
        self.assertEqual(list(self.transfers.as_transits()), [])
        self.successResultOf(self._reading("target"))
        self.assertEqual(self.books.balance("target", "BTC"), D("0.9995"))

    def test_dated_before_the_books_were_opened(self) -> None:
        """A venue that writes whole seconds dates a withdrawal of the first second before the books: it is ours all the same."""
        self.intake.begin_at("source", self.s.now())
        self.carry()
        self.source.withdrawals[0].callback("REF1")
        early = self.s.now() - 500_000
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(2), reference="REF0", timestamp=early)
        self.assertEqual(D(0), self.books.balance("source", "BTC"))
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), reference="REF1", timestamp=early)
        self.assertEqual((self.only().state, self.books.balance("source", "BTC")), ("travelling", D(-1)))

    def test_both_ends_new_after_a_time_away(self) -> None:
        """The deposit is read before its departure (the other venue's history comes later): it waits, however long."""
        self.carry()
        self.source.withdrawals[0].callback(None)
        self.read("target", type="Deposit", contract="BTC", quantity=D("0.9995"), address="target-BTC-address")
        self.assertEqual(self.books.balance("target", "BTC"), 0)
        self.s.clock.advance(3600)
        self.successResultOf(self._reading("target"))
        self.assertLess(self.intake.since("transactions", "target"), self.target.transactions[0]["timestamp"])
        self.read("source", type="Withdrawal", contract="BTC", quantity=D("0.9995"), fee=D("0.0005"))
        self.successResultOf(self._reading("target"))
        self.assertEqual((self.only().state, self.books.balance("target", "BTC")), ("arrived", D("0.9995")))
        counters = [entry[1] for what, entry in self.s.ledger.written if what == "transaction"]
        self.assertEqual(counters, ["transit", "transit"])

    def test_a_pending_deposit_is_read_again(self) -> None:
        """What was not final when it was read is not passed over when it is, a day later."""
        coming = {"type": "Deposit", "contract": "BTC", "quantity": D(1)}
        self.read("target", **coming, state="pending")
        self.s.clock.advance(86_400)
        self.successResultOf(self._reading("target"))
        self.assertLess(self.intake.since("transactions", "target"), self.target.transactions[0]["timestamp"])
        self.target.transactions[0]["state"] = "done"
        self.successResultOf(self._reading("target"))
        self.assertEqual(self.books.balance("target", "BTC"), D(1))

    def test_one_deposit_clears_one_transit(self) -> None:
        """Two transfers, one arrival: one of them is still on its way (original_bugs 50)."""
        for _ in range(2):
            self.s.clock.advance(100)
            self.carry()
            self.source.withdrawals[-1].callback(None)
            self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), address="target-BTC-address")
        self.read("target", type="Deposit", contract="BTC", quantity=D("0.9995"), address="target-BTC-address")
        self.assertEqual([t.state for t in self.s.ledger.saved["transit"].values()], ["arrived", "travelling"])

    def test_a_strangers_deposit_is_not_ours(self) -> None:
        """Another amount or address is the operator's own doing, booked against outside (original_bugs 51)."""
        self.carry()
        self.source.withdrawals[0].callback("REF1")
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), reference="REF1")
        self.read("target", type="Deposit", contract="BTC", quantity=D("0.5"), address="target-BTC-address")
        self.assertEqual(self.only().state, "travelling")
        self.assertIn("outside", [entry[1] for what, entry in self.s.ledger.written if what == "transaction"])

    def test_cash_that_a_bank_converts(self) -> None:
        """Dollars leave, forints arrive: matched by address."""
        self.carry("1000", "USD")
        self.source.withdrawals[0].callback("B1")
        self.read("source", type="Withdrawal", contract="USD", quantity=D(1000), reference="B1")
        self.read("target", type="Deposit", contract="HUF", quantity=D(365000), address="target-HUF-address")
        self.assertEqual(self.only().state, "arrived")

    def test_an_unknown_outcome_is_never_sent_again(self) -> None:
        """Timed out: blocked until the venue's history proves it, and then it goes on by itself."""
        self.carry()
        self.source.withdrawals[0].errback(OutcomeUnknown("source", "requestWithdrawal", "timed out"))
        self.s.clock.advance(1000)
        self.carry()
        self.assertEqual((self.only().state, len(self.source.calls)), ("unknown", 1))
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), address="target-BTC-address")
        self.assertEqual(self.only().state, "travelling")

    def test_an_unproven_outcome_goes_to_a_person(self) -> None:
        """After a while a task says what to look for; the person's word decides."""
        self.carry()
        self.source.withdrawals[0].errback(OutcomeUnknown("source", "requestWithdrawal", "timed out"))
        self.s.clock.advance(UNPROVEN / 1e6 + 1)
        self.successResultOf(self._reading("source"))
        (task,) = self.tasks.open.values()
        self.assertEqual(task.kind, "look")
        self.successResultOf(self._close(task.id, "cancel"))
        self.assertEqual((self.only().state, dict(self.transfers.transits)), ("cancelled", {}))

    def _close(self, id: str, outcome: str, **fields: str) -> Any:
        return Deferred.fromCoroutine(self.transfers.close_task(id, "ann", outcome, fields))

    def test_a_crash_while_sending(self) -> None:
        """What was only intended when the pool died may have been sent: unknown, not sent again."""
        self.carry()
        self.make(Limits(transfers="automatic"))
        self.successResultOf(Deferred.fromCoroutine(self.transfers.load()))
        self.assertEqual(self.only().state, "unknown")
        self.s.clock.advance(1000)
        self.carry()
        self.assertEqual(len(self.source.calls), 1)

    def test_refused(self) -> None:
        """The venue says no: nothing is under way, nothing is reserved."""
        self.carry()
        self.source.withdrawals[0].errback(Refused("source", "requestWithdrawal", "no", Reason.FUNDS))
        self.assertEqual((self.only().state, self.transfers.reserved("source")), ("cancelled", {}))

    def test_what_a_venue_cannot_do_a_person_does(self) -> None:
        """NotImplementedError becomes a task with all that is needed; done means that it is asked for (S3.37)."""
        self.source.requestWithdrawal = lambda *_: fail(NotImplementedError())  # type: ignore[method-assign]
        self.carry()
        (task,) = self.tasks.open.values()
        self.assertEqual((task.kind, task.details["address"]), ("withdraw", "target-BTC-address"))
        self.successResultOf(self._close(task.id, "done"))
        self.assertEqual(self.only().state, "requested")

    def test_approval(self) -> None:
        """With transfers = approve nothing leaves before a person has said yes."""
        self.make(Limits())
        self.carry()
        self.assertEqual(self.source.calls, [])
        (task,) = self.tasks.open.values()
        closing = self._close(task.id, "approve")
        self.assertEqual(len(self.source.calls), 1)
        self.source.withdrawals[0].callback("R")
        self.successResultOf(closing)
        self.assertEqual(self.only().state, "requested")

    def test_what_was_declined_is_not_asked_again(self) -> None:
        """Until the plan is another one, or a person has started the pool or changed its parameters."""
        self.make(Limits())
        self.carry()
        (task,) = self.tasks.open.values()
        self.successResultOf(self._close(task.id, "cancel"))
        self.s.clock.advance(100)
        self.carry("1.9")
        self.carry("1", "USD")
        self.assertEqual([task.details["quantity"] for task in self.tasks.open.values()], ["1 USD"])
        self.carry("2")
        self.assertEqual([task.details["quantity"] for task in self.tasks.open.values()], ["1 USD", "2 BTC"])
        for task in tuple(self.tasks.open.values()):
            self.successResultOf(self._close(task.id, "cancel"))
        self.s.clock.advance(100)
        self.transfers.allow_declined()
        self.carry("2")
        self.assertEqual([task.details["quantity"] for task in self.tasks.open.values()], ["2 BTC"])

    def test_a_debit_counts_before_the_transfer_is_through(self) -> None:
        """The venue still says pending, and the money has left the balance all the same; a pending credit has not come."""
        self.carry()
        self.source.withdrawals[0].callback("R")
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), reference="R", state="pending")
        self.assertEqual((self.only().state, self.books.balance("source", "BTC")), ("travelling", D(-1)))
        self.read("target", type="Deposit", contract="BTC", quantity=D(1), address="target-BTC-address", state="pending")
        self.assertEqual((self.only().state, self.books.balance("target", "BTC")), ("travelling", D(0)))

    def test_a_currency_that_leaves_in_steps(self) -> None:
        """The amount is cut to the venue's step; less than its smallest withdrawal is not asked for."""
        self.source.instruments["BTC"] = Instrument("BTC", lot=D("0.01"), min_quantity=D("0.1"))
        self.carry("0.519")
        self.assertEqual(self.source.calls[0][2], D("0.51"))
        self.source.withdrawals[0].errback(Refused("source", "requestWithdrawal", "no", Reason.FUNDS))
        self.s.clock.advance(100)
        self.carry("0.09")
        self.assertEqual(len(self.source.calls), 1)

    def test_limits(self) -> None:
        """Per transfer, per day, and not too often."""
        self.make(Limits(transfers="automatic", max_transfer_value=D(50000)))
        self.carry()
        self.assertEqual(self.source.calls, [])
        self.make(Limits(transfers="automatic", max_transfer_value_per_day=D(100000)))
        for _ in range(3):
            self.carry()
            for waiting in self.source.withdrawals:
                if not waiting.called:
                    waiting.callback("R")
                    self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), reference="R")
            self.s.clock.advance(100)
        self.assertEqual(len(self.source.calls), 1)

    def test_limits_hold_across_restarts(self) -> None:
        """What was sent yesterday evening is counted today, by the ledger, and a refused one is not."""
        limits = Limits(transfers="automatic", max_transfer_value_per_day=D(100000), transfer_interval=D(3600))
        self.make(limits)
        self.carry()
        self.source.withdrawals[0].callback("R")
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), reference="R")
        self.make(limits)
        self.load()
        self.s.clock.advance(600)
        self.carry("0.1")
        self.assertEqual((len(self.source.calls), self.told), (1, []))  # too soon: nothing to tell anybody
        self.s.clock.advance(3600)
        for _ in range(3):
            self.carry()
        numbers = "it is worth 60000.00, 60000.00 was sent in 24 hours, max_transfer_value_per_day is 100000"
        self.assertEqual(self.told, [("limit", f"a transfer of 1 BTC is not made: {numbers}")])
        self.s.clock.advance(86_400)
        self.carry()
        self.assertEqual(len(self.source.calls), 2)

    def test_what_was_refused_uses_up_no_limit(self) -> None:
        """The venue said no: the day's allowance is as it was."""
        self.make(Limits(transfers="automatic", max_transfer_value_per_day=D(60000)))
        for _ in range(2):
            self.carry()
            self.source.withdrawals[-1].errback(Refused("source", "requestWithdrawal", "no", Reason.FUNDS))
            self.s.clock.advance(100)
        self.assertEqual(len(self.source.calls), 2)

    def test_two_at_once_share_the_days_limit(self) -> None:
        """The second of one decision's transfers counts the first, though that one has not been written down yet."""
        self.make(Limits(transfers="automatic", max_transfer_value_per_day=D(100000)))
        named: Deferred[str] = Deferred()
        self.target.getCurrentAddress = lambda ticker: named  # type: ignore[method-assign]
        self.carry()
        self.carry("1000", "USD")
        named.callback("somewhere")
        self.assertEqual([call[1] for call in self.source.calls], ["BTC"])

    def load(self) -> None:
        self.successResultOf(Deferred.fromCoroutine(self.transfers.load()))

    def settle(self) -> None:
        """Let the first transfer arrive."""
        self.carry()
        self.source.withdrawals[-1].callback("R")
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), reference="R")
        self.read("target", type="Deposit", contract="BTC", quantity=D("0.9995"), address="target-BTC-address")
        self.s.clock.advance(100)

    def change_address(self) -> None:
        self.target.getCurrentAddress = lambda ticker: succeed("thief")  # type: ignore[method-assign]

    def test_another_address_than_before_needs_a_persons_yes(self) -> None:
        """Law 9: the venue's account may have been taken over; approved, it is sent, and is on the list from then on."""
        self.settle()
        self.change_address()
        self.make(Limits(transfers="automatic"))
        self.load()
        self.carry()
        (task,) = self.tasks.open.values()
        self.assertEqual((task.kind, task.details["address"], len(self.source.calls)), ("address", "thief", 1))
        self.assertIn("target-BTC-address", task.details["how"])
        self.assertEqual([kind for kind, _ in self.told], ["task"])
        self._close(task.id, "approve")
        self.assertEqual(self.source.calls[1], ("withdraw", "BTC", D(1), "thief"))
        self.source.withdrawals[-1].callback("R2")
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), reference="R2")
        self.s.clock.advance(100)
        self.make(Limits(transfers="automatic"))
        self.load()
        self.carry()
        self.assertEqual((len(self.source.calls), self.tasks.open), (3, {}))

    def test_a_declined_address_stays_off_the_list(self) -> None:
        """Declined: nothing leaves, and the next transfer asks again, after a restart too."""
        self.settle()
        self.change_address()
        self.carry()
        (task,) = self.tasks.open.values()
        self.successResultOf(self._close(task.id, "cancel"))
        self.make(Limits(transfers="automatic"))
        self.load()
        self.s.clock.advance(100)
        self.carry()
        self.assertEqual((len(self.source.calls), [t.kind for t in self.tasks.open.values()]), (1, ["address"]))

    def test_an_address_of_the_config_needs_no_question(self) -> None:
        """What the operator wrote into [addresses] is on the list."""
        self.settle()
        self.change_address()
        self.make(Limits(transfers="automatic", addresses={"thief": "our new cold wallet"}))
        self.load()
        self.carry()
        self.assertEqual(self.source.calls[-1][3], "thief")

    def test_a_venue_that_names_no_address(self) -> None:
        """A person may name one, but only one that stands in the config: the console is no way around law 9."""
        self.make(Limits(transfers="automatic", addresses={"vault": "ours"}))
        self.target.getCurrentAddress = lambda ticker: fail(NotImplementedError())  # type: ignore[method-assign]
        self.carry()
        (task,) = self.tasks.open.values()
        self.failureResultOf(self._close(task.id, "approve"), BadAnswer)
        self.failureResultOf(self._close(task.id, "approve", address="thief"), BadAnswer)
        self.assertEqual((list(self.tasks.open), self.source.calls), ([task.id], []))
        self._close(task.id, "approve", address="vault")
        self.assertEqual(self.source.calls, [("withdraw", "BTC", D(1), "vault")])

    def test_a_person_cannot_redirect_an_approval(self) -> None:
        """What is approved is what was shown: an address in the form changes nothing."""
        self.make(Limits(addresses={"vault": "ours"}))
        self.carry()
        (task,) = self.tasks.open.values()
        self._close(task.id, "approve", address="vault")
        self.assertEqual(self.source.calls[0][3], "target-BTC-address")

    def test_what_may_have_been_sent_cannot_be_approved(self) -> None:
        """Law 2: a look is answered with done or cancel; sending it again is no answer."""
        self.carry()
        self.source.withdrawals[0].errback(OutcomeUnknown("source", "requestWithdrawal", "timed out"))
        self.s.clock.advance(UNPROVEN / 1e6 + 1)
        self.successResultOf(self._reading("source"))
        (task,) = self.tasks.open.values()
        self.failureResultOf(self._close(task.id, "approve"), BadAnswer)
        self.failureResultOf(self._close("nothing", "done"), NoSuchTask)
        self.assertEqual((len(self.source.calls), self.only().state), (1, "unknown"))

    def test_overdue(self) -> None:
        """Past its time: a task and a notice, once; it is never sent again; when it arrives the task closes by itself."""
        self.carry()
        self.source.withdrawals[0].callback("R")
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), reference="R")
        for _ in range(3):
            self.s.clock.advance(7300)
            self.successResultOf(Deferred.fromCoroutine(self.transfers.remind()))
        (task,) = self.tasks.open.values()
        self.assertEqual((task.kind, self.told), ("overdue", [("overdue", task.title)]))
        self.read("target", type="Deposit", contract="BTC", quantity=D(1), address="target-BTC-address")
        self.assertEqual((self.tasks.open, len(self.source.calls)), ({}, 1))
        closed = self.s.ledger.saved["task"][task.id]
        self.assertEqual((closed.closed_by, closed.outcome), ("the pool", "arrived"))

    def overdue(self) -> str:
        """Make one transit overdue; the id of its task."""
        self.carry()
        self.source.withdrawals[0].callback("R")
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), reference="R")
        self.s.clock.advance(7300)
        self.successResultOf(Deferred.fromCoroutine(self.transfers.remind()))
        (id,) = self.tasks.open
        return id

    def test_a_person_goes_on_waiting(self) -> None:
        """Asked again only when it is late once more."""
        self.successResultOf(self._close(self.overdue(), "done"))
        for seconds, asked in ((10, 0), (7300, 1)):
            self.s.clock.advance(seconds)
            self.successResultOf(Deferred.fromCoroutine(self.transfers.remind()))
            self.assertEqual(len(self.tasks.open), asked)

    def test_lost_for_good(self) -> None:
        """Written off: booked from transit to difference, and nobody counts on it any more."""
        self.successResultOf(self._close(self.overdue(), "cancel"))
        (entry,) = [value for what, value in self.s.ledger.written if what == "adjustment"]
        self.assertEqual(entry[1:5], ("transit", "BTC", D(-1), "difference"))
        self.assertEqual((self.only().state, list(self.transfers.as_transits())), ("cancelled", []))

    def test_not_written_is_not_sent(self) -> None:
        """Law 1: the disk is full, so nothing leaves; when it is not full any more the next decision sends it."""
        self.s.ledger.failing = True
        self.carry()
        self.flushLoggedErrors(LedgerError)
        self.assertEqual((self.source.calls, list(self.transfers.as_transits())), ([], []))
        self.s.ledger.failing = False
        self.s.clock.advance(100)
        self.carry()
        self.assertEqual(len(self.source.calls), 1)

    def test_a_crash_between_a_persons_word_and_the_deed(self) -> None:
        """The task is closed and the transit is still manual: nobody knows what the person did, so a person is asked."""
        self.make(Limits())
        self.carry()
        (task,) = self.tasks.open.values()
        self.successResultOf(Deferred.fromCoroutine(self.tasks.close(task.id, "ann", "done")))
        self.make(Limits())
        self.load()
        self.assertEqual([t.kind for t in self.tasks.open.values()], ["look"])

    def test_given_back_by_the_venue(self) -> None:
        """A withdrawal that an operator of the venue cancels comes back as a Transfer: over, and ours again (bug 52)."""
        self.carry()
        self.source.withdrawals[0].callback("R")
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), reference="R")
        note = "target-BTC-address: cancel (bob)"
        self.read("source", type="Transfer", contract="BTC", quantity=D(1), direction="credit", note=note)
        self.assertEqual((self.only().state, self.books.balance("source", "BTC")), ("cancelled", D(0)))

    def test_given_back_with_its_fee(self) -> None:
        """Kraken gives back what left and what it took for it: over, and nothing travels for ever."""
        self.carry()
        self.source.withdrawals[0].callback("R")
        self.read("source", type="Withdrawal", contract="BTC", quantity=D(1), fee=D("0.0001"), reference="R", state="cancelled")
        self.read("source", type="Transfer", contract="BTC", quantity=D("1.0001"), direction="credit", reference="R")
        self.assertEqual((self.only().state, self.books.balance("source", "BTC")), ("cancelled", D(0)))
        self.assertEqual(list(self.transfers.as_transits()), [])

    def test_history_is_read_from_where_it_was_read_to(self) -> None:
        """The next reading overlaps the last one, and what is older than the books is left out."""
        self.intake.begin_at("source", 5_000_000)
        asked: list[tuple[datetime, datetime]] = []

        def history(start: datetime, end: datetime) -> Any:
            asked.append((start, end))
            return succeed([])

        self.source.getTransactionHistory = history  # type: ignore[method-assign]
        self.s.clock.advance(1000)
        for _ in range(2):
            self.successResultOf(self._reading("source"))
        self.assertEqual([start.timestamp() for start, _end in asked], [5.0, 1010.0 - 120.0])
