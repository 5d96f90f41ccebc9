"""What the account's history proves: executions put together again from their postings, and money in and out.

The postings of one journal share a timestamp and come in any order. An execution is three of them: what was paid out and
what it was denominated in, both noted ``Aggressive order: 14`` or ``Passive order: 14``, and a ``Fee``. Trading with
oneself puts both sides into one journal.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import groupby
from operator import attrgetter

from attrs import evolve, frozen

from clients.sputnik.contracts import Contract
from clients.sputnik.wire import Posting, WireFill, direction_of
from model.money import ZERO
from model.shapes import SideName, TransactionShape, TransactionType

_TRADE_NOTE = re.compile(r"(Aggressive|Passive) order: (\d+)")
_FEE = "Fee"
_KINDS: Mapping[str, TransactionType] = {
    "Deposit": "Deposit",
    "Withdrawal": "Withdrawal",
    "Transfer": "Transfer",
    _FEE: "Fee",
}
_WITH_ADDRESS = ("Deposit", "Withdrawal", "Transfer")
_by_time = attrgetter("timestamp")


def traded_order(posting: Posting) -> tuple[int, bool] | None:
    """The id of the order that a posting belongs to, and whether it took; None for fees and all that is no trade."""
    found = _TRADE_NOTE.fullmatch(posting.note) if posting.kind == "Trade" else None
    return (int(found[2]), found[1] == "Aggressive") if found else None


@frozen
class _Execution:
    """A fill without its fee; ``cost`` in denominated wire units, by which fees are told apart."""

    fill: WireFill
    cost: int
    is_aggressive: bool


def fills_of(postings: Iterable[Posting], contracts: Mapping[str, Contract]) -> list[WireFill]:
    """The executions of cash pairs in ``postings``, oldest first, with ``nth`` counted from the first posting.

    So the postings must begin no later than the orders. Executions in contracts that are no longer listed are left out.

    :raises ValueError: if the postings of a journal do not add up to executions.
    """
    trades = sorted((p for p in postings if p.kind == "Trade"), key=_by_time)
    seen: Counter[tuple[int, int]] = Counter()
    fills: list[WireFill] = []
    for _, journal in groupby(trades, key=_by_time):
        for fill in _journal_fills(list(journal), contracts):
            face = (fill.order_id, fill.quantity)
            seen[face] += 1
            fills.append(evolve(fill, nth=seen[face]))
    return fills


def _journal_fills(journal: list[Posting], contracts: Mapping[str, Contract]) -> list[WireFill]:
    fees = [posting for posting in journal if posting.note == _FEE]
    legs: dict[tuple[int, bool], list[Posting]] = {}
    for posting in journal:
        order = traded_order(posting)
        if order is not None:
            legs.setdefault(order, []).append(posting)
    pairs = {order: _pair_of(postings, contracts) for order, postings in legs.items()}
    if None in pairs.values():
        return []
    found = [e for order, pair in pairs.items() if pair for e in _executions(*order, legs[order], pair)]
    if len(fees) != len(found):
        raise ValueError(f"journal {journal[0].timestamp}: {len(fees)} fees for {len(found)} executions")
    return _with_fees(found, fees)


def _pair_of(legs: list[Posting], contracts: Mapping[str, Contract]) -> Contract | None:
    currencies = {posting.contract for posting in legs}
    for contract in contracts.values():
        if contract.is_pair and {contract.payout, contract.denominated} == currencies:
            return contract
    return None


def _executions(order_id: int, is_aggressive: bool, legs: list[Posting], pair: Contract) -> list[_Execution]:
    """Executions of one order in one journal: one, unless the venue's clock stood still between two.

    Then the larger amounts belong together, and the better price came first.
    """
    payouts = sorted((p for p in legs if p.contract == pair.payout), key=attrgetter("quantity"))
    costs = sorted((p for p in legs if p.contract == pair.denominated), key=attrgetter("quantity"))
    if len(payouts) != len(costs) or any(p.is_credit == c.is_credit for p, c in zip(payouts, costs, strict=True)):
        raise ValueError(f"order {order_id}: the postings at {legs[0].timestamp} are not the two sides of a trade")
    found = []
    for payout, cost in zip(payouts, costs, strict=True):
        if payout.quantity <= 0:
            raise ValueError(f"order {order_id}: a trade of {payout.quantity}")
        price = pair.price_of(payout.quantity, cost.quantity)
        side: SideName = "BUY" if payout.is_credit else "SELL"
        fill = WireFill(order_id, pair.ticker, side, price, payout.quantity, {}, payout.timestamp)
        found.append(_Execution(fill, cost.quantity, is_aggressive))
    return sorted(found, key=lambda e: e.fill.price if e.fill.side == "BUY" else -e.fill.price)


def _with_fees(executions: list[_Execution], fees: list[Posting]) -> list[WireFill]:
    """Fees do not say whose they are: the larger trade paid the larger one, and of equal trades the one that took."""
    by_size = sorted(range(len(executions)), key=lambda n: (executions[n].cost, executions[n].is_aggressive))
    by_fee = sorted(fees, key=attrgetter("change"), reverse=True)
    paid = {n: {fee.contract: -fee.change} for n, fee in zip(by_size, by_fee, strict=True)}
    return [evolve(execution.fill, fees=paid[n]) for n, execution in enumerate(executions)]


def transactions_of(postings: Iterable[Posting], contracts: Mapping[str, Contract]) -> list[TransactionShape]:
    """All in ``postings`` that is no trade, oldest first, each fee joined to what it was taken for.

    Look at the direction, not only at the type: a deposit over the limit is debited again, a withdrawal that the operator
    cancelled comes back as a Transfer. Sputnik does not tell how far a withdrawal is; its balance has moved, so it is done.
    """
    kept = [p for p in postings if p.kind != "Trade" and p.contract in contracts]
    kept.sort(key=lambda p: (p.timestamp, p.contract, p.kind))
    shapes: list[TransactionShape] = []
    for _, journal in groupby(kept, key=lambda p: (p.timestamp, p.contract, p.kind)):
        shapes.extend(_journal_transactions(list(journal), contracts))
    return _with_ids(shapes)


def _journal_transactions(journal: list[Posting], contracts: Mapping[str, Contract]) -> list[TransactionShape]:
    contract = contracts[journal[0].contract]
    fee = -sum(posting.change for posting in journal if posting.note == _FEE)
    moved = sorted((p for p in journal if p.note != _FEE), key=lambda p: (_is_usual(p), p.quantity, p.note), reverse=True)
    shapes = [_shape(posting, contract) for posting in moved]
    if fee and shapes:
        shapes[0]["fee"] = contract.quantity(fee)
    elif fee:
        lone = Posting(journal[0].contract, _FEE, fee < 0, abs(fee), _FEE, journal[0].timestamp)
        shapes = [_shape(lone, contract)]
    return shapes


def _is_usual(posting: Posting) -> bool:
    """Whether it goes the way its type says: what a fee is taken for, not what corrects it."""
    return posting.is_credit == (posting.kind != "Withdrawal")


def _shape(posting: Posting, contract: Contract) -> TransactionShape:
    return {
        "id": "",
        "contract": posting.contract,
        "type": _KINDS.get(posting.kind, "Other"),
        "direction": direction_of(posting),
        "quantity": contract.quantity(abs(posting.quantity)),
        "fee": ZERO,
        "note": posting.note,
        "address": _address(posting),
        "reference": None,
        "state": "done",
        "timestamp": posting.timestamp,
    }


def _address(posting: Posting) -> str | None:
    """The note is the address, after it perhaps the operator: ``addr (bob)``, ``addr: cancel (bob)``."""
    if posting.kind not in _WITH_ADDRESS or not posting.note or posting.note.startswith("Excess Deposit"):
        return None
    return re.sub(r"(: cancel)? \([^()]*\)$", "", posting.note)


def _with_ids(shapes: list[TransactionShape]) -> list[TransactionShape]:
    """Sputnik's postings have no ids: make them of what never changes; twins of one moment are counted."""
    seen: Counter[str] = Counter()
    for shape in shapes:
        facts = (shape["contract"], shape["type"], shape["direction"], shape["note"], shape["timestamp"], shape["quantity"])
        digest = sha256(repr(tuple(str(fact) for fact in facts)).encode()).hexdigest()[:20]
        seen[digest] += 1
        shape["id"] = f"{shape['timestamp']}-{digest}-{seen[digest]}"
    return shapes
