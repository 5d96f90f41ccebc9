"""Kraken's JSON as the interface's shapes: pure functions; numbers are strings or exact ``Decimal`` (never float).

Formats are Kraken's REST documentation, as summed up in the project's research (wire facts, section 1). Each function
raises ValueError, KeyError or TypeError for what breaks the format; :func:`reading` makes InvalidData of them.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

from attrs import frozen

from clients import parsing
from clients.bars import bar
from clients.kraken.faults import VENUE
from clients.parsing import MOST_DIGITS, exact, number, optional_text, positive, quantity_left, side_of, text
from model.candle import Period
from model.instrument import Instrument
from model.money import ZERO
from model.shapes import CandleShape, FillShape, LevelShape, OrderShape, PositionShape, SideName

#: Kraken's own names for what everybody else calls otherwise.
RENAMED = {"XBT": "BTC", "XDG": "DOGE"}
SIDES: Mapping[str, SideName] = {"buy": "BUY", "sell": "SELL"}
#: Length of a bar, in Kraken's minutes.
INTERVALS: Mapping[Period, str] = {"minute": "1", "hour": "60", "day": "1440"}
OVER = frozenset({"canceled", "expired"})


def reading(call: str) -> AbstractContextManager[None]:
    """What breaks the format of ``call``'s answer comes out as InvalidData, with the reason."""
    return parsing.reading(VENUE, call)


@frozen
class Pair:
    """A contract and its names: ``id`` (XXBTZUSD) and ``altname`` (XBTUSD) on REST, the contract itself on WebSocket v2.

    ``price_digits`` and ``quantity_digits`` are the places after the point that the venue writes.
    """

    id: str
    altname: str
    instrument: Instrument
    price_digits: int
    quantity_digits: int

    @property
    def symbol(self) -> str:
        """Its name in the streams."""
        return self.instrument.contract


@frozen
class Market:
    """What Kraken trades. ``tickers``: our ticker by Kraken's asset id; ``pairs``: by contract; ``names``: by any name."""

    tickers: Mapping[str, str]
    pairs: Mapping[str, Pair]
    names: Mapping[str, Pair]

    def ticker(self, asset: str) -> str:
        """Our ticker of an asset id; what is staked or held keeps its suffix (``XBT.F`` is ``BTC.F``: not spendable)."""
        if asset in self.tickers:
            return self.tickers[asset]
        stem, dot, suffix = asset.partition(".")
        return self.tickers.get(stem, _renamed(stem)) + dot + suffix

    def asset(self, ticker: str) -> str | None:
        """Kraken's id of ``ticker``; None if it has none."""
        return next((asset for asset, known in self.tickers.items() if known == ticker), None)

    def contract(self, name: str) -> str:
        """The contract of a pair by any of its names; of one that is not listed (any more), the name as it is."""
        pair = self.names.get(name)
        return pair.instrument.contract if pair else name


def side(value: object) -> SideName:
    """BUY or SELL."""
    return side_of(value, SIDES)


def digits(value: object, what: str) -> int:
    """A number of decimal places, which Kraken writes as a number or as text."""
    found = int(exact(value, what))
    if not 0 <= found <= MOST_DIGITS:
        raise ValueError(f"{what}: {found} decimal places are none")
    return found


def microseconds(value: object) -> int:
    """Unix seconds, with or without a fraction, as microseconds."""
    return int(number(value, "time") * 1_000_000)


def market(assets: Mapping[str, Any], pairs: Mapping[str, Any]) -> Market:
    """``Assets`` and ``AssetPairs``. Pairs of the dark pool (``XBTUSD.d``) are left out: they trade otherwise."""
    tickers = {id: _renamed(text(entry["altname"], "altname")) for id, entry in assets.items()}
    known = Market(tickers, {}, {})
    by_contract: dict[str, Pair] = {}
    by_name: dict[str, Pair] = {}
    for id, entry in pairs.items():
        if id.endswith(".d"):
            continue
        pair = _pair(id, entry, known)
        by_contract.setdefault(pair.instrument.contract, pair)
        for name in (id, pair.altname, entry.get("wsname"), pair.instrument.contract):
            if name:
                by_name.setdefault(name, pair)
    return Market(tickers, by_contract, by_name)


def _renamed(asset: str) -> str:
    stem, dot, suffix = asset.partition(".")
    return RENAMED.get(stem, stem) + dot + suffix


