"""The whole sandbox as one thing to start and stop: venues, world, scenario, fronts, control face."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from sandbox.control import Control
from sandbox.door import Door
from sandbox.ecb_front import EcbFront
from sandbox.faults import Faults, Kind
from sandbox.fronts import KINDS, SPUTNIK_PASSWORD, USER, Around, Front, source_rules, target_rules
from sandbox.network import Routes, World
from sandbox.options import SandboxOptions, parse_options
from sandbox.prices import Price, RandomWalk, Replay
from sandbox.rates import Rates
from sandbox.scenario import Market, Scenario
from sandbox.trading import VenueOrder
from sandbox.venue import Venue
from sandbox.world_clock import VenueClock, WorldClock

__all__ = ["SPUTNIK_PASSWORD", "USER", "Sandbox", "source_rules", "target_rules"]


class Sandbox:
    """A source (Kraken) and a target (Sputnik), unless the options choose others, reference rates (ECB), a control face.

    All are on loopback ports.

    :param options: the ``[sandbox]`` section, raw.
    :param reactor: sockets and wall time.
    :param now: the aware wall clock, which the venues stamp with.
    :raises sandbox.options.BadOptions: with every problem of the section.
    """

    log = Logger()

    def __init__(self, options: Mapping[str, str], reactor: Any, now: Callable[[], datetime]) -> None:
        chosen = self.options = parse_options(options)
        dice = Random(chosen.seed)  # noqa: S311 - dice, not secrets
        self.faults = Faults(Random(dice.random()))  # noqa: S311
        self.clock = WorldClock(reactor, chosen.speed, is_paused=chosen.is_paused)
        self.venue_clocks = {name: VenueClock(now) for name in (chosen.source_front, chosen.target_front)}
        source = Venue(chosen.source_front, source_rules(chosen), self.venue_clocks[chosen.source_front])
        target = Venue(chosen.target_front, target_rules(chosen), self.venue_clocks[chosen.target_front])
        rates = Rates(chosen.rates, Random(dice.random()), chosen.fiat_volatility)  # noqa: S311
        self.world = World([source, target], self.clock.clock, rates, _routes(chosen))
        market = Market(chosen.customers_per_day, chosen.trades_per_day, chosen.rival_spread)
        self.scenario = Scenario(self.world, source, target, _price(chosen, dice), dice, market)
        self._control = Control(self.world, self.faults, self.clock, self)
        self._fronts: dict[str, Front] = {
            **{venue.name: self._front(venue, reactor) for venue in (source, target)},
            "ecb": EcbFront(rates, self.faults, reactor, now),
            "control": Door(self._control.app.resource(), reactor),
        }
        self._ports: dict[str, int] = {}

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Where everything is, once started: the venues' by their names (kraken, kraken_ws, sputnik), ecb, control."""
        found = {}
        for venue in self.world.venues:
            for name, (scheme, path) in KINDS[venue].endpoints.items():
                found[name] = f"{scheme}://127.0.0.1:{self._ports[venue]}{path}"
        return found | {name: f"http://127.0.0.1:{self._ports[name]}" for name in ("ecb", "control")}

    @property
    def credentials(self) -> Mapping[str, tuple[str, str]]:
        """The pool's own (id, secret) at each venue."""
        return {venue: KINDS[venue].login for venue in self.world.venues}

    def _front(self, venue: Venue, reactor: Any) -> Front:
        venue.cancelling = partial(self._race, venue)
        around = Around(self.world, self.faults, reactor, self.venue_clocks[venue.name], self.options.source_limits)
        return KINDS[venue.name].front(venue, around)

    def _race(self, venue: Venue, order: VenueOrder) -> None:
        """Somebody takes an order that is about to be cancelled, if a fault says so."""
        if not (order.is_open and venue.accounts.of(order.user).remembers):
            return
        fault = self.faults.decide(venue.name, "cancel", Kind.FILL_FIRST)
        if fault is not None:
            self.take(venue.name, order.id, Decimal(1) if fault.text == "all" else Decimal("0.5"))

    def start(self) -> "Deferred[None]":
        """Make the world, open the ports, let time pass. Fails with CannotListenError if a port is taken."""
        return Deferred.fromCoroutine(self._start())

    def stop(self) -> "Deferred[None]":
        """Stop time and close all ports and connections. A repeat is safe."""
        return Deferred.fromCoroutine(self._stop())

    def set_clock(self, venue: str, skew: float) -> None:
        """Let a venue's clock be wrong by ``skew`` seconds from now on; 0: right again."""
        self.venue_clocks[venue].skew = skew

    def take(self, venue: str, order_id: int, share: Decimal) -> VenueOrder:
        """Let somebody take ``share`` of what is left of an order (:meth:`sandbox.venue.Venue.take`)."""
        place = self.world.venues[venue]
        return place.take(self.scenario.passer_by(place), order_id, share)

    def restart(self, venue: str, *, cancel_orders: bool) -> "Deferred[None]":
        """Close a venue's front and open it again on its port; ``cancel_orders`` empties its book first."""
        return Deferred.fromCoroutine(self._restart(venue, cancel_orders))

    async def _start(self) -> None:
        chosen = self.options
        balances = {chosen.source_front: chosen.source_balance, chosen.target_front: chosen.target_balance}
        for venue, balance in balances.items():
            self.world.venues[venue].accounts.open(USER)
            for ticker, amount in balance.items():
                if amount:
                    self.world.fund(venue, USER, ticker, amount)
        self.scenario.start()
        self.clock.each_step(self.scenario.advance)
        ports = {
            "kraken": chosen.kraken_port,
            "binance": chosen.binance_port,
            "coinbase_exchange": chosen.coinbase_exchange_port,
            "gemini": chosen.gemini_port,
            "bitstamp": chosen.bitstamp_port,
            "bitfinex": chosen.bitfinex_port,
            "sputnik": chosen.sputnik_port,
            "ecb": chosen.ecb_port,
            "control": chosen.control_port,
        }
        try:
            for name, front in self._fronts.items():
                self._ports[name] = await front.listen(ports[name])
        except BaseException:
            await self._stop()
            raise
        self.clock.start()
        for name, endpoint in self.endpoints.items():
            self.log.info("sandbox: {name} at {endpoint}", name=name, endpoint=endpoint)

    async def _stop(self) -> None:
        self.clock.stop()
        for front in self._fronts.values():
            await front.stop()

    async def _restart(self, venue: str, cancel_orders: bool) -> None:
        front = self._fronts[venue]
        await front.stop()
        if cancel_orders:
            self.world.venues[venue].cancel_all(reason="Market restarted")
        await front.listen(self._ports[venue])


def _routes(options: SandboxOptions) -> Routes:
    fixed, share = options.fiat_cost
    return Routes(options.btc_delay, options.fiat_delay, options.approval, fixed, share, options.source_currency)


def _price(options: SandboxOptions, dice: Random) -> Price:
    if options.candles:
        return Replay(options.candles, options.candles_start)
    return RandomWalk(options.price, options.volatility, Random(dice.random()))  # noqa: S311 - dice, not secrets
