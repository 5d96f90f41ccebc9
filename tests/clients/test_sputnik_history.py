"""What the history proves: executions with their fees, money in and out with ids that never change."""

import json
import re
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from clients.sputnik.history import fills_of, transactions_of
from clients.sputnik.wire import Posting, WireFill, read_history
from model.transfer import Transaction
from tests.clients.test_sputnik_wire import CONTRACTS

TRANSCRIPTS = Path(__file__).parents[3] / "shared" / "fixtures" / "sputnik"
HUF = CONTRACTS["BTC/HUF"]


def posting(contract: str, change: int, note: str, timestamp: int, kind: str = "Trade") -> Posting:
    """A posting that changes the balance by ``change``."""
    return Posting(contract, kind, change >= 0, abs(change), note, timestamp)


def journal(order: int, quantity: int, price: int, timestamp: int, *, role: str = "Passive", fee: int = 10) -> list[Posting]:
    """The three postings of an execution; a negative quantity sells."""
    cost = HUF.cost(abs(quantity), price) * (1 if quantity > 0 else -1)
    note = f"{role} order: {order}"
    return [
        posting("HUF", -cost, note, timestamp),
        posting("BTC", quantity, note, timestamp),
        posting("HUF", -fee, "Fee", timestamp),
    ]


def facts(fill: WireFill) -> tuple[Any, ...]:
    """What matters of a fill."""
    return fill.id, fill.side, fill.price, fill.quantity, dict(fill.fees)


class FillTests(SynchronousTestCase):
    def test_ids(self) -> None:
        """The id counts an order's fills of one size, whatever lies between and however a journal is ordered."""
        postings = [
            *journal(7, 1_000_000, 5_000_000, 10)[::-1],
            *journal(8, -2_000_000, 6_000_000, 20, role="Aggressive"),
            *journal(7, 3_000_000, 5_000_000, 30),
        ]
        found = [facts(fill) for fill in fills_of(reversed(postings), CONTRACTS)]
        self.assertEqual(("7:1000000:1", "BUY", 5_000_000, 1_000_000, {"HUF": 10}), found[0])
        self.assertEqual(("8:2000000:1", "SELL", 6_000_000, 2_000_000, {"HUF": 10}), found[1])
        self.assertEqual("7:3000000:1", found[2][0])

    def test_a_clock_set_back_changes_no_id(self) -> None:
        """What an order filled later is dated earlier: the ids are those of before."""
        first = journal(7, 1_000_000, 5_000_000, 10)
        later = [journal(7, size, 5_000_000, 3 + n) for n, size in enumerate((3_000_000, 3_000_000))]
        ids = {fill.id for fill in fills_of([*first, *later[0], *later[1]], CONTRACTS)}
        self.assertEqual({"7:1000000:1", "7:3000000:1", "7:3000000:2"}, ids)
        self.assertEqual({"7:1000000:1"}, {fill.id for fill in fills_of(first, CONTRACTS)})

    def test_trade_with_oneself(self) -> None:
        """Both sides are in one journal; the one that took paid the larger fee."""
        postings = journal(13, 1_000_000, 4_900_000, 5, fee=100) + journal(
            16, -1_000_000, 4_900_000, 5, role="Aggressive", fee=490
        )
        found = {fill.order_id: facts(fill) for fill in fills_of(postings, CONTRACTS)}
        self.assertEqual({"HUF": 100}, found[13][4])
        self.assertEqual({"HUF": 490}, found[16][4])
        self.assertEqual(("SELL", "BUY"), (found[16][1], found[13][1]))

    def test_rebates_and_free_trades(self) -> None:
        """A debit of a negative quantity is money for us; a fee of nothing is still a fee posting."""
        rebate = [*journal(1, 1_000_000, 5_000_000, 5)[:2], Posting("HUF", "Trade", False, -25, "Fee", 5)]
        free = journal(2, 1_000_000, 5_000_000, 6, fee=0)
        self.assertEqual([{"HUF": -25}, {"HUF": 0}], [dict(fill.fees) for fill in fills_of(rebate + free, CONTRACTS)])

    def test_a_clock_that_stood_still(self) -> None:
        """Two executions of one order at one moment are told apart by size, the better price first."""
        postings = journal(9, 2_000_000, 5_100_000, 5, role="Aggressive", fee=20)
        postings += journal(9, 1_000_000, 5_000_000, 5, role="Aggressive", fee=9)
        found = [facts(fill) for fill in fills_of(postings, CONTRACTS)]
        self.assertEqual(("9:1000000:1", "BUY", 5_000_000, 1_000_000, {"HUF": 9}), found[0])
        self.assertEqual(("9:2000000:1", "BUY", 5_100_000, 2_000_000, {"HUF": 20}), found[1])

    def test_what_does_not_add_up(self) -> None:
        """A missing leg or fee, both legs the same way, a price off the tick: nothing is concluded."""
        whole = journal(7, 1_000_000, 5_000_000, 10)
        two_lots = journal(7, 2_000_000, 5_000_000, 10)
        bent = [posting("HUF", -100_001, "Passive order: 7", 10), *two_lots[1:]]
        same_way = [posting("HUF", 50_000, "Passive order: 7", 10), *whole[1:]]
        for wrong in (whole[:2], [whole[0], *whole[0:]], bent, same_way):
            self.assertRaises(ValueError, fills_of, wrong, CONTRACTS)

    def test_contracts_that_are_gone(self) -> None:
        """Executions in a contract that is no longer listed are left out, not fatal."""
        gone = [posting("OLD", 5, "Passive order: 1", 1), posting("HUF", -5, "Passive order: 1", 1)]
        self.assertEqual([], fills_of([*gone, posting("HUF", -1, "Fee", 1)], CONTRACTS))

    @given(
        st.lists(st.tuples(st.integers(1, 5), st.integers(1, 50), st.integers(400, 700), st.integers(0, 99)), max_size=12),
        st.randoms(use_true_random=False),
    )
    def test_any_history(self, trades: list[tuple[int, int, int, int]], random: Any) -> None:
        """However the postings inside the journals are shuffled, the executions are the ones that happened."""
        postings: list[Posting] = []
        expected: list[tuple[Any, ...]] = []
        seen: Counter[tuple[int, int]] = Counter()
        for moment, (order, lots, ticks, fee) in enumerate(trades):
            quantity, price = lots * HUF.lot, ticks * 10_000
            rows = journal(order, quantity, price, moment, fee=fee)
            random.shuffle(rows)
            postings += rows
            seen[order, quantity] += 1
            expected.append((f"{order}:{quantity}:{seen[order, quantity]}", "BUY", price, quantity, {"HUF": fee}))
        self.assertEqual(expected, [facts(fill) for fill in fills_of(postings, CONTRACTS)])


