"""A small WAMP v2 router over WebSocket and JSON, as the one of 2015 behaves: sessions, subscriptions, calls.

It is the sandbox's own, on autobahn's message classes, because autobahn has no router and the original's quirks are what
the pool must live with. Nothing but the realm's own code publishes or registers.
"""

from collections.abc import Callable
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.wamp import message
from autobahn.wamp.exception import ProtocolError
from autobahn.wamp.interfaces import IMessage
from autobahn.wamp.serializer import JsonSerializer
from autobahn.websocket.types import ConnectionDeny, ConnectionRequest
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from sandbox.wamp_legacy import objection
from sandbox.wamp_realm import IRealm
from sandbox.wamp_session import Session

LOOPBACK = "127.0.0.1"
PATH = "/ws"
SUBPROTOCOL = "wamp.2.json"
_PROTOCOL_ERROR, _INTERNAL_ERROR = 1002, 1011


class Connection(WebSocketServerProtocol):
    """One client's WebSocket: bytes to messages and back, and the ways a connection can fail."""

    factory: "RouterFactory"
    transport: Any
    session: Session | None = None
    is_silent = False

    def connectionMade(self) -> None:
        """Be known to the router before the handshake, too, so that it can end us."""
        super().connectionMade()
        self.factory.router.connections.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Forget the session, however the connection ended."""
        super().connectionLost(reason)
        if self.session is not None:
            self.session.closed()
        self.factory.router.closed(self)

    def onConnect(self, request: ConnectionRequest) -> str:
        """Let in who asks for WAMP in JSON at the right path.

        :raises ConnectionDeny: with the HTTP status of the refusal.
        """
        router = self.factory.router
        if request.path != PATH or not router.admits():
            raise ConnectionDeny(ConnectionDeny.FORBIDDEN, "Forbidden")
        if SUBPROTOCOL not in request.protocols:
            raise ConnectionDeny(ConnectionDeny.BAD_REQUEST, f"This server only speaks WebSocket subprotocols {SUBPROTOCOL}")
        self._serializer = JsonSerializer()
        self.session = Session(router.realm, router, self.deliver)
        return SUBPROTOCOL

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Pass each message to the session; what cannot be borne closes the connection."""
        try:
            complaint = objection(payload) if self.factory.router.strict_2015 else None
            if complaint is not None:
                self._fail_connection(_INTERNAL_ERROR, f"WAMP Internal Error ({complaint})")
                return
            for incoming in self._serializer.unserialize(payload, isBinary):
                if self.session is not None:
                    self.session.received(incoming)
        except ProtocolError as error:
            self._fail_connection(_PROTOCOL_ERROR, f"WAMP Protocol Error ({error})")

    @property
    def authid(self) -> str | None:
        """Who it is; None before it has joined."""
        identity = self.session.identity if self.session is not None else None
        return identity.authid if identity is not None else None

    def deliver(self, outgoing: message.Message) -> None:
        """Send a message, unless the connection is closing or plays dead."""
        if self.state == self.STATE_OPEN and not self.is_silent:
            self.sendMessage(*self._serializer.serialize(cast(IMessage, outgoing)))  # type: ignore[no-untyped-call]

    def play_dead(self) -> None:
        """Stay connected, but neither read (so that pings, too, go unanswered) nor write: a half-open connection."""
        self.is_silent = True
        self.transport.pauseProducing()

    def drop(self) -> None:
        """End the TCP connection at once, without a closing handshake."""
        self.transport.abortConnection()


class RouterFactory(WebSocketServerFactory):
    """Builds a :class:`Connection` for each client of a router."""

    protocol: Any = Connection
    noisy = False

    def __init__(self, router: "Router", reactor: Any) -> None:
        super().__init__(reactor=reactor, server="AutobahnPython/0.9.5", protocols=[SUBPROTOCOL])  # type: ignore[no-untyped-call]
        self.router = router
        # No time-outs: they would run on the process's own reactor, whatever reactor we were given. A close code must
        # reach the client, so a failure closes with a handshake.
        self.setProtocolOptions(failByDrop=False, openHandshakeTimeout=0, closeHandshakeTimeout=0)  # type: ignore[no-untyped-call]


