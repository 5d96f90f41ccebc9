"""Binance's codes for trouble, and what they mean for the caller.

Codes and texts are from Binance's "Error codes" and ccxt's table of 4.5.90. A code alone is often not enough: -2010 is any
rejected order and -1013 any failed filter, so that the message decides. What is not listed is Refused OTHER, never silently
fine. None of these calls has done anything, except those marked unknown: there Binance itself says that it does not know
whether the request was carried out, so that a *write* has an unknown outcome, and a read may be repeated.

======================================== ===================================================== ======================
code                                     message has                                           here
======================================== ===================================================== ======================
-1000, -1001, -1004, -1006, -1007, -1008                                                       unknown
-1021                                    (timestamp outside of the recvWindow)                 Retryable
-1002, -1022, -2014, -2015                                                                     Refused AUTH
-1003, -1015                                                                                   Refused RATE_LIMIT
-1013                                    PRICE_FILTER, PERCENT_PRICE                           Refused PRICE
-1013                                    LOT_SIZE, NOTIONAL, MAX_POSITION                      Refused SIZE
-1111                                    price                                                 Refused PRICE
-1111                                                                                          Refused SIZE
-1016, -4019                                                                                   Refused MAINTENANCE
-2010                                    insufficient balance                                  Refused FUNDS
-2010                                    immediately match                                     Refused WOULD_CROSS
-2010                                    Market is closed                                      Refused MAINTENANCE
-2010                                    on this account, not permitted                        Refused AUTH
-2011, -2013, -2026                                                                            Refused UNKNOWN_ORDER
-4026                                                                                          Refused FUNDS
-4021, -4022, -4023, -4024                                                                     Refused SIZE
-4033, -4034, -4035, -4028                                                                     Refused ADDRESS
any                                      under maintenance                                     Refused MAINTENANCE
anything else                                                                                  Refused OTHER
======================================== ===================================================== ======================

Status 5xx is unknown, whatever it says; 418 and 429 are Refused RATE_LIMIT (:mod:`clients.binance.rest` then keeps quiet).
"""

from clients.errors import ExchangeError, OutcomeUnknown, Reason, Refused, Retryable

VENUE = "binance"

UNKNOWN = frozenset({-1000, -1001, -1004, -1006, -1007, -1008})
CLOCK = -1021
_BY_CODE = {
    -1002: Reason.AUTH,
    -1003: Reason.RATE_LIMIT,
    -1015: Reason.RATE_LIMIT,
    -1016: Reason.MAINTENANCE,
    -1022: Reason.AUTH,
    -1111: Reason.SIZE,
    -2011: Reason.UNKNOWN_ORDER,
    -2013: Reason.UNKNOWN_ORDER,
    -2014: Reason.AUTH,
    -2015: Reason.AUTH,
    -2026: Reason.UNKNOWN_ORDER,
    -4019: Reason.MAINTENANCE,
    -4021: Reason.SIZE,
    -4022: Reason.SIZE,
    -4023: Reason.SIZE,
    -4024: Reason.SIZE,
    -4026: Reason.FUNDS,
    -4028: Reason.ADDRESS,
    -4033: Reason.ADDRESS,
    -4034: Reason.ADDRESS,
    -4035: Reason.ADDRESS,
}
#: Where the message tells more than the code; the first that it contains decides.
_BY_MESSAGE = {
    -1013: (
        ("PRICE_FILTER", Reason.PRICE),
        ("PERCENT_PRICE", Reason.PRICE),
        ("LOT_SIZE", Reason.SIZE),
        ("NOTIONAL", Reason.SIZE),
        ("MAX_POSITION", Reason.SIZE),
    ),
    -1111: (("price", Reason.PRICE),),
    -2010: (
        ("insufficient balance", Reason.FUNDS),
        ("immediately match", Reason.WOULD_CROSS),
        ("Market is closed", Reason.MAINTENANCE),
        ("on this account", Reason.AUTH),
        ("not permitted", Reason.AUTH),
    ),
}


class WrongTime(Retryable):
    """The request's timestamp was too old or too new: one of the two clocks has to be looked at first."""


def error_of(call: str, code: int, message: str, is_write: bool) -> ExchangeError:
    """The error that Binance's ``code`` and ``message`` mean for ``call``; see the module's table."""
    detail = f"{code} {message}"
    if code in UNKNOWN:
        return (OutcomeUnknown if is_write else Retryable)(VENUE, call, detail)
    if code == CLOCK:
        return WrongTime(VENUE, call, detail)
    return Refused(VENUE, call, detail, _reason(code, message))


def _reason(code: int, message: str) -> Reason:
    if "under maintenance" in message:
        return Reason.MAINTENANCE
    told = (reason for words, reason in _BY_MESSAGE.get(code, ()) if words in message)
    return next(told, _BY_CODE.get(code, Reason.OTHER))
