"""A sandbox Bitfinex on a free port of this machine."""

from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from twisted.internet import reactor
from twisted.internet.task import Clock

from model.instrument import Instrument
from model.order import Side
from sandbox.bitfinex_front import BitfinexFront
from sandbox.bitfinex_keys import Key
from sandbox.faults import Faults
from sandbox.network import Routes, World
from sandbox.rates import Rates
from sandbox.trading import FeeSchedule, Rules, WithdrawalFee
from sandbox.venue import Venue

CONTRACT, SYMBOL = "BTC/USD", "tBTCUSD"
SECRET = "a sandbox secret that guards nothing at all"


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def rules() -> Rules:
    """A venue like Bitfinex: BTC/USD, 10 / 20 bps out of what is received, crossing post-only orders are cancelled."""
    satoshi = Decimal("0.00000001")
    return Rules(
        {CONTRACT: Instrument(CONTRACT, Decimal("0.1"), satoshi, Decimal("0.00004"))},
        {"BTC": satoshi, "USD": satoshi},
        FeeSchedule(Decimal("0.001"), Decimal("0.002"), satoshi),
        {"BTC": WithdrawalFee(Decimal("0.0001"))},
        fee_from_received=True,
        cancels_crossing=True,
        self_trades=True,
    )


class SandboxBitfinex:
    """``pool`` and ``maker`` have 100,000 USD and 10 BTC each; maker's book is 49,980 and 49,990 to 50,000 and 50,010."""

    def __init__(self) -> None:
        self.venue = Venue("bitfinex", rules(), now)
        elsewhere = Venue("elsewhere", rules(), now)
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
        self.front = BitfinexFront(self.venue, self.world, [Key("key", SECRET, "pool")], self.faults, reactor)
        self.port = 0

    async def open(self) -> None:
        """Listen."""
        self.port = await self.front.listen(self.port)

    def trade(self, side: Side, quantity: Decimal, price: Decimal, user: str = "maker") -> None:
        """Somebody places an order."""
        self.venue.place(user, CONTRACT, side, quantity, price)
