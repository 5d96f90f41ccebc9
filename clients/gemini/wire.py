"""Gemini's JSON as the interface's shapes: pure functions; amounts are texts (steps, bars: bare numbers), made exact ``Decimal``.

Formats are Gemini's REST and market data documentation, as summed up in the project's research (wire facts, section 6). Each
function raises ValueError, KeyError or TypeError for what breaks the format; :func:`reading` makes InvalidData of them.

Gemini spells a contract ``btcusd`` in paths and orders and ``BTCUSD`` in market data and executions; here its symbol is in small
letters. An execution's number is that of the trade, which both of its sides have: here it is ``106-1034``, with the order's id.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any, Literal

from attrs import frozen

from clients import bars, parsing
from clients.gemini.faults import VENUE
from clients.listings import Listing, Market
from clients.parsing import exact, level, number, optional_text, positive, quantity_left, side_of, text, truth, whole
from model.candle import Period
from model.instrument import Instrument
from model.money import ZERO
from model.shapes import CandleShape, FeesShape, FillShape, LevelShape, OrderShape, PositionShape, SideName

SIDES: Mapping[str, SideName] = {"buy": "BUY", "sell": "SELL"}
#: As executions have them.
SIDES_OF_FILLS: Mapping[str, SideName] = {"Buy": "BUY", "Sell": "SELL"}
FRAMES: Mapping[Period, str] = {"minute": "1m", "hour": "1hr", "day": "1day"}
#: The order type whose price is a limit that stands.
LIMIT = "exchange limit"

Levels = list[tuple[Decimal, Decimal]]


def reading(call: str) -> AbstractContextManager[None]:
    """What breaks the format of ``call``'s answer comes out as InvalidData, with the reason."""
    return parsing.reading(VENUE, call)


def symbol_of(contract: str) -> str:
    """``BTC/USD`` -> ``btcusd``."""
    return contract.replace("/", "").lower()


def symbols(answer: Any) -> list[str]:
    """``symbols``: all that are listed, perpetual contracts too."""
    if not isinstance(answer, list):
        raise ValueError(f"a list of symbols, got {answer!r:.60}")
    return [text(each, "symbol").lower() for each in answer]


def listing(details: Mapping[str, Any]) -> Listing | None:
    """``symbols/details``: what the venue calls the tick is the step of amounts; None for what is not spot."""
    if details.get("product_type", "spot") != "spot":
        return None
    instrument = Instrument(
        f"{text(details['base_currency'], 'base_currency')}/{text(details['quote_currency'], 'quote_currency')}",
        positive(details["quote_increment"], "quote_increment"),
        positive(details["tick_size"], "tick_size"),
        number(details["min_order_size"], "min_order_size"),
    )
    return Listing(text(details["symbol"], "symbol").lower(), instrument)


def market(listings: Iterable[Listing]) -> Market:
    """What is known of what the venue trades."""
    known = list(listings)
    return Market({each.contract: each for each in known}, {each.symbol: each for each in known})


def positions(answer: Any) -> dict[str, PositionShape]:
    """``balances``: all that is there, and what no order holds.

    A withdrawal counts in ``amount`` until the network has confirmed it, though it has left our hands: it is taken off.
    """
    found: dict[str, PositionShape] = {}
    for entry in answer:
        ticker = text(entry["currency"], "currency")
        amount, available = exact(entry["amount"], f"{ticker} amount"), exact(entry["available"], f"{ticker} available")
        leaving = number(entry.get("pendingWithdrawal", "0"), f"{ticker} pendingWithdrawal")
        found[ticker] = {"contract": ticker, "position": amount - leaving, "available": available}
    return found


def fees(answer: Mapping[str, Any]) -> FeesShape:
    """``notionalvolume``: basis points there, shares here."""
    maker, taker = (exact(answer[f"api_{side}_fee_bps"], side).scaleb(-4) for side in ("maker", "taker"))
    return {"maker": maker, "taker": taker}


