"""Requests to a venue over HTTP, with honest outcomes: done, refused, or unknown.

What a failure means depends on how far the request got and on whether it changes anything at the venue:

============================================ ================ ==================
what happened                                a read           a write
============================================ ================ ==================
no connection, or nothing of the body sent   Retryable        Retryable
time-out or broken connection after that     Retryable        OutcomeUnknown
status 5xx                                   Retryable        OutcomeUnknown
an answer that is not JSON, or too long      InvalidData      OutcomeUnknown
status 401, 403                              Refused AUTH     Refused AUTH
status 418, 429                              Refused RATE_LIMIT in both
another status that is not 2xx               Refused OTHER, with the beginning of the answer
============================================ ================ ==================
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from attrs import frozen
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.error import ConnectError, ConnectingCancelledError, ConnectionClosed, DNSLookupError
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, RequestTransmissionFailed, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IResponse
from zope.interface import implementer

from clients.errors import ExchangeError, InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from clients.surroundings import Surroundings

#: Bytes of an answer beyond which it is none: Kraken's longest, all its pairs, has about one million.
LONGEST_ANSWER = 32 * 1024 * 1024
#: Seconds after which an idle connection is not used again. Venues drop idle ones after a minute or so, and a write on a
#: connection that the venue is just closing has an unknown outcome.
IDLE_LIMIT = 15
CONNECT_LIMIT = 5.0


class AnswerTooLong(Exception):
    """The venue sends more than :data:`LONGEST_ANSWER`."""


#: What Twisted says when a connection that was made, or was being made, ends without the whole answer.
BROKEN = (
    DeferredTimeout,
    CancelledError,
    ConnectingCancelledError,
    RequestTransmissionFailed,
    ResponseFailed,
    ConnectionClosed,
)


@implementer(IBodyProducer)
class ExactBody:
    """Exactly these bytes, at once; ``is_sent`` tells whether any of them may have left."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)
        self.is_sent = False

    def startProducing(self, consumer: IConsumer) -> "Deferred[None]":
        """Write it all; HTTP calls this only on a connection that stands."""
        self.is_sent = True
        consumer.write(self._body)
        return succeed(None)

    def stopProducing(self) -> None:
        """Nothing is held back."""

    def pauseProducing(self) -> None:
        """Nothing is held back."""

    def resumeProducing(self) -> None:
        """Nothing is held back."""


@frozen
class Request:
    """One request. ``call`` is the venue's name for it, for errors and logs; ``path`` begins with a slash.

    ``is_write``: it may change something at the venue, so that no answer does not mean nothing done.
    """

    call: str
    path: str
    method: str = "GET"
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    is_write: bool = False


