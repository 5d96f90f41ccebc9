"""Live pages: each viewer's browser is sent the newest rendering of its page, never a queue of old ones.

A page is rendered once for all its viewers, at most four times a second, and only while somebody looks. Pages are drawn one
a turn of the reactor and sent to a few viewers a turn, and both together take a twentieth of its time at most: the trading
loop comes first. A viewer who reads slowly misses renderings instead of piling them up; one who reads nothing for a minute
is cut off, and reconnects when it can.
"""

from collections.abc import Callable
from typing import ClassVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from twisted.logger import Logger
from twisted.web.server import Request
from zope.interface import implementer

#: Seconds: between two renderings when things change, and when nothing does (ages grow all the same).
SHORTEST, LONGEST = 0.25, 1.0
#: Seconds between two comments that keep an unchanged page's connection open, and until a stuck viewer is dropped.
HEARTBEAT, STUCK = 15.0, 60.0
MAX_VIEWERS = 500
#: After drawing or sending a page the reactor is left to others for so many times as long as that took.
REST = 19.0
#: So many viewers are sent a page in one turn.
AT_ONCE = 10


@implementer(IPushProducer)
@define(eq=False)
class Viewer:
    """One open stream. ``is_welcome`` says whether its session still is one."""

    request: Request
    page: str
    is_welcome: Callable[[], bool]
    clock: IReactorTime
    waiting: bytes = b""
    sent: bytes = b""
    sent_at: float = 0.0
    paused_at: float | None = field(default=None)

    def show(self, event: bytes) -> None:
        """Send ``event`` if it is new; while the connection is full only the newest is kept."""
        if event == self.sent:
            self._beat()
        elif self.paused_at is not None:
            self.waiting = event
        else:
            self.sent, self.waiting = event, b""
            self._write(event)

    def is_stuck(self) -> bool:
        """Whether the connection has taken nothing for too long."""
        return self.paused_at is not None and self.clock.seconds() - self.paused_at > STUCK

    def pauseProducing(self) -> None:
        """The connection is full."""
        self.paused_at = self.clock.seconds()

    def resumeProducing(self) -> None:
        """The connection has room again."""
        self.paused_at = None
        if self.waiting:
            self.show(self.waiting)

    def stopProducing(self) -> None:
        """The connection is gone; the request's own notification cleans up."""
        self.paused_at = self.clock.seconds()

    def _beat(self) -> None:
        if self.paused_at is None and self.clock.seconds() - self.sent_at >= HEARTBEAT:
            self._write(b": still here\n\n")

    def _write(self, data: bytes) -> None:
        self.sent_at = self.clock.seconds()
        self.request.write(data)


class Live:
    """All viewers. ``render`` makes a page's live part, as HTML."""

    log: ClassVar[Logger] = Logger()

    def __init__(self, clock: IReactorTime, render: Callable[[str], str]) -> None:
        self._clock = clock
        self._render = render
        self._viewers: dict[Viewer, Deferred[None]] = {}
        self._timer: IDelayedCall | None = None
        self._shown_at = self._free_at = 0.0
        self._waiting: list[str] = []
        self._audience: list[tuple[Viewer, bytes]] = []
        self._drawn: dict[str, tuple[float, bytes]] = {}

    @property
    def viewers(self) -> int:
        """How many are looking."""
        return len(self._viewers)

    def changed(self) -> None:
        """Something to show has changed: bring the next rendering forward."""
        if self._timer is not None and not self._waiting and not self._audience:
            due = max(0.0, max(self._shown_at + SHORTEST, self._free_at) - self._clock.seconds())
            if self._timer.getTime() - self._clock.seconds() > due:
                self._timer.reset(due)

    def attach(self, request: Request, page: str, is_welcome: Callable[[], bool]) -> "Deferred[None]":
        """Stream ``page`` to ``request`` until it leaves, its session ends or the console closes; then the Deferred fires.

        Klein finishes the request when it fires, and cancels it when the browser leaves: that is the clean-up.
        """
        viewer = Viewer(request, page, is_welcome, self._clock)
        done: Deferred[None] = Deferred(lambda _: self._forget(viewer))
        self._viewers[viewer] = done
        request.setHeader(b"content-type", b"text/event-stream; charset=utf-8")
        request.registerProducer(viewer, True)
        at, event = self._drawn.get(page, (0.0, b""))
        # Two hundred who come at once, after a restart of a proxy, see one drawing.
        viewer.show(event if event and self._clock.seconds() - at < LONGEST else self._event(page))
        if self._timer is None:
            self._timer = self._clock.callLater(LONGEST, self._tick)
        return done

    def close(self) -> None:
        """Let every viewer go. A repeat is safe."""
        for viewer in list(self._viewers):
            self._dismiss(viewer)

    def _tick(self) -> None:
        self._timer = None
        self._shown_at = self._clock.seconds()
        for viewer in list(self._viewers):
            if viewer.is_stuck():
                viewer.request.channel.forceAbortClient()
            elif not viewer.is_welcome():
                self._dismiss(viewer)
        self._waiting = sorted({viewer.page for viewer in self._viewers})
        self._draw()

    def _draw(self) -> None:
        """Send what is drawn to the next viewers, or draw the next page that waits; when all is done, all anew in a while."""
        self._timer = None
        began = self._clock.seconds()
        if self._audience:
            now, self._audience = self._audience[:AT_ONCE], self._audience[AT_ONCE:]
            for viewer, event in now:
                if viewer in self._viewers:
                    viewer.show(event)
        elif self._waiting:
            self._show(self._waiting.pop())
        if not self._viewers:
            return
        rest = (self._clock.seconds() - began) * REST
        self._free_at = self._clock.seconds() + rest
        if self._audience or self._waiting:
            self._timer = self._clock.callLater(rest, self._draw)
        else:
            self._timer = self._clock.callLater(max(rest, LONGEST), self._tick)

    def _show(self, page: str) -> None:
        try:
            event = self._event(page)
        except Exception:
            # A page that cannot be drawn must not end the streams of those that can; it is tried again at the next tick.
            self.log.failure("the live page {page} cannot be drawn", page=page)
            return
        self._audience = [(viewer, event) for viewer in self._viewers if viewer.page == page]

    def _event(self, page: str) -> bytes:
        lines = self._render(page).splitlines()
        event = b"".join(b"data: %s\n" % line.encode() for line in lines if line.strip()) + b"\n"
        self._drawn[page] = (self._clock.seconds(), event)
        return event

    def _dismiss(self, viewer: Viewer) -> None:
        done = self._viewers.get(viewer)
        self._forget(viewer)
        if done is not None:
            viewer.request.unregisterProducer()
            done.callback(None)

    def _forget(self, viewer: Viewer) -> None:
        self._viewers.pop(viewer, None)
        if not self._viewers:
            self._waiting, self._audience = [], []
            timer, self._timer = self._timer, None
            if timer is not None:
                timer.cancel()
