"""Waits between attempts."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from clients.backoff import Backoff


class BackoffTests(SynchronousTestCase):
    """:class:`Backoff`."""

    @given(st.integers(), st.integers(0, 2_000))
    def test_stays_between_half_and_whole(self, seed: int, failures: int) -> None:
        """However many failures, a wait is never below half its step and never above the ceiling."""
        backoff = Backoff(Random(seed), first=1.0, ceiling=30.0)
        for _ in range(failures):
            backoff.next_delay()
        step = min(30.0, 2.0 ** min(failures, 64))
        delay = backoff.next_delay()
        self.assertGreaterEqual(delay, step / 2)
        self.assertLessEqual(delay, step)

    def test_reset_starts_again(self) -> None:
        """After a success the first wait is short again."""
        backoff = Backoff(Random(1), first=1.0)
        for _ in range(10):
            backoff.next_delay()
        backoff.reset()
        self.assertLessEqual(backoff.next_delay(), 1.0)
