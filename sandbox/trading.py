"""What a venue writes down: orders, fills, trades, postings, withdrawals. Frozen; times in microseconds, amounts exact.

Ids are plain integers, counted by the venue; a front spells them as its protocol does.
"""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from typing import Literal

from attrs import field, frozen

from model.instrument import Instrument
from model.money import EXACT, ZERO, floor_to
from model.order import Side


class Reason(Enum):
    """Why a venue says no; each front has its own words for it."""

    CONTRACT = "no such contract"
    TICKER = "no such currency"
    FUNDS = "not enough funds"
    SIZE = "quantity off the lot, or not positive"
    MINIMUM = "under the venue's minimum"
    PRICE = "price off the tick, or not positive"
    WOULD_CROSS = "post-only order would trade"
    CLIENT_ID = "client id is in use"
    UNKNOWN_ORDER = "no such order"
    NOT_YOURS = "another user's order"
    CLOSED = "order is closed already"
    AMOUNT = "amount is not positive, or not in whole units"
    TOO_SMALL = "amount does not even pay its fee"
    WITHDRAWAL = "no such withdrawal, or not in the state for it"
    USER = "no such user"


class VenueRefused(Exception):
    """The venue said no and changed nothing (but that an order id may be used up)."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason.value}: {detail}" if detail else reason.value)
        self.reason = reason
        self.detail = detail


@frozen
class FeeSchedule:
    """``maker`` and ``taker``: share of a trade's value; the fee is in quote on both sides, cut to whole ``steps``.

    Cutting down makes the fees of an order's parts never exceed what was held for the whole.
    """

    maker: Decimal
    taker: Decimal
    step: Decimal = Decimal("0.00001")

    def fee(self, value: Decimal, *, is_maker: bool) -> Decimal:
        """The fee (quote) for a trade worth ``value`` (quote)."""
        return floor_to(value * (self.maker if is_maker else self.taker), self.step)

    def reserve(self, value: Decimal) -> Decimal:
        """The most that trades worth ``value`` (quote) together can cost in fees: cut down parts never exceed a cut down sum."""
        return floor_to(value * max(self.maker, self.taker, ZERO), self.step)


@frozen
class WithdrawalFee:
    """Taken out of the amount asked for: ``fixed`` (units of the ticker) plus ``share`` of it."""

    fixed: Decimal = ZERO
    share: Decimal = ZERO

    def of(self, amount: Decimal, step: Decimal) -> Decimal:
        """The fee for a withdrawal of ``amount``, in whole ``step``."""
        return floor_to(self.fixed + amount * self.share, step)


@frozen
class Rules:
    """How one venue trades.

    ``currencies`` maps each ticker to its smallest unit. ``value_step``: a trade's value (quote) is cut to it; None:
    exact. ``holds_original``: an open buy holds the cost of its whole quantity until it closes (Sputnik), else of what is
    left. ``self_trades``: a user's own orders may match; else the newer one is cancelled when it meets the older (Kraken).
    ``cancels_crossing``: a post-only order that would trade is taken and cancelled (Kraken), else refused.
    ``returns_fee``: a cancelled withdrawal gives its fee back. ``fee_from_received``: a buyer pays the fee in base, out of
    what was bought (Binance), else all fees are in quote.
    """

    instruments: Mapping[str, Instrument]
    currencies: Mapping[str, Decimal]
    fees: FeeSchedule
    withdrawal_fees: Mapping[str, WithdrawalFee] = field(factory=dict)
    value_step: Decimal | None = None
    holds_original: bool = False
    self_trades: bool = False
    cancels_crossing: bool = False
    returns_fee: bool = True
    fee_from_received: bool = False

    def fee(self, contract: str, side: Side, value: Decimal, quantity: Decimal, *, is_maker: bool) -> tuple[str, Decimal]:
        """The ticker and the amount of the fee for a trade of ``quantity`` (base) worth ``value`` (quote)."""
        instrument = self.instruments[contract]
        if not self.fee_from_received or side is Side.SELL:
            return instrument.quote, self.fees.fee(value, is_maker=is_maker)
        share = self.fees.maker if is_maker else self.fees.taker
        return instrument.base, floor_to(quantity * share, self.currencies[instrument.base])

    def reserve(self, value: Decimal) -> Decimal:
        """What an open buy worth ``value`` (quote) holds for its fees."""
        return ZERO if self.fee_from_received else self.fees.reserve(value)

    def value(self, price: Decimal, quantity: Decimal) -> Decimal:
        """What ``quantity`` (base) at ``price`` costs, in quote."""
        exact = EXACT.multiply(price, quantity)
        return exact if self.value_step is None else floor_to(exact, self.value_step)


@frozen
class VenueOrder:
    """An order as it stands after one change. ``price`` None: a market order.

    ``cost`` (quote) and ``fee`` (in its fills' ``fee_ticker``) sum up its fills; ``reason`` says why it was cancelled,
    ``amended_at`` and ``closed_at`` when it was changed last and when it closed.
    """

    id: int
    user: str
    contract: str
    side: Side
    price: Decimal | None
    quantity: Decimal
    quantity_left: Decimal
    timestamp: int
    client_id: str | None = None
    post_only: bool = False
    immediate: bool = False
    is_cancelled: bool = False
    cost: Decimal = ZERO
    fee: Decimal = ZERO
    reason: str = ""
    closed_at: int | None = None
    amended_at: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return not self.is_cancelled and self.quantity_left > 0

    @property
    def filled(self) -> Decimal:
        """What has traded (base)."""
        return self.quantity - self.quantity_left

    def crosses(self, price: Decimal) -> bool:
        """Whether it would trade with an offer of the other side at ``price``."""
        return self.price is None or (self.price - price) * self.side.sign >= 0


@frozen
class VenueFill:
    """One side of one trade. ``price`` in quote per base, ``value`` in quote; ``fee``, of ``fee_ticker``, besides the value."""

    id: int
    trade_id: int
    order_id: int
    user: str
    contract: str
    side: Side
    price: Decimal
    quantity: Decimal
    value: Decimal
    fee: Decimal
    fee_ticker: str
    is_maker: bool
    timestamp: int
    client_id: str | None = None


@frozen
class Trade:
    """A trade as everybody sees it; ``side`` is the aggressor's."""

    id: int
    contract: str
    side: Side
    price: Decimal
    quantity: Decimal
    timestamp: int


PostingKind = Literal["Deposit", "Withdrawal", "Trade", "Transfer"]


@frozen
class Posting:
    """One change of one balance: ``change`` (signed, without the fee), ``fee`` (taken besides), ``balance`` afterwards.

    ``reference`` names the cause: a fill's id, a deposit's or withdrawal's id; ``address`` where money came or went.
    """

    id: int
    user: str
    ticker: str
    kind: PostingKind
    change: Decimal
    fee: Decimal
    balance: Decimal
    note: str
    reference: str
    timestamp: int
    address: str | None = None


class WithdrawalState(Enum):
    """PENDING: waits for the venue's approval; the balance is debited. SENT: on its way. DONE: arrived."""

    PENDING = "pending"
    SENT = "sent"
    DONE = "done"
    CANCELLED = "cancelled"


@frozen
class Withdrawal:
    """``amount`` left the balance; ``fee`` of it stays at the venue and the rest, ``net``, travels to ``address``."""

    id: int
    user: str
    ticker: str
    amount: Decimal
    fee: Decimal
    address: str
    state: WithdrawalState
    timestamp: int
    transaction_id: str | None = None

    @property
    def net(self) -> Decimal:
        """What travels."""
        return self.amount - self.fee


@frozen
class Deposit:
    """``amount`` arrived at ``address``; ``transaction_id`` is the network's or the bank's."""

    id: int
    user: str
    ticker: str
    amount: Decimal
    address: str
    transaction_id: str
    timestamp: int
