"""Binance's user data events: ``executionReport``, ``outboundAccountPosition``, ``balanceUpdate``."""

from collections.abc import Callable, Iterable
from typing import Any

from attrs import frozen

from model.money import ZERO
from sandbox.binance_orders import client_id_of, force_of, status_of, type_of
from sandbox.binance_words import eight, milliseconds
from sandbox.events import Change, Event, Execution, Matched, OrderChanged, Posted
from sandbox.trading import Posting, VenueOrder
from sandbox.venue import Venue


@frozen
class Report:
    """One event for one user."""

    user: str
    event: dict[str, Any]


def of_event(event: Event, venue: Venue, symbol: Callable[[str], str]) -> list[Report]:
    """What users are told of what happened; ``symbol`` spells a contract."""
    if isinstance(event, OrderChanged):
        report = _changed(event, symbol(event.order.contract))
        return [Report(event.order.user, report), _balances(venue, event.order.user, _tickers(venue, event.order))]
    if isinstance(event, Matched):
        found = []
        for side in (event.aggressor, event.passive):
            found.append(Report(side.order.user, _traded(side, symbol(side.order.contract))))
            found.append(_balances(venue, side.order.user, _tickers(venue, side.order)))
        return found
    if isinstance(event, Posted):
        return [Report(event.posting.user, _posted(event.posting))]
    return []


def _changed(event: OrderChanged, symbol: str) -> dict[str, Any]:
    order, is_new = event.order, event.change is Change.NEW
    status = "NEW" if is_new else status_of(order)
    report = _order(order, symbol, order.timestamp if is_new else order.closed_at or order.timestamp)
    report |= {"x": status, "X": status}
    if status == "CANCELED":
        # The order's own id moves to C: c is the cancel's.
        report |= {"c": f"cancel{order.id:015d}", "C": client_id_of(order)}
    return report


def _traded(execution: Execution, symbol: str) -> dict[str, Any]:
    fill = execution.fill
    return _order(execution.order, symbol, fill.timestamp) | {
        "x": "TRADE",
        "X": status_of(execution.order),
        "l": eight(fill.quantity),
        "L": eight(fill.price),
        "Y": eight(fill.value),
        "n": eight(fill.fee),
        "N": fill.fee_ticker,
        "t": fill.trade_id,
        "m": fill.is_maker,
        "w": False,
    }


def _order(order: VenueOrder, symbol: str, timestamp: int) -> dict[str, Any]:
    """All that a report says whatever has happened."""
    return {
        "e": "executionReport",
        "E": milliseconds(timestamp),
        "s": symbol,
        "c": client_id_of(order),
        "S": order.side.value,
        "o": type_of(order),
        "f": force_of(order),
        "q": eight(order.quantity),
        "p": eight(order.price or ZERO),
        "P": eight(ZERO),
        "F": eight(ZERO),
        "g": -1,
        "C": "",
        "r": "NONE",
        "i": order.id,
        "l": eight(ZERO),
        "z": eight(order.filled),
        "L": eight(ZERO),
        "n": "0",
        "N": None,
        "T": milliseconds(timestamp),
        "t": -1,
        "I": order.id,
        "w": order.is_open,
        "m": False,
        "M": False,
        "O": milliseconds(order.timestamp),
        "Z": eight(order.cost),
        "Y": eight(ZERO),
        "Q": eight(ZERO),
        "W": milliseconds(order.timestamp),
        "V": "EXPIRE_TAKER",
    }


def _tickers(venue: Venue, order: VenueOrder) -> tuple[str, str]:
    instrument = venue.instrument(order.contract)
    return instrument.base, instrument.quote


def _balances(venue: Venue, user: str, tickers: Iterable[str]) -> Report:
    moment, accounts = milliseconds(venue.timestamp()), venue.accounts
    balances = [
        {"a": ticker, "f": eight(accounts.available(user, ticker)), "l": eight(accounts.held(user, ticker))} for ticker in tickers
    ]
    return Report(user, {"e": "outboundAccountPosition", "E": moment, "u": moment, "B": balances})


def _posted(posting: Posting) -> dict[str, Any]:
    moment = milliseconds(posting.timestamp)
    return {"e": "balanceUpdate", "E": moment, "a": posting.ticker, "d": eight(posting.change - posting.fee), "T": moment}
