"""Who may call Coinbase Exchange's private API: keys, passphrases, signatures, timestamps, and how many calls a second."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable

from attrs import define, frozen

from sandbox.coinbase_exchange_words import CoinbaseError

#: How far a timestamp may be off, in seconds.
WINDOW = 30.0
#: Calls per second and at once, of an address and of a key.
_PUBLIC, _PRIVATE = (10.0, 15.0), (15.0, 30.0)


@frozen
class Key:
    """An API key: whose it is, its secret in base64, its passphrase. A sandbox's secret guards nothing."""

    id: str
    secret: str
    user: str
    passphrase: str = ""


@frozen
class Proof:
    """What a request, or a subscription, brings along."""

    key: str
    passphrase: str
    timestamp: str
    signature: str


class KeyRing:
    """Checks each private call. ``now`` is the venue's clock in seconds."""

    def __init__(self, keys: Iterable[Key], now: Callable[[], float]) -> None:
        self._keys = {key.id: key for key in keys}
        self._now = now

    def check(self, proof: Proof, request: str) -> str:
        """Whose call it is. ``request``: method, path with query, and body, as they came.

        :raises CoinbaseError: for a key that is none, a wrong passphrase or signature, a time that is missing or too far off.
        """
        key = self._keys.get(proof.key)
        if key is None:
            raise CoinbaseError(401, "Invalid API Key" if proof.key else "CB-ACCESS-KEY header is required")
        self._check_time(proof.timestamp)
        if proof.passphrase != key.passphrase:
            raise CoinbaseError(401, "Invalid Passphrase")
        signed = f"{proof.timestamp}{request}".encode()
        expected = base64.b64encode(hmac.new(base64.b64decode(key.secret), signed, hashlib.sha256).digest())
        if not hmac.compare_digest(expected, proof.signature.encode()):
            raise CoinbaseError(401, "invalid signature")
        return key.user

    def _check_time(self, timestamp: str) -> None:
        try:
            age = self._now() - float(timestamp)
        except ValueError:
            raise CoinbaseError(401, "invalid timestamp") from None
        # Not the other way round: what is no number is never within the window.
        if not abs(age) <= WINDOW:
            raise CoinbaseError(401, "request timestamp expired")


@define
class _Bucket:
    rate: float
    capacity: float
    level: float
    at: float

    def spend(self, now: float) -> bool:
        self.level = min(self.capacity, self.level + (now - self.at) * self.rate)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


class Meter:
    """Calls per second; ``seconds`` is its clock, ``limits``: whether anything is refused for it."""

    def __init__(self, seconds: Callable[[], float], *, limits: bool) -> None:
        self._seconds = seconds
        self._limits = limits
        self._buckets: dict[str, _Bucket] = {}

    def spend(self, key: str) -> None:
        """Count a call of ``key``; without one, of the address.

        :raises CoinbaseError: (429) beyond the limit.
        """
        now = self._seconds()
        rate, capacity = _PRIVATE if key else _PUBLIC
        bucket = self._buckets.setdefault(key, _Bucket(rate, capacity, capacity, now))
        if not bucket.spend(now) and self._limits:
            raise CoinbaseError(429, f"{'Private' if key else 'Public'} rate limit exceeded")
