"""Price history: asked once, kept in a file, only finished bars."""

import json
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import InvalidData, Retryable
from clients.interface import ExchangeClient
from market.history import History
from model.candle import Candle, Period
from model.shapes import CandleShape

DAY = 86_400_000_000
#: Noon of some day.
NOON = 20_000 * DAY + DAY // 2


class VenueWithHistory(ExchangeClient):
    """Has one bar a day from ``first`` on, the one still forming included, and remembers what it was asked for."""

    def __init__(self, first: int, last: int) -> None:
        super().__init__("paper")
        self.days = range(first, last + 1)
        self.asked: list[tuple[int, int]] = []
        self.error: Exception | None = None
        self.close = "100.5"

    def getOHLCVHistory(
        self, ticker: str, period: Period, start_datetime: datetime, end_datetime: datetime
    ) -> "Deferred[dict[int, CandleShape]]":
        """More than asked for, as venues answer by whole pages."""
        start, end = (_days(start_datetime), _days(end_datetime))
        self.asked.append((start, end))
        if self.error is not None:
            return fail(self.error)
        found: dict[int, Any] = {
            day * DAY: {"contract": ticker, "close": Decimal(self.close) + day, "open_timestamp": day * DAY}
            for day in self.days
            if start - 1 <= day <= end
        }
        return succeed(found)


def _days(moment: datetime) -> int:
    whole, rest = divmod(moment - datetime(1970, 1, 1, tzinfo=UTC), datetime.resolution * DAY)
    assert not rest
    return whole


class HistoryTests(SynchronousTestCase):
    """At noon of day 20000; a month is 30 days."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory(prefix="ilp-test-")
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name) / "history"
        self.venue = VenueWithHistory(19_000, 20_000)
        self.now = NOON

    def candles(self) -> list[Candle]:
        """What a new History, as after a restart, knows of the last month."""
        history = History(self.venue, "BTC/USD", self.folder, lambda: self.now)
        return self.successResultOf(history.candles("day", "month"))

    def days(self) -> list[int]:
        """The days of the last month."""
        return [candle.open_timestamp // DAY for candle in self.candles()]

    def test_finished_bars(self) -> None:
        """The window's finished bars come oldest first, exact; the one still forming does not."""
        found = self.candles()
        self.assertEqual([candle.open_timestamp for candle in found], [day * DAY for day in range(19_970, 20_000)])
        self.assertEqual(found[0].close, Decimal("20070.5"))

    def test_asked_once(self) -> None:
        """What is in the file is not asked for again, and is the same."""
        self.assertEqual(self.candles(), self.candles())
        self.assertEqual(self.venue.asked, [(19_970, 20_000)])

    def test_only_what_is_missing(self) -> None:
        """Two days later two days are asked for, and the window has moved."""
        self.days()
        self.now += 2 * DAY
        self.venue.days = range(19_000, 20_003)
        self.assertEqual(self.days(), list(range(19_972, 20_002)))
        self.assertEqual(self.venue.asked[1:], [(20_000, 20_002)])

    def test_longer_window(self) -> None:
        """A longer window asks for the earlier part only."""
        self.days()
        history = History(self.venue, "BTC/USD", self.folder, lambda: self.now)
        self.assertEqual(len(self.successResultOf(history.candles("day", "year"))), 365)
        self.assertEqual(self.venue.asked[1:], [(19_635, 19_970)])

    def test_long_away(self) -> None:
        """After longer than the window, all of it is asked for."""
        self.days()
        self.now += 100 * DAY
        self.venue.days = range(19_000, 20_101)
        self.assertEqual(self.days(), list(range(20_070, 20_100)))
        self.assertEqual(self.venue.asked[1:], [(20_070, 20_100)])

    def test_published_late(self) -> None:
        """A bar that the venue had not published yet is asked for again, until it is there."""
        self.venue.days = range(19_000, 19_999)
        self.assertEqual(self.days()[-1], 19_998)
        self.assertEqual(self.days()[-1], 19_998)
        self.venue.days = range(19_000, 20_001)
        self.assertEqual(self.days()[-1], 19_999)
        self.assertEqual(self.venue.asked[1:], [(19_999, 20_000)] * 2)

    def test_young_venue(self) -> None:
        """A venue whose history is short is not asked again for what it does not have."""
        self.venue.days = range(19_990, 20_001)
        self.assertEqual(self.days(), list(range(19_990, 20_000)))
        self.days()
        self.assertEqual(len(self.venue.asked), 1)

    def test_nothing_yet(self) -> None:
        """A venue without any bar gives an empty list, and is asked again."""
        self.venue.days = range(0)
        self.assertEqual([self.days(), self.days()], [[], []])
        self.assertEqual(len(self.venue.asked), 2)

    def test_contracts_apart(self) -> None:
        """Another contract, or another venue, has a history of its own, even where the file's name is the same."""
        self.days()
        other = History(self.venue, "BTC-USD", self.folder, lambda: self.now)
        self.successResultOf(other.candles("day", "month"))
        self.assertEqual(len(self.venue.asked), 2)

    def test_damaged_file(self) -> None:
        """A file that is damaged, or of another version, is asked for anew."""
        self.days()
        (path,) = self.folder.iterdir()
        other_version = json.dumps(json.loads(path.read_text()) | {"version": 0})
        for damage in ("", "{", "[]", '"text"', other_version):
            path.write_text(damage)
            self.assertEqual(len(self.days()), 30, damage)
        self.assertEqual(len(self.venue.asked), 6)

    def test_nowhere_to_keep_it(self) -> None:
        """Where the file cannot be written, the candles are there all the same."""
        self.folder.write_text("in the way")
        self.assertEqual(len(self.days()), 30)

    def test_errors(self) -> None:
        """The venue's error is the caller's, and spoils nothing that is known; nonsense is InvalidData."""
        self.days()
        self.now += DAY
        history = History(self.venue, "BTC/USD", self.folder, lambda: self.now)
        self.venue.error = Retryable("paper", "getOHLCVHistory", "busy")
        self.failureResultOf(history.candles("day", "month"), Retryable)
        self.venue.error, self.venue.close = None, "-30000"
        self.failureResultOf(history.candles("day", "month"), InvalidData)
        self.venue.close = "100.5"
        self.assertEqual(len(self.days()), 30)
        self.assertEqual(self.venue.asked[1:], [(20_000, 20_001)] * 3)
