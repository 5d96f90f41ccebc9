"""Kraken's words for trouble, and what they mean for the caller.

Texts are from Kraken's "API error messages" and ccxt's table of 4.5.90. The longest text that the venue's error begins
with decides; what is not listed is Refused OTHER, never silently fine. None of these calls has done anything, except
those marked unknown: the matching core may have taken the order before something else failed, so that a *write* that is
answered so has an unknown outcome, and a read may be repeated.

============================================ =======================
venue's error                                here
============================================ =======================
EOrder:Insufficient funds / margin           Refused FUNDS
EFunding:Insufficient funds                  Refused FUNDS
EFunding:Max fee exceeded                    Refused OTHER
EFunding:Invalid amount                      Refused SIZE
EOrder:Order minimum not met                 Refused SIZE
EOrder:Cost minimum not met                  Refused SIZE
EGeneral:Invalid arguments:volume            Refused SIZE
EGeneral:Invalid arguments:price             Refused PRICE
EOrder:Invalid price                         Refused PRICE
EOrder:Tick size check failed                Refused PRICE
EOrder:Post only order                       Refused WOULD_CROSS
EOrder:Unknown order, EOrder:Invalid order   Refused UNKNOWN_ORDER
EGeneral:Invalid arguments:txid              Refused UNKNOWN_ORDER
EAPI:Invalid key / signature                 Refused AUTH
EGeneral:Permission denied                   Refused AUTH
ETrade:User Locked, EAccount:...             Refused AUTH
ESession:Invalid session                     Refused AUTH
EAPI:Invalid nonce                           Retryable (the next nonce is higher)
EAPI/EOrder:Rate limit exceeded              Refused RATE_LIMIT
EGeneral:Too many requests                   Refused RATE_LIMIT
EGeneral:Temporary lockout                   Refused RATE_LIMIT
EService: Throttled                          Refused RATE_LIMIT
EService:Market in ... mode                  Refused MAINTENANCE
EService:Unavailable / Busy / Deadline ...   unknown
EService:Timeout                             unknown
EGeneral:Internal error, EDatabase:...       unknown
EFunding:Unknown withdraw key                Refused ADDRESS
EFunding:Invalid address / Unknown address   Refused ADDRESS
anything else                                Refused OTHER
============================================ =======================
"""

from collections.abc import Iterable

from clients.errors import ExchangeError, OutcomeUnknown, Reason, Refused, Retryable

VENUE = "kraken"

_REASONS = {
    "EOrder:Insufficient funds": Reason.FUNDS,
    "EOrder:Insufficient margin": Reason.FUNDS,
    "EFunding:Insufficient funds": Reason.FUNDS,
    "EFunding:Invalid amount": Reason.SIZE,
    "EOrder:Order minimum not met": Reason.SIZE,
    "EOrder:Cost minimum not met": Reason.SIZE,
    "EGeneral:Invalid arguments:volume": Reason.SIZE,
    "EGeneral:Invalid arguments:price": Reason.PRICE,
    "EOrder:Invalid price": Reason.PRICE,
    "EOrder:Tick size check failed": Reason.PRICE,
    "EOrder:Post only order": Reason.WOULD_CROSS,
    "EOrder:Unknown order": Reason.UNKNOWN_ORDER,
    "EOrder:Invalid order": Reason.UNKNOWN_ORDER,
    "EGeneral:Invalid arguments:txid": Reason.UNKNOWN_ORDER,
    "EAPI:Invalid key": Reason.AUTH,
    "EAPI:Invalid signature": Reason.AUTH,
    "EGeneral:Permission denied": Reason.AUTH,
    "ETrade:User Locked": Reason.AUTH,
    "EAccount:": Reason.AUTH,
    "ESession:Invalid session": Reason.AUTH,
    "EAPI:Rate limit exceeded": Reason.RATE_LIMIT,
    "EOrder:Rate limit exceeded": Reason.RATE_LIMIT,
    "EGeneral:Too many requests": Reason.RATE_LIMIT,
    "EGeneral:Temporary lockout": Reason.RATE_LIMIT,
    "EService: Throttled": Reason.RATE_LIMIT,
    "EService:Throttled": Reason.RATE_LIMIT,
    "EService:Market in": Reason.MAINTENANCE,
    "EFunding:Unknown withdraw key": Reason.ADDRESS,
    "EFunding:Invalid address": Reason.ADDRESS,
    "EFunding:Unknown address": Reason.ADDRESS,
}
_UNKNOWN = (
    "EService:Unavailable",
    "EService:Busy",
    "EService:Deadline elapsed",
    "EService:Timeout",
    "EGeneral:Internal error",
    "EDatabase:",
)
_RETRYABLE = ("EAPI:Invalid nonce",)


def error_of(call: str, words: Iterable[str], is_write: bool) -> ExchangeError:
    """The error that Kraken's ``words`` mean for ``call``; see the module's table."""
    told = list(words)
    detail = "; ".join(told)
    # With several errors the one that leaves most open decides: a write is only refused if nothing speaks against it.
    if any(word.startswith(_UNKNOWN) for word in told):
        return (OutcomeUnknown if is_write else Retryable)(VENUE, call, detail)
    if any(word.startswith(_RETRYABLE) for word in told):
        return Retryable(VENUE, call, detail)
    found = (_reason(word) for word in told)
    return Refused(VENUE, call, detail, next((reason for reason in found if reason is not Reason.OTHER), Reason.OTHER))


def _reason(word: str) -> Reason:
    begun = [text for text in _REASONS if word.startswith(text)]
    return _REASONS[max(begun, key=len)] if begun else Reason.OTHER
