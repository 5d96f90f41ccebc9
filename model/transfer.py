"""Money on the move."""

from decimal import Decimal
from typing import Literal

from attrs import frozen

from model.money import decimal_of
from model.shapes import TransactionShape, TransactionType

Place = Literal["source", "target"]
Destination = Literal["source", "target", "out"]


@frozen
class Transaction:
    """One posting to our account at a venue; ``quantity`` and ``fee`` (taken besides it) in units of ``ticker``."""

    id: str
    ticker: str
    type: TransactionType
    is_credit: bool
    quantity: Decimal
    fee: Decimal
    note: str
    address: str | None
    reference: str | None
    state: Literal["done", "pending", "cancelled"]
    timestamp: int

    @classmethod
    def from_shape(cls, shape: TransactionShape) -> "Transaction":
        """Check what a client told.

        :raises ValueError: for a direction or number that is none.
        """
        what = f"transaction {shape['id']}"
        if shape["direction"] not in ("credit", "debit"):
            raise ValueError(f"{what}: direction {shape['direction']!r} is neither credit nor debit")
        return cls(
            str(shape["id"]),
            shape["contract"],
            shape["type"],
            shape["direction"] == "credit",
            decimal_of(shape["quantity"], what),
            decimal_of(shape.get("fee", Decimal(0)), what),
            shape["note"],
            shape.get("address"),
            shape.get("reference"),
            shape.get("state", "done"),
            int(shape["timestamp"]),
        )

    @property
    def change(self) -> Decimal:
        """What it does to our balance, fee included."""
        return (self.quantity if self.is_credit else -self.quantity) - self.fee


@frozen
class Transit:
    """``quantity`` of ``ticker`` between two places; ``origin`` None: it has left already and is only arriving."""

    origin: Place | None
    to: Destination
    ticker: str
    quantity: Decimal
