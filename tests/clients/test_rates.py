"""Fiat rates: fixed, European Central Bank, Yahoo."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from clients.ecb import ECB, parse
from clients.errors import ExchangeError, InvalidData, Refused, Retryable
from clients.fixed import FixedRate
from clients.rates import rate_book
from clients.surroundings import Surroundings, utc_now
from clients.yahoo import Yahoo
from model.book import Book
from sandbox.ecb_front import EcbFront
from sandbox.faults import Faults
from sandbox.rates import Rates
from tests.clients.scripted import Around, Scripted

D = Decimal


def day(date: str, **rates: str) -> str:
    """One day as the bank writes it."""
    return f'<Cube time="{date}">' + "".join(f'<Cube currency="{c}" rate="{r}"/>' for c, r in rates.items()) + "</Cube>"


def file(*days: str) -> bytes:
    """The bank's file."""
    names = 'xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref"'
    return f'<?xml version="1.0"?><gesmes:Envelope {names}><Cube>{"".join(days)}</Cube></gesmes:Envelope>'.encode()


class RateCase(SynchronousTestCase):
    """A source that answers from a script, on a clock."""

    def answers(self, answer: Any) -> Around:
        self.answer = answer
        self.around = Around(Scripted(lambda asked: self.answer(asked) if callable(self.answer) else self.answer))
        return self.around

    def error(self, deferred: "Deferred[Any]", *kinds: type[Exception]) -> Any:
        return self.failureResultOf(deferred, *kinds).value


class RateBookTests(SynchronousTestCase):
    """:func:`rate_book`."""

    @given(st.decimals("1e-9", "1e9", allow_nan=False), st.decimals("0", "0.5", allow_nan=False, places=4))
    def test_the_rate_is_inside(self, rate: Decimal, spread: Decimal) -> None:
        """Whatever the rate, the sides lie around it, never touch, and are no wider than asked for."""
        book = Book.from_shape(rate_book("HUF/USD", rate, spread, 1))
        self.assertFalse(book.is_crossed)
        (bid,), (ask,) = book.bids, book.asks
        self.assertLessEqual(bid.price, rate)
        self.assertGreaterEqual(ask.price, rate * (1 - D("1e-11")))
        self.assertLessEqual(ask.price - bid.price, rate * (spread + D("1e-10")))


