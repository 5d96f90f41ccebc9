"""What no decision may exceed. A guard makes a decision smaller, or stops the pool; it never makes one larger."""

from decimal import Decimal

import attrs

from model.decision import Decision, Quote, Trade
from model.instrument import Instrument
from model.limits import Limits
from model.money import plain
from model.order import Side


def limited(decision: Decision, limits: Limits, rate: Decimal, source: Instrument | None) -> Decision:
    """``decision`` with no order worth more than ``max_order_value`` (source currency); ``rate``: of one target unit in it.

    A quote over the limit is left out, with the reason; a trade over it is made as large as it may be.
    """
    most = limits.max_order_value
    if most is None:
        return decision
    kept = tuple(quote for quote in decision.quotes if quote.price * quote.quantity * rate <= most)
    reasons = dict(decision.no_quote)
    for side in Side:
        if _has(decision.quotes, side) and not _has(kept, side):
            reasons[side.value] = f"worth more than max_order_value, {plain(most)}"
    return attrs.evolve(decision, quotes=kept, no_quote=reasons, trade=smaller(decision.trade, most, source))


def _has(quotes: tuple[Quote, ...], side: Side) -> bool:
    return any(quote.side is side for quote in quotes)


def smaller(trade: Trade | None, most: Decimal | None, source: Instrument | None) -> Trade | None:
    """``trade`` made worth no more than ``most`` (source currency; None: no limit); None if too little is left of it."""
    if most is None:
        return trade
    if trade is None or trade.quantity * trade.limit <= most:
        return trade
    quantity = most / trade.limit
    if source is not None:
        quantity = source.round_quantity(quantity)
        if not source.accepts(quantity, trade.limit):
            return None
    return attrs.evolve(trade, quantity=quantity)
