"""Who may call Kraken's private API: keys, signatures, nonces, tokens, and (if wanted) the call budget."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping

from attrs import frozen

from sandbox.kraken_words import KrakenError

TOKEN_SECONDS = 900
#: Calls that cost two, or nothing, of a key's budget; all others cost one.
_COSTS = {"Ledgers": 2, "TradesHistory": 2, "ClosedOrders": 2, "AddOrder": 0, "AmendOrder": 0, "CancelOrder": 0, "CancelAll": 0}
_MOST_CALLS = 20
_DECAY_PER_SECOND = 0.5


@frozen
class Key:
    """An API key: whose it is, and its secret in base64. A sandbox's secret guards nothing."""

    id: str
    secret: str
    user: str


class KeyRing:
    """Checks each private call. ``seconds`` is the clock of budgets and tokens; ``limits`` turns the budgets on."""

    def __init__(self, keys: Mapping[str, Key], seconds: Callable[[], float], *, limits: bool = False) -> None:
        self._keys = keys
        self._seconds = seconds
        self._limits = limits
        self._nonces: dict[str, int] = {}
        self._spent: dict[str, tuple[float, float]] = {}
        self._tokens: dict[str, tuple[str, float]] = {}

    def check(self, path: str, headers: tuple[str, str], nonce: str, body: bytes) -> Key:
        """Whose call it is. ``headers`` are API-Key and API-Sign, ``body`` the exact bytes received.

        :raises KrakenError: for an unknown key, a wrong signature, or a nonce not above the last one.
        """
        name, signature = headers
        key = self._keys.get(name)
        if key is None:
            raise KrakenError("EAPI:Invalid key")
        digest = hashlib.sha256(nonce.encode() + body).digest()
        expected = hmac.new(base64.b64decode(key.secret), path.encode() + digest, hashlib.sha512).digest()
        if not hmac.compare_digest(base64.b64encode(expected).decode(), signature):
            raise KrakenError("EAPI:Invalid signature")
        if not nonce.isdecimal() or not self._nonces.get(name, -1) < int(nonce) < 2**64:
            raise KrakenError("EAPI:Invalid nonce")
        self._nonces[name] = int(nonce)
        return key

    def spend(self, key: Key, call: str) -> None:
        """Take a call's cost from the key's budget.

        :raises KrakenError: if the budget is used up.
        """
        if not self._limits:
            return
        spent, then = self._spent.get(key.id, (0.0, 0.0))
        spent = max(0.0, spent - (self._seconds() - then) * _DECAY_PER_SECOND) + _COSTS.get(call, 1)
        if spent > _MOST_CALLS:
            raise KrakenError("EAPI:Rate limit exceeded")
        self._spent[key.id] = (spent, self._seconds())

    def new_token(self, key: Key) -> str:
        """A token for the WebSocket's private channels."""
        token = hashlib.sha256(f"{key.id}/{self._nonces[key.id]}".encode()).hexdigest()[:43]
        self._tokens[token] = (key.user, self._seconds() + TOKEN_SECONDS)
        return token

    def user_of(self, token: str) -> str:
        """Whose token it is.

        :raises KrakenError: if it is unknown or too old.
        """
        user, until = self._tokens.get(token, ("", 0.0))
        if not user or self._seconds() > until:
            raise KrakenError("ESession:Invalid session")
        return user