class FixedRateTests(RateCase):
    """:class:`FixedRate`."""

    def client(self, text: str, **options: str) -> FixedRate:
        return FixedRate(endpoint=text, surroundings=self.answers(b"").surroundings(), options=options)

    def test_rate(self) -> None:
        """The bid is the rate itself; a contract that is not set is refused, never 1."""
        client = self.client("HUF/USD=0.0027, GBP/USD=1.25")
        self.successResultOf(client.connect())
        book = self.successResultOf(client.getOrderBook("HUF/USD"))
        self.assertEqual(D("0.0027"), book["bids"][0]["price"])
        self.assertIsNotNone(client.bookAsOf("GBP/USD"))
        self.error(client.getOrderBook("USD/HUF"), Refused)
        self.error(client.getPositions(), NotImplementedError)

    def test_bars(self) -> None:
        """Flat bars, only whole ones, inside the window."""
        start = datetime(2026, 1, 1, 0, 30, tzinfo=UTC)
        bars = self.successResultOf(
            self.client("HUF/USD=0.0027").getOHLCVHistory("HUF/USD", "hour", start, start + timedelta(hours=3))
        )
        self.assertEqual([1, 2], [(opened // 1_000_000 % 86_400) // 3600 for opened in bars])

    def test_nonsense(self) -> None:
        """What is no rate does not start."""
        for text in ("", "HUF/USD", "HUFUSD=1", "HUF/USD=0", "HUF/USD=-1", "HUF/USD=NaN", "HUF/USD=1,HUF/USD=2"):
            self.assertRaises(ValueError, self.client, text)
        self.assertRaises(ValueError, self.client, "HUF/USD=1", spread="1")
        self.assertRaises(ValueError, self.client, "HUF/USD=1", spred="0.1")


class ECBTests(RateCase):
    """:class:`ECB`; it is Saturday, 21 November 2026."""

    def client(self, answer: Any) -> ECB:
        return ECB(endpoint="http://127.0.0.1:1", surroundings=self.answers(answer).surroundings(), options={"period": "600"})

    def connected(self, answer: Any) -> ECB:
        client = self.client(answer)
        self.successResultOf(client.connect())
        self.addCleanup(client.disconnect)
        return client

    def test_plain_http_is_for_this_machine(self) -> None:
        """A rate that anybody on the way can change is not taken."""
        self.assertRaises(ValueError, ECB, endpoint="http://www.ecb.europa.eu", surroundings=self.answers(b"").surroundings())

    def test_cross_rate(self) -> None:
        """HUF/USD is dollars per euro over forints per euro; the euro itself counts."""
        client = self.connected(file(day("2026-11-20", USD="1.08", HUF="400")))
        book = self.successResultOf(client.getOrderBook("HUF/USD"))
        self.assertEqual(D("0.0027"), book["bids"][0]["price"])
        self.assertEqual(D("1.08"), self.successResultOf(client.getOrderBook("EUR/USD"))["bids"][0]["price"])
        self.assertEqual("2026-11-20", str(client.rate_date))
        self.error(client.getOrderBook("HUF/XYZ"), Refused)
        self.error(client.getOrderBook("nonsense"), Refused)

    def test_age_tells_when_the_bank_is_silent(self) -> None:
        """Readings that fail leave the rate with its old time; the next good one renews it."""
        good = file(day("2026-11-20", USD="1.08", HUF="400"))
        client = self.connected(good)
        self.successResultOf(client.getOrderBook("HUF/USD"))
        first = client.bookAsOf("HUF/USD")
        self.answer = (503, b"")
        self.around.clock.advance(600)
        self.assertEqual(first, client.bookAsOf("HUF/USD"))
        self.answer = file(day("2026-11-20", USD="1.09", HUF="400"))
        self.around.clock.advance(6)
        self.assertGreater(client.bookAsOf("HUF/USD") or 0, first or 0)
        self.assertEqual(D("0.002725"), self.successResultOf(client.getOrderBook("HUF/USD"))["bids"][0]["price"])

    def test_old_rates_are_none(self) -> None:
        """A file that has not changed for longer than any holiday does not connect."""
        client = self.client(file(day("2026-11-10", USD="1.08")))
        waiting = client.connect()
        self.assertNoResult(waiting)
        self.successResultOf(client.disconnect())
        self.error(waiting, Retryable)
        self.assertEqual([], self.around.clock.getDelayedCalls())

    def test_history(self) -> None:
        """One bar a day from the file that reaches back far enough; other periods it has not."""
        client = self.connected(file(day("2026-11-20", USD="1.08", HUF="400"), day("2026-11-19", USD="1.1", HUF="400")))
        now = self.around.now()
        bars = self.successResultOf(client.getOHLCVHistory("HUF/USD", "day", now - timedelta(days=30), now))
        self.assertEqual([D("0.00275"), D("0.0027")], [bar["close"] for bar in bars.values()])
        self.successResultOf(client.getOHLCVHistory("HUF/USD", "day", now - timedelta(days=300), now))
        paths = [asked.path for asked in self.around.server.asked]
        self.assertEqual(["/eurofxref-hist-90d.xml", "/eurofxref-hist.xml"], paths[1:])
        self.error(client.getOHLCVHistory("HUF/USD", "minute", now, now), NotImplementedError)

    def test_bombs_and_nonsense(self) -> None:
        """Entities are refused before they can grow; what is no rate is named."""
        bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]>' + file(day("2026-11-20", USD="1"))
        for content in (
            bomb,
            b"",
            b"<html>",
            file(),
            file(day("2026-11-20")),
            file(day("2026-11-20", USD="0")),
            file(day("2026-11-20", USD="NaN")),
            file(day("2026-13-20", USD="1")),
            file(day("2026-11-20", USD="1"), day("2026-11-20", USD="2")),
            file('<Cube currency="USD" rate="1"/>'),
        ):
            self.assertRaises(ValueError, parse, content)

    @given(st.binary(max_size=200) | st.text(max_size=50).map(lambda rate: file(day("2026-11-20", USD=rate))))
    def test_fuzz(self, content: bytes) -> None:
        """Anything: a ValueError, or positive rates."""
        try:
            days = parse(content)
        except ValueError:
            return
        self.assertTrue(all(rate > 0 for rates in days.values() for rate in rates.values()))


def chart(**changes: Any) -> dict[str, Any]:
    """An answer as Yahoo gives it, two days of bars, one without a trade."""
    meta = {"symbol": "HUFUSD=X", "currency": "USD", "regularMarketPrice": 0.0027, "regularMarketTime": 1795219200}
    quote = {"open": [0.0026, None], "high": [0.0028, None], "low": [0.0025, None], "close": [0.0027, None]}
    result = {"meta": {**meta, **changes}, "timestamp": [1795046400, 1795132800], "indicators": {"quote": [quote]}}
    return {"chart": {"result": [result], "error": None}}


nonsense = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)


class YahooTests(RateCase):
    """:class:`Yahoo`; it is Saturday, 21 November 2026."""

    def connected(self, answer: Any) -> Yahoo:
        client = Yahoo(endpoint="http://127.0.0.1:1", surroundings=self.answers(answer).surroundings())
        self.successResultOf(client.connect())
        self.addCleanup(client.disconnect)
        return client

    def test_rate(self) -> None:
        """The price of the pair that was asked for, exact."""
        client = self.connected(chart())
        book = self.successResultOf(client.getOrderBook("HUF/USD"))
        self.assertEqual(D("0.0027"), book["bids"][0]["price"])
        self.assertEqual("/v8/finance/chart/HUFUSD=X", self.around.server.asked[0].path)

    def test_another_pair_or_an_old_price(self) -> None:
        """An answer about something else, in another currency, or of last week, is none."""
        for answer, kind in (
            (chart(symbol="EURUSD=X"), InvalidData),
            (chart(currency="EUR"), InvalidData),
            (chart(regularMarketPrice=None), InvalidData),
            (chart(regularMarketPrice=-1), InvalidData),
            (chart(regularMarketTime=1794600000), Retryable),
            ({"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found"}}}, Refused),
            ({"finance": {}}, InvalidData),
            ((429, b"Too Many Requests"), Refused),
        ):
            self.error(self.connected(answer).getOrderBook("HUF/USD"), kind)

    def test_bars(self) -> None:
        """Bars without a trade are left out."""
        client = self.connected(chart())
        now = self.around.now()
        bars = self.successResultOf(client.getOHLCVHistory("HUF/USD", "day", now - timedelta(days=5), now))
        self.assertEqual([(1795046400000000, D("0.0027"))], [(opened, bar["close"]) for opened, bar in bars.items()])

    @given(
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5), lambda x: st.lists(x) | st.dictionaries(st.text(max_size=4), x)
        )
    )
    def test_fuzz(self, bad: Any) -> None:
        """Anything in the price's or the bars' place: a named error, or a positive number."""
        for answer in (
            bad,
            chart(regularMarketPrice=bad),
            chart(regularMarketTime=bad),
            {"chart": {"result": [bad], "error": None}},
        ):
            client = self.connected(answer)
            found: list[Any] = []
            client.getOrderBook("HUF/USD").addCallbacks(found.append, lambda failure: failure.trap(ExchangeError))
            for book in found:
                self.assertGreater(Book.from_shape(book).bids[0].price, 0)
            self.successResultOf(client.disconnect())


class SandboxECBTests(TestCase):
    """:class:`ECB` against the sandbox's own file server, over a real socket."""

    async def test_daily_and_history(self) -> None:
        """The sandbox's files are read: a rate of today's, and a month of days."""
        front = EcbFront(Rates({"USD": D("1.08"), "HUF": D(400)}, Random(1)), Faults(), reactor, utc_now)
        port = await front.listen(0)
        self.addCleanup(front.stop)
        client = ECB(endpoint=f"http://127.0.0.1:{port}", surroundings=Surroundings(reactor))
        self.addCleanup(client.disconnect)
        await client.connect()
        book = Book.from_shape(await client.getOrderBook("HUF/USD"))
        self.assertAlmostEqual(D("0.0027"), book.bids[0].price, 3)
        bars = await client.getOHLCVHistory("HUF/USD", "day", utc_now() - timedelta(days=30), utc_now())
        self.assertGreater(len(bars), 15)
