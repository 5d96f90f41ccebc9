"""Taking in what the venues' histories say about our money: deposits, withdrawals, fees, cancelled withdrawals.

Each posting is booked once, by its id. A withdrawal is matched to the transit it is part of by the venue's reference, else by
address and amount; a deposit by network id, else by address; each at most once, oldest first. What matches nothing is the
operator's own doing and is booked against ``outside``.
"""

from collections.abc import Callable
from decimal import Decimal

import attrs
from twisted.logger import Logger

from clients.interface import IExchangeClient
from execution.books import Books
from execution.looking_up import SKEW, at
from execution.transfers import Transfers
from ledger.interface import ILedger
from model.money import ZERO
from model.records import TransitRecord
from model.transfer import Place, Transaction

#: How far back each reading overlaps the last: venues file postings late and by their own clock. In microseconds.
OVERLAP = 120_000_000
#: A deposit may fall short of what left by so much (network and bank fees) and still be the same money.
LARGEST_LOSS = Decimal("0.2")
#: An outcome that history has not proven after so long goes to a person, in microseconds.
UNPROVEN = 600_000_000
#: The states of a transit whose departure is not in the books.
NOT_LEFT = ("intended", "unknown", "requested", "manual")


class Intake:
    """The histories of both venues, read from where they were last read to."""

    log = Logger()

    def __init__(
        self,
        clients: dict[Place, IExchangeClient],
        books: Books,
        ledger: ILedger,
        transfers: Transfers,
        now: Callable[[], int],
        btc: str,
    ) -> None:
        self.recent: dict[Place, list[Transaction]] = {"source": [], "target": []}
        self._clients = clients
        self._books = books
        self._ledger = ledger
        self._transfers = transfers
        self._now = now
        self._btc = btc
        self._cursors: dict[str, int] = {}

    async def load(self) -> None:
        """Read how far the histories have been read."""
        self._cursors = dict(await self._ledger.cursors())

    def begin_at(self, place: Place, timestamp: int) -> None:
        """The books of ``place`` were opened at ``timestamp``: what is older is in the opening balance."""
        self._cursors.setdefault(f"opened:{place}", timestamp)

    async def save_beginning(self, place: Place) -> None:
        """Remember where the books of ``place`` began."""
        await self._ledger.save_cursor(f"opened:{place}", self._cursors[f"opened:{place}"])

    def opened(self, place: Place) -> int:
        """When the books of ``place`` were opened, in microseconds."""
        return self._cursors.get(f"opened:{place}", 0)

    def since(self, name: str, place: Place) -> int:
        """From where to read a history (``name``: transactions or fills) of ``place`` again, in microseconds."""
        return max(self._cursors.get(f"{name}:{place}", 0) - OVERLAP, self.opened(place))

    async def read_to(self, name: str, place: Place, timestamp: int) -> None:
        """Remember how far it has been read."""
        key = f"{name}:{place}"
        if timestamp > self._cursors.get(key, 0):
            self._cursors[key] = timestamp
            await self._ledger.save_cursor(key, timestamp)

    async def read(self, place: Place) -> None:
        """Read and book what is new at one venue. Safe to repeat.

        :raises clients.errors.ExchangeError: the venue could not be asked; nothing is lost, the next reading starts there.
        """
        start, end = self.since("transactions", place), self._now()
        try:
            shapes = await self._clients[place].getTransactionHistory(at(start), at(end + SKEW))
        except NotImplementedError:
            return
        read_to = end
        for shape in shapes:
            transaction = Transaction.from_shape(shape)
            if self._is_new(place, transaction) and not await self._take(place, transaction):
                read_to = min(read_to, transaction.timestamp)
        self.recent[place] = [Transaction.from_shape(shape) for shape in shapes][-100:]
        await self.read_to("transactions", place, read_to)
        await self._chase(place)

    def _is_new(self, place: Place, transaction: Transaction) -> bool:
        """Whether it came after the books were opened. Some venues date a withdrawal by the whole second in which it was
        asked for; one that has the reference of a transit of ours is new, whatever its second.
        """
        references = {transit.reference for transit in self._transfers.transits.values() if transit.origin == place} - {None}
        return transaction.timestamp > self.opened(place) or transaction.reference in references

    async def _take(self, place: Place, transaction: Transaction) -> bool:
        """Book it; False if it is too early for it, and it must be read again."""
        if transaction.type == "Trade" or transaction.change == 0:
            return True  # trades are booked as fills, with their prices
        if transaction.is_credit and (transaction.state == "pending" or self._is_early(place, transaction)):
            return False
        transit, counter = self._match(place, transaction)
        fee_account = "fee:network" if transaction.ticker == self._btc else "fee:bank"
        if transaction.type == "Fee":
            counter = fee_account
        if await self._books.book_transaction(place, transaction, counter, transit, fee_account) and transit is not None:
            self._transfers.take(transit)
            self._transfers.changed()
        return True

    def _match(self, place: Place, transaction: Transaction) -> tuple[TransitRecord | None, str]:
        if transaction.type == "Withdrawal" and not transaction.is_credit:
            transit = self._departing(place, transaction)
            if transit is None:
                return None, "outside"
            left = attrs.evolve(
                transit,
                state="arrived" if transit.to == "out" else "travelling",
                departure_id=transaction.id,
                reference=transit.reference or transaction.reference,
                quantity=transaction.quantity,
                fee=transaction.fee,
                updated=self._now(),
            )
            return left, "outside" if transit.to == "out" else "transit"
        if transaction.type == "Deposit" and transaction.is_credit:
            transit = self._arriving(place, transaction)
            if transit is None:
                return None, "outside"
            return attrs.evolve(
                transit, state="arrived", arrival_id=transaction.id, arrived=transaction.quantity, updated=self._now()
            ), "transit"
        if transaction.is_credit:
            transit = self._returned(place, transaction)
            if transit is not None:
                detail = f"given back by the venue: {transaction.note}"
                return attrs.evolve(transit, state="cancelled", detail=detail, updated=self._now()), "transit"
        return None, "outside"

    def _departing(self, place: Place, transaction: Transaction) -> TransitRecord | None:
        open_ones = [
            t for t in self._oldest_first() if t.origin == place and t.ticker == transaction.ticker and t.state in NOT_LEFT
        ]
        for transit in open_ones:
            if transit.reference is not None and transit.reference == transaction.reference:
                return transit
        for transit in open_ones:
            same_amount = transit.quantity in (transaction.quantity, transaction.quantity + transaction.fee)
            same_address = transaction.address is None or transit.address is None or transaction.address == transit.address
            if same_amount and same_address and transaction.timestamp >= transit.created - OVERLAP:
                return transit
        return None

    def _arriving(self, place: Place, transaction: Transaction) -> TransitRecord | None:
        coming = [t for t in self._oldest_first() if t.to == place and t.state == "travelling"]
        for transit in coming:
            if transit.reference is not None and transit.reference == transaction.reference:
                return transit
        possible = [transit for transit in coming if self._could_be(transit, transaction)]
        # Of two the one that it falls short of by less; where a bank converts that tells nothing, and the oldest comes first.
        return min(possible, key=lambda t: t.quantity if t.ticker == transaction.ticker else ZERO, default=None)

    def _is_early(self, place: Place, transaction: Transaction) -> bool:
        """Whether it may be a transfer of ours whose departure has not been read yet: the two venues' histories are read
        one after the other, and after a time away both ends of a transfer may be new. Taken for the operator's own it
        would be counted twice: here, and as still travelling.
        """
        if transaction.type != "Deposit" or self._arriving(place, transaction) is not None:
            return False
        return any(t.to == place and t.state in NOT_LEFT and self._could_be(t, transaction) for t in self._oldest_first())

    def _could_be(self, transit: TransitRecord, transaction: Transaction) -> bool:
        if transit.address is not None and transaction.address is not None and transit.address != transaction.address:
            return False
        if transit.ticker != transaction.ticker:
            # A bank converts on the way: the amount proves nothing, but coins never become cash.
            return self._btc not in (transit.ticker, transaction.ticker)
        return transit.quantity * (1 - LARGEST_LOSS) <= transaction.quantity <= transit.quantity

    def _returned(self, place: Place, transaction: Transaction) -> TransitRecord | None:
        for transit in self._oldest_first():
            if transit.origin == place and transit.ticker == transaction.ticker and transit.state == "travelling":
                same = transit.reference is not None and transit.reference == transaction.reference
                told = (transaction.note, transaction.address or "")
                names_it = transit.address is not None and any(text.startswith(transit.address) for text in told)
                # Some venues give the fee back with it.
                is_whole = transaction.quantity in (transit.quantity, transit.quantity + transit.fee)
                if is_whole and (same or names_it):
                    return transit
        return None

    def _oldest_first(self) -> list[TransitRecord]:
        return sorted(self._transfers.transits.values(), key=lambda transit: transit.created)

    async def _chase(self, place: Place) -> None:
        for transit in self._oldest_first():
            if transit.origin == place and transit.state == "unknown" and self._now() - transit.updated > UNPROVEN:
                await self._transfers.ask_for_proof(transit)
