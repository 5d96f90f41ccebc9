"""What the feeds tell, and in which order: the scenarios of the recorded event transcript."""

from decimal import Decimal
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sandbox.faults import Kind
from sandbox.sputnik_feeds import Pace, SafePrice
from tests.sandbox.sputnik_world import Bench

T, M = "ilp_target", "marketmaker"


class FeedsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        self.addCleanup(self.bench.server.stop)

    def order(self, side: str, price: int, quantity: int) -> dict[str, Any]:
        """The argument of place_order."""
        return {"contract": "BTC/HUF", "price": price, "quantity": quantity, "side": side}

    def feeds(self) -> list[str]:
        """The names of what was told since the last call."""
        return [feed for feed, _ in self.bench.told()]

    def events(self, feed: str) -> list[Any]:
        """The events of one feed; everything else told is dropped."""
        return [event for name, event in self.bench.told() if name == feed]


class PlacingTests(FeedsTestCase):
    def test_resting_order(self) -> None:
        """RESULT and book in either order, then the order as it was placed."""
        orders = []
        for _ in range(2):
            self.bench.call("trader.place_order", self.order("BUY", 5_000_000, 3_000_000))
            self.bench.settle()
            orders.append(self.feeds())
        result = f"RESULT {T}"
        self.assertCountEqual(orders, [["book", result, "orders"], [result, "book", "orders"]])

    def test_sweep_of_two_levels(self) -> None:
        """The recorded sweep: books and safe prices first, a stale order, then each match side by side."""
        self.bench.place("BUY", 5_000_000, 3_000_000)
        self.bench.place("BUY", 5_100_000, 3_000_000)
        self.bench.settle()
        self.bench.told()
        self.bench.call("trader.place_order", self.order("SELL", 4_950_000, 4_000_000), user=M)
        self.bench.settle()
        told = self.bench.told()
        one_match = ["transactions"] * 3 + ["orders", "fills"]
        tail = ["orders", *one_match, "trades", *one_match, *one_match, "trades", *one_match]
        names = [feed for feed, _ in told if feed != f"RESULT {M}"]
        self.assertEqual(names, ["book", "safe_prices", "book", "safe_prices", *tail])
        left = [event["quantity_left"] for feed, event in told if feed == "orders" and event["side"] == "SELL"]
        self.assertEqual(left, [4_000_000, 1_000_000, 0], "the first is stale")

    def test_a_match_takes_its_time(self) -> None:
        """The RESULT is there long before the fill; the passive side hears last."""
        self.bench.place("BUY", 5_000_000, 1_000_000)
        self.bench.settle()
        self.bench.told()
        began = self.bench.clock.seconds()
        self.bench.call("trader.place_order", self.order("SELL", 5_000_000, 1_000_000), user=M)
        for _ in range(200):
            self.bench.clock.advance(0.001)
        times = [
            (topic, round(when - began, 3)) for when, topic, _ in self.bench.published if "fills" in topic or "RESULT" in topic
        ]
        result, aggressor, passive = (when for _, when in times)
        self.assertLess(result, 0.03)
        self.assertTrue(0.08 <= aggressor <= 0.1 < passive, times)

    def test_a_pace_of_nothing_keeps_the_order(self) -> None:
        """Scaled down to nothing, things come in the same order."""
        bench = Bench(pace=Pace().scaled(0))
        self.addCleanup(bench.server.stop)
        bench.place("BUY", 5_000_000, 1_000_000)
        bench.settle()
        bench.told()
        bench.call("trader.place_order", self.order("SELL", 5_000_000, 1_000_000), user=M)
        bench.settle()
        private = [feed for feed, _ in bench.told() if feed in ("orders", "transactions", "fills", "trades")]
        one_match = ["transactions"] * 3 + ["orders", "fills"]
        self.assertEqual(private, ["orders", *one_match, "trades", *one_match])


