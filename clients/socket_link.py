"""A WebSocket that stays connected: dialled again with back-off, watched for silence, hung up for good on request.

The life cycle is a machine with every (state, input) pair written down (:mod:`clients.socket_life`); the machine
decides, the :class:`SocketLink` does what it says and brings the results back as inputs.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IDelayedCall, IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger
from twisted.python.failure import Failure

from clients.backoff import Backoff
from clients.errors import ExchangeError
from clients.http_link import exact_json
from clients.socket_life import life_machine
from clients.surroundings import Surroundings

#: Seconds to wait for a connection with its WebSocket handshake, and for the other side to say good-bye.
DIAL_LIMIT = 15.0
GOODBYE_LIMIT = 2.0
LONGEST_MESSAGE = 32 * 1024 * 1024


class _Wire(WebSocketClientProtocol):
    """Autobahn's side of one connection; it only reports."""

    def onOpen(self) -> None:
        self.factory.link.wire_opened(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.link.wire_heard(self, payload, isBinary)

    def onPong(self, _payload: bytes) -> None:
        self.factory.link.wire_alive(self)

    def onClose(self, _was_clean: bool, code: int | None, reason: str | None) -> None:
        self.factory.link.wire_closed(self, f"{code} {reason}")


class SocketLink:
    """A connection of JSON text messages to ``url`` (ws:// or wss://; with wss the host name is verified).

    ``opened()`` is called whenever the connection stands (subscribe there), ``heard(message)`` with every message, its
    numbers exact, ``lost()`` when it is gone again. If ``heard`` raises an :class:`ExchangeError` or ``ValueError``, or a
    message is no JSON, nothing that came after may be trusted: the connection is dropped and made anew.

    ``silence_limit``: after so many seconds without any message the connection is taken for dead; after half of them it is
    asked for a sign of life, ``ping`` as a message or, without one, WebSocket's own ping. ``headers()``: what the request for
    the connection carries besides, asked for at each attempt.
    """

    log = Logger()

    def __init__(
        self,
        name: str,
        url: str,
        surroundings: Surroundings,
        *,
        opened: Callable[[], object],
        heard: Callable[[Any], object],
        lost: Callable[[], object],
        ping: str | None = None,
        silence_limit: float = 20.0,
        backoff: Backoff | None = None,
        headers: Callable[[], Mapping[str, str]] | None = None,
    ) -> None:
        self._name = name
        self._url = url
        self._surroundings = surroundings
        self._clock = surroundings.reactor
        self._opened, self._heard, self._lost = opened, heard, lost
        self._ping = None if ping is None else ping.encode()
        self._silence_limit = silence_limit
        self._backoff = backoff or Backoff(surroundings.random)
        self._headers = headers
        self._wire: _Wire | None = None
        self._attempt: Deferred[Any] | None = None
        self._timer: IDelayedCall | None = None
        self._closed: list[Deferred[None]] = []
        self._is_closed = False
        self._heard_at = 0.0
        self.last_heard: int | None = None
        self._life = life_machine(self)

    def start(self) -> None:
        """Connect, and stay connected. A repeat changes nothing."""
        self._life.start()

    def close(self) -> "Deferred[None]":
        """Hang up for good; fires when it is done. A repeat is safe."""
        if self._is_closed:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._closed.append(done)
        self._life.close()
        return done

    def send(self, message: Mapping[str, Any]) -> bool:
        """Send ``message`` as JSON; False if there is no connection, and then nothing was sent."""
        return self._send_text(_json(message))

    def drop(self, why: str) -> None:
        """End this connection because it cannot be trusted; a new one is made after a back-off."""
        self.log.warn("{name}: connection dropped: {why}", name=self._name, why=why)
        self._abort()

    def settled(self) -> None:
        """The owner is content with this connection: after the next loss the first wait is short again.

        Not every connection that opens is a success: a venue that greets and then refuses must see longer and longer waits.
        """
        self._backoff.reset()

    # What the wire reports. Reports of a wire that is not ours any more are news of the past.

    def wire_opened(self, wire: _Wire) -> None:
        """The handshake is done."""
        if wire is not self._wire:
            wire.dropConnection(abort=True)
            return
        self._alive()
        self._watch()
        self._life.opened()

    def wire_heard(self, wire: _Wire, payload: bytes, is_binary: bool) -> None:
        """A message has come."""
        if wire is not self._wire:
            return
        self._alive()
        try:
            if is_binary:
                raise ValueError("a binary message")
            self._heard(exact_json(payload))
        except (ExchangeError, ValueError) as error:
            self.drop(str(error))

    def wire_alive(self, wire: _Wire) -> None:
        """A pong has come."""
        if wire is self._wire:
            self._alive()

    def wire_closed(self, wire: _Wire, why: str) -> None:
        """It is gone."""
        if wire is not self._wire:
            return
        self.log.info("{name}: connection closed: {why}", name=self._name, why=why)
        self._gone()

    # What the machine lets be done (:class:`Hands`).

    def dial(self) -> None:
        # Any: autobahn has no types.
        headers = dict(self._headers()) if self._headers else None
        factory: Any = WebSocketClientFactory(self._url, headers=headers, reactor=self._clock)
        factory.protocol, factory.link = _Wire, self
        # Its own timers would run on the global reactor; ours run on the clock that we were given.
        factory.setProtocolOptions(
            openHandshakeTimeout=0,
            closeHandshakeTimeout=0,
            serverConnectionDropTimeout=0,
            maxMessagePayloadSize=LONGEST_MESSAGE,
            maxFramePayloadSize=LONGEST_MESSAGE,
        )
        self._timer = self._clock.callLater(DIAL_LIMIT, self._dialled_too_long)
        self._attempt = _endpoint(self._url, self._clock).connect(factory)
        self._attempt.addCallbacks(self._connected, self._not_connected)

    def wait(self) -> None:
        self._timer = self._clock.callLater(self._backoff.next_delay(), self._life.retry)

    def stop_waiting(self) -> None:
        self._stop_timer()

    def hang_up(self) -> None:
        wire = self._open_wire()
        if wire is None:
            self._abort()
            return
        self._stop_timer()
        self._timer = self._clock.callLater(GOODBYE_LIMIT, self._abort)
        wire.sendClose(1000)

    def tell_opened(self) -> None:
        self._opened()

    def tell_lost(self) -> None:
        self._lost()

    def tell_closed(self) -> None:
        self._is_closed = True
        waiting, self._closed = self._closed, []
        for done in waiting:
            done.callback(None)

    # How it is done.

    def _connected(self, wire: _Wire) -> None:
        self._attempt = None
        self._wire = wire

    def _not_connected(self, failure: Failure) -> None:
        self._attempt = None
        self.log.info("{name}: no connection: {why}", name=self._name, why=failure.getErrorMessage())
        self._gone()

    def _dialled_too_long(self) -> None:
        self._timer = None
        self.log.info("{name}: no connection within {limit} s", name=self._name, limit=DIAL_LIMIT)
        self._abort()

    def _gone(self) -> None:
        self._wire = None
        self._stop_timer()
        self._life.lost()

    def _abort(self) -> None:
        if self._attempt is not None:
            self._attempt.cancel()
        elif self._wire is not None:
            self._wire.dropConnection(abort=True)

    def _alive(self) -> None:
        self._heard_at = self._clock.seconds()
        self.last_heard = self._surroundings.microseconds()

    def _watch(self) -> None:
        """Look again when half the silence limit is over, which is asked about, and then when all of it is: the end.

        Counted from the last message: counted from the last look, an answer that came just after it would be old too soon.
        """
        self._stop_timer()
        silence, half = self._clock.seconds() - self._heard_at, self._silence_limit / 2
        due = half if silence < half else self._silence_limit
        self._timer = self._clock.callLater(max(0.0, due - silence), self._look)

    def _look(self) -> None:
        self._timer = None
        silence = self._clock.seconds() - self._heard_at
        if silence >= self._silence_limit:
            self.drop(f"silent for {silence:.0f} s")
            return
        if silence >= self._silence_limit / 2:
            self._ask_for_life()
        self._watch()

    def _ask_for_life(self) -> None:
        if self._ping is not None:
            self._send_text(self._ping)
        elif self._wire is not None:
            self._wire.sendPing()

    def _send_text(self, text: bytes) -> bool:
        wire: Any = self._open_wire()
        if wire is None:
            return False
        wire.sendMessage(text)
        return True

    def _open_wire(self) -> _Wire | None:
        # Autobahn raises when a message is sent on a connection that is not open (any more).
        wire = self._wire
        return wire if wire is not None and wire.state == WebSocketClientProtocol.STATE_OPEN else None

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None


def _endpoint(url: str, reactor: Any) -> IStreamClientEndpoint:
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_secure = parts.scheme == "wss"
    plain = HostnameEndpoint(reactor, host, parts.port or (443 if is_secure else 80))
    return wrapClientTLS(optionsForClientTLS(host), plain) if is_secure else plain


def _json(message: Mapping[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
