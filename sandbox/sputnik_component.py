"""The sandbox's Sputnik behind a WAMP router that is not ours: procedures and feeds as a component of, say, Crossbar.

It proves that a client speaks WAMP, and not only our own router's idea of it. ``docs/crossbar.md`` shows how to run it::

    python -m sandbox.sputnik_component --router ws://127.0.0.1:8480/ws --secret backend --user ilp_target
"""

import argparse
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from autobahn.twisted.wamp import ApplicationSession
from autobahn.twisted.websocket import WampWebSocketClientFactory
from autobahn.wamp import auth
from autobahn.wamp.serializer import JsonSerializer
from autobahn.wamp.types import CallDetails, Challenge, ComponentConfig, RegisterOptions, SessionDetails
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.task import react
from twisted.python.failure import Failure

from model.instrument import Instrument
from model.order import Side
from sandbox.faults import Faults
from sandbox.sputnik_permissions import may_call, may_subscribe
from sandbox.sputnik_server import SputnikOptions, SputnikServer
from sandbox.trading import FeeSchedule, Rules
from sandbox.venue import Venue
from sandbox.wamp_auth import Identity
from sandbox.wamp_realm import Silence

REALM = "sputnik"
#: The procedure that the router asks about every call and subscription of a user or visitor.
AUTHORIZER = "sandbox.authorize"
_MAKER = "maker"


class SputnikComponent(ApplicationSession):
    """Registers a Sputnik's procedures at a router, answers them, and publishes its feeds.

    The router proves who a caller is; it must disclose callers (``caller_authid``), and ask :data:`AUTHORIZER`.

    :param secret: of the router's user ``authid``, for WAMP-CRA without salt.
    :ivar ready: fires once everything is registered, fails if the router turns us away.
    :ivar gone: fires when the connection has ended.
    """

    def __init__(
        self, venue: Venue, users: Collection[str], clock: Any, secret: str, authid: str = "backend", realm: str = REALM
    ) -> None:
        super().__init__(ComponentConfig(realm))
        self._authid = authid
        self._secret = secret
        self._server = SputnikServer(venue, users, Faults(), clock, self._tell, self._cannot_drop, SputnikOptions())
        self.ready: Deferred[None] = Deferred()
        self.gone: Deferred[None] = Deferred()

    def onConnect(self) -> None:
        """Ask to join as the back end."""
        self.join(self.config.realm, ["wampcra"], self._authid)

    def onChallenge(self, challenge: Challenge) -> str:
        """Prove it."""
        signature: bytes = auth.compute_wcs(self._secret, challenge.extra["challenge"])
        return signature.decode("ascii")

    def onJoin(self, _details: SessionDetails) -> Deferred[None]:
        """Offer everything; open the feeds when all is registered."""
        offered: Deferred[None] = Deferred.fromCoroutine(self._offer())
        return offered.addCallbacks(self.ready.callback, self.ready.errback)

    async def _offer(self) -> None:
        options = RegisterOptions(details_arg="details")
        for uri in self._server.procedures:
            await self.register(self._answers(uri), uri, options)
        await self.register(self._authorize, AUTHORIZER)
        self._server.start()

    def onLeave(self, details: Any) -> None:
        """Turned away, or told to go."""
        if not self.ready.called:
            self.ready.errback(ConnectionError(f"{details.reason}: {details.message}"))
        self.disconnect()

    def onDisconnect(self) -> None:
        """The connection has ended."""
        self._server.stop()
        self.gone.callback(None)

    def _answers(self, uri: str) -> Callable[..., Deferred[Mapping[str, Any]]]:
        def answer(*args: Any, details: CallDetails, **kwargs: Any) -> Deferred[Mapping[str, Any]]:
            reply = self._server.call(details.caller_authid or "", uri, args, kwargs)
            return reply.addErrback(_never)

        return answer

    def _authorize(self, session: Mapping[str, Any], uri: str, action: str, _options: Mapping[str, Any]) -> dict[str, bool]:
        who = Identity(session["authid"], session["authrole"], session["authmethod"])
        is_allowed = (action == "call" and may_call(who, uri)) or (action == "subscribe" and may_subscribe(who, uri))
        return {"allow": is_allowed, "disclose": True, "cache": True}

    def _tell(self, topic: str, event: object) -> None:
        if self.is_attached():
            self.publish(topic, event)

    def _cannot_drop(self, _user: str) -> None:
        """The connections are the router's; the call that should have cut one stays without an answer."""


