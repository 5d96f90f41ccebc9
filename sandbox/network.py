"""What lies between the venues: the coin network and the bank, and the one check that nothing is lost in the world."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from hashlib import sha256
from typing import Any

from attrs import evolve, frozen
from twisted.internet.interfaces import IReactorTime

from model.money import ZERO, floor_to
from sandbox.accounts import FEES, WITHDRAWALS
from sandbox.events import Event, WithdrawalChanged
from sandbox.funding import Address
from sandbox.rates import Rates
from sandbox.trading import Reason, VenueRefused, Withdrawal, WithdrawalState
from sandbox.venue import Venue


@frozen
class Routes:
    """How money travels; delays in world seconds.

    ``approval``: a venue lets a withdrawal go after this long; None: only a person does. A bank transfer into another
    currency costs ``fiat_fixed`` (in ``fixed_ticker``) and ``fiat_share`` of the amount, at the middle rate.
    """

    coin_delay: float = 600.0
    fiat_delay: float = 3_600.0
    approval: float | None = 5.0
    fiat_fixed: Decimal = ZERO
    fiat_share: Decimal = ZERO
    fixed_ticker: str = "USD"
    coins: frozenset[str] = frozenset({"BTC"})


@frozen
class Transit:
    """``amount`` of ``ticker`` left ``origin``; ``to`` None: it leaves the world of these venues. ``received`` arrives
    as ``received_ticker``; what the bank kept or changed in between is in the bank's books. What ``is_lost`` never arrives."""

    id: str
    origin: str
    withdrawal_id: int
    ticker: str
    amount: Decimal
    address: str
    to: str | None
    received_ticker: str
    received: Decimal = ZERO
    is_done: bool = False
    is_lost: bool = False


@frozen
class StoredAddress:
    """An address that a user of one venue has stored there, under a name, for withdrawals of ``ticker``."""

    key: str
    address: str
    ticker: str


