"""Who may call Bitstamp's private API: keys, signatures, nonces, times, tokens for the sockets, and how often one may call."""

import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from attrs import frozen

from sandbox.bitstamp_words import BitstampError

#: Seconds within which a nonce may not come again, and by which a timestamp may be off.
_WINDOW = 150
#: Seconds that a token for the sockets is good for.
TOKEN_LIFE = 60
#: Calls in a second, and in ten minutes.
_PER_SECOND, _PER_TEN_MINUTES = 400, 10_000
_FORM = "application/x-www-form-urlencoded"
_REAL_HOST = "www.bitstamp.net"
_FIRST_USER = 4_000_000
_HEADERS = {
    "X-Auth": "API0012",
    "X-Auth-Signature": "API0013",
    "X-Auth-Nonce": "API0014",
    "X-Auth-Timestamp": "API0015",
    "X-Auth-Version": "API0016",
}


@frozen
class Key:
    """An API key: whose it is, and its secret. A sandbox's secret guards nothing."""

    id: str
    secret: str
    user: str


@frozen
class Signed:
    """A request as its signature covers it; ``host`` as the client addressed it, ``path`` with its query."""

    method: str
    host: str
    path: str
    content_type: str
    body: str
    headers: Mapping[str, str]


class KeyRing:
    """Checks each private call. ``now`` is the venue's clock in milliseconds."""

    def __init__(self, keys: Iterable[Key], now: Callable[[], int]) -> None:
        self._keys = {key.id: key for key in keys}
        self._users = sorted({key.user for key in self._keys.values()})
        self._now = now
        self._nonces: dict[str, int] = {}
        self._tokens: dict[str, tuple[str, int]] = {}

    def check(self, request: Signed) -> Key:
        """Whose call it is.

        :raises BitstampError: for a key that is none, a wrong signature, a nonce again, a time that is too far off.
        """
        for name, code in _HEADERS.items():
            if not request.headers.get(name):
                raise BitstampError(code, f"{name} header is required")
        scheme, _, name = request.headers["X-Auth"].partition(" ")
        key = self._keys.get(name)
        if scheme != "BITSTAMP" or key is None:
            raise BitstampError("API0001", "API key not found")
        if request.headers["X-Auth-Version"] != "v2":
            raise BitstampError("API0010", "Invalid version")
        if bool(request.body) != bool(request.content_type):
            wrong = ("API0019", "Content-Type header is not accepted")
            raise BitstampError(*(wrong if request.body else ("API0020", "Content-Type header should not be present")))
        if request.content_type not in ("", _FORM):
            raise BitstampError("API0019", "Content-Type header is not accepted")
        self._check_signature(key, request)
        self._check_time(request.headers["X-Auth-Timestamp"])
        self._check_nonce(request.headers["X-Auth-Nonce"])
        return key

    def seal(self, key: Key, request: Signed, content_type: str, answer: bytes) -> str:
        """The signature of our answer."""
        text = request.headers["X-Auth-Nonce"] + request.headers["X-Auth-Timestamp"] + content_type
        return hmac.new(key.secret.encode(), text.encode() + answer, hashlib.sha256).hexdigest()

    def number(self, user: str) -> int | None:
        """The user's number in the names of channels; None of one without a key."""
        return _FIRST_USER + self._users.index(user) if user in self._users else None

    def token(self, user: str) -> str:
        """A fresh token for the sockets."""
        token = hashlib.sha256(f"{user}/{len(self._tokens)}/{self._now()}".encode()).hexdigest()[:32]
        self._tokens[token] = (user, self._now())
        return token

    def owner(self, token: str) -> str | None:
        """Whose token it is; None if it is nobody's (any more)."""
        user, issued = self._tokens.get(token, ("", 0))
        return user if user and self._now() - issued <= TOKEN_LIFE * 1000 else None

    def _check_signature(self, key: Key, request: Signed) -> None:
        headers = request.headers
        before = headers["X-Auth"] + request.method
        after = request.path + request.content_type + headers["X-Auth-Nonce"] + headers["X-Auth-Timestamp"] + "v2" + request.body
        # ccxt takes only https:// off what it signs; who knows the real host may name it.
        hosts = (request.host, f"http://{request.host}", _REAL_HOST)
        good = (hmac.new(key.secret.encode(), (before + host + after).encode(), hashlib.sha256).hexdigest() for host in hosts)
        given = headers["X-Auth-Signature"].lower().encode()
        if not any(hmac.compare_digest(each.encode(), given) for each in good):
            raise BitstampError("API0005", "Invalid signature")

    def _check_time(self, timestamp: str) -> None:
        if not timestamp.isdecimal():
            raise BitstampError("API0018", "X-Auth-Timestamp header is invalid")
        if abs(self._now() - int(timestamp)) > _WINDOW * 1000:
            raise BitstampError("API0017", "X-Auth-Timestamp header is out of boundaries")

    def _check_nonce(self, nonce: str) -> None:
        now = self._now()
        self._nonces = {each: used for each, used in self._nonces.items() if now - used <= _WINDOW * 1000}
        if len(nonce) != 36 or nonce != nonce.lower() or nonce in self._nonces:
            raise BitstampError("API0004", "Invalid nonce")
        self._nonces[nonce] = now


class Meter:
    """How often it was called; ``seconds`` is its clock, ``limits``: whether anything is refused for it."""

    def __init__(self, seconds: Callable[[], float], *, limits: bool) -> None:
        self._seconds = seconds
        self._limits = limits
        self._calls: deque[float] = deque()

    def spend(self) -> None:
        """Count a call.

        :raises BitstampError: beyond the limit.
        """
        if not self._limits:
            return
        now = self._seconds()
        while self._calls and self._calls[0] <= now - 600:
            self._calls.popleft()
        recent = sum(1 for at in self._calls if at > now - 1) if len(self._calls) >= _PER_SECOND else 0
        if recent >= _PER_SECOND or len(self._calls) >= _PER_TEN_MINUTES:
            raise BitstampError("400.002", "Request rejected due to exceeded rate limit.")
        self._calls.append(now)
