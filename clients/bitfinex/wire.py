"""Bitfinex's JSON as the interface's shapes: pure functions. Everything is an array whose places have a meaning each.

Numbers are bare JSON numbers, made exact ``Decimal`` (never float). What is bought has a positive amount, what is sold a
negative one. Formats are Bitfinex's REST documentation, as summed up in the project's research (wire facts, section 3).
Arrays may be longer than documented. Each function raises ValueError, TypeError or IndexError for what breaks the format;
:func:`reading` makes InvalidData of them.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

from clients import parsing
from clients.bars import bar
from clients.bitfinex.client_ids import client_id_of
from clients.bitfinex.faults import GENERIC, VENUE, error_of
from clients.bitfinex.symbols import Market, Names
from clients.parsing import exact, number, positive, text, whole
from model.candle import Period
from model.money import ZERO
from model.shapes import CandleShape, FeesShape, FillShape, LevelShape, OrderShape, PositionShape, SideName

INTERVALS: Mapping[Period, str] = {"minute": "1m", "hour": "1h", "day": "1D"}
#: The wallet that is traded from; orders and executions of others (margin) do not touch it.
WALLET, SPOT = "exchange", "EXCHANGE "
#: Order types whose price is a limit.
LIMITS = frozenset({"EXCHANGE LIMIT", "EXCHANGE IOC", "EXCHANGE FOK"})
#: Money of states, and coins that stand for it: for each a taker's share is another one.
FIAT, STABLE = frozenset({"USD", "EUR", "GBP", "JPY", "TRY", "CNH"}), frozenset({"USDT", "USDC", "EURT", "TUSD"})
#: How a status begins: of an order that may still trade, of one that has traded wholly, of one that trades no more.
LIVE = ("ACTIVE", "PARTIALLY FILLED")
FILLED = ("EXECUTED", "FORCED EXECUTED")
OVER = ("CANCELED", "POSTONLY CANCELED", "IOC CANCELED", "FILLORKILL CANCELED", "INSUFFICIENT", "RSN_")


def reading(call: str) -> AbstractContextManager[None]:
    """What breaks the format of ``call``'s answer comes out as InvalidData, with the reason."""
    return parsing.reading(VENUE, call)


def row(value: object, least: int, what: str) -> list[Any]:
    """An array of at least so many places."""
    if not isinstance(value, list) or len(value) < least:
        raise ValueError(f"{what}: expected an array of {least}, got {value!r:.100}")
    return value


def microseconds(value: object, what: str = "time") -> int:
    """Unix milliseconds as microseconds."""
    return whole(value, what) * 1000


def _side(amount: Decimal) -> SideName:
    return "BUY" if amount > 0 else "SELL"


def _signed(value: object, what: str) -> Decimal:
    found = exact(value, what)
    if not found:
        raise ValueError(f"{what}: 0 is neither bought nor sold")
    return found


def _count(value: object, what: str) -> int | None:
    return None if value is None else whole(value, what)


def is_spot(entry: Any, place: int) -> bool:
    """Whether an order or execution, whose type stands at ``place``, is of the exchange wallet."""
    return text(entry[place], "type").startswith(SPOT)


def positions(wallets: Any, names: Names) -> tuple[dict[str, PositionShape], set[str]]:
    """The exchange wallet; and the tickers of which the venue has not calculated what is available."""
    found: dict[str, PositionShape] = {}
    untold: set[str] = set()
    for each in row(wallets, 0, "wallets"):
        entry = row(each, 5, "wallet")
        if entry[0] != WALLET:
            continue
        ticker = names.ticker(entry[1])
        total = exact(entry[2], f"{ticker} balance")
        if entry[4] is None:
            untold.add(ticker)
        available = total if entry[4] is None else exact(entry[4], f"{ticker} available")
        found[ticker] = {"contract": ticker, "position": total, "available": available}
    return found, untold


