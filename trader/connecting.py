"""Coming to the venues and the rate, again and again until it works, and leaving them."""

from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from clients.errors import ExchangeError, Refused
from execution.rim import launch
from market.feed import VenueFeed
from trader.parts import Parts

#: A venue that cannot be connected to is tried again after this, in seconds.
TRY_AGAIN = 3.0
#: So long a client may take to close, in seconds.
GOODBYE = 1.5


class Connections:
    """``explain`` shows a sentence as the pool's reason, ``changed`` is called when a venue is there, and ``is_closing`` says
    whether the pool is going: what breaks then, we broke."""

    log = Logger()

    def __init__(
        self, parts: Parts, explain: Callable[[str], None], changed: Callable[[VenueFeed], None], is_closing: Callable[[], bool]
    ) -> None:
        self._parts = parts
        self._feeds = (*parts.feeds.values(), parts.fiat)
        self._explain = explain
        self._changed = changed
        self._is_closing = is_closing

    def open(self) -> None:
        """Connect to everything."""
        for feed in self._feeds:
            self._begin(feed)

    def close(self) -> "Deferred[list[tuple[bool, None]]]":
        """Leave everything; fires when all are closed or have been waited for."""
        return DeferredList([self._disconnect(feed) for feed in self._feeds])

    def _begin(self, feed: VenueFeed) -> None:
        launch(self.log, f"connecting {feed.name}", self._connect(feed))

    async def _connect(self, feed: VenueFeed) -> None:
        try:
            await feed.client.connect()
            if feed is self._parts.fiat:
                await feed.open()
        except ExchangeError as trouble:
            if self._is_closing():
                return  # its connection was given up, by us
            feed.problem = str(trouble)
            self._explain(feed.problem)
            self.log.error("{trouble}", trouble=feed.problem)
            if not isinstance(trouble, Refused):
                self._parts.reactor.callLater(TRY_AGAIN, self._begin, feed)
            return
        if not feed.is_connected:
            feed.is_connected = True  # a client without events of its own: connected is what connect() says
        self._changed(feed)

    def _disconnect(self, feed: VenueFeed) -> "Deferred[None]":
        feed.close()
        closing = feed.client.disconnect()
        closing.addTimeout(GOODBYE, self._parts.reactor)
        return closing.addErrback(self._not_closed, feed.name)

    def _not_closed(self, failure: Failure, name: str) -> None:
        # The process is ending: whatever one client says to that, the others are closed too.
        self.log.warn("{name}: {trouble}", name=name, trouble=failure.getErrorMessage())
