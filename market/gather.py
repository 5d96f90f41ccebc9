"""Beliefs into one frozen Snapshot: the only place where the live world becomes a value."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from market.feed import VenueFeed
from model.money import ZERO
from model.order import Order
from model.position import Position
from model.settings import Settings
from model.snapshot import Snapshot, VenueView
from model.transfer import Transit


class NotReady(Exception):
    """Something must be known that is not, or no longer; the text says what."""


def positions_of(
    balances: Mapping[str, Decimal], reserved: Mapping[str, Decimal], expected: Mapping[str, Decimal]
) -> dict[str, Position]:
    """Balances by ticker, less what is ``reserved`` (hedges, withdrawals asked for), plus what is ``expected`` of hedges."""
    return {
        ticker: Position(
            ticker,
            balances.get(ticker, ZERO) + expected.get(ticker, ZERO),
            max(ZERO, balances.get(ticker, ZERO) - reserved.get(ticker, ZERO)),
        )
        for ticker in {*balances, *reserved, *expected}
    }


def view(feed: VenueFeed, tickers: Iterable[str], positions: Mapping[str, Position], orders: Iterable[Order]) -> VenueView:
    """One venue as the optimiser sees it; a ticker never held is held at nought.

    :raises NotReady: no book yet.
    """
    if feed.book is None:
        raise NotReady(f"{feed.name}: no book of {feed.contract} yet")
    held = {ticker: positions.get(ticker, Position(ticker, ZERO, ZERO)) for ticker in tickers}
    return VenueView(feed.book, held, {order.id: order for order in orders}, feed.instrument)


def snapshot(
    settings: Settings,
    source: VenueView,
    target: VenueView,
    fiat: VenueFeed,
    transits: Iterable[Transit],
    markout: Decimal | None,
    now: int,
) -> Snapshot:
    """All that one decision sees.

    :raises NotReady: no fiat rate. A missing rate is never 1, unless both currencies are the same.
    """
    if fiat.book is None or fiat.book.best_bid is None or fiat.book.best_ask is None:
        raise NotReady(f"{fiat.name}: no rate of {settings.fiat_contract} yet")
    return Snapshot(now, source, target, fiat.book, tuple(transits), markout)