class EventShapeTests(FeedsTestCase):
    def match(self) -> list[tuple[str, Any]]:
        """M sells 0.03 BTC to T's bid of 51 000, as in the transcript."""
        self.bench.place("BUY", 5_100_000, 3_000_000)
        self.bench.settle()
        self.bench.told()
        self.bench.call("trader.place_order", self.order("SELL", 4_950_000, 3_000_000), user=M)
        self.bench.settle()
        return self.bench.told()

    def test_postings_are_the_recorded_ones(self) -> None:
        """Denominated, payout, fee; both sides pay; notes name the order."""
        rows = [event for feed, event in self.match() if feed == "transactions"]
        told = [(row["contract"], row["direction"], row["note"], row["quantity"], row["type"]) for row in rows]
        self.assertEqual(
            told,
            [
                ("HUF", "credit", "Aggressive order: 2", 153_000, "Trade"),
                ("BTC", "debit", "Aggressive order: 2", 3_000_000, "Trade"),
                ("HUF", "debit", "Fee", 1_530, "Trade"),
                ("HUF", "debit", "Passive order: 1", 153_000, "Trade"),
                ("BTC", "credit", "Passive order: 1", 3_000_000, "Trade"),
                ("HUF", "debit", "Fee", 1_530, "Trade"),
            ],
        )
        self.assertEqual(set(rows[0]), {"contract", "direction", "note", "quantity", "timestamp", "type"})

    def test_fills_carry_the_own_order_and_the_aggressors_time(self) -> None:
        """Exactly the recorded keys; both sides have the same timestamp."""
        told = self.match()
        aggressive, passive = (event for feed, event in told if feed == "fills")
        stale = next(event for feed, event in told if feed == "orders")
        expected = {
            "contract": "BTC/HUF",
            "id": 2,
            "price": 5_100_000,
            "quantity": 3_000_000,
            "side": "SELL",
            "fees": {"HUF": 1_530},
            "timestamp": stale["timestamp"],
        }
        self.assertEqual(aggressive, expected)
        self.assertEqual(passive, {**expected, "id": 1, "side": "BUY"})

    def test_trade_and_safe_price(self) -> None:
        """A trade has five keys; the safe price is a bare integer."""
        told = dict(self.match())
        self.assertEqual(set(told["trades"]), {"contract", "id", "price", "quantity", "timestamp"})
        self.assertEqual(told["safe_prices"], 5_100_000)

    def test_self_trade_posts_both_sides(self) -> None:
        """A user's own orders match, and both pay the fee."""
        self.bench.place("BUY", 5_000_000, 1_000_000)
        self.bench.place("SELL", 5_000_000, 1_000_000)
        self.bench.settle()
        fees = [row for row in self.events("transactions") if row["note"] == "Fee"]
        self.assertEqual([fee["quantity"] for fee in fees], [500, 500])

    def test_bar_is_told_when_the_next_one_opens(self) -> None:
        """The previous minute's bar, and only if the next trade is in the minute right after."""
        self.bench.place("BUY", 5_000_000, 9_000_000)
        for seconds in (0, 60, 300):
            self.bench.clock.advance(seconds)
            self.bench.place("SELL", 5_000_000, 1_000_000, user=M)
        (bar,) = self.events("ohlcv")
        self.assertEqual((bar["period"], bar["volume"], bar["vwap"]), ("minute", 1_000_000, 5_000_000))
        self.assertEqual(bar["close_timestamp"] - bar["open_timestamp"], 59_999_999)


class CancellingTests(FeedsTestCase):
    def test_resting_order(self) -> None:
        """Book first, then order and RESULT in either order."""
        told, tails = [], []
        for _ in range(2):
            order_id = self.bench.place("BUY", 5_000_000, 3_000_000)
            self.bench.settle()
            self.bench.told()
            self.bench.call("trader.cancel_order", order_id)
            self.bench.settle()
            told.append(self.bench.told())
        for events in told:
            names = [feed for feed, _ in events]
            self.assertCountEqual(names, ["book", "orders", f"RESULT {T}"])
            self.assertEqual(names[0], "book")
            tails.append(names[1:])
            cancelled = dict(events)["orders"]
            self.assertEqual((cancelled["is_cancelled"], cancelled["quantity_left"]), (True, 3_000_000))
        self.assertNotEqual(*tails)

    def test_cancel_right_after_a_partial_fill(self) -> None:
        """The RESULT comes before the fill is told, but the order's own events stay in their order."""
        order_id = self.bench.place("BUY", 5_000_000, 3_000_000)
        self.bench.settle()
        self.bench.told()
        self.bench.call("trader.place_order", self.order("SELL", 5_000_000, 1_000_000), user=M)
        self.bench.call("trader.cancel_order", order_id)
        self.bench.settle()
        told = [(feed, event) for feed, event in self.bench.told() if feed in (f"RESULT {T}", "orders", "fills")]
        names = [feed for feed, _ in told]
        self.assertLess(names.index(f"RESULT {T}"), names.index("fills"))
        own = [event["is_cancelled"] for feed, event in told if feed == "orders" and event["id"] == order_id]
        self.assertEqual(own, [False, True])

    def test_engine_restart_cancels_all(self) -> None:
        """Every order is told as cancelled and the book is empty."""
        self.bench.place("BUY", 5_000_000, 3_000_000)
        self.bench.place("SELL", 6_000_000, 3_000_000, user=M)
        self.bench.settle()
        self.bench.told()
        self.assertEqual(self.bench.server.restart_engine(), 2)
        self.bench.settle()
        told = self.bench.told()
        self.assertEqual([event["is_cancelled"] for feed, event in told if feed == "orders"], [True, True])
        self.assertEqual([event for feed, event in told if feed == "book"][-1], {"contract": "BTC/HUF", "bids": [], "asks": []})


