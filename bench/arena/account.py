"""A pool's money in the arena, to the last digit, and where every cent of its profit came from."""

from decimal import Decimal, localcontext

from attrs import asdict, define, field, frozen

from bench.arena.market import Market
from model.money import EXACT, ZERO, floor_to
from model.order import Side
from model.transfer import Place
from optimizer.evaluate import Plan, walk
from optimizer.pool import Balances

CENT = Decimal("0.01")
#: What each of the four balances is worth at the start, in source currency, which is the ideal too.
SHARE = Decimal(100_000)


@define
class Parts:
    """What profit is made of, in source currency at mid prices; costs are positive. BTC as counted below."""

    edge: Decimal = ZERO
    source_fee: Decimal = ZERO
    target_fee: Decimal = ZERO
    slippage: Decimal = ZERO
    transfers: Decimal = ZERO
    revaluation: Decimal = ZERO

    @property
    def pnl(self) -> Decimal:
        """The profit that the parts explain."""
        return self.edge - self.source_fee - self.target_fee - self.slippage - self.transfers + self.revaluation


@frozen
class Arrival:
    """Money on the way: ``quantity`` reaches the ``place`` at ``minute``, coins or cash."""

    minute: int
    place: Place
    is_btc: bool
    quantity: Decimal


class Overdrawn(Exception):
    """A policy wants to spend what it has not got: a mistake in the arena, no market event."""


@define
class Account:
    """Four balances and what is on the way between them. Each change happens at a minute, none earlier than the one before."""

    market: Market
    first: Balances = field(init=False)
    there: Balances = field(init=False)
    on_the_way: tuple[Arrival, ...] = ()
    parts: Parts = field(factory=Parts)
    traded: Decimal = ZERO
    sent: dict[str, int] = field(factory=lambda: {"btc": 0, "cash": 0})
    _minute: int = 0

    def __attrs_post_init__(self) -> None:
        btc = floor_to(SHARE / self.market.mid[0], Decimal("0.0001"))
        self.first = self.there = Balances(SHARE, btc, floor_to(SHARE / self.market.rate(0), Decimal(1)), btc)

    def totals(self) -> tuple[Decimal, Decimal, Decimal]:
        """Source cash, BTC and target cash, wherever they are."""
        source_cash, btc, target_cash = self.there.source_cash, self.there.btc, self.there.target_cash
        for arrival in self.on_the_way:
            if arrival.is_btc:
                btc += arrival.quantity
            elif arrival.place == "source":
                source_cash += arrival.quantity
            else:
                target_cash += arrival.quantity
        return source_cash, btc, target_cash

    def pnl(self, minute: int) -> Decimal:
        """What the pool is worth more than its first basket would be, at mid prices, what is on the way included."""
        with localcontext(EXACT):
            source_cash, btc, target_cash = self.totals()
            first, market = self.first, self.market
            return (
                source_cash
                - first.source_cash
                + (btc - first.btc) * market.mid[minute]
                + (target_cash - first.target_cash) * market.rate(minute)
            )

    def revalue(self, minute: int) -> None:
        """Count what the prices have done since the last change to what differs from the first basket."""
        with localcontext(EXACT):
            _, btc, target_cash = self.totals()
            market = self.market
            self.parts.revaluation += (btc - self.first.btc) * (market.mid[minute] - market.mid[self._minute])
            self.parts.revaluation += (target_cash - self.first.target_cash) * (market.rate(minute) - market.rate(self._minute))
            self._minute = minute

    def land(self, minute: int) -> bool:
        """Take in what has arrived; whether anything has."""
        due = [arrival for arrival in self.on_the_way if arrival.minute <= minute]
        if due:
            self.on_the_way = tuple(arrival for arrival in self.on_the_way if arrival.minute > minute)
            for arrival in due:
                self._add(**{f"{arrival.place}_{'btc' if arrival.is_btc else 'cash'}": arrival.quantity})
        return bool(due)

    def fillable(self, side: Side, price: Decimal) -> Decimal:
        """How much a quote of ours on the target could trade at ``price``, its fee paid."""
        if side is Side.SELL:
            return self.there.target_btc
        return self.there.target_cash / (price * (1 + self.market.costs.target_fee))

    def fill(self, minute: int, side: Side, quantity: Decimal, price: Decimal) -> None:
        """A quote of ours traded."""
        self.revalue(minute)
        with localcontext(EXACT):
            rate, fee = self.market.rate(minute), quantity * price * self.market.costs.target_fee
            self._add(target_btc=side.sign * quantity, target_cash=-side.sign * quantity * price - fee)
            self.parts.edge += side.sign * quantity * (self.market.mid[minute] - price * rate)
            self.parts.target_fee += fee * rate
            self.traded += quantity

    def do(self, minute: int, plan: Plan) -> None:
        """Trade at the source and send, all at once.

        :raises Overdrawn: if a balance does not allow it.
        """
        self.revalue(minute)
        with localcontext(EXACT):
            if plan.trade:
                self._trade(minute, plan.trade)
            if plan.btc:
                self._send_btc(minute, plan.btc)
            if plan.cash_out or plan.cash_back:
                self._send_cash(minute, plan)

    def _trade(self, minute: int, trade: Decimal) -> None:
        book, sign = self.market.source_book(minute), 1 if trade > 0 else -1
        value, unserved = walk(book.asks if sign > 0 else book.bids, abs(trade))
        done = abs(trade) - unserved
        fee = value * self.market.costs.source_fee
        self._add(source_cash=-sign * value - fee, source_btc=sign * done)
        self.parts.slippage += sign * (value - done * self.market.mid[minute])
        self.parts.source_fee += fee

    def _send_btc(self, minute: int, quantity: Decimal) -> None:
        fee = self.market.costs.btc_fee
        origin: Place = "source" if quantity > 0 else "target"
        self._leave(origin, "btc", abs(quantity))
        self._expect(
            Arrival(minute + self.market.costs.btc_minutes, _other(origin), True, max(ZERO, abs(quantity) - fee)),
        )
        self.parts.transfers += min(fee, abs(quantity)) * self.market.mid[minute]

    def _send_cash(self, minute: int, plan: Plan) -> None:
        """The rate is that of the moment it leaves; the fixed cost is taken from what arrives."""
        bank, market = self.market.costs.bank, self.market
        origin: Place = "source" if plan.cash_out else "target"
        sent = plan.cash_out or plan.cash_back
        kept = sent * (1 - bank.proportional)
        if origin == "source":
            arrives, worth = (kept - bank.fixed) / market.rate_ask[minute], market.rate(minute)
        else:
            arrives, worth = kept * market.rate_bid[minute] - bank.fixed, Decimal(1)
        arrives = max(ZERO, floor_to(arrives, CENT))
        self._leave(origin, "cash", sent)
        self._expect(Arrival(market.bank_arrival(minute), _other(origin), False, arrives))
        self.parts.transfers += sent * (1 if origin == "source" else market.rate(minute)) - arrives * worth

    def _leave(self, origin: Place, what: str, quantity: Decimal) -> None:
        self._add(**{f"{origin}_{what}": -quantity})
        self.sent[what] += 1

    def _expect(self, arrival: Arrival) -> None:
        self.on_the_way = (*self.on_the_way, arrival)

    def _add(self, **changes: Decimal) -> None:
        there = self.there.plus(**changes)
        short = [name for name, balance in asdict(there).items() if balance < 0]
        if short:
            raise Overdrawn(f"{', '.join(short)}: {changes} is more than {self.there} allows")
        self.there = there


def _other(place: Place) -> Place:
    return "target" if place == "source" else "source"
