"""What every competitor is: it sees a :class:`View` now and then, and answers with a :class:`Move`."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Protocol

from attrs import field, frozen

from bench.arena.account import Arrival
from bench.arena.market import Costs
from model.book import Book, Level
from model.money import ZERO
from model.order import Fill, Side
from model.settings import Settings
from optimizer.evaluate import NOTHING, Plan
from optimizer.pool import Balances

#: Prices in the arena have this many digits: a tick for decisions is a cent, but a quote follows fair between decisions.
GRAIN = Decimal("0.000001")
#: The step of every quantity.
LOT = Decimal("0.00001")


@frozen
class View:
    """What a pool knows at ``minute``: the market now, its money, the fills that it has not heard of before.

    ``closes`` are the source's mids of the minutes since the last view, the newest last; ``rivals`` what others bid and ask
    on the target.
    """

    minute: int
    source: Book
    rate_bid: Decimal
    rate_ask: Decimal
    rivals: Mapping[Side, Decimal]
    balances: Balances
    on_the_way: tuple[Arrival, ...]
    fills: tuple[Fill, ...]
    closes: Sequence[Decimal]

    @property
    def rate(self) -> Decimal:
        """The middle of the rate."""
        return (self.rate_bid + self.rate_ask) / 2

    @property
    def mid(self) -> Decimal:
        """The source's."""
        return self.closes[-1]

    @property
    def fair(self) -> Decimal:
        """BTC in target currency."""
        return self.mid / self.rate

    def affordable(self, trade: Decimal, costs: Costs) -> Decimal:
        """What of a ``trade`` at the source the balance there and the book allow; buying is positive."""
        if trade <= 0:
            depth = sum((level.quantity for level in self.source.bids), ZERO)
            return -min(-trade, self.balances.source_btc, depth)
        rest, found = self.balances.source_cash, ZERO
        for price, offered in self.source.asks:
            cost = price * (1 + costs.source_fee)
            taken = min(offered, trade - found, rest / cost)
            found += taken
            rest -= taken * cost
        return found.quantize(LOT, ROUND_FLOOR)


@frozen
class Offer:
    """A quote that follows the source: its price is ``ratio * mid / rate``; ``rate`` None is the rate of the moment."""

    ratio: Decimal
    quantity: Decimal
    rate: Decimal | None = None

    @classmethod
    def at(cls, price: Decimal, quantity: Decimal, view: View) -> "Offer":
        """The quote that costs ``price`` (target currency per BTC) now and keeps its distance from fair."""
        return cls(price / view.fair, quantity)

    def price(self, side: Side, mid: Decimal, rate: Decimal) -> Decimal:
        """In target currency per BTC, rounded away from the other side."""
        rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
        return (self.ratio * mid / (self.rate or rate)).quantize(GRAIN, rounding)


@frozen
class Move:
    """What to do now, the quotes from now on, and after how many minutes to look again if nothing happens before."""

    offers: Mapping[Side, Offer] = field(factory=dict)
    plan: Plan = NOTHING
    again_in: int = 60


class Policy(Protocol):
    """A competitor in one month. It is asked at the start, when fills are heard of, when money arrives, when the rival moves,
    and when it wanted to be."""

    def act(self, view: View) -> Move:
        """What to do."""
        ...


class Rule(Protocol):
    """Makes a fresh competitor for one month: ``settings`` are the sandbox's, with the costs and the size of this market."""

    def __call__(self, settings: Settings, costs: Costs) -> Policy:
        """One that remembers nothing yet."""
        ...


def rival_book(view: View) -> Book:
    """The target's book without us: one deep level a side."""
    levels = {side: (Level(price, Decimal(100)),) for side, price in view.rivals.items()}
    return Book("BTC/GBP", levels.get(Side.BUY, ()), levels.get(Side.SELL, ()), view.minute)
