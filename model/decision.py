"""What the optimiser answers: a value that says what to do, what it is worth and why, or why nothing is done."""

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

from attrs import field, frozen

from model.order import Side
from model.transfer import Destination, Place


class Verdict(Enum):
    """ACT: do what the decision says. WAIT: the proof or the time was short; quotes are pulled, nothing is done.
    REFUSE: an input or the answer itself is unsound (``reason`` says which); as WAIT, and worth a person's look."""

    ACT = "act"
    WAIT = "wait"
    REFUSE = "refuse"


@frozen
class Worth:
    """What a set of balances is worth, in source currency, and the balances themselves, each in its own unit."""

    value: Decimal
    cash_value_in_source: Decimal
    market_risk_in_source: Decimal
    deviation_penalty: Decimal
    source_source_balance: Decimal
    source_btc_balance: Decimal
    target_target_balance: Decimal
    target_btc_balance: Decimal


@frozen
class Term:
    """One line of an explanation: what ``name`` adds to (or, negative, takes from) the value, in source currency."""

    name: str
    amount: Decimal


@frozen
class Quote:
    """An offer on the target: ``price`` in target currency per BTC, on the venue's tick, ``quantity`` in BTC.

    ``indifference`` is where the pool would be as well off with the fill as without; ``level`` counts from 0 (the
    best); ``keep_from`` and ``keep_to`` bound the prices at which a live order of that side is left alone; ``why`` adds
    up to what a fill of the whole quantity would earn.
    """

    side: Side
    price: Decimal
    quantity: Decimal
    indifference: Decimal
    keep_from: Decimal
    keep_to: Decimal
    level: int = 0
    why: tuple[Term, ...] = ()


@frozen
class Trade:
    """BTC to buy or sell at the source now; ``limit`` is the worst price (source currency per BTC) that is justified."""

    side: Side
    quantity: Decimal
    limit: Decimal
    why: tuple[Term, ...] = ()


@frozen
class Transfer:
    """Money to move; ``quantity`` of ``ticker`` leaves ``origin``."""

    origin: Place
    to: Destination
    ticker: str
    quantity: Decimal
    why: tuple[Term, ...] = ()


@frozen
class Actions:
    """The optimum's four numbers, signed as in the seed: from source to target is positive, buying is positive.

    ``btc_source_target`` and ``trade_source_qty`` in BTC, ``fiat_source_target`` and ``transfer_source_out`` in source
    currency (a return of h target units is -h times the fiat bid).
    """

    btc_source_target: Decimal
    fiat_source_target: Decimal
    trade_source_qty: Decimal
    transfer_source_out: Decimal


@frozen
class Optimum:
    """The best that can be done: what it is worth, the proven upper ``bound`` on any value, and the prices it implies.

    ``offered_*`` are before rounding; None where a side cannot be quoted. Prices in target currency per BTC.
    """

    worth: Worth
    actions: Actions
    bound: Decimal
    offered_bid: Decimal | None
    offered_ask: Decimal | None
    indifference_bid: Decimal | None
    indifference_ask: Decimal | None


@frozen
class Rounded:
    """What would really be sent, on the venues' steps, and what that is worth."""

    worth: Worth
    actions: Actions
    offered_bid: Decimal | None
    offered_ask: Decimal | None


@frozen
class Decision:
    """The answer to one snapshot.

    ``base`` is the worth of doing nothing; None, as ``optimized`` and ``rounded``, where it could not be found.
    ``no_quote`` says per side ("BUY", "SELL") why it is not quoted. Quotes are best first.
    """

    verdict: Verdict
    reason: str
    timestamp: int
    elapsed_ms: Decimal
    base: Worth | None = None
    optimized: Optimum | None = None
    rounded: Rounded | None = None
    quotes: tuple[Quote, ...] = ()
    trade: Trade | None = None
    transfers: tuple[Transfer, ...] = ()
    no_quote: Mapping[str, str] = field(factory=dict)
    fair: Decimal | None = None
