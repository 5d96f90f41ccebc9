"""The shapes of the exchange interface: the seed's own names, ``Decimal`` values, times in integer microseconds UTC.

They are plain dicts, as the Sputnik wire API has them, so that a user's own module needs nothing of ours. Inside the
pool the same facts are frozen values (:mod:`model.book`, :mod:`model.order`, ...), built by ``from_shape``, which checks.
"""

from decimal import Decimal
from typing import Literal, NotRequired, TypedDict

SideName = Literal["BUY", "SELL"]
TransactionType = Literal["Deposit", "Withdrawal", "Trade", "Transfer", "Fee", "Other"]


class LevelShape(TypedDict):
    """A price level; ``price`` in quote per base, ``quantity`` in base."""

    price: Decimal
    quantity: Decimal


class BookShape(TypedDict):
    """An order book; bids best (highest) first, asks best (lowest) first.

    ``timestamp`` is when the client last knew the book to be true (receipt, not the venue's clock).
    """

    contract: str
    bids: list[LevelShape]
    asks: list[LevelShape]
    timestamp: NotRequired[int]


class PositionShape(TypedDict):
    """A balance; ``position`` is all that the venue holds for us, ``available`` what no open order or request holds.

    A venue that does not tell what is available leaves the key out.
    """

    contract: NotRequired[str]
    position: Decimal
    available: NotRequired[Decimal]
    reference_price: NotRequired[Decimal | None]


class OrderShape(TypedDict):
    """One of our orders at the venue. ``client_id`` is ours, where the venue carries one."""

    id: str
    contract: str
    side: SideName
    price: Decimal
    quantity: Decimal
    quantity_left: Decimal
    is_cancelled: bool
    timestamp: int
    client_id: NotRequired[str | None]


class FillShape(TypedDict):
    """One execution of one of our orders; ``id`` is unique at the venue and the same however often it is told.

    ``fees`` are what the venue took on top, by ticker, positive = paid by us.
    """

    id: str
    order_id: str
    client_id: NotRequired[str | None]
    contract: str
    side: SideName
    price: Decimal
    quantity: Decimal
    fees: dict[str, Decimal]
    timestamp: int


class TransactionShape(TypedDict):
    """One posting to our account at the venue, e.g. a deposit.

    ``quantity`` is never negative; ``direction`` credit adds to our balance, debit takes from it. ``fee`` (same ticker)
    has been taken besides, never inside ``quantity``. ``address`` and ``reference`` (network transaction id or the
    venue's own request id) are None where the venue does not tell; ``id`` is unique and the same however often told.
    ``state`` is that of the transfer behind it: a "pending" credit is not ours yet; a debit has left our balance whatever its
    state is, and if it comes back that is a posting of its own.
    """

    id: str
    contract: str
    type: TransactionType
    direction: Literal["credit", "debit"]
    quantity: Decimal
    fee: NotRequired[Decimal]
    balance: NotRequired[Decimal]
    note: str
    address: NotRequired[str | None]
    reference: NotRequired[str | None]
    state: NotRequired[Literal["done", "pending", "cancelled"]]
    timestamp: int


class CandleShape(TypedDict):
    """One bar; prices in quote per base, ``volume`` in base."""

    contract: str
    period: Literal["minute", "hour", "day"]
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    open_timestamp: int
    close_timestamp: int


class FeesShape(TypedDict):
    """What a trade costs us, as shares of its value: who rests pays ``maker``, who takes pays ``taker``."""

    maker: Decimal
    taker: Decimal
