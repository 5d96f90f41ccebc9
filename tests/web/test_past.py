"""The past: keys of pages, the log's end, a day's statement, charts, and answers written no faster than they are read."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from tests.web.support import ConsoleCase
from web.errors import BadRequest
from web.flow import Flow
from web.keys import as_word, read_key
from web.log_lines import LONGEST_LINE, LogLine, LogRing


class KeyTests(SynchronousTestCase):
    """Where a page begins, as a word of an address."""

    @given(st.integers(0, 10**18 - 1), st.sampled_from(["source", "target"]), st.text())
    def test_round_trip(self, timestamp: int, place: str, id: str) -> None:
        """Whatever a venue's ids look like."""
        key = (timestamp, place, id)
        self.assertEqual(read_key(as_word(key), 3), key)

    def test_refused(self) -> None:
        """What no page gave is a bad request, not an error of ours."""
        for word in ("x~source~T1", "1~source", "-1~source~T1", "9" * 30 + "~source~T1", "\N{SUPERSCRIPT TWO}~a~b"):
            self.assertRaises(BadRequest, read_key, word, 3)


class LogRingTests(SynchronousTestCase):
    """The newest lines, by level and words."""

    def ring(self, most: int = 3) -> LogRing:
        """Four lines, of which the last are kept."""
        ring = LogRing(most)
        for n, (level, text) in enumerate((("debug", "zero"), ("info", "One"), ("warn", "two"), ("error", "three"))):
            ring.add(LogLine(n, level, "trader.pool", text))
        return ring

    def test_bounded(self) -> None:
        """Old lines go, long ones are cut."""
        self.assertEqual([line.text for line in self.ring().find("debug", "", 9)], ["three", "two", "One"])
        ring = LogRing()
        ring.add(LogLine(1, "info", "", "x" * 10**6))
        self.assertLess(len(ring.find("info", "", 1)[0].text), LONGEST_LINE + 10)

    def test_found(self) -> None:
        """By least level, by words in any case, also of where; not more than asked for."""
        ring = self.ring(9)
        self.assertEqual([line.text for line in ring.find("warn", "", 9)], ["three", "two"])
        self.assertEqual([line.text for line in ring.find("debug", "ONE", 9)], ["One"])
        self.assertEqual(len(ring.find("debug", "Trader.POOL", 2)), 2)


class FakeRequest:
    """The side of a request that :class:`Flow` sees."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.producer: Any = None

    def registerProducer(self, producer: Any, _streaming: bool) -> None:
        """As Request's."""
        self.producer = producer

    def unregisterProducer(self) -> None:
        """As Request's."""
        self.producer = None

    def write(self, data: bytes) -> None:
        """As Request's."""
        self.written.append(data)


async def pieces() -> Any:
    """Three."""
    for piece in (b"a", b"b", b"c"):
        yield piece


class FlowTests(SynchronousTestCase):
    """Back-pressure."""

    def test_waits(self) -> None:
        """While the connection is full nothing more is read or written."""
        request: Any = FakeRequest()
        flow = Flow()
        flow.pauseProducing()
        done = Deferred.fromCoroutine(flow.pour(request, pieces()))
        self.assertEqual(request.written, [b"a"])
        flow.resumeProducing()
        self.successResultOf(done)
        self.assertEqual(request.written, [b"a", b"b", b"c"])
        self.assertIsNone(request.producer)

    def test_reader_leaves(self) -> None:
        """A connection that is gone is not touched again."""
        request: Any = FakeRequest()
        flow = Flow()
        flow.pauseProducing()
        done = Deferred.fromCoroutine(flow.pour(request, pieces()))
        flow.stopProducing()
        done.cancel()
        self.failureResultOf(done)
        self.assertIs(request.producer, flow)


