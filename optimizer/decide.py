"""The decision: Snapshot and Settings in, Decision out."""

from decimal import Decimal, localcontext

from attrs import frozen

from model.decision import Decision, Optimum, Rounded, Verdict
from model.instrument import Instrument
from model.money import EXACT, ZERO
from model.order import Side
from model.settings import Settings
from model.snapshot import Snapshot
from optimizer.best import Best, Unproven, best_of
from optimizer.evaluate import GRAIN, NOTHING, Valuation, evaluate
from optimizer.indifference import Ladder, ladder_of
from optimizer.pool import Pool, Unsound, pool_of
from optimizer.problem import tolerance
from optimizer.quoting import Quoting, quoting_of
from optimizer.sending import Sending, actions_of, forced_by, rounded

#: A solver may take more than there is by this share: float noise, which rounding down removes.
NOISE = Decimal("1e-9")


def decide(snapshot: Snapshot, settings: Settings) -> Decision:
    """The best that can be done now, proven, and the quotes that follow from it. Deterministic, and safe to repeat.

    Bad market data never raises: the Decision says REFUSE with the reason; a proof that fails or is not finished in time, WAIT.
    ``elapsed_ms`` is left at 0: whoever has a clock fills it in. A what-if is ``decide(snapshot, settings.replace(...))``.
    """
    with localcontext(EXACT):
        try:
            return _decide(snapshot, settings)
        except Unsound as unsound:
            return _idle(snapshot, Verdict.REFUSE, str(unsound))
        except Unproven as unproven:
            return _idle(snapshot, Verdict.WAIT, str(unproven))


@frozen
class _Optimised:
    """The optimum, checked against the definition, and what is sent of it."""

    best: Best
    valuation: Valuation
    sending: Sending


def _decide(snapshot: Snapshot, settings: Settings) -> Decision:
    pool = pool_of(snapshot, settings)
    optimised = _optimise(pool, snapshot.source.instrument or Instrument(settings.source_contract))
    ladders = {side: ladder_of(pool, optimised.best, side) for side in Side}
    target = snapshot.target.instrument or Instrument(settings.target_contract)
    quoting = quoting_of(pool, ladders, optimised.sending, snapshot.target.rivals(), target)
    return Decision(
        verdict=Verdict.ACT,
        reason="",
        timestamp=snapshot.timestamp,
        elapsed_ms=ZERO,
        base=evaluate(pool, NOTHING).worth,
        optimized=_optimum(pool, optimised, ladders, quoting),
        rounded=_rounded(pool, optimised.sending, quoting),
        quotes=quoting.quotes,
        trade=optimised.sending.trade,
        transfers=optimised.sending.transfers,
        no_quote={side.value: reason for side, reason in quoting.no_quote.items()},
        fair=None if pool.fair is None else pool.fair.quantize(GRAIN),
    )


def _optimise(pool: Pool, instrument: Instrument) -> _Optimised:
    """The optimum, and what to send: the same, unless a safety net demands a trade of its own."""
    best = best_of(pool)
    valuation = _checked(pool, best)
    forced = forced_by(pool)
    if forced is None:
        return _Optimised(best, valuation, rounded(pool, best.plan, instrument, None))
    bound_to = best_of(pool, forced)
    _checked(pool, bound_to)
    return _Optimised(best, valuation, rounded(pool, bound_to.plan, instrument, forced))


def _checked(pool: Pool, best: Best) -> Valuation:
    """The valuation of the plan by definition.

    :raises Unsound: if it is not what the solver claims, or the plan takes more than there is.
    """
    valuation = evaluate(pool, best.plan)
    claimed = Decimal(repr(best.value))
    if abs(valuation.worth.value - claimed) > Decimal(repr(tolerance(best.value))):
        raise Unsound(f"the optimum claims to be worth {claimed:.2f}, but is worth {valuation.worth.value:.2f}")
    overdrawn = valuation.overdrawn(pool.available, NOISE)
    if overdrawn:
        raise Unsound(f"the optimum takes more than there is of: {overdrawn}")
    return valuation


def _optimum(pool: Pool, optimised: _Optimised, ladders: dict[Side, Ladder], quoting: Quoting) -> Optimum:
    prices = {side: ladder.rungs[0].price for side, ladder in ladders.items() if ladder.rungs}
    return Optimum(
        worth=optimised.valuation.worth,
        actions=actions_of(pool, optimised.best.plan),
        bound=Decimal(repr(optimised.best.bound)),
        offered_bid=quoting.offered.get(Side.BUY),
        offered_ask=quoting.offered.get(Side.SELL),
        indifference_bid=prices.get(Side.BUY),
        indifference_ask=prices.get(Side.SELL),
    )


def _rounded(pool: Pool, sending: Sending, quoting: Quoting) -> Rounded:
    best = {side: next((quote.price for quote in quoting.quotes if quote.side is side), None) for side in Side}
    return Rounded(sending.valuation.worth, actions_of(pool, sending.plan), best[Side.BUY], best[Side.SELL])


def _idle(snapshot: Snapshot, verdict: Verdict, reason: str) -> Decision:
    """Nothing is done, and nothing quoted."""
    return Decision(verdict, reason, snapshot.timestamp, ZERO, no_quote={side.value: reason for side in Side})
