"""Bitstamp's public REST calls: each takes the query's fields and answers the JSON."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from model.instrument import Instrument
from model.order import Side
from sandbox.bitstamp_feeds import Books
from sandbox.bitstamp_words import BitstampError, decimals, digits, eight, market_of, missing, trade_number
from sandbox.candles import Bar
from sandbox.network import World
from sandbox.trading import Trade, WithdrawalFee
from sandbox.venue import Venue

Fields = Mapping[str, str]

_STEPS = (60, 180, 300, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, 86_400, 259_200)
_MOST = 1_000


def whole(fields: Fields, name: str, default: int) -> int:
    """An integer field.

    :raises BitstampError: if it is something else.
    """
    value = fields.get(name) or str(default)
    if not (value.isascii() and value.isdecimal()):
        raise BitstampError("400.007", {name: ["Enter a whole number."]})
    return int(value)


def amount(fields: Fields, name: str) -> Decimal:
    """An exact amount from a field.

    :raises BitstampError: if it is missing or no finite number.
    """
    if not fields.get(name):
        raise missing(name)
    try:
        number = Decimal(fields[name])
    except InvalidOperation:
        raise BitstampError("400.007", {name: ["Enter a number."]}) from None
    if not number.is_finite():
        raise BitstampError("400.007", {name: ["Enter a number."]})
    return number


def network_of(ticker: str) -> str:
    """Bitstamp's name of the one network that a coin of the sandbox travels by."""
    return "bitcoin" if ticker == "BTC" else ticker.lower()


class PublicCalls:
    """What anybody may ask."""

    def __init__(self, venue: Venue, books: Books, world: World) -> None:
        self._venue = venue
        self._books = books
        self._world = world
        self.table: dict[str, Callable[[Fields], Any]] = {
            "GET /api/v2/markets/": self._markets,
            "GET /api/v2/currencies/": self._currencies,
            "GET /api/v2/eur_usd/": self._eur_usd,
        }
        for market, contract in books.contracts.items():
            self.table |= {
                f"GET /api/v2/order_book/{market}/": partial(self._order_book, contract),
                f"GET /api/v2/ohlc/{market}/": partial(self._ohlc, contract),
                f"GET /api/v2/transactions/{market}/": partial(self._transactions, contract),
            }

    def _markets(self, _fields: Fields) -> Any:
        return [self._market(instrument) for instrument in self._venue.rules.instruments.values()]

    def _market(self, instrument: Instrument) -> dict[str, Any]:
        return {
            "name": instrument.contract,
            "market_symbol": market_of(instrument),
            "base_currency": instrument.base,
            "base_decimals": decimals(instrument.lot),
            "counter_currency": instrument.quote,
            "counter_decimals": decimals(instrument.tick),
            "minimum_order_value": digits(instrument.min_value, 0),
            "minimum_order_amount": eight(instrument.min_quantity),
            "trading": "Enabled",
            "instant_order_counter_decimals": 2,
            "instant_and_market_orders": "Enabled",
            "description": f"{instrument.base} / {instrument.quote}",
            "market_type": "SPOT",
        }

    def _currencies(self, _fields: Fields) -> Any:
        return [self._currency(ticker, unit) for ticker, unit in self._venue.rules.currencies.items()]

    def _currency(self, ticker: str, unit: Decimal) -> dict[str, Any]:
        is_coin = ticker in self._world.routes.coins
        network = {
            "network": network_of(ticker),
            "withdrawal_minimum_amount": eight(self.withdrawal_fee(ticker) + unit),
            "withdrawal_decimals": decimals(unit),
            "deposit": "Enabled",
            "withdrawal": "Enabled",
        }
        return {
            "name": ticker,
            "currency": ticker,
            "type": "crypto" if is_coin else "fiat",
            "symbol": ticker,
            "decimals": decimals(unit),
            "logo": "",
            "available_supply": "0.00000000",
            "deposit": "Enabled",
            "withdrawal": "Enabled",
            "networks": [network] if is_coin else [],
        }

    def withdrawal_fee(self, ticker: str) -> Decimal:
        """What a withdrawal costs, in its own currency."""
        return self._venue.rules.withdrawal_fees.get(ticker, WithdrawalFee()).fixed

    def _eur_usd(self, _fields: Fields) -> Any:
        per_euro = self._world.rates.per_euro().get("USD", Decimal(1))
        return {"buy": digits(per_euro, 4), "sell": digits(per_euro, 4)}

    def _order_book(self, contract: str, _fields: Fields) -> Any:
        return self._books.image(contract, None)

    def _ohlc(self, contract: str, fields: Fields) -> Any:
        step, limit = whole(fields, "step", 0), whole(fields, "limit", 0)
        if step not in _STEPS or not 0 < limit <= _MOST:
            raise BitstampError("400.007", {"step" if step not in _STEPS else "limit": ["Value is not a valid choice."]})
        start, end = whole(fields, "start", 0), whole(fields, "end", self._venue.timestamp() // 1_000_000)
        bars = self._venue.histories[contract].bars(step, start, end + 1)
        chosen = bars[:limit] if fields.get("start") else bars[-limit:]
        return {"data": {"pair": contract, "ohlc": [self._bar(contract, bar) for bar in chosen]}}

    def _bar(self, contract: str, bar: Bar) -> dict[str, str]:
        places = decimals(self._venue.instrument(contract).tick)
        prices = {name: digits(getattr(bar, name), places) for name in ("open", "high", "low", "close")}
        return {"timestamp": str(bar.start), **prices, "volume": eight(bar.volume)}

    def _transactions(self, contract: str, _fields: Fields) -> Any:
        return [self._transaction(trade) for trade in reversed(self._venue.trades(contract)[-_MOST:])]

    def _transaction(self, trade: Trade) -> dict[str, str]:
        return {
            "amount": eight(trade.quantity),
            "date": str(trade.timestamp // 1_000_000),
            "price": digits(trade.price, decimals(self._venue.instrument(trade.contract).tick)),
            "tid": str(trade_number(trade.id)),
            "type": "0" if trade.side is Side.BUY else "1",
        }
