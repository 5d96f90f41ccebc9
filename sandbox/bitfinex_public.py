"""Bitfinex's public REST calls: each takes the path behind ``/v2/``, in parts, and the query, and answers the JSON."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from model.instrument import Instrument
from model.money import ZERO
from model.order import Side
from sandbox.bitfinex_words import PARAMETERS, BitfinexError, code_of, grouped, milliseconds, pair_of, shown, symbol_of
from sandbox.candles import Bar
from sandbox.trading import Trade, WithdrawalFee
from sandbox.venue import Venue

Fields = Mapping[str, Any]
#: Price, how many offers are behind it, and what they offer together.
Row = tuple[Decimal, int, Decimal]

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_FRAMES = {"1m": _MINUTE, "5m": 5 * _MINUTE, "15m": 15 * _MINUTE, "30m": 30 * _MINUTE, "1h": _HOUR, "3h": 3 * _HOUR, "1D": _DAY}
_LENGTHS = (1, 25, 100, 250)
_MOST_BARS, _MOST_TRADES = 10_000, 10_000
_COIN_METHODS = {"BTC": "BITCOIN"}


def method_of(ticker: str) -> str:
    """The one way by which a currency travels; money of states goes by bank."""
    return _COIN_METHODS.get(ticker, f"BANK{code_of(ticker)}")


def whole(fields: Fields, name: str, default: int) -> int:
    """An integer of a query or a body.

    :raises BitfinexError: if it is something else.
    """
    value = fields.get(name)
    if value in (None, ""):
        return default
    if isinstance(value, bool) or not str(value).isdecimal():
        raise BitfinexError(PARAMETERS, f"{name}: invalid")
    return int(value)


class PublicCalls:
    """What anybody may ask."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.symbols = {symbol_of(instrument): contract for contract, instrument in venue.rules.instruments.items()}
        self.tickers = {code_of(ticker): ticker for ticker in venue.rules.currencies}
        self._table: Mapping[str, Callable[[list[str], Fields], Any]] = {
            "platform": lambda _path, _fields: [1],
            "conf": self._conf,
            "tickers": self._tickers,
            "ticker": lambda path, _fields: self._ticker(self.contract(path[1]))[1:],
            "book": self._book,
            "trades": self._trades,
            "candles": self._candles,
        }

    def answer(self, path: list[str], fields: Fields) -> Any:
        """The answer to ``path``.

        :raises BitfinexError: if it names nothing.
        """
        if path[0] not in self._table:
            raise BitfinexError(PARAMETERS, "request: invalid", 404)
        try:
            return self._table[path[0]](path, fields)
        except (IndexError, ValueError):
            raise BitfinexError(PARAMETERS, "request: invalid", 404) from None

    def contract(self, symbol: object) -> str:
        """The contract that ``tBTCUSD`` names.

        :raises BitfinexError: if it names none.
        """
        if symbol not in self.symbols:
            raise BitfinexError(PARAMETERS, "symbol: invalid")
        return self.symbols[str(symbol)]

    def symbol(self, contract: str) -> str:
        """The contract's name here."""
        return symbol_of(self._venue.instrument(contract))

    def levels(self, contract: str, side: Side, length: int) -> list[Row]:
        """One side of the book of precision P0, best first."""
        found: dict[Decimal, tuple[int, Decimal]] = {}
        for level in self._venue.levels(contract, side):
            price = grouped(level.price, side)
            if price not in found and len(found) == length:
                break
            count, quantity = found.get(price, (0, ZERO))
            found[price] = count + 1, quantity + level.quantity
        return [(price, count, quantity) for price, (count, quantity) in found.items()]

    # -- what the venue is ------------------------------------------------------------------------------------------------

    def _conf(self, path: list[str], _fields: Fields) -> Any:
        # Several keys at once, each with its own answer in the same order.
        return [self._configuration(key) for key in path[1].split(",")]

    def _configuration(self, key: str) -> list[Any]:
        rules = self._venue.rules
        codes = list(self.tickers)
        table: Mapping[str, list[Any]] = {
            "pub:info:pair": [self._pair(instrument) for instrument in rules.instruments.values()],
            "pub:list:pair:exchange": [pair_of(instrument) for instrument in rules.instruments.values()],
            "pub:list:currency": codes,
            "pub:map:currency:sym": [[code, shown(code)] for code in codes if shown(code)],
            "pub:map:currency:label": [[code, ticker] for code, ticker in self.tickers.items()],
            "pub:map:currency:tx:fee": [[code, [0, self._fee(ticker)]] for code, ticker in self.tickers.items()],
            "pub:map:tx:method": [[method_of(ticker), [code]] for code, ticker in self.tickers.items()],
            "pub:info:tx:status": [
                [method_of(ticker), 1, 1, None, None, None, None, 0, 0, None, None, 1] for ticker in self.tickers.values()
            ],
        }
        # There is no margin, no future and no funding here: their lists are empty.
        return table.get(key, [])

    def _pair(self, instrument: Instrument) -> list[Any]:
        least = format(max(instrument.min_quantity, instrument.lot), "f")
        return [pair_of(instrument), [None, None, None, least, "2000.0", None, None, None, None, None, None, None]]

    def _fee(self, ticker: str) -> Decimal:
        return self._venue.rules.withdrawal_fees.get(ticker, WithdrawalFee()).fixed

    # -- its markets ------------------------------------------------------------------------------------------------------

    def _tickers(self, _path: list[str], fields: Fields) -> Any:
        wanted = str(fields.get("symbols", "")).split(",")
        contracts = list(self.symbols.values()) if wanted == ["ALL"] else [self.contract(symbol) for symbol in wanted]
        return [self._ticker(contract) for contract in contracts]

    def _ticker(self, contract: str) -> list[Any]:
        best = {side: self._venue.best(contract, side) for side in Side}
        sides = [part for side in (Side.BUY, Side.SELL) for part in (best[side] or (ZERO, ZERO))]
        bars = self._venue.histories[contract].bars(_DAY)
        last = bars[-1] if bars else None
        day = [last.close, last.volume, last.high, last.low] if last else [ZERO] * 4
        return [self.symbol(contract), *sides, ZERO, ZERO, *day]

    def _book(self, path: list[str], fields: Fields) -> Any:
        contract, length = self.contract(path[1]), whole(fields, "len", 25)
        if path[2] not in ("P0", "R0"):
            raise BitfinexError(10011, "prec: invalid")
        if length not in _LENGTHS:
            raise BitfinexError(10012, "len: invalid")
        if path[2] == "P0":
            sides = {side: self.levels(contract, side, length) for side in (Side.BUY, Side.SELL)}
            return [[price, count, side.sign * quantity] for side, rows in sides.items() for price, count, quantity in rows]
        # Each price as one order: the venue model does not show whose orders are behind it.
        raw = [(side, level) for side in (Side.BUY, Side.SELL) for level in self._venue.levels(contract, side, length)]
        return [[number, level.price, side.sign * level.quantity] for number, (side, level) in enumerate(raw, 1)]

    def _trades(self, path: list[str], fields: Fields) -> Any:
        contract, limit = self.contract(path[1]), min(whole(fields, "limit", 120), _MOST_TRADES)
        return [self._trade(trade) for trade in self._venue.trades(contract)[-limit:]][::-1]

    def _trade(self, trade: Trade) -> list[Any]:
        return [trade.id, milliseconds(trade.timestamp), trade.side.sign * trade.quantity, trade.price]

    def _candles(self, path: list[str], fields: Fields) -> Any:
        _, frame, symbol = path[1].split(":", 2)
        contract = self.contract(symbol)
        if frame not in _FRAMES:
            raise BitfinexError(PARAMETERS, "timeframe: invalid")
        if path[2] != "hist":
            raise BitfinexError(PARAMETERS, "section: invalid")
        limit = whole(fields, "limit", 120)
        if limit > _MOST_BARS:
            raise BitfinexError(PARAMETERS, "limit: invalid")
        start = -(-whole(fields, "start", 0) // 1000)
        end = whole(fields, "end", milliseconds(self._venue.timestamp())) // 1000
        bars = self._venue.histories[contract].bars(_FRAMES[frame], start, end + 1)
        if str(fields.get("sort")) == "1":
            return [self._bar(bar) for bar in bars[:limit]]
        return [self._bar(bar) for bar in bars[-limit:]][::-1]

    def _bar(self, bar: Bar) -> list[Any]:
        return [bar.start * 1000, bar.open, bar.close, bar.high, bar.low, bar.volume]
