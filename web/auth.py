"""Who may ask, and who may change: sessions for browsers, HTTP Basic for programs, nothing for other sites' pages.

A change by a browser session needs its CSRF token. A change by HTTP Basic needs what no foreign page can send without a
preflight that is never granted: a JSON body or the header ``X-Requested-With``. Either is refused from a foreign Origin.
"""

import binascii
import hashlib
import hmac
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import ClassVar

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.web.server import Request

from web.errors import Forbidden, NotLoggedIn, TooOften, WrongPassword
from web.requests import content_type, header, origin_of_site
from web.sessions import Person, Role, Sessions, Throttle

COOKIE = "ilp_session"
#: What the form of any page may send to any site, with the credentials that the browser remembers.
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
#: Seconds for which a program's verified password is not hashed again: argon2 takes 0.1 s of a core.
_BASIC_MEMORY = 60
_MAX_REMEMBERED = 1_000

#: The role of a user whose password is right, else None. Hashes off the reactor thread.
Verify = Callable[[str, str], "Deferred[Role | None]"]


@frozen
class User:
    """Somebody who may log in. A user who is taken from the console's mapping is logged out at the next request."""

    name: str
    role: Role = "operator"


class Gate:
    """Decides who a request comes from and whether it may change anything."""

    log: ClassVar[Logger] = Logger()

    def __init__(
        self,
        users: Mapping[str, User],
        verify: Verify,
        clock: IReactorTime,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        is_behind_proxy: bool = False,
    ) -> None:
        self._is_behind_proxy = is_behind_proxy
        self.sessions = Sessions(clock, random_bytes)
        self._users = users
        self._verify = verify
        self._clock = clock
        self._by_user = Throttle(clock, free=10, longest=60)
        self._by_address = Throttle(clock, free=20, longest=300)
        self._key = random_bytes(32)
        self._remembered: dict[bytes, tuple[float, Person]] = {}

    def by_session(self, request: Request, *, touch: bool = True) -> Person | None:
        """The person whose session cookie this is, or None."""
        person = self.sessions.person(session_id(request), touch=touch)
        if person is None or person.name not in self._users:
            return None
        return person

    async def identify(self, request: Request) -> Person:
        """Whose request this is, by HTTP Basic if given, else by session.

        :raises NotLoggedIn: neither is valid.
        :raises TooOften: too many wrong passwords before this one.
        """
        credentials = _basic(request)
        if credentials is not None:
            return await self._by_basic(*credentials, self._address(request))
        person = self.by_session(request)
        if person is None:
            raise NotLoggedIn("log in first")
        return person

    async def log_in(self, name: str, password: str, request: Request) -> str:
        """The id of a new session; the one the browser may have had before is ended, so an id is never carried over a login.

        :raises WrongPassword: which of the two is wrong is not told.
        :raises TooOften: not even looked at.
        """
        role = await self._check(name, password, self._address(request))
        self.sessions.end(session_id(request))
        self.log.info("{user} logged in from {address}", user=name, address=self._address(request))
        return self.sessions.begin(name, role)

    def require_intent(self, request: Request, person: Person, token: str | None, hosts: Callable[[str], bool]) -> None:
        """Let a POST pass that the person themselves meant.

        :raises Forbidden: another site's, or one without the proof.
        """
        refuse_foreign(request, hosts)
        if person.csrf is None:
            # A bare POST (curl -X POST) is no form's: those always name one of these types; a script's names its Origin.
            if content_type(request) in _FORM_TYPES and not header(request, "x-requested-with"):
                raise Forbidden("send JSON, or the header X-Requested-With: no other site's form can")
        elif token is None or not self.sessions.is_token(session_id(request), token):
            raise Forbidden("this page is out of date or was not ours: reload it and try again")

    async def _by_basic(self, name: str, password: str, address: str) -> Person:
        key = hmac.new(self._key, f"{name}\0{password}".encode(), hashlib.sha256).digest()
        until, person = self._remembered.get(key, (0.0, None))
        if person is not None and self._clock.seconds() < until and name in self._users:
            return person
        role = await self._check(name, password, address)
        while len(self._remembered) >= _MAX_REMEMBERED:
            del self._remembered[next(iter(self._remembered))]
        found = Person(name, role)
        self._remembered.pop(key, None)
        self._remembered[key] = (self._clock.seconds() + _BASIC_MEMORY, found)
        return found

    def _address(self, request: Request) -> str:
        """Where a request comes from. A proxy adds to X-Forwarded-For, at its end, who it speaks for; what stands before that
        anybody may have written."""
        told = header(request, "x-forwarded-for").rpartition(",")[2].strip() if self._is_behind_proxy else ""
        return told[:60] or str(getattr(request.getClientAddress(), "host", "local"))

    async def _check(self, name: str, password: str, address: str) -> Role:
        wait = max(self._by_user.wait(name), self._by_address.wait(address))
        if wait > 0:
            raise TooOften(wait)
        # Counted first: while one argon2 runs, a hundred parallel guesses would all see an empty counter.
        self._by_user.failed(name)
        self._by_address.failed(address)
        role = await self._verify(name, password)
        if role is None or name not in self._users:
            self.log.warn("a login as {user!r} from {address} failed", user=name[:80], address=address)
            raise WrongPassword("the name or the password is wrong")
        self._by_user.succeeded(name)
        self._by_address.succeeded(address)
        return role


def require_role(person: Person, role: Role) -> None:
    """Let only those pass who may do what ``role`` may.

    :raises Forbidden: a viewer who wants to change something.
    """
    if role == "operator" and not person.is_operator:
        raise Forbidden("you may look, not change: your role is viewer")


def refuse_foreign(request: Request, hosts: Callable[[str], bool]) -> None:
    """Refuse what a browser sends on behalf of another site's page.

    :raises Forbidden: the Origin is another's, or the browser says so (Sec-Fetch-Site).
    """
    origin = header(request, "origin")
    if origin and not hosts(origin_of_site(origin)):
        raise Forbidden("this came from another site")
    if header(request, "sec-fetch-site") in ("cross-site", "same-site"):
        raise Forbidden("this came from another site")


def session_id(request: Request) -> str:
    """The session cookie as sent; empty if none."""
    cookie: bytes | None = request.getCookie(COOKIE.encode())
    return cookie.decode("ascii", "replace") if cookie else ""


def _basic(request: Request) -> tuple[str, str] | None:
    scheme, _, rest = header(request, "authorization").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        # An ini's user names and passwords are text; the wire's are bytes (RFC 7617: UTF-8).
        name, colon, password = b64decode(rest.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise WrongPassword("the Authorization header is not HTTP Basic") from None
    if not colon:
        raise WrongPassword("the Authorization header is not HTTP Basic")
    return name, password
