"""The session against a scripted peer: what is said at log-in, over TLS, and to a server that makes no sense."""

import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet import reactor, ssl
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ServerEndpoint
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.pages import notFound
from twisted.web.server import Site

from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from clients.sputnik import Sputnik
from clients.sputnik.options import Options, read_endpoint
from clients.sputnik.session import Access, Session
from clients.surroundings import Surroundings
from tests.clients.sputnik_peer import Peer
from tests.clients.sputnik_world import PAIR, QUICK
from tests.clients.test_sputnik_signing import RFC_SECRET

HOUR = timedelta(hours=1)


class PeerTestCase(TestCase):
    """A scripted peer, and clients of it."""

    timeout = 20

    def now(self) -> datetime:
        """The clients' wall clock."""
        return datetime.now(UTC)

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.peer = Peer()
        self.port = await self.listen(TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"))
        self.client = self.make_client()

    async def listen(self, endpoint: Any) -> int:
        """Open the peer's door; the port."""
        listening = await endpoint.listen(self.peer.factory())
        self.addCleanup(lambda: maybeDeferred(listening.stopListening))
        return int(listening.getHost().port)

    def make_client(self, endpoint: str = "", **options: str) -> Sputnik:
        around = Surroundings(reactor, self.now, Random(1))
        address = endpoint or f"ws://127.0.0.1:{self.port}"
        client = Sputnik("ilp_target", "ilp", address, surroundings=around, options={**QUICK, "contracts": PAIR, **options})
        self.addCleanup(client.disconnect)
        return client

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait; the test's time-out ends it."""
        while not (found := condition()):
            await deferLater(reactor, 0.01)
        return found

    async def until_called(self, procedure: str, times: int) -> None:
        """Wait for so many calls."""
        await self.until(lambda: self.peer.calls(procedure) >= times)

    async def fails(self, kind: type[Exception], deferred: "Deferred[Any]") -> Any:
        """The failure of ``deferred``, which must be of ``kind``."""
        try:
            result = await deferred
        except kind as failure:
            return failure
        raise self.failureException(f"no failure but {result!r}")


class LoginTests(PeerTestCase):
    async def test_hello_and_authenticate(self) -> None:
        """Bare roles, one method, our name; the signature over the challenge's own text; no empty one-time password."""
        await self.client.connect()
        hello, authenticate = self.peer.frames[:2]
        self.assertEqual("sputnik", hello[1])
        self.assertEqual({name: {} for name in ("subscriber", "publisher", "caller", "callee")}, hello[2]["roles"])
        self.assertEqual((["wampcra"], "ilp_target"), (hello[2]["authmethods"], hello[2]["authid"]))
        self.assertEqual([5, "hh+mFeA06fMUKckV380rTmH2BBNThwixZJWV/He1NEM=", {}], authenticate)

    async def test_subscribed_before_the_snapshot(self) -> None:
        """No gap: every subscription is confirmed before what it continues is asked for."""
        await self.client.connect()
        said = [frame[3] for frame in self.peer.frames if frame[0] in (32, 48)]
        self.assertLess(said.index("feeds.market.book.btc_huf"), said.index("rpc.market.get_order_book"))
        last_feed = max(n for n, name in enumerate(said) if name.startswith("feeds.user."))
        self.assertLess(last_feed, said.index("rpc.trader.get_open_orders"))

    async def test_second_factor(self) -> None:
        """The one-time password goes beside the signature, and to a withdrawal; without one a text is sent all the same."""
        self.now = lambda: datetime.fromtimestamp(59, UTC)  # type: ignore[method-assign]
        self.peer.answers["rpc.trader.request_withdrawal"] = True
        client = self.make_client(totp=RFC_SECRET)
        await client.connect()
        self.assertEqual({"otp": "287082"}, self.peer.frames[1][2])
        await client.requestWithdrawal("BTC", Decimal(1), "addr")
        await self.client.connect()
        await self.client.requestWithdrawal("BTC", Decimal(1), "addr")
        sent = [frame[4] for frame in self.peer.frames if frame[0] == 48 and frame[3] == "rpc.trader.request_withdrawal"]
        self.assertEqual([["BTC", 10**8, "addr", "287082"], ["BTC", 10**8, "addr", ""]], sent)

    async def test_abort(self) -> None:
        """The original's answer to a wrong password."""
        self.peer.welcome = [3, {"message": "Invalid signature."}, "wamp.error.not_authorized"]
        refused = await self.fails(Refused, self.client.connect())
        self.assertIs(Reason.AUTH, refused.reason)
        await deferLater(reactor, 0.7)
        self.assertEqual(1, len(self.peer.connections))

    async def test_refused_handshake(self) -> None:
        """A server that is there and is no Sputnik: the reason is its answer, not that we cut the socket."""
        site = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(Site(notFound()))
        self.addCleanup(lambda: maybeDeferred(site.stopListening))
        endpoint = read_endpoint(f"ws://127.0.0.1:{site.getHost().port}", False)
        access = Access("sputnik", endpoint, "ilp", "secret", Options())
        failure = await self.fails(Retryable, Deferred.fromCoroutine(Session(access, Surroundings(reactor), self.fail).open()))
        self.assertIn("404", failure.detail)

    async def test_absurd_challenge(self) -> None:
        """A challenge that would keep us hashing ends the attempt, and the next one is made."""
        sane, self.peer.challenge = self.peer.challenge, [4, "wampcra", {"challenge": "c", "salt": "s", "iterations": 10**12}]
        connecting = self.client.connect()
        await self.until(lambda: self.peer.connections)
        self.peer.challenge = sane
        await connecting


class NonsenseTests(PeerTestCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.client.connect()

    async def test_malformed_book(self) -> None:
        """A book event with floats proves nothing: the old book is proven no more and the book is asked for."""
        self.assertIsNotNone(self.client.bookAsOf(PAIR))
        asked = self.peer.calls("rpc.market.get_order_book")
        self.peer.publish("feeds.market.book", {"contract": PAIR, "bids": [{"price": 1.5, "quantity": 1}], "asks": []})
        await self.until(lambda: self.client.bookAsOf(PAIR) is None)
        await self.until(lambda: self.client.bookAsOf(PAIR))
        self.assertEqual(asked + 1, self.peer.calls("rpc.market.get_order_book"))

    async def test_lost_book_event(self) -> None:
        """A book that the stream forgot to tell is found by the next full comparison, and told once."""
        client = self.make_client(reread_interval="0.2")
        told: list[Any] = []
        client.on("book", lambda _, shape: told.append(shape))
        await client.connect()
        level = {"price": 6_000_000, "quantity": 1_000_000}
        self.peer.answers["rpc.market.get_order_book"] = {"contract": PAIR, "bids": [level], "asks": []}
        await self.until_called("rpc.market.get_order_book", 4)
        await self.until(lambda: len(told) > 1)
        self.assertEqual([[], [Decimal(60_000)]], [[bid["price"] for bid in shape["bids"]] for shape in told])

    async def test_malformed_own_events(self) -> None:
        """Each makes the client look at the venue again, and none breaks the session."""
        for feed in ("orders", "fills", "transactions"):
            asked = self.peer.calls("rpc.trader.get_open_orders")
            self.peer.publish(f"feeds.user.{feed}", {"id": "12", "quantity": 0.5})
            await self.until_called("rpc.trader.get_open_orders", asked + 1)
        self.assertEqual(1, len(self.peer.connections))

    async def test_replies_of_no_form(self) -> None:
        """A write may have been done; a read is invalid."""
        self.peer.answers["rpc.trader.place_order"] = "12"
        self.peer.answers["rpc.trader.cancel_order"] = lambda: ["true"]
        self.peer.answers["rpc.trader.get_positions"] = {"BTC": {"position": 1.0}}
        await self.fails(OutcomeUnknown, self.client.placeOrder(PAIR, Decimal(1), Decimal(50_000), "BUY"))
        await self.fails(OutcomeUnknown, self.client.cancelOrder("12"))
        await self.fails(InvalidData, self.client.getPositions())
        self.peer.answers["rpc.trader.get_transaction_history"] = [{"contract": "HUF", "quantity": 1.5}]
        now = datetime.now(UTC)
        await self.fails(InvalidData, self.client.getTradeHistory(now - HOUR, now))
        await self.fails(InvalidData, self.client.getTransactionHistory(now - HOUR, now))

    async def test_exact_order(self) -> None:
        """The four keys, integers, and the book's units; what is off-step never leaves."""
        self.peer.answers["rpc.trader.place_order"] = 12
        self.assertEqual("12", await self.client.placeOrder(PAIR, Decimal("0.29"), Decimal("67297"), "SELL"))
        await self.fails(Refused, self.client.placeOrder(PAIR, Decimal("0.295"), Decimal("67297"), "SELL"))
        await self.fails(Refused, self.client.placeOrder("NETS", Decimal(1), Decimal("0.5"), "SELL"))
        sent = [frame[4] for frame in self.peer.frames if frame[0] == 48 and frame[3] == "rpc.trader.place_order"]
        self.assertEqual([[{"contract": PAIR, "price": 6_729_700, "quantity": 29_000_000, "side": "SELL"}]], sent)

    async def test_what_is_not_streamed_is_asked_for(self) -> None:
        """Another pair's book has no stream and no proven age; an unknown side or contract never leaves."""
        level = {"price": 2_493_700, "quantity": 1_000_000}
        self.peer.answers["rpc.market.get_order_book"] = {"contract": "BTC/USD", "bids": [level], "asks": []}
        book = await self.client.getOrderBook("BTC/USD")
        self.assertEqual(Decimal("249.37"), book["bids"][0]["price"])
        self.assertIsNone(self.client.bookAsOf("BTC/USD"))
        buying: Any = "buy"
        await self.fails(Refused, self.client.placeOrder(PAIR, Decimal(1), Decimal(50_000), buying))
        await self.fails(Refused, self.client.getCurrentAddress("XXX"))
        await self.fails(Refused, self.client.cancelOrder("no number"))
        self.assertFalse([frame for frame in self.peer.frames if frame[0] == 48 and frame[3].startswith("rpc.trader.place")])

    async def test_naive_times(self) -> None:
        """A time without a zone would be guessed: it is an error, through the Deferred."""
        naive = datetime(2026, 1, 1)  # noqa: DTZ001  # that is the point
        await self.fails(ValueError, self.client.getTradeHistory(naive, naive))

    async def test_answers_of_the_wrong_kind(self) -> None:
        """A cancel or withdrawal answered by neither yes nor no may have been done."""
        self.peer.answers["rpc.trader.cancel_order"] = 1
        self.peer.answers["rpc.trader.request_withdrawal"] = "soon"
        self.peer.answers["rpc.trader.place_order"] = {"id": 12}
        self.peer.answers["rpc.trader.get_current_address"] = 7
        await self.fails(OutcomeUnknown, self.client.cancelOrder("12"))
        await self.fails(OutcomeUnknown, self.client.requestWithdrawal("BTC", Decimal(1), "addr"))
        await self.fails(OutcomeUnknown, self.client.placeOrder(PAIR, Decimal(1), Decimal(50_000), "BUY"))
        await self.fails(InvalidData, self.client.getCurrentAddress("BTC"))

    async def test_no_cancel_frame(self) -> None:
        """Giving up a call, by time or by the caller, is not told to the server: it would close the socket."""
        self.peer.answers["rpc.trader.get_positions"] = lambda: None
        given_up = self.client.getPositions()
        given_up.cancel()
        await self.fails(Exception, given_up)
        await deferLater(reactor, 0.1)
        self.assertNotIn(49, [frame[0] for frame in self.peer.frames])

    async def test_goodbye_of_the_server(self) -> None:
        """It is a disconnect, and the client comes back."""
        told: list[str] = []
        for name in ("disconnect", "connect"):
            self.client.on(name, lambda _, name=name: told.append(name))
        self.peer.connections[-1].say(6, {}, "wamp.close.system_shutdown")
        await self.until(lambda: told == ["disconnect", "connect"])

    async def test_a_polite_end(self) -> None:
        """Disconnect says goodbye and waits until the socket is closed."""
        await self.client.disconnect()
        self.assertEqual(6, self.peer.frames[-1][0])


class TlsTests(PeerTestCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        key = ec.generate_private_key(ec.SECP256R1())
        name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(now - HOUR)
            .not_valid_after(now + HOUR)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, folder)
        self.authority = folder / "ca.pem"
        self.authority.write_bytes(pem)
        context = ssl.PrivateCertificate.loadPEM(pem + secret).options()
        self.tls_port = await self.listen(SSL4ServerEndpoint(reactor, 0, context, interface="127.0.0.1"))

    async def test_the_named_host(self) -> None:
        """With its authority trusted and its name right, the venue is reached over TLS."""
        client = self.make_client(f"wss://localhost:{self.tls_port}", ca_file=str(self.authority))
        await client.connect()
        self.assertIn("BTC/HUF", await client.getInstruments())

    async def test_another_host_or_authority(self) -> None:
        """A certificate of another name, or of nobody we trust, is not spoken to."""
        cases: list[tuple[str, dict[str, str]]] = [("127.0.0.1", {"ca_file": str(self.authority)}), ("localhost", {})]
        for host, options in cases:
            client = self.make_client(f"wss://{host}:{self.tls_port}", **options)
            connecting = client.connect()
            await deferLater(reactor, 0.3)
            await client.disconnect()
            await self.fails(Retryable, connecting)
        self.assertEqual([], self.peer.frames)
