"""The sandbox's Sputnik on a loopback port with an account for us and one for the rest of the world, and a client of it."""

from decimal import Decimal
from random import Random
from typing import Any

from attrs import define
from twisted.internet import reactor

from clients.sputnik import Sputnik
from clients.surroundings import Surroundings, utc_now
from model.instrument import Instrument
from model.order import Side
from sandbox.faults import Faults
from sandbox.sputnik_feeds import Pace
from sandbox.sputnik_front import SputnikFront
from sandbox.sputnik_server import SputnikOptions
from sandbox.trading import FeeSchedule, Rules
from sandbox.venue import Venue

USERS = {"ilp_target": "ilp", "marketmaker": "mm"}
QUICK = {"doubt": "0.05", "call_timeout": "2", "ping_interval": "0.2", "silence": "1"}
PAIR = "BTC/HUF"


def make_venue() -> Venue:
    """BTC/HUF with 1 % fees as in the transcripts; both users are rich, and the market maker quotes both sides."""
    rules = Rules(
        instruments={PAIR: Instrument(PAIR, Decimal(1), Decimal("0.01"))},
        currencies={"BTC": Decimal("0.00000001"), "HUF": Decimal("0.01"), "USD": Decimal("0.0001")},
        fees=FeeSchedule(Decimal("0.01"), Decimal("0.01"), Decimal("0.01")),
        value_step=Decimal("0.01"),
        holds_original=True,
        self_trades=True,
        returns_fee=False,
    )
    venue = Venue("sputnik", rules, utc_now)
    for user in USERS:
        venue.accounts.open(user)
        venue.accounts.post(user, "HUF", Decimal(10_000_000), "Transfer", timestamp=venue.timestamp())
        venue.accounts.post(user, "BTC", Decimal(100), "Transfer", timestamp=venue.timestamp())
    venue.place("marketmaker", PAIR, Side.BUY, Decimal("0.50"), Decimal(59_000))
    venue.place("marketmaker", PAIR, Side.SELL, Decimal("0.01"), Decimal(60_000))
    venue.place("marketmaker", PAIR, Side.SELL, Decimal("0.50"), Decimal(60_500))
    return venue


@define
class World:
    """A running front; make clients of it with :meth:`client`."""

    venue: Venue
    front: SputnikFront
    faults: Faults
    port: int = 0

    @classmethod
    async def start(cls) -> "World":
        """Open it on a free port."""
        venue, faults = make_venue(), Faults()
        front = SputnikFront(venue, USERS, faults, reactor, utc_now, SputnikOptions(pace=Pace().scaled(0.2)))
        world = cls(venue, front, faults)
        world.port = await front.listen()
        return world

    def client(self, secret: str = "ilp", **options: Any) -> Sputnik:
        """A client that is not connected yet, in a hurry unless ``options`` say otherwise."""
        around = Surroundings(reactor, random=Random(1))
        return Sputnik("ilp_target", secret, f"ws://127.0.0.1:{self.port}/ws", surroundings=around, options={**QUICK, **options})

    def take(self, side: Side, quantity: str, price: str) -> None:
        """The rest of the world trades."""
        self.venue.place("marketmaker", PAIR, side, Decimal(quantity), Decimal(price))
