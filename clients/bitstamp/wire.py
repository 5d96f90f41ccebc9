"""Bitstamp's JSON as the interface's shapes: pure functions; amounts, text or numbers, become exact ``Decimal`` (never float).

Formats are Bitstamp's HTTP API v2 documentation, as summed up in the project's research (wire facts, section 2). Each function
raises ValueError, KeyError or TypeError for what breaks the format; :func:`reading` makes InvalidData of them.

An execution has one number for both sides, so that here it is ``<order>-<number>``. Times without a zone are UTC.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from operator import itemgetter
from typing import Any

from attrs import frozen

from clients import bars, parsing
from clients.bitstamp.faults import VENUE
from clients.listings import Listing, Market
from clients.parsing import EPOCH, MOST_DIGITS, exact, number, optional_text, positive, text, whole
from model.candle import Period
from model.instrument import Instrument
from model.money import ZERO
from model.shapes import CandleShape, FeesShape, FillShape, LevelShape, OrderShape, PositionShape, SideName

SIDES: Mapping[int, SideName] = {0: "BUY", 1: "SELL"}
#: Statuses of an order that may still trade.
LIVE = frozenset({"Open", "In Queue", "Cancel pending"})
#: Statuses of one that trades no more.
OVER = frozenset({"Finished", "Canceled", "Expired"})
#: Types of postings.
DEPOSIT, WITHDRAWAL, TRADE = 0, 1, 2
#: What a posting says besides amounts by currency, of names without an underscore.
_WORDS = frozenset({"id", "datetime", "type", "fee", "status", "price", "side"})


def reading(call: str) -> AbstractContextManager[None]:
    """What breaks the format of ``call``'s answer comes out as InvalidData, with the reason."""
    return parsing.reading(VENUE, call)


def moment(value: object, what: str = "datetime") -> int:
    """``2024-01-31 12:00:00.123456``, which is UTC, as microseconds."""
    found = datetime.fromisoformat(text(value, what))
    return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - EPOCH) // timedelta(microseconds=1)


def side(value: object) -> SideName:
    """0 is BUY and 1 is SELL."""
    kind = whole(value, "type")
    if kind not in SIDES:
        raise ValueError(f"type: {kind} is neither 0 nor 1")
    return SIDES[kind]


def order_id(value: object) -> str:
    """Our id of an order: its number, which comes as one or as text."""
    return str(whole(value, "order id"))


def market(entries: Any) -> Market:
    """``markets/``: the spot markets."""
    listings = [_listing(entry) for entry in entries if entry.get("market_type", "SPOT") == "SPOT"]
    return Market({each.contract: each for each in listings}, {each.symbol: each for each in listings})


def _listing(entry: Mapping[str, Any]) -> Listing:
    base, quote = text(entry["base_currency"], "base_currency"), text(entry["counter_currency"], "counter_currency")
    instrument = Instrument(
        f"{base.upper()}/{quote.upper()}",
        step(entry["counter_decimals"]),
        step(entry["base_decimals"]),
        number(entry.get("minimum_order_amount") or "0", "minimum_order_amount"),
        number(entry["minimum_order_value"], "minimum_order_value"),
    )
    return Listing(text(entry["market_symbol"], "market_symbol"), instrument)


def step(decimals: object) -> Decimal:
    """So many digits after the point."""
    places = whole(decimals, "decimals")
    if places > MOST_DIGITS:
        raise ValueError(f"{places} decimal places are none")
    return Decimal(1).scaleb(-places)


def fees(entries: Any, symbol: str) -> FeesShape:
    """``fees/trading/``: of the market ``symbol``; told in percent."""
    (entry,) = (each for each in entries if each["market"] == symbol)
    rates = entry["fees"]
    return {"maker": exact(rates["maker"], "maker") / 100, "taker": exact(rates["taker"], "taker") / 100}


def positions(entries: Any) -> dict[str, PositionShape]:
    """``account_balances/``: all that is there, and what no order holds."""
    found: dict[str, PositionShape] = {}
    for entry in entries:
        ticker = text(entry["currency"], "currency").upper()
        total, available = exact(entry["total"], f"{ticker} total"), exact(entry["available"], f"{ticker} available")
        found[ticker] = {"contract": ticker, "position": total, "available": available}
    return found


def order(entry: Mapping[str, Any]) -> OrderShape:
    """An order of ``open_orders/``; ``amount`` is what is left of it."""
    id, left = order_id(entry["id"]), number(entry["amount"], "amount")
    quantity = positive(entry.get("amount_at_create") or entry["amount"], "amount_at_create")
    parsing.quantity_left(id, quantity, left)
    return {
        "id": id,
        "contract": _contract(entry.get("market") or entry["currency_pair"]),
        "side": side(entry["type"]),
        "price": number(entry["price"], "price"),
        "quantity": quantity,
        "quantity_left": left,
        "is_cancelled": False,
        "timestamp": moment(entry["datetime"]),
        "client_id": optional_text(entry.get("client_order_id"), "client_order_id"),
    }


