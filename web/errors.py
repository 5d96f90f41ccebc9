"""Every way a request can fail, and the one table that turns failures into answers."""

from attrs import field, frozen
from twisted.internet.defer import CancelledError
from twisted.logger import Logger
from twisted.python.failure import Failure
from werkzeug.exceptions import HTTPException

from ledger.interface import LedgerError
from trader.interface import BadParameters, NotNow

_log = Logger()


@frozen
class Answer:
    """What a failure becomes: a status, one sentence for a person, and what is wrong with each field, if it is the fields."""

    status: int
    message: str
    problems: dict[str, str] = field(factory=dict)
    headers: dict[str, str] = field(factory=dict)


class WebError(Exception):
    """The request was refused and changed nothing; the text says why."""

    status = 400


class BadRequest(WebError):
    """The request is not what this address understands."""


class NotLoggedIn(WebError):
    """No valid session or credentials."""

    status = 401


class WrongPassword(NotLoggedIn):
    """Credentials were given and are not right."""


class Forbidden(WebError):
    """Known, but not allowed: a viewer's change, a missing CSRF token, another site's request."""

    status = 403


class NotFound(WebError):
    """Nothing here."""

    status = 404


class TooLarge(WebError):
    """The body is longer than anything this console takes."""

    status = 413


class WrongMediaType(WebError):
    """The body is of a kind that this address does not read."""

    status = 415


class TooOften(WebError):
    """Too many wrong passwords; ``wait`` is in seconds."""

    status = 429

    def __init__(self, wait: float) -> None:
        self.wait = max(1, int(wait + 0.999))
        super().__init__(f"too many failed logins: try again in {self.wait} s")


def answer_to(failure: Failure, where: str) -> Answer:
    """The table. What is not in it is a bug: logged in full, told as a plain 500 without a word of its text."""
    error = failure.value
    if isinstance(error, TooOften):
        return Answer(error.status, str(error), headers={"Retry-After": str(error.wait)})
    if isinstance(error, WebError):
        return Answer(error.status, str(error))
    if isinstance(error, BadParameters):
        return Answer(400, "refused; nothing was changed", error.problems)
    if isinstance(error, NotNow):
        return Answer(409, str(error))
    if isinstance(error, LedgerError):
        return Answer(503, f"the ledger cannot be read: {error}")
    if isinstance(error, HTTPException):
        allowed = {name: value for name, value in error.get_headers() if name in ("Allow", "Location")}
        return Answer(error.code or 500, error.description or error.name, headers=allowed)
    if isinstance(error, CancelledError):
        return Answer(499, "the caller left")
    _log.failure("{where}: a request failed", failure=failure, where=where)
    return Answer(500, "something went wrong here; the log says what")
