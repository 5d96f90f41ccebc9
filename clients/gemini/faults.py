"""Gemini's reasons for trouble, and what they mean for the caller.

A failed request is answered ``{"result":"error","reason":"...","message":"..."}``. Reasons are from Gemini's "Error Codes" and
ccxt's table of 4.5.90; the status decides where the reason does not. What is not listed is Refused OTHER, never silently
fine. None of these calls has done anything, except those marked unknown: with status 5xx, and with the reason System, nothing
says what became of a *write*, so that its outcome is unknown; a read may be repeated.

==================================================== =======================
reason, or status                                    here
==================================================== =======================
any with status 5xx; System                          unknown
InvalidNonce                                         Retryable
InsufficientFunds; status 406                        Refused FUNDS
InvalidQuantity                                      Refused SIZE
InvalidPrice                                         Refused PRICE
OrderNotFound                                        Refused UNKNOWN_ORDER
InvalidApiKey, InvalidSignature, MissingApikeyHeader,
MissingPayloadHeader, MissingSignatureHeader,
MissingRole, NoSSL; status 401, 403                  Refused AUTH
RateLimit, RateLimited; status 429                   Refused RATE_LIMIT
MarketNotOpen, Maintenance                           Refused MAINTENANCE
CryptoAddressWhitelistsNotEnabled                    Refused ADDRESS
anything else                                        Refused OTHER
==================================================== =======================

An order that cannot be what it was meant to be (maker-or-cancel at a price that would take, immediate-or-cancel that finds
nothing) is no error at Gemini: it is taken, cancelled at once, and told so by its order events. A nonce that is refused was not
used: the next one is higher, or, where the key wants the time, of a clock that has been compared anew.
"""

from clients.errors import ExchangeError, OutcomeUnknown, Reason, Refused, Retryable

VENUE = "gemini"

NONCE = "InvalidNonce"
_BY_REASON = {
    "InsufficientFunds": Reason.FUNDS,
    "InvalidQuantity": Reason.SIZE,
    "InvalidPrice": Reason.PRICE,
    "OrderNotFound": Reason.UNKNOWN_ORDER,
    "InvalidApiKey": Reason.AUTH,
    "InvalidSignature": Reason.AUTH,
    "MissingApikeyHeader": Reason.AUTH,
    "MissingPayloadHeader": Reason.AUTH,
    "MissingSignatureHeader": Reason.AUTH,
    "MissingRole": Reason.AUTH,
    "NoSSL": Reason.AUTH,
    "RateLimit": Reason.RATE_LIMIT,
    "RateLimited": Reason.RATE_LIMIT,
    "MarketNotOpen": Reason.MAINTENANCE,
    "Maintenance": Reason.MAINTENANCE,
    "CryptoAddressWhitelistsNotEnabled": Reason.ADDRESS,
}
_BY_STATUS = {401: Reason.AUTH, 403: Reason.AUTH, 406: Reason.FUNDS, 429: Reason.RATE_LIMIT}


class WrongNonce(Retryable):
    """The request's nonce was not above the last one, or no time near the venue's: nothing was done."""


def error_of(call: str, status: int, reason: str, message: str, is_write: bool) -> ExchangeError:
    """The error that Gemini's answer means for ``call``; see the module's table."""
    detail = f"{reason} {message}"
    if status >= 500 or reason == "System":
        return (OutcomeUnknown if is_write else Retryable)(VENUE, call, f"status {status}: {detail}")
    if reason == NONCE:
        return WrongNonce(VENUE, call, detail)
    return Refused(VENUE, call, detail, _BY_REASON.get(reason) or _BY_STATUS.get(status, Reason.OTHER))
