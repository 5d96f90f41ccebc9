"""From the optimum to what is sent: on the venues' steps, above their minimums, inside what is available."""

from decimal import ROUND_DOWN, Decimal

import attrs
from attrs import frozen

from model.decision import Actions, Term, Trade, Transfer
from model.instrument import Instrument
from model.money import ZERO
from model.order import Side
from model.transfer import Destination, Place
from optimizer.evaluate import GRAIN, NOTHING, Plan, Valuation, evaluate
from optimizer.pool import CENT, Balances, Forced, Pool

#: The step of coins on the move; that of cash is a cent.
COIN = Decimal("0.00000001")


@frozen
class Sending:
    """The rounded plan, what it is worth, and its parts as the executor wants them."""

    plan: Plan
    valuation: Valuation
    trade: Trade | None
    transfers: tuple[Transfer, ...]


def forced_by(pool: Pool) -> Forced | None:
    """The trade that the safety nets demand, whatever the optimum says: None if they are content.

    ``hedge = immediate`` trades the whole exposure and nothing else, ``max_exposure`` at least what is beyond it; neither
    more than the source can serve and the balance there can pay.
    """
    s, exposure = pool.settings, pool.exposure
    side = Side.SELL if exposure > 0 else Side.BUY
    possible = affordable(pool, side, pool.available)
    if s.hedge == "immediate":
        exact = min(abs(exposure), possible)
        return Forced(side, exact, exact)
    if s.max_exposure is None or abs(exposure) <= s.max_exposure:
        return None
    return Forced(side, min(abs(exposure) - s.max_exposure, possible), possible)


def affordable(pool: Pool, side: Side, there: Balances, traded: Decimal = ZERO) -> Decimal:
    """How much BTC can be traded at the source beyond what is ``traded`` already, with the balances ``there``."""
    if side is Side.SELL:
        return max(ZERO, min(pool.totals[side].whole - traded, there.source_btc))
    fee = pool.settings.source_fee
    rest = there.source_cash - fee.fixed
    found = ZERO
    for price, offered in pool.asks:
        skipped = min(traded, offered)
        traded -= skipped
        cost = price * (1 + fee.proportional)
        taken = min(offered - skipped, rest / cost)
        if taken <= 0 < offered - skipped:
            break
        found += taken
        rest -= taken * cost
    return max(ZERO, found).quantize(COIN, ROUND_DOWN)


def rounded(pool: Pool, plan: Plan, instrument: Instrument, forced: Forced | None) -> Sending:
    """What of ``plan`` can be sent; ``forced``: what it was bound to.

    Rounding may leave half a plan (the trade was too small for the venue, the transfer that paid for it was not): if that is
    worth less than doing nothing, nothing is done, unless a safety net demands the trade.
    """
    chosen = _on_steps(pool, plan, instrument, forced)
    valuation, idle = evaluate(pool, chosen), evaluate(pool, NOTHING)
    if not (forced is not None and chosen.trade) and valuation.worth.value < idle.worth.value:
        chosen, valuation = NOTHING, idle
    return Sending(chosen, valuation, _trade(pool, chosen, valuation, instrument), _transfers(pool, chosen, valuation))


def actions_of(pool: Pool, plan: Plan) -> Actions:
    """The four numbers of the seed."""
    return Actions(plan.btc, (plan.cash_out - plan.cash_back * pool.fiat_bid).quantize(GRAIN), plan.trade, plan.leave)


def _on_steps(pool: Pool, plan: Plan, instrument: Instrument, forced: Forced | None) -> Plan:
    """Every quantity down to its step; what is then too small to be worth doing, or for the venue, is left."""
    s = pool.settings
    if forced is None:
        side, trade = plan.side, instrument.round_quantity(abs(plan.trade))
    else:
        side, trade = forced.side, _in_lots(pool, plan, instrument, forced)
    if side is None or not instrument.accepts(trade, _worst_price(pool, side, trade)):
        trade = ZERO
    found = Plan(trade=trade if side is Side.BUY else -trade)
    left = evaluate(pool, found).left

    def step(wanted: Decimal, there: Decimal, grain: Decimal, worth: Decimal) -> Decimal:
        quantity = max(ZERO, min(wanted, there)).quantize(grain, ROUND_DOWN)
        return quantity if quantity * worth >= pool.least else ZERO

    coins_out = step(plan.btc, left.source_btc, COIN, pool.best_bid)
    coins_back = step(-plan.btc, left.target_btc, COIN, pool.best_bid)
    cash_out = step(plan.cash_out, left.source_cash, CENT, Decimal(1))
    cost = s.fiat_exchange_cost
    spare = (left.source_cash - cash_out - cost.fixed) / (1 + cost.proportional)
    return attrs.evolve(
        found,
        btc=coins_out - coins_back,
        cash_out=cash_out,
        cash_back=step(plan.cash_back, left.target_cash, CENT, pool.fiat_bid),
        leave=step(plan.leave, spare, CENT, Decimal(1)),
    )


def _in_lots(pool: Pool, plan: Plan, instrument: Instrument, forced: Forced) -> Decimal:
    """What a safety net demands, to the nearest lot: exactly its own amount, which the solver knows only as a float."""
    exact = min(max(abs(plan.trade), forced.least), forced.most)
    nearest = instrument.round_quantity(exact + instrument.lot / 2)
    return nearest if nearest <= affordable(pool, forced.side, pool.available) else instrument.round_quantity(exact)


def _worst_price(pool: Pool, side: Side, quantity: Decimal) -> Decimal:
    """The price of the last level that a trade of this size uses."""
    levels = pool.asks if side is Side.BUY else pool.bids
    price = levels[0].price if levels else ZERO
    for level in levels:
        if quantity <= 0:
            break
        price = level.price
        quantity -= level.quantity
    return price


def _trade(pool: Pool, plan: Plan, whole: Valuation, instrument: Instrument) -> Trade | None:
    side = plan.side
    if side is None:
        return None
    worst = _worst_price(pool, side, abs(plan.trade))
    # Rounded towards the other side of the book, or the last level would not be reached.
    limit = instrument.round_ask(worst) if side is Side.BUY else instrument.round_bid(worst)
    return Trade(side, abs(plan.trade), limit, _earned(pool, whole, attrs.evolve(plan, trade=ZERO)))


def _transfers(pool: Pool, plan: Plan, whole: Valuation) -> tuple[Transfer, ...]:
    s = pool.settings
    possible: list[tuple[Place, Destination, str, Decimal, str]] = [
        ("source", "target", s.btc, plan.btc, "btc"),
        ("target", "source", s.btc, -plan.btc, "btc"),
        ("source", "target", s.source, plan.cash_out, "cash_out"),
        ("target", "source", s.target, plan.cash_back, "cash_back"),
        ("source", "out", s.source, plan.leave, "leave"),
    ]
    return tuple(
        Transfer(origin, to, ticker, quantity, _earned(pool, whole, attrs.evolve(plan, **{name: ZERO})))
        for origin, to, ticker, quantity, name in possible
        if quantity > 0
    )


def _earned(pool: Pool, whole: Valuation, without: Plan) -> tuple[Term, ...]:
    """What one action adds to all the others, term by term."""
    return differences(whole, evaluate(pool, without))


def differences(whole: Valuation, without: Valuation) -> tuple[Term, ...]:
    """The terms in which the two differ: they add up to the difference of their values."""
    pairs = zip(whole.terms, without.terms, strict=True)
    return tuple(Term(have.name, have.amount - had.amount) for have, had in pairs if have.amount != had.amount)