class MoneyTests(FeedsTestCase):
    def test_withdrawal(self) -> None:
        """A fee of nothing is told before the RESULT, the amount after it."""
        self.bench.call("trader.request_withdrawal", "BTC", 20_000_000, "addrX", "")
        self.bench.settle()
        fee, result, amount = self.bench.told()
        self.assertEqual((fee[1]["note"], fee[1]["direction"], fee[1]["quantity"]), ("Fee", "debit", 0))
        self.assertEqual(result[0], f"RESULT {T}")
        self.assertEqual((amount[1]["note"], amount[1]["direction"], amount[1]["quantity"]), ("addrX", "debit", 20_000_000))

    def test_deposit(self) -> None:
        """A credit noted with the address, then a fee of nothing, both of type Deposit."""
        address = self.bench.venue.funding.current_address(T, "BTC")
        self.bench.venue.funding.deposit(T, "BTC", Decimal(1), address, "tx1")
        self.bench.settle()
        told = [(row["direction"], row["quantity"], row["note"], row["type"]) for row in self.events("transactions")]
        self.assertEqual(told, [("credit", 100_000_000, address, "Deposit"), ("debit", 0, "Fee", "Deposit")])

    def test_withdrawal_cancelled_by_the_operator(self) -> None:
        """The amount comes back as a Transfer that names address and operator; there is no fee row."""
        self.bench.ask("trader.request_withdrawal", "HUF", 1_000_000, "IBAN", "")
        self.bench.settle()
        self.bench.told()
        (withdrawal,) = self.bench.venue.funding.withdrawals.values()
        self.bench.venue.funding.cancel(withdrawal.id, "bob")
        self.bench.settle()
        (row,) = self.events("transactions")
        self.assertEqual(
            (row["direction"], row["quantity"], row["note"], row["type"]),
            ("credit", 1_000_000, "IBAN: cancel (bob)", "Transfer"),
        )


class LifeTests(FeedsTestCase):
    def test_books_are_published_again_every_ten_minutes(self) -> None:
        """Without any change, too."""
        self.bench.clock.advance(600)
        self.assertEqual(self.feeds(), ["book"])

    def test_server_restart_forgets_the_books(self) -> None:
        """They are empty until the next publication, though the orders are still there."""
        order_id = self.bench.place("BUY", 5_000_000, 3_000_000)
        self.bench.settle()
        self.bench.server.feeds.forget()
        self.assertEqual(self.bench.ask("market.get_order_book", "BTC/HUF")["result"]["bids"], [])
        self.assertIn(str(order_id), self.bench.ask("trader.get_open_orders")["result"])
        self.bench.clock.advance(600)
        self.assertTrue(self.bench.ask("market.get_order_book", "BTC/HUF")["result"]["bids"])

    def test_nothing_is_told_after_the_stop(self) -> None:
        """Not even what was on its way, and no timer is left."""
        self.bench.call("trader.place_order", self.order("BUY", 5_000_000, 3_000_000))
        self.bench.server.stop()
        self.assertEqual(self.bench.clock.getDelayedCalls(), [])
        self.bench.venue.cancel_all()
        self.bench.settle()
        self.assertEqual(self.feeds(), [])


