"""Gemini's way of spelling: symbols, amounts, times, reasons of trouble. Sources: research/wire.md section 6, "Error codes".

Amounts are texts; the steps of a symbol and the numbers of bars are bare JSON numbers, the small ones with an exponent.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from model.instrument import Instrument
from model.money import plain
from sandbox.front import WireError
from sandbox.trading import Reason, VenueRefused

#: Reason and message of each refusal.
REFUSALS: Mapping[Reason, tuple[str, str]] = {
    Reason.CONTRACT: ("InvalidSymbol", "Received invalid symbol"),
    Reason.TICKER: ("InvalidCurrency", "Received invalid currency"),
    Reason.FUNDS: ("InsufficientFunds", "Failed to place order due to insufficient funds"),
    Reason.SIZE: ("InvalidQuantity", "Invalid quantity: not a positive multiple of the tick size"),
    Reason.MINIMUM: ("InvalidQuantity", "Invalid quantity: less than the minimum order size"),
    Reason.PRICE: ("InvalidPrice", "Invalid price: not a positive multiple of the quote increment"),
    Reason.CLIENT_ID: ("DuplicateOrder", "An open order has this client order id already"),
    Reason.UNKNOWN_ORDER: ("OrderNotFound", "Order not found"),
    Reason.NOT_YOURS: ("OrderNotFound", "Order not found"),
    Reason.CLOSED: ("OrderNotFound", "Order not found"),
    Reason.AMOUNT: ("InvalidQuantity", "Invalid amount"),
    Reason.TOO_SMALL: ("InvalidQuantity", "The amount does not pay its fee"),
    Reason.USER: ("InvalidApiKey", "Invalid API key"),
}
#: HTTP status of the reasons that do not come with 400.
STATUSES = {
    "MissingRole": 403,
    "OrderNotFound": 404,
    "EndpointNotFound": 404,
    "InsufficientFunds": 406,
    "RateLimit": 429,
    "System": 500,
    "Maintenance": 503,
}


class GeminiError(WireError):
    """``reason`` and ``message`` of the answer; ``status``: HTTP's, by the reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason} {message}")
        self.reason = reason
        self.message = message
        self.status = STATUSES.get(reason, 400)

    @classmethod
    def of(cls, refusal: VenueRefused) -> "GeminiError":
        """What Gemini calls it."""
        return cls(*REFUSALS.get(refusal.reason, ("InvalidJson", refusal.reason.value)))

    @classmethod
    def described(cls, text: str) -> "GeminiError":
        """``System We are experiencing technical issues``: as a fault describes it; without a text a common trouble."""
        reason, _, message = (text or "System We are experiencing technical issues. Please try again.").partition(" ")
        return cls(reason, message)

    def shape(self) -> dict[str, object]:
        """The answer."""
        return {"result": "error", "reason": self.reason, "message": self.message}


def symbol_of(instrument: Instrument) -> str:
    """``BTC/USD`` -> ``btcusd``, as paths and orders have it; market data and executions have it in capitals."""
    return (instrument.base + instrument.quote).lower()


def priced(instrument: Instrument, price: Decimal) -> str:
    """``price`` with the digits of its step: ``30000.00``."""
    exponent = instrument.tick.normalize().as_tuple().exponent
    return f"{price:.{max(0, -exponent) if isinstance(exponent, int) else 0}f}"


def amount_of(quantity: Decimal) -> str:
    """``quantity`` with the digits that it has."""
    return plain(quantity)


def milliseconds(timestamp: int) -> int:
    """Microseconds as Gemini's milliseconds."""
    return timestamp // 1000


def dumps(value: Any) -> str:
    """JSON whose numbers keep their digits: a ``Decimal`` is written as it is, 0.00000001 as 1E-8."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{json.dumps(str(key))}:{dumps(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(dumps, value)) + "]"
    return json.dumps(value)
