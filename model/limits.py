"""How far the pool may go: ages of inputs, sizes, rates. Every limit is the operator's; the defaults are cautious."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from attrs import field, frozen


@frozen
class Limits:
    """Ages, intervals and delays in seconds; values in source currency; ``None``: no limit.

    ``book_age``: a streamed book whose connection has been silent for longer is stale. ``rate_age``: the fiat rate (ECB
    sets one a working day, so its default spans a long weekend; a streamed rate wants seconds). ``balance_age``: how long
    a venue may fail to report its balances. ``hedge_age``: how long one hedge order may rest before it is re-priced.
    ``venue_away``: how long a venue or the rate may be gone before people are told. ``max_clock_skew``: how far a venue's
    clock may be from ours, where its client knows. ``max_position``: BTC that may be held at one venue by our buying.
    ``max_failed_cycles``: decisions in a row that may come to nothing. ``transfers``: off, approve (a person says yes to
    each), automatic. ``max_transfer_value`` per transfer and ``max_transfer_value_per_day`` in any 24 hours;
    ``transfer_interval`` between two of the same kind.
    ``addresses``: where withdrawals may go besides what the other venue itself named: address -> remark.
    """

    book_age: Decimal = Decimal(10)
    rate_age: Decimal = Decimal(345_600)
    balance_age: Decimal = Decimal(120)
    hedge_age: Decimal = Decimal(5)
    venue_away: Decimal = Decimal(60)
    max_clock_skew: Decimal = Decimal(30)
    max_order_value: Decimal | None = None
    max_position: Decimal | None = None
    max_orders_per_minute: int = 120
    max_loss_per_day: Decimal | None = None
    max_failed_cycles: int = 5
    max_difference: Decimal = Decimal(0)
    transfers: Literal["off", "approve", "automatic"] = "approve"
    max_transfer_value: Decimal | None = None
    max_transfer_value_per_day: Decimal | None = None
    transfer_interval: Decimal = Decimal(60)
    addresses: Mapping[str, str] = field(factory=dict)
