"""A sandbox Bitstamp on a free port of this machine."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from twisted.internet import reactor
from twisted.internet.task import Clock

from model.order import Side
from sandbox.bitstamp_front import BitstampFront
from sandbox.bitstamp_keys import Key
from sandbox.faults import Faults
from sandbox.network import Routes, World
from sandbox.rates import Rates
from sandbox.venue import Venue
from tests.sandbox.worlds import bitstamp_rules

CONTRACT, MARKET = "BTC/USD", "btcusd"
SECRET = "a sandbox secret that guards nothing at all"


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class SandboxBitstamp:
    """``pool`` and ``maker`` have 100,000 USD and 10 BTC each; maker's book is 49,980 and 49,990 to 50,000 and 50,010."""

    def __init__(self) -> None:
        self.venue = Venue("bitstamp", bitstamp_rules(), now)
        elsewhere = Venue("elsewhere", bitstamp_rules(), now)
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
        self.front = BitstampFront(self.venue, self.world, [Key("key", SECRET, "pool")], self.faults, reactor)
        self.port = 0

    async def open(self) -> None:
        """Listen."""
        self.port = await self.front.listen(self.port)

    def trade(self, side: Side, quantity: Decimal, price: Decimal, user: str = "maker") -> None:
        """Somebody places an order."""
        self.venue.place(user, CONTRACT, side, quantity, price)
