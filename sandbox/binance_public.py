"""Binance's public REST calls: each takes the query's fields and answers the JSON."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from model.money import ZERO
from model.order import Side
from sandbox.binance_depth import DepthFeeds
from sandbox.binance_keys import WEIGHT_LIMIT
from sandbox.binance_words import BinanceError, eight, milliseconds, missing, symbol_of
from sandbox.candles import Bar
from sandbox.trading import Trade
from sandbox.venue import Venue

Fields = Mapping[str, str]

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_INTERVALS = {"1m": _MINUTE, "5m": 5 * _MINUTE, "15m": 15 * _MINUTE, "1h": _HOUR, "4h": 4 * _HOUR, "1d": _DAY}
_MOST_BARS, _MOST_LEVELS, _MOST_TRADES = 1_000, 5_000, 1_000
_ENOUGH = Decimal(9_000_000)


def whole(fields: Fields, name: str, default: int) -> int:
    """An integer field.

    :raises BinanceError: if it is something else.
    """
    value = fields.get(name) or str(default)
    if not (value.isascii() and value.isdecimal()):
        raise BinanceError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(value)


def amount(fields: Fields, name: str) -> Decimal:
    """An exact amount from a field.

    :raises BinanceError: if it is missing or no finite number.
    """
    try:
        number = Decimal(fields[name])
    except (KeyError, InvalidOperation):
        raise missing(name) from None
    if not number.is_finite():
        raise missing(name)
    return number


class PublicCalls:
    """What anybody may ask."""

    def __init__(self, venue: Venue, feeds: DepthFeeds) -> None:
        self._venue = venue
        self._feeds = feeds
        self.symbols = {symbol_of(instrument): contract for contract, instrument in venue.rules.instruments.items()}
        self.table: Mapping[str, Callable[[Fields], Any]] = {
            "GET /api/v3/ping": lambda _fields: {},
            "GET /api/v3/time": lambda _fields: {"serverTime": milliseconds(venue.timestamp())},
            "GET /api/v3/exchangeInfo": self._exchange_info,
            "GET /api/v3/depth": self._depth,
            "GET /api/v3/klines": self._klines,
            "GET /api/v3/trades": self._trades,
            "GET /api/v3/ticker/bookTicker": self._book_ticker,
            "GET /sapi/v1/system/status": lambda _fields: {"status": 0, "msg": "normal"},
        }

    def contract(self, fields: Fields) -> str:
        """The contract that ``symbol`` names.

        :raises BinanceError: if it names none.
        """
        symbol = fields.get("symbol")
        if not symbol:
            raise missing("symbol")
        if symbol not in self.symbols:
            raise BinanceError(-1121, "Invalid symbol.")
        return self.symbols[symbol]

    def symbol(self, contract: str) -> str:
        """The contract's name here."""
        return symbol_of(self._venue.instrument(contract))

    def _exchange_info(self, fields: Fields) -> Any:
        wanted = [self.contract(fields)] if fields.get("symbol") else list(self.symbols.values())
        limits = (("REQUEST_WEIGHT", "MINUTE", 1, WEIGHT_LIMIT), ("ORDERS", "SECOND", 10, 100), ("ORDERS", "DAY", 1, 200_000))
        return {
            "timezone": "UTC",
            "serverTime": milliseconds(self._venue.timestamp()),
            "rateLimits": [
                {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}
                for kind, interval, number, limit in limits
            ],
            "exchangeFilters": [],
            "symbols": [self._symbol_info(contract) for contract in wanted],
        }

    def _symbol_info(self, contract: str) -> dict[str, Any]:
        instrument = self._venue.instrument(contract)
        tick, lot, least = eight(instrument.tick), eight(instrument.lot), eight(max(instrument.min_quantity, instrument.lot))
        most = eight(_ENOUGH)
        return {
            "symbol": symbol_of(instrument),
            "status": "TRADING",
            "baseAsset": instrument.base,
            "baseAssetPrecision": 8,
            "quoteAsset": instrument.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": False,
            "ocoAllowed": False,
            "quoteOrderQtyMarketAllowed": False,
            "allowTrailingStop": False,
            "cancelReplaceAllowed": False,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": most, "tickSize": tick},
                {"filterType": "LOT_SIZE", "minQty": least, "maxQty": most, "stepSize": lot},
                {"filterType": "NOTIONAL", "minNotional": eight(instrument.min_value), "applyMinToMarket": False}
                | {"maxNotional": most, "applyMaxToMarket": False, "avgPriceMins": 5},
            ],
            "permissions": ["SPOT"],
            "defaultSelfTradePreventionMode": "EXPIRE_TAKER",
            "allowedSelfTradePreventionModes": ["EXPIRE_TAKER"],
        }

    def _depth(self, fields: Fields) -> Any:
        contract, limit = self.contract(fields), min(max(whole(fields, "limit", 100), 1), _MOST_LEVELS)
        sides = {"bids": Side.BUY, "asks": Side.SELL}
        levels = {word: self._venue.levels(contract, side, limit) for word, side in sides.items()}
        rows = {word: [[eight(level.price), eight(level.quantity)] for level in side] for word, side in levels.items()}
        return {"lastUpdateId": self._feeds.last_id(contract), **rows}

    def _klines(self, fields: Fields) -> Any:
        contract, interval = self.contract(fields), fields.get("interval", "")
        if interval not in _INTERVALS:
            raise BinanceError(-1120, "Invalid interval.")
        length, limit = _INTERVALS[interval], min(whole(fields, "limit", 500), _MOST_BARS)
        # Bars that begin at startTime or after it.
        start = -(-whole(fields, "startTime", 0) // 1000)
        end = whole(fields, "endTime", milliseconds(self._venue.timestamp())) // 1000
        bars = self._venue.histories[contract].bars(length, start, end + 1)
        chosen = bars[:limit] if fields.get("startTime") else bars[-limit:]
        return [self._bar(bar, length) for bar in chosen]

    def _bar(self, bar: Bar, length: int) -> list[Any]:
        prices = [eight(price) for price in (bar.open, bar.high, bar.low, bar.close)]
        closed = (bar.start + length) * 1000 - 1
        half = eight(bar.volume / 2), eight(bar.value / 2)
        return [bar.start * 1000, *prices, eight(bar.volume), closed, eight(bar.value), bar.count, *half, "0"]

    def _trades(self, fields: Fields) -> Any:
        contract, limit = self.contract(fields), min(whole(fields, "limit", 500), _MOST_TRADES)
        return [self._trade(trade) for trade in self._venue.trades(contract)[-limit:]]

    def _trade(self, trade: Trade) -> dict[str, Any]:
        return {
            "id": trade.id,
            "price": eight(trade.price),
            "qty": eight(trade.quantity),
            "quoteQty": eight(trade.price * trade.quantity),
            "time": milliseconds(trade.timestamp),
            "isBuyerMaker": trade.side is Side.SELL,
            "isBestMatch": True,
        }

    def _book_ticker(self, fields: Fields) -> Any:
        if fields.get("symbol"):
            return self._best(self.contract(fields))
        return [self._best(contract) for contract in self.symbols.values()]

    def _best(self, contract: str) -> dict[str, str]:
        found = {"symbol": self.symbol(contract)}
        for word, side in (("bid", Side.BUY), ("ask", Side.SELL)):
            level = self._venue.best(contract, side)
            price, quantity = (level.price, level.quantity) if level else (ZERO, ZERO)
            found |= {f"{word}Price": eight(price), f"{word}Qty": eight(quantity)}
        return found
