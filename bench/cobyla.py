"""The decision as the pool of 2015 made it, to be measured against: COBYLA over six numbers, 100 evaluations, one step for all.

The six: the bid, the ask, BTC from source to target, cash from source to target, the trade at the source, cash out of the
system. The valuation is ours (design/optimizer.md), with both quotes taken as filled, as the original did; its constraint is
the original's too: +1 where every budget is kept, -1 where one is not. The answer is used whether it succeeded or not.
"""

from collections.abc import Sequence

from attrs import frozen
from scipy.optimize import minimize

from model.book import Level
from optimizer.pool import Pool

#: What the original allowed.
EVALUATIONS = 100


@frozen
class Guess:
    """What COBYLA ended with, in the order of the module's docstring."""

    bid: float
    ask: float
    btc: float
    cash: float
    trade: float
    leave: float


class Cobyla:
    """One pool in floats, as the original read it from its state."""

    def __init__(self, pool: Pool) -> None:
        s, there, later, ideal = pool.settings, pool.available, pool.projected, pool.ideal
        self.bids, self.asks = _floats(pool.bids), _floats(pool.asks)
        self.best, self.fiat_bid, self.fiat_ask = float(pool.best_bid), float(pool.fiat_bid), float(pool.fiat_ask)
        self.available = [float(v) for v in (there.source_cash, there.source_btc, there.target_cash, there.target_btc)]
        self.projected = [float(v) for v in (later.source_cash, later.source_btc, later.target_cash, later.target_btc)]
        self.ideal = [float(v) for v in (ideal.source_cash, ideal.source_btc, ideal.target_cash, ideal.target_btc)]
        self.worths = [1.0, self.best, self.fiat_bid, self.best]
        self.k, self.aversion = float(s.deviation_penalty), float(s.risk_aversion)
        self.variances = float(s.variance_btc), float(s.variance_fiat)
        self.source_fee = float(s.source_fee.fixed), float(s.source_fee.proportional)
        self.target_fee = float(s.target_fee.fixed), float(s.target_fee.proportional)
        self.fiat_cost = float(s.fiat_exchange_cost.fixed), float(s.fiat_exchange_cost.proportional)
        self.network, self.size, self.least = float(s.btc_fee), float(s.quote_size), float(s.min_action_value)

    def rebalance(self) -> Guess:
        """Minimise, and take what comes out."""
        mid = self.best / self.fiat_ask
        start = [mid, mid, 0.0, 0.0, 0.0, 0.0]
        result = minimize(
            lambda x: -self.value(x),
            start,
            method="COBYLA",
            constraints=[{"type": "ineq", "fun": lambda x: 1.0 if self.is_feasible(x) else -1.0}],
            options={"maxiter": EVALUATIONS, "rhobeg": 1.0},
        )
        return Guess(*(float(number) for number in result.x))

    def value(self, x: Sequence[float]) -> float:
        """Our valuation of the balances once the six have happened, both quotes filled."""
        bid, ask = x[0], x[1]
        balances, sent = self.after(x[2], x[3], x[4], x[5])
        balances[2] += self.size * (ask * (1 - self.target_fee[1]) - bid * (1 + self.target_fee[1])) - 2 * self.target_fee[0]
        return self.worth(balances, sent)

    def after(self, btc: float, cash: float, trade: float, leave: float) -> tuple[list[float], float]:
        """The four balances after the actions, and what has gone out. What is below the least worth is not done."""
        source_cash, source_btc, target_cash, target_btc = self.projected
        if abs(trade) * self.best >= self.least:
            quantity, value = self.walk(trade)
            fee = self.source_fee[0] + self.source_fee[1] * value
            source_cash += (-value if trade > 0 else value) - fee
            source_btc += quantity if trade > 0 else -quantity
        if abs(btc) * self.best >= self.least:
            source_btc -= btc + (self.network if btc < 0 else 0.0)
            target_btc += btc - (self.network if btc > 0 else 0.0)
        fixed, share = self.fiat_cost
        if cash >= self.least:
            source_cash -= cash
            target_cash += (cash * (1 - share) - fixed) / self.fiat_ask
        elif -cash >= self.least:
            source_cash += -cash * (1 - share) - fixed
            target_cash += cash / self.fiat_bid
        sent = leave if leave >= self.least else 0.0
        if sent:
            source_cash -= sent * (1 + share) + fixed
        return [source_cash, source_btc, target_cash, target_btc], sent

    def worth(self, balances: Sequence[float], sent: float) -> float:
        """Cash less risk and penalty."""
        cash = sent + sum(worth * balance for worth, balance in zip(self.worths, balances, strict=True))
        btc = balances[1] + balances[3] - self.ideal[1] - self.ideal[3]
        fiat = balances[2] - self.ideal[2]
        risk = self.aversion * (self.variances[0] * btc**2 + self.variances[1] * fiat**2)
        penalty = sum(w * self.deviation(b, i) for w, b, i in zip(self.worths, balances, self.ideal, strict=True))
        return cash - risk - penalty

    def deviation(self, balance: float, ideal: float) -> float:
        """The four kinks."""
        k = self.k
        first, both = min(k, 0.99), min(4 * k, 0.99)
        below = 10 * k * max(0.0, 0.25 * ideal - balance) + 3 * k * max(0.0, 0.75 * ideal - balance)
        return below + first * max(0.0, balance - 1.25 * ideal) + (both - first) * max(0.0, balance - 5 * ideal)

    def walk(self, trade: float) -> tuple[float, float]:
        """What of the trade the book serves, and its value."""
        rest, value = abs(trade), 0.0
        for price, offered in self.asks if trade > 0 else self.bids:
            taken = min(rest, offered)
            value += price * taken
            rest -= taken
            if rest <= 0:
                break
        return abs(trade) - max(0.0, rest), value

    def is_feasible(self, x: Sequence[float]) -> bool:
        """Whether every budget pays for what is taken from it, and the quotes too."""
        bid, _, btc, cash, trade, leave = x
        quantity, value = self.walk(trade)
        fixed, share = self.fiat_cost
        takes = [
            (value * (1 + self.source_fee[1]) + self.source_fee[0] if trade > 0 else 0.0)
            + max(cash, 0.0)
            + (leave * (1 + share) + fixed if leave >= self.least else 0.0),
            (quantity if trade < 0 else 0.0) + max(btc, 0.0),
            max(-cash, 0.0) / self.fiat_bid + self.size * bid * (1 + self.target_fee[1]) + self.target_fee[0],
            max(-btc, 0.0) + self.size,
        ]
        return leave >= 0 and all(taken <= there for taken, there in zip(takes, self.available, strict=True))


def _floats(levels: Sequence[Level]) -> list[tuple[float, float]]:
    return [(float(level.price), float(level.quantity)) for level in levels]
