"""What we hold at a venue."""

from decimal import Decimal

from attrs import frozen

from model.money import decimal_of
from model.shapes import PositionShape


@frozen
class Position:
    """``position`` is all that the venue holds for us, ``available`` what can be spent now (unit: the ticker's)."""

    ticker: str
    position: Decimal
    available: Decimal

    @classmethod
    def from_shape(cls, ticker: str, shape: PositionShape) -> "Position":
        """Check what a client told; a venue that does not tell ``available`` holds nothing back.

        :raises ValueError: for numbers that are not exact and finite.
        """
        position = decimal_of(shape["position"], f"{ticker} position")
        available = decimal_of(shape.get("available", position), f"{ticker} available")
        return cls(ticker, position, available)

    def to_shape(self) -> PositionShape:
        """The interface's shape."""
        return {"contract": self.ticker, "position": self.position, "available": self.available}
