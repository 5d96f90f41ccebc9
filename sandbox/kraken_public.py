"""Kraken's public REST calls (``/0/public/...``): each takes the query's fields and answers the ``result``."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from model.order import Side
from sandbox.candles import Bar
from sandbox.kraken_words import KrakenError, Pair, altname, asset_id, decimals
from sandbox.venue import Venue

Fields = Mapping[str, str]

_INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)
_MOST_BARS = 720


def whole(fields: Fields, name: str, default: int) -> int:
    """An integer field.

    :raises KrakenError: if it is something else.
    """
    try:
        return int(fields.get(name, default))
    except ValueError:
        raise KrakenError(f"EGeneral:Invalid arguments:{name}") from None


class PublicCalls:
    """What anybody may ask."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.pairs = [Pair(instrument) for instrument in venue.rules.instruments.values()]
        self.table: Mapping[str, Callable[[Fields], Any]] = {
            "Time": self._time,
            "SystemStatus": self._system_status,
            "Assets": self._assets,
            "AssetPairs": self._asset_pairs,
            "Depth": self._depth,
            "OHLC": self._ohlc,
            "Ticker": self._ticker,
            "Trades": self._trades,
        }

    def pair(self, name: str | None) -> Pair:
        """A pair by any of its names.

        :raises KrakenError: if there is none, or no name.
        """
        if not name:
            raise KrakenError("EGeneral:Invalid arguments")
        for pair in self.pairs:
            if name in (pair.id, pair.altname, pair.wsname, pair.symbol):
                return pair
        raise KrakenError("EQuery:Unknown asset pair")

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._venue.timestamp() / 1_000_000, UTC)

    def _time(self, _fields: Fields) -> Any:
        return {"unixtime": int(self._now().timestamp()), "rfc1123": self._now().strftime("%a, %d %b %y %H:%M:%S +0000")}

    def _system_status(self, _fields: Fields) -> Any:
        return {"status": "online", "timestamp": self._now().strftime("%Y-%m-%dT%H:%M:%SZ")}

    def _assets(self, fields: Fields) -> Any:
        wanted = {name for name in fields.get("asset", "").split(",") if name}
        assets = {}
        for ticker, unit in self._venue.rules.currencies.items():
            if not wanted or wanted & {ticker, asset_id(ticker), altname(ticker)}:
                entry = {"aclass": "currency", "altname": altname(ticker), "decimals": decimals(unit)}
                assets[asset_id(ticker)] = entry | {"display_decimals": 5, "status": "enabled"}
        return assets

    def _asset_pairs(self, fields: Fields) -> Any:
        names = [name for name in fields.get("pair", "").split(",") if name]
        pairs = [self.pair(name) for name in names] if names else self.pairs
        return {pair.id: self._pair_info(pair) for pair in pairs}

    def _pair_info(self, pair: Pair) -> dict[str, Any]:
        instrument, fees = pair.instrument, self._venue.rules.fees
        return {
            "altname": pair.altname,
            "wsname": pair.wsname,
            "aclass_base": "currency",
            "base": asset_id(instrument.base),
            "aclass_quote": "currency",
            "quote": asset_id(instrument.quote),
            "lot": "unit",
            "cost_decimals": 5,
            "pair_decimals": pair.price_decimals,
            "lot_decimals": pair.lot_decimals,
            "lot_multiplier": 1,
            "leverage_buy": [],
            "leverage_sell": [],
            "fees": [[0, fees.taker * 100]],
            "fees_maker": [[0, fees.maker * 100]],
            "fee_volume_currency": "ZUSD",
            "margin_call": 80,
            "margin_stop": 40,
            "ordermin": str(instrument.min_quantity),
            "costmin": str(instrument.min_value),
            "tick_size": str(instrument.tick),
            "status": "online",
        }

    def _depth(self, fields: Fields) -> Any:
        pair, count = self.pair(fields.get("pair")), whole(fields, "count", 100)
        now = int(self._now().timestamp())
        sides = {"asks": Side.SELL, "bids": Side.BUY}
        return {
            pair.id: {
                name: [
                    [pair.price(level.price), pair.volume(level.quantity), now]
                    for level in self._venue.levels(pair.symbol, side, min(max(count, 1), 500))
                ]
                for name, side in sides.items()
            }
        }

    def _ohlc(self, fields: Fields) -> Any:
        pair, minutes = self.pair(fields.get("pair")), whole(fields, "interval", 1)
        if minutes not in _INTERVALS:
            raise KrakenError("EGeneral:Invalid arguments:interval")
        length, now = minutes * 60, int(self._now().timestamp())
        since = max(whole(fields, "since", 0) + 1, now - now % length - (_MOST_BARS - 1) * length)
        bars = self._venue.histories[pair.symbol].bars(length, since)[-_MOST_BARS:]
        finished = [bar.start for bar in bars if bar.start + length <= now]
        return {pair.id: [self._bar(pair, bar) for bar in bars], "last": finished[-1] if finished else 0}

    def _bar(self, pair: Pair, bar: Bar) -> list[Any]:
        prices = [pair.price(price) for price in (bar.open, bar.high, bar.low, bar.close, bar.vwap)]
        return [bar.start, *prices, pair.volume(bar.volume), bar.count]

    def _ticker(self, fields: Fields) -> Any:
        names = [name for name in fields.get("pair", "").split(",") if name]
        return {pair.id: self._ticker_of(pair) for pair in ([self.pair(name) for name in names] or self.pairs)}

    def _ticker_of(self, pair: Pair) -> dict[str, Any]:
        best = {word: self._venue.best(pair.symbol, side) for word, side in (("a", Side.SELL), ("b", Side.BUY))}
        day = self._venue.histories[pair.symbol].bars(60, int(self._now().timestamp()) - 86_400)
        last = day[-1].close if day else Decimal(0)
        volume = sum((bar.volume for bar in day), Decimal(0))
        high, low = max((bar.high for bar in day), default=last), min((bar.low for bar in day), default=last)
        tops = {
            word: [pair.price(level.price), "1", pair.volume(level.quantity)] if level else ["0", "0", "0"]
            for word, level in best.items()
        }
        return tops | {
            "c": [pair.price(last), pair.volume(day[-1].volume if day else Decimal(0))],
            "v": [pair.volume(volume)] * 2,
            "p": [pair.price(last)] * 2,
            "t": [sum(bar.count for bar in day)] * 2,
            "l": [pair.price(low)] * 2,
            "h": [pair.price(high)] * 2,
            "o": pair.price(day[0].open if day else last),
        }

    def _trades(self, fields: Fields) -> Any:
        pair, since = self.pair(fields.get("pair")), whole(fields, "since", 0)
        trades = [trade for trade in self._venue.trades(pair.symbol) if trade.timestamp * 1000 > since]
        rows = [
            [
                pair.price(trade.price),
                pair.volume(trade.quantity),
                Decimal(trade.timestamp) / 1_000_000,
                "b" if trade.side is Side.BUY else "s",
                "l",
                "",
                trade.id,
            ]
            for trade in trades
        ]
        return {pair.id: rows, "last": str(trades[-1].timestamp * 1000 if trades else since)}
