"""Sputnik's objects as they stand on the wire (research/sputnik_protocol.md section 4), built from the venue model's values."""

from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256
from typing import Any, Literal

from attrs import evolve

from model.book import Level
from sandbox.candles import Bar
from sandbox.sputnik_units import Cash, CashPair, Units
from sandbox.trading import Posting, Trade, VenueFill, VenueOrder

Shape = dict[str, Any]

#: Length of a bar in microseconds.
PERIODS = {"minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}


def market_topic(feed: str, contract: str) -> str:
    """The topic of a market feed: ``BTC/HUF`` is spelt ``btc_huf``."""
    return f"feeds.market.{feed}.{contract.lower().replace('/', '_')}"


def user_topic(feed: str, user: str) -> str:
    """The topic of a user's own feed: the name is hashed, so that nobody can list users."""
    return f"feeds.user.{feed}.{sha256(user.encode()).hexdigest()}"


def cash_contract(cash: Cash) -> Shape:
    """A currency, as get_markets lists it."""
    return {
        "contract": cash.ticker,
        "description": cash.ticker,
        "full_description": "",
        "contract_type": "cash",
        "denominator": cash.denominator,
        "tick_size": 1,
        "lot_size": cash.lot,
        "denominated_contract_ticker": None,
        "payout_contract_ticker": None,
    }


def pair_contract(pair: CashPair) -> Shape:
    """A cash pair, as get_markets lists it."""
    return {
        "contract": pair.contract,
        "description": pair.contract,
        "full_description": "",
        "contract_type": "cash_pair",
        "denominator": pair.denominator,
        "tick_size": pair.tick,
        "lot_size": pair.lot,
        "denominated_contract_ticker": pair.denominated.ticker,
        "payout_contract_ticker": pair.payout.ticker,
    }


def empty_book(contract: str) -> Shape:
    """What a server shows of a book it has not heard of since its start."""
    return {"contract": contract, "bids": [], "asks": []}


def book(pair: CashPair, bids: Iterable[Level], asks: Iterable[Level]) -> Shape:
    """The whole book, its rows in no order: the original walked a hash table."""
    return {"contract": pair.contract, "bids": _rows(pair, bids), "asks": _rows(pair, asks)}


def _rows(pair: CashPair, levels: Iterable[Level]) -> list[Shape]:
    rows = [{"price": pair.price_to_wire(level.price), "quantity": pair.payout.to_wire(level.quantity)} for level in levels]
    # Knuth's multiplicative hash: the same book always looks the same, but not sorted.
    return sorted(rows, key=lambda row: row["price"] * 2_654_435_761 % 2**32)


def order(pair: CashPair, placed: VenueOrder, *, is_cancelled: bool | None = None) -> Shape:
    """An order as it stands; ``is_cancelled`` overrides, for the odd event of a cancel that came too late."""
    return {
        "id": placed.id,
        "contract": placed.contract,
        "price": pair.price_to_wire(placed.price or Decimal(0)),
        "quantity": pair.payout.to_wire(placed.quantity),
        "quantity_left": pair.payout.to_wire(placed.quantity_left),
        "side": placed.side.value,
        "is_cancelled": placed.is_cancelled if is_cancelled is None else is_cancelled,
        "timestamp": placed.timestamp,
    }


def fill(pair: CashPair, filled: VenueFill, timestamp: int) -> Shape:
    """A fill: ``id`` is the own order's, ``timestamp`` the aggressive order's."""
    return {
        "contract": filled.contract,
        "id": filled.order_id,
        "price": pair.price_to_wire(filled.price),
        "quantity": pair.payout.to_wire(filled.quantity),
        "side": filled.side.value,
        "fees": {pair.denominated.ticker: pair.denominated.to_wire(filled.fee)},
        "timestamp": timestamp,
    }


def trade(pair: CashPair, traded: Trade, timestamp: int) -> Shape:
    """A public trade; ``timestamp`` is the later of the two orders'."""
    return {
        "contract": traded.contract,
        "id": traded.id,
        "price": pair.price_to_wire(traded.price),
        "quantity": pair.payout.to_wire(traded.quantity),
        "timestamp": timestamp,
    }


def ohlcv(pair: CashPair, bar: Bar, period: str) -> Shape:
    """A bar; a generated past may be off the tick, so prices are cut."""
    opened = bar.start * 1_000_000
    return {
        "contract": pair.contract,
        "period": period,
        "open": pair.price_cut_to_wire(bar.open),
        "high": pair.price_cut_to_wire(bar.high),
        "low": pair.price_cut_to_wire(bar.low),
        "close": pair.price_cut_to_wire(bar.close),
        "vwap": pair.price_cut_to_wire(bar.vwap),
        "volume": int(bar.volume * pair.payout.denominator),
        "open_timestamp": opened,
        "close_timestamp": opened + PERIODS[period] - 1,
    }


def position(cash: Cash, held: Decimal) -> Shape:
    """A balance."""
    return {"contract": cash.ticker, "position": cash.to_wire(held), "reference_price": None}


def live_postings(units: Units, posting: Posting, *, has_fee: bool) -> list[Shape]:
    """What the transactions feed tells of a posting: no balance, and a fee of its own, even if it is nothing.

    A withdrawal's fee comes first, all others' last. A fee of zero is a debit here, and a credit in the history.
    """
    rows = [_posting_row(units, posting, posting.change, posting.note)]
    if has_fee:
        rows.append(_posting_row(units, posting, -posting.fee, "Fee", zero="debit"))
    return rows[::-1] if posting.kind == "Withdrawal" else rows


def history_postings(units: Units, posting: Posting, *, has_fee: bool, commit: int) -> list[Shape]:
    """The same posting as the history tells it: fee first, with the balance after each row.

    ``commit``: microseconds until the ledger had it, which is the time the history knows.
    """
    cash = units.cash[posting.ticker]
    posting = evolve(posting, timestamp=posting.timestamp + commit)
    row = {**_posting_row(units, posting, posting.change, posting.note), "balance": cash.to_wire(posting.balance)}
    if not has_fee:
        return [row]
    fee = _posting_row(units, posting, -posting.fee, "Fee", zero="credit")
    return [{**fee, "balance": cash.to_wire(posting.balance - posting.change)}, row]


def _posting_row(
    units: Units, posting: Posting, change: Decimal, note: str, zero: Literal["credit", "debit"] = "credit"
) -> Shape:
    # A rebate is a debit of a negative quantity, as the original books it.
    direction = zero if not change else "credit" if change > 0 and note != "Fee" else "debit"
    quantity = -change if direction == "debit" else change
    return {
        "contract": posting.ticker,
        "quantity": units.cash[posting.ticker].to_wire(quantity),
        "direction": direction,
        "type": posting.kind,
        "note": note,
        "timestamp": posting.timestamp,
    }
