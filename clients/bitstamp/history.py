"""Bitstamp's postings (``user_transactions/``) as transactions. A posting is told when it has changed our balance, not before.

Where money came from or went to stands elsewhere: a withdrawal's in ``withdrawal-requests/``, which names its posting
(``txid``); a coin deposit's in ``crypto-transactions/``, which names none, so that only an amount that is there once is believed.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Literal

from attrs import frozen

from clients.bitstamp.wire import DEPOSIT, WITHDRAWAL, amounts, kind, moment
from clients.parsing import exact, optional_text, positive, text, whole
from model.money import ZERO
from model.shapes import TransactionShape, TransactionType

State = Literal["done", "pending", "cancelled"]
#: Of a withdrawal: open, in process, finished, canceled, failed.
STATES: Mapping[int, State] = {0: "pending", 1: "pending", 2: "done", 3: "cancelled", 4: "cancelled"}
#: Types of postings that move money between accounts of one owner.
TRANSFERS = frozenset({14, 33, 35})


@frozen
class Journey:
    """Where money came from or went to; ``reference``: the venue's id of a withdrawal, the network's of a deposit."""

    address: str | None
    reference: str
    state: State = "done"


NOWHERE = Journey(None, "")


@frozen
class Journeys:
    """Withdrawals by the number of their posting, coin deposits by ticker and amount."""

    withdrawals: Mapping[int, Journey]
    deposits: Mapping[tuple[str, Decimal], Journey]


def journeys(requests: Iterable[Mapping[str, Any]], deposits: Iterable[Mapping[str, Any]]) -> Journeys:
    """What ``withdrawal-requests/`` and the deposits of ``crypto-transactions/`` say.

    :raises ValueError: (or KeyError, TypeError) for what breaks the format.
    """
    # One that has no posting yet has not left our balance.
    gone = {whole(entry["txid"], "txid"): _request(entry) for entry in requests if entry.get("txid")}
    came: dict[tuple[str, Decimal], set[Journey]] = {}
    for entry in deposits:
        key = text(entry["currency"], "currency").upper(), positive(entry["amount"], "amount")
        came.setdefault(key, set()).add(_arrival(entry))
    return Journeys(gone, {key: found.pop() for key, found in came.items() if len(found) == 1})


def _request(entry: Mapping[str, Any]) -> Journey:
    status = whole(entry["status"], "status")
    if status not in STATES:
        raise ValueError(f"status {status} is none of {', '.join(map(str, STATES))}")
    return Journey(optional_text(entry.get("address"), "address"), str(whole(entry["id"], "id")), STATES[status])


def _arrival(entry: Mapping[str, Any]) -> Journey:
    return Journey(optional_text(entry.get("destinationAddress"), "destinationAddress"), text(entry["txid"], "txid"))


def postings(row: Mapping[str, Any], tickers: Iterable[str], known: Journeys) -> list[TransactionShape]:
    """A posting that is no trade, as one for each of ``tickers`` that it changes; its fee is in the first of them."""
    number, type = whole(row["id"], "id"), kind(row)
    fee = exact(row["fee"], "fee")
    found: list[TransactionShape] = []
    for ticker, change in amounts(row, tickers).items():
        name = _name(type, change)
        journey = _journey(known, number, ticker, change) if name in ("Deposit", "Withdrawal") else NOWHERE
        found.append(
            {
                "id": f"{number}-{ticker}",
                "contract": ticker,
                "type": name,
                "direction": "credit" if change > 0 else "debit",
                "quantity": abs(change),
                "fee": ZERO if found else fee,
                "note": f"{name.lower()} {number} (type {type})",
                "address": journey.address,
                "reference": journey.reference or None,
                "state": journey.state,
                "timestamp": moment(row["datetime"]),
            }
        )
    return found


def _name(type: int, change: Decimal) -> TransactionType:
    if type == DEPOSIT and change > 0:
        return "Deposit"
    if type == WITHDRAWAL:
        # One that came to nothing is given back.
        return "Withdrawal" if change < 0 else "Transfer"
    return "Transfer" if type in TRANSFERS else "Other"


def _journey(known: Journeys, number: int, ticker: str, change: Decimal) -> Journey:
    found = known.withdrawals.get(number) if change < 0 else known.deposits.get((ticker, change))
    return found or NOWHERE
