"""Clients for the router's tests: one that speaks bare WAMP frames, one that is autobahn's own session class."""

import base64
import hashlib
import hmac
import json
from typing import Any

from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import (
    WampWebSocketClientFactory,
    WebSocketClientFactory,
    WebSocketClientProtocol,
)
from autobahn.wamp import auth, role
from autobahn.wamp.serializer import JsonSerializer
from autobahn.wamp.types import ComponentConfig
from twisted.internet.defer import Deferred, DeferredQueue

LOOPBACK = "127.0.0.1"
LEGACY_ROLES: dict[str, Any] = {"subscriber": {}, "publisher": {}, "caller": {}, "callee": {}}


def answer_to(challenge: dict[str, Any], password: str) -> str:
    """The CRA signature, written out once more, so that no derivation is checked against itself."""
    key = hashlib.pbkdf2_hmac(
        "sha256", password.encode(), challenge["salt"].encode(), challenge["iterations"], challenge["keylen"]
    )
    secret = base64.b64encode(key)
    return base64.b64encode(hmac.new(secret, challenge["challenge"].encode(), "sha256").digest()).decode()


class FrameClient(WebSocketClientProtocol):
    """Sends and receives WAMP messages as plain lists."""

    factory: Any

    def __init__(self) -> None:
        super().__init__()
        self.frames: DeferredQueue[list[Any]] = DeferredQueue()
        self.seen: list[list[Any]] = []
        self.closed: Deferred[tuple[int | None, str | None]] = Deferred()

    def onOpen(self) -> None:
        """Tell whoever waits for the connection."""
        self.factory.opened.callback(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        """Keep each frame for :meth:`next`."""
        frame = json.loads(payload)
        self.seen.append(frame)
        self.frames.put(frame)

    def onClose(self, _was_clean: bool, code: int | None, reason: str | None) -> None:
        """Tell how it ended."""
        if not self.factory.opened.called:
            self.factory.opened.errback(ConnectionError(reason))
        self.closed.callback((code, reason))

    def say(self, *frame: Any) -> None:
        """Send one message."""
        self.sendMessage(json.dumps(frame).encode())

    def next(self) -> Deferred[list[Any]]:
        """The next message that has not been asked for."""
        return self.frames.get()

    async def join(self, authid: str, password: str, roles: dict[str, Any] = LEGACY_ROLES) -> list[Any]:
        """Log in as a user; the answer to AUTHENTICATE."""
        self.say(1, "sputnik", {"roles": roles, "authmethods": ["wampcra"], "authid": authid})
        _kind, _method, challenge = await self.next()
        self.say(5, answer_to(challenge, password), {})
        return await self.next()

    async def call(self, procedure: str, *args: Any, **kwargs: Any) -> Any:
        """Call, skipping events (they stay in ``seen``); the one value of RESULT, or the whole ERROR."""
        request = len(self.seen) + 1000
        self.say(48, request, {}, procedure, list(args), kwargs)
        while True:
            frame = await self.next()
            if frame[0] == 50 and frame[1] == request:
                return frame[3][0]
            if frame[0] == 8 and frame[2] == request:
                return frame

    async def subscribe(self, topic: str) -> int:
        """Subscribe; the subscription's id."""
        self.say(32, 900 + len(self.seen), {}, topic)
        frame = await self.next()
        assert frame[0] == 33, frame
        return int(frame[2])


def frame_client(reactor: Any, port: int, path: str = "/ws", protocols: tuple[str, ...] = ("wamp.2.json",)) -> Deferred[Any]:
    """Connect; fires with the :class:`FrameClient`, or fails with ConnectionError."""
    factory: Any = WebSocketClientFactory(f"ws://{LOOPBACK}:{port}{path}", protocols=list(protocols), reactor=reactor)
    factory.protocol = FrameClient
    factory.opened = Deferred()
    return _connect(reactor, port, factory)


class Visitor(ApplicationSession):
    """Autobahn's own session, announcing no more than the old router bears."""

    authid = "ilp_target"
    password = "ilp"
    authmethods = ("wampcra",)

    def __init__(self) -> None:
        super().__init__(ComponentConfig("sputnik"))
        features = (
            role.RoleSubscriberFeatures,
            role.RolePublisherFeatures,
            role.RoleCallerFeatures,
            role.RoleCalleeFeatures,
        )
        self._session_roles = {feature.ROLE: feature() for feature in features}
        self.joined: Deferred[Any] = Deferred()
        self.left: Deferred[Any] = Deferred()

    def onConnect(self) -> None:
        """Say HELLO."""
        self.join("sputnik", list(self.authmethods), self.authid)

    def onChallenge(self, challenge: Any) -> str:
        """Sign as autobahn does."""
        extra = challenge.extra
        key = auth.derive_key(self.password, extra["salt"], extra["iterations"], extra["keylen"])
        return str(auth.compute_wcs(key, extra["challenge"]).decode())

    def onJoin(self, details: Any) -> None:
        """Tell whoever waits."""
        self.joined.callback(details)

    def onLeave(self, details: Any) -> None:
        """Tell why; then close, as every client must."""
        if not self.joined.called:
            self.joined.errback(ConnectionError(details.reason, details.message))
        self.disconnect()

    def onDisconnect(self) -> None:
        """The socket is closed."""
        self.left.callback(None)


def visit(reactor: Any, port: int, visitor: Visitor) -> Deferred[Any]:
    """Connect and join; fires with the session's details."""
    factory: Any = WampWebSocketClientFactory(
        lambda: visitor, url=f"ws://{LOOPBACK}:{port}/ws", reactor=reactor, serializers=[JsonSerializer()]
    )
    factory.opened = visitor.joined
    return _connect(reactor, port, factory)


def _connect(reactor: Any, port: int, factory: Any) -> Deferred[Any]:
    # autobahn's own time-outs would outlive the test.
    factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0, serverConnectionDropTimeout=0)
    reactor.connectTCP(LOOPBACK, port, factory)
    opened: Deferred[Any] = factory.opened
    return opened
