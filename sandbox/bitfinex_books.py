"""Bitfinex's book channel of precision P0: what the subscribers to one contract at one length are sent."""

from decimal import Decimal
from typing import Any

from model.order import Side
from sandbox.bitfinex_public import PublicCalls, Row
from sandbox.bitfinex_words import book_checksum

LENGTHS = (1, 25, 100, 250)
_SIDES = (Side.BUY, Side.SELL)


class BookFeed:
    """The best ``length`` levels of each side as they were last sent, and the difference to what they are now."""

    def __init__(self, public: PublicCalls, contract: str, length: int) -> None:
        self._public = public
        self.contract = contract
        self.length = length
        self._sent = {side: self._now(side) for side in _SIDES}

    def snapshot(self) -> list[Any]:
        """All levels as last sent, so that the next changes fit for every subscriber."""
        return [_row(side, level) for side in _SIDES for level in self._sent[side].values()]

    def changes(self) -> list[Any]:
        """Each level that is not what was sent last; a count of 0 says that it is gone."""
        rows: list[Any] = []
        for side in _SIDES:
            before, self._sent[side] = self._sent[side], self._now(side)
            after = self._sent[side]
            rows += [_row(side, level) for price, level in after.items() if before.get(price) != level]
            rows += [[price, 0, Decimal(side.sign)] for price in before if price not in after]
        return rows

    def checksum(self) -> int:
        """Of what has been sent."""
        bids, asks = ([(price, quantity) for price, _, quantity in self._sent[side].values()] for side in _SIDES)
        return book_checksum(bids, asks)

    def _now(self, side: Side) -> dict[Decimal, Row]:
        return {level[0]: level for level in self._public.levels(self.contract, side, self.length)}


def _row(side: Side, level: Row) -> list[Any]:
    price, count, quantity = level
    return [price, count, side.sign * quantity]
