"""What a venue trades, under our names and under its own: the symbol map of each native client."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from attrs import frozen

from model.instrument import Instrument
from model.money import ZERO
from model.shapes import PositionShape


class Listed(Protocol):
    """A contract at a venue; ``symbol``: what the venue's streams call it."""

    @property
    def symbol(self) -> str:
        """The venue's name."""

    @property
    def instrument(self) -> Instrument:
        """Our name, with steps and minimums."""


@frozen
class Listing:
    """A contract (``BTC/USDT``) under its name at the venue (``BTCUSDT``)."""

    symbol: str
    instrument: Instrument

    @property
    def contract(self) -> str:
        """Our name."""
        return self.instrument.contract


@frozen
class Market:
    """What a venue trades: listings by contract and by symbol."""

    contracts: Mapping[str, Listing]
    symbols: Mapping[str, Listing]

    def contract(self, symbol: str) -> str:
        """Our name of a symbol; of one that is not listed (any more), the symbol as it is."""
        listing = self.symbols.get(symbol)
        return listing.contract if listing else symbol


def empty_positions(listings: Iterable[Listing]) -> dict[str, PositionShape]:
    """Nothing of what these contracts trade: venues leave out what there is none of, and the pool wants to see that it is 0."""
    tickers = [ticker for listing in listings for ticker in (listing.instrument.base, listing.instrument.quote)]
    return {ticker: {"contract": ticker, "position": ZERO, "available": ZERO} for ticker in tickers}
