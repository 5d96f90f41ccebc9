"""Orders and their executions."""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

from attrs import field, frozen

from model.money import decimal_of
from model.shapes import FillShape, OrderShape


class Side(Enum):
    """What the order does with the base currency."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 where the base balance grows, -1 where it shrinks."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """Who trades with this side."""
        return Side.SELL if self is Side.BUY else Side.BUY


@frozen
class Order:
    """An order of ours as the venue last told it: ``quantity`` in base, ``price`` in quote per base."""

    id: str
    contract: str
    side: Side
    price: Decimal
    quantity: Decimal
    quantity_left: Decimal
    is_cancelled: bool
    timestamp: int
    client_id: str | None = None

    @classmethod
    def from_shape(cls, shape: OrderShape) -> "Order":
        """Check what a client told.

        :raises ValueError: for a side or number that is none.
        """
        what = f"order {shape['id']}"
        return cls(
            str(shape["id"]),
            shape["contract"],
            Side(shape["side"]),
            decimal_of(shape["price"], what),
            decimal_of(shape["quantity"], what),
            decimal_of(shape["quantity_left"], what),
            bool(shape["is_cancelled"]),
            int(shape["timestamp"]),
            shape.get("client_id"),
        )

    def to_shape(self) -> OrderShape:
        """The interface's shape."""
        return {
            "id": self.id,
            "contract": self.contract,
            "side": self.side.value,
            "price": self.price,
            "quantity": self.quantity,
            "quantity_left": self.quantity_left,
            "is_cancelled": self.is_cancelled,
            "timestamp": self.timestamp,
            "client_id": self.client_id,
        }

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return not self.is_cancelled and self.quantity_left > 0

    @property
    def filled(self) -> Decimal:
        """What has traded, in base."""
        return self.quantity - self.quantity_left


@frozen
class Fill:
    """One execution of one of our orders. ``fees`` by ticker, positive = paid by us, besides price times quantity."""

    id: str
    order_id: str
    contract: str
    side: Side
    price: Decimal
    quantity: Decimal
    fees: Mapping[str, Decimal] = field(factory=dict)
    timestamp: int = 0
    client_id: str | None = None

    @classmethod
    def from_shape(cls, shape: FillShape) -> "Fill":
        """Check what a client told.

        :raises ValueError: for a side or number that is none, or a quantity or price that is not positive.
        """
        what = f"fill {shape['id']}"
        price, quantity = decimal_of(shape["price"], what), decimal_of(shape["quantity"], what)
        if price <= 0 or quantity <= 0:
            raise ValueError(f"{what}: {quantity} at {price} is no trade")
        fees = {ticker: decimal_of(fee, what) for ticker, fee in shape["fees"].items()}
        return cls(
            str(shape["id"]),
            str(shape["order_id"]),
            shape["contract"],
            Side(shape["side"]),
            price,
            quantity,
            fees,
            int(shape["timestamp"]),
            shape.get("client_id"),
        )

    def to_shape(self) -> FillShape:
        """The interface's shape."""
        return {
            "id": self.id,
            "order_id": self.order_id,
            "client_id": self.client_id,
            "contract": self.contract,
            "side": self.side.value,
            "price": self.price,
            "quantity": self.quantity,
            "fees": dict(self.fees),
            "timestamp": self.timestamp,
        }

    @property
    def value(self) -> Decimal:
        """Price times quantity, in the quote currency, before fees."""
        return self.price * self.quantity

    def changes(self) -> dict[str, Decimal]:
        """What this execution does to our balances, by ticker, fees included."""
        base, _, quote = self.contract.partition("/")
        moves = {base: self.side.sign * self.quantity, quote: -self.side.sign * self.value}
        for ticker, fee in self.fees.items():
            moves[ticker] = moves.get(ticker, Decimal(0)) - fee
        return moves
