"""When a quiet connection is asked for a sign of life, and when it is taken for dead."""

from typing import Any

from autobahn.twisted.websocket import WebSocketClientProtocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clients.socket_link import SocketLink
from clients.surroundings import Surroundings

#: A reactor that is always a little late, in seconds.
STEP = 0.13


class _QuietWire:
    """A connection whose other side says nothing but, ``late`` seconds after a ping, a pong."""

    state = WebSocketClientProtocol.STATE_OPEN

    def __init__(self, clock: Clock, late: float | None) -> None:
        self._clock, self._late = clock, late
        self.link: Any = None
        self.pings: list[float] = []
        self.dropped_at: float | None = None

    def sendPing(self) -> None:
        self.pings.append(self._clock.seconds())
        if self._late is not None:
            self._clock.callLater(self._late, self.link.wire_alive, self)

    def dropConnection(self, *, abort: bool) -> None:
        self.dropped_at = self._clock.seconds()


class SilenceTests(SynchronousTestCase):
    """:meth:`SocketLink._watch`."""

    def quiet_minute(self, late: float | None) -> _QuietWire:
        clock = Clock()
        wire = _QuietWire(clock, late)
        surroundings = Surroundings(clock)
        wire.link = link = SocketLink(
            "test", "ws://127.0.0.1:1", surroundings, opened=int, heard=lambda _: None, lost=int, silence_limit=10.0
        )
        link._wire = wire  # type: ignore[assignment]
        link.wire_opened(wire)  # type: ignore[arg-type]
        while clock.seconds() < 60 and wire.dropped_at is None:
            clock.advance(STEP)
        return wire

    def test_an_answer_is_enough(self) -> None:
        """Who answers each ping stays connected, however the reactor's lateness falls."""
        for late in (0.01, STEP, 1.0, 4.5):
            wire = self.quiet_minute(late)
            self.assertIsNone(wire.dropped_at, f"answers after {late} s")
            self.assertGreater(len(wire.pings), 5)

    def test_no_answer_is_the_end(self) -> None:
        """Who does not answer is asked once, and given up when the limit is over."""
        wire = self.quiet_minute(None)
        self.assertEqual(1, len(wire.pings))
        self.assertTrue(10.0 <= (wire.dropped_at or 0.0) < 10.0 + 2 * STEP, wire.dropped_at)
