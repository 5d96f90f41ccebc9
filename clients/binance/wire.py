"""Binance's JSON as the interface's shapes: pure functions; amounts are strings, made exact ``Decimal`` (never float).

Formats are Binance's REST documentation, as summed up in the project's research (wire facts, section 4). Each function raises
ValueError, KeyError or TypeError for what breaks the format; :func:`reading` makes InvalidData of them.

Order and trade ids of Binance are unique within their symbol only, so that here an order is ``BTCUSDT-28`` and an execution
of it ``BTCUSDT-28-1034``.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

from attrs import frozen

from clients import parsing
from clients.bars import bar
from clients.binance.faults import VENUE
from clients.listings import Listing, Market
from clients.parsing import MOST_DIGITS, exact, number, optional_text, positive, quantity_left, side_of, text, truth, whole
from model.candle import Period
from model.instrument import Instrument
from model.money import ZERO
from model.shapes import CandleShape, FillShape, LevelShape, OrderShape, PositionShape, SideName

SIDES: Mapping[str, SideName] = {"BUY": "BUY", "SELL": "SELL"}
INTERVALS: Mapping[Period, str] = {"minute": "1m", "hour": "1h", "day": "1d"}
#: Statuses of an order that trades no more and has not traded wholly.
OVER = frozenset({"CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"})
LIVE = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW", "PENDING_CANCEL"})
#: The filters that have a symbol's steps.
NEEDED = frozenset({"PRICE_FILTER", "LOT_SIZE"})
#: Order types whose price is a limit.
LIMITS = frozenset({"LIMIT", "LIMIT_MAKER"})


def reading(call: str) -> AbstractContextManager[None]:
    """What breaks the format of ``call``'s answer comes out as InvalidData, with the reason."""
    return parsing.reading(VENUE, call)


@frozen
class Budget:
    """What may be asked: ``weight`` of requests per minute, ``orders`` per ``orders_seconds``."""

    weight: float = 6000.0
    orders: float = 100.0
    orders_seconds: float = 10.0


def microseconds(value: object, what: str = "time") -> int:
    """Unix milliseconds as microseconds."""
    return whole(value, what) * 1000


def side(value: object) -> SideName:
    """BUY or SELL."""
    return side_of(value, SIDES)


def order_id(symbol: object, number: object) -> str:
    """Our id of an order."""
    return f"{text(symbol, 'symbol')}-{whole(number, 'orderId')}"


def parts_of(id: str) -> tuple[str, str] | None:
    """Symbol and number of an order's id; None if it is none of :func:`order_id`'s."""
    symbol, dash, number = id.rpartition("-")
    is_ours = bool(symbol and dash) and number.isascii() and number.isdecimal()
    return (symbol, number) if is_ours else None


def market(info: Mapping[str, Any]) -> Market:
    """``exchangeInfo``: the symbols that can be traded on spot. One that does not tell its steps is left out, not guessed."""
    traded = [entry for entry in info["symbols"] if entry.get("isSpotTradingAllowed", True) is True]
    listings = [_listing(entry, filters) for entry in traded if (filters := _filters(entry)).keys() >= NEEDED]
    return Market({each.contract: each for each in listings}, {each.symbol: each for each in listings})


def _filters(entry: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {text(each["filterType"], "filterType"): each for each in entry["filters"]}


def _listing(entry: Mapping[str, Any], filters: Mapping[str, Mapping[str, Any]]) -> Listing:
    prices, lots = filters["PRICE_FILTER"], filters["LOT_SIZE"]
    values = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    instrument = Instrument(
        f"{text(entry['baseAsset'], 'baseAsset')}/{text(entry['quoteAsset'], 'quoteAsset')}",
        _step(prices["tickSize"], entry.get("quotePrecision", 8)),
        _step(lots["stepSize"], entry.get("baseAssetPrecision", 8)),
        number(lots.get("minQty", "0"), "minQty"),
        number(values.get("minNotional", "0"), "minNotional"),
    )
    return Listing(text(entry["symbol"], "symbol"), instrument)


def _step(value: object, digits: object) -> Decimal:
    """A filter's step; 0 means that only the asset's own digits limit it."""
    places = whole(digits, "precision")
    if places > MOST_DIGITS:
        raise ValueError(f"{places} decimal places are none")
    return number(value, "step") or Decimal(1).scaleb(-places)


def budget(info: Mapping[str, Any]) -> Budget:
    """``exchangeInfo``'s ``rateLimits``: the weight per minute, and the orders of the shortest interval."""
    seconds = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400}
    found = Budget()
    weight, orders, shortest = found.weight, found.orders, found.orders_seconds
    counted: list[tuple[float, float]] = []
    for entry in info.get("rateLimits", ()):
        limit, length = float(positive(entry["limit"], "limit")), seconds[entry["interval"]] * whole(entry["intervalNum"], "num")
        if entry["rateLimitType"] == "REQUEST_WEIGHT":
            weight = limit * 60 / length
        elif entry["rateLimitType"] == "ORDERS":
            counted.append((float(length), limit))
    if counted:
        shortest, orders = min(counted)
    return Budget(weight, orders, shortest)


