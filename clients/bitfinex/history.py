"""Bitfinex's movements (deposits and withdrawals) as transactions: pure functions. Format: REST documentation, "Movements".

22 places: 0 id, 1 currency, 2 method, 5 started, 6 updated, 9 status, 12 amount (negative: it leaves), 13 fee (negative: we pay
it, besides the amount), 16 address, 20 transaction of the network.
"""

from typing import Any, Literal

from clients.bitfinex.symbols import Names
from clients.bitfinex.wire import microseconds, row
from clients.parsing import exact, optional_text, text, whole
from model.money import ZERO
from model.shapes import TransactionShape

State = Literal["done", "pending", "cancelled"]

#: How a status begins; all others (PENDING, PENDING REVIEW, SENDING, USER APPROVED, ...) are on their way.
DONE = ("COMPLETED", "SUCCESS")
NOTHING = ("CANCELED", "ERROR", "FAILURE")


def movement(value: Any, names: Names) -> list[TransactionShape]:
    """A deposit or withdrawal; of a withdrawal that came to nothing the posting that gives the money back, too."""
    entry = row(value, 22, "movement")
    amount = exact(entry[12], "amount")
    if not amount:
        raise ValueError(f"movement {entry[0]!r:.40} moves nothing")
    return [_deposit(entry, names)] if amount > 0 else _withdrawal(entry, names)


def _deposit(entry: list[Any], names: Names) -> TransactionShape:
    deposit = _posting(entry, names)
    deposit |= {"type": "Deposit", "direction": "credit", "reference": optional_text(entry[20], "transaction")}
    if deposit.get("state") == "done":
        # What has arrived is ours from when it was last changed: an entry is there before it is credited.
        deposit["timestamp"] = microseconds(entry[6], "updated")
    return deposit


def _withdrawal(entry: list[Any], names: Names) -> list[TransactionShape]:
    debit = _posting(entry, names)
    if debit.get("state") != "cancelled":
        return [debit]
    back: TransactionShape = {
        **debit,
        "id": f"returned-{debit['id']}",
        "type": "Transfer",
        "direction": "credit",
        "quantity": debit["quantity"] + debit.get("fee", ZERO),
        "fee": ZERO,
        "note": f"withdrawal {debit['id']} came to nothing",
        "state": "done",
        "timestamp": microseconds(entry[6], "updated"),
    }
    return [debit, back]


def _posting(entry: list[Any], names: Names) -> TransactionShape:
    """All that deposits and withdrawals have in common, as a withdrawal."""
    id = str(whole(entry[0], "id"))
    status = text(entry[9], "status")
    state: State = "cancelled" if status.startswith(NOTHING) else "done" if status.startswith(DONE) else "pending"
    return {
        "id": f"movement-{id}",
        "contract": names.ticker(entry[1]),
        "type": "Withdrawal",
        "direction": "debit",
        "quantity": abs(exact(entry[12], "amount")),
        "fee": ZERO if entry[13] is None else -exact(entry[13], "fee"),
        "note": f"{text(entry[2], 'method')} {status}",
        "address": optional_text(entry[16], "address"),
        "reference": id,
        "state": state,
        "timestamp": microseconds(entry[5], "started"),
    }
