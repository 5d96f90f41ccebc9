"""What can be traded where, and in which steps."""

from decimal import Decimal

from attrs import field, frozen

from model.money import ZERO, ceil_to, floor_to


def _positive(_instance: object, attribute: object, value: Decimal) -> None:
    if value <= 0:
        raise ValueError(f"{getattr(attribute, 'name', 'step')} must be positive, got {value}")


@frozen
class Instrument:
    """One contract of one venue, e.g. ``BTC/HUF``: base BTC, quote HUF.

    ``tick`` is the price step (quote per base), ``lot`` the quantity step (base), ``min_quantity`` the smallest
    order (base), ``min_value`` the smallest order (quote). Steps and minimums are the venue's own, read at connect.
    """

    contract: str
    tick: Decimal = field(default=Decimal("0.00000001"), validator=_positive)
    lot: Decimal = field(default=Decimal("0.00000001"), validator=_positive)
    min_quantity: Decimal = ZERO
    min_value: Decimal = ZERO

    @property
    def base(self) -> str:
        """The ticker that is bought and sold."""
        return self.contract.partition("/")[0]

    @property
    def quote(self) -> str:
        """The ticker that pays."""
        return self.contract.partition("/")[2]

    def round_bid(self, price: Decimal) -> Decimal:
        """The highest price on a tick that is not above ``price``: what a buyer may offer."""
        return floor_to(price, self.tick)

    def round_ask(self, price: Decimal) -> Decimal:
        """The lowest price on a tick that is not below ``price``: what a seller may ask."""
        return ceil_to(price, self.tick)

    def round_quantity(self, quantity: Decimal) -> Decimal:
        """The largest multiple of the lot that is not above ``quantity``."""
        return floor_to(quantity, self.lot)

    def accepts(self, quantity: Decimal, price: Decimal) -> bool:
        """Whether an order of ``quantity`` at ``price`` reaches the venue's minimums."""
        return quantity > 0 and quantity >= self.min_quantity and quantity * price >= self.min_value
