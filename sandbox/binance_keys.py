"""Who may call Binance's signed API: keys, signatures, timestamps, and the weight that calls use up."""

import hashlib
import hmac
from collections.abc import Callable, Iterable

from attrs import frozen

from sandbox.binance_words import BinanceError, missing

#: What one address may use in a minute of the clock.
WEIGHT_LIMIT = 6_000
#: How far a timestamp may be ahead of our clock, and how old it may be unless it says so itself; milliseconds.
_AHEAD, _WINDOW, _LONGEST_WINDOW = 1_000, 5_000, 60_000
_WEIGHTS = {
    "GET /api/v3/exchangeInfo": 20,
    "GET /api/v3/account": 20,
    "GET /api/v3/allOrders": 20,
    "GET /api/v3/myTrades": 20,
    "GET /api/v3/openOrders": 80,
    "GET /api/v3/depth": 50,
    "GET /api/v3/order": 4,
    "GET /api/v3/klines": 2,
}


@frozen
class Key:
    """An API key: whose it is, and its secret. A sandbox's secret guards nothing."""

    id: str
    secret: str
    user: str


class KeyRing:
    """Checks each signed call. ``now`` is the venue's clock in milliseconds."""

    def __init__(self, keys: Iterable[Key], now: Callable[[], int]) -> None:
        self._keys = {key.id: key for key in keys}
        self._now = now

    def check(self, name: str, text: str, signature: str, timestamp: str, window: str) -> str:
        """Whose call it is. ``text``: the parameters as they were signed.

        :raises BinanceError: for a key that is none, a wrong signature, a time that is missing or too far off.
        """
        if not name:
            raise BinanceError(-2014, "API-key format invalid.")
        key = self._keys.get(name)
        if key is None:
            raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.")
        expected = hmac.new(key.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.encode()):
            raise BinanceError(-1022, "Signature for this request is not valid.")
        self._check_time(timestamp, window)
        return key.user

    def _check_time(self, timestamp: str, window: str) -> None:
        if not timestamp.isdecimal():
            raise missing("timestamp")
        if window and not (window.isdecimal() and int(window) <= _LONGEST_WINDOW):
            raise BinanceError(-1131, "recvWindow must be less than 60000")
        age = self._now() - int(timestamp)
        if age < -_AHEAD:
            raise BinanceError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        if age > int(window or _WINDOW):
            raise BinanceError(-1021, "Timestamp for this request is outside of the recvWindow.")


class Meter:
    """Weight used in this minute; ``seconds`` is its clock, ``limits``: whether anything is refused for it."""

    def __init__(self, seconds: Callable[[], float], *, limits: bool) -> None:
        self._seconds = seconds
        self._limits = limits
        self._minute = -1
        self.used = 0

    def spend(self, call: str) -> None:
        """Count a call.

        :raises BinanceError: (429) beyond the limit.
        """
        minute = int(self._seconds() // 60)
        if minute != self._minute:
            self._minute, self.used = minute, 0
        self.used += _WEIGHTS.get(call, 1)
        if self._limits and self.used > WEIGHT_LIMIT:
            raise BinanceError(-1003, f"Too much request weight used; current limit is {WEIGHT_LIMIT} per 1 MINUTE.")

    def seconds_left(self) -> int:
        """Until the minute is over."""
        return 60 - int(self._seconds() % 60)
