"""Binance's deposits and withdrawals as transactions: pure functions. Formats: wallet documentation, "Deposit
history", "Withdraw history"; a spot account has no ledger, so what moved it is put together from these and
the executions.

``amount`` of a withdrawal is what travels, ``transactionFee`` was taken besides (recorded: of 10 that were asked for, 9 and 1).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from clients.binance.wire import microseconds
from clients.parsing import EPOCH, number, optional_text, text, whole
from model.money import ZERO
from model.shapes import TransactionShape

State = Literal["done", "pending", "cancelled"]

#: Of a deposit: waiting, credited but not to be withdrawn yet, wrong, waiting for the user, success, rejected.
DEPOSIT_STATES: Mapping[int, State] = {0: "pending", 6: "done", 7: "cancelled", 8: "pending", 1: "done", 2: "cancelled"}
#: Of a withdrawal: mail sent, cancelled, waiting for approval, rejected, processing, failed, completed.
WITHDRAWAL_STATES: Mapping[int, State] = {
    0: "pending",
    1: "cancelled",
    2: "pending",
    3: "cancelled",
    4: "pending",
    5: "cancelled",
    6: "done",
}


def deposit(entry: Mapping[str, Any]) -> list[TransactionShape]:
    """An entry of ``deposit/hisrec``; dated when it was credited, where the venue tells, else when it was first seen."""
    state = _state(entry, DEPOSIT_STATES)
    began = microseconds(entry["insertTime"], "insertTime")
    completed = entry.get("completeTime")
    return [
        {
            "id": f"deposit-{text(str(entry['id']), 'id')}",
            "contract": text(entry["coin"], "coin"),
            "type": "Deposit",
            "direction": "credit",
            "quantity": number(entry["amount"], "amount"),
            "fee": ZERO,
            "note": f"deposit {optional_text(entry.get('network'), 'network') or ''}".strip(),
            "address": optional_text(entry.get("address"), "address"),
            "reference": optional_text(entry.get("txId"), "txId"),
            "state": state,
            "timestamp": microseconds(completed, "completeTime") if completed and state == "done" else began,
        }
    ]


def withdrawal(entry: Mapping[str, Any]) -> list[TransactionShape]:
    """An entry of ``withdraw/history``; of one that came to nothing the posting that gives the money back, too."""
    state = _state(entry, WITHDRAWAL_STATES)
    id = text(entry["id"], "id")
    amount, fee = number(entry["amount"], "amount"), number(entry.get("transactionFee", "0"), "transactionFee")
    debit: TransactionShape = {
        "id": f"withdrawal-{id}",
        "contract": text(entry["coin"], "coin"),
        "type": "Withdrawal",
        "direction": "debit",
        "quantity": amount,
        "fee": fee,
        "note": f"withdrawal {optional_text(entry.get('network'), 'network') or ''}".strip(),
        "address": optional_text(entry.get("address"), "address"),
        "reference": id,
        "state": state,
        "timestamp": _moment(entry["applyTime"], "applyTime"),
    }
    if state != "cancelled":
        return [debit]
    ended = entry.get("completeTime") or entry["applyTime"]
    back: TransactionShape = {
        **debit,
        "id": f"returned-{id}",
        "type": "Transfer",
        "direction": "credit",
        "quantity": amount + fee,
        "fee": ZERO,
        "note": f"withdrawal {id} came to nothing",
        "state": "done",
        "timestamp": _moment(ended, "completeTime"),
    }
    return [debit, back]


def _state(entry: Mapping[str, Any], states: Mapping[int, State]) -> State:
    status = whole(entry["status"], "status")
    if status not in states:
        raise ValueError(f"status {status} is none of {', '.join(map(str, states))}")
    return states[status]


def _moment(value: object, what: str) -> int:
    """``2024-05-05 15:38:56``, which is UTC, as microseconds."""
    moment = datetime.strptime(text(value, what), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return (moment - EPOCH) // timedelta(microseconds=1)
