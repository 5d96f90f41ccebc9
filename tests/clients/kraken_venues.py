"""A sandbox Kraken on a free port of this machine, and clients of it."""

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

from twisted.internet import reactor

from clients.kraken import Kraken
from sandbox.kraken_front import KrakenFront
from sandbox.kraken_keys import Key
from sandbox.trading import Rules
from tests.clients import sandbox_venue
from tests.sandbox.worlds import kraken_rules

CONTRACT = "BTC/USD"
SECRET = base64.b64encode(sandbox_venue.SECRET.encode()).decode()


class SandboxKraken(sandbox_venue.SandboxVenue):
    """Kraken, where a post-only order that would trade is cancelled."""

    name = "kraken"
    key: ClassVar[Mapping[str, Any]] = {"id": "key", "secret": SECRET}
    exchange = Kraken

    def rules(self) -> Rules:
        return kraken_rules(cancels_crossing=True)

    def make_front(self) -> KrakenFront:
        return KrakenFront(self.venue, self.world, [Key("key", SECRET, "pool")], self.faults, reactor)
