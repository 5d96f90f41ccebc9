"""One WAMP session with a Sputnik: log in, call, subscribe, notice silence. It never comes back; a new one is opened.

Three habits are for servers of 2015. HELLO announces bare roles, because autobahn's modern features
make the old router close the socket; no CANCEL is ever sent, for the same reason, so a call that takes too long is left
alone and only its answer is no longer waited for; JSON is the only serialisation, because others change the keys' type.
autobahn's own timers are off: it would take the process's reactor for them, and ours must obey the clock they are given.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from attrs import frozen
from autobahn.exception import Disconnected
from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import WampWebSocketClientFactory, WampWebSocketClientProtocol
from autobahn.wamp import message, role
from autobahn.wamp.exception import ApplicationError, Error, TransportLost
from autobahn.wamp.serializer import JsonSerializer
from autobahn.wamp.types import CloseDetails
from autobahn.websocket.types import ConnectionResponse
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.protocol import connectionDone
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.logger import Logger
from twisted.python.failure import Failure

from clients.errors import ExchangeError, Reason, Refused, Retryable
from clients.sputnik.options import Endpoint, Options
from clients.sputnik.replies import result_of, router_refusal, unproven
from clients.sputnik.signing import challenge_signature, totp
from clients.surroundings import Surroundings

REALM = "sputnik"
#: The largest message that is read; a long account history is some megabytes.
MOST_BYTES = 64 * 1024 * 1024
#: How long a closing handshake may take before the socket is cut, in seconds.
CLOSE_PATIENCE = 1.0
#: Why a session is lost that :meth:`Session.close` has ended.
CLOSED_BY_US = "closed by us"
_LEGACY_ROLES = (
    role.RoleSubscriberFeatures,
    role.RolePublisherFeatures,
    role.RoleCallerFeatures,
    role.RoleCalleeFeatures,
)


@frozen
class Access:
    """Where to go and who to be. ``secret`` is the password; it is in no repr and no log."""

    venue: str
    endpoint: Endpoint
    id: str
    secret: str
    options: Options

    def __repr__(self) -> str:
        return f"Access({self.id!r} at {self.endpoint.url})"

    def one_time_password(self, surroundings: Surroundings) -> str:
        """The second factor of this moment; empty text where it is off, because Sputnik wants a text even then."""
        if not self.options.totp:
            return ""
        return totp(self.options.totp, surroundings.microseconds() // 1_000_000)


class _Protocol(WampWebSocketClientProtocol):
    """The socket: tells its session about every sign of life, and when it is gone."""

    def onConnect(self, response: ConnectionResponse) -> None:
        super().onConnect(response)
        self.factory.session.heard()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self.factory.session.heard()
        super().onMessage(payload, isBinary)

    def onPong(self, _payload: bytes) -> None:
        self.factory.session.heard()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        # A refused handshake says so; the socket itself knows only that it was cut, by us.
        self.factory.session.gone(self.wasNotCleanReason or reason.getErrorMessage())


class _Wire(ApplicationSession):
    """autobahn's side of the session; it only passes on to :class:`Session`."""

    def __init__(self, session: "Session") -> None:
        super().__init__()
        self._session_roles = {features.ROLE: features() for features in _LEGACY_ROLES}
        self._told = session

    def onConnect(self) -> None:
        self.join(REALM, authmethods=["wampcra"], authid=self._told.access.id)

    def onMessage(self, msg: Any) -> None:
        # autobahn's onChallenge can return a signature only, and Sputnik wants the one-time password beside it.
        if isinstance(msg, message.Challenge) and not self.session_id:
            self._told.challenged(msg.method, msg.extra)
        else:
            super().onMessage(msg)

    def onJoin(self, details: Any) -> None:  # noqa: ARG002  # autobahn's signature
        self._told.joined()

    def onLeave(self, details: CloseDetails) -> None:
        # autobahn calls this twice for an ABORT; the second time finds nothing left to do.
        self._told.left(details.reason or "no reason", details.message or "")


