"""Bitfinex's codes for trouble, and what they mean for the caller.

Refusals are an array, ``["error", 10020, "price: invalid"]``, mostly with status 500, or a notification whose status is not
SUCCESS. Codes are those of the "Abbreviation glossary", texts those of ccxt's table of 4.5.90 and of the venue's issue
trackers. A code alone is often not enough: 10001 is any trouble, so that the text decides; the first line that fits does.
None of these calls has done anything, except those marked unknown: they prove nothing about a *write*, and a read may be
repeated.

============================= ======================================================= =======================
code                          text has                                                here
============================= ======================================================= =======================
10100, 10111, 10112, 10113    (key, payload or signature)                             Refused AUTH
10114                         (nonce: small)                                          Retryable (the next is higher)
11010, ERR_RATE_LIMIT                                                                 Refused RATE_LIMIT
20060, 11000                  (maintenance, not ready)                                Refused MAINTENANCE
10001, 10020                  Momentary balance check, Transfer in progress           Retryable
10001, 10020                  not enough, available balance is only                   Refused FUNDS
10001, 10020                  order not found                                         Refused UNKNOWN_ORDER
10001, 10020                  minimum size, maximum size, amount                      Refused SIZE
10001, 10020                  price                                                   Refused PRICE
10001, 10020                  address                                                 Refused ADDRESS
10001, 10020                  permission, not authorized                              Refused AUTH
10001, 10020                  paused, maintenance                                     Refused MAINTENANCE
10001                         (begins with) Invalid                                   Refused OTHER
10020, 10050, 103xx, 104xx                                                            Refused OTHER
10000, 10008, anything else                                                           unknown
============================= ======================================================= =======================

A post-only order that would trade is no error: it is taken and then told as POSTONLY CANCELED. Without such an array, the
status decides, as at every HTTP venue; after 429 nothing is sent for a minute, because the address is blocked that long.
"""

from clients.errors import ExchangeError, OutcomeUnknown, Reason, Refused, Retryable

VENUE = "bitfinex"

GENERIC, PARAMETERS, RATE_LIMIT = 10001, 10020, 11010
_NONCE = 10114
_BY_CODE = {
    10100: Reason.AUTH,
    10111: Reason.AUTH,
    10112: Reason.AUTH,
    10113: Reason.AUTH,
    RATE_LIMIT: Reason.RATE_LIMIT,
    11000: Reason.MAINTENANCE,
    20060: Reason.MAINTENANCE,
}
_RETRYABLE = ("momentary balance check", "transfer in progress")
_BY_TEXT = (
    ("not enough", Reason.FUNDS),
    ("available balance is only", Reason.FUNDS),
    ("order not found", Reason.UNKNOWN_ORDER),
    ("minimum size", Reason.SIZE),
    ("maximum size", Reason.SIZE),
    ("amount", Reason.SIZE),
    ("price", Reason.PRICE),
    ("address", Reason.ADDRESS),
    ("permission", Reason.AUTH),
    ("not authorized", Reason.AUTH),
    ("paused", Reason.MAINTENANCE),
    ("maintenance", Reason.MAINTENANCE),
)
#: Wrong parameters, subscriptions, configurations: looked at and not done.
_PLAIN_REFUSALS = frozenset({PARAMETERS, 10050, *range(10300, 10500)})


def error_of(call: str, code: int, text: str, is_write: bool) -> ExchangeError:
    """The error that Bitfinex's ``code`` and ``text`` mean for ``call``; see the module's table."""
    detail = f"{code} {text}"
    if code in _BY_CODE:
        return Refused(VENUE, call, detail, _BY_CODE[code])
    # Only of these two codes is it known that the text says why nothing was done.
    words = text.lower() if code in (GENERIC, PARAMETERS) else ""
    if code == _NONCE or any(part in words for part in _RETRYABLE):
        return Retryable(VENUE, call, detail)
    reason = next((reason for part, reason in _BY_TEXT if part in words), None)
    if reason is not None:
        return Refused(VENUE, call, detail, reason)
    if code in _PLAIN_REFUSALS or words.startswith("invalid"):
        return Refused(VENUE, call, detail)
    # A generic error in words that nobody has listed may have come after the order was taken.
    return (OutcomeUnknown if is_write else Retryable)(VENUE, call, detail)
