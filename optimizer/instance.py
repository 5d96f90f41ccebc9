"""One source and one target as an instance of the general problem: the table of design/optimizer.md, row by row."""

import math
from decimal import Decimal

import attrs

from model.order import Side
from optimizer.pool import Forced, Pool
from optimizer.problem import Account, Column, Hinge, Problem, Square, Switch

SU, SB, TU, TB = "source cash", "source btc", "target cash", "target btc"

Moves = dict[str, float]

#: Everything but cash out stays below its whole worth, or the optimum would be to burn money.
MOST_OF_ITS_WORTH = 0.99


def penalty_slopes(deviation_penalty: float) -> tuple[tuple[float, float, int], ...]:
    """(share of the ideal, slope per unit of worth, direction) of the four kinks that every balance has."""
    k = deviation_penalty
    first = min(k, MOST_OF_ITS_WORTH)
    both = min(4 * k, MOST_OF_ITS_WORTH)
    return (0.25, 10 * k, -1), (0.75, 3 * k, -1), (1.25, first, +1), (5.0, both - first, +1)


def problem_of(pool: Pool, forced: Forced | None = None) -> Problem:
    """The pool's choices; see :class:`~optimizer.problem.Problem`."""
    accounts = _accounts(pool)
    buys, sells = _trades(pool, Side.BUY, forced), _trades(pool, Side.SELL, forced)
    moves = [column for column, _ in _transfers(pool)]
    allowed = {None: [*buys, *sells], Side.BUY: buys, Side.SELL: sells}[forced.side if forced else None]
    return Problem(
        accounts,
        [*(column for column in allowed if column.limit > 0), *moves],
        [*_trade_switches(pool, forced), *(switch for _, switch in _transfers(pool))],
        _hinges(pool, accounts),
        _squares(pool),
    )


def _accounts(pool: Pool) -> list[Account]:
    there, later, kept = pool.available, pool.projected, pool.reserve
    btc, fiat = float(pool.best_bid), float(pool.fiat_bid)
    return [
        Account(SU, float(there.source_cash), float(later.source_cash), 1.0),
        Account(SB, float(there.source_btc), float(later.source_btc), btc),
        Account(TU, float(there.target_cash - kept.target_cash), float(later.target_cash), fiat),
        Account(TB, float(there.target_btc - kept.target_btc), float(later.target_btc), btc),
    ]


def _trades(pool: Pool, side: Side, forced: Forced | None) -> list[Column]:
    fee = float(pool.settings.source_fee.proportional)
    least, most = (float(forced.least), float(forced.most)) if forced else (0.0, math.inf)
    found = []
    for number, level in enumerate(pool.asks if side is Side.BUY else pool.bids):
        price, limit = float(level.price), min(float(level.quantity), most)
        start, least, most = min(limit, least), max(0.0, least - limit), most - limit
        name = f"{side.value} {number}"
        if side is Side.BUY:
            cost = price * (1 + fee)
            found.append(Column(name, side.value, {SU: -cost, SB: 1.0}, {SU: cost}, price, limit, least=start))
        else:
            found.append(Column(name, side.value, {SU: price * (1 - fee), SB: -1.0}, {SB: 1.0}, price, limit, least=start))
    return found


def _trade_switches(pool: Pool, forced: Forced | None) -> list[Switch]:
    """A forced trade is no choice, and the other side none either."""
    fixed, least = float(pool.settings.source_fee.fixed), float(pool.least)
    switches = {
        Side.BUY: Switch(Side.BUY.value, "trade", {SU: -fixed}, {SU: fixed}, least),
        Side.SELL: Switch(Side.SELL.value, "trade", {SU: -fixed}, {}, least),
    }
    if forced is None:
        return list(switches.values())
    return [attrs.evolve(switches[forced.side], least=0.0, must=True)] if forced.most else []


def _transfers(pool: Pool) -> list[tuple[Column, Switch]]:
    """Each way to move money. A fixed fee is taken where it arrives, and from the budget where cash goes out."""
    s = pool.settings
    fixed, share = float(s.fiat_exchange_cost.fixed), float(s.fiat_exchange_cost.proportional)
    bid, ask, btc, network = float(pool.fiat_bid), float(pool.fiat_ask), float(pool.best_bid), float(s.btc_fee)
    least = float(pool.least)

    def way(name: str, group: str, moves: Moves, taken: str, worth: float, once: Moves) -> tuple[Column, Switch]:
        return Column(name, name, moves, {taken: 1.0}, worth), Switch(name, group, once, {}, least)

    found = [
        way("btc out", "btc", {SB: -1.0, TB: 1.0}, SB, btc, {TB: -network}),
        way("btc back", "btc", {TB: -1.0, SB: 1.0}, TB, btc, {SB: -network}),
        way("cash out", "cash", {SU: -1.0, TU: (1 - share) / ask}, SU, 1.0, {TU: -fixed / ask}),
        way("cash back", "cash", {TU: -1.0, SU: (1 - share) * bid}, TU, bid, {SU: -fixed}),
    ]
    if s.out_address is not None:
        leave = Column("leave", "leave", {SU: -(1 + share)}, {SU: 1 + share}, 1.0, keeps=1.0)
        found.append((leave, Switch("leave", "leave", {SU: -fixed}, {SU: fixed}, least)))
    return found


def _hinges(pool: Pool, accounts: list[Account]) -> list[Hinge]:
    ideal = pool.ideal
    ideals = {SU: ideal.source_cash, SB: ideal.source_btc, TU: ideal.target_cash, TB: ideal.target_btc}
    slopes = penalty_slopes(float(pool.settings.deviation_penalty))
    found = [
        Hinge((account.name,), share * float(ideals[account.name]), slope * account.worth, direction)
        for account in accounts
        for share, slope, direction in slopes
    ]
    if pool.markout:
        found += [Hinge((SB, TB), float(ideal.btc), float(pool.markout), direction) for direction in (-1, +1)]
    return [hinge for hinge in found if hinge.slope > 0]


def _squares(pool: Pool) -> list[Square]:
    s, ideal = pool.settings, pool.ideal

    def weight(variance: Decimal) -> float:
        return float(s.risk_aversion * variance)

    return [
        Square((SB, TB), float(ideal.btc), weight(s.variance_btc)),
        Square((TU,), float(ideal.target_cash), weight(s.variance_fiat)),
    ]
