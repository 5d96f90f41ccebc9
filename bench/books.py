"""How fast each native client follows an order book: JSON text in, proven and updated book out, beside ccxt.pro's.

``python -m bench.books`` takes half a minute. Both get the same messages of the same market (:mod:`bench.book_frames`) in the
same process, one after the other in short turns, and are as they are in live use: ours through its book stream, with exact
numbers, checksums and sequence numbers; ccxt.pro's through ``handle_message``, with floats, its own JSON library and its own
default checks. At the end both must have the same best levels. The last line has our rate over theirs.

Bitstamp's client follows images of a hundred levels a side, which heal themselves; ccxt.pro follows differences, of which it
cannot tell whether one was lost. It gets the same rows as differences; its rate with the small ones is printed beside. Sputnik
is not among ccxt's exchanges.
"""

import argparse
import json
import time
from collections.abc import Callable
from decimal import Decimal
from random import Random
from typing import Any

import ccxt.pro
from attrs import define, field, frozen
from ccxt.async_support.base.ws import client as ccxt_client
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from bench import book_frames
from clients.binance.streams import BookStream as BinanceStream
from clients.bitfinex.streams import BookStream as BitfinexStream
from clients.bitstamp.streams import BookStream as BitstampStream
from clients.coinbase_exchange.streams import BookStream as CoinbaseExchangeStream
from clients.gemini.streams import Books as GeminiStream
from clients.http_link import exact_json
from clients.kraken.streams import BookStream as KrakenStream
from clients.kraken.wire import Pair
from clients.listings import Listing
from clients.surroundings import Surroundings
from model.instrument import Instrument
from model.shapes import BookShape

#: Levels that are compared at the end, and of which a book consists where the client lets one choose.
COMPARED, DEPTH = 20, 100
Best = list[tuple[float, float]]


class Ours:
    """A client's own book stream, without its connection."""

    def __init__(self, venue: str, beginning: str) -> None:
        self.book: BookShape | None = None
        self._answers: list[Deferred[Any]] = []
        self._stream = _MAKERS[venue](self)
        self._stream._link.last_heard = 1
        self._stream.is_up = True
        self._stream.follow(_LISTINGS[venue])
        for message in _GREETINGS.get(venue, ()):
            self._stream._heard(message)
        for answer in self._answers:
            answer.callback(exact_json(beginning))
        if not self._answers:
            self.feed(beginning)

    def arguments(self) -> dict[str, Any]:
        """What all streams take."""
        return {"changed": self._changed, "up": int, "down": int}

    def ask(self, _what: Any) -> "Deferred[Any]":
        """REST, which is not asked in earnest."""
        self._answers.append(Deferred())
        return self._answers[-1]

    def _changed(self, shape: BookShape) -> None:
        self.book = shape

    def feed(self, message: str) -> None:
        """One message, as the socket hands it over."""
        self._stream._heard(exact_json(message))

    def best(self) -> tuple[Best, Best]:
        """The best levels of both sides."""
        assert self.book is not None
        bids, asks = (
            [(float(level["price"]), float(level["quantity"])) for level in side[:COMPARED]]
            for side in (self.book["bids"], self.book["asks"])
        )
        return bids, asks


_AROUND = Surroundings(Clock(), random=Random(1))
_URL = "ws://127.0.0.1:1"
_MAKERS: dict[str, Callable[[Ours], Any]] = {
    "kraken": lambda ours: KrakenStream(_URL, _AROUND, DEPTH, **ours.arguments()),
    "binance": lambda ours: BinanceStream(_URL, _AROUND, 1000, snapshot=ours.ask, **ours.arguments()),
    "bitstamp": lambda ours: BitstampStream(_URL, _AROUND, snapshot=ours.ask, **ours.arguments()),
    "bitfinex": lambda ours: BitfinexStream(_URL, _AROUND, DEPTH, **ours.arguments()),
    "coinbase_exchange": lambda ours: CoinbaseExchangeStream(_URL, _AROUND, DEPTH, proof=dict, best=ours.ask, **ours.arguments()),
    "gemini": lambda ours: GeminiStream(_URL, _AROUND, DEPTH, 60.0, ask=ours.ask, **ours.arguments()),
}
_DOLLARS = Instrument("BTC/USD", Decimal("0.01"), Decimal("0.00000001"))
_LISTINGS: dict[str, Any] = {
    "kraken": Pair("XXBTZUSD", "XBTUSD", _DOLLARS, 1, 8),
    "binance": Listing("BTCUSDT", Instrument("BTC/USDT", Decimal("0.01"), Decimal("0.00001"))),
    "bitstamp": Listing("btcusd", _DOLLARS),
    "bitfinex": Listing("tBTCUSD", _DOLLARS),
    "coinbase_exchange": Listing("BTC-USD", _DOLLARS),
    "gemini": Listing("btcusd", _DOLLARS),
}
#: What the venue says before the book begins.
_GREETINGS: dict[str, tuple[Any, ...]] = {
    "binance": ({"result": None, "id": 1},),
    "bitstamp": ({"event": "bts:subscription_succeeded", "channel": "order_book_btcusd", "data": {}},),
    "bitfinex": (
        {"event": "subscribed", "channel": "book", "chanId": 17, "symbol": "tBTCUSD", "prec": "P0", "freq": "F0", "len": "100"},
    ),
}


