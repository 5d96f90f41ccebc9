"""One command, real wire protocols, START to TRADING and back: what a newcomer sees."""

import signal
from decimal import Decimal
from unittest import TestCase

from tests.whole.running import Running, until

#: The console on any free port, the sandbox fast enough to see customers at once.
FAST = {"webserver.port": "0", "sandbox.speed": "60"}


class PoolTests(TestCase):
    """The pool on the built-in sandbox."""

    def trade(self, pool: Running, fills: int) -> None:
        pool.wait_for_state("READY")
        pool.call("/api/start", {})
        until(lambda: len(pool.call("/api/fills")) >= fills, f"there are {fills} fills")

    def assert_books_are_true(self, pool: Running) -> None:
        """Fills are told a moment after they happen: equal means equal as soon as nothing is under way."""
        until(lambda: not pool.differences(), "the pool's books equal the sandbox's truth")

    def test_ready_start_fills_stop(self) -> None:
        """READY, START, two quotes, customers, exposure inside its limit, STOP leaves nothing, books equal truth, exit 0."""
        with Running({**FAST, "trader.max_exposure": "0.08"}) as pool:
            pool.wait_for_state("READY")
            pool.call("/api/start", {})
            self.assertEqual(pool.state(), "TRADING")
            until(lambda: pool.quoted_sides() == {"BUY", "SELL"}, "both sides are quoted")
            until(lambda: len(pool.call("/api/fills")) >= 10, "there are ten fills")
            limit = Decimal("0.08") + Decimal("0.05")  # one more fill may come while the excess is being traded
            self.assertLessEqual(abs(Decimal(pool.call("/api/update")["state"]["exposure"])), limit)
            pool.call("/api/stop", {})
            self.assertEqual(pool.state(), "READY")
            self.assertEqual(pool.held(), {})
            self.assert_books_are_true(pool)
            self.assertEqual(pool.end(), 0)

    def test_every_fill_is_covered(self) -> None:
        """With hedge = immediate what is bought on the target is sold at the source, down to the smallest order."""
        with Running({**FAST, "trader.hedge": "immediate"}) as pool:
            self.trade(pool, 12)
            pool.call("/api/stop", {})
            places = {fill["place"] for fill in pool.call("/api/fills")}
            self.assertEqual(places, {"source", "target"})
            self.assert_books_are_true(pool)

    def test_binance_as_source(self) -> None:
        """The same on another venue: fees out of what is bought, numbered books, our orders by the WebSocket API."""
        binance = {"modules.source": "clients.binance.Binance", "sandbox.source_front": "binance"}
        with Running({**FAST, **binance, "trader.hedge": "immediate"}) as pool:
            self.trade(pool, 12)
            pool.call("/api/stop", {})
            self.assertEqual({fill["place"] for fill in pool.call("/api/fills")}, {"source", "target"})
            self.assertEqual(pool.held(), {})
            self.assert_books_are_true(pool)
            self.assertEqual(pool.end(), 0)

    def test_a_signal_stops_it_cleanly(self) -> None:
        """SIGINT while TRADING: own orders cancelled and confirmed before the process ends with 0."""
        with Running(FAST) as pool:
            self.trade(pool, 1)
            self.assertEqual(pool.end(signal.SIGINT), 0)
            self.assertIn("STOPPING -> READY", pool.output.read_text())

    def test_a_changed_parameter_is_used(self) -> None:
        """UPDATE over the API: the new size is quoted, without a restart; nonsense is refused and changes nothing."""
        with Running(FAST) as pool:
            self.trade(pool, 1)
            pool.call("/api/update", {"trader": {"quote_size": "0.02"}})

            def sizes() -> set[str]:
                return {order["quantity"] for order in pool.call("/api/update")["state"]["target_orders"].values()}

            until(lambda: sizes() == {"0.02"}, "the quotes are of the new size")
