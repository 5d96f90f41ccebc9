"""The peers' rules, as their source code has them; each is told the fees and keeps only what makes its design its own.

None of them moves money between venues (nobody's program does), so a balance that has run dry stays dry until customers turn.
"""

from collections.abc import Mapping
from decimal import Decimal

from attrs import define, field, frozen

from bench.arena.market import Costs
from bench.arena.ours import snapshot_of
from bench.arena.policy import LOT, Move, Offer, View, rival_book
from bench.cobyla import Cobyla, Guess
from model.money import ZERO, floor_to
from model.order import Side
from model.settings import Settings
from optimizer.evaluate import Plan, walk
from optimizer.pool import pool_of

TICK = Decimal("0.01")
#: Hummingbot's share of the taker's balance that an order may use.
OF_BALANCE = Decimal("0.995")
#: Arke: how old its rate gets, how long a hedge waits, and what is too small to be hedged at all (minutes, minutes, BTC).
RATE_MINUTES, GRACE_MINUTES, LEAST_HEDGE = 60, 1, Decimal("0.01")
#: The original looks at everything this often here (its own period would take a day of computing).
ORIGINAL_MINUTES = 60


@define
class Mirror:
    """Hummingbot's cross-exchange market making: the price at which a fill can be covered at the source, and ``margin``.

    It joins the best rival if that is more profitable, and covers every fill as soon as it hears of it. Its price knows no
    fees: ``margin`` has to hold them. A cover that its balance does not allow is forgotten, as there.
    """

    settings: Settings
    costs: Costs
    margin: Decimal

    def act(self, view: View) -> Move:
        """Cover, and quote with what is left."""
        trade = view.affordable(-sum((fill.side.sign * fill.quantity for fill in view.fills), ZERO), self.costs)
        return Move({side: offer for side in Side if (offer := self._offer(view, side, trade))}, Plan(trade=trade))

    def _offer(self, view: View, side: Side, trade: Decimal) -> Offer | None:
        levels = view.source.bids if side is Side.BUY else view.source.asks
        cover, unserved = walk(levels, self.settings.quote_size)
        price = cover / (self.settings.quote_size - unserved) * (1 - side.sign * self.margin) / view.rate
        rival = view.rivals.get(side)
        if rival is not None:
            joined = rival + side.sign * TICK
            price = min(price, joined) if side is Side.BUY else max(price, joined)
        return _sized(view, side, price, self.settings, trade)


@define
class FixedSpread:
    """Arke's order-back: the source's best price and a fixed ``spread``, at a rate that is polled once an hour.

    Fills are covered after a grace time; a fill below the least amount is not covered and not remembered.
    """

    settings: Settings
    costs: Costs
    spread: Decimal
    _rate: Decimal = ZERO
    _rate_at: int = -RATE_MINUTES
    _pending: list[tuple[int, Decimal]] = field(factory=list)

    def act(self, view: View) -> Move:
        """Poll, cover what is due, and quote."""
        if view.minute - self._rate_at >= RATE_MINUTES:
            self._rate, self._rate_at = view.rate, view.minute
        covers = [(view.minute + GRACE_MINUTES, -f.side.sign * f.quantity) for f in view.fills if f.quantity >= LEAST_HEDGE]
        due = sum((cover for minute, cover in self._pending if minute <= view.minute), ZERO)
        self._pending = [(minute, cover) for minute, cover in self._pending if minute > view.minute] + covers
        trade = view.affordable(due, self.costs)
        offers = {side: offer for side in Side if (offer := self._offer(view, side, trade))}
        wait = GRACE_MINUTES if self._pending else self._rate_at + RATE_MINUTES - view.minute
        return Move(offers, Plan(trade=trade), wait)

    def _offer(self, view: View, side: Side, trade: Decimal) -> Offer | None:
        best = (view.source.bids if side is Side.BUY else view.source.asks)[0].price
        price = best * (1 - side.sign * self.spread) / self._rate
        offer = _sized(view, side, price, self.settings, trade)
        return offer and Offer(price * self._rate / view.mid, offer.quantity, self._rate)


