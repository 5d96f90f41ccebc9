"""Coinbase Exchange's JSON as the interface's shapes: pure functions; amounts are strings, made exact ``Decimal`` (never float).

Formats are Coinbase Exchange's REST documentation, as summed up in the project's research (wire facts, section 5a). Each
function raises ValueError, KeyError or TypeError for what breaks the format; :func:`reading` makes InvalidData of them.

Ids of orders are UUIDs; trades are numbered within their product, so that here an execution is ``BTC-USD-1034``.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

from clients import bars, parsing
from clients.coinbase_exchange.client_ids import client_id_of
from clients.coinbase_exchange.faults import VENUE
from clients.coinbase_exchange.places import contract_of, ticker_of
from clients.listings import Listing, Market
from clients.parsing import exact, microseconds_of_text, number, optional_text, positive, quantity_left, side_of, text, whole
from model.candle import PERIOD_SECONDS, Period
from model.instrument import Instrument
from model.money import EXACT, ZERO
from model.shapes import CandleShape, FeesShape, FillShape, LevelShape, OrderShape, PositionShape, SideName

SIDES: Mapping[str, SideName] = {"buy": "BUY", "sell": "SELL"}
LIVE = frozenset({"open", "pending", "active", "received"})
#: The digits after the point that the venue keeps of a fee.
FEE_STEP = Decimal("1E-16")


def reading(call: str) -> AbstractContextManager[None]:
    """What breaks the format of ``call``'s answer comes out as InvalidData, with the reason."""
    return parsing.reading(VENUE, call)


def side(value: object) -> SideName:
    """BUY or SELL."""
    return side_of(value, SIDES)


def market(products: Iterable[Mapping[str, Any]]) -> Market:
    """``products``: those that are online. What trades under another's currencies (``BTCAUCTION-USD``) is no contract."""
    listings = [_listing(entry) for entry in products if _is_tradable(entry)]
    return Market({each.contract: each for each in listings}, {each.symbol: each for each in listings})


def _is_tradable(entry: Mapping[str, Any]) -> bool:
    is_itself = (
        entry["id"] == f"{text(entry['base_currency'], 'base_currency')}-{text(entry['quote_currency'], 'quote_currency')}"
    )
    return is_itself and entry["status"] == "online" and entry.get("trading_disabled", False) is False


def _listing(entry: Mapping[str, Any]) -> Listing:
    instrument = Instrument(
        contract_of(entry["id"]),
        positive(entry["quote_increment"], "quote_increment"),
        positive(entry["base_increment"], "base_increment"),
        # There is no least size of its own any more, only a least value; less than a step nothing can be.
        positive(entry.get("base_min_size") or entry["base_increment"], "base_min_size"),
        number(entry.get("min_market_funds") or "0", "min_market_funds"),
    )
    return Listing(text(entry["id"], "id"), instrument)


def accounts(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """``accounts``: their ids, by our ticker."""
    return {ticker_of(text(entry["currency"], "currency")): text(entry["id"], "account id") for entry in entries}


def positions(entries: Iterable[Mapping[str, Any]]) -> dict[str, PositionShape]:
    """``accounts``: all that is there, and what no order holds; those of which there is something."""
    found: dict[str, PositionShape] = {}
    for entry in entries:
        ticker = ticker_of(text(entry["currency"], "currency"))
        balance, available = exact(entry["balance"], f"{ticker} balance"), exact(entry["available"], f"{ticker} available")
        if balance or available:
            found[ticker] = {"contract": ticker, "position": balance, "available": available}
    return found


def fees(answer: Mapping[str, Any]) -> FeesShape:
    """``fees``: shares."""
    return {
        "maker": exact(answer["maker_fee_rate"], "maker_fee_rate"),
        "taker": exact(answer["taker_fee_rate"], "taker_fee_rate"),
    }


def order(entry: Mapping[str, Any]) -> OrderShape:
    """An order of ``orders``. One that is no limit order (a person's) has price 0, and one for a sum of money its own fills."""
    id, status = text(entry["id"], "id"), text(entry["status"], "status")
    done = number(entry["filled_size"], "filled_size")
    quantity = number(entry["size"], "size") if "size" in entry else done
    if status not in LIVE | {"done", "rejected"}:
        raise ValueError(f"order {id}: status {status!r} is none")
    is_over = status == "rejected" or (status == "done" and text(entry["done_reason"], "done_reason") != "filled")
    return {
        "id": id,
        "contract": contract_of(text(entry["product_id"], "product_id")),
        "side": side(entry["side"]),
        "price": number(entry["price"], "price") if "price" in entry else ZERO,
        "quantity": quantity,
        "quantity_left": quantity_left(id, quantity, done),
        "is_cancelled": is_over,
        "timestamp": microseconds_of_text(entry["created_at"]),
        "client_id": client_id(entry),
    }


def client_id(entry: Mapping[str, Any]) -> str | None:
    """Our own id, if it carries one."""
    uuid = optional_text(entry.get("client_oid"), "client_oid")
    return None if uuid is None else client_id_of(uuid)


def fill_id(product: str, trade_id: object) -> str:
    """Our id of an execution."""
    return f"{product}-{whole(trade_id, 'trade_id')}"


def fill(entry: Mapping[str, Any]) -> FillShape:
    """An execution of ``fills``; both sides pay in quote."""
    product = text(entry["product_id"], "product_id")
    fee = exact(entry["fee"], "fee")
    return {
        "id": fill_id(product, entry["trade_id"]),
        "order_id": text(entry["order_id"], "order_id"),
        "client_id": None,
        "contract": contract_of(product),
        "side": side(entry["side"]),
        "price": positive(entry["price"], "price"),
        "quantity": positive(entry["size"], "size"),
        "fees": fees_of(product, fee),
        "timestamp": microseconds_of_text(entry["created_at"]),
    }


def fees_of(product: str, fee: Decimal) -> dict[str, Decimal]:
    """A fee by its ticker; none is left out."""
    return {contract_of(product).partition("/")[2]: fee} if fee else {}


def fee_at(rate: Decimal, price: Decimal, quantity: Decimal) -> Decimal:
    """What an execution costs at ``rate``, to the digits that the venue keeps."""
    with localcontext(EXACT):
        return (rate * price * quantity).quantize(FEE_STEP, ROUND_HALF_EVEN).normalize()


def level(row: Any) -> tuple[Decimal, Decimal]:
    """Price and quantity (0: the level is gone)."""
    return parsing.level(row[0], row[1])


def depth(answer: Mapping[str, Any]) -> tuple[list[LevelShape], list[LevelShape]]:
    """``book``: bids and asks, best first."""
    bids = sorted(map(level, answer["bids"]), reverse=True)
    asks = sorted(map(level, answer["asks"]))
    return _shapes(bids), _shapes(asks)


def _shapes(levels: Iterable[tuple[Decimal, Decimal]]) -> list[LevelShape]:
    return [{"price": price, "quantity": quantity} for price, quantity in levels if quantity]


def candle(row: Any, contract: str, period: Period) -> CandleShape:
    """A row of ``candles``: time (seconds), low, high, open, close, volume, in this order."""
    opened, low, high, first, last, volume = row
    seconds = whole(opened, "time")
    if seconds % PERIOD_SECONDS[period]:
        raise ValueError(f"time: {seconds} begins no {period}")
    return bars.bar(contract, period, seconds * 1_000_000, (first, high, low, last), volume)
