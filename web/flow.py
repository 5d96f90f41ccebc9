"""Writing a long answer no faster than it is read."""

from collections.abc import AsyncIterator

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.web.server import Request
from zope.interface import implementer


@implementer(IPushProducer)
class Flow:
    """Hands pieces to a request's connection, and waits while that is full."""

    def __init__(self) -> None:
        self._room: Deferred[None] | None = None
        self._is_gone = False

    async def pour(self, request: Request, pieces: AsyncIterator[bytes]) -> None:
        """Write all ``pieces``; cancelled, by Klein, when the reader leaves."""
        request.registerProducer(self, True)
        try:
            async for piece in pieces:
                request.write(piece)
                if self._room is not None:
                    await self._room
        finally:
            if not self._is_gone:
                request.unregisterProducer()

    def pauseProducing(self) -> None:
        """The connection is full."""
        if self._room is None:
            self._room = Deferred()

    def resumeProducing(self) -> None:
        """The connection has room again."""
        room, self._room = self._room, None
        if room is not None:
            room.callback(None)

    def stopProducing(self) -> None:
        """The connection is gone; Klein cancels the coroutine that pours."""
        self._is_gone = True
