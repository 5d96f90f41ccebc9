"""Telling people who are not looking. The pool says ``notify(kind, sentence)`` and goes on: nothing here waits, fails, or
grows without bound, whatever the mail server does.

What is critical goes out at once, the rest is gathered; in quiet hours the rest waits for the morning. Each channel gets what
the config's rules give it, and has one message on its way at a time; what comes meanwhile is put into its next one.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import Logger

from execution.rim import launch
from model.notice import Severity
from runtime.config_values import Notices

#: Notices that wait for one channel; of more the oldest are dropped, and the message says so.
MOST_WAITING = 100
#: A message that could not be sent is tried again after these, in seconds; then it is given up, and the log has it.
PAUSES = (0.0, 30.0, 300.0)
#: So long one attempt may take, in seconds.
PATIENCE = 30.0
#: How often it is looked whether the quiet hours are over, in seconds.
QUIET_LOOK = 60.0
#: Nothing was dropped.
NONE: Final[Mapping[tuple[str, Severity], int]] = {}


@frozen
class Notice:
    """One thing that people are told."""

    at: datetime
    kind: str
    sentence: str
    severity: Severity = "warning"


@frozen
class Message:
    """Some notices on their way; ``pool`` is the name of the config."""

    pool: str
    notices: tuple[Notice, ...]
    dropped: int = 0

    @property
    def subject(self) -> str:
        """The last one, in one line."""
        last, others = self.notices[-1], len(self.notices) + self.dropped - 1
        more = f" (and {others} more)" if others else ""
        return f"[{self.pool}] {last.kind}: {' '.join(last.sentence.split())[:120]}{more}"

    @property
    def text(self) -> str:
        """All of them, a line each."""
        lines = [f"{n.at:%Y-%m-%d %H:%M:%S} UTC  {n.kind}: {n.sentence}" for n in self.notices]
        return "\n".join([*lines, *([f"{self.dropped} older ones were dropped"] if self.dropped else [])]) + "\n"


#: Sends one message; its Deferred fails if it could not be sent, and can be cancelled.
Send = Callable[[Message], "Deferred[Any]"]


def why(trouble: Exception) -> str:
    """Why a channel has not taken a message, for people."""
    # Twisted's own words for a time-out are no sentence.
    return f"no answer in {PATIENCE:g} s" if isinstance(trouble, TimeoutError) else str(trouble) or type(trouble).__name__


class Post:
    """One channel: what waits for it, and the one message that is on its way."""

    log = Logger()

    def __init__(self, name: str, send: Send, pool: str, clock: Any) -> None:
        self.name = name
        #: How many messages were taken, how many attempts failed, and how many messages were given up.
        self.outcomes = {"sent": 0, "failed": 0, "given_up": 0}
        #: Notices that were dropped, as too many waited.
        self.dropped = 0
        self._send = send
        self._pool = pool
        self._clock = clock
        self._waiting: deque[Notice] = deque(maxlen=MOST_WAITING)
        self._dropped = 0
        self._is_closed = False
        self._work: Deferred[None] | None = None

    @property
    def waiting(self) -> int:
        """Notices that wait until the channel is free."""
        return len(self._waiting)

    def put(self, notices: Iterable[Notice], dropped: int = 0) -> None:
        """Send these as soon as the channel is free; so many before them were dropped."""
        self._dropped += dropped
        self.dropped += dropped
        for notice in notices:
            if len(self._waiting) == MOST_WAITING:
                self._dropped += 1
                self.dropped += 1
            self._waiting.append(notice)
        if self._work is None and self._waiting:
            self._work = launch(self.log, f"notices by {self.name}", self._send_all())
            self._work.addCallback(self._done)

    def close(self) -> None:
        """Give up what is on its way."""
        self._is_closed = True
        self._waiting.clear()
        if self._work is not None:
            self._work.cancel()

    def _done(self, _result: None) -> None:
        self._work = None

    async def _send_all(self) -> None:
        while self._waiting:
            message = Message(self._pool, tuple(self._waiting), self._dropped)
            self._waiting.clear()
            self._dropped = 0
            await self._deliver(message)

    async def _deliver(self, message: Message) -> None:
        for pause in PAUSES:
            await deferLater(self._clock, pause, lambda: None)
            try:
                await self._send(message).addTimeout(PATIENCE, self._clock)
            except CancelledError:
                raise
            except Exception as trouble:  # whatever a server or a program of the operator's does, the pool goes on
                if self._is_closed:
                    return  # an HTTP client has words of its own for being cancelled
                self.outcomes["failed"] += 1
                self.log.warn(
                    "not told by {name}: {reason}: {subject}", name=self.name, reason=why(trouble), subject=message.subject
                )
            else:
                self.outcomes["sent"] += 1
                return
        self.outcomes["given_up"] += 1
        self.log.error("given up telling by {name}: {subject}", name=self.name, subject=message.subject)


class Notifier:
    """``senders`` by channel; ``name`` is the pool's; ``clock`` and ``now`` as in :class:`clients.surroundings.Surroundings`."""

    def __init__(self, notices: Notices, name: str, senders: Mapping[str, Send], clock: Any, now: Callable[[], datetime]) -> None:
        self._rules = notices
        self._clock = clock
        self._now = now
        self.posts = [Post(channel, send, name, clock) for channel, send in senders.items()]
        self._gathered: deque[Notice] = deque(maxlen=MOST_WAITING)
        #: What was gathered and then dropped, as too much came: how many of each kind and severity.
        self._overflow: Counter[tuple[str, Severity]] = Counter()
        self._next: IDelayedCall | None = None

    def notify(self, kind: str, sentence: str, severity: Severity | None = None, /) -> None:
        """Tell people, by the rules of the config. Never waits, never fails."""
        if kind not in self._rules.events or not self.posts:
            return
        usual: Severity = "critical" if kind in self._rules.urgent else "warning"
        notice = Notice(self._now(), kind, sentence, severity or usual)
        if notice.severity == "critical":
            self._put((notice,))
            return
        if len(self._gathered) == MOST_WAITING:
            oldest = self._gathered[0]
            self._overflow[oldest.kind, oldest.severity] += 1
        self._gathered.append(notice)
        if self._next is None:
            self._next = self._clock.callLater(float(self._rules.digest), self._flush)

    def close(self) -> None:
        """Tell nothing more. Safe to repeat."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        for post in self.posts:
            post.close()

    def _flush(self) -> None:
        self._next = None
        now, quiet = self._now().astimezone(self._rules.zone), self._rules.quiet
        if quiet is not None and quiet.covers(now.hour * 60 + now.minute):
            self._next = self._clock.callLater(QUIET_LOOK, self._flush)
            return
        notices, overflow = tuple(self._gathered), dict(self._overflow)
        self._gathered.clear()
        self._overflow.clear()
        self._put(notices, overflow)

    def _put(self, notices: Iterable[Notice], overflow: Mapping[tuple[str, Severity], int] = NONE) -> None:
        for post in self.posts:
            wanted = [notice for notice in notices if self._rules.wants(post.name, notice.kind, notice.severity)]
            post.put(wanted, sum(count for what, count in overflow.items() if self._rules.wants(post.name, *what)))
