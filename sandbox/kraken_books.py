"""Kraken's WebSocket v2 book channel: what a subscriber to one contract at one depth is sent."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from model.order import Side
from sandbox.kraken_words import Pair, book_checksum
from sandbox.venue import Venue

_SIDES = {"bids": Side.BUY, "asks": Side.SELL}


def wire_time(timestamp: int) -> str:
    """Microseconds as WebSocket v2 writes times."""
    moment = datetime.fromtimestamp(timestamp // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{timestamp % 1_000_000:06d}Z"


class BookFeed:
    """The best ``depth`` levels of a side as they were last sent, and the difference to what they are now."""

    def __init__(self, venue: Venue, pair: Pair, depth: int) -> None:
        self._venue = venue
        self.pair = pair
        self.depth = depth
        self._sent = {word: self._now(side) for word, side in _SIDES.items()}

    def snapshot(self) -> dict[str, Any]:
        """The first message: all levels as last sent, so that the next update fits for every subscriber."""
        return self._message("snapshot", {word: list(levels.items()) for word, levels in self._sent.items()})

    def update(self) -> dict[str, Any] | None:
        """What changed since the last one; None if nothing did within the depth."""
        changes = {}
        for word, side in _SIDES.items():
            before, self._sent[word] = self._sent[word], self._now(side)
            changes[word] = self._difference(side, before, self._sent[word])
        return self._message("update", changes) if changes["bids"] or changes["asks"] else None

    def _now(self, side: Side) -> dict[Decimal, Decimal]:
        return dict(self._venue.levels(self.pair.symbol, side, self.depth))

    def _difference(
        self, side: Side, before: dict[Decimal, Decimal], after: dict[Decimal, Decimal]
    ) -> list[tuple[Decimal, Decimal]]:
        changed = [(price, quantity) for price, quantity in after.items() if before.get(price) != quantity]
        # A level that only fell out of the depth is not told: the client cuts its book itself.
        worst = next(reversed(after)) if len(after) == self.depth else None
        gone = [price for price in before if price not in after]
        removed = [(price, Decimal(0)) for price in gone if worst is None or (worst - price) * side.sign < 0]
        return removed + changed

    def _message(self, kind: str, sides: dict[str, list[tuple[Decimal, Decimal]]]) -> dict[str, Any]:
        pair, tick, lot = self.pair, self.pair.instrument.tick, self.pair.instrument.lot
        levels = {
            word: [{"price": price.quantize(tick), "qty": quantity.quantize(lot)} for price, quantity in side]
            for word, side in sides.items()
        }
        data = {
            "symbol": pair.symbol,
            **levels,
            "checksum": self._checksum(),
            "timestamp": wire_time(self._venue.timestamp()),
        }
        return {"channel": "book", "type": kind, "data": [data]}

    def _checksum(self) -> int:
        texts = {
            word: [(self.pair.price(price), self.pair.volume(quantity)) for price, quantity in list(levels.items())[:10]]
            for word, levels in self._sent.items()
        }
        return book_checksum(texts["asks"], texts["bids"])
