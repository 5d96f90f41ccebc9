"""Coinbase Exchange's public REST calls: each takes the request's fields and answers the JSON."""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from attrs import frozen

from model.money import ZERO
from model.order import Side
from sandbox.candles import Bar
from sandbox.coinbase_exchange_words import CoinbaseError, digits, iso, moment, product_of
from sandbox.events import BookChanged, Event, Matched, OrderChanged
from sandbox.network import World
from sandbox.trading import Trade, WithdrawalFee
from sandbox.venue import Venue

#: Fields of the path, the query and the body, each as text; of several of one name, with commas between them.
Fields = Mapping[str, str]

_GRANULARITIES = (60, 300, 900, 3_600, 21_600, 86_400)
_MOST_BARS = 300
_MOST = 1_000


def whole(fields: Fields, name: str, default: int) -> int:
    """An integer field.

    :raises CoinbaseError: if it is something else.
    """
    value = fields.get(name) or str(default)
    if not (value.isascii() and value.isdecimal()):
        raise CoinbaseError(400, f"Invalid {name}")
    return int(value)


def amount(fields: Fields, name: str) -> Decimal:
    """An exact amount from a field.

    :raises CoinbaseError: if it is missing or no finite number.
    """
    try:
        number = Decimal(fields[name])
    except (KeyError, InvalidOperation):
        raise CoinbaseError(400, f"Invalid {name}") from None
    if not number.is_finite():
        raise CoinbaseError(400, f"Invalid {name}")
    return number


@frozen
class Page:
    """A part of a list, newest first. ``before`` and ``after``: the cursors of its first and its last row."""

    rows: list[Any]
    before: str = ""
    after: str = ""


def page(entries: list[tuple[int, Any]], fields: Fields) -> Page:
    """What ``before``, ``after`` and ``limit`` choose of ``entries``, which are (cursor, row), rising."""
    after, before = whole(fields, "after", 2**63), whole(fields, "before", -1) if fields.get("before") else -1
    chosen = [entry for entry in reversed(entries) if before < entry[0] < after]
    chosen = chosen[: min(max(whole(fields, "limit", 100), 1), _MOST)]
    rows = [row for _, row in chosen]
    return Page(rows, str(chosen[0][0]), str(chosen[-1][0])) if chosen else Page(rows)


class Sequences:
    """Each product's counter of what has happened: orders, matches, changes of its book."""

    def __init__(self, venue: Venue) -> None:
        # A real product has been counting for long; a client that takes 0 for nothing would not be noticed else.
        self._last = dict.fromkeys(venue.rules.instruments, 10_000)
        venue.listen(self._happened)

    def last(self, contract: str) -> int:
        """The number of the last thing that has happened."""
        return self._last[contract]

    def _happened(self, event: Event) -> None:
        if isinstance(event, BookChanged):
            self._last[event.contract] += 1
        elif isinstance(event, OrderChanged):
            self._last[event.order.contract] += 1
        elif isinstance(event, Matched):
            self._last[event.trade.contract] += 1