class Router:
    """The router and its listening port.

    :param realm: who may join, what can be called, who may hear what.
    :param strict_2015: whether to fail where the router of 2015 fails (:mod:`sandbox.wamp_legacy`).
    :param admits: asked per new connection whether it is let in.
    """

    def __init__(self, realm: IRealm, reactor: Any, strict_2015: bool = True, admits: Callable[[], bool] = lambda: True) -> None:
        self.realm = realm
        self.strict_2015 = strict_2015
        self.admits = admits
        self.connections: set[Connection] = set()
        self._reactor = reactor
        self._port: Any = None
        self._subscriptions: dict[str, int] = {}
        self._subscribers: dict[int, dict[Session, None]] = {}
        self._last_publication = 0
        self._leaving: dict[Connection, Deferred[None]] = {}

    def listen(self, port: int = 0) -> Deferred[int]:
        """Listen on the loopback address; fires with the port, which is any free one for 0."""
        return maybeDeferred(self._listen, port)

    def _listen(self, port: int) -> int:
        self._port = self._reactor.listenTCP(port, RouterFactory(self, self._reactor), interface=LOOPBACK)
        return int(self._port.getHost().port)

    def stop(self) -> Deferred[None]:
        """Stop listening and end all connections; fires when they are gone. A repeat is safe."""
        port, self._port = self._port, None
        listening = maybeDeferred(port.stopListening) if port is not None else maybeDeferred(lambda: None)
        gone = [self._end(connection) for connection in list(self.connections)]
        return gatherResults([listening, *gone], consumeErrors=True).addCallback(lambda _: None)

    def _end(self, connection: Connection) -> Deferred[None]:
        done = self._leaving[connection] = Deferred()
        connection.drop()
        return done

    def closed(self, connection: Connection) -> None:
        """A connection is gone (told by the connection itself)."""
        self.connections.discard(connection)
        waiting = self._leaving.pop(connection, None)
        if waiting is not None:
            waiting.callback(None)

    def publish(self, topic: str, event: object) -> None:
        """Send ``event``, JSON-ready, to every session that hears ``topic``, as the one positional argument."""
        subscription = self._subscriptions.get(topic)
        if subscription is None:
            return
        self._last_publication += 1
        outgoing = message.Event(subscription, self._last_publication, args=[event])
        for session in list(self._subscribers[subscription]):
            session.send(outgoing)

    def subscribe(self, session: Session, topic: str) -> int:
        """See :class:`sandbox.wamp_session.Broker`."""
        subscription = self._subscriptions.setdefault(topic, len(self._subscriptions) + 1)
        self._subscribers.setdefault(subscription, {})[session] = None
        return subscription

    def unsubscribe(self, session: Session, subscription: int) -> bool:
        """See :class:`sandbox.wamp_session.Broker`."""
        subscribers = self._subscribers.get(subscription, {})
        if session not in subscribers:
            return False
        del subscribers[session]
        return True

    def forget(self, session: Session) -> None:
        """See :class:`sandbox.wamp_session.Broker`."""
        for subscribers in self._subscribers.values():
            subscribers.pop(session, None)

    def drop(self, authid: str | None = None) -> int:
        """Cut the connections of one user, or all; how many there were."""
        return self._each(Connection.drop, authid)

    def play_dead(self, authid: str | None = None) -> int:
        """Leave the connections of one user, or all, half open; how many there were."""
        return self._each(Connection.play_dead, authid)

    def _each(self, act: Callable[[Connection], None], authid: str | None) -> int:
        chosen = [connection for connection in self.connections if authid in (None, connection.authid)]
        for connection in chosen:
            act(connection)
        return len(chosen)
