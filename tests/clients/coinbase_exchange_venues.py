"""A sandbox Coinbase Exchange on a free port of this machine, and clients of it."""

import base64
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from twisted.internet import reactor

from clients.coinbase_exchange import CoinbaseExchange
from model.instrument import Instrument
from sandbox.coinbase_exchange_front import CoinbaseExchangeFront
from sandbox.coinbase_exchange_keys import Key
from sandbox.trading import FeeSchedule, Rules, WithdrawalFee
from tests.clients.sandbox_venue import SandboxVenue

D = Decimal
CONTRACT, PRODUCT = "BTC/USD", "BTC-USD"
SECRET = base64.b64encode(b"a sandbox secret that guards nothing at all").decode()
PASSPHRASE = "a sandbox passphrase"
KEY = Key("key", SECRET, "pool", PASSPHRASE)
#: No order of these tests has it.
UNKNOWN_ORDER = "00000ad3-0000-4000-8000-00003ade68b1"


class SandboxCoinbaseExchange(SandboxVenue):
    """Fees are 40 / 60 bps in quote, to sixteen digits; a key has a passphrase besides."""

    name = "coinbase_exchange"
    key: ClassVar[Mapping[str, Any]] = {"id": "key", "secret": SECRET, "options": {"passphrase": PASSPHRASE}}
    exchange = CoinbaseExchange

    def rules(self) -> Rules:
        return Rules(
            {CONTRACT: Instrument(CONTRACT, D("0.01"), D("0.00000001"), D("0.00000001"), D(1))},
            {"BTC": D("0.00000001"), "USD": D("0.01")},
            FeeSchedule(D("0.004"), D("0.006"), D("1E-16")),
            {"BTC": WithdrawalFee(D("0.0001"))},
        )

    def make_front(self) -> CoinbaseExchangeFront:
        return CoinbaseExchangeFront(self.venue, self.world, [KEY], self.faults, reactor)