def order_id(value: object) -> str:
    """An order's id: a number, mostly as text."""
    return str(whole(value, "order_id"))


def order(entry: Mapping[str, Any], known: Market) -> OrderShape:
    """An order of ``orders``, ``order/status``, ``order/new`` or ``order/cancel``. A person's stop has price 0."""
    id, quantity = order_id(entry["order_id"]), positive(entry["original_amount"], "original_amount")
    return {
        "id": id,
        "contract": known.contract(text(entry["symbol"], "symbol").lower()),
        "side": side_of(entry["side"], SIDES),
        "price": number(entry["price"], "price") if entry["type"] == LIMIT else ZERO,
        "quantity": quantity,
        "quantity_left": quantity_left(id, quantity, number(entry["executed_amount"], "executed_amount")),
        "is_cancelled": truth(entry["is_cancelled"], "is_cancelled"),
        "timestamp": milliseconds(entry["timestampms"]),
        "client_id": optional_text(entry.get("client_order_id"), "client_order_id"),
    }


def is_broken(entry: Mapping[str, Any]) -> bool:
    """Whether an execution of ``mytrades`` was taken back: "as though the transfer of funds had simply not happened"."""
    return entry.get("break") == "full"


def fill(entry: Mapping[str, Any], contract: str) -> FillShape:
    """An execution of ``mytrades``, which are asked for by contract."""
    id, fee = order_id(entry["order_id"]), exact(entry["fee_amount"], "fee_amount")
    return {
        "id": fill_id(id, entry["tid"]),
        "order_id": id,
        "client_id": optional_text(entry.get("client_order_id"), "client_order_id"),
        "contract": contract,
        "side": side_of(entry["type"], SIDES_OF_FILLS),
        "price": positive(entry["price"], "price"),
        "quantity": positive(entry["amount"], "amount"),
        "fees": {text(entry["fee_currency"], "fee_currency"): fee} if fee else {},
        "timestamp": milliseconds(entry["timestampms"]),
    }


def fill_id(order: str, trade: object) -> str:
    """Our id of an execution."""
    return f"{order}-{whole(trade, 'trade id')}"


def milliseconds(value: object) -> int:
    """Unix milliseconds as microseconds."""
    return whole(value, "timestampms") * 1000


@frozen
class Changes:
    """An ``l2_updates``: (price, whole quantity) of levels that changed, or, ``is_whole``, of all that there are."""

    is_whole: bool
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]


def changes(message: Mapping[str, Any]) -> Changes:
    """What an ``l2_updates`` says. Only the first one after a subscription carries trades and auctions: it is the whole book."""
    rows: dict[SideName, Levels] = {"BUY": [], "SELL": []}
    for row in message["changes"]:
        side, price, quantity = row
        rows[side_of(side, SIDES)].append(level(price, quantity))
    is_whole = "trades" in message or "auction_events" in message
    return Changes(is_whole, tuple(rows["BUY"]), tuple(rows["SELL"]))


def book(answer: Mapping[str, Any]) -> tuple[Levels, Levels]:
    """``book``: bids and asks, best first."""
    return sorted(_levels(answer, "bids"), reverse=True), sorted(_levels(answer, "asks"))


def _levels(answer: Mapping[str, Any], side: Literal["bids", "asks"]) -> Levels:
    levels = [(positive(entry["price"], "price"), number(entry["amount"], "amount")) for entry in answer[side]]
    return [level for level in levels if level[1]]


def level_shapes(levels: Levels) -> list[LevelShape]:
    """In the interface's shape."""
    return [{"price": price, "quantity": quantity} for price, quantity in levels]


def candle(row: Any, contract: str, period: Period) -> CandleShape:
    """A row of ``candles``: open time, open, high, low, close, volume."""
    opened, *prices = row[:5]
    return bars.bar(contract, period, milliseconds(opened), prices, row[5])
