"""Price history."""

from decimal import Decimal
from typing import Literal

from attrs import frozen

from model.money import decimal_of
from model.shapes import CandleShape

Period = Literal["minute", "hour", "day"]
Window = Literal["day", "week", "month", "year"]

#: Length of a period, in seconds.
PERIOD_SECONDS: dict[Period, int] = {"minute": 60, "hour": 3_600, "day": 86_400}
#: Length of a window, in seconds; a month is 30 days.
WINDOW_SECONDS: dict[Window, int] = {"day": 86_400, "week": 604_800, "month": 2_592_000, "year": 31_536_000}


@frozen
class Candle:
    """The close of one bar (quote per base) and when the bar began (microseconds)."""

    open_timestamp: int
    close: Decimal

    @classmethod
    def from_shape(cls, shape: CandleShape) -> "Candle":
        """Check what a client told.

        :raises ValueError: for a close that is no positive number.
        """
        close = decimal_of(shape["close"], f"{shape['contract']} close")
        if close <= 0:
            raise ValueError(f"{shape['contract']} close: {close} is no price")
        return cls(int(shape["open_timestamp"]), close)
