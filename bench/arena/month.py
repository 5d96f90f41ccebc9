"""One competitor through one market."""

from decimal import Decimal, localcontext

import numpy
from attrs import define, field, frozen

from bench.arena.account import Account, Parts
from bench.arena.market import Customer, Market
from bench.arena.policy import LOT, Offer, Policy, View
from model.money import EXACT, floor_to
from model.order import Fill, Side

#: A side is offered if it has this much (BTC) within this share of fair.
PRESENT, NEAR = Decimal("0.02"), Decimal("0.015")


@frozen
class Outcome:
    """What a month came to, in source currency and BTC; ``parts`` add up to ``pnl`` exactly.

    ``drawdown``: the worst fall of the profit from its peak. ``both``: the share of time with quotes on both sides.
    ``exposure`` and ``exposure_max``: BTC away from the first basket, transits included. ``sent``: transfers of coins, of cash.
    """

    pnl: Decimal
    parts: Parts
    drawdown: float
    traded: Decimal
    both: float
    exposure: float
    exposure_max: float
    sent: tuple[int, int]


@define
class Month:
    """The market's minutes in order. Customers come after the pool has acted; what it sold to them it hears a minute later."""

    market: Market
    policy: Policy
    account: Account = field(init=False)
    _offers: dict[Side, Offer] = field(factory=dict)
    _unheard: list[Fill] = field(factory=list)
    _seen_until: int = -1
    _trace: list[tuple[int, float, float, float, bool]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.account = Account(self.market)

    def run(self) -> Outcome:
        """All of it.

        :raises AssertionError: if the parts of the profit do not add up to it.
        """
        customers = iter(self.market.customers)
        customer = next(customers, None)
        look_at = 0
        for minute in range(self.market.minutes):
            has_landed = self.account.land(minute)
            if minute >= look_at or has_landed or self._unheard or self._has_rival_moved(minute):
                look_at = minute + self._act(minute)
            while customer is not None and customer.minute == minute:
                self._serve(customer)
                customer = next(customers, None)
        return self._outcome()

    def _has_rival_moved(self, minute: int) -> bool:
        halves = self.market.rival_half
        return halves is not None and minute > 0 and halves[minute] != halves[minute - 1]

    def _act(self, minute: int) -> int:
        """Ask the policy and do what it says; in how many minutes it wants to be asked again."""
        move = self.policy.act(self._view(minute))
        self._unheard = []
        self._seen_until = minute
        self.account.do(minute, move.plan)
        self._offers = dict(move.offers)
        self._note(minute)
        return max(1, move.again_in)

    def _view(self, minute: int) -> View:
        market = self.market
        rivals = {side: market.rival(minute, side) for side in Side}
        return View(
            minute,
            market.source_book(minute),
            market.rate_bid[minute],
            market.rate_ask[minute],
            {side: price.quantize(Decimal("0.01")) for side, price in rivals.items() if price is not None},
            self.account.there,
            self.account.on_the_way,
            tuple(self._unheard),
            market.mid[self._seen_until + 1 : minute + 1],
        )

    def _serve(self, customer: Customer) -> None:
        """He takes our quote if it suits him and nobody serves him better; the rest of what he wants is not our business."""
        minute, side = customer.minute, customer.side.opposite
        offer = self._offers.get(side)
        if offer is None:
            return
        price = offer.price(side, self.market.mid[minute], self.market.rate(minute))
        rival = self.market.rival(minute, side)
        if side.sign * (price - customer.limit) < 0 or (rival is not None and side.sign * (price - rival) <= 0):
            return
        quantity = floor_to(min(customer.quantity, offer.quantity, self.account.fillable(side, price)), LOT)
        if quantity <= 0:
            return
        self.account.fill(minute, side, quantity, price)
        number = str(len(self._trace))
        self._unheard.append(Fill(number, number, "BTC/GBP", side, price, quantity, {}, minute))
        self._offers[side] = Offer(offer.ratio, offer.quantity - quantity, offer.rate)
        self._note(minute)

    def _is_both(self, minute: int) -> bool:
        def is_present(side: Side) -> bool:
            offer = self._offers.get(side)
            if offer is None or offer.quantity < PRESENT:
                return False
            price = offer.price(side, self.market.mid[minute], self.market.rate(minute))
            return abs(price / self.market.fair(minute) - 1) <= NEAR

        return all(is_present(side) for side in Side)

    def _note(self, minute: int) -> None:
        source_cash, btc, target_cash = self.account.totals()
        self._trace.append((minute, float(source_cash), float(btc), float(target_cash), self._is_both(minute)))

    def _outcome(self) -> Outcome:
        account, last = self.account, self.market.minutes - 1
        account.revalue(last)
        pnl = account.pnl(last)
        with localcontext(EXACT):
            assert account.parts.pnl == pnl, f"the parts make {account.parts.pnl}, the balances {pnl}"
        trace = numpy.array(self._trace)
        rows = trace[numpy.searchsorted(trace[:, 0], numpy.arange(last + 1), side="right") - 1]
        found = self.market.prices
        away = rows[:, 2] - float(account.first.btc)
        curve = (
            rows[:, 1]
            - float(account.first.source_cash)
            + away * found.btc
            + (rows[:, 3] - float(account.first.target_cash)) * (found.bid + found.ask) / 2
        )
        return Outcome(
            pnl,
            account.parts,
            float(numpy.max(numpy.maximum.accumulate(numpy.maximum(curve, 0.0)) - curve)),
            account.traded,
            float(rows[:, 4].mean()),
            float(numpy.abs(away).mean()),
            float(numpy.abs(away).max()),
            (account.sent["btc"], account.sent["cash"]),
        )


def run(market: Market, policy: Policy) -> Outcome:
    """Let ``policy`` trade in ``market``; deterministic."""
    return Month(market, policy).run()
