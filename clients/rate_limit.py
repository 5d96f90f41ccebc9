"""A venue's budget of calls, kept on our side so that the venue never has to refuse."""

from collections.abc import Mapping
from math import ceil

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from clients.errors import Reason, Refused


@define
class TokenBucket:
    """``capacity`` calls at once, refilled at ``rate`` per second. Pure: the caller brings the time (seconds).

    The level may go below zero: a caller who is told to wait has its tokens reserved, so callers are served in order.
    """

    capacity: float
    rate: float
    _level: float = field(init=False)
    _at: float | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        if self.capacity <= 0 or self.rate <= 0:
            raise ValueError(f"a budget needs a positive capacity and rate, got {self.capacity} and {self.rate}")
        self._level = self.capacity

    def reserve(self, cost: float, now: float) -> float:
        """Take ``cost`` tokens; the seconds to wait before acting on it. What costs nothing waits for nobody."""
        self._refill(now)
        self._level -= cost
        return max(0.0, -self._level / self.rate) if cost else 0.0

    def exhaust(self, now: float) -> None:
        """The venue says that we are over: believe it rather than our own count."""
        self.limit(0.0, now)

    def limit(self, left: float, now: float) -> None:
        """The venue says that only ``left`` tokens are left: believe it, if it is less than our own count."""
        self._refill(now)
        self._level = min(self._level, left)

    def left(self, now: float) -> float:
        """What may be spent now; below zero where callers wait."""
        self._refill(now)
        return self._level

    def _refill(self, now: float) -> None:
        if self._at is not None:
            # A clock that steps back must not take tokens away.
            self._level = min(self.capacity, self._level + max(0.0, now - self._at) * self.rate)
        self._at = now


class RateLimit:
    """A :class:`TokenBucket` that waits on a clock; without a bucket there is no limit."""

    def __init__(self, clock: IReactorTime, bucket: TokenBucket | None) -> None:
        self._clock = clock
        self._bucket = bucket

    @property
    def share_left(self) -> float | None:
        """How much of the whole budget may be spent now: 1 all of it, 0 nothing; None without a limit."""
        if self._bucket is None:
            return None
        return max(0.0, self._bucket.left(self._clock.seconds())) / self._bucket.capacity

    def take(self, cost: float) -> "Deferred[None]":
        """Fires when ``cost`` may be spent; callers are served in the order of their calls."""
        delay = self.charge(cost)
        if delay == 0.0:
            return succeed(None)
        return deferLater(self._clock, delay)

    def charge(self, cost: float) -> float:
        """Spend ``cost`` without waiting (a cancel must not wait); the seconds by which that overdraws the budget."""
        if self._bucket is None:
            return 0.0
        return self._bucket.reserve(cost, self._clock.seconds())

    def exhaust(self) -> None:
        """The venue has refused for its rate limit: start from nothing."""
        if self._bucket is not None:
            self._bucket.exhaust(self._clock.seconds())

    def limit(self, left: float) -> None:
        """The venue says that only ``left`` may be spent now; more than our own count it never gives."""
        if self._bucket is not None:
            self._bucket.limit(left, self._clock.seconds())


class Silence:
    """After a 429 or 418 a venue wants quiet; whoever goes on is shut out for longer, so until then nothing is sent at all."""

    #: Seconds of silence after a refusal that does not say how long.
    UNTOLD = 60.0

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._until = 0.0

    def heard(self, status: int, headers: Mapping[str, str]) -> float | None:
        """Note an answer; the seconds of silence that it asks for, None if it does not."""
        if status not in (418, 429):
            return None
        wanted = headers.get("retry-after", "")
        seconds = float(wanted) if wanted.isdecimal() else self.UNTOLD
        self._until = self._clock.seconds() + seconds
        return seconds

    def check(self, venue: str, call: str) -> None:
        """Pass if it is over.

        :raises Refused: (RATE_LIMIT) if not; nothing was sent.
        """
        left = self._until - self._clock.seconds()
        if left > 0:
            words = f"not sent: the venue has asked for silence for another {ceil(left)} s"
            raise Refused(venue, call, words, Reason.RATE_LIMIT)
