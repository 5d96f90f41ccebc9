"""What happens in the world while nobody of ours does anything: prices, makers, traders, customers, fiat rates.

Everything is drawn from one seed: the same seed and the same steps of time give the same market.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from random import Random

from attrs import frozen

from model.money import floor_to
from sandbox.crowd import Crowd, Habits
from sandbox.makers import Ladder, Maker
from sandbox.network import World
from sandbox.prices import Price, converted
from sandbox.venue import Venue

#: Much more than anybody needs, so that the crowd never runs dry.
_PLENTY: Mapping[str, Decimal] = {"BTC": Decimal(100_000)}
_PLENTY_OF_CASH = Decimal(10**12)
_PEOPLE = 5

_SOURCE_LADDER = Ladder(25, Decimal("0.00003"), Decimal("0.00006"), 0.3)
_RIVAL_STEP = Decimal("0.001")
_FIAT_LADDER = Ladder(10, Decimal("0.0001"), Decimal("0.0001"), 20_000.0)


@frozen
class Market:
    """How lively it is. ``rival_spread``: how far (share) the target's other maker stays from fair on either side."""

    customers_per_day: float = 3_000.0
    trades_per_day: float = 5_000.0
    rival_spread: Decimal = Decimal("0.008")


class Scenario:
    """Order flow at a source (``source_contract``, e.g. BTC/USD) and a target (BTC/HUF), around one fair ``price``.

    Other contracts of the source whose two currencies have a rate (GBP/USD) get a maker at that rate.
    """

    def __init__(
        self, world: World, source: Venue, target: Venue, price: Price, random: Random, market: Market | None = None
    ) -> None:
        self._world = world
        self._source = source
        self._target = target
        self._price = price
        self._random = random
        self._market = market or Market()
        self._source_contract, *others = source.rules.instruments
        (self._target_contract,) = target.rules.instruments
        self._makers: list[tuple[Maker, Callable[[], Decimal]]] = []
        self._crowds: list[Crowd] = []
        self._fiat_contracts = others

    def start(self) -> None:
        """Give everybody money, write the past, and post the first books."""
        rival = Ladder(8, self._market.rival_spread, _RIVAL_STEP, 0.3)
        self._add_maker(self._source, self._source_contract, _SOURCE_LADDER, self.fair)
        self._add_maker(self._target, self._target_contract, rival, self.fair_at_target)
        for contract in self._fiat_contracts:
            self._add_maker(self._source, contract, _FIAT_LADDER, partial(self._rate, *contract.split("/")))
        market = self._market
        # Traders at the source care little about a price: they take what is there, mostly.
        traders = Habits(market.trades_per_day, 0.02, 1.2, premium=0.002, premium_scatter=0.001, takers=0.95)
        customers = Habits(market.customers_per_day, 0.02)
        self._add_crowd(self._source, self._source_contract, "trader", traders, self.fair)
        self._add_crowd(self._target, self._target_contract, "customer", customers, self.fair_at_target)
        self._write_past()
        self.advance(0.0)

    def fair(self) -> Decimal:
        """The fair price at the source."""
        return self._price.now

    def fair_at_target(self) -> Decimal:
        """The fair price in the target's currency."""
        return self._price.now * self._rate(self._quote(self._source_contract), self._quote(self._target_contract))

    def passer_by(self, venue: Venue) -> str:
        """Somebody with money at ``venue`` who trades by nobody's rules."""
        name = "passer-by"
        if name not in venue.accounts.users():
            self._open(venue, name)
        return name

    def advance(self, seconds: float) -> None:
        """Let world time pass."""
        self._price.advance(seconds)
        self._world.rates.advance(seconds)
        with self._source.together(), self._target.together():
            for maker, fair in self._makers:
                maker.follow(fair())
        for crowd in self._crowds:
            crowd.advance(seconds)

    def _rate(self, origin: str, to: str) -> Decimal:
        return self._world.rates.rate(origin, to)

    def _quote(self, contract: str) -> str:
        return contract.partition("/")[2]

    def _add_maker(self, venue: Venue, contract: str, ladder: Ladder, fair: Callable[[], Decimal]) -> None:
        user = f"maker of {contract}"
        self._open(venue, user)
        self._makers.append((Maker(venue, user, contract, ladder, self._child()), fair))

    def _add_crowd(self, venue: Venue, contract: str, name: str, habits: Habits, fair: Callable[[], Decimal]) -> None:
        users = [f"{name}-{number}" for number in range(1, _PEOPLE + 1)]
        for user in users:
            self._open(venue, user)
        self._crowds.append(Crowd(venue, contract, users, habits, fair, self._child()))

    def _open(self, venue: Venue, user: str) -> None:
        venue.accounts.open(user, remembers=False)
        for ticker in venue.rules.currencies:
            self._world.fund(venue.name, user, ticker, _PLENTY.get(ticker, _PLENTY_OF_CASH))

    def _child(self) -> Random:
        # Each its own dice: one more customer does not change what all makers do from then on.
        return Random(self._random.random())  # noqa: S311 - dice, not secrets

    def _write_past(self) -> None:
        now = self._source.timestamp() // 1_000_000
        tick = self._source.instrument(self._source_contract).tick
        past = self._price.past(now, tick)
        self._source.histories[self._source_contract].load(past)
        target_tick = self._target.instrument(self._target_contract).tick
        rate = self._rate(self._quote(self._source_contract), self._quote(self._target_contract))
        self._target.histories[self._target_contract].load(converted(past, rate, target_tick))
        for contract in self._fiat_contracts:
            price = floor_to(self._rate(*contract.split("/")), self._source.instrument(contract).tick)
            self._source.histories[contract].record(price, Decimal(1), self._source.timestamp())
