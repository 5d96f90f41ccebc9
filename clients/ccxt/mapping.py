"""ccxt's unified structures as the interface's shapes: pure functions. Formats: ccxt's manual, "Unified API".

The exchange is told to leave numbers as the venue's own text (``number = str``). Steps, and what ccxt itself wrote into its
code, may still be floats; the shortest spelling of such a one is what was written there.

Each function raises ValueError, KeyError or TypeError for what breaks the form; :func:`reading` makes InvalidData of them.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import ccxt

from clients.errors import InvalidData
from model.candle import PERIOD_SECONDS, Period
from model.instrument import Instrument
from model.money import ZERO, decimal_of
from model.shapes import CandleShape, FillShape, LevelShape, OrderShape, PositionShape, SideName

SIDES: Mapping[str, SideName] = {"buy": "BUY", "sell": "SELL"}
TIMEFRAMES: Mapping[Period, str] = {"minute": "1m", "hour": "1h", "day": "1d"}
#: An order in one of these can still trade; it may also have been closed by trading, or (in any other) without.
OPEN, CLOSED = "open", "closed"
_SMALLEST = Decimal("0.00000001")


@contextmanager
def reading(venue: str, call: str) -> Iterator[None]:
    """What breaks the form of ``call``'s answer comes out as InvalidData, with the reason."""
    try:
        yield
    except KeyError as missing:
        raise InvalidData(venue, call, f"{missing.args[0]!r} is missing") from missing
    except (ValueError, TypeError, AttributeError, IndexError) as wrong:
        raise InvalidData(venue, call, str(wrong)) from wrong


def exact(value: object, what: str) -> Decimal:
    """An exact, finite number."""
    return decimal_of(repr(value) if isinstance(value, float) else value, what)


def or_zero(value: object, what: str) -> Decimal:
    """The same, where the venue may leave it out."""
    return ZERO if value is None else exact(value, what)


def microseconds(value: object) -> int:
    """ccxt's milliseconds as microseconds."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"timestamp: {value!r} are no milliseconds")
    return value * 1_000


def is_traded(market: Mapping[str, Any]) -> bool:
    """Whether it is spot, and open for trading as far as ccxt knows."""
    return bool(market.get("spot")) and market.get("active") is not False


def instrument(market: Mapping[str, Any], mode: int, last: Decimal | None) -> Instrument:
    """A market's steps and minimums. ``mode``: ccxt's precision mode of the exchange; ``last``: a recent price.

    ``last`` is needed for prices of so many significant digits, whose step grows with the price: it is then that of twice
    ``last``, so that the price may double before the step is finer than the venue's.
    """
    precision, limits = market["precision"], market["limits"]
    least = {name: or_zero((limits.get(name) or {}).get("min"), f"least {name}") for name in ("amount", "cost")}
    return Instrument(
        f"{market['base']}/{market['quote']}",
        _step(precision.get("price"), mode, last),
        # No venue counts the digits of a quantity from the first that is not zero.
        _step(precision.get("amount"), ccxt.DECIMAL_PLACES if mode == ccxt.SIGNIFICANT_DIGITS else mode, None),
        least["amount"],
        least["cost"],
    )


def _step(precision: object, mode: int, last: Decimal | None) -> Decimal:
    if precision is None:
        return _SMALLEST
    number = exact(precision, "precision")
    if mode == ccxt.TICK_SIZE:
        return number
    if mode == ccxt.DECIMAL_PLACES:
        return Decimal(1).scaleb(-int(number))
    return _SMALLEST if last is None else Decimal(1).scaleb((last * 2).adjusted() + 1 - int(number))


def positions(balance: Mapping[str, Any]) -> dict[str, PositionShape]:
    """``fetchBalance``: all that is there, and what of it is free."""
    found: dict[str, PositionShape] = {}
    for ticker, total in balance["total"].items():
        if total is None:
            continue
        shape: PositionShape = {"contract": ticker, "position": exact(total, f"{ticker} total")}
        free = balance.get("free", {}).get(ticker)
        if free is not None:
            shape["available"] = min(shape["position"], exact(free, f"{ticker} free"))
        found[ticker] = shape
    return found


def levels(rows: Iterable[Any], is_bid: bool) -> list[LevelShape]:
    """One side of ``fetchOrderBook``, best first."""
    found: list[LevelShape] = [{"price": exact(row[0], "price"), "quantity": exact(row[1], "quantity")} for row in rows]
    found = [level for level in found if level["quantity"]]
    return sorted(found, key=lambda level: level["price"], reverse=is_bid)


def order(entry: Mapping[str, Any]) -> OrderShape:
    """An order structure. One that is no limit order (a person's stop) has price 0."""
    quantity, done = exact(entry["amount"], "amount"), or_zero(entry.get("filled"), "filled")
    left = entry.get("remaining")
    return {
        "id": _text(entry["id"], "order id"),
        "contract": _text(entry["symbol"], "symbol"),
        "side": SIDES[entry["side"]],
        "price": or_zero(entry.get("price"), "price"),
        "quantity": quantity,
        "quantity_left": quantity - done if left is None else exact(left, "remaining"),
        "is_cancelled": entry.get("status") not in (OPEN, CLOSED, None),
        "timestamp": microseconds(entry["timestamp"]),
        "client_id": entry.get("clientOrderId") or None,
    }


def fill(entry: Mapping[str, Any]) -> FillShape:
    """A trade structure of our own; its client id is not told."""
    price, quantity = exact(entry["price"], "price"), exact(entry["amount"], "amount")
    if price <= 0 or quantity <= 0:
        raise ValueError(f"trade {entry['id']}: {quantity} at {price} is none")
    return {
        "id": _text(entry["id"], "trade id"),
        "order_id": _text(entry["order"], "order id of a trade"),
        "client_id": None,
        "contract": _text(entry["symbol"], "symbol"),
        "side": SIDES[entry["side"]],
        "price": price,
        "quantity": quantity,
        "fees": _fees(entry),
        "timestamp": microseconds(entry["timestamp"]),
    }


def _fees(entry: Mapping[str, Any]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for fee in entry.get("fees") or [entry.get("fee") or {}]:
        cost = or_zero(fee.get("cost"), "fee")
        if cost:
            ticker = _text(fee["currency"], "fee currency")
            found[ticker] = found.get(ticker, ZERO) + cost
    return found


def candles(rows: Iterable[Any], contract: str, period: Period) -> dict[int, CandleShape]:
    """``fetchOHLCV``: rows of time, open, high, low, close, volume. The last one may not be finished yet."""
    found = (_candle(row, contract, period) for row in rows)
    return {candle["open_timestamp"]: candle for candle in found}


def _candle(row: Any, contract: str, period: Period) -> CandleShape:
    opened = microseconds(row[0])
    first, high, low, last = (exact(value, "price") for value in row[1:5])
    if not 0 < low <= min(first, last) <= max(first, last) <= high:
        raise ValueError(f"bar {opened}: {first} {high} {low} {last} are no open, high, low, close")
    return {
        "contract": contract,
        "period": period,
        "open": first,
        "high": high,
        "low": low,
        "close": last,
        "volume": or_zero(row[5], "volume"),
        "open_timestamp": opened,
        "close_timestamp": opened + PERIOD_SECONDS[period] * 1_000_000,
    }


def _text(value: object, what: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what}: {value!r} is no text")
    return value
