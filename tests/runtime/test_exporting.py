"""Exports of a time: every line of it once, whatever the pages; days whose results are those of the console's statements."""

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from ledger.reading import FillLine, Key, SqlHistory
from ledger.sql import SqlLedger
from model.order import Fill, Side
from model.records import FillRecord, OrderIntent, Sample
from runtime.config import parse_sections
from runtime.exits import Exit
from runtime.exporting import DAY, PnlLine, days, pages_between
from tests.ledger.folders import new_folder
from tests.ledger.pump import Pump
from tests.runtime.configs import ORIGINAL, OVERRIDES, sections, written
from tests.runtime.test_options import ilp
from web.statement import statement_of

#: 2026-01-20T00:00Z, in microseconds.
MIDNIGHT = int(datetime(2026, 1, 20, tzinfo=UTC).timestamp()) * 1_000_000


def nobody(_done: int, _whole: int) -> None:
    """Told how far it is, and does nothing about it."""


class PageTests(SynchronousTestCase):
    """Pages against a plain filter."""

    @given(st.lists(st.integers(0, 30), max_size=40), st.integers(0, 30), st.integers(0, 31), st.integers(1, 7))
    def test_between(self, times: list[int], since: int, until: int, at_once: int) -> None:
        """All fills from a time until before another, newest first, each once, however many come at a time."""
        lines = [
            FillRecord("target", f"T{n:02}", "o", None, "BTC/HUF", Side.BUY, D(1), D(1), {}, time)
            for n, time in enumerate(sorted(times))
        ]
        lines.reverse()

        def read(key: Key, limit: int) -> "Deferred[list[Any]]":
            there = [line for line in lines if (line.timestamp, line.place, line.id) < tuple(key)]
            return succeed([FillLine(line, None, None) for line in there[:limit]])

        async def collect() -> list[FillRecord]:
            pages = pages_between(read, "fills", since, until, nobody, at_once)
            return [line.fill async for page in pages for line in page]

        found = self.successResultOf(Deferred.fromCoroutine(collect()))
        self.assertEqual(found, [line for line in lines if since <= line.timestamp < until])


