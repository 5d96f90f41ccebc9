"""What Sputnik sends, read strictly: integers stay integers until they become exact ``Decimal`` shapes.

Every reader raises ValueError, and nothing else, for what is not of the documented form, so that a malformed event can
be told from a bug and is never half believed.
"""

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from clients.sputnik.contracts import Contract, from_wire, whole, words
from model.candle import Period
from model.shapes import BookShape, CandleShape, FillShape, LevelShape, OrderShape, PositionShape, SideName


@frozen
class WireOrder:
    """An order in wire units; ``timestamp`` in microseconds, the venue's clock, 0 while it has not told."""

    id: int
    contract: str
    side: SideName
    price: int
    quantity: int
    left: int
    is_cancelled: bool
    timestamp: int

    @property
    def filled(self) -> int:
        """What has traded."""
        return self.quantity - self.left

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return self.left > 0 and not self.is_cancelled


@frozen
class WireFill:
    """One execution in wire units; ``nth``: the how-maniest of its order with this quantity it is, 0 where that is not known."""

    order_id: int
    contract: str
    side: SideName
    price: int
    quantity: int
    fees: Mapping[str, int]
    timestamp: int
    nth: int = 0

    @property
    def id(self) -> str:
        """The same however the fill was learnt; Sputnik's own fills carry no id but their order's.

        Not by what had filled before: a venue whose clock is set back between two fills tells them in another order later.
        """
        return f"{self.order_id}:{self.quantity}:{self.nth}"


@frozen
class Posting:
    """One posting to our account; ``quantity`` in wire units, negative for a rebated fee."""

    contract: str
    kind: str
    is_credit: bool
    quantity: int
    note: str
    timestamp: int

    @property
    def change(self) -> int:
        """What it does to the balance, in wire units."""
        return self.quantity if self.is_credit else -self.quantity


