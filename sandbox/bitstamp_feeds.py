"""Bitstamp's order books as its channels tell them: whole images, and the levels that have changed, both dated in microseconds.

Nothing numbers them: only the times rise.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from model.order import Side
from sandbox.bitstamp_words import decimals, digits, market_of
from sandbox.events import BookChanged
from sandbox.venue import Venue

#: Levels of each side in an image.
DEPTH = 100
_SIDES = {"bids": Side.BUY, "asks": Side.SELL}


class Books:
    """The books of ``venue``, and what nobody has been told of them yet."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self.contracts = {market_of(instrument): contract for contract, instrument in venue.rules.instruments.items()}
        self._last = dict.fromkeys(venue.rules.instruments, 0)
        self._changed: dict[str, dict[Side, dict[Decimal, Decimal]]] = {}
        venue.listen(self._happened)

    def image(self, contract: str, depth: int | None = DEPTH) -> dict[str, Any]:
        """The best ``depth`` levels of each side as they are now; None: all."""
        levels = {word: self._venue.levels(contract, side, depth) for word, side in _SIDES.items()}
        rows = {word: [self._row(contract, *level) for level in side] for word, side in levels.items()}
        return self._dated(contract, rows)

    def take_changes(self) -> Mapping[str, dict[str, Any]]:
        """What has changed since the last time, by contract, each with the whole quantity of the levels that did; 0: gone."""
        changed, self._changed = self._changed, {}
        return {contract: self._difference(contract, sides) for contract, sides in changed.items()}

    def _difference(self, contract: str, sides: Mapping[Side, Mapping[Decimal, Decimal]]) -> dict[str, Any]:
        rows = {word: [self._row(contract, *level) for level in sides[side].items()] for word, side in _SIDES.items()}
        return self._dated(contract, rows)

    def _row(self, contract: str, price: Decimal, quantity: Decimal) -> list[str]:
        instrument = self._venue.instrument(contract)
        return [digits(price, decimals(instrument.tick)), digits(quantity, decimals(instrument.lot))]

    def _dated(self, contract: str, rows: Mapping[str, Any]) -> dict[str, Any]:
        # A clock may tell the same microsecond twice; a channel does not.
        now = self._last[contract] = max(self._last[contract] + 1, self._venue.timestamp())
        return {"timestamp": str(now // 1_000_000), "microtimestamp": str(now), **rows}

    def _happened(self, event: object) -> None:
        if isinstance(event, BookChanged):
            sides = self._changed.setdefault(event.contract, {Side.BUY: {}, Side.SELL: {}})
            for change in event.levels:
                sides[change.side][change.price] = change.quantity
