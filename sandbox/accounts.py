"""Who has what at one venue: balances, holds and the postings that explain them. Exact, and conserved."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal

from attrs import define, field

from model.instrument import Instrument
from model.money import ZERO
from sandbox.trading import Posting, PostingKind, Reason, VenueFill, VenueRefused

#: Where the venue keeps the fees it took, and what users asked to withdraw until it is sent. No user can log in as these.
FEES = "(fees)"
WITHDRAWALS = "(withdrawals)"


@define
class Account:
    """One user's money. ``remembers``: postings, closed orders and fills are kept; the crowd's are not, to stay small."""

    user: str
    remembers: bool = True
    balances: dict[str, Decimal] = field(factory=lambda: defaultdict(lambda: ZERO))
    holds: dict[str, Decimal] = field(factory=lambda: defaultdict(lambda: ZERO))
    postings: list[Posting] = field(factory=list)


class Accounts:
    """All accounts of one venue. Nothing enters or leaves but by :meth:`post`."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {name: Account(name, remembers=False) for name in (FEES, WITHDRAWALS)}
        self._last_id = 0

    def open(self, user: str, *, remembers: bool = True) -> Account:
        """Open an account; opening it again gives the one there is."""
        return self._accounts.setdefault(user, Account(user, remembers))

    def of(self, user: str) -> Account:
        """The account of ``user``.

        :raises VenueRefused: (USER) if there is none.
        """
        try:
            return self._accounts[user]
        except KeyError:
            raise VenueRefused(Reason.USER, user) from None

    def users(self) -> list[str]:
        """Everybody, the venue's own two accounts included."""
        return list(self._accounts)

    def balance(self, user: str, ticker: str) -> Decimal:
        """All that is the user's, held or not."""
        return self.of(user).balances.get(ticker, ZERO)

    def held(self, user: str, ticker: str) -> Decimal:
        """What open orders hold of it."""
        return self.of(user).holds.get(ticker, ZERO)

    def available(self, user: str, ticker: str) -> Decimal:
        """What a new order or a withdrawal may use."""
        return self.balance(user, ticker) - self.held(user, ticker)

    def hold(self, user: str, ticker: str, change: Decimal) -> None:
        """Hold more (or, negative, less) of what the user has."""
        self.of(user).holds[ticker] += change

    def post(
        self,
        user: str,
        ticker: str,
        change: Decimal,
        kind: PostingKind,
        *,
        fee: Decimal = ZERO,
        note: str = "",
        reference: str = "",
        timestamp: int = 0,
        address: str | None = None,
    ) -> Posting:
        """Change a balance by ``change - fee``; the fee goes to the venue's own account."""
        account = self.of(user)
        account.balances[ticker] += change - fee
        self._accounts[FEES].balances[ticker] += fee
        self._last_id += 1
        balance = account.balances[ticker]
        posting = Posting(self._last_id, user, ticker, kind, change, fee, balance, note, reference, timestamp, address)
        if account.remembers:
            account.postings.append(posting)
        return posting

    def post_fill(self, fill: VenueFill, instrument: Instrument, note: str) -> tuple[Posting, Posting]:
        """Both postings of one side of a trade: quote, then base; the fee in its own ticker."""
        sign = fill.side.sign
        changes = ((instrument.quote, -sign * fill.value), (instrument.base, sign * fill.quantity))
        quote, base = (
            self.post(
                fill.user,
                ticker,
                change,
                "Trade",
                fee=fill.fee if fill.fee_ticker == ticker else ZERO,
                note=note,
                reference=f"fill:{fill.id}",
                timestamp=fill.timestamp,
            )
            for ticker, change in changes
        )
        return quote, base

    def set_aside(self, ticker: str, amount: Decimal) -> None:
        """Add to (or, negative, take from) what waits to be sent."""
        self._accounts[WITHDRAWALS].balances[ticker] += amount

    def keep_fee(self, ticker: str, amount: Decimal) -> None:
        """Add to (or, negative, give back from) the fees."""
        self._accounts[FEES].balances[ticker] += amount

    def totals(self) -> Mapping[str, Decimal]:
        """Per ticker, all that is at this venue, whoever's it is."""
        totals: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for account in self._accounts.values():
            for ticker, balance in account.balances.items():
                totals[ticker] += balance
        return dict(totals)