class Silent:
    """What ccxt.pro's handlers see of a connection."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.subscriptions: dict[str, Any] = {}
        self.futures: dict[str, Any] = {}
        self.book: Any = None

    def resolve(self, result: Any, _name: str) -> None:
        """A watcher gets the book cut to its depth."""
        if hasattr(result, "limit"):
            self.book = result.limit()

    def reject(self, error: Exception, *_names: str) -> None:
        """No message of the bench is wrong."""
        raise error


@frozen
class Theirs:
    """An exchange of ccxt.pro, without its connection."""

    exchange: Any
    client: Silent
    loads: Callable[[str], Any] = ccxt_client.json_parser.loads

    @classmethod
    def of(cls, venue: str, beginning: str) -> "Theirs":
        """With the book begun."""
        names = {"coinbase_exchange": "coinbaseexchange"}
        exchange = getattr(ccxt.pro, names.get(venue, venue))({"enableRateLimit": False})
        quote = "USDT" if venue == "binance" else "USD"
        symbol, id = f"BTC/{quote}", _LISTINGS[venue].symbol
        market = {"id": id, "symbol": symbol, "base": "BTC", "quote": quote, "type": "spot", "spot": True, "active": True}
        exchange.set_markets([exchange.safe_market_structure(market)])
        made = cls(exchange, Silent("wss://stream.binance.com:9443/ws/0" if venue == "binance" else "wss://there"))
        if venue == "bitfinex":
            made.client.subscriptions["17"] = {"channel": "book", "symbol": id, "prec": "P0", "len": str(DEPTH)}
        if venue in ("binance", "bitstamp"):
            made._begin(symbol, json.loads(beginning))
        else:
            made.feed(beginning)
        return made

    def _begin(self, symbol: str, answer: Any) -> None:
        """As after ``fetch_order_book``."""
        told = answer.get("data", answer)
        snapshot = self.exchange.parse_order_book(told, symbol)
        snapshot["nonce"] = int(told.get("lastUpdateId") or told["microtimestamp"])
        book = self.exchange.orderbooks[symbol] = self.exchange.order_book({}, 1000)
        book.reset(snapshot)

    def feed(self, message: str) -> None:
        """One message, as the socket hands it over."""
        self.exchange.handle_message(self.client, self.loads(message))

    def best(self) -> tuple[Best, Best]:
        """The best levels of both sides."""
        bids, asks = ([(float(row[0]), float(row[1])) for row in self.client.book[side][:COMPARED]] for side in ("bids", "asks"))
        return bids, asks


@define
class Rates:
    """Updates per second, of each turn."""

    ours: list[float] = field(factory=list)
    theirs: list[float] = field(factory=list)

    @property
    def ratio(self) -> float:
        """The best of each: what disturbs the machine only ever slows down."""
        return max(self.ours) / max(self.theirs)


def measure(venue: str, count: int, turns: int) -> Rates:
    """Follow the same stream by turns.

    :raises AssertionError: if the two do not end with the same book.
    """
    found = book_frames.stream(venue, count)
    beginning = found.beginning
    rates = Rates()
    for _ in range(turns):
        ours, theirs = Ours(venue, beginning), Theirs.of(venue, beginning)
        rates.ours.append(found.updates / _seconds(ours.feed, found.messages))
        rates.theirs.append(found.updates / _seconds(theirs.feed, found.for_ccxt or found.messages))
        assert ours.best() == theirs.best(), (venue, ours.best(), theirs.best())
    return rates


def of_differences(count: int) -> float:
    """Updates per second of ccxt.pro on the channel of Bitstamp that it follows."""
    form, _ = book_frames.STREAMS["bitstamp"]
    found = book_frames.bitstamp_differences(book_frames.Market(1, form), count)
    return found.updates / _seconds(Theirs.of("bitstamp", found.beginning).feed, found.messages)


def _seconds(feed: Callable[[str], None], messages: list[str]) -> float:
    began = time.perf_counter()
    for message in messages:
        feed(message)
    return time.perf_counter() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venues", default=",".join(book_frames.STREAMS))
    parser.add_argument("--count", type=int, default=3_000, help="changes in a stream")
    parser.add_argument("--turns", type=int, default=5)
    chosen = parser.parse_args()
    ratios = []
    print(f"{'book of':<20}{'updates/s':>12}{'ccxt.pro':>12}{'ratio':>8}")
    for venue in chosen.venues.split(","):
        rates = measure(venue, chosen.count, chosen.turns)
        ratios.append(f"{venue} {rates.ratio:.1f}")
        print(f"{venue:<20}{max(rates.ours):>12.0f}{max(rates.theirs):>12.0f}{rates.ratio:>8.1f}")
        if venue == "bitstamp":
            print(f"{'  differences':<20}{'':>12}{of_differences(chosen.count):>12.0f}")
    print(f"book_vs_ccxt_pro: {' '.join(ratios)}")


if __name__ == "__main__":
    main()
