"""Binance's numbered changes of a book: each change of a level counts one, and events tell which numbers they hold."""

from decimal import Decimal
from typing import Any

from model.order import Side
from sandbox.binance_words import eight, milliseconds, symbol_of
from sandbox.events import BookChanged
from sandbox.venue import Venue


class DepthFeed:
    """What the subscribers to one contract at one speed have not been told yet."""

    def __init__(self, symbol: str, last_id: int) -> None:
        self._symbol = symbol
        self._told = self._last = last_id
        self._changed: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: {}, Side.SELL: {}}

    def note(self, event: BookChanged, last_id: int) -> None:
        """Levels have changed; the last change has number ``last_id``."""
        self._last = last_id
        for change in event.levels:
            self._changed[change.side][change.price] = change.quantity

    def take(self, timestamp: int) -> dict[str, Any] | None:
        """The next event; None if nothing has changed."""
        if self._last == self._told:
            return None
        rows = {side: [[eight(price), eight(left)] for price, left in levels.items()] for side, levels in self._changed.items()}
        event = {"e": "depthUpdate", "E": milliseconds(timestamp), "s": self._symbol, "U": self._told + 1, "u": self._last}
        self._told = self._last
        self._changed = {Side.BUY: {}, Side.SELL: {}}
        return event | {"b": rows[Side.BUY], "a": rows[Side.SELL]}


class DepthFeeds:
    """The counters of all books of ``venue``, and the feeds that somebody listens to, by stream name."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        # A real book has been counting for long; a client that takes 0 for nothing would not be noticed else.
        self._last_ids = dict.fromkeys(venue.rules.instruments, 1_000)
        self._streams = {
            f"{symbol_of(instrument).lower()}@depth{speed}": contract
            for contract, instrument in venue.rules.instruments.items()
            for speed in ("", "@100ms")
        }
        self._feeds: dict[str, DepthFeed] = {}
        venue.listen(self._happened)

    def last_id(self, contract: str) -> int:
        """The number of the last change of a book."""
        return self._last_ids[contract]

    def knows(self, stream: str) -> bool:
        """Whether there is such a stream."""
        return stream in self._streams

    def open(self, stream: str) -> None:
        """Somebody listens from now on."""
        if stream not in self._feeds:
            contract = self._streams[stream]
            symbol = symbol_of(self._venue.instrument(contract))
            self._feeds[stream] = DepthFeed(symbol, self._last_ids[contract])

    def opened(self) -> set[str]:
        """The streams that somebody listens to."""
        return set(self._feeds)

    def close(self, stream: str) -> None:
        """Nobody listens any more."""
        self._feeds.pop(stream, None)

    def take(self, *, slow_too: bool) -> dict[str, dict[str, Any]]:
        """The events that are due, by stream; the fast streams' ten times a second, the slow ones' once."""
        due = [stream for stream in self._feeds if slow_too or stream.endswith("@100ms")]
        events = {stream: self._feeds[stream].take(self._venue.timestamp()) for stream in due}
        return {stream: event for stream, event in events.items() if event is not None}

    def _happened(self, event: object) -> None:
        if not isinstance(event, BookChanged):
            return
        self._last_ids[event.contract] += len(event.levels)
        for stream, feed in self._feeds.items():
            if self._streams[stream] == event.contract:
                feed.note(event, self._last_ids[event.contract])
