"""One source, one target and the rate between them, as the mathematics needs them: exact, checked, and nothing else."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import attrs
from attrs import frozen

from model.book import Book, Level
from model.money import ZERO
from model.order import Side
from model.settings import Settings
from model.snapshot import Snapshot, VenueView
from model.transfer import Transit
from optimizer.levels import Levels

#: The smallest amount of cash that is moved.
CENT = Decimal("0.01")


class Unsound(Exception):
    """An input that no decision can be made from; the text says which, for a person."""


@frozen
class Balances:
    """What lies where, each in its own unit: source currency, BTC, target currency, BTC."""

    source_cash: Decimal
    source_btc: Decimal
    target_cash: Decimal
    target_btc: Decimal

    def plus(
        self,
        source_cash: Decimal = ZERO,
        source_btc: Decimal = ZERO,
        target_cash: Decimal = ZERO,
        target_btc: Decimal = ZERO,
    ) -> "Balances":
        """These balances with something added to each."""
        return Balances(
            self.source_cash + source_cash,
            self.source_btc + source_btc,
            self.target_cash + target_cash,
            self.target_btc + target_btc,
        )

    @property
    def btc(self) -> Decimal:
        """All BTC, wherever it lies."""
        return self.source_btc + self.target_btc


@frozen
class Forced:
    """A trade at the source that is not the optimum's choice: on ``side``, at least ``least`` and at most ``most`` BTC."""

    side: Side
    least: Decimal
    most: Decimal


@frozen
class Pool:
    """The state that is decided on.

    ``bids`` and ``asks``: the source's levels that are not ours and lie within ``max_slippage``, best first; ``totals``: the
    same in running totals, by the side that trades on them. ``available``: what can be spent now, ``projected``: what will be
    there once everything in transit has arrived or left. ``fiat_bid`` and ``fiat_ask`` in source currency per target unit.
    ``markout`` in source currency per BTC, 0 where none is charged.
    """

    settings: Settings
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    totals: Mapping[Side, Levels]
    source_mid: Decimal | None
    fiat_bid: Decimal
    fiat_ask: Decimal
    available: Balances
    projected: Balances
    markout: Decimal = ZERO

    @property
    def best_bid(self) -> Decimal:
        """What one BTC fetches at the source: its worth wherever it lies."""
        return self.bids[0].price

    @property
    def ideal(self) -> Balances:
        """The ideal balances."""
        s = self.settings
        return Balances(s.ideal_source_cash, s.ideal_source_btc, s.ideal_target_cash, s.ideal_target_btc)

    @property
    def exposure(self) -> Decimal:
        """BTC away from the ideal, transits and hedges in flight included."""
        return self.projected.btc - self.ideal.btc

    @property
    def fair(self) -> Decimal | None:
        """BTC in target currency between both mids; None if nobody asks at the source."""
        return None if self.source_mid is None else self.source_mid / ((self.fiat_bid + self.fiat_ask) / 2)

    @property
    def least(self) -> Decimal:
        """What an action must be worth at least: without any minimum, paying a fee to move nothing would count as one."""
        return max(self.settings.min_action_value, CENT)

    @property
    def reserve(self) -> Balances:
        """What the target keeps for one quote a side; the source keeps nothing."""
        s, there = self.settings, self.available
        one_bid = s.quote_size * self.best_bid / self.fiat_ask * (1 + s.target_fee.proportional) + s.target_fee.fixed
        return Balances(ZERO, ZERO, min(there.target_cash, one_bid), min(there.target_btc, s.quote_size))

    def after_fill(self, side: Side, quantity: Decimal, price: Decimal) -> "Pool":
        """The pool once an own quote has traded ``quantity`` BTC at ``price`` (target currency per BTC), its fee paid."""
        fee = self.settings.target_fee
        cash = -side.sign * quantity * price - (quantity * price * fee.proportional + fee.fixed)
        btc = side.sign * quantity
        return attrs.evolve(
            self,
            available=self.available.plus(target_cash=cash, target_btc=btc),
            projected=self.projected.plus(target_cash=cash, target_btc=btc),
        )


