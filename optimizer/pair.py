"""The fast exact way for one source and one target.

Given the size of the source trade, coins and cash do not touch (:mod:`optimizer.side`), and in each of the few modes (trade none,
buy or sell; coins 3; cash 3, out or not) the value is concave in that size. So a mode is solved by a search along one line: the
slopes at both ends of an interval give two tangents, no value between lies above where they meet, and that is the next size to
try. The tangents are the proof: the bound is the highest point that any of them leaves open. Modes whose tangents stay below
the best value known are never looked at again.

The general solver (:mod:`optimizer.milp`) answers the same question for any other shape; tests hold the two against each other.
"""

from attrs import evolve

from optimizer.curve import Curve
from optimizer.instance import penalty_slopes
from optimizer.pool import Pool
from optimizer.side import Mode, Side, Slopes, Way


class Pair:
    """The pool in floats, each kind of money as a :class:`~optimizer.side.Side`."""

    def __init__(self, pool: Pool) -> None:
        s, there, later, kept, ideal = pool.settings, pool.available, pool.projected, pool.reserve, pool.ideal
        bid, fiat_bid, fiat_ask = float(pool.best_bid), float(pool.fiat_bid), float(pool.fiat_ask)
        self.source_cash, self.source_btc = float(there.source_cash), float(there.source_btc)
        self.held_cash, self.held_btc = float(later.source_cash), float(later.source_btc)
        self.fee, self.fee_fixed = float(s.source_fee.proportional), float(s.source_fee.fixed)
        self.least, self.network = float(pool.least), float(s.btc_fee)
        k, aversion = float(s.deviation_penalty), float(s.risk_aversion)
        fixed, share = float(s.fiat_exchange_cost.fixed), float(s.fiat_exchange_cost.proportional)
        coin = Way(1.0, self.network, self.least / bid)
        self.coins = Side(
            _worth(bid, float(ideal.source_btc), k),
            _worth(bid, float(ideal.target_btc), k),
            float(later.target_btc),
            max(0.0, float(there.target_btc - kept.target_btc)),
            coin,
            coin,
        )
        self.cash = Side(
            _worth(1.0, float(ideal.source_cash), k),
            _worth(fiat_bid, float(ideal.target_cash), k, aversion * float(s.variance_fiat)),
            float(later.target_cash),
            max(0.0, float(there.target_cash - kept.target_cash)),
            Way((1 - share) / fiat_ask, fixed / fiat_ask, self.least),
            Way((1 - share) * fiat_bid, fixed, self.least / fiat_bid),
            None if s.out_address is None else Way(1 / (1 + share), fixed, self.least),
        )
        markout, whole = float(pool.markout), float(ideal.btc)
        self.exposed = Curve([whole], [markout, -markout], aversion * float(s.variance_btc), whole, -markout * whole)

    def proceeds(self, sign: int, value: float) -> float:
        """What trading ``value`` (source currency) adds to the cash at the source, fees paid."""
        return -sign * value - self.fee * value - self.fee_fixed

    def coins_after(self, mode: Mode, trade: float, *, is_sale: bool) -> Slopes:
        """The best for the coins after a trade, the risk of all BTC counted; the slopes are per BTC bought."""
        best = self.coins.best(mode, self.held_btc + trade, self.source_btc + min(trade, 0.0), is_spent=is_sale)
        total = self.held_btc + self.coins.held + trade - (self.network if mode.move else 0.0)
        exposed = self.exposed
        return evolve(
            best,
            value=best.value + exposed.value(total),
            more=best.more + exposed.right(total),
            less=best.less + exposed.left(total),
        )

    def cash_after(self, mode: Mode, proceeds: float, *, is_purchase: bool) -> Slopes:
        """The best for the cash after a trade; the slopes are per unit of source currency."""
        return self.cash.best(
            mode, self.held_cash + proceeds, self.source_cash + min(proceeds, 0.0) * is_purchase, is_spent=is_purchase
        )


def _worth(unit: float, ideal: float, deviation_penalty: float, weight: float = 0.0) -> Curve:
    """A balance less its penalty (and, with ``weight``, its risk): see design/optimizer.md."""
    hinges = penalty_slopes(deviation_penalty)
    below = sum(slope for _, slope, direction in hinges if direction < 0)
    slopes = [unit * (1 + below)]
    for _, slope, _ in hinges:
        slopes.append(slopes[-1] - unit * slope)
    base = -sum(slope * share for share, slope, direction in hinges if direction < 0) * unit * ideal
    return Curve([share * ideal for share, _, _ in hinges], slopes, weight, ideal, base)