@frozen
class Answer:
    """A whole answer. ``headers``: by name in lower case, of several the first."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def exact_json(text: str | bytes) -> Any:
    """JSON with every number with a point or exponent as the exact ``Decimal`` that was written.

    :raises ValueError: if it is no JSON, or holds NaN or Infinity, which JSON does not have.
    """
    written = text if isinstance(text, str) else str(text, "utf-8")
    try:
        found, end = _SCAN(written, 0)
        # Space around it, and all that is wrong with it, is for the whole decoder to see.
        return found if end == len(written) else _DECODER.decode(written)
    except StopIteration:
        return _DECODER.decode(written)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _not_a_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


#: One for all: ``json.loads`` would make one for each message.
_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_not_a_number)
#: What it does its work with; the rest of it looks for space, which no venue sends and which takes as long again.
_SCAN: Callable[[str, int], tuple[Any, int]] = _DECODER.scan_once  # type: ignore[attr-defined]


class _Collector(Protocol):
    """Gathers an answer's body, and hangs up when it is too long or nobody waits for it any more."""

    def __init__(self) -> None:
        self.done: Deferred[bytes] = Deferred(lambda _: self._hang_up())
        self._parts: list[bytes] = []
        self._left = LONGEST_ANSWER

    def _hang_up(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def dataReceived(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left >= 0:
            self._parts.append(data)
        elif not self.done.called:
            self.done.errback(AnswerTooLong(f"more than {LONGEST_ANSWER} bytes"))
            self._hang_up()

    def connectionLost(self, reason: Failure = Failure(ResponseDone())) -> None:  # noqa: B008 (Twisted's signature)
        if self.done.called:
            return
        # Without a length the end of the connection is the end of the answer; the JSON then shows whether it is whole.
        if reason.check(ResponseDone, PotentialDataLoss):
            self.done.callback(b"".join(self._parts))
        else:
            self.done.errback(reason)


def _whole_body(response: IResponse) -> "Deferred[bytes]":
    collector = _Collector()
    response.deliverBody(collector)
    return collector.done


class HttpLink:
    """HTTP to one ``base`` address, e.g. ``https://api.kraken.com``, of ``venue`` (a name, for errors).

    Redirects are never followed: a signed request goes to the address it was signed for or nowhere.
    """

    log = Logger()

    def __init__(self, venue: str, base: str, surroundings: Surroundings, timeout: float = 10.0) -> None:
        self._venue = venue
        self._base = base.rstrip("/")
        self._clock = surroundings.reactor
        self._timeout = timeout
        self._pool: HTTPConnectionPool | None = None
        self._agent = surroundings.agent or self._pooled_agent()
        self._client = HTTPClient(self._agent)
        self._under_way: set[Deferred[Any]] = set()
        self._is_closed = False

    def _pooled_agent(self) -> Agent:
        self._pool = HTTPConnectionPool(self._clock)
        # Whether a request may be sent again is for us to judge, never for the pool.
        self._pool.retryAutomatically = False
        self._pool.cachedConnectionTimeout = IDLE_LIMIT
        return Agent(self._clock, connectTimeout=CONNECT_LIMIT, pool=self._pool)

    def json(self, request: Request) -> "Deferred[Any]":
        """The answer as JSON with exact numbers. Fails as the module's table says; never sends anything twice."""
        return self._ask(request, self.json_of)

    def answer(self, request: Request) -> "Deferred[Answer]":
        """The answer whatever its status is, for a venue that has words beside it. Fails as :meth:`json` does without one."""
        return self._ask(request, lambda _request, answer: answer)

    def json_of(self, request: Request, answer: Answer) -> Any:
        """What ``answer`` to ``request`` says, as JSON.

        :raises ExchangeError: as the module's table has it for its status and its form.
        """
        return self._parsed(request, answer, exact_json)

    def content(self, request: Request) -> "Deferred[bytes]":
        """The answer as it is. Fails as :meth:`json` does."""
        return self._ask(request, lambda asked, answer: self._parsed(asked, answer, bytes))

    def close(self) -> "Deferred[None]":
        """Give up what is under way and close the connections. A repeat is safe; requests after it are Retryable."""
        self._is_closed = True
        for deferred in list(self._under_way):
            deferred.cancel()
        return self._pool.closeCachedConnections() if self._pool else succeed(None)

    def _ask(self, request: Request, read: Callable[[Request, Answer], Any]) -> "Deferred[Any]":
        asked: Deferred[Any] = Deferred.fromCoroutine(self._answer(request))
        asked.addCallback(lambda answer: read(request, answer))
        self._under_way.add(asked)

        def ended(result: Any) -> Any:
            self._under_way.discard(asked)
            return result

        return asked.addBoth(ended)

    async def _answer(self, request: Request) -> Answer:
        if self._is_closed:
            raise Retryable(self._venue, request.call, "the connection is closed")
        body = None if request.body is None else ExactBody(request.body)
        began = self._clock.seconds()
        try:
            return await Deferred.fromCoroutine(self._exchange(request, body)).addTimeout(self._timeout, self._clock)
        except AnswerTooLong as error:
            raise self._no_sense(request, str(error)) from None
        except (ConnectError, DNSLookupError) as error:
            raise Retryable(self._venue, request.call, f"no connection: {error}") from error
        except BROKEN as error:
            # Twisted may wrap the time-out's own cancel, so the clock is asked what it was.
            is_late = self._clock.seconds() - began >= self._timeout
            words = f"no answer within {self._timeout:g} s" if is_late else _words(error)
            raise self._unanswered(request, body, words) from error

    async def _exchange(self, request: Request, body: ExactBody | None) -> Answer:
        url = self._base + request.path
        if request.query:
            url += "?" + urlencode(request.query)
        headers = Headers({name: [value] for name, value in request.headers.items()})
        response = await self._client.request(
            request.method, url, headers=headers, data=body, allow_redirects=False, unbuffered=True
        )
        told = {
            name.decode("latin-1").lower(): values[0].decode("latin-1") for name, values in response.headers.getAllRawHeaders()
        }
        return Answer(int(response.code), told, await _whole_body(response))

    def _parsed(self, request: Request, answer: Answer, parse: Callable[[bytes], Any]) -> Any:
        self._check_status(request, answer)
        try:
            return parse(answer.body)
        except ValueError as error:
            raise self._no_sense(request, f"{error}: {_beginning(answer.body)}") from None

    def _check_status(self, request: Request, answer: Answer) -> None:
        status, words = answer.status, f"status {answer.status}: {_beginning(answer.body)}"
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise (OutcomeUnknown if request.is_write else Retryable)(self._venue, request.call, words)
        if status in (HTTPStatus.IM_A_TEAPOT, HTTPStatus.TOO_MANY_REQUESTS):
            raise Refused(self._venue, request.call, words, Reason.RATE_LIMIT)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise Refused(self._venue, request.call, words, Reason.AUTH)
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            raise Refused(self._venue, request.call, words)

    def _unanswered(self, request: Request, body: ExactBody | None, words: str) -> ExchangeError:
        may_have_left = body is None or body.is_sent
        error = OutcomeUnknown if request.is_write and may_have_left else Retryable
        self.log.debug("{venue} {call}: {words}", venue=self._venue, call=request.call, words=words)
        return error(self._venue, request.call, words)

    def _no_sense(self, request: Request, words: str) -> ExchangeError:
        return (OutcomeUnknown if request.is_write else InvalidData)(self._venue, request.call, words)


def _words(error: BaseException) -> str:
    if isinstance(error, ResponseFailed | RequestTransmissionFailed):
        return "connection lost: " + "; ".join(f"{reason.value!r}" for reason in error.reasons)
    return f"connection lost: {error!r}"


def _beginning(answer: bytes) -> str:
    return repr(answer[:200].decode("utf-8", "replace"))
