"""How far a venue's clock is from ours."""

from collections import deque
from datetime import datetime, timedelta

from attrs import define, field, frozen


@frozen
class Reading:
    """``offset``: the venue's clock less ours; ``uncertainty``: by how much that may be wrong. Seconds."""

    offset: float
    uncertainty: float


@define
class ClockSkew:
    """The offset by the best of the last readings: the one with the shortest round trip.

    A server's time was read somewhere between our sending and our receiving (Cristian, "Probabilistic clock
    synchronization", 1989), so half the round trip bounds the error; ``resolution`` is the step of the server's clock.
    """

    resolution: float = 1.0
    _readings: deque[Reading] = field(factory=lambda: deque(maxlen=8), init=False)

    def observe(self, server: float, sent: float, received: float) -> Reading:
        """Note that the venue said ``server`` (unix seconds) between our ``sent`` and ``received``."""
        # A clock that shows whole seconds is on average half a second further than it says.
        reading = Reading(server + self.resolution / 2 - (sent + received) / 2, abs(received - sent) / 2 + self.resolution / 2)
        self._readings.append(reading)
        return reading

    @property
    def best(self) -> Reading:
        """The most certain of the last readings; no offset, no uncertainty before the first."""
        return min(self._readings, key=lambda reading: reading.uncertainty, default=Reading(0.0, 0.0))

    @property
    def is_certain(self) -> bool:
        """Whether the clocks differ by more than the reading can be wrong: then one of the two is not set right."""
        return abs(self.best.offset) > self.best.uncertainty

    @property
    def proven_offset(self) -> float | None:
        """By how many seconds the venue's clock is ahead of ours; None while no difference can be proven."""
        return self.best.offset if self.is_certain else None

    def widen(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """A window on the venue's clock that holds all of ``start`` to ``end`` on ours.

        Where the clocks differ it is wider, so an event may be told again; one that is left out would be lost money.
        """
        if not self.is_certain:
            return start, end
        offset = timedelta(seconds=self.best.offset)
        return start + min(offset, timedelta(0)), end + max(offset, timedelta(0))
