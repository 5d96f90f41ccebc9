"""Who is logged in: browser sessions in memory, each with its own CSRF token, and the brake on guessing passwords.

A restart of the pool logs everybody out, on purpose: nothing that opens the console is ever on disk.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Literal

from attrs import define, frozen
from twisted.internet.interfaces import IReactorTime

Role = Literal["viewer", "operator"]

#: Seconds without a request after which a session ends, and after which it ends whatever happens.
IDLE_LIMIT = 30 * 60
ABSOLUTE_LIMIT = 12 * 60 * 60
#: More sessions than this are never kept; the one idle for longest goes first.
MAX_SESSIONS = 1_000


@frozen
class Person:
    """Whoever makes a request. ``csrf`` is the token that their changes must carry; None where none is needed (Basic)."""

    name: str
    role: Role
    csrf: str | None = None

    @property
    def is_operator(self) -> bool:
        """Whether they may change anything."""
        return self.role == "operator"


@define
class _Session:
    name: str
    role: Role
    begun: float
    seen: float


class Sessions:
    """Sessions by random id. Times are the injected clock's; a repeat of :meth:`end` is safe."""

    def __init__(self, clock: IReactorTime, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._secret = random_bytes(32)
        self._sessions: dict[str, _Session] = {}

    def begin(self, name: str, role: Role) -> str:
        """Log ``name`` in; the result is the new session's id, which belongs in the cookie and nowhere else."""
        self._drop_old()
        id = self._random_bytes(32).hex()
        now = self._clock.seconds()
        self._sessions[id] = _Session(name, role, now, now)
        return id

    def person(self, id: str, *, touch: bool = True) -> Person | None:
        """Who session ``id`` belongs to, or None if there is none (any more). ``touch``: it counts as used now."""
        session = self._sessions.get(id)
        if session is None:
            return None
        now = self._clock.seconds()
        if self._is_over(session, now):
            del self._sessions[id]
            return None
        if touch:
            session.seen = now
        return Person(session.name, session.role, self.token(id))

    def end(self, id: str) -> None:
        """Log out."""
        self._sessions.pop(id, None)

    def token(self, id: str) -> str:
        """The CSRF token of session ``id``: a MAC, so that a page never holds what the cookie holds."""
        return hmac.new(self._secret, id.encode(), hashlib.sha256).hexdigest()

    def is_token(self, id: str, token: str) -> bool:
        """Whether ``token`` is that of session ``id``; takes equally long for every wrong one."""
        return hmac.compare_digest(self.token(id).encode(), token.encode())

    @staticmethod
    def _is_over(session: _Session, now: float) -> bool:
        return now - session.seen > IDLE_LIMIT or now - session.begun > ABSOLUTE_LIMIT

    def _drop_old(self) -> None:
        now = self._clock.seconds()
        for id in [id for id, session in self._sessions.items() if self._is_over(session, now)]:
            del self._sessions[id]
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[min(self._sessions, key=lambda id: self._sessions[id].seen)]


@define
class _Failures:
    count: int
    last: float


class Throttle:
    """After ``free`` failures the next attempt must wait, twice as long each time, up to ``longest`` seconds.

    Attempts that are too early cost nothing: no password is looked at. Failures are forgotten after an hour without any.
    """

    MAX_KEYS = 10_000
    FORGET_AFTER = 3_600

    def __init__(self, clock: IReactorTime, free: int, longest: float) -> None:
        self._clock = clock
        self._free = free
        self._longest = longest
        self._failures: dict[str, _Failures] = {}

    def wait(self, key: str) -> float:
        """Seconds until ``key`` may try (again); 0 if at once."""
        failures = self._failures.get(key)
        if failures is None or failures.count < self._free:
            return 0.0
        # The exponent is bounded: 2 ** count would grow without end.
        pause = min(self._longest, 2.0 ** min(failures.count - self._free, 30))
        return max(0.0, failures.last + pause - self._clock.seconds())

    def failed(self, key: str) -> None:
        """Count a failure. Count it BEFORE the password is verified: parallel guesses must not slip through."""
        now = self._clock.seconds()
        known = self._failures.pop(key, None)
        fresh = known is not None and now - known.last < self.FORGET_AFTER
        # Popped and put back, so that the dict stays in the order of the last failure and its first key is the oldest.
        self._failures[key] = _Failures(known.count + 1 if known and fresh else 1, now)
        while len(self._failures) > self.MAX_KEYS:
            del self._failures[next(iter(self._failures))]

    def succeeded(self, key: str) -> None:
        """Forget the failures of ``key``."""
        self._failures.pop(key, None)
