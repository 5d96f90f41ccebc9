"""A sandbox Bitfinex on a free port of this machine, and clients of it."""

from decimal import Decimal

from twisted.internet import reactor

from clients.bitfinex import Bitfinex
from model.instrument import Instrument
from sandbox.bitfinex_front import BitfinexFront
from sandbox.bitfinex_keys import Key
from sandbox.trading import FeeSchedule, Rules, WithdrawalFee
from tests.clients.sandbox_venue import SECRET, SandboxVenue

CONTRACT, SYMBOL = "BTC/USD", "tBTCUSD"
SATOSHI = Decimal("0.00000001")


class SandboxBitfinex(SandboxVenue):
    """Fees of 10 and 20 bps out of what is received; crossing post-only orders are cancelled."""

    name = "bitfinex"
    exchange = Bitfinex

    def rules(self) -> Rules:
        return Rules(
            {CONTRACT: Instrument(CONTRACT, Decimal("0.1"), SATOSHI, Decimal("0.00004"))},
            {"BTC": SATOSHI, "USD": SATOSHI},
            FeeSchedule(Decimal("0.001"), Decimal("0.002"), SATOSHI),
            {"BTC": WithdrawalFee(Decimal("0.0001"))},
            fee_from_received=True,
            cancels_crossing=True,
            self_trades=True,
        )

    def make_front(self) -> BitfinexFront:
        return BitfinexFront(self.venue, self.world, [Key("key", SECRET, "pool")], self.faults, reactor)
