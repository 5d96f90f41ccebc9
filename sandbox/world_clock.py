"""The world's own time: it can run faster than the wall clock, or stand still and be moved by hand.

Venues stamp what happens with the wall clock; only what the world *does* (prices, customers, coins on their way) follows
this clock. It moves in small steps, so whoever lives by it is told how long each step was.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, LoopingCall
from twisted.logger import Logger

#: Wall seconds between two steps: a few book updates per second at most, whatever the speed.
STEP = 0.25
#: A tick by hand is cut into steps of so many world seconds, or, if it is long, into so many steps.
_TICK_STEP, _MOST_STEPS = 15.0, 2_000


class VenueClock:
    """What one venue takes for the wall clock: ``now``, wrong by ``skew`` seconds (positive: ahead)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.skew = 0.0
        self._now = now

    def __call__(self) -> datetime:
        """The time there, aware."""
        return self._now() + timedelta(seconds=self.skew)


class WorldClock:
    """``clock`` counts world seconds; ``speed`` of them pass per wall second of ``reactor``, unless ``is_paused``."""

    log = Logger()

    def __init__(self, reactor: Any, speed: float, *, is_paused: bool = False) -> None:
        self.clock = Clock()
        self.speed = speed
        self._is_paused = is_paused
        self._inhabitants: list[Callable[[float], None]] = []
        self._loop = LoopingCall.withCount(self._pass)
        self._loop.clock = reactor

    def each_step(self, inhabitant: Callable[[float], None]) -> None:
        """Call ``inhabitant`` with the world seconds of each step."""
        self._inhabitants.append(inhabitant)

    def start(self) -> None:
        """Let time pass, unless it is paused. A repeat changes nothing."""
        if not self._is_paused and not self._loop.running:
            self._start_loop().addErrback(self._stopped)

    def stop(self) -> None:
        """Stop time; what was scheduled is forgotten. A repeat is safe."""
        if self._loop.running:
            self._loop.stop()
        for call in self.clock.getDelayedCalls():
            call.cancel()

    def tick(self, seconds: float) -> None:
        """Let ``seconds`` of world time pass at once."""
        longest = max(_TICK_STEP, seconds / _MOST_STEPS)
        while seconds > 0:
            step = min(seconds, longest)
            self._step(step)
            seconds -= step

    def _start_loop(self) -> "Deferred[LoopingCall]":
        return self._loop.start(STEP, now=False)

    def _pass(self, count: int) -> None:
        # After a stall the missed time is made up for, but not more than a few steps of it at once.
        self.tick(min(count, 4) * STEP * self.speed)

    def _step(self, seconds: float) -> None:
        self.clock.advance(seconds)
        for inhabitant in self._inhabitants:
            inhabitant(seconds)

    def _stopped(self, failure: Any) -> None:
        self.log.failure("the sandbox's world stands still: a step failed", failure=failure)
