"""One suite that every ledger must pass, whatever it is written on.

A ledger's test class mixes :class:`LedgerContract` into a ``SynchronousTestCase`` and says how to make an empty one, and how
to open the same one again; the suite does the rest through the interface.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar, get_args

import attrs
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from ledger.interface import ILedger, LedgerError
from model.order import Fill, Side
from model.records import (
    DecisionRecord,
    FillRecord,
    IntentRecord,
    IntentState,
    Obligation,
    OrderIntent,
    ParameterChange,
    Task,
    TransitRecord,
    TransitState,
)
from model.transfer import Transaction
from tests.ledger.pump import Pump

T = TypeVar("T")

INTENT = OrderIntent("ilp-1", "source", "BTC/USD", Side.BUY, Decimal("60000.10"), Decimal("0.5"), "hedge", 100, 0, "ob1", "d1")
FILL = Fill("T1", "O1", "BTC/USD", Side.BUY, Decimal("60000.1"), Decimal("0.2"), {"USD": Decimal("12.00002")}, 200, "ilp-1")
OBLIGATION = Obligation("ob1", Decimal("-0.3"), Decimal("0"), Decimal("59000.5"), "d1", "open", 0, 10, 10)
TRANSIT = TransitRecord("tr1", "source", "target", "BTC", Decimal("1.5"), "travelling", 10, 20, "addr", "ref", 99)
TASK = Task("t1", "withdraw", "Send 5 USD", {"amount": "5"}, 10)
DECISION = DecisionRecord("d1", 10, "act", "", {"source": {"book": ["1.50"]}}, {"btc": "BTC"}, {"trade": None}, {"stuck": ""})
CHANGE = ParameterChange(10, "ann", {"trader.period": ("5", "6")})


def transaction(id: str, ticker: str, is_credit: bool, quantity: str, fee: str = "0") -> Transaction:
    """A deposit or a withdrawal that is done."""
    type_ = "Deposit" if is_credit else "Withdrawal"
    return Transaction(id, ticker, type_, is_credit, Decimal(quantity), Decimal(fee), "", "addr", "ref", "done", 30)  # type: ignore[arg-type]


class LedgerContract:
    """Mix in, and override :meth:`make_ledger`."""

    pump: Pump
    ledger: ILedger

    def make_ledger(self) -> Any:
        """A new object for this test's one ledger, not opened; the first is empty."""
        raise NotImplementedError

    def setUp(self) -> None:
        self.pump = Pump()
        self.ledger = self.make_ledger()
        self.addCleanup(lambda: self.wait(self.ledger.close()))  # type: ignore[attr-defined]
        self.wait(self.ledger.open())

    def wait(self, deferred: "Deferred[T]") -> T:
        """The result of a Deferred that another thread fires."""
        return self.pump.wait(deferred)

    def reopen(self) -> None:
        """Close, and open the same again, as after a restart."""
        self.wait(self.ledger.close())
        self.ledger = self.make_ledger()
        self.wait(self.ledger.open())

    def assert_balances(self, **expected: Mapping[str, str]) -> None:
        """Exactly these balances, nothing else but zeros; ``__`` in a name stands for the colon."""
        found = {
            account: {ticker: amount for ticker, amount in tickers.items() if amount}
            for account, tickers in self.wait(self.ledger.balances()).items()
        }
        wanted = {
            account.replace("__", ":"): {ticker: Decimal(amount) for ticker, amount in tickers.items()}
            for account, tickers in expected.items()
        }
        self.equal({account: tickers for account, tickers in found.items() if tickers}, wanted)
        self.equal((self.wait(self.ledger.unbalanced()), self.wait(self.ledger.check())), ([], []))

    def equal(self, found: object, expected: object) -> None:
        """assertEqual, said once for the type checker."""
        self.assertEqual(found, expected)  # type: ignore[attr-defined]

    def refused(self, deferred: "Deferred[Any]") -> str:
        """What the LedgerError says that it must fail with."""
        with self.assertRaises(LedgerError) as caught:  # type: ignore[attr-defined]
            self.wait(deferred)
        return str(caught.exception)

    def test_interface(self) -> None:
        """It has every method of the interface."""
        self.equal(verifyObject(ILedger, self.ledger), True)

    def test_intent_survives(self) -> None:
        """An intent is found again after a restart, exactly as it was meant."""
        self.wait(self.ledger.intend(INTENT))
        self.reopen()
        self.equal(self.wait(self.ledger.intents(True, 10)), [IntentRecord(INTENT, IntentState.INTENDED, updated=100)])

    def test_intent_repeated(self) -> None:
        """The same intent again changes nothing; another order under its id is refused."""
        self.wait(self.ledger.intend(INTENT))
        self.wait(self.ledger.answer("ilp-1", IntentState.OPEN, "O1", "", 110))
        self.wait(self.ledger.intend(INTENT))
        self.equal(self.wait(self.ledger.intents(True, 10))[0].state, IntentState.OPEN)
        self.refused(self.ledger.intend(attrs.evolve(INTENT, quantity=Decimal("0.6"))))
        self.equal(self.wait(self.ledger.intents(True, 10))[0].intent, INTENT)

    def test_answers(self) -> None:
        """An answer sets the state and keeps a known order id; final ones are not open any more."""
        self.wait(self.ledger.intend(INTENT))
        self.wait(self.ledger.answer("ilp-1", IntentState.OPEN, "O1", "", 110))
        self.wait(self.ledger.answer("ilp-1", IntentState.CLOSED, None, "filled", 120))
        self.equal(self.wait(self.ledger.intents(True, 10)), [])
        expected = IntentRecord(INTENT, IntentState.CLOSED, "O1", "filled", 120)
        self.equal(self.wait(self.ledger.intents(False, 10)), [expected])

    def test_answer_to_nothing(self) -> None:
        """An answer to an intent that nobody remembers is an error, and not silence."""
        self.refused(self.ledger.answer("ilp-9", IntentState.OPEN, "O1", "", 110))

    def test_newest_first(self) -> None:
        """Lists come newest first, and no longer than asked."""
        for id, created in (("a", 3), ("b", 1), ("c", 2)):
            self.wait(self.ledger.intend(attrs.evolve(INTENT, id=id, created=created)))
            self.wait(self.ledger.save_obligation(attrs.evolve(OBLIGATION, id=id, created=created)))
        self.equal([record.intent.id for record in self.wait(self.ledger.intents(False, 2))], ["a", "c"])
        self.equal([record.id for record in self.wait(self.ledger.obligations(True, 2))], ["a", "c"])

    def test_fill(self) -> None:
        """A fill moves both legs against ``trade`` and its fee, and counts for its intent."""
        self.wait(self.ledger.intend(INTENT))
        self.equal(self.wait(self.ledger.book_fill("source", FILL, "ilp-1")), True)
        self.assert_balances(
            venue__source={"BTC": "0.2", "USD": "-12012.02002"},
            trade={"BTC": "-0.2", "USD": "12000.02"},
            fee__trading={"USD": "12.00002"},
        )
        self.equal(self.wait(self.ledger.intents(True, 10))[0].filled, Decimal("0.2"))

    def test_sale(self) -> None:
        """A sale is the mirror image, and a fee in the base currency comes out of what was bought or held."""
        sale = attrs.evolve(FILL, side=Side.SELL, fees={"BTC": Decimal("0.001")})
        self.wait(self.ledger.book_fill("target", sale, None))
        self.assert_balances(
            venue__target={"BTC": "-0.201", "USD": "12000.02"},
            trade={"BTC": "0.2", "USD": "-12000.02"},
            fee__trading={"BTC": "0.001"},
        )

    def test_fill_repeated(self) -> None:
        """A fill told twice, even across a restart, is booked once; the same id at the other venue is another fill."""
        self.equal(self.wait(self.ledger.book_fill("source", FILL, None)), True)
        self.reopen()
        self.equal(self.wait(self.ledger.book_fill("source", FILL, "ilp-1")), False)
        self.equal(self.wait(self.ledger.book_fill("target", FILL, None)), True)
        self.equal(len(self.wait(self.ledger.fills(0, 10))), 2)

    def test_a_fill_that_overtakes_the_answer(self) -> None:
        """Booked as nobody's, it is the intent's when the answer names its order; another venue's of that name is not."""
        self.wait(self.ledger.intend(INTENT))
        for place in ("source", "target"):
            self.wait(self.ledger.book_fill(place, FILL, None))
        self.wait(self.ledger.answer("ilp-1", IntentState.OPEN, "O1", "", 110))
        self.equal(
            {fill.place: fill.intent_id for fill in self.wait(self.ledger.fills(0, 10))}, {"source": "ilp-1", "target": None}
        )
        self.equal(self.wait(self.ledger.intents(True, 10))[0].filled, FILL.quantity)

    def test_fills_since(self) -> None:
        """Fills are listed from a time on, with their fees exact."""
        for id, timestamp in (("T1", 200), ("T2", 300)):
            self.wait(self.ledger.book_fill("source", attrs.evolve(FILL, id=id, timestamp=timestamp), "ilp-1"))
        f = FILL
        expected = FillRecord("source", "T2", "O1", "ilp-1", f.contract, f.side, f.price, f.quantity, f.fees, 300)
        self.equal(self.wait(self.ledger.fills(201, 10)), [expected])

    def test_amounts_are_exact(self) -> None:
        """No digit is lost, however many there are before or behind the point."""
        for n, amount in enumerate(("0.123456789012345678", "1E-18", "123456789012345678901234.000000000000000001", "1E-30")):
            self.wait(self.ledger.book_adjustment(f"a{n}", "venue:source", f"C{n}", Decimal(amount), "outside", "", 5))
            self.equal(self.wait(self.ledger.balances())["venue:source"][f"C{n}"], Decimal(amount))
        self.equal(self.wait(self.ledger.check()), [])

    def test_impossible_amounts(self) -> None:
        """What is no number, or cannot be added up exactly, is refused and leaves nothing behind."""
        for n, amount in enumerate(("NaN", "Infinity", "-Infinity")):
            self.refused(self.ledger.book_adjustment(f"a{n}", "venue:source", "BTC", Decimal(amount), "outside", "", 5))
        self.wait(self.ledger.book_adjustment("big", "venue:source", "BTC", Decimal("1E+40"), "outside", "", 5))
        self.refused(self.ledger.book_adjustment("small", "venue:source", "BTC", Decimal("1E-40"), "outside", "", 5))
        self.assert_balances(venue__source={"BTC": "1E+40"}, outside={"BTC": "-1E+40"})

    def test_adjustment(self) -> None:
        """An adjustment is signed and booked once."""
        for expected in (True, False):
            booked = self.ledger.book_adjustment("a", "venue:source", "USD", Decimal(-3), "difference", "lost", 5)
            self.equal(self.wait(booked), expected)
        self.assert_balances(venue__source={"USD": "-3"}, difference={"USD": "3"})

    def test_empty_venue_is_known(self) -> None:
        """An opening balance of nothing still says that the venue has been looked at."""
        self.wait(self.ledger.book_adjustment("o", "venue:source", "USD", Decimal(0), "outside", "opening", 5))
        self.equal(self.wait(self.ledger.balances())["venue:source"], {"USD": Decimal(0)})

    def test_coins_travel(self) -> None:
        """Coins leave, travel and arrive; the network's fee and what was lost on the way are named."""
        self.wait(self.ledger.save_transit(attrs.evolve(TRANSIT, state="requested")))
        left = transaction("W1", "BTC", False, "1.5", fee="0.0005")
        self.wait(self.ledger.book_transaction("source", left, "transit", TRANSIT))
        self.assert_balances(venue__source={"BTC": "-1.5005"}, transit={"BTC": "1.5"}, fee__network={"BTC": "0.0005"})
        arrived = attrs.evolve(TRANSIT, state="arrived", arrived=Decimal("1.4999"))
        come = transaction("D1", "BTC", True, "1.4999")
        self.equal(self.wait(self.ledger.book_transaction("target", come, "transit", arrived)), True)
        self.assert_balances(venue__source={"BTC": "-1.5005"}, venue__target={"BTC": "1.4999"}, fee__network={"BTC": "0.0006"})
        self.equal(self.wait(self.ledger.transits(False, 10)), [arrived])

    def test_arrives_in_parts(self) -> None:
        """Only the part that ends a transit settles it, by all that arrived."""
        self.wait(self.ledger.book_transaction("source", transaction("W1", "BTC", False, "1.5"), "transit", TRANSIT))
        first = attrs.evolve(TRANSIT, arrived=Decimal(1))
        self.wait(self.ledger.book_transaction("target", transaction("D1", "BTC", True, "1"), "transit", first))
        self.assert_balances(venue__source={"BTC": "-1.5"}, venue__target={"BTC": "1"}, transit={"BTC": "0.5"})
        last = attrs.evolve(TRANSIT, arrived=Decimal("1.4"), state="arrived")
        self.wait(self.ledger.book_transaction("target", transaction("D2", "BTC", True, "0.4"), "transit", last))
        self.assert_balances(venue__source={"BTC": "-1.5"}, venue__target={"BTC": "1.4"}, fee__network={"BTC": "0.1"})

    def test_bank_converts(self) -> None:
        """Where dollars leave and forints arrive, both go through ``trade`` and nothing stays in transit."""
        cash = attrs.evolve(TRANSIT, ticker="USD", quantity=Decimal(100))
        left = transaction("W1", "USD", False, "100", fee="2")
        self.wait(self.ledger.book_transaction("source", left, "transit", cash, "fee:bank"))
        arrived = attrs.evolve(cash, state="arrived", arrived=Decimal(35000))
        come = transaction("D1", "HUF", True, "35000")
        self.wait(self.ledger.book_transaction("target", come, "transit", arrived, "fee:bank"))
        self.assert_balances(
            venue__source={"USD": "-102"},
            venue__target={"HUF": "35000"},
            trade={"USD": "100", "HUF": "-35000"},
            fee__bank={"USD": "2"},
        )

    def test_comes_back(self) -> None:
        """A transit that the venue gave back leaves nothing in transit."""
        self.wait(self.ledger.book_transaction("source", transaction("W1", "BTC", False, "1.5"), "transit", TRANSIT))
        back = attrs.evolve(TRANSIT, state="cancelled")
        self.wait(self.ledger.book_transaction("source", transaction("D1", "BTC", True, "1.5"), "transit", back))
        self.assert_balances()

    def test_arrival_before_departure(self) -> None:
        """The order in which the two venues tell does not matter."""
        arrived = attrs.evolve(TRANSIT, state="arrived", arrived=Decimal("1.4"))
        self.wait(self.ledger.book_transaction("target", transaction("D1", "BTC", True, "1.4"), "transit", arrived))
        self.wait(self.ledger.book_transaction("source", transaction("W1", "BTC", False, "1.5"), "transit", arrived))
        self.assert_balances(venue__source={"BTC": "-1.5"}, venue__target={"BTC": "1.4"}, fee__network={"BTC": "0.1"})

    def test_sent_out(self) -> None:
        """What leaves the system is outside at once, its transit over."""
        out = attrs.evolve(TRANSIT, to="out", ticker="USD", quantity=Decimal(50), state="arrived")
        left = transaction("W1", "USD", False, "50", fee="1")
        self.wait(self.ledger.book_transaction("source", left, "outside", out, "fee:bank"))
        self.assert_balances(venue__source={"USD": "-51"}, outside={"USD": "50"}, fee__bank={"USD": "1"})

    def test_transaction_repeated(self) -> None:
        """A posting told again is not booked again, and does not put an old transit in the place of a newer one."""
        left = transaction("W1", "BTC", False, "1.5")
        self.wait(self.ledger.book_transaction("source", left, "transit", TRANSIT))
        newer = attrs.evolve(TRANSIT, detail="overdue")
        self.wait(self.ledger.save_transit(newer))
        self.equal(self.wait(self.ledger.book_transaction("source", left, "transit", TRANSIT)), False)
        self.equal(self.wait(self.ledger.transits(True, 10)), [newer])

    def test_what_cannot_be_booked(self) -> None:
        """A credit still pending, and a departure of another amount than its transit's, are refused and leave no trace."""
        pending = attrs.evolve(transaction("D1", "BTC", True, "1.5"), state="pending")
        self.refused(self.ledger.book_transaction("source", pending, "outside", None))
        other = transaction("W1", "BTC", False, "1.4")
        self.refused(self.ledger.book_transaction("source", other, "transit", TRANSIT))
        self.assert_balances()
        self.equal(self.wait(self.ledger.transits(False, 10)), [])

    def test_failing_alone(self) -> None:
        """What fails by its own fault takes nothing of what was asked in the same moment with it; answers come in order."""
        order: list[int] = []

        def note(n: int, found: object) -> object:
            order.append(n)
            return found

        calls: list[Deferred[Any]] = []
        for n in range(30):
            amount = Decimal("NaN") if n % 3 == 1 else Decimal(1)
            call = self.ledger.book_adjustment(f"a{n}", "venue:source", "BTC", amount, "outside", "", 5)
            call.addBoth(partial(note, n))
            calls.append(call)
        for n, call in enumerate(calls):
            if n % 3 == 1:
                self.refused(call)
            else:
                self.equal(self.wait(call), True)
        self.equal(order, list(range(30)))
        self.assert_balances(venue__source={"BTC": "20"}, outside={"BTC": "-20"})

    def test_reads_its_writes(self) -> None:
        """A question sees what was asked to be written before it, even in the same moment."""
        self.ledger.save_cursor("trades", 5)
        found = self.ledger.cursors()
        self.ledger.save_cursor("trades", 6)
        self.equal(self.wait(found), {"trades": 5})
        self.equal(self.wait(self.ledger.cursors()), {"trades": 6})

    def test_records_survive(self) -> None:
        """Obligations, transits, tasks, decisions, parameters and cursors come back as they were, each once."""
        for _ in range(2):
            self.wait(self.ledger.save_obligation(OBLIGATION))
            self.wait(self.ledger.save_transit(TRANSIT))
            self.wait(self.ledger.save_task(TASK))
            self.wait(self.ledger.save_decision(DECISION))
            self.wait(self.ledger.save_parameters(CHANGE))
            self.wait(self.ledger.save_cursor("trades", 7))
        self.reopen()
        self.equal(self.wait(self.ledger.obligations(True, 10)), [OBLIGATION])
        self.equal(self.wait(self.ledger.transits(True, 10)), [TRANSIT])
        self.equal(self.wait(self.ledger.tasks(True, 10)), [TASK])
        self.equal(self.wait(self.ledger.decisions(10, 10)), [DECISION])
        self.equal(self.wait(self.ledger.decisions(11, 10)), [])
        self.equal(self.wait(self.ledger.decision("d1")), DECISION)
        self.equal(self.wait(self.ledger.decision("d2")), None)
        self.equal(self.wait(self.ledger.parameters(10)), [CHANGE])
        self.equal(self.wait(self.ledger.cursors()), {"trades": 7})

    def test_open_ones(self) -> None:
        """Escalated obligations are open; those done and released, transits over and closed tasks are not."""
        for state in ("open", "escalated", "done", "released"):
            self.wait(self.ledger.save_obligation(attrs.evolve(OBLIGATION, id=state, state=state)))
        for transit_state in get_args(TransitState):
            self.wait(self.ledger.save_transit(attrs.evolve(TRANSIT, id=transit_state, state=transit_state)))
        self.wait(self.ledger.save_task(attrs.evolve(TASK, closed=11, closed_by="ann", outcome="done")))
        self.equal({o.id for o in self.wait(self.ledger.obligations(True, 10))}, {"open", "escalated"})
        open_transits = {t.id for t in self.wait(self.ledger.transits(True, 10))}
        self.equal(open_transits, {"intended", "unknown", "requested", "travelling", "manual"})
        self.equal(self.wait(self.ledger.tasks(True, 10)), [])

    def decide(self, *times: int) -> None:
        """Remember a decision of each time."""
        for time in times:
            self.wait(self.ledger.save_decision(attrs.evolve(DECISION, id=f"d{time}", timestamp=time)))

    def decided(self) -> list[int]:
        """The times of the decisions that are remembered."""
        return [record.timestamp for record in self.wait(self.ledger.decisions(0, 100))]

    def test_forget_decisions(self) -> None:
        """The oldest go first, a few at a time; the others stay."""
        self.decide(10, 20, 30, 40)
        self.equal([self.wait(self.ledger.forget(0, 35, 2)) for _ in range(3)], [2, 1, 0])
        self.equal(self.decided(), [40])

    def test_forget_by_size(self) -> None:
        """What is more than there is room for goes, the newest stay; with room enough nothing does."""
        self.equal(self.wait(self.ledger.cutoff(1_000_000)), 0)
        self.decide(*range(10, 110, 10))
        one = sum(len(json.dumps(getattr(DECISION, name))) for name in ("snapshot", "settings", "decision"))
        self.equal(self.wait(self.ledger.cutoff(1_000_000)), 0)
        self.wait(self.ledger.forget(0, self.wait(self.ledger.cutoff(one * 4)), 100))
        self.equal(len(self.decided()) in (3, 4, 5), True)
        self.equal(self.decided()[0], 100)

    def test_forget_orders(self) -> None:
        """Orders that are over and never traded go; one that traded, one that is open and a new one stay, and all money does."""
        states = {"over": IntentState.CLOSED, "traded": IntentState.CLOSED, "open": IntentState.OPEN, "new": IntentState.REFUSED}
        for name, state in states.items():
            self.wait(self.ledger.intend(attrs.evolve(INTENT, id=name, created=200 if name == "new" else 100)))
            self.wait(self.ledger.answer(name, state, None, "", 200))
        self.wait(self.ledger.book_fill("source", FILL, "traded"))
        before = self.wait(self.ledger.balances())
        self.equal(self.wait(self.ledger.forget(150, 0, 10)), 1)
        self.equal({record.intent.id for record in self.wait(self.ledger.intents(False, 10))}, {"traded", "open", "new"})
        self.equal((self.wait(self.ledger.balances()), self.wait(self.ledger.check())), (before, []))

    def test_close(self) -> None:
        """What is queued is written before it closes; a repeat is safe; after it every call fails, none raises."""
        booked = self.ledger.book_fill("source", FILL, None)
        first, second = self.ledger.close(), self.ledger.close()
        self.wait(first)
        self.wait(second)
        self.equal(self.wait(booked), True)
        self.refused(self.ledger.balances())
        self.reopen()
        self.equal(len(self.wait(self.ledger.fills(0, 10))), 1)

    def test_one_pool_only(self) -> None:
        """A second pool on the same ledger is refused while the first has it, and may have it after."""
        other = self.make_ledger()
        self.addCleanup(lambda: self.wait(other.close()))  # type: ignore[attr-defined]
        self.equal("another pool" in self.refused(other.open()), True)
        self.wait(self.ledger.close())
        self.wait(other.open())
