"""The whole pool on paper, and with its source behind ccxt."""

from importlib.util import find_spec
from typing import Any
from unittest import TestCase, skipUnless

from tests.whole.running import Running, until

#: The console on any free port, the sandbox fast enough to see customers at once, every fill covered.
FAST = {"webserver.port": "0", "sandbox.speed": "60", "trader.hedge": "immediate"}


def ours(pool: Running) -> dict[str, Any]:
    """What the pool really has at each venue, by the sandbox's truth."""
    return {name: venue["balances"]["pool"] for name, venue in pool.truth()["venues"].items()}


class OtherAccountsTests(TestCase):
    """START to fills on both sides and back."""

    def trade(self, pool: Running) -> None:
        """Until both exchanges have filled; STOP leaves the pool READY."""
        pool.wait_for_state("READY")
        pool.call("/api/start", {})
        until(lambda: {fill["place"] for fill in pool.call("/api/fills")} == {"source", "target"}, "both places have filled")
        pool.call("/api/stop", {})
        self.assertEqual("READY", pool.state())

    def test_paper(self) -> None:
        """Both accounts on paper: the pool trades, and no account at the venues has moved."""
        with Running({**FAST, "source_connection.paper": "true", "target_connection.paper": "true"}) as pool:
            before = ours(pool)
            self.trade(pool)
            self.assertEqual(before, ours(pool))
            self.assertEqual(0, pool.end())

    @skipUnless(find_spec("ccxt"), "ccxt is not installed")
    def test_ccxt(self) -> None:
        """The source by way of ccxt: fills are hedged, and the books equal the sandbox's truth."""
        with Running({**FAST, "modules.source": "clients.ccxt.kraken", "source_connection.poll": "0.5"}) as pool:
            self.trade(pool)
            until(lambda: not pool.differences(), "the pool's books equal the sandbox's truth")
            self.assertEqual(0, pool.end())
