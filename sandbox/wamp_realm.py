"""What a router asks of the application behind it."""

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import Interface

from sandbox.wamp_auth import Challenge, Identity


class Silence(Exception):
    """The caller gets no answer at all: neither a result nor an error."""


class IRealm(Interface):
    """One WAMP realm: who may join it, what may be called and who may hear what."""

    def name() -> str:
        """The realm that HELLO must ask for."""

    def challenge(authid: str, session: int) -> Challenge:
        """The question a user must answer to join."""

    def has_procedure(procedure: str) -> bool:
        """Whether there is such a procedure, allowed or not."""

    def may_call(caller: Identity, procedure: str) -> bool:
        """Whether this session may call it."""

    def may_subscribe(subscriber: Identity, topic: str) -> bool:
        """Whether this session may hear the topic; there need be no such topic."""

    def call(caller: Identity, procedure: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> "Deferred[Mapping[str, Any]]":
        """Carry out a call; fires with the one value of the RESULT, or fails with :class:`Silence`."""
