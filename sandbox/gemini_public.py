"""Gemini's public REST calls: each takes what its path names and the query's fields, and answers the JSON."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from model.book import Level
from model.money import ZERO
from model.order import Side
from sandbox.gemini_words import GeminiError, amount_of, milliseconds, priced, symbol_of
from sandbox.trading import Reason, Trade, VenueRefused
from sandbox.venue import Venue

#: The fields of a query or of a payload.
Fields = Mapping[str, Any]

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
#: By the venue's word for it: how long a bar is, and how far back bars go.
_FRAMES = {
    "1m": (_MINUTE, _DAY),
    "5m": (5 * _MINUTE, 2 * _DAY),
    "15m": (15 * _MINUTE, 7 * _DAY),
    "30m": (30 * _MINUTE, 14 * _DAY),
    "1hr": (_HOUR, 60 * _DAY),
    "6hr": (6 * _HOUR, 120 * _DAY),
    "1day": (_DAY, 365 * _DAY),
}
_SIDES = {Side.BUY: "buy", Side.SELL: "sell"}
#: Timestamps below this are seconds, above it milliseconds.
_SECONDS = 10**11


def whole(fields: Fields, name: str, default: int) -> int:
    """An integer field, a number or text of digits.

    :raises GeminiError: if it is something else.
    """
    value = fields.get(name, default)
    if isinstance(value, bool) or not (str(value).isascii() and str(value).isdecimal()):
        raise GeminiError("InvalidJson", f"{name} must be a whole number")
    return int(value)


def since(fields: Fields) -> int | None:
    """The field ``timestamp``, seconds or milliseconds, as milliseconds; None without it."""
    if fields.get("timestamp") is None:
        return None
    value = whole(fields, "timestamp", 0)
    return value * 1000 if value < _SECONDS else value


def amount(fields: Fields, name: str, reason: str) -> Decimal:
    """An exact amount from a field of text (or number).

    :raises GeminiError: (``reason``) if it is missing or no finite number.
    """
    try:
        number = Decimal(str(fields[name]))
    except (KeyError, InvalidOperation):
        number = Decimal("NaN")
    if not number.is_finite():
        raise GeminiError(reason, f"Invalid {name}")
    return number


class PublicCalls:
    """What anybody may ask."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.symbols = {symbol_of(instrument): contract for contract, instrument in venue.rules.instruments.items()}
        #: By the path's beginning; what follows it is handed over.
        self.table: Mapping[str, Callable[[str, Fields], Any]] = {
            "/v1/symbols/details/": self._details,
            "/v1/symbols": lambda _rest, _fields: list(self.symbols),
            "/v1/book/": self._book,
            "/v1/trades/": self._trades,
            "/v1/pubticker/": self._ticker,
            "/v2/candles/": self._candles,
        }

    def contract(self, symbol: object) -> str:
        """The contract that ``symbol`` names, in small letters or capitals.

        :raises VenueRefused: (CONTRACT) if it names none.
        """
        found = self.symbols.get(symbol.lower()) if isinstance(symbol, str) else None
        if found is None:
            raise VenueRefused(Reason.CONTRACT, str(symbol))
        return found

    def symbol(self, contract: str) -> str:
        """The contract's name here, in small letters."""
        return symbol_of(self._venue.instrument(contract))

    def _details(self, symbol: str, _fields: Fields) -> Any:
        instrument = self._venue.instrument(self.contract(symbol))
        return {
            "symbol": symbol.upper(),
            "base_currency": instrument.base,
            "quote_currency": instrument.quote,
            "tick_size": instrument.lot,
            "quote_increment": instrument.tick,
            "min_order_size": f"{instrument.min_quantity or instrument.lot:f}",
            "status": "open",
            "wrap_enabled": False,
            "product_type": "spot",
            "contract_type": "vanilla",
        }

    def _book(self, symbol: str, fields: Fields) -> Any:
        contract = self.contract(symbol)
        sides = (("bids", Side.BUY), ("asks", Side.SELL))
        limits = {word: whole(fields, f"limit_{word}", 50) or None for word, _ in sides}
        return {
            word: [self._row(contract, level) for level in self._venue.levels(contract, side, limits[word])]
            for word, side in sides
        }

    def _row(self, contract: str, level: Level) -> dict[str, str]:
        price = priced(self._venue.instrument(contract), level.price)
        # "DO NOT USE", the documentation says of this field; it is there.
        timestamp = str(self._venue.timestamp() // 1_000_000)
        return {"price": price, "amount": amount_of(level.quantity), "timestamp": timestamp}

    def trade(self, trade: Trade) -> dict[str, Any]:
        """A public trade."""
        return {
            "timestamp": trade.timestamp // 1_000_000,
            "timestampms": milliseconds(trade.timestamp),
            "tid": trade.id,
            "price": priced(self._venue.instrument(trade.contract), trade.price),
            "amount": amount_of(trade.quantity),
            "exchange": "gemini",
            "type": _SIDES[trade.side],
        }

    def _trades(self, symbol: str, fields: Fields) -> Any:
        limit, first = min(whole(fields, "limit_trades", 50), 500), since(fields) or 0
        found = [trade for trade in self._venue.trades(self.contract(symbol)) if milliseconds(trade.timestamp) >= first]
        chosen = found[:limit] if first else found[-limit:]
        return [self.trade(trade) for trade in reversed(chosen)]

    def _ticker(self, symbol: str, _fields: Fields) -> Any:
        contract = self.contract(symbol)
        instrument, trades = self._venue.instrument(contract), self._venue.trades(contract)
        best = {word: self._venue.best(contract, side) for word, side in (("bid", Side.BUY), ("ask", Side.SELL))}
        found = {word: priced(instrument, level.price) for word, level in best.items() if level}
        volume = sum((trade.quantity for trade in trades), ZERO)
        value = sum((trade.quantity * trade.price for trade in trades), ZERO)
        volumes = {instrument.base: amount_of(volume), instrument.quote: amount_of(value)}
        last = {"last": priced(instrument, trades[-1].price)} if trades else {}
        return found | last | {"volume": {**volumes, "timestamp": milliseconds(self._venue.timestamp())}}

    def _candles(self, rest: str, _fields: Fields) -> Any:
        symbol, _, frame = rest.partition("/")
        if frame not in _FRAMES:
            raise GeminiError("InvalidTimeFrame", f"{frame} is none of {', '.join(_FRAMES)}")
        length, reach = _FRAMES[frame]
        now = self._venue.timestamp() // 1_000_000
        bars = self._venue.histories[self.contract(symbol)].bars(length, now - reach)
        return [[bar.start * 1000, bar.open, bar.high, bar.low, bar.close, bar.volume] for bar in reversed(bars)]
