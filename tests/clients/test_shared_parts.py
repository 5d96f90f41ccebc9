"""Nonces, rate budgets, clock skew, closed venues."""

from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clients.clock_skew import ClockSkew
from clients.closed import CLOSED
from clients.interface import ExchangeClient
from clients.nonce import NonceLane, lane_of
from clients.rate_limit import RateLimit, TokenBucket


class NonceLaneTests(SynchronousTestCase):
    """:class:`NonceLane`."""

    def setUp(self) -> None:
        self.lane = NonceLane()
        self.sent: list[tuple[str, int, Deferred[None]]] = []

    def send(self, name: str, urgency: int = 0, time: int = 1000) -> "Deferred[Any]":
        """Send a request that is answered by hand."""

        def request(nonce: int) -> "Deferred[None]":
            answered: Deferred[None] = Deferred()
            self.sent.append((name, nonce, answered))
            return answered

        return ensureDeferred(self.lane.send(request, lambda: time, urgency))

    def test_one_at_a_time_and_rising(self) -> None:
        """The next nonce is taken when the answer before is here, and rises though the clock stands."""
        for name in "abc":
            self.send(name)
        for _ in range(3):
            self.sent[-1][2].callback(None)
        self.assertEqual([("a", 1000), ("b", 1001), ("c", 1002)], [sent[:2] for sent in self.sent])

    def test_a_clock_that_steps_back(self) -> None:
        """Nonces rise even then."""
        self.send("a", time=2000)
        self.sent[-1][2].callback(None)
        self.send("b", time=1500)
        self.assertEqual(2001, self.sent[-1][1])

    def test_urgent_goes_first(self) -> None:
        """A cancel does not wait for the pages of a history."""
        for name, urgency in (("first", 0), ("page", 0), ("page 2", 0), ("cancel", 2), ("order", 1)):
            self.send(name, urgency)
        for _ in range(5):
            self.sent[-1][2].callback(None)
        self.assertEqual(["first", "cancel", "order", "page", "page 2"], [name for name, _, _ in self.sent])

    def test_failure_frees_the_lane(self) -> None:
        """A failed request is its caller's trouble; the next goes on."""
        failed = self.send("a")
        self.send("b")
        self.sent[0][2].errback(ValueError("broken"))
        self.failureResultOf(failed, ValueError)
        self.assertEqual("b", self.sent[-1][0])

    def test_who_gives_up_is_passed_over(self) -> None:
        """A caller that is cancelled while it waits takes no nonce and holds nobody up."""
        self.send("a")
        gone = self.send("b")
        self.send("c")
        gone.cancel()
        self.failureResultOf(gone)
        self.sent[0][2].callback(None)
        self.assertEqual(["a", "c"], [name for name, _, _ in self.sent])

    def test_nobody_slips_in(self) -> None:
        """One that comes while the woken one is about to send queues behind it."""
        self.send("a")
        self.send("b").addCallback(lambda _: None)
        self.sent[0][2].callback(None)
        self.send("c")
        self.assertEqual(["a", "b"], [name for name, _, _ in self.sent])

    def test_shared_per_key(self) -> None:
        """All clients of one key share one lane, other keys have others."""
        self.assertIs(lane_of("v", "k"), lane_of("v", "k"))
        mine = lane_of("v", "k")
        self.assertIsNot(mine, lane_of("v", "other"))


