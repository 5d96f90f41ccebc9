"""What Sputnik holds back for open orders; it tells positions only, so this is its rule as its code has it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal

from clients.sputnik.contracts import Contract
from clients.sputnik.wire import WireOrder


def held_by(orders: Iterable[WireOrder], contracts: Mapping[str, Contract], fee: Decimal) -> dict[str, Decimal]:
    """Held amounts by ticker, in units.

    A bid holds the cost of its *original* quantity and the fee on that, however much of it has filled; an offer holds what
    is left of it (its fee is covered by the proceeds). ``fee`` is the share of the venue's schedule, which it does not tell.
    """
    held: Counter[str] = Counter()
    for order in orders:
        pair = contracts.get(order.contract)
        if pair is None or pair.payout is None or pair.denominated is None or not pair.is_pair:
            continue
        if order.side == "SELL":
            held[pair.payout] += order.left
        else:
            cost = pair.cost(order.quantity, order.price)
            held[pair.denominated] += cost + int((cost * fee).to_integral_value(ROUND_CEILING))
    return {ticker: contracts[ticker].quantity(units) for ticker, units in held.items() if ticker in contracts}
