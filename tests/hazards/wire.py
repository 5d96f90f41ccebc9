"""A wire that can go silent without breaking, as real ones do: a relay between a client and a venue."""

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.protocols import portforward


class _Server(portforward.ProxyServer):
    factory: "Wire"

    def connectionMade(self) -> None:
        super().connectionMade()
        self.factory.ends.add(self)

    def connectionLost(self, reason: Any = connectionDone) -> None:
        self.factory.ends.discard(self)
        super().connectionLost(reason)


class Wire(portforward.ProxyFactory):
    """Relays to ``port`` of this machine, until :meth:`hold` and again after :meth:`let_go`; nothing is lost in between."""

    noisy = False
    protocol = _Server

    def __init__(self, reactor: Any, port: int) -> None:
        super().__init__("127.0.0.1", port)
        self.ends: set[Any] = set()
        self._listening = reactor.listenTCP(0, self, interface="127.0.0.1")

    def entrance(self) -> int:
        """The port where clients come in."""
        return int(self._listening.getHost().port)

    def hold(self) -> None:
        """Pass nothing on from the venue."""
        for end in self.ends:
            end.peer.transport.pauseProducing()

    def let_go(self) -> None:
        """Pass on what has waited, and what comes."""
        for end in self.ends:
            end.peer.transport.resumeProducing()

    async def close(self) -> None:
        """Break everything, as the end of a test does."""
        stopped: Deferred[None] = self._listening.stopListening()
        for end in set(self.ends):
            end.transport.abortConnection()
        await stopped