class PublicCalls:
    """What anybody may ask."""

    def __init__(self, venue: Venue, world: World, sequences: Sequences) -> None:
        self._venue = venue
        self._coins = world.routes.coins
        self._sequences = sequences
        self.products = {product_of(instrument): contract for contract, instrument in venue.rules.instruments.items()}
        self.table: Mapping[str, Callable[[Fields], Any]] = {
            "GET /time": self._time,
            "GET /products": lambda _fields: [self._product(contract) for contract in self.products.values()],
            "GET /products/{product_id}": lambda fields: self._product(self.contract(fields)),
            "GET /products/{product_id}/book": self._book,
            "GET /products/{product_id}/candles": self._candles,
            "GET /products/{product_id}/trades": self._trades,
            "GET /currencies": lambda _fields: [self._currency(ticker) for ticker in venue.rules.currencies],
            "GET /currencies/{currency_id}": lambda fields: self._currency(self.ticker(fields, "currency_id")),
        }

    def contract(self, fields: Fields) -> str:
        """The contract that ``product_id`` names.

        :raises CoinbaseError: if it names none.
        """
        product = fields.get("product_id", "")
        if product not in self.products:
            raise CoinbaseError(404, "NotFound")
        return self.products[product]

    def product(self, contract: str) -> str:
        """The contract's name here."""
        return product_of(self._venue.instrument(contract))

    def ticker(self, fields: Fields, name: str = "currency") -> str:
        """The currency that a field names.

        :raises CoinbaseError: if it names none.
        """
        ticker = fields.get(name, "")
        if ticker not in self._venue.rules.currencies:
            raise CoinbaseError(404, "NotFound")
        return ticker

    def network(self, ticker: str) -> str:
        """By what a currency travels."""
        return {"BTC": "bitcoin"}.get(ticker, ticker.lower()) if ticker in self._coins else "bank"

    def _time(self, _fields: Fields) -> Any:
        now = self._venue.timestamp()
        return {"iso": iso(now), "epoch": Decimal(now // 1000) / 1000}

    def _product(self, contract: str) -> dict[str, Any]:
        instrument = self._venue.instrument(contract)
        return {
            "id": product_of(instrument),
            "base_currency": instrument.base,
            "quote_currency": instrument.quote,
            "quote_increment": digits(instrument.tick, 0),
            "base_increment": digits(instrument.lot),
            "display_name": product_of(instrument),
            "min_market_funds": digits(instrument.min_value, 0),
            "margin_enabled": False,
            "post_only": False,
            "limit_only": False,
            "cancel_only": False,
            "status": "online",
            "status_message": "",
            "trading_disabled": False,
            "fx_stablecoin": False,
            "max_slippage_percentage": "0.02000000",
            "auction_mode": False,
            "high_bid_limit_percentage": "",
        }

    def _currency(self, ticker: str) -> dict[str, Any]:
        unit = self._venue.rules.currencies[ticker]
        least = self._venue.rules.withdrawal_fees.get(ticker, WithdrawalFee()).fixed + unit
        network = {"min_withdrawal_amount": least, "max_withdrawal_amount": 9_999_999, "network_confirmations": 1}
        return {
            "id": ticker,
            "name": ticker,
            "min_size": digits(unit, 0),
            "status": "online",
            "message": "",
            "max_precision": digits(unit, 0),
            "convertible_to": [],
            "details": {"type": "crypto" if ticker in self._coins else "fiat", "min_withdrawal_amount": least},
            "default_network": self.network(ticker),
            "supported_networks": [
                {"id": self.network(ticker), "name": self.network(ticker), "status": "online", "contract_address": ""} | network
            ],
            "display_name": ticker,
        }

    def _book(self, fields: Fields) -> Any:
        contract, level = self.contract(fields), fields.get("level") or "1"
        if level not in ("1", "2"):
            raise CoinbaseError(400, "Invalid level")
        depth = 1 if level == "1" else None
        sides = {
            word: [[digits(each.price, 2), digits(each.quantity), 1] for each in self._venue.levels(contract, side, depth)]
            for word, side in (("bids", Side.BUY), ("asks", Side.SELL))
        }
        told = {"sequence": self._sequences.last(contract), "time": iso(self._venue.timestamp())}
        return {**sides, **told, "auction_mode": False, "auction": None}

    def _candles(self, fields: Fields) -> Any:
        contract, length = self.contract(fields), whole(fields, "granularity", 60)
        if length not in _GRANULARITIES:
            raise CoinbaseError(400, "Unsupported granularity")
        now = self._venue.timestamp()
        end = moment(fields["end"]) if fields.get("end") else now
        start = moment(fields["start"]) if fields.get("start") else end - _MOST_BARS * length * 1_000_000
        if end - start > _MOST_BARS * length * 1_000_000:
            words = f"granularity too small for the requested time range. Count of aggregations requested exceeds {_MOST_BARS}"
            raise CoinbaseError(400, words)
        bars = self._venue.histories[contract].bars(length, -(-start // 1_000_000), end // 1_000_000 + 1)
        return [_row(bar) for bar in bars[::-1][:_MOST_BARS]]

    def _trades(self, fields: Fields) -> Any:
        return page([(trade.id, _trade(trade)) for trade in self._venue.trades(self.contract(fields))], fields)


def _row(bar: Bar) -> list[Any]:
    """Time, low, high, open, close, volume: bare numbers, in this order."""
    return [bar.start, *(price.normalize() for price in (bar.low, bar.high, bar.open, bar.close, bar.volume or ZERO))]


def _trade(trade: Trade) -> dict[str, Any]:
    return {
        "trade_id": trade.id,
        # The maker's, as everywhere in public here.
        "side": "sell" if trade.side is Side.BUY else "buy",
        "size": digits(trade.quantity),
        "price": digits(trade.price),
        "time": iso(trade.timestamp),
    }
