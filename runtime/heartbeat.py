"""The pool's heartbeat: a file that it touches every second, and how another process feels it, there or at a URL."""

import os
from pathlib import Path
from typing import Any

import treq
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

#: How often the pool touches its file, in seconds.
EVERY = 1.0
#: So long a URL may take to answer, in seconds.
ANSWER = 3.0


def is_url(heartbeat: str) -> bool:
    """Whether it is a URL, and no file's path."""
    return heartbeat.startswith(("http://", "https://"))


class Heartbeat:
    """Touches the file while the reactor turns: a process that hangs, or is stopped, is as dead as one that has ended."""

    log = Logger()

    def __init__(self, path: Path, clock: Any) -> None:
        #: When it was last touched, in seconds since 1970; None if it never was.
        self.touched: float | None = None
        self._path = path
        self._loop = LoopingCall(self._touch)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin at once."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._loop.start(EVERY)

    def close(self) -> None:
        """End. Safe to repeat."""
        if self._loop.running:
            self._loop.stop()

    def _touch(self) -> None:
        try:
            self._path.touch()
            self.touched = self._path.stat().st_mtime
        except OSError as trouble:
            self.log.warn("no heartbeat: {trouble}", trouble=str(trouble))


class Pulse:
    """Feels a heartbeat. ``reactor`` gives time and sockets."""

    def __init__(self, heartbeat: str, reactor: Any) -> None:
        self._heartbeat = heartbeat
        self._reactor = reactor
        self._last: int | None = None

    async def beats(self) -> bool:
        """Whether it has beaten since the last time. Never fails: what cannot be felt does not beat."""
        if is_url(self._heartbeat):
            return await self._answers()
        try:
            now = os.stat(self._heartbeat).st_mtime_ns
        except OSError:
            return False
        last, self._last = self._last, now
        return last is not None and now != last

    async def _answers(self) -> bool:
        try:
            asked = treq.get(self._heartbeat, reactor=self._reactor, persistent=False, unbuffered=True)
            answer = await asked.addTimeout(ANSWER, self._reactor)
            await answer.content().addTimeout(ANSWER, self._reactor)
        except Exception:  # whatever else an HTTP client finds to say, there was no beat
            return False
        return bool(answer.code == 200)
