"""Venues that have been gone for too long: people are told once, and once more when they are back."""

from trader.parts import Parts


class Absence:
    """Looks at who is connected; ``look`` is called by the clock."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._since: dict[str, int] = {}
        self._told: set[str] = set()

    def look(self) -> None:
        """See who is there."""
        parts, now = self._parts, self._parts.now()
        for feed in (*parts.feeds.values(), parts.fiat):
            if feed.is_connected:
                self._since.pop(feed.name, None)
                if feed.name in self._told:
                    self._told.remove(feed.name)
                    parts.notify("venue", f"{feed.name} is back", "info")
                continue
            gone = now - self._since.setdefault(feed.name, now)
            if gone > parts.limits.venue_away * 1_000_000 and feed.name not in self._told:
                self._told.add(feed.name)
                parts.notify("venue", f"{feed.name} has been gone for {gone // 1_000_000} s: {feed.problem or 'no connection'}")
