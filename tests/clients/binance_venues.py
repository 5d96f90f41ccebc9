"""A sandbox Binance on a free port of this machine, and clients of it."""

from twisted.internet import reactor

from clients.binance import Binance
from sandbox.binance_front import BinanceFront
from sandbox.binance_keys import Key
from sandbox.trading import Rules
from tests.clients.sandbox_venue import SECRET, SandboxVenue
from tests.sandbox.worlds import binance_rules

CONTRACT, SYMBOL = "BTC/USDT", "BTCUSDT"


class SandboxBinance(SandboxVenue):
    """Binance, where cash is USDT."""

    name = "binance"
    contract = CONTRACT
    exchange = Binance

    def rules(self) -> Rules:
        return binance_rules()

    def make_front(self) -> BinanceFront:
        return BinanceFront(self.venue, self.world, [Key("key", SECRET, "pool")], self.faults, reactor)
