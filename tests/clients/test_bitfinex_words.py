"""What Bitfinex's client signs, calls its orders, makes of refusals, and is told by its config."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from clients.bitfinex import wire
from clients.bitfinex.client_ids import client_id_of, numbers
from clients.bitfinex.faults import error_of
from clients.bitfinex.places import Places
from clients.bitfinex.signing import headers, login
from clients.errors import OutcomeUnknown, Reason, Refused, Retryable

GID, _ = numbers("x", "ilp-1")


class SigningTests(SynchronousTestCase):
    """:mod:`clients.bitfinex.signing`; ccxt's own class checks the other side of it (tests/sandbox/test_bitfinex_ccxt.py)."""

    def mac(self, text: str) -> str:
        return hmac.new(b"secret", text.encode(), hashlib.sha384).hexdigest()

    def test_request(self) -> None:
        """The documentation's text: ``/api``, path, nonce, exact body."""
        found = headers("key", "secret", "/v2/auth/r/wallets", 1700000000000000, b'{"id":1}')
        self.assertEqual(self.mac('/api/v2/auth/r/wallets1700000000000000{"id":1}'), found["bfx-signature"])
        self.assertEqual(("key", "1700000000000000"), (found["bfx-apikey"], found["bfx-nonce"]))

    def test_log_in(self) -> None:
        """The payload is ``AUTH`` and the nonce, and signed as it is sent."""
        found = login("key", "secret", 17)
        self.assertEqual(("auth", "AUTH17", self.mac("AUTH17")), (found["event"], found["authPayload"], found["authSig"]))


class ClientIdTests(SynchronousTestCase):
    """:mod:`clients.bitfinex.client_ids`."""

    @given(st.from_regex(r"[0-9A-Za-z]{1,4}", fullmatch=True), st.integers(0, 4_700_000_000_000_000))
    def test_there_and_back(self, tag: str, number: int) -> None:
        """Any tag and any microsecond of the next hundred years, within what Bitfinex takes."""
        client_id = f"{tag}-{self.base36(number)}"
        gid, cid = numbers("x", client_id)
        self.assertTrue(0 < gid < 2**31 and 0 <= cid < 2**45)
        self.assertEqual(client_id, client_id_of(gid, cid))

    def base36(self, number: int) -> str:
        text = ""
        while number:
            number, digit = divmod(number, 36)
            text = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + text
        return text or "0"

    def test_what_cannot_be_carried(self) -> None:
        """Is refused before anything leaves: it would not come back."""
        for wrong in (
            "",
            "ilp",
            "ilp-",
            "-1",
            "ilp-X",
            "ilp-01",
            "ilp_-1",
            "pool5-1",
            "ilp-zzzzzzzzzzzzz",
            "ilp-1-2",
            "ilp-\u0663",
        ):
            self.assertRaises(Refused, numbers, "x", wrong)

    def test_orders_of_others(self) -> None:
        """Without a group, or with one that is none of ours, it is nobody's of ours."""
        for gid, cid in ((None, 1706699075903), (GID, None), (0, 5), (63, 5), (2**31, 5), (GID, 2**45), (-1, 5)):
            self.assertIsNone(client_id_of(gid, cid))


