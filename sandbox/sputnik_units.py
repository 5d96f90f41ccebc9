"""Sputnik's integers on the wire, and the exact amounts they stand for (research/sputnik_protocol.md section 6).

A currency is counted in its denominator's parts; a pair's price in parts of the denominated currency times the pair's own
denominator. Conversions are exact: what is not a whole number of parts is a mistake of ours, never rounded away here.
"""

from collections.abc import Mapping
from decimal import Decimal

from attrs import frozen

from model.instrument import Instrument
from model.money import EXACT


def _whole(value: Decimal, what: str) -> int:
    if value != value.to_integral_value():
        raise ValueError(f"{what} is no whole number on the wire: {value}")
    return int(value)


@frozen
class Cash:
    """A currency: ``denominator`` parts make one unit; withdrawals are multiples of ``lot`` parts."""

    ticker: str
    denominator: int
    lot: int = 1

    def to_wire(self, quantity: Decimal) -> int:
        """Units to parts.

        :raises ValueError: if it is not a whole number of parts.
        """
        return _whole(EXACT.multiply(quantity, Decimal(self.denominator)), f"{quantity} {self.ticker}")

    def from_wire(self, parts: int) -> Decimal:
        """Parts to units."""
        return EXACT.divide(Decimal(parts), Decimal(self.denominator))


@frozen
class CashPair:
    """A contract such as BTC/HUF: ``payout`` is bought and sold, ``denominated`` pays; ``tick`` and ``lot`` in parts."""

    contract: str
    payout: Cash
    denominated: Cash
    tick: int
    lot: int
    denominator: int = 1

    @property
    def price_factor(self) -> int:
        """Wire price per unit of price."""
        return self.denominated.denominator * self.denominator

    def price_to_wire(self, price: Decimal) -> int:
        """Denominated per payout to the wire's integer.

        :raises ValueError: if it is not a whole number there.
        """
        return _whole(EXACT.multiply(price, Decimal(self.price_factor)), f"{self.contract} price {price}")

    def price_cut_to_wire(self, price: Decimal) -> int:
        """The same, cut to a whole number: for averages, which are on no tick."""
        return int(EXACT.multiply(price, Decimal(self.price_factor)))

    def price_from_wire(self, price: int) -> Decimal:
        """The wire's integer to denominated per payout."""
        return EXACT.divide(Decimal(price), Decimal(self.price_factor))


@frozen
class Units:
    """All currencies and pairs of one exchange."""

    cash: Mapping[str, Cash]
    pairs: Mapping[str, CashPair]

    @classmethod
    def of(
        cls,
        currencies: Mapping[str, Decimal],
        instruments: Mapping[str, Instrument],
        cash_lots: Mapping[str, int],
        pair_denominators: Mapping[str, int],
    ) -> "Units":
        """Read the wire's factors off a venue's smallest units and steps.

        :param currencies: each ticker's smallest unit.
        :param cash_lots: parts that withdrawals are multiples of; 1 where absent.
        :param pair_denominators: 1 where absent.
        :raises ValueError: if a step cannot be said in whole numbers.
        """
        cash = {
            ticker: Cash(ticker, _whole(1 / unit, f"{ticker} denominator"), cash_lots.get(ticker, 1))
            for ticker, unit in currencies.items()
        }
        pairs = {}
        for contract, instrument in instruments.items():
            payout, denominated = cash[instrument.base], cash[instrument.quote]
            denominator = pair_denominators.get(contract, 1)
            tick = _whole(instrument.tick * denominated.denominator * denominator, f"{contract} tick")
            pairs[contract] = CashPair(contract, payout, denominated, tick, payout.to_wire(instrument.lot), denominator)
        return cls(cash, pairs)
