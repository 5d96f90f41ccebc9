"""Kraken's WebSocket v2 private channels: entries of ``executions`` (partial after the first) and ``balances``."""

from decimal import Decimal
from typing import Any

from model.money import ZERO
from sandbox.events import Change, Execution, OrderChanged
from sandbox.kraken_books import wire_time
from sandbox.kraken_money import reference_id
from sandbox.kraken_words import spell_id
from sandbox.trading import Posting, VenueOrder
from sandbox.venue import Venue

Entry = dict[str, Any]


def _status(order: VenueOrder) -> str:
    if order.is_cancelled:
        return "canceled"
    return "filled" if not order.quantity_left else "partially_filled" if order.filled else "new"


def _progress(order: VenueOrder) -> Entry:
    average = (order.cost / order.filled).quantize(Decimal("0.00001")) if order.filled else ZERO
    return {"cum_qty": order.filled, "cum_cost": order.cost, "avg_price": average}


def whole_order(order: VenueOrder, exec_type: str, status: str) -> Entry:
    """All that there is to say about an order: the first entry, or one of a snapshot."""
    entry: Entry = {
        "exec_type": exec_type,
        "order_id": spell_id("O", order.id),
        "order_userref": 0,
        "symbol": order.contract,
        "side": order.side.value.lower(),
        "order_type": "market" if order.price is None else "limit",
        "order_qty": order.quantity,
        "time_in_force": "IOC" if order.immediate else "GTC",
        "post_only": order.post_only,
        "order_status": status,
        "fee_usd_equiv": order.fee,
        "timestamp": wire_time(order.timestamp),
        **_progress(order),
    }
    if order.price is not None:
        entry["limit_price"] = order.price
    if order.client_id is not None:
        entry["cl_ord_id"] = order.client_id
    return entry


def of_change(event: OrderChanged) -> list[Entry]:
    """A new order is told twice, pending and accepted; later entries hold only what changed."""
    order = event.order
    if event.change is Change.NEW:
        accepted = {"exec_type": "new", "order_id": spell_id("O", order.id), "order_status": "new"}
        return [whole_order(order, "pending_new", "pending_new"), accepted | {"timestamp": wire_time(order.timestamp)}]
    if event.change is Change.AMENDED:
        return [_amended(order)]
    entry = {
        "exec_type": "canceled",
        "order_id": spell_id("O", order.id),
        "order_status": "canceled",
        "reason": order.reason,
        "timestamp": wire_time(order.closed_at or order.timestamp),
        **_progress(order),
    }
    return [entry if order.client_id is None else entry | {"cl_ord_id": order.client_id}]


def _amended(order: VenueOrder) -> Entry:
    entry = {
        "exec_type": "amended",
        "order_id": spell_id("O", order.id),
        "order_status": _status(order),
        "order_qty": order.quantity,
        "limit_price": order.price,
        "timestamp": wire_time(order.amended_at or order.timestamp),
        **_progress(order),
    }
    return entry if order.client_id is None else entry | {"cl_ord_id": order.client_id}


def of_execution(execution: Execution, quote: str) -> list[Entry]:
    """A trade; if it filled the order, ``filled`` follows as an entry of its own and the trade says partially_filled."""
    order, fill = execution.order, execution.fill
    trade: Entry = {
        "exec_type": "trade",
        "order_id": spell_id("O", order.id),
        "exec_id": spell_id("T", fill.id),
        "trade_id": fill.trade_id,
        "symbol": fill.contract,
        "side": fill.side.value.lower(),
        "order_type": "market" if order.price is None else "limit",
        "last_qty": fill.quantity,
        "last_price": fill.price,
        "liquidity_ind": "m" if fill.is_maker else "t",
        "cost": fill.value,
        "fees": [{"asset": quote, "qty": fill.fee}],
        "order_status": "partially_filled",
        "timestamp": wire_time(fill.timestamp),
        **_progress(order),
    }
    if fill.client_id is not None:
        trade["cl_ord_id"] = fill.client_id
    if order.quantity_left:
        return [trade]
    filled = {"exec_type": "filled", "order_id": trade["order_id"], "order_status": "filled", **_progress(order)}
    return [trade, filled | {"timestamp": trade["timestamp"]}]


def open_orders(venue: Venue, user: str) -> list[Entry]:
    """The snapshot with ``snap_orders``."""
    return [whole_order(order, "new", _status(order)) for order in venue.open_orders(user)]


def balances(venue: Venue, user: str) -> list[Entry]:
    """The balances channel's snapshot."""
    account = venue.accounts.of(user)
    wallets = {ticker: [{"type": "spot", "id": "main", "balance": balance}] for ticker, balance in account.balances.items()}
    return [
        {"asset": ticker, "asset_class": "currency", "balance": balance, "wallets": wallets[ticker]}
        for ticker, balance in account.balances.items()
    ]


def of_posting(posting: Posting) -> Entry:
    """One change of one balance."""
    return {
        "asset": posting.ticker,
        "asset_class": "currency",
        "ledger_id": spell_id("L", posting.id),
        "ref_id": reference_id(posting.reference),
        "timestamp": wire_time(posting.timestamp),
        "type": posting.kind.lower(),
        "subtype": "",
        "category": posting.kind.lower(),
        "wallet_type": "spot",
        "wallet_id": "main",
        "amount": posting.change,
        "fee": posting.fee,
        "balance": posting.balance,
    }
