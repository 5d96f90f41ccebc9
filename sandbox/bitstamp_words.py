"""Bitstamp's way of spelling: markets, amounts, times, ids, words of trouble. Sources: research/wire.md section 2, the venue's
public list of response codes, and the payloads that ccxt 4.5.90 quotes.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

from model.instrument import Instrument
from model.money import plain
from sandbox.front import WireError
from sandbox.trading import Reason, VenueRefused

#: Real orders have ids of sixteen digits, executions and other postings of nine.
_FIRST_ORDER, _FIRST_TRADE, _FIRST_POSTING = 1_450_000_000_000_000, 320_000_000, 520_000_000

Words = str | Mapping[str, list[str]]

#: Code and words of each refusal; of orders, unless a call has words of its own.
REFUSALS: Mapping[Reason, tuple[str, Words]] = {
    Reason.CONTRACT: ("404.007", "Market not found for corresponding request."),
    Reason.TICKER: ("404.006", "Currency not found for corresponding request."),
    Reason.FUNDS: ("400.009", {"__all__": ["You have not enough available. Check your account balance for details."]}),
    Reason.SIZE: ("400.026", {"amount": ["Ensure that there are no more than the market's decimal places."]}),
    Reason.MINIMUM: ("400.020", {"__all__": ["Minimum order size is not reached."]}),
    Reason.PRICE: ("400.041", {"price": ["Ensure that there are no more than the market's decimal places."]}),
    Reason.CLIENT_ID: ("400.019", "Provided client_order_id already exists."),
    Reason.UNKNOWN_ORDER: ("404.002", "Order not found."),
    Reason.NOT_YOURS: ("404.002", "Order not found."),
    Reason.CLOSED: ("404.002", "Order not found."),
    Reason.AMOUNT: ("400.026", {"amount": ["Ensure that there are no more than 8 decimal places."]}),
    Reason.TOO_SMALL: ("400.046", {"amount": ["Ensure this value is greater than or equal to the minimum."]}),
    Reason.WITHDRAWAL: ("404.001", "Withdrawal not found."),
    Reason.USER: ("API0008", "Authentication failed"),
}


class BitstampError(WireError):
    """What went wrong, as ``{"status": "error", ...}`` tells it. ``code``: ``API0005`` or ``400.009``, which says HTTP's status
    too; ``words``: text, or texts by the field they are about (``__all__``: the whole request).
    """

    def __init__(self, code: str, words: Words) -> None:
        super().__init__(f"{code} {words}")
        self.code = code
        self.words = words
        self.status = 403 if code.startswith("API") else int(code[:3])

    @classmethod
    def of(cls, refusal: VenueRefused) -> "BitstampError":
        """What Bitstamp calls it."""
        return cls(*REFUSALS[refusal.reason])

    @classmethod
    def described(cls, text: str) -> "BitstampError":
        """``400.002 Request rejected due to exceeded rate limit.``: as a fault describes it; without a text a common trouble."""
        code, _, words = (text or "500.002 One of Bitstamp internal services failed to process request.").partition(" ")
        return cls(code, words)

    def shape(self) -> dict[str, object]:
        """The answer."""
        found: dict[str, object] = {"status": "error", "reason": self.words}
        if self.code.startswith("API"):
            return found | {"code": self.code}
        return found | {"response_code": self.code, "response_explanation": str(self.words)}


def missing(name: str) -> BitstampError:
    """A parameter that must be there and is not, or makes no sense."""
    return BitstampError("400.004", {name: ["This field is required."]})


def market_of(instrument: Instrument) -> str:
    """``BTC/USD`` -> ``btcusd``."""
    return (instrument.base + instrument.quote).lower()


def decimals(step: Decimal) -> int:
    """How many digits after the point a power of ten has."""
    return max(0, -step.adjusted())


def digits(amount: Decimal, places: int) -> str:
    """``amount`` with ``places`` digits. What has more keeps them: the real venue rounds, we say what is true."""
    text = plain(amount)
    return f"{amount:.{max(places, len(text.partition('.')[2]))}f}"


def eight(amount: Decimal) -> str:
    """``amount`` with eight digits."""
    return digits(amount, 8)


def moment(timestamp: int) -> str:
    """Microseconds as Bitstamp writes times: UTC, without saying so."""
    return datetime.fromtimestamp(timestamp / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def order_number(order_id: int) -> int:
    """The venue's order as Bitstamp numbers it."""
    return _FIRST_ORDER + order_id


def order_of(number: str) -> int:
    """The reverse of :func:`order_number`.

    :raises BitstampError: if it is no number.
    """
    if not (number.isascii() and number.isdecimal()):
        raise BitstampError("400.036", "POST parameter(s) is malformed: id.")
    return int(number) - _FIRST_ORDER


def trade_number(trade_id: int) -> int:
    """An execution as Bitstamp numbers it; both sides' have the same number."""
    return _FIRST_TRADE + trade_id


def posting_number(posting_id: int) -> int:
    """A posting that is no trade as Bitstamp numbers it."""
    return _FIRST_POSTING + posting_id
