"""Coinbase Exchange's way of spelling: products, amounts, times, ids, and its words of trouble. Source: research/wire.md 5a."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from model.instrument import Instrument
from sandbox.front import WireError
from sandbox.trading import Reason, VenueRefused

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Status and message of each refusal; ``{}`` stands for what the venue model says besides.
REFUSALS: Mapping[Reason, tuple[int, str]] = {
    Reason.CONTRACT: (404, "NotFound"),
    Reason.TICKER: (404, "NotFound"),
    Reason.FUNDS: (400, "Insufficient funds"),
    Reason.SIZE: (400, "size is too accurate or not positive: {}"),
    Reason.MINIMUM: (400, "notional is too small: {}"),
    Reason.PRICE: (400, "price is too accurate or not positive: {}"),
    Reason.WOULD_CROSS: (400, "post only"),
    Reason.CLIENT_ID: (400, "client_oid is in use"),
    Reason.UNKNOWN_ORDER: (404, "order not found"),
    Reason.NOT_YOURS: (404, "order not found"),
    Reason.CLOSED: (400, "Order already done"),
    Reason.AMOUNT: (400, "amount is too accurate or not positive: {}"),
    Reason.TOO_SMALL: (400, "amount is below the minimum withdrawal amount"),
    Reason.WITHDRAWAL: (404, "NotFound"),
    Reason.USER: (401, "Invalid API Key"),
}


class CoinbaseError(WireError):
    """``status`` and ``message`` of the answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message

    @classmethod
    def of(cls, refusal: VenueRefused) -> "CoinbaseError":
        """What Coinbase calls it."""
        status, words = REFUSALS[refusal.reason]
        return cls(status, words.format(refusal.detail))

    @classmethod
    def described(cls, text: str) -> "CoinbaseError":
        """``429 Private rate limit exceeded``: as a fault describes it; without a text a common trouble."""
        status, _, message = (text or "400 Trading pair not available").partition(" ")
        return cls(int(status), message)

    def shape(self) -> dict[str, str]:
        """The answer."""
        return {"message": self.message}


def product_of(instrument: Instrument) -> str:
    """``BTC/USD`` -> ``BTC-USD``."""
    return f"{instrument.base}-{instrument.quote}"


def digits(amount: Decimal, places: int = 8) -> str:
    """``amount`` with at least so many digits. What has more keeps them: the real venue rounds, we say what is true."""
    exponent = amount.normalize().as_tuple().exponent
    return f"{amount:.{max(places, -exponent if isinstance(exponent, int) else places)}f}"


def iso(timestamp: int) -> str:
    """Microseconds as ``2024-01-31T12:00:00.123456Z``."""
    return (_EPOCH + timedelta(microseconds=timestamp)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def database_time(timestamp: int) -> str:
    """Microseconds as transfers have them, ``2024-01-31 12:00:00.123456+00``."""
    return (_EPOCH + timedelta(microseconds=timestamp)).strftime("%Y-%m-%d %H:%M:%S.%f+00")


def moment(text: str) -> int:
    """A time in a query, ISO 8601 or unix seconds, in microseconds.

    :raises CoinbaseError: if it is neither.
    """
    try:
        if text.isdecimal():
            return int(text) * 1_000_000
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise CoinbaseError(400, f"Invalid time {text}") from None
    return ((found if found.tzinfo else found.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def number_id(kind: int, number: int) -> str:
    """A venue's number as a UUID; ``kind`` tells orders, deposits and withdrawals apart."""
    return str(UUID(f"{kind:08x}-0000-4000-8000-{number:012x}"))


def read_number_id(kind: int, text: str) -> int | None:
    """The number that :func:`number_id` spelled; None if it is none of this kind."""
    try:
        number = UUID(text).int & 0xFFFFFFFFFFFF
    except ValueError:
        return None
    return number if number_id(kind, number) == text.lower() else None


def name_id(*parts: str) -> str:
    """A UUID for what has a name: accounts, profiles, users."""
    return str(UUID(bytes=hashlib.sha256("/".join(parts).encode()).digest()[:16], version=4))


ORDER, DEPOSIT, WITHDRAWAL = 0x0AD3, 0xDE90, 0x31D4
