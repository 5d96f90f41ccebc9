"""The sandbox's Sputnik on a port: procedures and feeds behind the sandbox's own WAMP router (loopback only)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from sandbox.faults import Faults, Kind
from sandbox.sputnik_permissions import may_call, may_subscribe
from sandbox.sputnik_server import SputnikOptions, SputnikServer
from sandbox.venue import Venue
from sandbox.wamp import Router
from sandbox.wamp_auth import Challenge, Directory, Identity
from sandbox.wamp_realm import IRealm

REALM = "sputnik"


class SputnikFront:
    """A Sputnik exchange over ``venue``.

    :param users: passwords by user name; each has an account of that name at the venue.
    :param faults: asked once per call (by its URI), per event (by its feed: ``book``, ``trades``, ``safe_prices``, ``ohlcv``,
        ``orders``, ``fills``, ``transactions``) and per new connection (``connect``). ``done_no_answer`` with a text answers
        with that error and carries the call out right after, as the original does with ``exceptions/zmq/call-timed-out``.
    :param reactor: sockets, and the time of answers and events.
    :param now: the aware wall clock.
    """

    def __init__(
        self,
        venue: Venue,
        users: Mapping[str, str],
        faults: Faults,
        reactor: Any,
        now: Callable[[], datetime],
        options: SputnikOptions | None = None,
    ) -> None:
        options = options or SputnikOptions()
        self._venue_name = venue.name
        self._faults = faults
        self._server = SputnikServer(venue, users.keys(), faults, reactor, self._publish, self.drop, options)
        realm = SputnikRealm(self._server, Directory(users, now))
        self._router = Router(realm, reactor, options.strict_2015, self._admits)

    def listen(self, port: int = 0) -> Deferred[int]:
        """Open the door at ``ws://127.0.0.1:PORT/ws``; fires with the port, which is any free one for 0."""
        return self._router.listen(port).addCallback(self._opened)

    def stop(self) -> Deferred[None]:
        """Close the door and all connections; fires when they are gone. Orders stay. A repeat is safe."""
        self._server.stop()
        return self._router.stop()

    def drop(self, user: str | None = None) -> int:
        """Cut the TCP connections of one user, or all; how many there were. Orders stay in the book."""
        return self._router.drop(user)

    def play_dead(self, user: str | None = None) -> int:
        """Leave the connections of one user, or all, half open: nothing is read or written; how many there were."""
        return self._router.play_dead(user)

    def restart_engine(self) -> int:
        """Cancel every open order, as the original's engine does when it starts; how many there were."""
        return self._server.restart_engine()

    def restart_server(self) -> None:
        """Cut all connections and forget books and safe prices until they are next published."""
        self._server.feeds.forget()
        self._router.drop()

    def _opened(self, port: int) -> int:
        self._server.start()
        return port

    def _publish(self, topic: str, event: object) -> None:
        self._router.publish(topic, event)

    def _admits(self) -> bool:
        return self._faults.decide(self._venue_name, "connect", Kind.REFUSE_CONNECT) is None


@implementer(IRealm)
class SputnikRealm:
    """What the router asks, answered by the server, the directory of users and the permissions."""

    def __init__(self, server: SputnikServer, directory: Directory) -> None:
        self._server = server
        self._directory = directory

    def name(self) -> str:
        return REALM

    def challenge(self, authid: str, session: int) -> Challenge:
        return self._directory.challenge(authid, session)

    def has_procedure(self, procedure: str) -> bool:
        return procedure in self._server.procedures

    def may_call(self, caller: Identity, procedure: str) -> bool:
        return may_call(caller, procedure)

    def may_subscribe(self, subscriber: Identity, topic: str) -> bool:
        return may_subscribe(subscriber, topic)

    def call(
        self, caller: Identity, procedure: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Deferred[Mapping[str, Any]]:
        return self._server.call(caller.authid, procedure, args, kwargs)
