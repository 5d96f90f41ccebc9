"""Price history of one contract: a given past and the live trades after it, as bars of any length."""

from bisect import bisect_left
from collections.abc import Iterable
from decimal import Decimal

from attrs import evolve, frozen

from model.money import ZERO


@frozen
class Bar:
    """One bar: prices in quote per base, ``volume`` in base, ``value`` in quote, ``start`` in seconds since the epoch."""

    start: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal = ZERO
    value: Decimal = ZERO
    count: int = 0

    @property
    def vwap(self) -> Decimal:
        """Volume-weighted average price; the close if nothing traded."""
        return self.value / self.volume if self.volume else self.close

    def followed_by(self, later: "Bar") -> "Bar":
        """This bar and a later one as one."""
        return Bar(
            self.start,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
            self.value + later.value,
            self.count + later.count,
        )


class PriceHistory:
    """Bars in time order. Live trades make bars of one minute; the past may be coarser the older it is.

    At most ``limit`` bars are kept, the newest.
    """

    def __init__(self, past: Iterable[Bar] = (), limit: int = 20_000) -> None:
        self._bars = sorted(past, key=lambda bar: bar.start)
        self._limit = limit

    def load(self, past: Iterable[Bar]) -> None:
        """Put ``past`` before what is known."""
        self._bars = sorted([*past, *self._bars], key=lambda bar: bar.start)

    def record(self, price: Decimal, quantity: Decimal, timestamp: int) -> None:
        """Add a trade that happened at ``timestamp`` (microseconds)."""
        start = timestamp // 60_000_000 * 60
        bar = Bar(start, price, price, price, price, quantity, price * quantity, 1)
        if self._bars and self._bars[-1].start >= start:
            self._bars[-1] = self._bars[-1].followed_by(bar)
            return
        self._bars.append(bar)
        if len(self._bars) > self._limit:
            del self._bars[: self._limit // 10]

    def bars(self, seconds: int, start: int = 0, end: int | None = None) -> list[Bar]:
        """Bars of ``seconds`` that begin at ``start`` or later and before ``end``, oldest first; empty ones are absent."""
        first = bisect_left(self._bars, start - start % seconds, key=lambda bar: bar.start)
        found: list[Bar] = []
        for bar in self._bars[first:]:
            opened = bar.start - bar.start % seconds
            if end is not None and opened >= end:
                break
            if found and found[-1].start == opened:
                found[-1] = found[-1].followed_by(bar)
            else:
                found.append(evolve(bar, start=opened))
        return [bar for bar in found if bar.start >= start]
