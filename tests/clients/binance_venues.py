"""A sandbox Binance on a free port of this machine, and clients of it."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import Clock

from clients.binance import Binance
from clients.surroundings import Surroundings
from model.order import Side
from sandbox.binance_front import BinanceFront
from sandbox.binance_keys import Key
from sandbox.faults import Faults
from sandbox.network import Routes, World
from sandbox.rates import Rates
from sandbox.venue import Venue
from tests.sandbox.worlds import binance_rules

CONTRACT, SYMBOL = "BTC/USDT", "BTCUSDT"
SECRET = "a sandbox secret that guards nothing at all"


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class SandboxBinance:
    """``pool`` and ``maker`` have 100,000 USDT and 10 BTC each; maker's book is 49,980 and 49,990 to 50,000 and 50,010."""

    def __init__(self) -> None:
        self.venue = Venue("binance", binance_rules(), now)
        elsewhere = Venue("elsewhere", binance_rules(), now)
        self.world = World([self.venue, elsewhere], Clock(), Rates({"USDT": Decimal(1)}, Random(1)), Routes())
        for venue in (self.venue, elsewhere):
            for user in ("pool", "maker"):
                venue.accounts.open(user)
                self.world.fund(venue.name, user, "USDT", Decimal(100_000))
                self.world.fund(venue.name, user, "BTC", Decimal(10))
        for side, price in ((Side.SELL, 50_000), (Side.SELL, 50_010), (Side.BUY, 49_990), (Side.BUY, 49_980)):
            self.trade(side, Decimal("0.5"), Decimal(price))
        self.address = elsewhere.funding.current_address("pool", "BTC")
        self.faults = Faults()
        self.front = BinanceFront(self.venue, self.world, [Key("key", SECRET, "pool")], self.faults, reactor)
        self.port = 0

    async def open(self) -> None:
        """Listen."""
        self.port = await self.front.listen(self.port)

    def trade(self, side: Side, quantity: Decimal, price: Decimal, user: str = "maker") -> None:
        """Somebody places an order."""
        self.venue.place(user, CONTRACT, side, quantity, price)

    def client(self, *, clock: Any = now, **options: Any) -> Binance:
        """A client that is not connected yet; ``clock`` is its wall clock."""
        surroundings = Surroundings(reactor, clock, Random(1))
        key = {"id": "key", "secret": SECRET, "endpoint": f"http://127.0.0.1:{self.port}"} | options
        return Binance(**key, surroundings=surroundings)