class FaultTests(FeedsTestCase):
    def fault(self, call: str, kind: Kind, **how: Any) -> None:
        """Put a fault in force for the next such call."""
        self.bench.faults.add("sputnik", call, kind, count=1, **how)

    def test_duplicate_and_missing_events(self) -> None:
        """An order event twice; another not at all."""
        self.fault("orders", Kind.DUPLICATE)
        self.bench.place("BUY", 5_000_000, 1_000_000)
        self.bench.settle()
        self.assertEqual(self.feeds().count("orders"), 2)
        self.fault("orders", Kind.GAP)
        self.bench.place("BUY", 5_000_000, 1_000_000)
        self.bench.settle()
        self.assertEqual(self.feeds().count("orders"), 0)

    def test_another_order(self) -> None:
        """An event comes after the next one of its topic."""
        self.fault("orders", Kind.REORDER)
        first, second = (self.bench.place("BUY", 5_000_000, 1_000_000) for _ in range(2))
        self.bench.settle()
        self.assertEqual([row["id"] for row in self.events("orders")], [second, first])

    def test_stale_book(self) -> None:
        """A book that is not told is not known to get_order_book either."""
        self.fault("book", Kind.STALE)
        self.bench.place("BUY", 5_000_000, 1_000_000)
        self.bench.settle()
        self.assertEqual(self.bench.ask("market.get_order_book", "BTC/HUF")["result"]["bids"], [])

    def test_late_event(self) -> None:
        """The order's first event comes long after the RESULT."""
        self.fault("orders", Kind.DELAY, seconds=Decimal(5))
        self.bench.place("BUY", 5_000_000, 1_000_000)
        self.bench.settle()
        self.assertNotIn("orders", self.feeds())
        self.bench.clock.advance(5)
        self.assertEqual(self.feeds(), ["orders"])

    def test_late_result(self) -> None:
        """All events come before the RESULT."""
        self.fault("rpc.trader.place_order", Kind.DELAY, seconds=Decimal(1))
        self.bench.call("trader.place_order", self.order("BUY", 5_000_000, 1_000_000))
        self.bench.settle()
        self.assertEqual(self.feeds(), ["book", "orders", f"RESULT {T}"])

    def test_timed_out_but_done(self) -> None:
        """The recorded worst: call-timed-out after a second, and the order enters the book a moment later."""
        text = "exceptions/zmq/call-timed-out"
        self.fault("rpc.trader.place_order", Kind.DONE_NO_ANSWER, text=text)
        replies = self.bench.call("trader.place_order", self.order("BUY", 4_000_000, 1_000_000))
        self.bench.clock.advance(1)
        self.assertEqual(replies, [{"success": False, "error": [text]}])
        self.assertEqual(self.bench.call("trader.get_open_orders"), [{"success": True, "result": {}}])
        self.bench.settle()
        self.assertEqual(self.bench.ask("trader.get_open_orders")["result"].keys(), {"1"})

    def test_no_answer_done_or_not(self) -> None:
        """Silence says nothing about whether it was done."""
        for kind, placed in ((Kind.NO_ANSWER, 0), (Kind.DONE_NO_ANSWER, 1)):
            self.fault("rpc.trader.place_order", kind)
            before = len(self.bench.venue.open_orders(T))
            replies = self.bench.call("trader.place_order", self.order("BUY", 4_000_000, 1_000_000))
            self.bench.settle()
            self.assertNotIsInstance(replies[0], dict)
            self.assertEqual(len(self.bench.venue.open_orders(T)) - before, placed)

    def test_error_and_disconnect(self) -> None:
        """An error is answered and nothing done; a disconnect cuts the caller off before anything is done."""
        self.fault("rpc.trader.place_order", Kind.ERROR, text="exceptions/zmq/resource-unavailable")
        reply = self.bench.ask("trader.place_order", self.order("BUY", 4_000_000, 1_000_000))
        self.assertEqual(reply["error"], ["exceptions/zmq/resource-unavailable"])
        self.fault("rpc.trader.place_order", Kind.DISCONNECT)
        self.bench.call("trader.place_order", self.order("BUY", 4_000_000, 1_000_000))
        self.assertEqual(self.bench.dropped, [T])
        self.assertEqual(self.bench.venue.open_orders(T), [])


class SafePriceTests(SynchronousTestCase):
    def test_average_is_weighted_and_forgets(self) -> None:
        """By volume at first; after a long time only the last trade counts."""
        average = SafePrice()
        self.assertEqual(average.after(Decimal(100), Decimal(1), 0), 100)
        self.assertEqual(average.after(Decimal(200), Decimal(3), 0), 175)
        late = average.after(Decimal(50), Decimal(1), 100_000_000_000)
        self.assertTrue(abs(late - 50) < Decimal("0.01"), late)
