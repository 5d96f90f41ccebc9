"""What a plan is worth, in exact arithmetic and without any solver: the definition, executed in order.

Whatever an optimiser claims is held against this before anybody acts on it.
"""

from decimal import Decimal, localcontext

from attrs import frozen

from model.book import Level
from model.decision import Term, Worth
from model.money import EXACT, ZERO
from model.order import Side
from optimizer.pool import Balances, Pool

#: Amounts of value are kept to this, so that the terms of an explanation add up to the last digit.
GRAIN = Decimal("1e-12")
#: A kink of the penalty: share of the ideal, where a balance begins to be too little or too much.
KINKS = tuple(map(Decimal, ("0.25", "0.75", "1.25", "5")))
#: An excess is never punished by more than this share of its worth, or the optimum would be to burn money.
MOST_OF_ITS_WORTH = Decimal("0.99")


@frozen
class Plan:
    """What to do at once. ``trade`` in BTC (buying is positive), ``btc`` from source to target (back is negative).

    ``cash_out`` (source currency) goes to the target, ``cash_back`` (target currency) returns, ``leave`` (source currency)
    goes out of the system; none of these three is negative.
    """

    trade: Decimal = ZERO
    btc: Decimal = ZERO
    cash_out: Decimal = ZERO
    cash_back: Decimal = ZERO
    leave: Decimal = ZERO

    @property
    def side(self) -> Side | None:
        """Whether it buys or sells at the source; None if neither."""
        if not self.trade:
            return None
        return Side.BUY if self.trade > 0 else Side.SELL


#: Doing nothing.
NOTHING = Plan()


@frozen
class Valuation:
    """``terms`` add up to ``worth.value``, to the last digit. ``left``: what of the available balances the plan leaves."""

    worth: Worth
    terms: tuple[Term, ...]
    left: Balances

    def overdrawn(self, available: Balances, slack: Decimal = ZERO) -> str:
        """Which balance the plan takes more from than there is, by more than that share of it; empty if none."""
        names = ("source_cash", "source_btc", "target_cash", "target_btc")
        short = [name for name in names if getattr(self.left, name) < min(ZERO, -slack * getattr(available, name))]
        return ", ".join(name.replace("_", " ") for name in short)


def walk(levels: tuple[Level, ...], quantity: Decimal) -> tuple[Decimal, Decimal]:
    """Trade ``quantity`` BTC in the order of the book: what it costs or fetches, and what the levels could not serve."""
    value, rest = ZERO, quantity
    for price, offered in levels:
        taken = min(rest, offered)
        value += price * taken
        rest -= taken
        if not rest:
            break
    return value, rest


def evaluate(pool: Pool, plan: Plan) -> Valuation:
    """What ``plan`` makes of the pool, valued as design/optimizer.md says.

    :raises ValueError: if the source's levels cannot serve the trade.
    """
    with localcontext(EXACT):
        return _evaluate(pool, plan)


def _evaluate(pool: Pool, plan: Plan) -> Valuation:
    s, bid = pool.settings, pool.best_bid
    value, unserved = walk(pool.asks if plan.trade > 0 else pool.bids, abs(plan.trade))
    if unserved:
        raise ValueError(f"the source's book cannot serve {unserved} of {abs(plan.trade)} BTC")
    trade_fee = value * s.source_fee.proportional + (s.source_fee.fixed if plan.trade else ZERO)
    fixed, share = s.fiat_exchange_cost.fixed, s.fiat_exchange_cost.proportional
    network = s.btc_fee if plan.btc else ZERO
    arrives_out = (plan.cash_out * (1 - share) - fixed) / pool.fiat_ask if plan.cash_out else ZERO
    arrives_back = plan.cash_back * (1 - share) * pool.fiat_bid - fixed if plan.cash_back else ZERO
    leaves = plan.leave * (1 + share) + fixed if plan.leave else ZERO
    spent = value if plan.trade > 0 else ZERO
    earned = value - spent
    ends = pool.projected.plus(
        earned - spent - trade_fee - plan.cash_out + arrives_back - leaves,
        plan.trade - plan.btc - (network if plan.btc < 0 else ZERO),
        arrives_out - plan.cash_back,
        plan.btc - (network if plan.btc > 0 else ZERO),
    )
    left = pool.available.plus(
        -(spent + trade_fee if plan.trade > 0 else ZERO) - plan.cash_out - leaves,
        min(plan.trade, ZERO) - max(plan.btc, ZERO),
        -plan.cash_back,
        min(plan.btc, ZERO),
    )
    held = pool.projected
    fiat_cost = (plan.cash_out - arrives_out * pool.fiat_bid) + (plan.cash_back * pool.fiat_bid - arrives_back)
    terms = {
        "holdings": held.source_cash + held.btc * bid + held.target_cash * pool.fiat_bid,
        "source price": earned - spent + plan.trade * bid,
        "source fee": -trade_fee,
        "fiat cost": -fiat_cost - (leaves - plan.leave),
        "network fee": -network * bid,
        "risk": -_risk(pool, ends),
        "penalty": -_penalty(pool, ends),
    }
    return _valuation({name: amount.quantize(GRAIN) for name, amount in terms.items()}, ends, left)


def _valuation(terms: dict[str, Decimal], ends: Balances, left: Balances) -> Valuation:
    value = sum(terms.values(), ZERO)
    worth = Worth(
        value,
        value - terms["risk"] - terms["penalty"],
        -terms["risk"],
        -terms["penalty"],
        ends.source_cash.quantize(GRAIN),
        ends.source_btc.quantize(GRAIN),
        ends.target_cash.quantize(GRAIN),
        ends.target_btc.quantize(GRAIN),
    )
    return Valuation(worth, tuple(Term(name, amount) for name, amount in terms.items()), left)


def _risk(pool: Pool, ends: Balances) -> Decimal:
    s, ideal = pool.settings, pool.ideal
    btc, fiat = ends.btc - ideal.btc, ends.target_cash - ideal.target_cash
    return s.risk_aversion * (s.variance_btc * btc**2 + s.variance_fiat * fiat**2) + pool.markout * abs(btc)


def _penalty(pool: Pool, ends: Balances) -> Decimal:
    ideal = pool.ideal
    return (
        _deviation(pool, ends.source_cash, ideal.source_cash)
        + _deviation(pool, ends.source_btc, ideal.source_btc) * pool.best_bid
        + _deviation(pool, ends.target_cash, ideal.target_cash) * pool.fiat_bid
        + _deviation(pool, ends.target_btc, ideal.target_btc) * pool.best_bid
    )


def _deviation(pool: Pool, balance: Decimal, ideal: Decimal) -> Decimal:
    k = pool.settings.deviation_penalty
    first, both = min(k, MOST_OF_ITS_WORTH), min(4 * k, MOST_OF_ITS_WORTH)
    far_below, below, above, far_above = (share * ideal for share in KINKS)
    return (
        10 * k * max(ZERO, far_below - balance)
        + 3 * k * max(ZERO, below - balance)
        + first * max(ZERO, balance - above)
        + (both - first) * max(ZERO, balance - far_above)
    )
