"""What the fronts of all venues have in common: one port, streams that start and stop with it, and HTTP calls that misbehave as
the faults say.
"""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, Self

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Request

from sandbox.door import Door, answer_later
from sandbox.faults import Fault, Faults, Kind
from sandbox.trading import VenueRefused
from sandbox.venue import Venue

CALL_FAULTS = (Kind.ERROR, Kind.DELAY, Kind.NO_ANSWER, Kind.DONE_NO_ANSWER, Kind.DISCONNECT)


class Face(Protocol):
    """A stream of a front."""

    def start(self) -> None:
        """Begin to tell what happens."""

    def stop(self) -> None:
        """Tell no more. A repeat is safe."""


class WireFront:
    """The port in front of ``venue`` on which ``root`` is served, and the ``faces`` within it."""

    def __init__(self, venue: Venue, root: IResource, faces: Iterable[Face], faults: Faults, reactor: Any) -> None:
        self._faces = tuple(faces)
        self._door = Door(root, reactor, lambda: faults.decide(venue.name, "connect", Kind.REFUSE_CONNECT) is None)

    def listen(self, port: int) -> "Deferred[int]":
        """Open the port (0: any free one); answers its number."""
        for face in self._faces:
            face.start()
        return self._door.listen(port)

    def stop(self) -> "Deferred[None]":
        """Close the port and all connections. A repeat is safe."""
        for face in self._faces:
            face.stop()
        return self._door.stop()

    def drop_connections(self) -> None:
        """Break every connection; clients may come back."""
        self._door.drop_all()


class WireError(Exception):
    """What a venue answers instead of a result. ``status``: HTTP's."""

    status: int

    @classmethod
    @abstractmethod
    def of(cls, refusal: VenueRefused) -> Self:
        """What this venue calls it."""

    @classmethod
    @abstractmethod
    def described(cls, text: str) -> Self:
        """As a fault describes it; a common trouble for an empty text."""

    @abstractmethod
    def shape(self) -> object:
        """The answer, JSON-ready."""


class RestCalls(Resource):
    """A venue's HTTP calls. It brings :meth:`_call`, :meth:`_say` and its kind of ``error``."""

    isLeaf = True
    log: ClassVar[Logger] = Logger()
    error: ClassVar[type[WireError]]

    def __init__(self, venue: Venue, faults: Faults, reactor: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._venue = venue
        self._faults = faults
        self._reactor = reactor

    @abstractmethod
    def _call(self, request: Request, call: str) -> Any:
        """Carry it out. Raises the venue's error, or VenueRefused."""

    @abstractmethod
    def _say(self, request: Request, answer: Any) -> bytes:
        """The answer's headers and body."""

    def _name_of(self, request: Request) -> str:
        """What faults name the call by."""
        return f"{request.method.decode('ascii', 'replace')} {request.path.decode('ascii', 'replace')}"

    def render(self, request: Request) -> Any:
        """Answer, or misbehave as the faults say."""
        call = self._name_of(request)
        fault = self._faults.decide(self._venue.name, call, *CALL_FAULTS)
        return self._answer(request, call) if fault is None else self._misbehave(request, call, fault)

    def _misbehave(self, request: Request, call: str, fault: Fault) -> Any:
        if fault.kind is Kind.ERROR:
            if fault.text.isdecimal():
                request.setResponseCode(int(fault.text))
                return b"<html>The web server reported an error</html>"
            return self._refuse(request, self.error.described(fault.text))
        if fault.kind is Kind.DISCONNECT:
            channel: Any = request.channel
            channel.transport.abortConnection()
            return NOT_DONE_YET
        answer = b"" if fault.kind is Kind.NO_ANSWER else self._answer(request, call)
        if fault.kind is Kind.DELAY:
            answer_later(request, answer, self._reactor, float(fault.seconds))
        return NOT_DONE_YET

    def _answer(self, request: Request, call: str) -> bytes:
        try:
            return self._say(request, self._call(request, call))
        except WireError as error:
            return self._refuse(request, error)
        except VenueRefused as refusal:
            self.log.debug("{call} refused: {refusal}", call=call, refusal=refusal)
            return self._refuse(request, self.error.of(refusal))

    def _refuse(self, request: Request, error: WireError) -> bytes:
        request.setResponseCode(error.status)
        return self._say(request, error.shape())
