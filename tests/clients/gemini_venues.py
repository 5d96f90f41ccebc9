"""A sandbox Gemini on a free port of this machine, and clients of it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from twisted.internet import reactor

from clients.gemini import Gemini
from sandbox.gemini_front import GeminiFront
from sandbox.gemini_keys import Key
from sandbox.trading import Rules
from tests.clients import sandbox_venue
from tests.clients.sandbox_venue import SECRET, SandboxVenue
from tests.sandbox.worlds import gemini_rules

CONTRACT, SYMBOL = "BTC/USD", "btcusd"
KEY = "account-key"


class SandboxGemini(SandboxVenue):
    """Gemini, with keys of each kind."""

    name = "gemini"
    key: ClassVar[Mapping[str, Any]] = {"id": KEY, "secret": SECRET}
    exchange = Gemini

    def rules(self) -> Rules:
        return gemini_rules()

    def make_front(self) -> GeminiFront:
        keys = [Key(KEY, SECRET, "pool"), Key("account-timed", SECRET, "pool", is_time_based=True)]
        keys += [
            Key(f"account-{name}", SECRET, "pool", frozenset({role}))
            for name, role in (("auditor", "Auditor"), ("trader", "Trader"), ("fund-manager", "FundManager"))
        ]
        return GeminiFront(self.venue, self.world, keys, self.faults, reactor)


class GeminiCase(sandbox_venue.SandboxCase):
    """A client of a sandbox Gemini that compares its book every second, and all that it tells."""

    sandbox_class = SandboxGemini

    def make_client(self, **options: Any) -> Gemini:
        made: Gemini = self.sandbox.client(**{"options": {"audit": "1"}, **options})
        return made
