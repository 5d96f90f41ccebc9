"""Who may call Bitfinex's private API: keys, signatures, nonces that only rise, and how often each call may be made."""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import frozen

from sandbox.bitfinex_words import KEY, LIMIT, NONCE, BitfinexError

#: JavaScript's largest exact integer.
_LARGEST_NONCE = 2**53 - 1
#: Calls per minute of one kind; and of those that have a limit of their own.
_PER_MINUTE = 90
_LIMITS = {"platform": 30, "auth/w/deposit": 10, "auth/w/withdraw": 10, "book": 240}
#: Seconds for which nothing is answered after too many calls.
_BLOCKED = 60.0


@frozen
class Key:
    """An API key: whose it is, and its secret. A sandbox's secret guards nothing."""

    id: str
    secret: str
    user: str


class KeyRing:
    """Checks each private call and each log-in of a stream; both count on the same nonces."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {key.id: key for key in keys}
        self._nonces: dict[str, int] = {}

    def check(self, path: str, headers: Mapping[str, str], body: bytes) -> str:
        """Whose call it is; ``headers`` without ``bfx-``, ``body`` the exact bytes received.

        :raises BitfinexError: for a key that is none, a wrong signature, a nonce not above the last one.
        """
        nonce = headers["nonce"]
        return self._user(headers["apikey"], f"/api{path}{nonce}".encode() + body, headers["signature"], nonce)

    def log_in(self, request: Mapping[str, Any]) -> str:
        """Whose stream it will be.

        :raises BitfinexError: as :meth:`check`.
        """
        words = {name: str(request.get(name, "")) for name in ("apiKey", "authPayload", "authSig", "authNonce")}
        return self._user(words["apiKey"], words["authPayload"].encode(), words["authSig"], words["authNonce"])

    def _user(self, name: str, signed: bytes, signature: str, nonce: str) -> str:
        key = self._keys.get(name)
        if key is None:
            raise BitfinexError(KEY, "apikey: invalid")
        expected = hmac.new(key.secret.encode(), signed, hashlib.sha384).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise BitfinexError(KEY, "apikey: digest invalid")
        if not nonce.isdecimal() or not self._nonces.get(name, -1) < int(nonce) <= _LARGEST_NONCE:
            raise BitfinexError(NONCE, "nonce: small")
        self._nonces[name] = int(nonce)
        return key.user


class Meter:
    """Calls of each kind within the last minute of ``seconds``; ``limits``: whether any is refused for it."""

    def __init__(self, seconds: Callable[[], float], *, limits: bool) -> None:
        self._seconds = seconds
        self._limits = limits
        self._calls: dict[str, list[float]] = defaultdict(list)
        self._blocked_until = 0.0

    def spend(self, call: str) -> None:
        """Count a call.

        :raises BitfinexError: (429) beyond its limit, and for a minute after that.
        """
        if not self._limits:
            return
        now = self._seconds()
        recent = self._calls[call] = [then for then in self._calls[call] if now - then < 60]
        recent.append(now)
        most = next((limit for begin, limit in _LIMITS.items() if call.startswith(begin)), _PER_MINUTE)
        if len(recent) > most:
            self._blocked_until = now + _BLOCKED
        if now < self._blocked_until:
            raise BitfinexError(LIMIT, "ratelimit: error", 429)