class World:
    """All venues, what is between them, and what is outside. ``clock`` counts world seconds."""

    def __init__(self, venues: Iterable[Venue], clock: IReactorTime, rates: Rates, routes: Routes) -> None:
        self.venues: Mapping[str, Venue] = {venue.name: venue for venue in venues}
        self.rates = rates
        self.routes = routes
        self.transits: dict[str, Transit] = {}
        self._clock = clock
        self._outside: dict[str, Decimal] = defaultdict(lambda: ZERO)
        self._bank: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for venue in self.venues.values():
            venue.listen(self._watch(venue))

    def fund(self, venue: str, user: str, ticker: str, amount: Decimal, address: str | None = None) -> None:
        """Bring ``amount`` from outside to a user's account, at once, as a deposit to ``address`` (None: the current one).

        :raises VenueRefused: (USER, TICKER, AMOUNT).
        """
        funding = self.venues[venue].funding
        to = address or funding.current_address(user, ticker)
        funding.deposit(user, ticker, amount, to, self._transaction_id(venue, user, ticker, len(funding.deposits)))
        self._outside[ticker] -= amount

    def stored_addresses(self, venue: str, user: str, ticker: str) -> list[StoredAddress]:
        """Where ``user`` of ``venue`` may send ``ticker``: that user's addresses at the other venues.

        Coins go to addresses of the same coin, other money to any bank reference, where the bank changes it.
        """
        is_coin = ticker in self.routes.coins
        found: list[Address] = []
        for name, other in self.venues.items():
            tickers = [ticker] if is_coin else [each for each in other.rules.currencies if each not in self.routes.coins]
            if name != venue:
                found += [address for each in tickers for address in other.funding.addresses(user, each)]
        return [StoredAddress(f"{user}-{number}", address.text, ticker) for number, address in enumerate(found, 1)]

    def approve(self, venue: str, withdrawal_id: int) -> Transit:
        """Let a PENDING withdrawal go.

        :raises VenueRefused: (WITHDRAWAL) if it is not PENDING; harmless.
        """
        funding = self.venues[venue].funding
        sent = funding.send(withdrawal_id, self._transaction_id(venue, "withdrawal", str(withdrawal_id), 0))
        owner = self._owner(sent)
        transit = Transit(
            sent.transaction_id or "",
            venue,
            sent.id,
            sent.ticker,
            sent.net,
            sent.address,
            owner and owner[0],
            owner[1].ticker if owner else sent.ticker,
        )
        self.transits[transit.id] = transit
        delay = self.routes.coin_delay if sent.ticker in self.routes.coins else self.routes.fiat_delay
        self._clock.callLater(delay, self._arrive, transit)
        return transit

    def lose(self, transit_id: str) -> Transit:
        """Let what is on its way never arrive. A repeat changes nothing.

        :raises VenueRefused: (WITHDRAWAL) if nothing of this id is on its way.
        """
        transit = self.transits.get(transit_id)
        if transit is None or transit.is_done:
            raise VenueRefused(Reason.WITHDRAWAL, transit_id)
        self.transits[transit_id] = evolve(transit, is_lost=True)
        return self.transits[transit_id]

    def totals(self) -> dict[str, Decimal]:
        """Per ticker, everything everywhere, the outside's and the bank's side included: always zero."""
        totals: dict[str, Decimal] = defaultdict(lambda: ZERO)
        books = [self._outside, self._bank, *(venue.accounts.totals() for venue in self.venues.values())]
        for book in books:
            for ticker, amount in book.items():
                totals[ticker] += amount
        for transit in self.transits.values():
            if not transit.is_done:
                totals[transit.ticker] += transit.amount
        return dict(totals)

    def truth(self) -> dict[str, Any]:
        """All balances and holds by venue and user, what travels or is lost, fees, and the conservation check, per ticker."""
        venues = {}
        for name, venue in self.venues.items():
            accounts = {
                user: {
                    ticker: {"balance": balance, "held": venue.accounts.held(user, ticker)}
                    for ticker, balance in venue.accounts.of(user).balances.items()
                }
                for user in venue.accounts.users()
            }
            special = {FEES: "fees", WITHDRAWALS: "withdrawals"}
            venues[name] = {
                "balances": {user: account for user, account in accounts.items() if user not in special},
                **{word: {t: each["balance"] for t, each in accounts[user].items()} for user, word in special.items()},
            }
        in_transit: dict[str, Decimal] = defaultdict(lambda: ZERO)
        lost: dict[str, Decimal] = defaultdict(lambda: ZERO)
        for transit in self.transits.values():
            where = lost if transit.is_lost else in_transit
            where[transit.ticker] += ZERO if transit.is_done else transit.amount
        return {
            "venues": venues,
            "in_transit": dict(in_transit),
            "lost": dict(lost),
            "outside": dict(self._outside),
            "bank": dict(self._bank),
            "conserved": {ticker: total == 0 for ticker, total in self.totals().items()},
        }

    def _watch(self, venue: Venue) -> Callable[[Event], None]:
        def approve_later(withdrawal_id: int) -> None:
            if self.routes.approval is not None:
                self._clock.callLater(self.routes.approval, self._approve_unless_cancelled, venue, withdrawal_id)

        def watch(event: Event) -> None:
            if isinstance(event, WithdrawalChanged) and event.withdrawal.state is WithdrawalState.PENDING:
                approve_later(event.withdrawal.id)

        return watch

    def _approve_unless_cancelled(self, venue: Venue, withdrawal_id: int) -> None:
        if venue.funding.withdrawals[withdrawal_id].state is WithdrawalState.PENDING:
            self.approve(venue.name, withdrawal_id)

    def _owner(self, withdrawal: Withdrawal) -> tuple[str, Address] | None:
        for name, venue in self.venues.items():
            owner = venue.funding.owner(withdrawal.address)
            if owner is not None and self._can_reach(withdrawal.ticker, owner.ticker):
                return name, owner
        return None

    def _can_reach(self, ticker: str, to: str) -> bool:
        return ticker == to or (self.rates.knows(ticker) and self.rates.knows(to))

    def _arrive(self, sent: Transit) -> None:
        transit = self.transits[sent.id]
        if transit.is_lost:
            return
        received = self._converted(transit) if transit.to else ZERO
        done = evolve(transit, is_done=True, received=received)
        self.transits[transit.id] = done
        self.venues[transit.origin].funding.arrived(transit.withdrawal_id)
        if transit.to is None:
            self._outside[transit.ticker] += transit.amount
            return
        self._bank[transit.ticker] += transit.amount
        self._bank[transit.received_ticker] -= received
        funding = self.venues[transit.to].funding
        owner = funding.owner(transit.address)
        if owner is not None and received > 0:
            funding.deposit(owner.user, owner.ticker, received, transit.address, transit.id)

    def _converted(self, transit: Transit) -> Decimal:
        """What arrives, cut to the currency's unit; a transfer that does not pay its costs brings nothing."""
        to = transit.received_ticker
        if transit.ticker == to:
            return transit.amount
        rate = self.rates.rate(transit.ticker, to)
        fixed = self.routes.fiat_fixed * self.rates.rate(self.routes.fixed_ticker, to)
        unit = self.venues[transit.to or ""].rules.currencies[to]
        return max(ZERO, floor_to(transit.amount * (1 - self.routes.fiat_share) * rate - fixed, unit))

    def _transaction_id(self, *parts: object) -> str:
        return sha256("/".join(map(str, parts)).encode()).hexdigest()