def order_status(entry: Mapping[str, Any], known: OrderShape | None) -> OrderShape:
    """``order_status/``, which does not tell the price: 0, unless the order is ``known`` from elsewhere."""
    id, status, left = (
        order_id(entry["id"]),
        text(entry["status"], "status"),
        number(entry["amount_remaining"], "amount_remaining"),
    )
    if status not in LIVE | OVER:
        raise ValueError(f"order {id}: status {status!r} is none")
    contract = _contract(entry["market"]) if known is None else known["contract"]
    base = contract.partition("/")[0].lower()
    done = sum((positive(part[base], base) for part in entry.get("transactions") or ()), ZERO)
    quantity = left + done if known is None else known["quantity"]
    parsing.quantity_left(id, quantity, left)
    return {
        "id": id,
        "contract": contract,
        "side": side(entry["type"]) if known is None else known["side"],
        "price": ZERO if known is None else known["price"],
        "quantity": quantity,
        "quantity_left": left,
        # Over before all of it has traded: it will not trade any more, whatever that is called.
        "is_cancelled": status in OVER and left > 0,
        "timestamp": moment(entry["datetime"]) if known is None else known["timestamp"],
        "client_id": optional_text(entry.get("client_order_id"), "client_order_id") or (known and known.get("client_id")),
    }


def _contract(value: object) -> str:
    """``BTC/USD``, as the venue spells it too."""
    name = text(value, "market").upper()
    if name.count("/") != 1:
        raise ValueError(f"market {name!r:.40} is none such as BTC/USD")
    return name


def kind(row: Mapping[str, Any]) -> int:
    """The type of a posting of ``user_transactions/``."""
    return whole(row["type"], "type")


def fill(row: Mapping[str, Any]) -> FillShape:
    """A posting of a trade: signed amounts under the currencies' names, the price under ``btc_usd``; the fee is in quote."""
    pairs = [name for name in row if _is_pair(name, row) and _amount(row[name], name)]
    if len(pairs) != 1:
        raise ValueError(f"trade {row['id']!r:.40}: {pairs} is not one price")
    base, _, quote = pairs[0].partition("_")
    traded, paid = exact(row[base], base), _amount(row[quote], quote)
    if not traded or traded * paid > 0:
        raise ValueError(f"trade {row['id']!r:.40}: {traded} {base} for {paid} {quote} is none")
    id, fee = order_id(row["order_id"]), exact(row["fee"], "fee")
    return {
        "id": f"{id}-{whole(row['id'], 'id')}",
        "order_id": id,
        "client_id": None,
        "contract": f"{base}/{quote}".upper(),
        "side": "BUY" if traded > 0 else "SELL",
        "price": positive(row[pairs[0]], pairs[0]),
        "quantity": abs(traded),
        "fees": {quote.upper(): fee} if fee else {},
        "timestamp": moment(row["datetime"]),
    }


def _is_pair(name: str, row: Mapping[str, Any]) -> bool:
    base, underscore, quote = name.partition("_")
    return bool(underscore) and base in row and quote in row


def _amount(value: object, what: str) -> Decimal:
    """What a posting says of a currency; of one that it is not about, ``None`` too, in words."""
    return ZERO if value in (None, "None") else exact(value, what)


def amounts(row: Mapping[str, Any], tickers: Iterable[str]) -> dict[str, Decimal]:
    """What a posting changes, signed, by ticker; only of ``tickers``, as anything may be told beside them."""
    names = {ticker.lower(): ticker for ticker in tickers}
    told = {names[name]: _amount(value, name) for name, value in row.items() if name in names and name not in _WORDS}
    return {ticker: amount for ticker, amount in told.items() if amount}


@lru_cache(maxsize=8_192, typed=True)
def _level(price: Any, quantity: Any) -> LevelShape:
    """As shown. Each image repeats nearly all levels of the one before, so that most have been read already."""
    at, left = parsing.level(price, quantity)
    return {"price": at, "quantity": left}


def _levels(rows: Any) -> list[LevelShape]:
    levels = [_level(row[0], row[1]) for row in rows]
    return [level for level in levels if level["quantity"]]


@frozen
class Image:
    """A whole book as it was at ``at`` (microseconds, the venue's clock): its levels as the venue orders them, best first."""

    at: int
    bids: list[LevelShape]
    asks: list[LevelShape]


def image(data: Mapping[str, Any]) -> Image:
    """What ``order_book/`` and the channel of that name say."""
    at = whole(data["microtimestamp"], "microtimestamp")
    return Image(at, _levels(data["bids"]), _levels(data["asks"]))


def depth(answer: Mapping[str, Any]) -> tuple[list[LevelShape], list[LevelShape]]:
    """``order_book/``: bids and asks, best first."""
    found, price = image(answer), itemgetter("price")
    return sorted(found.bids, key=price, reverse=True), sorted(found.asks, key=price)


def candles(answer: Mapping[str, Any], contract: str, period: Period) -> list[CandleShape]:
    """``ohlc/``: bars by when they opened, unix seconds."""
    names = ("open", "high", "low", "close")
    rows = [(row, whole(row["timestamp"], "timestamp") * 1_000_000) for row in answer["data"]["ohlc"]]
    return [bars.bar(contract, period, opened, [row[name] for name in names], row["volume"]) for row, opened in rows]
