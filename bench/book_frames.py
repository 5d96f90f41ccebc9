"""Streams of order book messages as each venue writes them, generated from one market: a seed draws what changes.

The best thirty levels are busy, most changes are of one level, some of two or three; numbers have the digits that the venue
writes. Checksums and sequence numbers are those of the book, computed here from the whole of it and not by a client's own code.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from zlib import crc32

from attrs import frozen

#: Slots for levels on each side, and how many of them are taken at most.
SLOTS, DEPTH = 130, 100
MIDDLE = 65_000
BEGAN = datetime(2026, 11, 21, 12, tzinfo=UTC)

#: Side, price and quantity of a level, as written; the quantity ``""``: the level is gone.
Level = tuple[str, str, str]


@frozen
class Format:
    """How a venue writes numbers: the price step in units of 0.01, and the places of price and quantity."""

    step: int
    price_places: int
    quantity_places: int

    def price(self, is_bid: bool, slot: int) -> str:
        """Of a slot; 0 is the best."""
        cents = MIDDLE * 100 - self.step * (slot + 1) if is_bid else MIDDLE * 100 + self.step * (slot + 1)
        return f"{cents // 100}.{cents % 100:02}"[: len(str(cents // 100)) + 1 + self.price_places].rstrip(".")

    def quantity(self, satoshis: int) -> str:
        """With all its places."""
        return f"{satoshis // 10**8}.{satoshis % 10**8:08}"[: -8 + self.quantity_places or None]


class Market:
    """Both sides: quantities in satoshis by slot."""

    def __init__(self, seed: int, form: Format) -> None:
        self._dice = Random(seed)
        self.form = form
        self._sides: dict[str, dict[int, int]] = {"bids": {}, "asks": {}}
        for side in self._sides.values():
            side.update({slot: self._quantity() for slot in range(DEPTH)})

    def _quantity(self) -> int:
        return self._dice.randint(100_000, 300_000_000)

    def change(self) -> list[Level]:
        """Let something happen; what has changed."""
        return [self._change_one() for _ in range(self._dice.choice((1, 1, 1, 1, 2, 3)))]

    def _change_one(self) -> Level:
        name = self._dice.choice(("bids", "asks"))
        side, slot = self._sides[name], min(int(self._dice.expovariate(0.1)), SLOTS - 1)
        price = self.form.price(name == "bids", slot)
        is_full, is_thin = len(side) >= DEPTH, len(side) <= DEPTH - 15
        if slot in side and not is_thin and self._dice.random() < 0.3:
            del side[slot]
            return name, price, ""
        if slot not in side and is_full:
            slot = self._dice.choice(sorted(side)[:30])
            price = self.form.price(name == "bids", slot)
        side[slot] = self._quantity()
        return name, price, self.form.quantity(side[slot])

    def levels(self, name: str, count: int = DEPTH) -> list[tuple[str, str]]:
        """The best ``count``, best first."""
        side = self._sides[name]
        return [(self.form.price(name == "bids", slot), self.form.quantity(side[slot])) for slot in sorted(side)[:count]]


@frozen
class Stream:
    """A book's beginning and what follows it. ``updates``: how many changes of a book the messages tell.

    ``for_ccxt``: the same for ccxt.pro, where it follows another channel.
    """

    beginning: str
    messages: list[str]
    updates: int
    for_ccxt: list[str] | None = None


def _rows(levels: list[tuple[str, str]]) -> list[list[str]]:
    return [list(level) for level in levels]


def _by_side(changes: list[Level], gone: str = "0") -> dict[str, list[list[str]]]:
    sides: dict[str, list[list[str]]] = {"bids": [], "asks": []}
    for name, price, quantity in changes:
        sides[name].append([price, quantity or gone])
    return sides


def _moment(number: int) -> str:
    return (BEGAN + timedelta(milliseconds=10 * number)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def kraken(market: Market, count: int) -> Stream:
    """Channel ``book`` of WebSocket v2, 100 levels deep: bare numbers, a checksum in each message."""

    def checksum() -> int:
        levels = market.levels("asks", 10) + market.levels("bids", 10)
        return crc32("".join(text.replace(".", "").lstrip("0") for level in levels for text in level).encode())

    def rows(levels: list[list[str]]) -> str:
        return "[" + ",".join(f'{{"price":{price},"qty":{quantity}}}' for price, quantity in levels) + "]"

    def message(kind: str, sides: Mapping[str, list[list[str]]], number: int) -> str:
        body = f'"bids":{rows(sides["bids"])},"asks":{rows(sides["asks"])},"checksum":{checksum()}'
        when = f'"timestamp":"{_moment(number)}"'
        return f'{{"channel":"book","type":"{kind}","data":[{{"symbol":"BTC/USD",{body},{when}}}]}}'

    first = message("snapshot", {name: _rows(market.levels(name)) for name in ("bids", "asks")}, 0)
    gone = market.form.quantity(0)
    return Stream(first, [message("update", _by_side(market.change(), gone), n) for n in range(1, count + 1)], count)


def binance(market: Market, count: int) -> Stream:
    """``depthUpdate`` events after REST's ``depth``: text, numbered."""
    first = {"lastUpdateId": 100, **{name: _rows(market.levels(name)) for name in ("bids", "asks")}}

    def messages() -> Iterator[str]:
        last = 100
        for number in range(1, count + 1):
            changes = market.change()
            sides = _by_side(changes, market.form.quantity(0))
            begin, last = last + 1, last + len(changes)
            head = {"e": "depthUpdate", "E": 1_795_262_400_000 + number, "s": "BTCUSDT", "U": begin, "u": last}
            yield _dumps({**head, "b": sides["bids"], "a": sides["asks"]})

    return Stream(_dumps(first), list(messages()), count)


