"""What can go wrong at a venue, as far as the caller must act differently.

=================== ================================================ =====================================
error               what happened                                    what the caller may do
=================== ================================================ =====================================
Retryable           nothing was done (not sent, or only read)        ask again, with back-off
Refused             the venue said no; nothing was done              look at ``reason``; the same again is no use
OutcomeUnknown      the request may have been carried out            look it up at the venue; never send it again
InvalidData         the venue's words make no sense                  treat as Retryable for reads; report it
NotImplementedError the venue or client cannot do this at all        hand it to a person
=================== ================================================ =====================================
"""

from enum import Enum


class Reason(Enum):
    """Why a venue refused."""

    FUNDS = "funds"
    SIZE = "size"
    PRICE = "price"
    UNKNOWN_ORDER = "unknown order"
    AUTH = "auth"
    RATE_LIMIT = "rate limit"
    MAINTENANCE = "maintenance"
    WOULD_CROSS = "would cross"
    ADDRESS = "address"
    OTHER = "other"


class ExchangeError(Exception):
    """Trouble with a venue. ``venue`` and ``call`` say where; ``detail`` holds the venue's own words, never a secret."""

    def __init__(self, venue: str, call: str, detail: str) -> None:
        super().__init__(venue, call, detail)
        self.venue = venue
        self.call = call
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.venue} {self.call}: {self.detail}"


class Retryable(ExchangeError):
    """Nothing has been done; asking again later may help. Repeating is safe."""


class Refused(ExchangeError):
    """The venue has said no and done nothing. Repeating the same request is useless, but harmless."""

    def __init__(self, venue: str, call: str, detail: str, reason: Reason = Reason.OTHER) -> None:
        super().__init__(venue, call, detail)
        self.reason = reason


class OutcomeUnknown(ExchangeError):
    """The request left and no answer proves what became of it. It must be looked up and never sent again on a guess."""


class InvalidData(ExchangeError):
    """The venue's answer breaks its own documented form. Nothing may be concluded from it."""
