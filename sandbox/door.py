"""Where a front is reached: one loopback port whose connections can be refused, dropped all at once, and closed for good."""

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IAddress
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web.http import Request
from twisted.web.resource import IResource
from twisted.web.server import Site

LOOPBACK = "127.0.0.1"


def answer_later(request: Request, body: bytes, reactor: Any, seconds: float) -> None:
    """Answer a request that has returned NOT_DONE_YET, unless the client gives up before."""

    def answer_now() -> None:
        request.write(body)
        request.finish()

    waiting = reactor.callLater(seconds, answer_now)
    # notifyFinish fails when the client has gone; writing to it then would be an error of ours.
    request.notifyFinish().addErrback(lambda _: waiting.cancel() if waiting.active() else None)


class _QuietSite(Site):
    """No access log: a busy sandbox would fill the pool's log with its own requests."""

    noisy = False

    def log(self, _request: Request) -> None:
        return


class Door(WrappingFactory):
    """HTTP (and what upgrades from it) on ``reactor``; ``admits`` is asked for each new connection."""

    noisy = False

    def __init__(self, resource: IResource, reactor: Any, admits: Callable[[], bool] = lambda: True) -> None:
        site = _QuietSite(resource, timeout=None, reactor=reactor)  # type: ignore[no-untyped-call]
        super().__init__(site)  # type: ignore[no-untyped-call]
        self._reactor = reactor
        self._admits = admits
        self._port: Any = None
        self._last_one_gone: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> ProtocolWrapper | None:  # type: ignore[override]
        """A protocol for a connection that is admitted; none closes it at once."""
        return super().buildProtocol(addr) if self._admits() else None

    def unregisterProtocol(self, p: ProtocolWrapper) -> None:
        """Forget a connection that is gone; the last one ends :meth:`stop`."""
        super().unregisterProtocol(p)  # type: ignore[no-untyped-call]
        if not self.protocols and self._last_one_gone is not None:
            gone, self._last_one_gone = self._last_one_gone, None
            gone.callback(None)

    def listen(self, port: int) -> "Deferred[int]":
        """Open the port (0: any free one); answers its number. Fails with CannotListenError if it is taken."""

        def open_port() -> int:
            self._port = self._reactor.listenTCP(port, self, interface=LOOPBACK)
            return int(self._port.getHost().port)

        return maybeDeferred(open_port)

    def drop_all(self) -> None:
        """Break every connection, as a restart or a cable would."""
        for protocol in list(self.protocols):
            protocol.transport.abortConnection()

    def stop(self) -> "Deferred[None]":
        """Close the port and break every connection; fires when all are gone. A repeat is safe."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            await maybeDeferred(port.stopListening)
        if self.protocols:
            gone = self._last_one_gone = Deferred()
            self.drop_all()
            await gone
