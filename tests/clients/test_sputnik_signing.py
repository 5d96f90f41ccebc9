"""Signatures, one-time passwords, topics, the endpoint and the options."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from clients.sputnik import Sputnik
from clients.sputnik.options import read_endpoint, read_options
from clients.sputnik.session import Access
from clients.sputnik.signing import book_topic, challenge_signature, login_secret, totp, user_topic

RFC_SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


class SigningTests(SynchronousTestCase):
    def test_salted_challenge(self) -> None:
        """The vector taken from the original server."""
        self.assertEqual("QE4xs2Vb0gdLBT2ji0Zc7rPETxCKgi7KIiQVGhVl5KU=", login_secret("ilp", "saltilp", 1000, 32))
        extra = {
            "challenge": '{"authid": "ilp_target", "nonce": "n0", "session": 1}',
            "salt": "saltilp",
            "iterations": 1000,
            "keylen": 32,
        }
        self.assertEqual("hh+mFeA06fMUKckV380rTmH2BBNThwixZJWV/He1NEM=", challenge_signature("ilp", extra))

    def test_absurd_challenges(self) -> None:
        """A server cannot make us hash for an hour, nor sign what is no text."""
        for extra in (
            {},
            {"challenge": 7},
            {"challenge": "c", "salt": 1},
            {"challenge": "c", "salt": "s", "iterations": 10**9},
            {"challenge": "c", "salt": "s", "keylen": 0},
            {"challenge": "c", "salt": "s", "keylen": True},
        ):
            self.assertRaises(ValueError, challenge_signature, "ilp", extra)

    def test_one_time_passwords(self) -> None:
        """The SHA-1 vectors of RFC 6238, cut to six digits."""
        vectors = {59: "287082", 1111111109: "081804", 1111111111: "050471", 2000000000: "279037"}
        self.assertEqual(vectors, {seconds: totp(RFC_SECRET, seconds) for seconds in vectors})
        self.assertEqual("287082", totp("gezd gnbv gy3t qojq gezd gnbv gy3t qojq", 59))

    def test_topics(self) -> None:
        """As the router wants them, which knows no upper case."""
        self.assertEqual("feeds.market.book.btc_huf", book_topic("BTC/HUF"))
        self.assertTrue(
            user_topic("orders", "ilp_target").startswith("feeds.user.orders.05c915a109100042c3c6fdb632c722bee52d41b9")
        )


class EndpointTests(SynchronousTestCase):
    def test_defaults(self) -> None:
        """Sputnik's ports and path are filled in."""
        self.assertEqual("wss://sputnik.example:8443/ws", read_endpoint("wss://sputnik.example", False).url)
        self.assertEqual("ws://127.0.0.1:8880/ws", read_endpoint("ws://127.0.0.1/", False).url)
        self.assertEqual("ws://[::1]:9/ws", read_endpoint("ws://[::1]:9", False).url)

    def test_plain_text_stays_at_home(self) -> None:
        """ws:// to another machine needs the word of the operator."""
        self.assertRaises(ValueError, read_endpoint, "ws://10.0.0.1:8880/ws", False)
        self.assertRaises(ValueError, read_endpoint, "ws://127.0.0.1.example/ws", False)
        self.assertEqual("10.0.0.1", read_endpoint("ws://10.0.0.1/ws", True).host)

    def test_other_addresses(self) -> None:
        """What is no WebSocket address is refused."""
        for text in ("https://sputnik.example", "sputnik.example:8443", "wss://", "wss://me:pw@host/ws", "wss://host/ws?x=1"):
            self.assertRaises(ValueError, read_endpoint, text, True)

    def test_options(self) -> None:
        """Config text becomes values; what is misspelt or senseless is not ignored."""
        options = read_options({"contracts": "BTC/HUF, BTC/USD", "fee": "0.002", "allow_insecure": "yes", "silence": "3"})
        self.assertEqual(("BTC/HUF", "BTC/USD"), options.contracts)
        self.assertEqual((Decimal("0.002"), True, 3.0), (options.fee, options.allow_insecure, options.silence))
        self.assertNotIn("s3cret!", str(self.assertRaises(ValueError, read_options, {"totp": "s3cret!"})))
        for wrong in ({"allow_insecur": "true"}, {"allow_insecure": "maybe"}, {"fee": "1"}, {"silence": "0"}, {"doubt": "x"}):
            self.assertRaises(ValueError, read_options, wrong)

    def test_secrets_are_not_shown(self) -> None:
        """Neither the password nor the second factor is in a repr."""
        options = read_options({"totp": RFC_SECRET})
        access = Access("sputnik", read_endpoint("wss://host", False), "me", "hunter2", options)
        self.assertNotIn("hunter2", repr(access))
        self.assertNotIn(RFC_SECRET, repr(access) + repr(options))

    def test_constructor_as_in_the_seed(self) -> None:
        """Three arguments suffice; a bad endpoint is told at once."""
        self.assertEqual("sputnik", Sputnik(id="me", secret="pw", endpoint="wss://sputnik.example").name)
        self.assertRaises(ValueError, Sputnik, "me", "pw", "ws://sputnik.example")

    @given(st.text(max_size=40))
    def test_any_endpoint(self, text: str) -> None:
        """Whatever the text, it is read or refused with ValueError, and never sends plain text away."""
        try:
            endpoint = read_endpoint(text, False)
        except ValueError:
            return
        self.assertTrue(endpoint.is_secure or endpoint.is_loopback)
