"""Coinbase Exchange's ledgers and transfers as transactions: pure functions. Formats: "Get a single account's ledger", "Get
all transfers".

Each account (one for each currency) has a ledger; what came and went by a network stands there too, but who sent it where and
what became of it is told by the transfers only. So deposits and withdrawals are told from these and left out of the ledger.
``amount`` of a withdrawal is what left the balance, with the ``fee`` in it.
"""

from collections.abc import Mapping
from typing import Any, Literal

from clients.coinbase_exchange.places import ticker_of
from clients.parsing import exact, microseconds_of_text, number, optional_text, text
from model.money import ZERO
from model.shapes import TransactionShape, TransactionType

State = Literal["done", "pending", "cancelled"]

#: Of ledger entries; others (conversions between dollars and their coins, too) are told as Other. The fee of a trade has an entry
#: of its own, and is a part of the trade all the same: its execution tells it.
TYPES: Mapping[str, TransactionType] = {"match": "Trade", "fee": "Trade", "rebate": "Fee", "transfer": "Transfer"}
_FUNDINGS = ("deposit", "withdraw")


def posting(ticker: str, entry: Mapping[str, Any]) -> TransactionShape | None:
    """An entry of the ledger of ``ticker``; None for what the transfers tell."""
    kind, details = text(entry["type"], "type"), entry.get("details") or {}
    if kind == "transfer" and details.get("transfer_type") in _FUNDINGS:
        return None
    amount = exact(entry["amount"], "amount")
    reference = optional_text(details.get("trade_id") or details.get("profile_transfer_id"), "reference")
    return {
        "id": f"ledger-{ticker}-{text(entry['id'], 'id')}",
        "contract": ticker,
        "type": TYPES.get(kind, "Other"),
        "direction": "credit" if amount > 0 else "debit",
        "quantity": abs(amount),
        "fee": ZERO,
        "balance": exact(entry["balance"], "balance"),
        "note": f"{kind} {reference or ''}".strip(),
        "address": None,
        "reference": reference,
        "state": "done",
        "timestamp": microseconds_of_text(entry["created_at"]),
    }


def transfer(entry: Mapping[str, Any]) -> list[TransactionShape]:
    """A deposit or withdrawal; of a withdrawal that came to nothing the posting that gives the money back, too."""
    kind = text(entry["type"], "type")
    if kind not in _FUNDINGS:
        # Between profiles, and from a Coinbase account: the ledger tells these.
        return []
    return [_deposit(entry)] if kind == "deposit" else _withdrawal(entry)


def _deposit(entry: Mapping[str, Any]) -> TransactionShape:
    state = _state(entry)
    details = entry.get("details") or {}
    return {
        "id": f"deposit-{text(entry['id'], 'id')}",
        "contract": ticker_of(text(entry["currency"], "currency")),
        "type": "Deposit",
        "direction": "credit",
        "quantity": number(entry["amount"], "amount"),
        "fee": ZERO,
        "note": f"deposit {optional_text(details.get('network'), 'network') or ''}".strip(),
        "address": optional_text(details.get("crypto_address"), "crypto_address"),
        "reference": optional_text(details.get("crypto_transaction_hash"), "crypto_transaction_hash"),
        "state": state,
        # When it became ours, if it has; that is where whoever reads on finds it.
        "timestamp": microseconds_of_text(entry["completed_at"] if state == "done" else entry["created_at"]),
    }


def deposit_address(entry: Mapping[str, Any], ticker: str, network: str) -> str | None:
    """Where a deposit of ``ticker`` by ``network`` has come in; None of any other transfer, and where a tag was needed too."""
    details = entry.get("details") or {}
    is_wanted = entry["type"] == "deposit" and ticker_of(text(entry["currency"], "currency")) == ticker
    if not is_wanted or details.get("network") != network or details.get("destination_tag"):
        return None
    return optional_text(details.get("crypto_address"), "crypto_address")


def _withdrawal(entry: Mapping[str, Any]) -> list[TransactionShape]:
    id, state, details = text(entry["id"], "id"), _state(entry), entry.get("details") or {}
    amount, fee = number(entry["amount"], "amount"), number(details.get("fee") or "0", "fee")
    if fee > amount:
        raise ValueError(f"withdrawal {id}: a fee of {fee} out of {amount}")
    debit: TransactionShape = {
        "id": f"withdrawal-{id}",
        "contract": ticker_of(text(entry["currency"], "currency")),
        "type": "Withdrawal",
        "direction": "debit",
        "quantity": amount - fee,
        "fee": fee,
        "note": f"withdrawal {optional_text(details.get('network'), 'network') or ''}".strip(),
        "address": optional_text(details.get("sent_to_address") or details.get("crypto_address"), "address"),
        "reference": id,
        "state": state,
        "timestamp": microseconds_of_text(entry["created_at"]),
    }
    if state != "cancelled":
        return [debit]
    back: TransactionShape = {
        **debit,
        "id": f"returned-{id}",
        "type": "Transfer",
        "direction": "credit",
        "quantity": amount,
        "fee": ZERO,
        "note": f"withdrawal {id} came to nothing",
        "state": "done",
        "timestamp": microseconds_of_text(entry["canceled_at"]),
    }
    return [debit, back]


def _state(entry: Mapping[str, Any]) -> State:
    if entry.get("canceled_at") is not None:
        return "cancelled"
    return "pending" if entry.get("completed_at") is None else "done"
