"""Subscriptions on one connection to Bitstamp, asked for one at a time: its errors do not say which channel they are about."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field

from clients.parsing import text

SUCCEEDED, ERROR, RECONNECT = "bts:subscription_succeeded", "bts:error", "bts:request_reconnect"
#: The venue answers with the same.
HEARTBEAT = '{"event":"bts:heartbeat"}'


@define
class Subscriptions:
    """``send(message)`` sends. What is answered is told by :meth:`answered`, and the next one is sent."""

    _send: Callable[[Mapping[str, Any]], object]
    _waiting: deque[tuple[str, str | None]] = field(factory=deque, init=False)

    def ask(self, channel: str, token: str | None = None) -> None:
        """Subscribe to ``channel`` as soon as nothing else is asked; ``token``: what opens a private one."""
        self._waiting.append((channel, token))
        if len(self._waiting) == 1:
            self._send_first()

    def answered(self, message: Mapping[str, Any]) -> str | None:
        """The channel that ``message`` answers the question for, with yes or no; None if it answers none of ours.

        :raises ValueError: (or KeyError) for what breaks the format.
        """
        event = message["event"]
        is_yes = event == SUCCEEDED and self._waiting and text(message["channel"], "channel") == self._waiting[0][0]
        if not self._waiting or not (is_yes or event == ERROR):
            return None
        channel, _ = self._waiting.popleft()
        if self._waiting:
            self._send_first()
        return channel

    def clear(self) -> None:
        """The connection is gone, and all questions with it."""
        self._waiting.clear()

    def _send_first(self) -> None:
        channel, token = self._waiting[0]
        data = {"channel": channel} if token is None else {"channel": channel, "auth": token}
        self._send({"event": "bts:subscribe", "data": data})
