"""Requests with honest outcomes."""

from decimal import Decimal
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError as Refusal
from twisted.internet.interfaces import IConnector
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from clients import http_link
from clients.errors import ExchangeError, InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from clients.http_link import HttpLink, Request, exact_json
from clients.surroundings import Surroundings, utc_now
from tests.clients.scripted import BREAK, SILENCE, Around, Scripted

READ = Request("Read", "/read", query={"a": "b c"})
WRITE = Request("Write", "/write", "POST", headers={"X-Sign": "s"}, body=b"x=1&y=%20", is_write=True)


class HttpLinkTests(SynchronousTestCase):
    """:class:`HttpLink` against scripted answers."""

    def link(self, answer: Any) -> HttpLink:
        """A link to a server that always answers so."""
        self.around = Around(Scripted(lambda _: answer))
        return HttpLink("venue", "http://127.0.0.1:1", self.around.surroundings(), timeout=10.0)

    def error(self, deferred: "Deferred[Any]", kind: type[ExchangeError]) -> Any:
        error = self.failureResultOf(deferred, kind).value
        self.assertEqual("venue", error.venue)
        return error

    def test_exact_numbers(self) -> None:
        """Numbers keep the digits that were written."""
        link = self.link(b'{"price": 30000.10, "qty": 1e-8}')
        answer = self.successResultOf(link.json(READ))
        self.assertEqual(("30000.10", "1E-8"), (str(answer["price"]), str(answer["qty"])))

    def test_exact_bytes(self) -> None:
        """The body that was given is the body that arrives, with its headers."""
        link = self.link({})
        self.successResultOf(link.json(WRITE))
        (asked,) = self.around.server.asked
        self.assertEqual((b"x=1&y=%20", "s", "POST"), (asked.body, asked.headers["X-Sign"], asked.method))

    def test_query_is_encoded(self) -> None:
        """A query arrives as it was meant."""
        link = self.link({})
        self.successResultOf(link.json(READ))
        self.assertEqual({"a": "b c"}, self.around.server.asked[0].query)

    def test_no_answer(self) -> None:
        """Silence past the limit: a read may be repeated, a write is unknown; not a moment before."""
        for request, kind in ((READ, Retryable), (WRITE, OutcomeUnknown)):
            link = self.link(SILENCE)
            asked = link.json(request)
            self.around.clock.advance(9.9)
            self.assertNoResult(asked)
            self.around.clock.advance(0.2)
            self.assertIn("10 s", self.error(asked, kind).detail)
            self.assertEqual([], self.around.clock.getDelayedCalls())

    def test_broken_connection(self) -> None:
        """The same when the connection breaks after the request was sent."""
        self.error(self.link(BREAK).json(READ), Retryable)
        self.error(self.link(BREAK).json(WRITE), OutcomeUnknown)

    def test_server_in_trouble(self) -> None:
        """A 5xx proves nothing about a write."""
        for status in (500, 502, 503, 520):
            self.error(self.link((status, b"<html>")).json(READ), Retryable)
            self.error(self.link((status, b"<html>")).json(WRITE), OutcomeUnknown)

    def test_refusals(self) -> None:
        """What the status says no to is refused, with the reason that it has."""
        reasons = {400: Reason.OTHER, 401: Reason.AUTH, 403: Reason.AUTH, 404: Reason.OTHER, 418: Reason.RATE_LIMIT}
        for status, reason in {**reasons, 429: Reason.RATE_LIMIT, 302: Reason.OTHER}.items():
            error = self.error(self.link((status, b"no")).json(WRITE), Refused)
            self.assertIs(reason, error.reason)

    def test_no_json(self) -> None:
        """An answer without sense: nothing is concluded from it, and a write stays unknown."""
        for answer in (b"", b"<html>", b"{", b'{"a": NaN}', b"[" * 100_000, b"\xff"):
            self.error(self.link(answer).json(READ), InvalidData)
            self.error(self.link(answer).json(WRITE), OutcomeUnknown)

    def test_endless_answer(self) -> None:
        """An answer that never ends is cut off."""
        self.patch(http_link, "LONGEST_ANSWER", 1000)
        self.error(self.link(b"1" * 1001).json(READ), InvalidData)
        self.assertEqual(10**999, self.successResultOf(self.link(b"1" + b"0" * 999).json(READ)))

    def test_never_sent(self) -> None:
        """A connection that is refused has carried nothing: even a write may be repeated."""
        reactor = MemoryReactorClock()
        link = HttpLink("venue", "http://127.0.0.1:1", Surroundings(reactor, utc_now))
        asked = link.json(WRITE)
        _, _, factory, _, _ = reactor.tcpClients[0]
        factory.clientConnectionFailed(cast(IConnector, None), Failure(Refusal()))
        reactor.advance(1)
        self.error(asked, Retryable)

    def test_time_out_while_connecting(self) -> None:
        """A time-out before the body left is no unknown outcome."""
        reactor = MemoryReactorClock()
        link = HttpLink("venue", "http://127.0.0.1:1", Surroundings(reactor, utc_now), timeout=1.0)
        asked = link.json(WRITE)
        reactor.advance(1.0)
        self.error(asked, Retryable)

    def test_close_gives_up(self) -> None:
        """Closing ends what is under way, honestly, and refuses what comes after."""
        link = self.link(SILENCE)
        read, write = link.json(READ), link.json(WRITE)
        self.successResultOf(link.close())
        self.error(read, Retryable)
        self.error(write, OutcomeUnknown)
        self.error(link.json(WRITE), Retryable)
        self.assertEqual([], self.around.clock.getDelayedCalls())

    def test_exact_json_refuses_what_json_has_not(self) -> None:
        """NaN and Infinity are no numbers; a long fraction is kept whole."""
        for text in ("NaN", "Infinity", "-Infinity"):
            self.assertRaises(ValueError, exact_json, text)
        self.assertEqual(Decimal("0.1234567890123456789012345678901"), exact_json("0.1234567890123456789012345678901"))