class RateLimitTests(SynchronousTestCase):
    """:class:`TokenBucket` and :class:`RateLimit`."""

    @given(st.lists(st.tuples(st.floats(0, 30), st.sampled_from([0.0, 1.0, 2.0])), max_size=60))
    def test_never_more_than_the_venue_allows(self, calls: list[tuple[float, float]]) -> None:
        """Played against the venue's own counter (rises with each call, decays), the counter never passes its top."""
        bucket = TokenBucket(15.0, 0.5)
        now = 0.0
        acted: list[tuple[float, float]] = []
        for pause, cost in calls:
            now += pause
            wait = bucket.reserve(cost, now)
            if cost:
                acted.append((now + wait, cost))
            else:
                self.assertEqual(0.0, wait)
        counter, last = 0.0, 0.0
        for moment, cost in acted:
            self.assertGreaterEqual(moment, last - 1e-9)
            counter = max(0.0, counter - max(0.0, moment - last) * 0.5) + cost
            last = max(last, moment)
            self.assertLessEqual(counter, 15.0 + 1e-6)

    def test_waits_on_the_clock(self) -> None:
        """When the budget is spent, the next call waits for its share."""
        clock = Clock()
        limit = RateLimit(clock, TokenBucket(2.0, 1.0))
        self.successResultOf(limit.take(2.0))
        waiting = limit.take(1.0)
        clock.advance(0.9)
        self.assertNoResult(waiting)
        clock.advance(0.2)
        self.successResultOf(waiting)

    def test_what_costs_nothing_waits_for_nobody(self) -> None:
        """A cancel that has a budget of its own goes out while the pages of a history wait for theirs."""
        limit = RateLimit(Clock(), TokenBucket(2.0, 1.0))
        limit.charge(20.0)
        self.assertNoResult(limit.take(1.0))
        self.successResultOf(limit.take(0.0))

    def test_the_venue_knows_better(self) -> None:
        """After a refusal the budget is empty, whatever we had counted."""
        clock = Clock()
        limit = RateLimit(clock, TokenBucket(10.0, 1.0))
        limit.exhaust()
        self.assertNoResult(limit.take(1.0))
        clock.advance(1)

    def test_without_a_bucket(self) -> None:
        """No limit is no wait."""
        self.successResultOf(RateLimit(Clock(), None).take(1_000.0))

    def test_senseless_budget(self) -> None:
        """A budget that never refills would wait for ever."""
        self.assertRaises(ValueError, TokenBucket, 1.0, 0.0)

    def test_share_left(self) -> None:
        """All of it at first, nothing while callers wait, and half when half is refilled; none where there is no limit."""
        clock = Clock()
        limit = RateLimit(clock, TokenBucket(10.0, 1.0))
        self.assertEqual(limit.share_left, 1)
        limit.charge(12)
        self.assertEqual(limit.share_left, 0)
        clock.advance(7)
        self.assertEqual(limit.share_left, 0.5)
        self.assertIsNone(RateLimit(clock, None).share_left)


class ClockSkewTests(SynchronousTestCase):
    """:class:`ClockSkew`."""

    @given(st.floats(-1e6, 1e6), st.floats(0, 10), st.floats(0, 1), st.floats(0, 0.999))
    def test_the_truth_is_within_the_uncertainty(self, offset: float, trip: float, where: float, fraction: float) -> None:
        """However the trip is divided, and whatever the server's cut-off second hides."""
        sent = 1_000_000.0 + fraction
        shown = float(int(sent + trip * where + offset))
        reading = ClockSkew().observe(shown, sent, sent + trip)
        self.assertLessEqual(abs(reading.offset - offset), reading.uncertainty + 1e-6)

    def test_best_is_the_quickest(self) -> None:
        """A slow answer does not spoil what a quick one has shown."""
        skew = ClockSkew()
        skew.observe(130.0, 100.0, 100.1)
        skew.observe(100.0, 100.0, 109.0)
        self.assertAlmostEqual(30.45, skew.best.offset)
        self.assertTrue(skew.is_certain)

    def test_windows_are_widened_only(self) -> None:
        """A window on the venue's clock holds all of ours, whichever clock is ahead; without skew it is ours."""
        start = datetime(2026, 1, 1, tzinfo=UTC)
        end = start + timedelta(hours=1)
        self.assertEqual((start, end), ClockSkew().widen(start, end))
        for server in (70.0, 130.0):
            skew = ClockSkew()
            skew.observe(server, 100.0, 100.1)
            first, last = skew.widen(start, end)
            self.assertLessEqual(first, start)
            self.assertGreaterEqual(last, end)
            self.assertGreater(last - first, timedelta(hours=1, seconds=29))


class ClosedTests(SynchronousTestCase):
    """:data:`CLOSED`."""

    def test_each_says_what_to_use(self) -> None:
        """Keys are short module names, and each sentence names a client that exists."""
        self.assertIn("coinsetter", CLOSED)
        for name, sentence in CLOSED.items():
            self.assertEqual(name.lower(), name)
            module, _, client = sentence.rpartition(" use ")[2].rpartition(".")
            self.assertTrue(issubclass(getattr(import_module(module), client), ExchangeClient), sentence)