def pool_of(snapshot: Snapshot, settings: Settings) -> Pool:
    """Read the pool from a snapshot.

    A ticker that a venue does not list is a balance of zero: most venues leave empty balances out.

    :raises Unsound: for a book or rate that is missing or crossed, or settings that contradict themselves.
    """
    _check(settings)
    book = snapshot.source.rivals()
    if not book.bids:
        raise Unsound("nobody bids at the source: BTC has no worth there")
    if book.is_crossed:
        raise Unsound("the source book is crossed")
    rate_bid, rate_ask = snapshot.fiat.best_bid, snapshot.fiat.best_ask
    if rate_bid is None or rate_ask is None:
        raise Unsound("the fiat rate is missing")
    if rate_bid.price > rate_ask.price:
        raise Unsound("the fiat rate is crossed")
    available, projected = _balances(snapshot, settings)
    bids, asks = _usable(book, settings.max_slippage)
    charged = snapshot.markout if settings.charge_markout and snapshot.markout is not None else ZERO
    return Pool(
        settings,
        bids,
        asks,
        {Side.BUY: Levels(asks), Side.SELL: Levels(bids)},
        book.mid,
        rate_bid.price,
        rate_ask.price,
        available,
        projected,
        max(ZERO, charged),
    )


def _usable(book: Book, max_slippage: Decimal) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
    """The levels that a trade may use."""
    lowest = book.bids[0].price * (1 - max_slippage)
    highest = book.asks[0].price * (1 + max_slippage) if book.asks else ZERO
    bids = tuple(level for level in book.bids if level.price >= lowest)
    return bids, tuple(level for level in book.asks if level.price <= highest)


def _check(settings: Settings) -> None:
    s = settings
    if s.quote_size <= 0:
        raise Unsound("quote_size must be positive")
    if s.levels < 1:
        raise Unsound("levels must be at least 1")
    edges = [s.edge_to_enter, s.edge_to_leave, *([] if s.edge_min is None else [s.edge_min])]
    never_negative = [
        s.deviation_penalty,
        s.risk_aversion,
        s.variance_btc,
        s.variance_fiat,
        s.btc_fee,
        s.min_action_value,
        s.max_skew,
        *(edge.value for edge in edges),
        *(part for cost in (s.fiat_exchange_cost, s.source_fee, s.target_fee) for part in (cost.fixed, cost.proportional)),
        *(getattr(s, f"ideal_{name}") for name in ("source_cash", "source_btc", "target_cash", "target_btc")),
    ]
    if min(never_negative) < 0:
        raise Unsound("a cost, edge, variance, penalty or ideal balance is negative")
    if not 0 <= s.max_slippage < 1:
        raise Unsound("max_slippage must be a share below 1")
    if max(s.fiat_exchange_cost.proportional, s.source_fee.proportional, s.target_fee.proportional) >= 1:
        raise Unsound("a proportional cost must be below 1")


def _balances(snapshot: Snapshot, settings: Settings) -> tuple[Balances, Balances]:
    source = [
        _balance(snapshot.source, settings.source, "source", snapshot.transits),
        _balance(snapshot.source, settings.btc, "source", snapshot.transits),
    ]
    target = [
        _balance(snapshot.target, settings.target, "target", snapshot.transits),
        _balance(snapshot.target, settings.btc, "target", snapshot.transits),
    ]
    both = [*source, *target]
    return Balances(*(available for available, _ in both)), Balances(*(projected for _, projected in both))


def _balance(view: VenueView, ticker: str, place: str, transits: Iterable[Transit]) -> tuple[Decimal, Decimal]:
    """Available and projected. What has been asked to leave is spent, whether or not the venue shows it so already."""
    held = view.positions.get(ticker)
    if held is None:
        position = available = ZERO
    else:
        position, available = held.position, held.available
    ours = [transit for transit in transits if transit.ticker == ticker]
    leaving = sum((transit.quantity for transit in ours if transit.origin == place), ZERO)
    arriving = sum((transit.quantity for transit in ours if transit.to == place), ZERO)
    return max(ZERO, min(available, position - leaving)), position - leaving + arriving
