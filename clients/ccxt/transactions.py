"""ccxt's ledger, deposits and withdrawals as transactions: pure functions.

A ledger entry is a movement of the balance; what it was for (address, transaction id on the network, how far it got) is in the
lists of deposits and withdrawals, under the entry's reference. A venue without a ledger has the lists only.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from clients.ccxt.mapping import exact, microseconds, or_zero
from model.shapes import TransactionShape, TransactionType

State = Literal["done", "pending", "cancelled"]

_TYPES: Mapping[str, TransactionType] = {
    "trade": "Trade",
    "transfer": "Transfer",
    "fee": "Fee",
    "deposit": "Deposit",
    "withdrawal": "Withdrawal",
}
_STATES: Mapping[str, State] = {"ok": "done", "pending": "pending", "canceled": "cancelled", "failed": "cancelled"}


def from_ledger(entries: Iterable[Mapping[str, Any]], lists: Iterable[Mapping[str, Any]]) -> list[TransactionShape]:
    """Ledger entries with what the ``lists`` of deposits and withdrawals know of them, oldest first."""
    known = {entry["id"]: entry for entry in lists if entry.get("id")}
    return sorted((_posting(entry, known) for entry in entries), key=lambda shape: (shape["timestamp"], shape["id"]))


def _posting(entry: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]]) -> TransactionShape:
    is_credit = entry["direction"] == "in"
    reference = entry.get("referenceId") or None
    told = known.get(reference or "", {})
    kind = _TYPES.get(entry["type"], "Other")
    if entry["type"] == "transaction":
        # ccxt's word for both; money that comes back from a withdrawal is in the list of withdrawals.
        kind = "Withdrawal" if not is_credit or told.get("type") == "withdrawal" else "Deposit"
    return {
        "id": entry["id"],
        "contract": entry["currency"],
        "type": kind,
        "direction": "credit" if is_credit else "debit",
        "quantity": exact(entry["amount"], "amount"),
        "fee": or_zero((entry.get("fee") or {}).get("cost"), "fee"),
        "note": " ".join(filter(None, (entry["type"], reference))),
        "address": told.get("address") or None,
        # A withdrawal keeps the id that its request was answered with; a deposit is known by the network's.
        "reference": (told.get("txid") if kind == "Deposit" else None) or reference,
        "state": _state(told) if told else "done",
        "timestamp": microseconds(entry["timestamp"]),
    }


def from_lists(lists: Iterable[Mapping[str, Any]]) -> list[TransactionShape]:
    """The deposits and withdrawals themselves, oldest first; a withdrawal that failed has come back."""
    found: list[TransactionShape] = []
    for entry in lists:
        shape = _movement(entry)
        if shape["type"] == "Withdrawal" and shape["state"] == "cancelled":
            whole = shape["quantity"] + shape["fee"]
            back: TransactionShape = {
                **shape,
                "id": f"{shape['id']}-returned",
                "direction": "credit",
                "quantity": whole,
                "fee": exact(0, "fee"),
                "state": "done",
            }
            found += [shape, back]
        elif shape["state"] != "cancelled":
            found.append(shape)
    return sorted(found, key=lambda shape: (shape["timestamp"], shape["id"]))


def _movement(entry: Mapping[str, Any]) -> TransactionShape:
    kind: TransactionType = "Withdrawal" if entry["type"] == "withdrawal" else "Deposit"
    return {
        "id": entry["id"],
        "contract": entry["currency"],
        "type": kind,
        "direction": "debit" if kind == "Withdrawal" else "credit",
        "quantity": exact(entry["amount"], "amount"),
        "fee": or_zero((entry.get("fee") or {}).get("cost"), "fee"),
        "note": entry["type"],
        "address": entry.get("address") or None,
        "reference": (entry.get("txid") if kind == "Deposit" else None) or entry["id"],
        "state": _state(entry),
        "timestamp": microseconds(entry["timestamp"]),
    }


def _state(entry: Mapping[str, Any]) -> State:
    status = entry.get("status")
    # A venue that tells no status lists what it has done.
    return "done" if status is None else _STATES[status]
