"""A sandbox Coinbase Exchange on a free port of this machine, and clients of it."""

import base64
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from twisted.internet import reactor
from twisted.internet.task import Clock

from model.instrument import Instrument
from model.order import Side
from sandbox.coinbase_exchange_front import CoinbaseExchangeFront
from sandbox.coinbase_exchange_keys import Key
from sandbox.faults import Faults
from sandbox.network import Routes, World
from sandbox.rates import Rates
from sandbox.trading import FeeSchedule, Rules, WithdrawalFee
from sandbox.venue import Venue

D = Decimal
CONTRACT, PRODUCT = "BTC/USD", "BTC-USD"
SECRET = base64.b64encode(b"a sandbox secret that guards nothing at all").decode()
PASSPHRASE = "a sandbox passphrase"
KEY = Key("key", SECRET, "pool", PASSPHRASE)
#: No order of these tests has it.
UNKNOWN_ORDER = "00000ad3-0000-4000-8000-00003ade68b1"


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def coinbase_exchange_rules() -> Rules:
    """A venue like Coinbase Exchange: BTC/USD, fees 40 / 60 bps in quote, to sixteen digits."""
    return Rules(
        {CONTRACT: Instrument(CONTRACT, D("0.01"), D("0.00000001"), D("0.00000001"), D(1))},
        {"BTC": D("0.00000001"), "USD": D("0.01")},
        FeeSchedule(D("0.004"), D("0.006"), D("1E-16")),
        {"BTC": WithdrawalFee(D("0.0001"))},
    )


class SandboxCoinbaseExchange:
    """``pool`` and ``maker`` have 100,000 USD and 10 BTC each; maker's book is 49,980 and 49,990 to 50,000 and 50,010."""

    def __init__(self) -> None:
        self.venue = Venue("coinbase_exchange", coinbase_exchange_rules(), now)
        elsewhere = Venue("elsewhere", coinbase_exchange_rules(), now)
        self.world = World([self.venue, elsewhere], Clock(), Rates({"USD": D(1)}, Random(1)), Routes())
        for venue in (self.venue, elsewhere):
            for user in ("pool", "maker"):
                venue.accounts.open(user)
                self.world.fund(venue.name, user, "USD", D(100_000))
                self.world.fund(venue.name, user, "BTC", D(10))
        for side, price in ((Side.SELL, 50_000), (Side.SELL, 50_010), (Side.BUY, 49_990), (Side.BUY, 49_980)):
            self.trade(side, D("0.5"), D(price))
        self.address = elsewhere.funding.current_address("pool", "BTC")
        self.faults = Faults()
        self.front = CoinbaseExchangeFront(self.venue, self.world, [KEY], self.faults, reactor)
        self.port = 0

    async def open(self) -> None:
        """Listen."""
        self.port = await self.front.listen(self.port)

    def trade(self, side: Side, quantity: Decimal, price: Decimal, user: str = "maker") -> None:
        """Somebody places an order."""
        self.venue.place(user, CONTRACT, side, quantity, price)
