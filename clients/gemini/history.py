"""Gemini's transfers as transactions: pure functions. Format: "List Past Transfers".

"When deposits show as Advanced or Complete they are available for trading": one that shows as anything else is not ours yet. What
it calls a withdrawal has left our balance whatever its state is; if it comes back, that is a transfer of its own.
"""

from collections.abc import Mapping
from typing import Any, Literal

from clients.gemini.wire import milliseconds
from clients.parsing import number, optional_text, text, whole
from model.money import ZERO
from model.shapes import TransactionShape, TransactionType

State = Literal["done", "pending", "cancelled"]
Direction = Literal["credit", "debit"]

KINDS: Mapping[str, tuple[TransactionType, Direction]] = {
    "Deposit": ("Deposit", "credit"),
    "Withdrawal": ("Withdrawal", "debit"),
    "AdminCredit": ("Transfer", "credit"),
    "AdminDebit": ("Transfer", "debit"),
    "Reward": ("Other", "credit"),
}
_DONE = frozenset({"Advanced", "Complete"})
_OVER = frozenset({"Cancelled", "Canceled", "Failed", "Rejected"})


def transfer(entry: Mapping[str, Any]) -> list[TransactionShape]:
    """An entry of ``transfers``; a fee in another currency is a posting of its own."""
    kind, direction = _kind(entry)
    id, ticker = f"transfer-{whole(entry['eid'], 'eid')}", text(entry["currency"], "currency")
    fee, fee_ticker = number(entry.get("feeAmount", "0"), "feeAmount"), entry.get("feeCurrency") or ticker
    hash = optional_text(entry.get("txHash"), "txHash")
    own_id = optional_text(entry.get("withdrawalId"), "withdrawalId")
    told: TransactionShape = {
        "id": id,
        "contract": ticker,
        "type": kind,
        "direction": direction,
        "quantity": number(entry["amount"], "amount"),
        "fee": fee if fee_ticker == ticker else ZERO,
        "note": f"{entry['type']} {optional_text(entry.get('method') or entry.get('purpose'), 'method') or ''}".strip(),
        "address": optional_text(entry.get("destination"), "destination"),
        "reference": own_id or hash,
        "state": _state(text(entry["status"], "status")),
        "timestamp": milliseconds(entry["timestampms"]),
    }
    if not fee or fee_ticker == ticker:
        return [told]
    besides: TransactionShape = {
        **told,
        "id": f"{id}-fee",
        "contract": text(fee_ticker, "feeCurrency"),
        "type": "Fee",
        "direction": "debit",
        "quantity": fee,
    }
    return [told, besides]


def _kind(entry: Mapping[str, Any]) -> tuple[TransactionType, Direction]:
    kind = text(entry["type"], "type")
    if kind not in KINDS:
        raise ValueError(f"transfer of type {kind!r}: none of {', '.join(KINDS)}")
    return KINDS[kind]


def _state(status: str) -> State:
    return "done" if status in _DONE else "cancelled" if status in _OVER else "pending"
