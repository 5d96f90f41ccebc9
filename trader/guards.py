"""What no decision may exceed. A guard makes a decision smaller, or stops the pool; it never makes one larger."""

from collections.abc import Mapping
from decimal import Decimal

import attrs
from attrs import frozen

from model.decision import Decision, Quote, Trade
from model.instrument import Instrument
from model.limits import Limits
from model.money import ZERO, plain
from model.order import Side
from model.snapshot import Snapshot
from model.transfer import Place


@frozen
class Guards:
    """What a decision is narrowed by besides its snapshot: the two limits, in source currency and BTC (None: no limit), the
    BTC ``held`` by venue when it was taken up, and why a hedge is ``stuck`` (empty: none is). Kept with the decision, so
    that a replay narrows it the same."""

    max_order_value: Decimal | None
    max_position: Decimal | None
    held: Mapping[Place, Decimal]
    stuck: str = ""


def narrowed(decision: Decision, guards: Guards, snapshot: Snapshot) -> Decision:
    """``decision`` as it may be carried out: by :func:`positioned` and :func:`limited`, and without quotes while a hedge is
    stuck. Pure: the same again gives the same."""
    if guards.stuck:
        decision = attrs.evolve(decision, quotes=(), no_quote={side.value: guards.stuck for side in Side})
    limits = Limits(max_order_value=guards.max_order_value, max_position=guards.max_position)
    rate = snapshot.fiat.best_bid.price if snapshot.fiat.best_bid else ZERO
    decision = positioned(decision, limits, guards.held, snapshot.source.instrument)
    return limited(decision, limits, rate, snapshot.source.instrument)


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


def positioned(decision: Decision, limits: Limits, held: Mapping[Place, Decimal], source: Instrument | None) -> Decision:
    """``decision`` with nothing bought that would leave a venue with more BTC than ``max_position``; ``held``: by venue.

    Bids that would be over it, all better ones filled first, are left out; a purchase at the source is made smaller.
    """
    most = limits.max_position
    if most is None:
        return decision
    room, kept = most - held["target"], []
    for quote in decision.quotes:
        if quote.side is Side.BUY:
            room -= quote.quantity
        if quote.side is Side.SELL or room >= 0:
            kept.append(quote)
    reasons = dict(decision.no_quote)
    if _has(decision.quotes, Side.BUY) and not _has(tuple(kept), Side.BUY):
        reasons[Side.BUY.value] = f"the target holds {plain(held['target'])} BTC; max_position is {plain(most)}"
    trade = within_position(decision.trade, limits, held["source"], source)
    return attrs.evolve(decision, quotes=tuple(kept), no_quote=reasons, trade=trade)


def within_position(trade: Trade | None, limits: Limits, held: Decimal, source: Instrument | None) -> Trade | None:
    """``trade`` made no larger than ``max_position`` allows where ``held`` BTC are at the source; None if too little is left."""
    if trade is None or trade.side is Side.SELL or limits.max_position is None:
        return trade
    return smaller(trade, max(ZERO, limits.max_position - held) * trade.limit, source)


def tripped(limits: Limits, loss: Decimal, currency: str, failures: int, trouble: str) -> str:
    """Which guard stops the pool until a person re-arms it, with the numbers; empty if none.

    :param loss: today's, in ``currency``, positive.
    :param failures: decisions in a row that came to nothing, the last one for ``trouble``.
    """
    if limits.max_loss_per_day is not None and loss > limits.max_loss_per_day:
        return f"today's trades have lost {loss:.2f} {currency}; max_loss_per_day is {limits.max_loss_per_day}"
    if failures >= limits.max_failed_cycles:
        return f"{failures} decisions in a row came to nothing; max_failed_cycles is {limits.max_failed_cycles}: {trouble}"
    return ""


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