class Session:
    """A logged-in session. ``on_lost`` is called once, with the reason, when it is of no use any more."""

    log = Logger()

    def __init__(self, access: Access, surroundings: Surroundings, on_lost: Callable[[str], None]) -> None:
        self.access = access
        self.heard_at = 0
        self._surroundings = surroundings
        self._clock = surroundings.reactor
        self._on_lost = on_lost
        self._wire = _Wire(self)
        self._protocol: Any = None
        self._ready: Deferred[None] | None = None
        self._gone = False
        self._why = ""
        self._pinging: Any = None
        self._cutting: Any = None
        self._quiet_since = 0.0
        self._closed: list[Deferred[None]] = []

    # Opening

    async def open(self) -> None:
        """Connect and log in.

        :raises Refused: (AUTH) for wrong credentials.
        :raises Retryable: for all other trouble; nothing was done.
        """
        options = self.access.options
        # Any: autobahn's types end here.
        factory: Any = WampWebSocketClientFactory(
            lambda: self._wire, url=self.access.endpoint.url, reactor=self._clock, serializers=[JsonSerializer()]
        )
        factory.protocol = _Protocol
        factory.session = self
        factory.setProtocolOptions(
            openHandshakeTimeout=0, closeHandshakeTimeout=0, serverConnectionDropTimeout=0, maxMessagePayloadSize=MOST_BYTES
        )
        self._ready = Deferred()
        limit = self._clock.callLater(options.call_timeout, self.cut, "no log-in in time")
        try:
            self._protocol = await self._endpoint().connect(factory)
            if self._why:
                self.cut(self._why)
            await self._ready
        except ExchangeError:
            raise
        except Exception as trouble:  # names, sockets, TLS and cancelling have no error in common, and none has done anything
            raise Retryable(self.access.venue, "connect", str(trouble) or type(trouble).__name__) from trouble
        finally:
            if limit.active():
                limit.cancel()
        self._ping()

    def _endpoint(self) -> Any:
        endpoint, options = self.access.endpoint, self.access.options
        plain = HostnameEndpoint(self._clock, endpoint.host, endpoint.port, timeout=options.call_timeout)
        if not endpoint.is_secure:
            return plain
        trust = None
        if options.ca_file:
            with open(options.ca_file, "rb") as pem:
                trust = Certificate.loadPEM(pem.read())
        # The name is part of what is checked: a certificate for another host is refused.
        return wrapClientTLS(optionsForClientTLS(endpoint.host, trustRoot=trust), plain)

    def challenged(self, method: str, extra: dict[str, Any]) -> None:
        """Answer a CHALLENGE; one that cannot be answered ends the session."""
        try:
            if method != "wampcra":
                raise ValueError(f"a challenge of the unknown method {method!r}")
            signature = challenge_signature(self.access.secret, extra)
        except ValueError as problem:
            self.cut(str(problem))
            return
        otp = self.access.one_time_password(self._surroundings)
        self._protocol.send(message.Authenticate(signature, {"otp": otp} if otp else {}))

    def joined(self) -> None:
        """WELCOME: logged in."""
        if self._ready is not None and not self._ready.called:
            self._ready.callback(None)

    def left(self, reason: str, text: str) -> None:
        """ABORT or GOODBYE: the socket is of no use any more."""
        if self._ready is not None and not self._ready.called:
            refused = reason in ("wamp.error.not_authorized", "wamp.error.authorization_failed")
            detail = f"{reason} {text}".strip()
            venue = self.access.venue
            self._ready.errback(
                Refused(venue, "connect", detail, Reason.AUTH) if refused else Retryable(venue, "connect", detail)
            )
        if not self._why:
            self.cut(f"{reason} {text}".strip())

    # Use

    def call(self, procedure: str, *arguments: Any, is_write: bool = False) -> "Deferred[Any]":
        """Call ``rpc.<procedure>``; fires with the reply's result.

        Fails as :mod:`clients.sputnik.replies` lists. The call itself is never taken back: with ``is_write``, no answer means
        OutcomeUnknown.
        """
        return Deferred.fromCoroutine(self._call(procedure, arguments, is_write))

    async def _call(self, procedure: str, arguments: tuple[Any, ...], is_write: bool) -> Any:
        venue = self.access.venue
        try:
            reply = self._wire.call(f"rpc.{procedure}", *arguments)
        except (Error, Disconnected) as trouble:
            raise Retryable(venue, procedure, f"not sent: {trouble!r}") from trouble
        answer = await self._in_time(reply, procedure, is_write)
        return result_of(venue, procedure, answer, is_write)

    async def subscribe(self, topic: str, listener: Callable[[Any], None]) -> None:
        """Hear the events of ``topic`` from now on; returns once the venue has confirmed it. ``listener`` must not raise."""
        try:
            reply = self._wire.subscribe(lambda *arguments, **_: listener(arguments[0] if arguments else None), topic)
        except (Error, Disconnected) as trouble:
            raise Retryable(self.access.venue, f"subscribe {topic}", f"not sent: {trouble!r}") from trouble
        await self._in_time(reply, f"subscribe {topic}", False)

    async def _in_time(self, reply: "Deferred[Any]", call: str, is_write: bool) -> Any:
        venue = self.access.venue
        try:
            return await self._or_time_out(reply, call, is_write)
        except ApplicationError as error:
            raise router_refusal(venue, call, error.error, is_write) from error
        except Error as error:
            raise unproven(venue, call, f"lost before the answer: {error!r}", is_write) from error

    def _or_time_out(self, reply: "Deferred[Any]", call: str, is_write: bool) -> "Deferred[Any]":
        """A second Deferred that gives up after a time; cancelling ``reply`` itself would send CANCEL."""
        seconds = self.access.options.call_timeout
        answer: Deferred[Any] = Deferred(lambda _: limit.cancel())

        def expire() -> None:
            answer.errback(unproven(self.access.venue, call, f"no answer in {seconds:g} s", is_write))

        def arrived(result: Any) -> None:
            if answer.called:
                self.log.info("{call}: an answer came too late to count", call=call)
                return
            if limit.active():
                limit.cancel()
            answer.callback(result)

        limit = self._clock.callLater(seconds, expire)
        reply.addBoth(arrived)
        return answer

    def heard(self) -> None:
        """Something has come over the socket."""
        self.heard_at = self._surroundings.microseconds()
        self._quiet_since = self._clock.seconds()

    def _ping(self) -> None:
        options = self.access.options
        if self.is_gone:
            return
        if self._clock.seconds() - self._quiet_since > options.silence:
            self.cut(f"no sign of life for {options.silence:g} s")
            return
        self._protocol.sendPing(b"")
        self._pinging = self._clock.callLater(options.ping_interval, self._ping)

    # Closing

    def close(self) -> None:
        """Say goodbye and close the socket; ``on_lost`` tells when it is done. A repeat is harmless."""
        if self.is_gone or self._protocol is None:
            self.cut(CLOSED_BY_US)
            return
        self._why = CLOSED_BY_US
        with suppress(Disconnected, TransportLost):  # the venue may be closing at this very moment
            self._wire.leave()
        self._protocol.sendClose(1000)
        self._cutting = self._clock.callLater(CLOSE_PATIENCE, self._protocol.transport.abortConnection)

    def cut(self, why: str) -> None:
        """Drop the socket at once. A repeat is harmless."""
        self._why = self._why or why
        if self._protocol is not None and not self._gone:
            self._protocol.transport.abortConnection()

    @property
    def is_gone(self) -> bool:
        """Whether it is of no use any more."""
        return self._gone or bool(self._why)

    def closed(self) -> "Deferred[None]":
        """Fires when the socket is closed, at once if there is none."""
        if self._protocol is None or self._gone:
            return succeed(None)
        closed: Deferred[None] = Deferred()
        self._closed.append(closed)
        return closed

    def gone(self, reason: str) -> None:
        """The socket is closed; autobahn has failed every open call. Tell the owner."""
        self._gone = True
        for timer in (self._pinging, self._cutting):
            if timer is not None and timer.active():
                timer.cancel()
        why = self._why or reason
        waiting, self._closed = self._closed, []
        for closed in waiting:
            closed.callback(None)
        if self._ready is not None and not self._ready.called:
            self._ready.errback(Retryable(self.access.venue, "connect", why))
            return
        self._on_lost(why)
