"""Keys, signatures, nonces, budgets and tokens of the Kraken front, without a wire."""

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sandbox.kraken_keys import TOKEN_SECONDS, Key, KeyRing
from sandbox.kraken_words import KrakenError

# The published vector: this secret, path and body give this signature.
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
PATH = "/0/private/AddOrder"
NONCE = "1616492376594"
BODY = f"nonce={NONCE}&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25".encode()
SIGNATURE = "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
KEY = Key("k", SECRET, "pool")


class Ring(SynchronousTestCase):
    """What lets a call in."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ring = KeyRing({"k": KEY}, self.clock.seconds, limits=True)

    def check(self, body: bytes = BODY, nonce: str = NONCE) -> Key:
        return self.ring.check(PATH, ("k", SIGNATURE), nonce, body)

    def error(self, call: object, *args: object) -> str:
        error: KrakenError = self.assertRaises(KrakenError, call, *args)
        return error.text

    def test_published_vector(self) -> None:
        """The documented signature is right, once; one byte more in the body is wrong."""
        self.assertEqual(self.check(), KEY)
        self.assertEqual(self.error(self.check), "EAPI:Invalid nonce")
        self.assertEqual(self.error(self.check, BODY + b"0"), "EAPI:Invalid signature")

    def test_budget(self) -> None:
        """Twenty calls at once, then one every two seconds; placing and cancelling are free."""
        for _ in range(10):
            self.ring.spend(KEY, "Ledgers")
        self.assertEqual(self.error(self.ring.spend, KEY, "Balance"), "EAPI:Rate limit exceeded")
        self.ring.spend(KEY, "AddOrder")
        self.clock.advance(2)
        self.ring.spend(KEY, "Balance")
        self.assertEqual(self.error(self.ring.spend, KEY, "Balance"), "EAPI:Rate limit exceeded")

    def test_no_budget(self) -> None:
        """Without limits nobody counts."""
        ring = KeyRing({"k": KEY}, self.clock.seconds)
        for _ in range(100):
            ring.spend(KEY, "Ledgers")

    def test_token(self) -> None:
        """A token is good for a quarter of an hour."""
        self.check()
        token = self.ring.new_token(KEY)
        self.assertEqual(self.ring.user_of(token), "pool")
        self.clock.advance(TOKEN_SECONDS + 1)
        self.assertEqual(self.error(self.ring.user_of, token), "ESession:Invalid session")