def bitstamp(market: Market, count: int) -> Stream:
    """Channel ``order_book``: a hundred levels of each side, each time.

    ccxt.pro does not follow it. It gets the same rows as differences, with those that are gone at their end.
    """
    gone: dict[str, list[list[str]]] = {"bids": [], "asks": []}

    def message(number: int, channel: str) -> str:
        data = {"timestamp": "1795262400", "microtimestamp": str(1_795_262_400_000_000 + number)}
        sides = {name: _rows(market.levels(name)) + (gone[name] if channel.startswith("diff") else []) for name in gone}
        return _dumps({"data": {**data, **sides}, "channel": f"{channel}_btcusd", "event": "data"})

    first = message(0, "order_book")
    ours, theirs = [], []
    for number in range(1, count + 1):
        gone = _by_side([change for change in market.change() if not change[2]])
        ours.append(message(number, "order_book"))
        theirs.append(message(number, "diff_order_book"))
    return Stream(first, ours, count, theirs)


def bitstamp_differences(market: Market, count: int) -> Stream:
    """Channel ``diff_order_book``, after REST's ``order_book``: what ccxt.pro follows."""

    def message(number: int, sides: Mapping[str, list[list[str]]], channel: str) -> str:
        data = {"timestamp": "1795262400", "microtimestamp": str(1_795_262_400_000_000 + number)}
        return _dumps({"data": {**data, **sides}, "channel": f"{channel}_btcusd", "event": "data"})

    first = message(0, {name: _rows(market.levels(name)) for name in ("bids", "asks")}, "order_book")
    return Stream(first, [message(n, _by_side(market.change()), "diff_order_book") for n in range(1, count + 1)], count)


def bitfinex(market: Market, count: int) -> Stream:
    """Channel ``book`` of precision P0, 100 levels deep: rows of bare numbers, numbered, and a checksum after each change."""

    def row(name: str, price: str, quantity: str) -> str:
        sign = "" if name == "bids" else "-"
        return f"[{price},{1 if quantity else 0},{sign}{_shortest(quantity or '1')}]"

    def checksum() -> int:
        bids, asks = (market.levels(name, 25) for name in ("bids", "asks"))
        parts = [
            text
            for (bid, bought), (ask, sold) in zip(bids, asks, strict=True)
            for text in (bid, _shortest(bought), ask, f"-{_shortest(sold)}")
        ]
        found = crc32(":".join(parts).encode())
        return found - 2**32 if found >= 2**31 else found

    whole = ",".join(row(name, *level) for name in ("bids", "asks") for level in market.levels(name))

    def messages() -> Iterator[str]:
        number = 1
        for _ in range(count):
            for change in market.change():
                number += 1
                yield f"[17,{row(*change)},{number}]"
            number += 1
            yield f'[17,"cs",{checksum()},{number}]'

    return Stream(f"[17,[{whole}],1]", list(messages()), count)


def coinbase_exchange(market: Market, count: int) -> Stream:
    """Channel ``level2``: text, dated."""
    first = {"type": "snapshot", "product_id": "BTC-USD", **{name: _rows(market.levels(name)) for name in ("bids", "asks")}}

    def message(number: int) -> str:
        changes = [["buy" if name == "bids" else "sell", price, quantity or "0.00"] for name, price, quantity in market.change()]
        return _dumps({"type": "l2update", "product_id": "BTC-USD", "time": _moment(number), "changes": changes})

    return Stream(_dumps(first), [message(number) for number in range(1, count + 1)], count)


def gemini(market: Market, count: int) -> Stream:
    """``l2_updates``: text; the first has everything."""

    def message(changes: list[list[str]], **more: object) -> str:
        return _dumps({"type": "l2_updates", "symbol": "BTCUSD", "changes": changes, **more})

    words = {"bids": "buy", "asks": "sell"}
    whole = [[words[name], *level] for name in words for level in market.levels(name)]
    first = message(whole, trades=[], auction_events=[])
    updates = [
        message([[words[name], price, quantity or "0"] for name, price, quantity in market.change()]) for _ in range(count)
    ]
    return Stream(first, updates, count)


def _shortest(quantity: str) -> str:
    return quantity.rstrip("0").rstrip(".") if "." in quantity else quantity


def _dumps(message: object) -> str:
    return json.dumps(message, separators=(",", ":"))


#: By venue: its numbers and its messages.
STREAMS: Mapping[str, tuple[Format, Callable[[Market, int], Stream]]] = {
    "kraken": (Format(10, 1, 8), kraken),
    "binance": (Format(1, 2, 5), binance),
    "bitstamp": (Format(100, 0, 8), bitstamp),
    "bitfinex": (Format(100, 0, 8), bitfinex),
    "coinbase_exchange": (Format(1, 2, 8), coinbase_exchange),
    "gemini": (Format(1, 2, 8), gemini),
}


def stream(venue: str, count: int, seed: int = 1) -> Stream:
    """``count`` changes of a book as ``venue`` tells them."""
    form, write = STREAMS[venue]
    return write(Market(seed, form), count)
