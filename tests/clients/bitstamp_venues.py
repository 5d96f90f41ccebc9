"""A sandbox Bitstamp on a free port of this machine, and clients of it."""

from twisted.internet import reactor

from clients.bitstamp import Bitstamp
from sandbox.bitstamp_front import BitstampFront
from sandbox.bitstamp_keys import Key
from sandbox.trading import Rules
from tests.clients.sandbox_venue import SECRET, SandboxVenue
from tests.sandbox.worlds import bitstamp_rules

CONTRACT, MARKET = "BTC/USD", "btcusd"


class SandboxBitstamp(SandboxVenue):
    """Bitstamp, where prices are whole dollars."""

    name = "bitstamp"
    contract = CONTRACT
    exchange = Bitstamp

    def rules(self) -> Rules:
        return bitstamp_rules()

    def make_front(self) -> BitstampFront:
        return BitstampFront(self.venue, self.world, [Key("key", SECRET, "pool")], self.faults, reactor)