def order(value: Any, known: Market) -> OrderShape:
    """An order (32 places). One that is no limit order (a person's stop) has price 0."""
    entry = row(value, 18, "order")
    id = str(whole(entry[0], "order id"))
    original, left = _signed(entry[7], "amount"), exact(entry[6], "amount left")
    if abs(left) > abs(original) or left * original < 0:
        raise ValueError(f"order {id}: {left} is left of {original}")
    status = text(entry[13], "status")
    if not status.startswith(LIVE + FILLED + OVER):
        raise ValueError(f"order {id}: status {status!r} is none")
    if status.startswith(FILLED) and left:
        raise ValueError(f"order {id}: {status!r}, and {left} is left")
    return {
        "id": id,
        "contract": known.contract(text(entry[3], "symbol")),
        "side": _side(original),
        "price": number(entry[16], "price") if entry[8] in LIMITS else ZERO,
        "quantity": abs(original),
        "quantity_left": abs(left),
        "is_cancelled": status.startswith(OVER),
        "timestamp": microseconds(entry[4], "created"),
        "client_id": client_id_of(_count(entry[1], "gid"), _count(entry[2], "cid")),
    }


def orders(answer: Any, known: Market) -> dict[str, OrderShape]:
    """A list of orders, by id; those of the exchange wallet."""
    found = [order(entry, known) for entry in row(answer, 0, "orders") if is_spot(row(entry, 18, "order"), 8)]
    return {each["id"]: each for each in found}


def fill(value: Any, known: Market) -> FillShape:
    """An execution (12 places) with its fee, which is negative where we have paid it. Whose it is, its order tells."""
    entry = row(value, 11, "trade")
    amount, fee = _signed(entry[4], "amount"), -exact(entry[9], "fee")
    return {
        "id": str(whole(entry[0], "trade id")),
        "order_id": str(whole(entry[3], "order id")),
        "client_id": None,
        "contract": known.contract(text(entry[1], "symbol")),
        "side": _side(amount),
        "price": positive(entry[5], "price"),
        "quantity": abs(amount),
        "fees": {known.names.ticker(entry[10]): fee} if fee else {},
        "timestamp": microseconds(entry[2]),
    }


def level(value: Any) -> tuple[bool, Decimal, Decimal]:
    """A row of a book of precision P0: whether it is a bid, price, quantity (0: the level is gone)."""
    entry = row(value, 3, "level")
    amount = _signed(entry[2], "amount")
    return amount > 0, positive(entry[0], "price"), abs(amount) if whole(entry[1], "count") else ZERO


def book(answer: Any) -> tuple[list[LevelShape], list[LevelShape]]:
    """``book``: bids and asks, best first."""
    levels = [level(each) for each in row(answer, 0, "book")]
    bids = sorted(((price, quantity) for is_bid, price, quantity in levels if is_bid), reverse=True)
    asks = sorted((price, quantity) for is_bid, price, quantity in levels if not is_bid)
    return _shapes(bids), _shapes(asks)


def _shapes(levels: Iterable[tuple[Decimal, Decimal]]) -> list[LevelShape]:
    return [{"price": price, "quantity": quantity} for price, quantity in levels if quantity]


def candle(value: Any, contract: str, period: Period) -> CandleShape:
    """A row of ``candles``: opened at, open, close, high, low, volume."""
    opened, first, last, high, low, volume = row(value, 6, "candle")[:6]
    return bar(contract, period, microseconds(opened, "opened"), (first, high, low, last), volume)


def notified(call: str, answer: Any) -> Any:
    """What a write was answered: ``[time, type, id, null, DATA, code, STATUS, text]``. The data, if it says SUCCESS.

    :raises ExchangeError: what its code and text mean, if it says anything else.
    """
    entry = row(answer, 8, "notification")
    if text(entry[6], "status") != "SUCCESS":
        code = GENERIC if entry[5] is None else whole(entry[5], "code")
        raise error_of(call, code, str(entry[7]), is_write=True)
    return entry[4]


def submitted(data: Any) -> str:
    """The id of the one order of a submission's data."""
    (entry,) = data
    return str(whole(row(entry, 1, "order")[0], "order id"))


def fees(summary: Any, quote: str) -> FeesShape:
    """``summary``: what the account's volume has come to; takers pay by what kind of money they trade against."""
    makers, takers = row(row(row(summary, 5, "summary")[4], 2, "fees"), 2, "fees")[:2]
    place = 2 if quote in FIAT else 1 if quote in STABLE else 0
    return {"maker": exact(row(makers, 1, "maker")[0], "maker"), "taker": exact(row(takers, 3, "taker")[place], "taker")}
