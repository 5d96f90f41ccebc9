"""The watchdog against the stand-alone sandbox: the pool hangs, and its orders are cancelled, and nobody else's."""

import signal
from collections.abc import Mapping
from typing import ClassVar

import pytest

from tests.whole.running import until
from tests.whole.separate import SeparateCase

BY_HAND = {"venue": "kraken", "user": "pool", "contract": "BTC/USD", "side": "SELL", "quantity": "0.1", "price": "90000"}


@pytest.mark.slow
class WatchdogTests(SeparateCase):
    """Four processes: exchanges, pool, watchdog, test."""

    world: ClassVar[Mapping[str, str]] = {"customers_per_day": "0", "trades_per_day": "0", "speed": "1"}
    pool: ClassVar[Mapping[str, str]] = {"watchdog.limit": "2", "limits.transfers": "off"}

    def test_a_pool_that_hangs(self) -> None:
        """SIGSTOP: its orders are cancelled at both venues within seconds, a person's own order stays; SIGCONT: it trades on."""
        pool = self.run_it("pool")
        until(lambda: self.state() == "READY", "the pool is READY")
        by_hand = self.exchanges.say("/order", BY_HAND)
        dog = self.run_it("dog", "watchdog")
        until(lambda: "watching" in self.printed("dog"), "the watchdog watches")
        self.ask("/api/start", {})
        until(lambda: len(self.orders()["sputnik"]) == 2, "both sides are quoted")
        pool.send_signal(signal.SIGSTOP)
        until(lambda: not self.orders()["sputnik"], "no quote is left")
        self.assertEqual([order["id"] for order in self.orders()["kraken"]], [by_hand["id"]])
        until(lambda: "2 orders of the pool cancelled at the target, 0 left" in self.printed("dog"), "it says so")
        pool.send_signal(signal.SIGCONT)
        until(lambda: "heartbeat is back" in self.printed("dog"), "it hears the pool again")
        until(lambda: self.state() in ("READY", "TRADING"), "the pool knows where it stands")
        dog.send_signal(signal.SIGTERM)
        self.assertEqual(dog.wait(60), 0)

    def test_a_pool_that_was_killed(self) -> None:
        """SIGKILL: what it left in the book is found and cancelled, though the pool is not there any more."""
        pool = self.run_it("pool")
        until(lambda: self.state() == "READY", "the pool is READY")
        self.ask("/api/start", {})
        until(lambda: len(self.orders()["sputnik"]) == 2, "both sides are quoted")
        pool.kill()
        self.run_it("dog", "watchdog")
        until(lambda: not self.orders()["sputnik"], "no quote is left")
