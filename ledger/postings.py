"""Double entry, as pure functions: which accounts a fill, a transaction or an adjustment moves, and by how much."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from decimal import Context, Decimal, Inexact, localcontext

from attrs import frozen

from ledger.interface import LedgerError
from ledger.movement import Moves
from model.money import EXACT, ZERO
from model.order import Fill
from model.records import TransitRecord
from model.transfer import Place, Transaction

TRADE = "trade"
TRANSIT = "transit"
TRADING_FEES = "fee:trading"


def exactly(digits: int = EXACT.prec) -> AbstractContextManager[Context]:
    """Arithmetic that raises ``decimal.Inexact`` where it would have to round to ``digits``."""
    context = EXACT.copy()
    context.prec = digits
    context.traps[Inexact] = True
    return localcontext(context)


@frozen
class Entry:
    """One booking. ``id`` names what is booked, for ever; ``timestamp`` (microseconds) is when it happened."""

    id: str
    kind: str
    timestamp: int
    note: str
    moves: Moves

    def check(self) -> None:
        """Refuse what does not balance.

        :raises LedgerError: naming the ticker whose postings do not sum to zero.
        """
        for ticker, rest in sums_by_ticker(self.moves).items():
            if rest:
                raise LedgerError(f"entry {self.id} does not balance: {rest} {ticker} come from nowhere")


def sums_by_ticker(moves: Moves) -> dict[str, Decimal]:
    """The sum over all accounts, by ticker: zero wherever the books are sound."""
    sums: dict[str, Decimal] = {}
    with exactly():
        for (_, ticker), amount in moves.items():
            sums[ticker] = sums.get(ticker, ZERO) + amount
    return sums


def id_of_fill(place: Place, fill_id: str) -> str:
    """The id of the entry that books a fill."""
    return f"fill:{place}:{fill_id}"


def entry_of_fill(place: Place, fill: Fill) -> Entry:
    """Base and quote against ``trade``, each fee against ``fee:trading``."""
    base, _, quote = fill.contract.partition("/")
    venue = _venue(place)
    with exactly():
        bought = fill.side.sign * fill.quantity
        paid = bought * fill.price
    legs = [(TRADE, venue, base, bought), (venue, TRADE, quote, paid)]
    legs += [(venue, TRADING_FEES, ticker, fee) for ticker, fee in fill.fees.items() if fee]
    return _entry(id_of_fill(place, fill.id), "fill", fill.timestamp, fill.contract, legs)


def entry_of_transaction(
    place: Place, transaction: Transaction, counter: str, transit: TransitRecord | None, fee_account: str
) -> Entry:
    """What :meth:`ledger.interface.ILedger.book_transaction` says.

    :raises LedgerError: for a credit that is still pending, or a departure of another amount than its transit's.
    """
    if transaction.is_credit and transaction.state == "pending":
        raise LedgerError(f"transaction {transaction.id} is pending: what has not come cannot be booked")
    venue = _venue(place)
    if transit is None or counter != TRANSIT:
        legs = [_leg(venue, counter, transaction)]
    elif transaction.is_credit:
        legs = _arrival(venue, transaction, transit, fee_account)
    else:
        legs = [_departure(venue, transaction, transit)]
    if transaction.fee:
        legs.append((venue, fee_account, transaction.ticker, transaction.fee))
    id = f"transaction:{place}:{transaction.id}"
    return _entry(id, transaction.type.lower(), transaction.timestamp, transaction.note, legs)


def entry_of_adjustment(id: str, account: str, ticker: str, amount: Decimal, counter: str, note: str, timestamp: int) -> Entry:
    """``amount`` (signed) to ``account``, from ``counter``. Zero is worth an entry: it says that somebody looked."""
    return _entry(f"adjustment:{id}", "adjustment", timestamp, note, [(counter, account, ticker, amount)])


#: (from account, to account, ticker, amount)
_Leg = tuple[str, str, str, Decimal]


def _venue(place: Place) -> str:
    return f"venue:{place}"


def _leg(venue: str, counter: str, transaction: Transaction) -> _Leg:
    origin, to = (counter, venue) if transaction.is_credit else (venue, counter)
    return (origin, to, transaction.ticker, transaction.quantity)


def _departure(venue: str, transaction: Transaction, transit: TransitRecord) -> _Leg:
    # Otherwise the transit would arrive with more or less than left, and the difference would stay in transit for ever.
    if (transit.ticker, transit.quantity) != (transaction.ticker, transaction.quantity):
        raise LedgerError(
            f"transit {transit.id} says {transit.quantity} {transit.ticker} left, but transaction {transaction.id} "
            f"took {transaction.quantity} {transaction.ticker}"
        )
    return _leg(venue, TRANSIT, transaction)


def _arrival(venue: str, transaction: Transaction, transit: TransitRecord, fee_account: str) -> list[_Leg]:
    if transaction.ticker != transit.ticker:
        converted = [(TRANSIT, TRADE, transit.ticker, transit.quantity)] if transit.is_over else []
        return [_leg(venue, TRADE, transaction), *converted]
    legs = [_leg(venue, TRANSIT, transaction)]
    if transit.is_over:
        with exactly():
            lost = transit.quantity - (transaction.quantity if transit.arrived is None else transit.arrived)
        if lost:
            legs.append((TRANSIT, fee_account, transit.ticker, lost))
    return legs


def _entry(id: str, kind: str, timestamp: int, note: str, legs: Iterable[_Leg]) -> Entry:
    moves: dict[tuple[str, str], Decimal] = {}
    with exactly():
        for origin, to, ticker, amount in legs:
            moves[origin, ticker] = moves.get((origin, ticker), ZERO) - amount
            moves[to, ticker] = moves.get((to, ticker), ZERO) + amount
    return Entry(id, kind, timestamp, note, moves)
