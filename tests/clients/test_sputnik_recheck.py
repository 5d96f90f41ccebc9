"""When the venue is compared with: on a clock that only the test moves."""

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import Retryable
from clients.sputnik.options import Options
from clients.sputnik.recheck import Recheck
from clients.surroundings import Surroundings


class RecheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.runs: list[bool] = []
        self.results: list[Any] = []
        around = Surroundings(self.clock, random=Random(1))
        self.recheck = Recheck(around, Options(doubt="1", reread_interval="60"), self.work)
        self.recheck.start()

    def tearDown(self) -> None:
        self.recheck.stop()
        self.assertEqual([], self.clock.getDelayedCalls())

    async def work(self, is_full: bool) -> bool:
        """The next of ``results``: a value, an error to raise, or a Deferred to wait for; True when there is none."""
        self.runs.append(is_full)
        result = self.results.pop(0) if self.results else True
        if isinstance(result, Exception):
            raise result
        return bool(await result) if isinstance(result, Deferred) else bool(result)

    def test_at_leisure(self) -> None:
        """Without a doubt only the full comparison runs, once an interval."""
        self.clock.pump([30] * 5)
        self.assertEqual([True, True], self.runs)

    def test_soon_and_once(self) -> None:
        """Many doubts at once are one look, within the time that related events are given."""
        for _ in range(3):
            self.recheck.doubt()
        self.clock.advance(1)
        self.clock.advance(30)
        self.assertEqual([False], self.runs)

    def test_what_stays_in_doubt(self) -> None:
        """It is looked at again, at growing intervals, until it is clear."""
        self.results = [False, False, False]
        self.recheck.doubt()
        for _ in range(4):
            self.clock.advance(1)
        self.assertLess(len(self.runs), 4)
        self.clock.pump([1] * 15)
        self.assertEqual(4, len(self.runs))

    def test_never_two_at_once(self) -> None:
        """A doubt during a slow look is looked at after it."""
        slow: Deferred[bool] = Deferred()
        self.results = [slow]
        self.recheck.doubt()
        self.clock.advance(1)
        self.recheck.doubt()
        self.clock.advance(5)
        self.assertEqual([False], self.runs)
        slow.callback(False)
        self.clock.advance(5)
        self.assertEqual([False, False], self.runs)

    def test_failures(self) -> None:
        """A venue that cannot be asked is asked again; a mistake of ours is logged with its place, and so is it."""
        self.results = [Retryable("sputnik", "compare", "busy"), KeyError("bug")]
        self.recheck.doubt()
        self.clock.pump([1] * 12)
        self.assertEqual(3, len(self.runs))
        self.assertEqual(1, len(self.flushLoggedErrors(KeyError)))

    def test_stopped(self) -> None:
        """Nothing runs after the stop, what ran is given up, and a new start begins anew."""
        slow: Deferred[bool] = Deferred()
        self.results = [slow]
        self.recheck.doubt()
        self.clock.advance(1)
        self.recheck.stop()
        self.recheck.doubt()
        self.clock.advance(100)
        self.assertEqual([False], self.runs)
        self.recheck.start()
        self.recheck.doubt()
        self.clock.advance(1)
        self.assertEqual([False, False], self.runs)