class MoneyTests(SynchronousTestCase):
    def test_recorded_deposits_and_withdrawals(self) -> None:
        """The recorded history: addresses without the operator, fees joined, the cancelled withdrawal back as a Transfer."""
        path = TRANSCRIPTS / "cash_transcript.txt"
        if not path.exists():
            raise SkipTest(f"{path} is not here")
        rows = [json.loads(row) for row in re.findall(r"^ +H (.*)$", path.read_text(), re.MULTILINE)]
        shapes = transactions_of(read_history(rows), CONTRACTS)
        found = [(t["contract"], t["type"], t["direction"], str(t["quantity"]), t["address"]) for t in shapes]
        self.assertEqual(
            [
                ("BTC", "Deposit", "credit", "1", "stubaddr4"),
                ("BTC", "Deposit", "credit", "0.5", "stubaddr4"),
                ("HUF", "Withdrawal", "debit", "10000", "IBAN"),
                ("HUF", "Transfer", "credit", "10000", "IBAN"),
            ],
            found,
        )
        self.assertEqual(4, len({t["id"] for t in shapes}))
        self.assertEqual(shapes, transactions_of(read_history(rows[::-1]), CONTRACTS))

    def test_fees_are_besides(self) -> None:
        """Fee and amount together are what the balance moved by, and the fee belongs to what it was taken for."""
        postings = [
            posting("BTC", -10_000, "Fee", 5, "Withdrawal"),
            posting("BTC", -90_000, "addr", 5, "Withdrawal"),
            posting("BTC", 100_000, "mine", 6, "Deposit"),
            posting("BTC", -40_000, "Excess Deposit: mine", 6, "Deposit"),
            posting("BTC", -1_000, "Fee", 6, "Deposit"),
            posting("BTC", -7, "Fee", 7, "Withdrawal"),
        ]
        found = [Transaction.from_shape(shape) for shape in transactions_of(postings, CONTRACTS)]
        self.assertEqual(Decimal(sum(p.change for p in postings)) / 10**8, sum(t.change for t in found))
        by_note = {t.note: t for t in found}
        self.assertEqual((Decimal("0.0009"), Decimal("0.0001")), (by_note["addr"].quantity, by_note["addr"].fee))
        self.assertEqual(Decimal("0.00001"), by_note["mine"].fee)
        self.assertIsNone(by_note["Excess Deposit: mine"].address)
        self.assertEqual(("Fee", Decimal("0.00000007")), (by_note["Fee"].type, by_note["Fee"].quantity))

    def test_twins(self) -> None:
        """Two equal postings of one moment are two, with ids of their own; a wider window changes no id."""
        twins = [posting("HUF", 100, "addr", 5, "Deposit")] * 2
        ids = [shape["id"] for shape in transactions_of(twins, CONTRACTS)]
        self.assertEqual(2, len(set(ids)))
        wider = [posting("HUF", 100, "addr", 4, "Deposit"), *twins, posting("XX", 1, "addr", 5, "Deposit")]
        self.assertEqual(ids, [shape["id"] for shape in transactions_of(wider, CONTRACTS)][1:])
