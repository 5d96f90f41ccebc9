"""Orders checked against a venue's steps and minimums before they leave: what the venue would refuse, or worse, round."""

from decimal import Decimal

from clients.errors import Reason, Refused
from model.instrument import Instrument
from model.money import plain


def check_steps(
    venue: str,
    call: str,
    instrument: Instrument,
    quantity: Decimal,
    price: Decimal,
    side: str,
    flags: frozenset[str] = frozenset(),
) -> None:
    """Pass a limit order that is on the steps and above the minimums, and whose ``flags`` can all be true.

    :raises Refused: (PRICE, SIZE, OTHER) with what is wrong.
    """
    if side not in ("BUY", "SELL"):
        raise Refused(venue, call, f"side {side!r} is neither BUY nor SELL")
    if flags >= {"post_only", "immediate"}:
        raise Refused(venue, call, "an order that may only rest cannot be immediate too")
    if not price.is_finite() or price <= 0 or instrument.round_bid(price) != price:
        raise Refused(venue, call, f"{price} is not a multiple of {plain(instrument.tick)}", Reason.PRICE)
    if not quantity.is_finite() or quantity <= 0 or instrument.round_quantity(quantity) != quantity:
        raise Refused(venue, call, f"{quantity} is not a multiple of {plain(instrument.lot)}", Reason.SIZE)
    if not instrument.accepts(quantity, price):
        least = f"{plain(instrument.min_quantity)} {instrument.base} and {plain(instrument.min_value)} {instrument.quote}"
        raise Refused(venue, call, f"{quantity} at {price} is below the minimum of {least}", Reason.SIZE)


def check_amount(venue: str, call: str, ticker: str, amount: Decimal) -> None:
    """Pass an amount that can be withdrawn at all.

    :raises Refused: (SIZE) for anything else.
    """
    if not amount.is_finite() or amount <= 0:
        raise Refused(venue, call, f"{amount} {ticker} cannot be sent", Reason.SIZE)