def positions(account: Mapping[str, Any]) -> dict[str, PositionShape]:
    """``account``: all that is there, and what no order holds."""
    found: dict[str, PositionShape] = {}
    for entry in account["balances"]:
        ticker = text(entry["asset"], "asset")
        free, locked = exact(entry["free"], f"{ticker} free"), number(entry["locked"], f"{ticker} locked")
        found[ticker] = {"contract": ticker, "position": free + locked, "available": free}
    return found


def order(entry: Mapping[str, Any], known: Market) -> OrderShape:
    """An order of ``openOrders``, ``allOrders`` or ``order``. One that is no limit order (a person's stop) has price 0."""
    status = text(entry["status"], "status")
    quantity, done = number(entry["origQty"], "origQty"), number(entry["executedQty"], "executedQty")
    id = order_id(entry["symbol"], entry["orderId"])
    if status not in OVER | LIVE | {"FILLED"}:
        raise ValueError(f"order {id}: status {status!r} is none")
    return {
        "id": id,
        "contract": known.contract(entry["symbol"]),
        "side": side(entry["side"]),
        "price": number(entry["price"], "price") if entry["type"] in LIMITS else ZERO,
        "quantity": quantity,
        "quantity_left": quantity_left(id, quantity, done),
        "is_cancelled": status in OVER,
        "timestamp": microseconds(entry["time"]),
        "client_id": optional_text(entry.get("clientOrderId"), "clientOrderId"),
    }


def fill(entry: Mapping[str, Any], known: Market) -> FillShape:
    """An execution of ``myTrades``; its fee is in whatever ``commissionAsset`` says."""
    id = order_id(entry["symbol"], entry["orderId"])
    fee = exact(entry["commission"], "commission")
    return {
        "id": f"{id}-{whole(entry['id'], 'trade id')}",
        "order_id": id,
        "client_id": None,
        "contract": known.contract(entry["symbol"]),
        "side": "BUY" if truth(entry["isBuyer"], "isBuyer") else "SELL",
        "price": positive(entry["price"], "price"),
        "quantity": positive(entry["qty"], "qty"),
        "fees": {text(entry["commissionAsset"], "commissionAsset"): fee} if fee else {},
        "timestamp": microseconds(entry["time"]),
    }


def level(row: Any) -> tuple[Decimal, Decimal]:
    """Price and quantity (0: the level is gone)."""
    return parsing.level(row[0], row[1])


@frozen
class Changes:
    """A ``depthUpdate``: changes ``first`` to ``last`` of a book, as (price, whole quantity) of the levels they touched."""

    first: int
    last: int
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


def changes(event: Mapping[str, Any]) -> Changes:
    """What a ``depthUpdate`` says."""
    first, last = whole(event["U"], "U"), whole(event["u"], "u")
    if last < first:
        raise ValueError(f"changes {first} to {last} are none")
    return Changes(first, last, tuple(map(level, event["b"])), tuple(map(level, event["a"])))


def depth(answer: Mapping[str, Any]) -> tuple[list[LevelShape], list[LevelShape]]:
    """``depth``: bids and asks, best first."""
    bids = sorted(map(level, answer["bids"]), reverse=True)
    asks = sorted(map(level, answer["asks"]))
    return _shapes(bids), _shapes(asks)


def _shapes(levels: Iterable[tuple[Decimal, Decimal]]) -> list[LevelShape]:
    return [{"price": price, "quantity": quantity} for price, quantity in levels if quantity]


def candle(row: Any, contract: str, period: Period) -> CandleShape:
    """A row of ``klines``: open time, open, high, low, close, volume, ..."""
    return bar(contract, period, microseconds(row[0], "open time"), row[1:5], row[5])
