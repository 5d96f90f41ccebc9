"""What the REST conversations of all venues have in common: a key, a link, and the venue's clock.

How a request is signed, what it costs and what an answer means is each venue's own.
"""

from abc import abstractmethod
from collections.abc import Mapping

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from clients.clock_skew import ClockSkew
from clients.errors import ExchangeError
from clients.http_link import HttpLink
from clients.rate_limit import RateLimit
from clients.surroundings import Surroundings


class VenueRest:
    """REST at ``venue`` for one key. ``resolution``: the step of the venue's clock, in seconds."""

    log = Logger()

    def __init__(self, venue: str, key: str, endpoint: str, surroundings: Surroundings, *, resolution: float = 1.0) -> None:
        self._venue = venue
        self._key = key
        self._surroundings = surroundings
        self._resolution = resolution
        self._link = HttpLink(venue, endpoint, surroundings)
        self.skew = ClockSkew(resolution)

    def __repr__(self) -> str:
        # Never the secret, and of the key only what tells it from others.
        return f"<{type(self).__name__} {self._key[:4]}...>"

    @abstractmethod
    async def _server_time(self) -> float:
        """Ask for the venue's time, unix seconds.

        :raises InvalidData: for an answer that is no time.
        """

    def budgets(self) -> Mapping[str, RateLimit]:
        """What is spent on calls, by a short name; nothing where no count is kept."""
        return {}

    async def measure_skew(self) -> None:
        """Ask the venue for its time, and note how far it is from ours."""
        await self._measure(self.skew)

    async def set_clock(self) -> None:
        """The venue finds our time wrong: measure anew. What was read before is of a clock that may have been set since."""
        skew = ClockSkew(self._resolution)
        try:
            await self._measure(skew)
        except ExchangeError as error:
            self.log.warn("{error}; {venue}'s time is not known", error=error, venue=self._venue)
        else:
            self.skew = skew

    async def _measure(self, skew: ClockSkew) -> None:
        sent = self._surroundings.now().timestamp()
        server = await self._server_time()
        skew.observe(server, sent, self._surroundings.now().timestamp())

    def _venue_time(self) -> float:
        """Unix seconds on the venue's clock."""
        return self._surroundings.now().timestamp() + self.skew.best.offset

    def close(self) -> "Deferred[None]":
        """Give up what is under way; a repeat is safe."""
        return self._link.close()
