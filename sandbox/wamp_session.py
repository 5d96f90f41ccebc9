"""One client at the router: which messages it may send next, and what each of them brings about.

A session is greeted, perhaps challenged, and joined; what may come next is a table per state. Anything else is a protocol
error and closes the connection, as autobahn 0.9.5 does.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from autobahn.wamp import message, role
from autobahn.wamp.exception import ApplicationError, ProtocolError
from autobahn.wamp.interfaces import IMessage
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from sandbox.wamp_auth import ANONYMOUS, Challenge, Identity
from sandbox.wamp_realm import IRealm, Silence

#: The router's notion of a strict URI.
URI = re.compile(r"([0-9a-z_]+\.)*([0-9a-z_]+)")

_ROLES = {
    "broker": role.RoleBrokerFeatures(
        publisher_identification=True, publisher_exclusion=True, subscriber_blackwhite_listing=True
    ),
    "dealer": role.RoleDealerFeatures(progressive_call_results=True, caller_identification=True),
}


class Broker(Protocol):
    """Where sessions leave and withdraw their subscriptions."""

    def subscribe(self, session: "Session", topic: str) -> int:
        """Let the session hear the topic; its id is the same for all sessions, a repeat is safe."""

    def unsubscribe(self, session: "Session", subscription: int) -> bool:
        """End it; False if the session has no such subscription."""

    def forget(self, session: "Session") -> None:
        """End all that the session has."""


class Session:
    """The WAMP session of one connection.

    :ivar id: the session id, chosen before the client is known.
    :ivar identity: who it is; None until it has joined.
    """

    log = Logger()

    def __init__(self, realm: IRealm, broker: Broker, send: Callable[[message.Message], None]) -> None:
        self.id = secrets.randbelow(2**31)
        self.identity: Identity | None = None
        self.send = send
        self._realm = realm
        self._broker = broker
        self._challenge: Challenge | None = None
        self._greeting: Mapping[type, Callable[[Any], None]] = {message.Hello: self._hello, message.Abort: self._ignore}
        self._challenged: Mapping[type, Callable[[Any], None]] = {
            message.Authenticate: self._authenticate,
            message.Abort: self._leave,
        }
        self._joined: Mapping[type, Callable[[Any], None]] = {
            message.Subscribe: self._subscribe,
            message.Unsubscribe: self._unsubscribe,
            message.Publish: self._refuse_publish,
            message.Register: self._refuse_register,
            message.Call: self._call,
            message.Cancel: self._ignore,
            message.Goodbye: self._goodbye,
        }
        self._accepts: Mapping[type, Callable[[Any], None]] = self._greeting

    def received(self, incoming: IMessage) -> None:
        """Take the next message.

        :raises ProtocolError: if this message may not come now.
        """
        respond = self._accepts.get(type(incoming))
        if respond is None:
            raise ProtocolError(f"Received {type(incoming).__name__} message, and it may not come now")
        respond(incoming)

    def closed(self) -> None:
        """The connection is gone. Only subscriptions end with it: orders stay in the book."""
        self._broker.forget(self)
        self.identity = None
        self._accepts = {}

    def _ignore(self, _incoming: message.Message) -> None:
        """CANCEL before the modern router has an answer, or an ABORT before the greeting: nothing to undo."""

    def _hello(self, hello: message.Hello) -> None:
        methods = hello.authmethods or []
        if hello.realm != self._realm.name():
            self._abort(ApplicationError.NO_SUCH_REALM, f"no realm '{hello.realm}' exists on this router")
        elif "anonymous" in methods:
            self._welcome(ANONYMOUS)
        elif "wampcra" in methods:
            self._challenge = self._realm.challenge(hello.authid or "", self.id)
            self._accepts = self._challenged
            self.send(message.Challenge("wampcra", self._challenge.details()))
        else:
            self._abort(ApplicationError.NOT_AUTHORIZED, "No authentication methods found.")

    def _authenticate(self, answer: message.Authenticate) -> None:
        challenge, self._challenge = self._challenge, None
        if challenge is not None and challenge.is_met_by(answer.signature):
            self._welcome(challenge.identity)
        else:
            self._abort(ApplicationError.NOT_AUTHORIZED, "Invalid signature.")

    def _welcome(self, identity: Identity) -> None:
        self.identity = identity
        self._accepts = self._joined
        self.send(
            message.Welcome(
                self.id,
                _ROLES,
                authid=identity.authid,
                authrole=identity.authrole,
                authmethod=identity.authmethod,
                authprovider=identity.authprovider,
            )
        )

    def _abort(self, reason: str, text: str) -> None:
        self._accepts = self._greeting
        self.send(message.Abort(reason, text))

    def _goodbye(self, _goodbye: message.Goodbye) -> None:
        # The socket stays open; closing it is the client's part.
        self.send(message.Goodbye("wamp.goodbye.normal"))
        self._leave(_goodbye)

    def _leave(self, _incoming: message.Message) -> None:
        self._broker.forget(self)
        self.identity = None
        self._accepts = self._greeting

    def _subscribe(self, wish: message.Subscribe) -> None:
        if not URI.fullmatch(wish.topic):
            self._refuse(wish, ApplicationError.INVALID_URI, f"subscribe for invalid topic URI '{wish.topic}'")
        elif not self._realm.may_subscribe(self._who(), wish.topic):
            text = f"session is not authorized to subscribe to topic '{wish.topic}'"
            self._refuse(wish, ApplicationError.NOT_AUTHORIZED, text)
        else:
            self.send(message.Subscribed(wish.request, self._broker.subscribe(self, wish.topic)))

    def _unsubscribe(self, wish: message.Unsubscribe) -> None:
        if self._broker.unsubscribe(self, wish.subscription):
            self.send(message.Unsubscribed(wish.request))
        else:
            text = f"no subscription {wish.subscription} in this session"
            self._refuse(wish, ApplicationError.NO_SUCH_SUBSCRIPTION, text)

    def _refuse_publish(self, wish: message.Publish) -> None:
        # A publication that asks for no acknowledgement gets no error either (WAMP).
        if wish.acknowledge:
            text = f"session is not authorized to publish to topic '{wish.topic}'"
            self._refuse(wish, ApplicationError.NOT_AUTHORIZED, text)

    def _refuse_register(self, wish: message.Register) -> None:
        text = f"session is not authorized to register procedure '{wish.procedure}'"
        self._refuse(wish, ApplicationError.NOT_AUTHORIZED, text)

    def _call(self, call: message.Call) -> None:
        procedure = call.procedure
        if not URI.fullmatch(procedure):
            self._refuse(call, ApplicationError.INVALID_URI, f"call with invalid procedure URI '{procedure}'")
        elif not self._realm.has_procedure(procedure):
            self._refuse(call, ApplicationError.NO_SUCH_PROCEDURE, f"no procedure '{procedure}' registered")
        elif not self._realm.may_call(self._who(), procedure):
            text = f"session is not authorized to call procedure '{procedure}'"
            self._refuse(call, ApplicationError.NOT_AUTHORIZED, text)
        else:
            answer: Deferred[Mapping[str, Any]] = self._realm.call(self._who(), procedure, call.args or (), call.kwargs or {})
            answer.addCallback(lambda value: self._result(call.request, value))
            answer.addErrback(self._no_result, procedure)

    def _result(self, request: int, value: Mapping[str, Any]) -> None:
        if self._accepts is self._joined:
            self.send(message.Result(request, args=[value]))

    def _no_result(self, failure: Failure, procedure: str) -> None:
        if not failure.check(Silence):
            self.log.failure("{procedure} broke", failure=failure, procedure=procedure)

    def _refuse(self, wish: Any, error: str, text: str) -> None:
        self.send(message.Error(wish.MESSAGE_TYPE, wish.request, error, args=[text]))

    def _who(self) -> Identity:
        assert self.identity is not None, "only a joined session may ask"
        return self.identity