def _pair(id: str, entry: Mapping[str, Any], known: Market) -> Pair:
    price_digits = digits(entry["pair_decimals"], "pair_decimals")
    quantity_digits = digits(entry["lot_decimals"], "lot_decimals")
    tick = entry.get("tick_size")
    instrument = Instrument(
        f"{known.ticker(entry['base'])}/{known.ticker(entry['quote'])}",
        Decimal(1).scaleb(-price_digits) if tick is None else positive(tick, "tick_size"),
        Decimal(1).scaleb(-quantity_digits),
        number(entry.get("ordermin", "0"), "ordermin"),
        number(entry.get("costmin", "0"), "costmin"),
    )
    return Pair(id, text(entry["altname"], "altname"), instrument, price_digits, quantity_digits)


def positions(result: Mapping[str, Any], known: Market) -> dict[str, PositionShape]:
    """``BalanceEx``: all that is there, and all of it that no order holds."""
    found: dict[str, PositionShape] = {}
    for asset, entry in result.items():
        ticker = known.ticker(asset)
        balance = exact(entry["balance"], f"{asset} balance")
        held = number(entry.get("hold_trade", "0"), f"{asset} hold_trade")
        found[ticker] = {"contract": ticker, "position": balance, "available": balance - held}
    return found


def order(id: str, entry: Mapping[str, Any], known: Market) -> OrderShape:
    """An order of ``OpenOrders`` or ``QueryOrders``. One that is no limit order (a person's stop) has price 0."""
    description = entry["descr"]
    quantity, done = number(entry["vol"], "vol"), number(entry["vol_exec"], "vol_exec")
    left, status = quantity_left(id, quantity, done), text(entry["status"], "status")
    return {
        "id": text(id, "order id"),
        "contract": known.contract(text(description["pair"], "pair")),
        "side": side(description["type"]),
        # What a stop or a market order has there is no limit, and may be "+50.0000%".
        "price": number(description["price"], "price") if description["ordertype"] == "limit" else ZERO,
        "quantity": quantity,
        "quantity_left": left,
        # Closed before all of it has traded: it will not trade any more either.
        "is_cancelled": status in OVER or (status == "closed" and left > 0),
        "timestamp": microseconds(entry["opentm"]),
        "client_id": optional_text(entry.get("cl_ord_id"), "cl_ord_id"),
    }


def orders(entries: Mapping[str, Any], known: Market) -> dict[str, OrderShape]:
    """All of them, by id."""
    return {id: order(id, entry, known) for id, entry in entries.items()}


def fill(id: str, entry: Mapping[str, Any], known: Market) -> FillShape:
    """A trade of ``TradesHistory``, whose key is the ``exec_id`` of the stream. Its fee is in the quote currency."""
    contract = known.contract(text(entry["pair"], "pair"))
    fee = exact(entry["fee"], "fee")
    pair = known.pairs.get(contract)
    # Without the pair its quote is not known, and a fee in the wrong currency is worse than no answer.
    if pair is None and fee:
        raise ValueError(f"trade {id}: pair {contract!r} is not listed")
    return {
        "id": text(id, "trade id"),
        "order_id": text(entry["ordertxid"], "ordertxid"),
        "client_id": None,
        "contract": contract,
        "side": side(entry["type"]),
        "price": positive(entry["price"], "price"),
        "quantity": positive(entry["vol"], "vol"),
        "fees": {pair.instrument.quote: fee} if pair and fee else {},
        "timestamp": microseconds(entry["time"]),
    }


def depth(result: Mapping[str, Any]) -> tuple[list[LevelShape], list[LevelShape]]:
    """``Depth``: bids and asks, best first. The one key is a name of the pair that was asked for."""
    (entry,) = result.values()
    bids, asks = _levels(entry["bids"]), _levels(entry["asks"])
    bids.sort(key=lambda level: level["price"], reverse=True)
    asks.sort(key=lambda level: level["price"])
    return bids, asks


def _levels(rows: Any) -> list[LevelShape]:
    levels: list[LevelShape] = [{"price": positive(row[0], "price"), "quantity": number(row[1], "volume")} for row in rows]
    return [level for level in levels if level["quantity"] != ZERO]


def candles(result: Mapping[str, Any], contract: str, period: Period) -> dict[int, CandleShape]:
    """``OHLC``: rows of time, open, high, low, close, vwap, volume, count. The last one is not finished yet."""
    rows = [value for name, value in result.items() if name != "last"]
    if len(rows) != 1:
        raise ValueError(f"{len(rows)} series, one was asked for")
    found = (_candle(row, contract, period) for row in rows[0])
    return {candle["open_timestamp"]: candle for candle in found}


def _candle(row: Any, contract: str, period: Period) -> CandleShape:
    return bar(contract, period, microseconds(row[0]), row[1:5], row[6])
