"""Nonces: numbers that a venue accepts in rising order only, per API key."""

import heapq
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar
from weakref import WeakValueDictionary

from twisted.internet.defer import Deferred

T = TypeVar("T")


class NonceLane:
    """Requests of one API key, one at a time: each takes its nonce only when it is really sent.

    Two requests on two connections may overtake each other on the way, and the venue then refuses the lower nonce; so the
    next request waits for the answer of the one before. Of those that wait the most urgent goes first, so that a cancel
    never queues behind the pages of a history.
    """

    def __init__(self) -> None:
        self._last = 0
        self._is_busy = False
        self._order = count()
        self._waiting: list[tuple[int, int, Deferred[None]]] = []

    async def send(self, request: Callable[[int], Awaitable[T]], clock: Callable[[], int], urgency: int = 0) -> T:
        """Call ``request`` with the next nonce when the lane is free; its result. A larger ``urgency`` goes first.

        Nonces are the time of ``clock`` (micro- or milliseconds, as the key is used to), and rise even when that does not.
        """
        if self._is_busy:
            await self._turn(urgency)
        self._is_busy = True
        try:
            return await request(self.take(clock))
        finally:
            self._is_busy = False
            self._wake_next()

    def take(self, clock: Callable[[], int]) -> int:
        """The next nonce, out of turn: for a connection that proves who we are with one, and is tried again if refused."""
        self._last = max(self._last + 1, clock())
        return self._last

    def _turn(self, urgency: int) -> "Deferred[None]":
        # A caller that gives up leaves its place: a cancelled Deferred ignores the wake-up, so it must not receive it.
        place: tuple[int, int, Deferred[None]] = (-urgency, next(self._order), Deferred(lambda _: self._leave(place)))
        heapq.heappush(self._waiting, place)
        return place[2]

    def _leave(self, place: tuple[int, int, "Deferred[None]"]) -> None:
        self._waiting.remove(place)
        heapq.heapify(self._waiting)

    def _wake_next(self) -> None:
        if self._waiting:
            # Busy from now on: a newcomer must not slip in between the wake-up and the send.
            self._is_busy = True
            heapq.heappop(self._waiting)[2].callback(None)


_lanes: "WeakValueDictionary[tuple[str, str], NonceLane]" = WeakValueDictionary()


def lane_of(venue: str, key: str) -> NonceLane:
    """The one lane of ``key`` at ``venue``: the venue counts per key, however many clients of ours use it."""
    lane = _lanes.get((venue, key))
    if lane is None:
        lane = _lanes[venue, key] = NonceLane()
    return lane
