"""The pool as JSON: ``/api/update``'s documented shape and the pages' twins.

Amounts and prices are strings of plain digits, so that no reader loses any; times are integer microseconds UTC; what is not
known is null, never NaN.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Any

import attrs

from model.book import Book
from model.decision import Decision
from model.money import ZERO, plain
from model.settings import Cost, Edge
from model.snapshot import VenueView
from trader.interface import PoolView, VenueStatus


def jsonable(value: Any) -> Any:
    """Any value of the model as JSON-ready ones."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Edge):
        return f"{plain(value.value * 100)}%" if value.is_share else plain(value.value)
    if isinstance(value, Cost):
        return [plain(value.fixed), plain(value.proportional)]
    if attrs.has(type(value)):
        return {field.name: jsonable(getattr(value, field.name)) for field in attrs.fields(type(value))}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [jsonable(item) for item in value]
    return value


def update_shape(view: PoolView) -> dict[str, Any]:
    """Everything, in the shape that the seed's console polled (issue 2)."""
    return {
        "state": _state(view),
        "valuation": _valuation(view),
        "data": _data(view),
        "trader": _trader(view),
    }


def _state(view: PoolView) -> dict[str, Any]:
    decision = view.decision
    optimized = decision.optimized if decision else None
    return {
        "timestamp": view.timestamp,
        "source_book": _book(view.source.book),
        "target_book": _book(view.target.book),
        "fiat_book": _book(view.fiat_book),
        **_best("source", view.source.book),
        **_best("target", view.target.book),
        **_best("fiat", view.fiat_book),
        "source_orders": _orders(view.source),
        "target_orders": _orders(view.target),
        "source_transactions": jsonable(view.source.transactions),
        "target_transactions": jsonable(view.target.transactions),
        "balance_source": _balances(view.source),
        "balance_target": _balances(view.target),
        **_transits(view),
        "offered_bid": jsonable(optimized.offered_bid) if optimized else None,
        "offered_ask": jsonable(optimized.offered_ask) if optimized else None,
        "exposure": jsonable(view.exposure),
        "is_sandbox": view.is_sandbox,
    }


def _valuation(view: PoolView) -> dict[str, Any]:
    settings, decision = view.settings, view.decision
    return {
        "risk_aversion": plain(settings.risk_aversion),
        "deviation_penalty": plain(settings.deviation_penalty),
        "target_balance_source": {
            settings.source: plain(settings.ideal_source_cash),
            settings.btc: plain(settings.ideal_source_btc),
        },
        "target_balance_target": {
            settings.target: plain(settings.ideal_target_cash),
            settings.btc: plain(settings.ideal_target_btc),
        },
        "base": jsonable(decision.base) if decision else None,
        "optimized": _flat(decision.optimized) if decision else None,
    }


def _data(view: PoolView) -> dict[str, Any]:
    names = ("source_fee", "target_fee", "fiat_exchange_cost", "fiat_exchange_delay", "btc_fee", "btc_delay")
    found = {name: jsonable(getattr(view.settings, name)) for name in (*names, "variance_btc", "variance_fiat")}
    return {**found, "inputs": jsonable(view.inputs)}


def _trader(view: PoolView) -> dict[str, Any]:
    names = ("quote_size", "edge_to_enter", "edge_to_leave", "edge_min", "out_address", "period")
    return {
        **{name: jsonable(getattr(view.settings, name)) for name in names},
        "rounded": _flat(view.decision.rounded) if view.decision else None,
        "fsm": {"current_state": view.state, "reason": view.reason},
    }


def decision_shape(decision: Decision | None) -> dict[str, Any] | None:
    """A decision with the words of ``--dry-run --json``, and its quotes, trade and transfers beside them."""
    if decision is None:
        return None
    found: dict[str, Any] = jsonable(decision)
    return {**found, "optimized": _flat(decision.optimized), "rounded": _flat(decision.rounded)}


def _flat(answer: Any) -> dict[str, Any] | None:
    """An Optimum or Rounded with the fields of its worth and actions beside its own, as ``--json`` prints it."""
    if answer is None:
        return None
    found = jsonable(answer)
    return {**found.pop("worth"), **found.pop("actions"), **found}


def _book(book: Book | None) -> Any:
    return jsonable(book.to_shape()) if book else None


def _best(name: str, book: Book | None) -> dict[str, str | None]:
    bid, ask = (book.best_bid, book.best_ask) if book else (None, None)
    return {f"{name}_best_bid": plain(bid.price) if bid else None, f"{name}_best_ask": plain(ask.price) if ask else None}


def _orders(venue: VenueStatus | VenueView) -> Any:
    return {id: jsonable(order.to_shape()) for id, order in venue.orders.items()}


def _balances(venue: VenueStatus) -> Any:
    return {ticker: jsonable(position.to_shape()) for ticker, position in venue.balances.items()}


def _transits(view: PoolView) -> dict[str, Any]:
    totals: dict[str, dict[str, Decimal]] = {"transit_to_source": {}, "transit_to_target": {}, "transit_to_out": {}}
    for transit in view.transits:
        if not transit.is_over:
            sums = totals[f"transit_to_{transit.to}"]
            sums[transit.ticker] = sums.get(transit.ticker, ZERO) + transit.quantity - (transit.arrived or ZERO)
    return {**{name: jsonable(sums) for name, sums in totals.items()}, "transits": jsonable(view.transits)}
