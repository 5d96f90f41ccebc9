"""What a venue gives back of a withdrawal leaves nothing in transit and nothing paid."""

from decimal import Decimal
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from ledger.postings import entry_of_transaction
from model.records import TransitRecord
from model.transfer import Transaction

D = Decimal
SENT = TransitRecord(
    "w1", "source", "target", "BTC", D("0.0701"), "travelling", 1, 2, address="bc1q", reference="R", fee=D("0.0001")
)


def posting(id: str, type: Any, is_credit: bool, quantity: str, fee: str = "0") -> Transaction:
    """One of the venue's."""
    return Transaction(id, "BTC", type, is_credit, D(quantity), D(fee), "", None, "R", "done", 3)


class GivenBackTests(SynchronousTestCase):
    """With its fee, and without."""

    def test_nothing_is_left(self) -> None:
        """Over all accounts, both ways of giving back."""
        gone = entry_of_transaction(
            "source", posting("L1", "Withdrawal", False, "0.0701", "0.0001"), "transit", SENT, "fee:network"
        )
        over = attrs.evolve(SENT, state="cancelled")
        for quantity, paid in (("0.0702", "0"), ("0.0701", "0.0001")):
            back = entry_of_transaction("source", posting("L2", "Transfer", True, quantity), "transit", over, "fee:network")
            sums = {
                account: gone.moves.get(account, D(0)) + back.moves.get(account, D(0)) for account in {**gone.moves, **back.moves}
            }
            self.assertEqual(sums, {("venue:source", "BTC"): -D(paid), ("transit", "BTC"): D(0), ("fee:network", "BTC"): D(paid)})