@define
class Original:
    """The pool of 2015: COBYLA over six numbers (:mod:`bench.cobyla`), each done as found if the balances allow it.

    ``edge`` is kept from the prices that it finds; it covers nothing that its optimum does not trade.
    """

    settings: Settings
    costs: Costs
    edge: Decimal

    def act(self, view: View) -> Move:
        """Guess, do, quote."""
        guess = Cobyla(pool_of(snapshot_of(view, self.settings, None), self.settings)).rebalance()
        plan = self._plan(view, guess)
        prices = {Side.BUY: guess.bid * float(1 - self.edge), Side.SELL: guess.ask * float(1 + self.edge)}
        offers = {}
        for side, price in prices.items():
            exact = Decimal(repr(price)).quantize(TICK)
            offer = _sized(view, side, exact, self.settings, None) if exact > 0 else None
            if offer is not None and not _crosses(view, side, exact):
                offers[side] = offer
        return Move(offers, plan, ORIGINAL_MINUTES)

    def _plan(self, view: View, guess: Guess) -> Plan:
        """What a venue refuses for want of money is not done; neither is what is worth less than the least."""
        s, there, worth = self.settings, view.balances, view.mid
        trade = view.affordable(self._worth_doing(guess.trade, LOT, worth), self.costs)
        btc = self._worth_doing(guess.btc, LOT, worth)
        if btc > there.source_btc + min(trade, ZERO) or -btc > there.target_btc:
            btc = ZERO
        cash = self._worth_doing(guess.cash, TICK, Decimal(1))
        spent = view.source.asks[-1].price * (1 + s.source_fee.proportional) * max(trade, ZERO)
        out = cash if 0 < cash <= there.source_cash - spent else ZERO
        back = floor_to(-cash / view.rate_bid, TICK) if cash < 0 else ZERO
        return Plan(trade=trade, btc=btc, cash_out=out, cash_back=back if back <= there.target_cash else ZERO)

    def _worth_doing(self, amount: float, step: Decimal, worth: Decimal) -> Decimal:
        exact = floor_to(Decimal(repr(abs(amount))), step) * (1 if amount > 0 else -1)
        return exact if abs(exact) * worth >= self.settings.min_action_value else ZERO


@frozen
class Tuned:
    """A peer's rule with its one number."""

    kind: type[Mirror] | type[FixedSpread] | type[Original]
    number: Decimal

    def __call__(self, settings: Settings, costs: Costs) -> Mirror | FixedSpread | Original:
        """A competitor that remembers nothing yet."""
        return self.kind(settings, costs, self.number)


def _sized(view: View, side: Side, price: Decimal, settings: Settings, trade: Decimal | None) -> Offer | None:
    """An offer as large as the target's balance allows, and the source's (after ``trade``) if that is looked at."""
    there, fee = view.balances, settings.target_fee.proportional
    quantity = min(settings.quote_size, there.target_btc if side is Side.SELL else there.target_cash / (price * (1 + fee)))
    if trade is not None:
        quantity = min(quantity, OF_BALANCE * _coverable(view, side, trade, settings))
    quantity = floor_to(max(ZERO, quantity), LOT)
    return Offer.at(price, quantity, view) if quantity > 0 else None


def _coverable(view: View, side: Side, trade: Decimal, settings: Settings) -> Decimal:
    """How much of a fill on ``side`` the source's balance could cover once ``trade`` is done."""
    if side is Side.BUY:
        return view.balances.source_btc + trade
    cost = view.source.asks[0].price * (1 + settings.source_fee.proportional)
    return max(ZERO, view.balances.source_cash / cost - trade)


def _crosses(view: View, side: Side, price: Decimal) -> bool:
    book = rival_book(view)
    other = book.best_ask if side is Side.BUY else book.best_bid
    return other is not None and side.sign * (price - other.price) >= 0


#: The peers, each with the number that earned it the most on the tuning seeds (docs/arena.md).
PEERS: Mapping[str, Tuned] = {
    "mirror": Tuned(Mirror, Decimal("0.004")),
    "fixed_spread": Tuned(FixedSpread, Decimal("0.007")),
    "original": Tuned(Original, Decimal("0.006")),
}
