"""Who may call Gemini's private API: keys with their roles, signed payloads, nonces, and (if wanted) the rates of calls."""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import field, frozen

from sandbox.gemini_words import GeminiError

#: The calls of a group per second, and how many of them may come at once.
_RATES = {"public": (2.0, 7.0), "private": (10.0, 15.0), "transfers": (0.2, 1.0), "addresses": (0.5, 1.0)}
#: How far, in seconds, a nonce that is a time may be from the venue's clock.
_NONCE_WINDOW = 30
TRADER, FUND_MANAGER, AUDITOR = "Trader", "FundManager", "Auditor"
#: What may be done by whom; all else may be done with any role.
_NEEDED = {
    "/v1/order/new": {TRADER},
    "/v1/order/cancel": {TRADER},
    "/v1/order/cancel/all": {TRADER},
    "/v1/order/cancel/session": {TRADER},
    "/v1/orders": {TRADER, AUDITOR},
    "/v1/order/status": {TRADER, AUDITOR},
    "/v1/order/events": {TRADER, AUDITOR},
    "/v1/mytrades": {TRADER, AUDITOR},
    "/v1/notionalvolume": {TRADER, AUDITOR},
}
_BY_BEGINNING = {
    "/v1/withdraw/": {FUND_MANAGER},
    "/v2/withdraw/": {FUND_MANAGER},
    "/v1/deposit/": {FUND_MANAGER},
    "/v2/network/": {FUND_MANAGER, AUDITOR},
}


@frozen
class Key:
    """An API key: whose it is, its secret, its roles. A sandbox's secret guards nothing.

    ``is_time_based``: its nonces are the time in seconds, else numbers that only rise.
    """

    id: str
    secret: str
    user: str
    roles: frozenset[str] = field(default=frozenset({TRADER, FUND_MANAGER}))
    is_time_based: bool = False


class KeyRing:
    """Checks each private call. ``seconds`` is the venue's clock."""

    def __init__(self, keys: Iterable[Key], seconds: Callable[[], float]) -> None:
        self._keys = {key.id: key for key in keys}
        self._seconds = seconds
        self._nonces: dict[str, int] = {}

    def check(self, path: str, headers: Mapping[str, str]) -> tuple[Key, dict[str, Any]]:
        """Whose call it is, and its parameters; ``headers`` by name in lower case.

        :raises GeminiError: for headers that are missing, a key that is none, a wrong signature, a payload that is no
            JSON object or is for another path, a nonce that does not rise or is off, a role that is missing.
        """
        name, payload, signature = (headers.get(f"x-gemini-{word}", "") for word in ("apikey", "payload", "signature"))
        for word, value in (("Apikey", name), ("Payload", payload), ("Signature", signature)):
            if not value:
                raise GeminiError(f"Missing{word}Header", f"Must provide 'X-GEMINI-{word.upper()}' header")
        key = self._keys.get(name)
        if key is None:
            raise GeminiError("InvalidApiKey", "Invalid API key")
        expected = hmac.new(key.secret.encode(), payload.encode(), hashlib.sha384).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise GeminiError("InvalidSignature", "InvalidSignature")
        asked = _decoded(payload)
        if asked.get("request") != path:
            raise GeminiError("EndpointMismatch", f"EndpointMismatch: the request was submitted to {path}")
        self._check_nonce(key, asked.get("nonce"))
        needed = next((roles for beginning, roles in _BY_BEGINNING.items() if path.startswith(beginning)), _NEEDED.get(path))
        if needed is not None and not needed & key.roles:
            raise GeminiError("MissingRole", f"To access this endpoint, you need the {' or '.join(sorted(needed))} role")
        return key, asked

    def _check_nonce(self, key: Key, given: Any) -> None:
        if isinstance(given, bool) or not isinstance(given, int | str) or not str(given).isdecimal():
            raise GeminiError("InvalidNonce", "Nonce must be a positive whole number")
        nonce, last = int(given), self._nonces.get(key.id, -1)
        if key.is_time_based:
            if abs(nonce - self._seconds()) > _NONCE_WINDOW:
                raise GeminiError("InvalidNonce", f"Nonce '{nonce}' is not within {_NONCE_WINDOW} seconds of server time")
        elif nonce <= last:
            raise GeminiError("InvalidNonce", f"Nonce '{nonce}' has not increased since your last call to the Gemini API.")
        self._nonces[key.id] = nonce


def _decoded(payload: str) -> dict[str, Any]:
    try:
        asked = json.loads(base64.b64decode(payload, validate=True))
    except (binascii.Error, ValueError):
        asked = None
    if not isinstance(asked, dict):
        raise GeminiError("InvalidJson", "The payload is not a JSON object")
    return asked


class Meter:
    """How fast each group of endpoints is called; ``seconds`` is its clock, ``limits``: whether anything is refused for it.

    The real venue delays the first calls beyond the rate; here they are answered at once, and those after them refused alike.
    """

    def __init__(self, seconds: Callable[[], float], *, limits: bool) -> None:
        self._seconds = seconds
        self._limits = limits
        self._levels: dict[str, tuple[float, float]] = {}

    def spend(self, group: str) -> None:
        """Count a call of ``group``: public, private, transfers or addresses.

        :raises GeminiError: (429) beyond its rate.
        """
        if not self._limits:
            return
        rate, most = _RATES[group]
        now = self._seconds()
        level, then = self._levels.get(group, (most, now))
        level = min(most, level + (now - then) * rate) - 1
        if level < 0:
            raise GeminiError("RateLimit", "Requests were made too frequently. See Rate Limits.")
        self._levels[group] = (level, now)