def _table(raw: object, what: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ValueError(f"{what}: expected a table, got {type(raw).__name__}")
    return raw


def _rows(raw: object, what: str) -> list[Any]:
    if not isinstance(raw, list):
        raise ValueError(f"{what}: expected a list, got {type(raw).__name__}")
    return raw


def _side(value: object) -> SideName:
    if value == "BUY":
        return "BUY"
    if value == "SELL":
        return "SELL"
    raise ValueError(f"side: expected BUY or SELL, got {value!r}")


def read_order(raw: object) -> WireOrder:
    """An order of ``get_open_orders`` or of the orders feed."""
    row = _table(raw, "order")
    is_cancelled = row.get("is_cancelled")
    if not isinstance(is_cancelled, bool):
        raise ValueError(f"order is_cancelled: expected a boolean, got {is_cancelled!r}")
    quantity = whole(row.get("quantity"), "order quantity", 1)
    left = whole(row.get("quantity_left"), "order quantity_left", 0)
    if left > quantity:
        raise ValueError(f"order: {left} left of {quantity}")
    return WireOrder(
        whole(row.get("id"), "order id", 0),
        words(row.get("contract"), "order contract"),
        _side(row.get("side")),
        whole(row.get("price"), "order price", 1),
        quantity,
        left,
        is_cancelled,
        whole(row.get("timestamp"), "order timestamp", 0),
    )


def read_open_orders(raw: object) -> dict[int, WireOrder]:
    """``rpc.trader.get_open_orders``: JSON turns its integer keys to text, so the rows' own ids are used."""
    orders = [read_order(row) for row in _table(raw, "open orders").values()]
    return {order.id: order for order in orders}


def read_fill(raw: object) -> WireFill:
    """An event of the fills feed; its ``id`` is the order's."""
    row = _table(raw, "fill")
    fees = {words(t, "fee ticker"): whole(fee, "fee") for t, fee in _table(row.get("fees"), "fill fees").items()}
    return WireFill(
        whole(row.get("id"), "fill id", 0),
        words(row.get("contract"), "fill contract"),
        _side(row.get("side")),
        whole(row.get("price"), "fill price", 1),
        whole(row.get("quantity"), "fill quantity", 1),
        fees,
        whole(row.get("timestamp"), "fill timestamp", 0),
    )


def read_posting(raw: object) -> Posting:
    """An event of the transactions feed, or a row of the history."""
    row = _table(raw, "transaction")
    direction = row.get("direction")
    if direction not in ("credit", "debit"):
        raise ValueError(f"transaction direction: {direction!r} is neither credit nor debit")
    return Posting(
        words(row.get("contract"), "transaction contract"),
        words(row.get("type"), "transaction type"),
        direction == "credit",
        whole(row.get("quantity"), "transaction quantity"),
        words(row.get("note") or "", "transaction note"),
        whole(row.get("timestamp"), "transaction timestamp", 0),
    )


def read_history(raw: object) -> list[Posting]:
    """``rpc.trader.get_transaction_history``; ordered by journal time only."""
    return [read_posting(row) for row in _rows(raw, "transaction history")]


def read_book(raw: object, contract: Contract, timestamp: int) -> BookShape:
    """A whole book, sorted here because the venue does not; ``timestamp`` is when it was received."""
    row = _table(raw, "book")
    if row.get("contract") != contract.ticker:
        raise ValueError(f"book of {row.get('contract')!r} where {contract.ticker} was expected")
    bids, asks = _levels(row.get("bids"), contract), _levels(row.get("asks"), contract)
    return {
        "contract": contract.ticker,
        "bids": sorted(bids, key=lambda level: -level["price"]),
        "asks": sorted(asks, key=lambda level: level["price"]),
        "timestamp": timestamp,
    }


def _levels(raw: object, contract: Contract) -> list[LevelShape]:
    levels: list[LevelShape] = []
    for entry in _rows(raw, "book side"):
        row = _table(entry, "book level")
        price = whole(row.get("price"), "book price", 1)
        quantity = whole(row.get("quantity"), "book quantity", 0)
        if quantity:
            levels.append({"price": contract.price(price), "quantity": contract.quantity(quantity)})
    return levels


def read_positions(raw: object, contracts: Mapping[str, Contract]) -> dict[str, PositionShape]:
    """``rpc.trader.get_positions``, less positions in contracts that are no longer active: their unit is not told."""
    found: dict[str, PositionShape] = {}
    for ticker, entry in _table(raw, "positions").items():
        if ticker not in contracts:
            continue
        contract, row = contracts[ticker], _table(entry, "position")
        position = contract.quantity(whole(row.get("position"), f"{ticker} position"))
        found[ticker] = {"contract": ticker, "position": position, "available": position}
        if row.get("reference_price") is not None:
            reference = whole(row["reference_price"], f"{ticker} reference_price")
            found[ticker]["reference_price"] = contract.price(reference)
    return found


def read_candles(raw: object, contract: Contract, period: Period) -> dict[int, CandleShape]:
    """``rpc.market.get_ohlcv_history``, by open time, oldest first."""
    bars: dict[int, CandleShape] = {}
    for entry in _table(raw, "bars").values():
        row = _table(entry, "bar")
        prices = {name: contract.price(whole(row.get(name), f"bar {name}", 1)) for name in ("open", "high", "low", "close")}
        opened = whole(row.get("open_timestamp"), "bar open_timestamp", 0)
        bars[opened] = {
            "contract": contract.ticker,
            "period": period,
            "open": prices["open"],
            "high": prices["high"],
            "low": prices["low"],
            "close": prices["close"],
            "volume": contract.quantity(whole(row.get("volume"), "bar volume", 0)),
            "open_timestamp": opened,
            "close_timestamp": whole(row.get("close_timestamp"), "bar close_timestamp", 0),
        }
    return dict(sorted(bars.items()))


def order_shape(order: WireOrder, contract: Contract) -> OrderShape:
    """The interface's shape of an order."""
    return {
        "id": str(order.id),
        "contract": order.contract,
        "side": order.side,
        "price": contract.price(order.price),
        "quantity": contract.quantity(order.quantity),
        "quantity_left": contract.quantity(order.left),
        "is_cancelled": order.is_cancelled,
        "timestamp": order.timestamp,
        "client_id": None,
    }


def fill_shape(fill: WireFill, contracts: Mapping[str, Contract]) -> FillShape:
    """The interface's shape of a fill.

    :raises ValueError: for a fee in a currency whose unit is not known.
    """
    contract = contracts[fill.contract]
    fees = {ticker: from_wire(fee, _cash(contracts, ticker).denominator) for ticker, fee in fill.fees.items()}
    return {
        "id": fill.id,
        "order_id": str(fill.order_id),
        "client_id": None,
        "contract": fill.contract,
        "side": fill.side,
        "price": contract.price(fill.price),
        "quantity": contract.quantity(fill.quantity),
        "fees": fees,
        "timestamp": fill.timestamp,
    }


def _cash(contracts: Mapping[str, Contract], ticker: str) -> Contract:
    if ticker not in contracts:
        raise ValueError(f"an amount in {ticker}, whose unit is not known")
    return contracts[ticker]


def direction_of(posting: Posting) -> Literal["credit", "debit"]:
    """The word for which way the balance goes; a negative debit is a credit."""
    return "credit" if posting.change >= 0 else "debit"
