"""A sandbox Kraken on a free port of this machine, and clients of it."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import Clock

from clients.kraken import Kraken
from clients.surroundings import Surroundings
from model.order import Side
from sandbox.faults import Faults
from sandbox.kraken_front import KrakenFront
from sandbox.kraken_keys import Key
from sandbox.network import Routes, World
from sandbox.rates import Rates
from sandbox.venue import Venue
from tests.sandbox.worlds import kraken_rules

CONTRACT = "BTC/USD"
SECRET = base64.b64encode(b"a sandbox secret that guards nothing at all").decode()


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class SandboxKraken:
    """``pool`` and ``maker`` have 100,000 USD and 10 BTC each; maker's book is 49,980 and 49,990 to 50,000 and 50,010."""

    def __init__(self) -> None:
        self.venue = Venue("kraken", kraken_rules(cancels_crossing=True), now)
        elsewhere = Venue("elsewhere", kraken_rules(), now)
        self.world = World([self.venue, elsewhere], Clock(), Rates({"USD": Decimal(1)}, Random(1)), Routes())
        for venue in (self.venue, elsewhere):
            for user in ("pool", "maker"):
                venue.accounts.open(user)
                self.world.fund(venue.name, user, "USD", Decimal(100_000))
                self.world.fund(venue.name, user, "BTC", Decimal(10))
        for side, price in ((Side.SELL, 50_000), (Side.SELL, 50_010), (Side.BUY, 49_990), (Side.BUY, 49_980)):
            self.trade(side, Decimal("0.5"), Decimal(price))
        self.address = elsewhere.funding.current_address("pool", "BTC")
        self.faults = Faults()
        self.front = KrakenFront(self.venue, self.world, [Key("key", SECRET, "pool")], self.faults, reactor)
        self.port = 0

    async def open(self) -> None:
        """Listen."""
        self.port = await self.front.listen(self.port)

    def trade(self, side: Side, quantity: Decimal, price: Decimal, user: str = "maker") -> None:
        """Somebody places an order."""
        self.venue.place(user, CONTRACT, side, quantity, price)

    def client(self, **options: Any) -> Kraken:
        """A client that is not connected yet."""
        surroundings = Surroundings(reactor, now, Random(1))
        key = {"id": "key", "secret": SECRET, "endpoint": f"http://127.0.0.1:{self.port}"} | options
        return Kraken(**key, surroundings=surroundings)