class FaultTests(SynchronousTestCase):
    """:func:`error_of`."""

    def test_table(self) -> None:
        """The codes and texts, and their reasons."""
        for code, text, reason in (
            (10100, "apikey: invalid", Reason.AUTH),
            (10100, "apikey: digest invalid", Reason.AUTH),
            (10001, "api_key: permission invalid", Reason.AUTH),
            (11010, "ratelimit: error", Reason.RATE_LIMIT),
            (20060, "maintenance", Reason.MAINTENANCE),
            (10001, "Invalid order: not enough exchange balance for 0.5 BTCUSD at 30000", Reason.FUNDS),
            (10001, "Cannot withdraw 5: available balance is only 1.2", Reason.FUNDS),
            (10001, "Order not found.", Reason.UNKNOWN_ORDER),
            (10001, "Invalid order: minimum size for BTC/USD is 0.00006", Reason.SIZE),
            (10001, "Invalid order: maximum size for BTCUSD is 2000", Reason.SIZE),
            (10020, "amount: invalid", Reason.SIZE),
            (10020, "price: invalid", Reason.PRICE),
            (10001, "Invalid bitcoin address (abcdef)", Reason.ADDRESS),
            (10020, "symbol: invalid", Reason.OTHER),
            (10302, "channel: unknown", Reason.OTHER),
            (10001, "Invalid order: whatever", Reason.OTHER),
        ):
            error = error_of("auth/w/order/submit", code, text, is_write=True)
            self.assertIsInstance(error, Refused, text)
            assert isinstance(error, Refused)
            self.assertEqual((reason, f"{code} {text}"), (error.reason, error.detail))

    def test_what_proves_nothing(self) -> None:
        """Errors that the venue itself calls unknown, or words that nobody has listed."""
        for code, text in (
            (10000, "amount: unknown error"),
            (10008, "price"),
            (10001, "something went wrong"),
            (99999, "Invalid"),
        ):
            self.assertIsInstance(error_of("x", code, text, is_write=True), OutcomeUnknown)
            self.assertIsInstance(error_of("x", code, text, is_write=False), Retryable)

    def test_what_was_not_done(self) -> None:
        """A nonce that came too late, or a moment in which the venue counts: ask again."""
        waiting = "Momentary balance check. Please wait few seconds and try the transfer again."
        for code, text in ((10114, "nonce: small"), (10001, waiting)):
            self.assertIsInstance(error_of("auth/w/withdraw", code, text, is_write=True), Retryable)

    def test_notification(self) -> None:
        """A write may be refused with status 200; only SUCCESS is one."""
        told = [1, "on-req", None, None, [[None]], None, "ERROR", "Invalid order: not enough exchange balance for 1"]
        self.assertIs(Reason.FUNDS, self.assertRaises(Refused, wire.notified, "x", told).reason)
        self.assertEqual("data", wire.notified("x", [1, "on-req", None, None, "data", None, "SUCCESS", ""]))


class PlacesTests(SynchronousTestCase):
    """:class:`Places`."""

    def test_home(self) -> None:
        """Without an endpoint it is the real one: two hosts, each with its stream, and limits."""
        places = Places.of("", {})
        self.assertEqual(("https://api-pub.bitfinex.com", "https://api.bitfinex.com"), (places.public, places.private))
        self.assertEqual(("wss://api-pub.bitfinex.com/ws/2", "wss://api.bitfinex.com/ws/2"), (places.books, places.own))
        self.assertEqual((100, True), (places.depth, places.has_limits))

    def test_elsewhere(self) -> None:
        """Another endpoint is both hosts, and has its streams beside it, unless an option says where."""
        places = Places.of("http://127.0.0.1:8080/", {"network_usdt": "TETHERUSX", "depth": "25", "rate_limit": "on"})
        self.assertEqual(("http://127.0.0.1:8080", "ws://127.0.0.1:8080/ws/2"), (places.public, places.own))
        self.assertEqual((25, True, {"USDT": "TETHERUSX"}), (places.depth, places.has_limits, places.networks))

    def test_what_is_refused(self) -> None:
        """Plain http elsewhere, misspelt options, depths that there are not."""
        for endpoint, options in (
            ("http://api.bitfinex.com", {}),
            ("", {"ws_endpont": "wss://api.bitfinex.com"}),
            ("", {"ws_auth_endpoint": "ws://api.bitfinex.com"}),
            ("", {"public_endpoint": "http://api-pub.bitfinex.com"}),
            ("", {"depth": "10"}),
            ("", {"rate_limit": "perhaps"}),
        ):
            self.assertRaises(ValueError, Places.of, endpoint, options)
