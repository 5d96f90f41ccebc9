"""Bitstamp's codes and words for trouble, and what they mean for the caller.

Codes are from Bitstamp's "Response codes" and "Possible authentication errors", words from there and from ccxt's table of
4.5.90. Trouble is told in several forms, some with status 200: ``code`` (API....), ``response_code`` (400....), or no code at
all; then the words decide, among which are the names of the form's fields they are about. What is not listed is Refused OTHER,
never silently fine. None of these calls has done anything, except those marked unknown: a part of the venue failed, perhaps
after it did what was asked, so that a *write* has an unknown outcome, and a read may be repeated.

===================================================== =============================================== ======================
code                                                  words have                                      here
===================================================== =============================================== ======================
API0017                                               (timestamp is out of boundaries)                Retryable
API0004                                               Invalid nonce                                   Retryable
other API....                                         API key not found, IP address not allowed, No
                                                      permission, Invalid signature, Authentication
                                                      failed, Wrong API key, frozen, FATCA            Refused AUTH
403....                                               unavailable for your account                    Refused AUTH
400.002, 400.067, 400.068                             rate limit                                      Refused RATE_LIMIT
400.009, 400.075                                      Check your account balance                      Refused FUNDS
400.005, 400.020, 400.026, 400.037 to .039, 400.046   Minimum order size, amount:                     Refused SIZE
400.006, 400.021, 400.041                             Price is, price:                                Refused PRICE
400.016, 400.036, 404.002                             Order not found                                 Refused UNKNOWN_ORDER
400.003, 500.006, 500.008 to .012, 500.014            scheduled maintenance                           Refused MAINTENANCE
                                                      whitelist, address:                             Refused ADDRESS
500.004, 500.005, 500.015, 500.017, 500.018                                                           Refused OTHER
other 500....                                         Order could not be placed                       unknown
anything else                                                                                         Refused OTHER
===================================================== =============================================== ======================

Status 5xx without one of these codes is unknown, whatever it says; 401 and 403 are Refused AUTH where the words say nothing
else; 429 is Refused RATE_LIMIT, and then nothing is sent for as long as the venue wants. A maker-or-cancel order that would
trade is no error: it is taken and cancelled at once.
"""

from attrs import frozen

from clients.errors import ExchangeError, OutcomeUnknown, Reason, Refused, Retryable

VENUE = "bitstamp"

CLOCK, NONCE = "API0017", "API0004"
_BY_CODE = {
    "400.002": Reason.RATE_LIMIT,
    "400.003": Reason.MAINTENANCE,
    "400.005": Reason.SIZE,
    "400.006": Reason.PRICE,
    "400.009": Reason.FUNDS,
    "400.016": Reason.UNKNOWN_ORDER,
    "400.020": Reason.SIZE,
    "400.021": Reason.PRICE,
    "400.026": Reason.SIZE,
    "400.036": Reason.UNKNOWN_ORDER,
    "400.037": Reason.SIZE,
    "400.038": Reason.SIZE,
    "400.039": Reason.SIZE,
    "400.041": Reason.PRICE,
    "400.046": Reason.SIZE,
    "400.067": Reason.RATE_LIMIT,
    "400.068": Reason.RATE_LIMIT,
    "400.075": Reason.FUNDS,
    "404.002": Reason.UNKNOWN_ORDER,
    "500.004": Reason.OTHER,
    "500.005": Reason.OTHER,
    "500.006": Reason.MAINTENANCE,
    "500.008": Reason.MAINTENANCE,
    "500.009": Reason.MAINTENANCE,
    "500.010": Reason.MAINTENANCE,
    "500.011": Reason.MAINTENANCE,
    "500.012": Reason.MAINTENANCE,
    "500.014": Reason.MAINTENANCE,
    "500.015": Reason.OTHER,
    "500.017": Reason.OTHER,
    "500.018": Reason.OTHER,
}
#: By how a code that is not listed begins.
_BY_KIND = {"API": Reason.AUTH, "403": Reason.AUTH}
#: Where no code decides: the first that the words contain.
_BY_WORDS = (
    ("Check your account balance", Reason.FUNDS),
    ("Minimum order size", Reason.SIZE),
    ("Price is", Reason.PRICE),
    ("Order not found", Reason.UNKNOWN_ORDER),
    ("scheduled maintenance", Reason.MAINTENANCE),
    ("rate limit", Reason.RATE_LIMIT),
    ("unavailable for your account", Reason.AUTH),
    ("API key not found", Reason.AUTH),
    ("IP address not allowed", Reason.AUTH),
    ("No permission", Reason.AUTH),
    ("Invalid signature", Reason.AUTH),
    ("Authentication failed", Reason.AUTH),
    ("Wrong API key", Reason.AUTH),
    ("frozen", Reason.AUTH),
    ("FATCA", Reason.AUTH),
    ("whitelist", Reason.ADDRESS),
    ("address:", Reason.ADDRESS),
    ("amount:", Reason.SIZE),
    ("price:", Reason.PRICE),
)


class WrongTime(Retryable):
    """The request's timestamp was too old or too new: one of the two clocks has to be looked at first."""


@frozen
class Trouble:
    """What an answer says went wrong; ``code`` is empty where there is none."""

    code: str
    words: str

    @property
    def proves_nothing(self) -> bool:
        """Whether the venue itself may not know what it did."""
        return self.code not in _BY_CODE and (self.code.startswith("500") or "Order could not be placed" in self.words)


def error_of(call: str, told: Trouble, is_write: bool) -> ExchangeError:
    """The error that Bitstamp's words mean for ``call``; see the module's table."""
    detail = f"{told.code} {told.words}".strip()
    if told.proves_nothing:
        return (OutcomeUnknown if is_write else Retryable)(VENUE, call, detail)
    if told.code == CLOCK:
        return WrongTime(VENUE, call, detail)
    if told.code == NONCE or (not told.code and "Invalid nonce" in told.words):
        # The next one is another.
        return Retryable(VENUE, call, detail)
    return Refused(VENUE, call, detail, _reason(told))


def _reason(told: Trouble) -> Reason:
    by_code = _BY_CODE.get(told.code) or _BY_KIND.get(told.code[:3])
    if by_code is not None:
        return by_code
    return next((reason for words, reason in _BY_WORDS if words in told.words), Reason.OTHER)


def trouble_in(answer: object) -> Trouble | None:
    """``{"status":"error","reason":...}``, ``{"error":...}`` or a response code; None if the answer is something else."""
    if not isinstance(answer, dict):
        return None
    code = answer.get("code") or answer.get("response_code")
    told = answer.get("reason") if answer.get("status") == "error" else answer.get("error")
    if told is None and answer.get("status") != "error" and "response_code" not in answer:
        return None
    words = "; ".join(_texts(told)) or str(answer.get("response_explanation") or "")
    return Trouble(code if isinstance(code, str) else "", words)


def _texts(told: object) -> list[str]:
    """Texts, each with the field that it is about; what is about the whole request is ``__all__``."""
    if isinstance(told, dict):
        pairs = [(field, text) for field, texts in told.items() for text in (texts if isinstance(texts, list) else [texts])]
        return [str(text) if field == "__all__" else f"{field}: {text}" for field, text in pairs if text]
    return [str(told)] if told else []
