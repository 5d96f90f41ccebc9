"""A plain caller of Kraken's wire, written from its documentation for the tests: signs, calls, streams."""

import base64
import hashlib
import hmac
import json
from decimal import Decimal
from itertools import count
from typing import Any, cast
from urllib.parse import urlencode

import treq
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.web.client import HTTPConnectionPool


def sign(secret: str, path: str, nonce: str, body: bytes) -> str:
    """API-Sign of a body."""
    digest = path.encode() + hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(hmac.new(base64.b64decode(secret), digest, hashlib.sha512).digest()).decode()


class Caller:
    """One API key at one port; answers whole envelopes, numbers as Decimal."""

    def __init__(self, port: int, key: str, secret: str) -> None:
        self.port = port
        self._key = key
        self._secret = secret
        self._nonces = count(1000)
        self._pool = HTTPConnectionPool(reactor, persistent=False)

    async def public(self, call: str, **query: Any) -> Any:
        response = await treq.get(f"http://127.0.0.1:{self.port}/0/public/{call}", params=query, pool=self._pool)
        return json.loads(await response.content(), parse_float=Decimal)

    async def private(self, call: str, nonce: int | None = None, secret: str | None = None, **fields: Any) -> Any:
        path, number = f"/0/private/{call}", str(next(self._nonces) if nonce is None else nonce)
        body = urlencode({"nonce": number, **fields}).encode()
        headers: dict[bytes | str, bytes | str] = {
            "API-Key": self._key,
            "API-Sign": sign(secret or self._secret, path, number, body),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        response = await treq.post(f"http://127.0.0.1:{self.port}{path}", data=body, headers=headers, pool=self._pool)
        return json.loads(await response.content(), parse_float=Decimal)

    async def result(self, call: str, **fields: Any) -> Any:
        """The result of a private call that must succeed."""
        answer = await self.private(call, **fields)
        assert answer["error"] == [], answer
        return answer["result"]

    async def stream(self) -> "Listener":
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{self.port}/v2")
        factory.protocol = Listener
        protocol: Any = factory.buildProtocol(None)
        await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", self.port), protocol)
        return cast(Listener, protocol)


class Listener(WebSocketClientProtocol):
    """Collects what the stream says; ``until`` waits for a message that fits."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Any] = []
        self.closed: Deferred[None] = Deferred()
        self._waiting: list[tuple[Any, Deferred[Any]]] = []

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.messages.append(json.loads(payload, parse_float=Decimal))
        for fits, waiting in list(self._waiting):
            if fits(self.messages[-1]):
                self._waiting.remove((fits, waiting))
                waiting.callback(self.messages[-1])

    def onClose(self, wasClean: bool, code: Any, reason: Any) -> None:
        self.closed.callback(None)

    def ask(self, **request: Any) -> None:
        self.sendMessage(json.dumps(request).encode())

    def until(self, fits: Any) -> Deferred[Any]:
        """The first message that fits, past or future."""
        found = next((message for message in self.messages if fits(message)), None)
        waiting: Deferred[Any] = Deferred()
        if found is None:
            self._waiting.append((fits, waiting))
        else:
            waiting.callback(found)
        return waiting.addTimeout(5, reactor)

    async def close(self) -> None:
        self.sendClose()
        await self.closed
