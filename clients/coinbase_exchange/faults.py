"""Coinbase Exchange's words for trouble, and what they mean for the caller.

A refusal is a status 4xx with ``{"message": "..."}``; there are no codes, so that the words decide: the first line below whose
words are in the message, in whatever case. Words are those of its documentation, of ccxt's table of 4.5.90, and of what users
have reported. What is not listed is Refused by its status, or OTHER; it is never silently fine. With a status 4xx nothing has
been done.

================================================================= =====================
message has                                                       here
================================================================= =====================
request timestamp expired, invalid timestamp                      Retryable
rate limit exceeded, too many requests                            Refused RATE_LIMIT
insufficient funds                                                Refused FUNDS
under maintenance, only mode, trading is disabled                 Refused MAINTENANCE
post only, post-only                                              Refused WOULD_CROSS
order not found, order already done, invalid order id             Refused UNKNOWN_ORDER
address, allowlist, whitelist, network                            Refused ADDRESS
size, notional, funds is too, amount                              Refused SIZE
price                                                             Refused PRICE
api key, signature, passphrase, cb-access, scope, not available   Refused AUTH
(status 401, 403)                                                 Refused AUTH
(status 404, of one order)                                        Refused UNKNOWN_ORDER
(status 429)                                                      Refused RATE_LIMIT
anything else                                                     Refused OTHER
================================================================= =====================

A post-only order that would trade is no error there but an order with the status ``rejected``: Refused WOULD_CROSS too. Status
5xx is unknown, whatever it says. A 429 costs nothing but time: our own count of calls begins again from nothing.
"""

from clients.errors import ExchangeError, Reason, Refused, Retryable

VENUE = "coinbase_exchange"

CLOCK = ("request timestamp expired", "invalid timestamp")
_BY_WORDS = (
    (("rate limit exceeded", "too many requests"), Reason.RATE_LIMIT),
    (("insufficient funds",), Reason.FUNDS),
    (("under maintenance", "only mode", "trading is disabled"), Reason.MAINTENANCE),
    (("post only", "post-only"), Reason.WOULD_CROSS),
    (("order not found", "order already done", "invalid order id"), Reason.UNKNOWN_ORDER),
    (("address", "allowlist", "whitelist", "network"), Reason.ADDRESS),
    (("size", "notional", "funds is too", "amount"), Reason.SIZE),
    (("price",), Reason.PRICE),
    (("api key", "signature", "passphrase", "cb-access", "scope", "not available"), Reason.AUTH),
)
_BY_STATUS = {401: Reason.AUTH, 403: Reason.AUTH, 429: Reason.RATE_LIMIT}


class WrongTime(Retryable):
    """The request's timestamp was too old or too new: one of the two clocks has to be looked at first."""


def error_of(call: str, status: int, message: str) -> ExchangeError:
    """The error that a refusal of ``call`` means; see the module's table."""
    detail, words = f"{status} {message}", message.lower()
    if any(each in words for each in CLOCK):
        return WrongTime(VENUE, call, detail)
    return Refused(VENUE, call, detail, _reason(call, status, words))


def _reason(call: str, status: int, words: str) -> Reason:
    for told, reason in _BY_WORDS:
        if any(each in words for each in told):
            return reason
    if status == 404 and "/orders/" in call:
        return Reason.UNKNOWN_ORDER
    return _BY_STATUS.get(status, Reason.OTHER)