class LedgerCase(SynchronousTestCase):
    """Three days of fills and marks."""

    def setUp(self) -> None:
        self.pump = Pump()
        folder = new_folder(self)
        self.url = f"sqlite:///{folder}/ilp.db"
        self.ledger = SqlLedger(self.url, self.pump)
        wait = self.pump.wait
        wait(self.ledger.open())
        self.addCleanup(lambda: wait(self.ledger.close()))
        for account, ticker, amount in (("source", "USD", 9000), ("source", "BTC", 5), ("target", "HUF", 10**6)):
            id = f"open-{account}-{ticker}"
            wait(self.ledger.book_adjustment(id, f"venue:{account}", ticker, D(amount), "outside", "", MIDNIGHT))
        for n in range(60):
            self.fill(n, MIDNIGHT + n * DAY // 20 + 1)

    def fill(self, n: int, at: int) -> None:
        """A customer's fill on the target, and how things stood."""
        wait, side = self.pump.wait, Side.BUY if n % 3 else Side.SELL
        intent = OrderIntent(f"i{n:02}", "target", "BTC/HUF", side, D(24_000_000 + n), D("0.001"), "quote", at - 1)
        wait(self.ledger.intend(intent))
        fill = Fill(f"T{n:02}", f"o{n}", "BTC/HUF", side, D(24_000_000 + n), D("0.001"), {"HUF": D("24.5")}, at, intent.id)
        wait(self.ledger.book_fill("target", fill, intent.id))
        wait(self.ledger.save_sample(Sample(at, "TRADING", source_mid=D(65_000 + n), rate=D("0.0027")), 0))


class DayTests(LedgerCase):
    """``pnl``."""

    def test_as_the_statement(self) -> None:
        """Each day's result is that of the console's statement, though no day but the first counts back from now."""
        history = SqlHistory(self.url, self.pump)
        history.open()
        self.addCleanup(lambda: self.pump.wait(history.close()))
        settings = parse_sections(sections(), {}).settings(D(0), D(0))

        async def collect() -> list[PnlLine]:
            found = days(history, settings, MIDNIGHT, MIDNIGHT + 3 * DAY, nobody)
            return [line async for page in found for line in page]

        lines = self.pump.wait(Deferred.fromCoroutine(collect()))
        self.assertEqual([line.day for line in lines], ["2026-01-22", "2026-01-21", "2026-01-20"])
        for line, day in zip(lines, (2, 1, 0), strict=True):
            since = MIDNIGHT + day * DAY
            period = self.pump.wait(history.period(since, since + DAY))
            statement = statement_of(line.day, since, since + DAY, period, settings)
            assert statement.pnl is not None
            self.assertEqual((line.whole, line.edge, line.fees), (statement.pnl.whole, statement.pnl.edge, statement.pnl.fees))
            self.assertEqual(line.why_not, "")


class CommandTests(LedgerCase):
    """``export``, as it is typed, beside a ledger that is open."""

    def setUp(self) -> None:
        super().setUp()
        self.config = str(written(f"{ORIGINAL}{OVERRIDES}[ledger]\nurl = {self.url}\n"))

    def export(self, *words: str, code: Exit = Exit.DONE) -> str:
        """What it prints."""
        answer = ilp("export", *words, "--config", self.config)
        self.assertEqual(answer.returncode, code, answer.stderr)
        return answer.stdout

    def test_csv(self) -> None:
        """The fills of one day, a line each, times as ISO 8601, amounts with all their digits."""
        text = self.export("fills", "--from", "2026-01-21", "--to", "2026-01-22")
        lines = list(csv.DictReader(io.StringIO(text)))
        self.assertEqual([line["id"] for line in lines], [f"T{n:02}" for n in range(39, 19, -1)])
        self.assertEqual((lines[-1]["fees"], lines[-1]["purpose"]), ("HUF 24.5", "quote"))
        self.assertEqual(lines[-1]["timestamp"], "2026-01-21T00:00:00.000001+00:00")

    def test_json(self) -> None:
        """Postings are oldest first, and sum to nothing in every ticker; the orders are all there."""
        sums: dict[str, D] = {}
        postings = json.loads(self.export("ledger", "--json"))
        for line in postings:
            sums[line["ticker"]] = sums.get(line["ticker"], D(0)) + D(line["amount"])
        self.assertEqual(set(sums.values()), {D(0)})
        times = [line["timestamp"] for line in postings]
        self.assertEqual(times, sorted(times))
        self.assertEqual(len(json.loads(self.export("orders", "--format", "json"))), 60)
        self.assertEqual(json.loads(self.export("transits", "--json")), [])

    def test_file(self) -> None:
        """To a file, which appears when it is complete, and is not written over unless told to."""
        out = Path(self.config).with_name("out.csv")
        self.assertEqual(self.export("pnl", "--from", "2026-01-20", "--to", "2026-01-23", "--output", str(out)), "")
        self.assertEqual(len(out.read_text().splitlines()), 4)
        self.export("pnl", "--output", str(out), code=Exit.REFUSED)
        self.export("fills", "--output", str(out), "--force")
        self.assertEqual(len(out.read_text().splitlines()), 61)
        self.assertEqual([path.name for path in out.parent.glob("*.part")], [])

    def test_places_that_are_no_files(self) -> None:
        """A link stays one, a device stays one, a folder is refused by its name; nothing is left beside them."""
        folder = Path(self.config).parent
        real, link = folder / "real.csv", folder / "link.csv"
        real.touch()
        link.symlink_to(real)
        self.export("fills", "--output", str(link), "--force")
        self.assertEqual((link.is_symlink(), len(real.read_text().splitlines())), (True, 61))
        self.export("fills", "--output", "/dev/null", "--force")
        self.assertTrue(Path("/dev/null").is_char_device())
        before = sorted(folder.iterdir())
        for place in (folder, "/", "."):
            answer = ilp("export", "fills", "--config", self.config, "--output", str(place), "--force")
            self.assertEqual(
                (answer.returncode, answer.stderr), (Exit.CANNOT, f"ilp: {place} cannot be written: Is a directory\n")
            )
        self.assertEqual(sorted(folder.iterdir()), before)

    def test_days_to_come(self) -> None:
        """They have no result, and there is no end of them."""
        lines = self.export("pnl", "--to", "9999-12-31").splitlines()
        self.assertEqual(lines[1].split(",")[0], f"{datetime.now(UTC):%Y-%m-%d}")

    def test_mistakes(self) -> None:
        """A time that ends before it begins, a place that cannot be written and a ledger that is not there are told."""
        self.export("fills", "--from", "2026-01-22", "--to", "2026-01-21", code=Exit.CANNOT)
        self.export("fills", "--output", "/nowhere/x.csv", code=Exit.CANNOT)
        self.config = str(written(ORIGINAL + OVERRIDES))
        self.export("fills", code=Exit.CANNOT)