def _never(failure: Failure) -> Deferred[Mapping[str, Any]]:
    failure.trap(Silence)
    return Deferred()


def still_world(users: Sequence[str], now: Callable[[], datetime]) -> Venue:
    """A BTC/HUF market that a maker's ten orders per side keep open, and users with money; nothing moves by itself."""
    rules = Rules(
        instruments={"BTC/HUF": Instrument("BTC/HUF", Decimal(1), Decimal("0.0001"))},
        currencies={"BTC": Decimal("0.00000001"), "HUF": Decimal("0.01")},
        fees=FeeSchedule(Decimal("0.001"), Decimal("0.001"), Decimal("0.01")),
        value_step=Decimal("0.01"),
        holds_original=True,
        self_trades=True,
        returns_fee=False,
    )
    venue = Venue("sputnik", rules, now)
    for user in (*users, _MAKER):
        venue.accounts.open(user)
        for ticker, amount in (("HUF", Decimal(370_000_000)), ("BTC", Decimal(15))):
            venue.accounts.post(user, ticker, amount, "Transfer", note="opening balance", timestamp=venue.timestamp())
    for step in range(1, 11):
        for side in Side:
            price = Decimal(24_000_000) - side.sign * step * 60_000
            venue.place(_MAKER, "BTC/HUF", side, Decimal("0.5"), price)
    return venue


def connect(reactor: Any, router: str, component: SputnikComponent) -> Deferred[None]:
    """Join the router at a loopback URL; fires when everything is registered.

    It fails with ValueError if the URL is not on this machine, ConnectionError or Twisted's ConnectError if nobody lets us in.
    """
    return Deferred.fromCoroutine(_connect(reactor, router, component))


async def _connect(reactor: Any, router: str, component: SputnikComponent) -> None:
    host, port = urlsplit(router).hostname, urlsplit(router).port
    if host not in ("127.0.0.1", "localhost") or port is None:
        raise ValueError(f"{router} is no port of this machine; play money stays at home")
    factory: Any = WampWebSocketClientFactory(lambda: component, url=router, reactor=reactor, serializers=[JsonSerializer()])
    # autobahn's time-outs would run on the process's own reactor, whatever reactor we were given.
    factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0, serverConnectionDropTimeout=0)
    await TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
    await component.ready


def main(argv: Sequence[str]) -> None:
    """Run until the router or the operator ends it."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.sputnik_component", description=__doc__.partition("\n")[0])
    parser.add_argument("--router", default="ws://127.0.0.1:8480/ws", help="the router's WebSocket URL on this machine")
    parser.add_argument("--realm", default=REALM)
    parser.add_argument("--authid", default="backend", help="the router's user that may register and publish")
    parser.add_argument("--secret", required=True, help="that user's WAMP-CRA secret")
    parser.add_argument("--user", action="append", default=[], help="a user of the exchange, as the router knows it; repeatable")
    options = parser.parse_args(argv)

    async def run(reactor: Any) -> None:
        users = options.user or ["ilp_target"]
        venue = still_world(users, lambda: datetime.now(UTC))
        component = SputnikComponent(venue, users, reactor, options.secret, options.authid, options.realm)
        await connect(reactor, options.router, component)
        sys.stdout.write(f"Sputnik is at {options.router}, realm {options.realm}, for {', '.join(users)}\n")
        sys.stdout.flush()
        await component.gone

    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))


if __name__ == "__main__":
    main(sys.argv[1:])
