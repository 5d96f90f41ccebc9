"""A server that says what a test scripts, frame by frame: for what no honest Sputnik, and no sandbox, would send."""

import json
from collections.abc import Callable
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet import reactor

from tests.clients.test_sputnik_wire import MARKETS

CHALLENGE = '{"authid": "ilp_target", "nonce": "n0", "session": 1}'
PAST: list[Any] = []
ANSWERS: dict[str, Any] = {
    "rpc.market.get_markets": MARKETS,
    "rpc.market.get_order_book": {"contract": "BTC/HUF", "bids": [], "asks": []},
    "rpc.trader.get_open_orders": {},
    "rpc.trader.get_positions": {},
    "rpc.trader.get_transaction_history": PAST,
}


class _Connection(WebSocketServerProtocol):
    def onConnect(self, _request: Any) -> str:
        return "wamp.2.json"

    def onOpen(self) -> None:
        self.factory.peer.connections.append(self)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.peer.frame(self, json.loads(payload))

    def say(self, *frame: Any) -> None:
        """Send one frame."""
        self.sendMessage(json.dumps(frame).encode())


class Peer:
    """Logs everyone in after a salted challenge; ``answers`` maps procedures to results, or to functions that give replies.

    ``frames`` is all that was heard; ``challenge`` what is asked; ``welcome`` the answer to AUTHENTICATE.
    """

    def __init__(self) -> None:
        self.answers = dict(ANSWERS)
        self.challenge: list[Any] = [
            4, "wampcra", {"challenge": CHALLENGE, "salt": "saltilp", "iterations": 1000, "keylen": 32},
        ]  # fmt: skip
        self.welcome: list[Any] = [2, 1, {"roles": {"broker": {"features": {}}, "dealer": {"features": {}}}}]
        self.frames: list[list[Any]] = []
        self.connections: list[_Connection] = []
        self.topics: dict[str, int] = {}

    def factory(self) -> Any:
        """To listen with."""
        made: Any = WebSocketServerFactory(protocols=["wamp.2.json"], reactor=reactor)
        made.protocol, made.peer = _Connection, self
        made.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        return made

    def frame(self, connection: _Connection, frame: list[Any]) -> None:
        """Answer as scripted."""
        self.frames.append(frame)
        replies: dict[int, Callable[[], list[Any] | None]] = {
            1: lambda: self.challenge,
            5: lambda: self.welcome,
            6: lambda: [6, {}, "wamp.goodbye.normal"],
            32: lambda: [33, frame[1], self.topics.setdefault(frame[3], 100 + len(self.topics))],
            48: lambda: self.answer(frame),
        }
        reply = replies[frame[0]]()
        if reply is not None:
            connection.say(*reply)

    def answer(self, frame: list[Any]) -> list[Any] | None:
        """The frame that answers a CALL; None for silence."""
        found = self.answers[frame[3]]
        reply = found() if callable(found) else {"success": True, "result": found}
        return None if reply is None else [50, frame[1], {}, [reply]]

    def publish(self, feed: str, event: Any) -> None:
        """Send an event of the one topic that begins like ``feed``."""
        (topic,) = [topic for topic in self.topics if topic.startswith(feed)]
        self.connections[-1].say(36, self.topics[topic], 1, {}, [event])

    def calls(self, procedure: str) -> int:
        """How often a procedure was called."""
        return len([frame for frame in self.frames if frame[0] == 48 and frame[3] == procedure])
