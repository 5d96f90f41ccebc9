"""Binance's way of spelling: symbols, amounts, codes of trouble. Sources: research/wire.md section 4 and its fixtures."""

from collections.abc import Mapping
from decimal import Decimal

from model.instrument import Instrument
from sandbox.front import WireError
from sandbox.trading import Reason, VenueRefused

#: Code and message of each refusal; of orders, unless a call has words of its own.
REFUSALS: Mapping[Reason, tuple[int, str]] = {
    Reason.CONTRACT: (-1121, "Invalid symbol."),
    Reason.TICKER: (-4018, "We don't have this asset."),
    Reason.FUNDS: (-2010, "Account has insufficient balance for requested action."),
    Reason.SIZE: (-1013, "Filter failure: LOT_SIZE"),
    Reason.MINIMUM: (-1013, "Filter failure: NOTIONAL"),
    Reason.PRICE: (-1013, "Filter failure: PRICE_FILTER"),
    Reason.WOULD_CROSS: (-2010, "Order would immediately match and take."),
    Reason.CLIENT_ID: (-2010, "Duplicate order sent."),
    Reason.UNKNOWN_ORDER: (-2013, "Order does not exist."),
    Reason.NOT_YOURS: (-2013, "Order does not exist."),
    Reason.CLOSED: (-2011, "Unknown order sent."),
    Reason.AMOUNT: (-4021, "Asset withdrawal must be a multiple of its step."),
    Reason.TOO_SMALL: (-4022, "Not less than the minimum pick-up quantity."),
    Reason.WITHDRAWAL: (-4024, "This withdrawal does not exist."),
    Reason.USER: (-2015, "Invalid API-key, IP, or permissions for action."),
}
#: HTTP status of the codes that do not come with 400.
STATUSES = {-2014: 401, -2015: 401, -1003: 429}


class BinanceError(WireError):
    """``code`` and ``message`` of the answer; ``status``: HTTP's, by the code if it is not given."""

    def __init__(self, code: int, message: str, status: int | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = STATUSES.get(code, 400) if status is None else status

    @classmethod
    def of(cls, refusal: VenueRefused) -> "BinanceError":
        """What Binance calls it."""
        return cls(*REFUSALS[refusal.reason])

    @classmethod
    def described(cls, text: str) -> "BinanceError":
        """``-1007 Timeout waiting for response``: as a fault describes it; without a text a common trouble."""
        code, _, message = (text or "-1001 Internal error; unable to process your request. Please try again.").partition(" ")
        return cls(int(code), message)

    def shape(self) -> dict[str, object]:
        """The answer."""
        return {"code": self.code, "msg": self.message}


def missing(name: str) -> BinanceError:
    """A parameter that must be there and is not, or makes no sense."""
    return BinanceError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def symbol_of(instrument: Instrument) -> str:
    """``BTC/USDT`` -> ``BTCUSDT``."""
    return instrument.base + instrument.quote


def eight(amount: Decimal) -> str:
    """``amount`` with Binance's eight digits. What has more keeps them: the real venue rounds, we say what is true."""
    places = amount.normalize().as_tuple().exponent
    return f"{amount:.{max(8, -places if isinstance(places, int) else 8)}f}"


def milliseconds(timestamp: int) -> int:
    """Microseconds as Binance's milliseconds."""
    return timestamp // 1000