class PastCase(ConsoleCase):
    """Over HTTP."""

    def test_pages_meet(self) -> None:
        """Following `after` to the end shows each line once."""
        for table, count in (("fills", 40), ("orders", 40), ("transits", 2), ("ledger", 18)):
            found: list[Any] = []
            after: str | None = ""
            while after is not None:
                response, page = self.basic("GET", f"/api/history/{table}", params={"limit": "7", "after": after})
                self.assertEqual(response.code, 200, page)
                found += page["lines"]
                after = page["after"]
            self.assertEqual(len(found), count, table)

    def test_bad_queries(self) -> None:
        """Each is refused with a sentence."""
        asked = ("fills?after=x", "fills?limit=0", "fills?limit=1000000", "orders?limit=x")
        for path in (
            *(f"/api/history/{each}" for each in asked),
            "/api/charts?hours=0",
            "/api/statement?day=1",
            "/api/log?level=all",
        ):
            self.assertEqual(self.basic("GET", path)[0].code, 400, path)
        self.assertEqual(self.basic("GET", "/api/hedges/none")[0].code, 404)

    def test_charts(self) -> None:
        """Columns are of one length, and the result begins at zero."""
        _, found = self.basic("GET", "/api/charts?hours=1")
        lengths = {len(column) for column in (*found["columns"].values(), *found["profit"].values())}
        self.assertEqual(len(lengths), 1)
        self.assertEqual({column[0] for column in found["profit"].values()}, {"0"})
        self.assertTrue(found["fills"])

    def test_statement(self) -> None:
        """The parts make the whole, and opening and change make closing."""
        _, found = self.basic("GET", "/api/statement")
        parts = found["pnl"]
        names = ("edge", "hedges", "fees", "conversion", "transfers", "differences", "revaluation")
        self.assertEqual(sum(Decimal(parts[name]) for name in names), Decimal(parts["whole"]))
        coins = next(held for held in found["holdings"] if held["ticker"] == "BTC")
        self.assertEqual(Decimal(coins["closing"]) - Decimal(coins["opening"]), Decimal("-0.1"))
        self.assertEqual(found["turnovers"][0]["fills"], 1)

    def test_a_day_without_prices(self) -> None:
        """It says why there is no result."""
        _, found = self.basic("GET", "/api/statement?day=2026-01-02")
        self.assertIsNone(found["pnl"])
        self.assertIn("no prices of this day", found["why_not"])

    def test_files(self) -> None:
        """Every table comes as CSV with a header and as JSON that can be read."""
        session = self.log_in()
        for name in ("orders", "fills", "transits", "ledger", "tasks", "transactions"):
            table = self.browse(f"/export/{name}.csv", session)[1]
            lines = json.loads(self.browse(f"/export/{name}.json", session)[1])
            self.assertEqual(table.count("\r\n"), len(lines) + 1, name)

    def test_log(self) -> None:
        """Levels and words choose the lines."""
        self.log_ring.add(LogLine(1, "warn", "trader", "<b>odd</b>"))
        session = self.log_in()
        self.assertIn("&lt;b&gt;odd", self.browse("/log?search=ODD", session)[1])
        self.assertIn("No line is like that.", self.browse("/log?level=error", session)[1])

    def test_a_hedge(self) -> None:
        """Its story names its orders."""
        self.assertIn("i00", self.browse("/hedges/ob-9", self.log_in())[1])

    def test_cancel_all(self) -> None:
        """One click, for who may."""
        self.assertEqual(self.send("/cancel-all", self.log_in(), {})[0].code, 303)
        self.assertEqual(self.send("/cancel-all", self.log_in("vic"), {})[0].code, 403)
        self.assertEqual(self.pool.told, [("cancel_all", "ann")])

    def test_supposed_balances(self) -> None:
        """They reach the pool, and one that is no number is named."""
        what_if = {"balances": {"source": {"USD": "5"}}}
        self.assertEqual(self.basic("POST", "/api/what-if", json=what_if)[0].code, 200)
        self.assertEqual(self.pool.told, [("what_if", {}, {"source.USD": Decimal(5)})])
        response, answer = self.basic("POST", "/api/what-if", json={"balances": {"source": {"USD": "much"}}})
        self.assertEqual((response.code, list(answer["problems"])), (400, ["source.USD"]))
        form = {"balance:target.BTC": "3", "was:balance:target.BTC": "2"}
        self.assertEqual(self.send("/what-if", self.log_in(), form)[0].code, 200)
        self.assertEqual(self.pool.told[-1], ("what_if", {}, {"target.BTC": Decimal(3)}))
