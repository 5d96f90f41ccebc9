"""ccxt's error classes, and what they mean for the caller.

ccxt turns each venue's own words into its classes; the first line below that an error is an instance of decides. What says
neither yes nor no means Retryable for a read, and an unknown outcome for a write: ccxt's plain ``ExchangeError`` is what it
makes of words that it does not know, so it proves nothing.

==================================================== =======================
ccxt's error                                         here
==================================================== =======================
connection never made (refused, no such host, ...)   Retryable, writes too
AuthenticationError, PermissionDenied, ...           Refused AUTH
InsufficientFunds                                    Refused FUNDS
OrderNotFound, OrderNotCached                        Refused UNKNOWN_ORDER
OrderImmediatelyFillable                             Refused WOULD_CROSS
DuplicateOrderId                                     unknown (ours was sent before)
InvalidOrder, of a new order                         Refused SIZE
InvalidOrder, of a cancel or a look                  Refused UNKNOWN_ORDER
AddressPending, InvalidAddress                       Refused ADDRESS
ArgumentsRequired, BadSymbol, BadRequest             Refused OTHER
MarketClosed                                         Refused MAINTENANCE
OperationRejected and the rest of it                 Refused OTHER
RestrictedLocation                                   Refused AUTH
NotSupported                                         NotImplementedError
RateLimitExceeded, DDoSProtection                    Refused RATE_LIMIT
OnMaintenance                                        Refused MAINTENANCE
InvalidNonce                                         Retryable
NetworkError: RequestTimeout, ExchangeNotAvailable   unknown
BadResponse, NullResponse                            InvalidData; of a write unknown
ExchangeError, CancelPending, any other              unknown
==================================================== =======================
"""

from collections.abc import Iterator

import ccxt
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from clients.errors import ExchangeError, InvalidData, OutcomeUnknown, Reason, Refused, Retryable

#: Special before general: the first that fits decides.
_REASONS: tuple[tuple[type[Exception], Reason], ...] = (
    (ccxt.AuthenticationError, Reason.AUTH),
    (ccxt.InsufficientFunds, Reason.FUNDS),
    (ccxt.OrderNotFound, Reason.UNKNOWN_ORDER),
    (ccxt.OrderNotCached, Reason.UNKNOWN_ORDER),
    (ccxt.OrderImmediatelyFillable, Reason.WOULD_CROSS),
    (ccxt.InvalidOrder, Reason.SIZE),
    (ccxt.InvalidAddress, Reason.ADDRESS),
    (ccxt.ArgumentsRequired, Reason.OTHER),
    (ccxt.BadRequest, Reason.OTHER),
    (ccxt.MarketClosed, Reason.MAINTENANCE),
    (ccxt.RestrictedLocation, Reason.AUTH),
    (ccxt.OperationRejected, Reason.OTHER),
    (ccxt.RateLimitExceeded, Reason.RATE_LIMIT),
    (ccxt.DDoSProtection, Reason.RATE_LIMIT),
    (ccxt.OnMaintenance, Reason.MAINTENANCE),
)
#: Calls on an order that exists, if it does.
_OF_AN_ORDER = frozenset({"cancel_order", "fetch_order"})
#: Of a request's own words, the longest that an error may quote.
_LONGEST = 300


def error_of(venue: str, call: str, error: Exception, is_write: bool) -> Exception:
    """What ``error``, raised inside ccxt, means for ``call``; see the module's table."""
    detail = f"{type(error).__name__}: {error}"[:_LONGEST]
    if isinstance(error, ccxt.NotSupported):
        return NotImplementedError(f"{venue} cannot {call}: {detail}")
    if isinstance(error, ccxt.InvalidNonce) or _never_left(error):
        return Retryable(venue, call, detail)
    if not isinstance(error, ccxt.DuplicateOrderId):
        for kind, reason in _REASONS:
            if isinstance(error, kind):
                is_of_order = kind is ccxt.InvalidOrder and call in _OF_AN_ORDER
                return Refused(venue, call, detail, Reason.UNKNOWN_ORDER if is_of_order else reason)
    return _open(error)(venue, call, detail) if not is_write else OutcomeUnknown(venue, call, detail)


def _open(error: Exception) -> type[ExchangeError]:
    # What is no error of ccxt's comes from reading an answer that is not of the expected form.
    is_nonsense = isinstance(error, ccxt.BadResponse) or not isinstance(error, ccxt.BaseError)
    return InvalidData if is_nonsense else Retryable


def _never_left(error: Exception) -> bool:
    """Whether the connection was not even made, so that nothing of the request was sent."""
    return any(isinstance(cause, NewConnectionError | ConnectTimeoutError) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[object]:
    """The errors behind ``error``: Python's own chain, and inside each what requests and urllib3 wrap."""
    link: BaseException | None = error
    while link is not None:
        yield link
        for part in link.args:
            yield part
            yield getattr(part, "reason", None)
        link = link.__cause__ or link.__context__
