"""The whole sandbox as one thing to start and stop: venues, world, scenario, fronts, control face."""

import base64
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from model.instrument import Instrument
from sandbox.control import Control
from sandbox.door import Door
from sandbox.ecb_front import EcbFront
from sandbox.faults import Faults
from sandbox.kraken_front import KrakenFront
from sandbox.kraken_keys import Key
from sandbox.network import Routes, World
from sandbox.options import SandboxOptions, parse_options
from sandbox.prices import Price, RandomWalk, Replay
from sandbox.rates import Rates
from sandbox.scenario import Market, Scenario
from sandbox.sputnik_front import SputnikFront
from sandbox.trading import FeeSchedule, Rules, WithdrawalFee
from sandbox.venue import Venue
from sandbox.world_clock import WorldClock

#: The pool's name at both venues, and what it proves itself with. They guard play money on a loopback port.
USER = "pool"
KRAKEN_KEY = "sandbox-kraken-key"
KRAKEN_SECRET = base64.b64encode(b"play money needs no secret, but the wire needs one").decode()
SPUTNIK_PASSWORD = "play-money"  # noqa: S105

SOURCE, TARGET = "kraken", "sputnik"
_SATOSHI = Decimal("0.00000001")


class Front(Protocol):
    """A wire in front of something, on one port."""

    def listen(self, port: int) -> "Deferred[int]":
        """Open the port (0: any free one)."""

    def stop(self) -> "Deferred[None]":
        """Close it and all connections."""


class Sandbox:
    """A source (Kraken), a target (Sputnik), reference rates (ECB) and a control face, all on loopback ports.

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
        source, target = Venue(SOURCE, source_rules(chosen), now), Venue(TARGET, target_rules(chosen), now)
        rates = Rates(chosen.rates, Random(dice.random()), chosen.fiat_volatility)  # noqa: S311
        self.world = World([source, target], self.clock.clock, rates, _routes(chosen))
        market = Market(chosen.customers_per_day, chosen.trades_per_day, chosen.rival_spread)
        self.scenario = Scenario(self.world, source, target, _price(chosen, dice), dice, market)
        self._control = Control(self.world, self.faults, self.clock, self)
        key = Key(KRAKEN_KEY, KRAKEN_SECRET, USER)
        self._fronts: dict[str, Front] = {
            SOURCE: KrakenFront(source, self.world, [key], self.faults, reactor, limits=chosen.source_limits),
            TARGET: SputnikFront(target, {USER: SPUTNIK_PASSWORD}, self.faults, reactor, now),
            "ecb": EcbFront(rates, self.faults, reactor, now),
            "control": Door(self._control.app.resource(), reactor),
        }
        self._ports: dict[str, int] = {}

    @property
    def endpoints(self) -> Mapping[str, str]:
        """Where everything is, once started: kraken, kraken_ws, sputnik, ecb, control."""
        forms = {
            "kraken": ("http", SOURCE, ""),
            "kraken_ws": ("ws", SOURCE, "/v2"),
            "sputnik": ("ws", TARGET, "/ws"),
            "ecb": ("http", "ecb", ""),
            "control": ("http", "control", ""),
        }
        return {name: f"{scheme}://127.0.0.1:{self._ports[front]}{path}" for name, (scheme, front, path) in forms.items()}

    @property
    def credentials(self) -> Mapping[str, tuple[str, str]]:
        """The pool's own (id, secret) at each venue."""
        return {"kraken": (KRAKEN_KEY, KRAKEN_SECRET), "sputnik": (USER, SPUTNIK_PASSWORD)}

    def start(self) -> "Deferred[None]":
        """Make the world, open the ports, let time pass. Fails with CannotListenError if a port is taken."""
        return Deferred.fromCoroutine(self._start())

    def stop(self) -> "Deferred[None]":
        """Stop time and close all ports and connections. A repeat is safe."""
        return Deferred.fromCoroutine(self._stop())

    def restart(self, venue: str, *, cancel_orders: bool) -> "Deferred[None]":
        """Close a venue's front and open it again on its port; ``cancel_orders`` empties its book first."""
        return Deferred.fromCoroutine(self._restart(venue, cancel_orders))

    async def _start(self) -> None:
        balances = {SOURCE: self.options.source_balance, TARGET: self.options.target_balance}
        for venue, balance in balances.items():
            self.world.venues[venue].accounts.open(USER)
            for ticker, amount in balance.items():
                if amount:
                    self.world.fund(venue, USER, ticker, amount)
        self.scenario.start()
        self.clock.each_step(self.scenario.advance)
        options = self.options
        wanted = {SOURCE: options.kraken_port, TARGET: options.sputnik_port}
        wanted |= {"ecb": options.ecb_port, "control": options.control_port}
        try:
            for name, front in self._fronts.items():
                self._ports[name] = await front.listen(wanted[name])
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


def source_rules(options: SandboxOptions) -> Rules:
    """Kraken's: fees to five digits, no self-trades, crossing post-only orders are cancelled."""
    contract, (maker, taker) = f"BTC/{options.source_currency}", options.source_fees
    main = Instrument(contract, options.source_tick, _SATOSHI, Decimal("0.0001"), Decimal("0.5"))
    pairs = [Instrument(pair, Decimal("0.00001"), _SATOSHI, Decimal(5), Decimal("0.5")) for pair in options.extra_pairs]
    instruments = {instrument.contract: instrument for instrument in (main, *pairs)}
    cash = {ticker for instrument in instruments.values() for ticker in (instrument.base, instrument.quote)} - {"BTC"}
    currencies = {"BTC": _SATOSHI} | {ticker: Decimal("0.0001") for ticker in sorted(cash)}
    btc_fee = {"BTC": WithdrawalFee(options.btc_fee)}
    return Rules(instruments, currencies, FeeSchedule(maker, taker), btc_fee, cancels_crossing=True)


def target_rules(options: SandboxOptions) -> Rules:
    """A Sputnik's: everything in whole wire units, one fee for both sides, self-trades, whole orders reserved."""
    contract, unit = f"BTC/{options.target_currency}", Decimal("0.01")
    instrument = Instrument(contract, options.target_tick, options.target_lot, options.target_lot)
    return Rules(
        {contract: instrument},
        {"BTC": _SATOSHI, options.target_currency: unit},
        FeeSchedule(options.target_fee, options.target_fee, unit),
        {"BTC": WithdrawalFee(options.btc_fee)},
        value_step=unit,
        holds_original=True,
        self_trades=True,
        returns_fee=False,
    )


def _routes(options: SandboxOptions) -> Routes:
    fixed, share = options.fiat_cost
    return Routes(options.btc_delay, options.fiat_delay, options.approval, fixed, share, options.source_currency)


def _price(options: SandboxOptions, dice: Random) -> Price:
    if options.candles:
        return Replay(options.candles, options.candles_start)
    return RandomWalk(options.price, options.volatility, Random(dice.random()))  # noqa: S311 - dice, not secrets
