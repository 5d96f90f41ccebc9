"""Kraken's ledger and funding lists as transactions: pure functions. Formats: REST documentation, "Get ledgers info",
"Get status of recent deposits", "Get status of recent withdrawals".

A ledger entry is a movement of the balance; what it was for (address, transaction id on the network, how far it got) is in
the funding lists, under the same ``refid``.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from attrs import frozen

from clients.kraken.wire import Market, microseconds
from clients.parsing import exact, optional_text, text
from model.shapes import TransactionShape, TransactionType

State = Literal["done", "pending", "cancelled"]

_TYPES: Mapping[str, TransactionType] = {
    "deposit": "Deposit",
    "withdrawal": "Withdrawal",
    "trade": "Trade",
    "spend": "Trade",
    "receive": "Trade",
    "transfer": "Transfer",
}
_STATES: Mapping[str, State] = {
    "Initial": "pending",
    "Pending": "pending",
    "Settled": "pending",
    "Partial": "pending",
    "Success": "done",
    "Failure": "cancelled",
}


@frozen
class Funding:
    """What the funding lists know of one deposit or withdrawal; ``transaction_id`` is the network's."""

    address: str | None
    transaction_id: str | None
    state: State


def funding(entries: Any) -> dict[str, Funding]:
    """``DepositStatus`` or ``WithdrawStatus``, by ``refid``."""
    return {text(entry["refid"], "refid"): _funding(entry) for entry in entries}


def _funding(entry: Mapping[str, Any]) -> Funding:
    status = text(entry["status"], "status")
    if status not in _STATES:
        raise ValueError(f"status {status!r} is none of {', '.join(_STATES)}")
    # A person's cancel shows beside a status that may still say Pending.
    state = "cancelled" if entry.get("status-prop") in ("canceled", "cancelled") else _STATES[status]
    return Funding(optional_text(entry.get("info"), "info"), optional_text(entry.get("txid"), "txid"), state)


def transactions(ledger: Mapping[str, Any], known: Market, fundings: Mapping[str, Funding]) -> list[TransactionShape]:
    """``Ledgers``, oldest first."""
    found = (_transaction(id, entry, known, fundings.get(entry["refid"])) for id, entry in ledger.items())
    return sorted(found, key=lambda shape: (shape["timestamp"], shape["id"]))


def _transaction(id: str, entry: Mapping[str, Any], known: Market, told: Funding | None) -> TransactionShape:
    amount = exact(entry["amount"], "amount")
    kind = _TYPES.get(text(entry["type"], "type"), "Other")
    reference = optional_text(entry["refid"], "refid")
    return {
        "id": text(id, "ledger id"),
        "contract": known.ticker(text(entry["asset"], "asset")),
        "type": kind,
        "direction": "credit" if amount > 0 else "debit",
        "quantity": abs(amount),
        "fee": exact(entry["fee"], "fee"),
        "balance": exact(entry["balance"], "balance"),
        "note": " ".join(filter(None, (entry["type"], optional_text(entry.get("subtype"), "subtype"), reference))),
        "address": told.address if told else None,
        # A withdrawal keeps the id that its request was answered with; a deposit is known by the network's.
        "reference": (told.transaction_id if told and kind == "Deposit" else None) or reference,
        "state": told.state if told else "done",
        "timestamp": microseconds(entry["time"]),
    }


def refids_of_fundings(ledger: Mapping[str, Any]) -> dict[str, set[str]]:
    """For ``deposit`` and ``withdrawal``: the assets of which the ledger has any."""
    found: dict[str, set[str]] = {}
    for entry in ledger.values():
        if entry["type"] in ("deposit", "withdrawal"):
            found.setdefault(entry["type"], set()).add(entry["asset"])
    return found


def newest_first(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """``DepositAddresses``: the addresses that can be given to somebody.

    :raises NotImplementedError: where the address alone is not enough (a tag or memo belongs to it).
    """
    usable = [entry for entry in entries if str(entry.get("expiretm", "0")) == "0"]
    if any(entry.get("tag") or entry.get("memo") for entry in usable):
        raise NotImplementedError("kraken: this asset's deposits need a tag or memo beside the address")
    return [text(entry["address"], "address") for entry in usable]
