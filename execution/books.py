"""The pool's own books: the ledger's balances, mirrored in memory so that a fill counts at once.

Exposure is computed from these (fills, transactions, transits), never from the state of our orders. The ledger is the
truth; memory runs ahead of its disk by milliseconds and is rebuilt from it at every start.
"""

from collections.abc import Mapping
from decimal import Decimal

from ledger.interface import ILedger
from model.money import ZERO
from model.order import Fill
from model.records import TransitRecord
from model.transfer import Place, Transaction

#: Ids that memory answers for; older ones the ledger itself knows.
MOST_REMEMBERED = 20_000


class Books:
    """Balances by place and ticker, each in the ticker's unit. Booking the same fill or transaction twice changes nothing."""

    def __init__(self, ledger: ILedger) -> None:
        self._ledger = ledger
        self._balances: dict[Place, dict[str, Decimal]] = {"source": {}, "target": {}}
        self._booked: dict[tuple[str, Place, str], None] = {}
        self._known: set[Place] = set()

    async def load(self) -> None:
        """Read the ledger's balances. Safe to repeat."""
        accounts = await self._ledger.balances()
        for place in self._balances:
            account = f"venue:{place}"
            self._balances[place] = dict(accounts.get(account, {}))
            if account in accounts:
                self._known.add(place)

    def is_opened(self, place: Place) -> bool:
        """Whether the ledger has ever had an entry for this venue."""
        return place in self._known

    def balance(self, place: Place, ticker: str) -> Decimal:
        """What we hold there, by our own books."""
        return self._balances[place].get(ticker, ZERO)

    def balances(self, place: Place) -> Mapping[str, Decimal]:
        """All that we hold there, by our own books."""
        return dict(self._balances[place])

    async def book_fill(self, place: Place, fill: Fill, intent_id: str | None) -> bool:
        """Book a fill: in memory now, on disk when this returns. False if it was booked already.

        :raises ledger.interface.LedgerError: it is not on disk; memory has been put back.
        """
        key = ("fill", place, fill.id)
        if key in self._booked:
            return False
        self._remember(key)
        moves = fill.changes()
        self._move(place, moves, 1)
        try:
            is_new = await self._ledger.book_fill(place, fill, intent_id)
        except Exception:
            self._booked.pop(key, None)
            self._move(place, moves, -1)
            raise
        if not is_new:
            self._move(place, moves, -1)
        return is_new

    async def book_transaction(
        self, place: Place, transaction: Transaction, counter: str, transit: TransitRecord | None, fee_account: str
    ) -> bool:
        """Book a posting of the venue against ``counter``. False if it was booked already.

        :raises ledger.interface.LedgerError: it is not on disk.
        """
        key = ("transaction", place, transaction.id)
        if key in self._booked:
            return False
        is_new = await self._ledger.book_transaction(place, transaction, counter, transit, fee_account)
        self._remember(key)
        if is_new:
            self._move(place, {transaction.ticker: transaction.change}, 1)
        return is_new

    async def adjust(self, id: str, place: Place, ticker: str, amount: Decimal, counter: str, note: str, when: int) -> None:
        """Book ``amount`` (signed) at a venue against ``counter``: an opening balance or an accepted difference."""
        self._known.add(place)
        if await self._ledger.book_adjustment(id, f"venue:{place}", ticker, amount, counter, note, when):
            self._move(place, {ticker: amount}, 1)

    def _remember(self, key: tuple[str, Place, str]) -> None:
        self._booked[key] = None
        if len(self._booked) > MOST_REMEMBERED:
            del self._booked[next(iter(self._booked))]

    def _move(self, place: Place, moves: Mapping[str, Decimal], sign: int) -> None:
        balances = self._balances[place]
        for ticker, amount in moves.items():
            balances[ticker] = balances.get(ticker, ZERO) + sign * amount
