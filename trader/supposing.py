"""A snapshot as it would be with other balances: what a what-if is decided on."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import attrs

from model.money import ZERO
from model.position import Position
from model.snapshot import Snapshot, VenueView
from trader.interface import BadParameters

NO_BALANCES: Mapping[str, Decimal] = MappingProxyType({})


def supposing(snapshot: Snapshot, balances: Mapping[str, Decimal]) -> Snapshot:
    """``snapshot`` with ``balances`` (``source.USD`` -> amount) in the place of those held; all of each can be spent.

    :raises BadParameters: for a place or ticker that is none of the pool's, or an amount that nobody can hold.
    """
    problems: dict[str, str] = {}
    views = {"source": snapshot.source, "target": snapshot.target}
    for name, amount in balances.items():
        place, _, ticker = name.partition(".")
        if place not in views or ticker not in views[place].positions:
            problems[name] = "the pool has no such balance"
        elif not amount.is_finite() or amount < ZERO:
            problems[name] = f"expected an amount of at least 0, got {amount}"
        else:
            views[place] = _with(views[place], Position(ticker, amount, amount))
    if problems:
        raise BadParameters(problems)
    return attrs.evolve(snapshot, source=views["source"], target=views["target"])


def _with(view: VenueView, position: Position) -> VenueView:
    return attrs.evolve(view, positions={**view.positions, position.ticker: position})
