"""Bitfinex's REST conversation: signature, nonce, limits. What the answers mean is :mod:`clients.bitfinex.wire`'s.

Public calls are a GET to one host, private ones a POST of a JSON object to another; the body is built once, and exactly these
bytes are signed and sent, with a nonce that rises per key. A refusal is an array that begins with ``"error"``, and comes with
status 500 as a rule: so the answer is looked at before its status. Each kind of call has a limit per minute and address; beyond
it the address is blocked for a minute.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from clients.bitfinex.faults import RATE_LIMIT, VENUE, error_of
from clients.bitfinex.signing import headers, login
from clients.errors import InvalidData
from clients.http_link import Answer, HttpLink, Request, exact_json
from clients.nonce import lane_of
from clients.rate_limit import RateLimit, Silence, TokenBucket
from clients.rest import VenueRest
from clients.surroundings import Surroundings

SUBMIT, CANCEL, WITHDRAW = "auth/w/order/submit", "auth/w/order/cancel", "auth/w/withdraw"
STATUS, ADDRESS = "platform/status", "auth/w/deposit/address"
#: Calls per minute ("Ratelimit" beside each endpoint); all others of one kind 90.
LIMITS = {STATUS: 30.0, ADDRESS: 10.0, WITHDRAW: 10.0, "book": 240.0}
LIMIT = 90.0
#: What may change something. All else only reads, so that no answer means nothing done; a new address harms nobody.
WRITES = frozenset({SUBMIT, CANCEL, WITHDRAW})
#: Calls that must not queue behind the pages of a history; without its log-in the whole client is of no use.
URGENT = {CANCEL: 2, SUBMIT: 1, WITHDRAW: 1}
LOGIN_URGENCY = 3


class BitfinexRest(VenueRest):
    """Bitfinex's REST API for one key; calls are named by their path behind ``/v2/``. Errors are those of :mod:`clients.errors`.

    ``public``: the host of public calls, ``private`` that of the others. ``has_limits``: whether the venue counts calls.
    """

    def __init__(self, key: str, secret: str, public: str, private: str, surroundings: Surroundings, *, has_limits: bool) -> None:
        super().__init__(VENUE, key, private, surroundings)
        self._secret = secret
        self._public_link = HttpLink(VENUE, public, surroundings)
        self._lane = lane_of(private, key)
        self._silence = Silence(surroundings.reactor)
        self._has_limits = has_limits
        self._limits: dict[str, RateLimit] = {}

    def budgets(self) -> Mapping[str, RateLimit]:
        return self._limits

    async def public(self, call: str, kind: str = "", **query: str) -> Any:
        """The answer to a public call; ``kind``: which limit it counts to, where its path holds more. Safe to repeat."""
        await self._limit(kind or call).take(1.0)
        return await self._ask(self._public_link, Request(call, f"/v2/{call}", query=query))

    async def private(self, call: str, **fields: Any) -> Any:
        """The answer to a private call; whether a repeat is safe depends on the call (:data:`WRITES`)."""
        limit = self._limit(call)
        if call == CANCEL:
            # A cancel never waits; the next one does if the venue would refuse it.
            limit.charge(1.0)
        else:
            await limit.take(1.0)

        def send(nonce: int) -> Awaitable[Any]:
            return self._ask(self._link, self._signed(call, nonce, fields))

        return await self._lane.send(send, self._surroundings.microseconds, URGENT.get(call, 0))

    async def log_in(self, send: Callable[[Mapping[str, object]], "Deferred[None]"]) -> None:
        """Give ``send`` the words by which a stream logs in; no request overtakes it until its Deferred fires."""

        def with_nonce(nonce: int) -> "Deferred[None]":
            return send(login(self._key, self._secret, nonce))

        await self._lane.send(with_nonce, self._surroundings.microseconds, LOGIN_URGENCY)

    async def _server_time(self) -> float:
        """The venue tells no time but in the header of each answer, in whole seconds."""
        await self._limit(STATUS).take(1.0)
        answer = await self._public_link.answer(Request(STATUS, f"/v2/{STATUS}"))
        return date_of(answer.headers)

    def close(self) -> "Deferred[None]":
        """Give up what is under way; a repeat is safe."""
        return gatherResults([super().close(), self._public_link.close()]).addCallback(lambda _: None)

    def _limit(self, kind: str) -> RateLimit:
        if kind not in self._limits:
            most = LIMITS.get(kind, LIMIT)
            # A third at once and the rest evenly: no minute, whenever it begins, has more than the venue allows.
            bucket = TokenBucket(most / 3, most * 2 / 3 / 60) if self._has_limits else None
            self._limits[kind] = RateLimit(self._surroundings.reactor, bucket)
        return self._limits[kind]

    def _signed(self, call: str, nonce: int, fields: Mapping[str, Any]) -> Request:
        path, body = f"/v2/{call}", json.dumps(fields, separators=(",", ":")).encode()
        signed = headers(self._key, self._secret, path, nonce, body)
        return Request(call, path, "POST", headers=signed, body=body, is_write=call in WRITES)

    async def _ask(self, link: HttpLink, request: Request) -> Any:
        self._silence.check(VENUE, request.call)
        answer = await link.answer(request)
        refusal = _refusal(answer)
        if answer.status == 429 or (refusal is not None and refusal[0] == RATE_LIMIT):
            seconds = self._silence.heard(429, answer.headers)
            self.log.warn("bitfinex has blocked our address for {seconds:g} s", seconds=seconds)
        if refusal is not None:
            raise error_of(request.call, *refusal, request.is_write)
        return link.json_of(request, answer)


def date_of(told: Mapping[str, str]) -> float:
    """When an answer was made, unix seconds.

    :raises InvalidData: for an answer that does not say.
    """
    try:
        return parsedate_to_datetime(told.get("date", "")).timestamp()
    except ValueError as error:
        raise InvalidData(VENUE, STATUS, f"no date in the answer's headers: {error}") from error


def _refusal(answer: Answer) -> tuple[int, str] | None:
    """Code and text of ``["error", 10020, "price: invalid"]`` or ``{"error": "ERR_RATE_LIMIT"}``; None if it is neither."""
    try:
        told = exact_json(answer.body)
    except ValueError:
        return None
    if isinstance(told, dict) and told.get("error") == "ERR_RATE_LIMIT":
        return RATE_LIMIT, "ERR_RATE_LIMIT"
    if not isinstance(told, list) or len(told) < 3 or told[0] != "error":
        return None
    code, text = told[1], told[2]
    if isinstance(code, int) and not isinstance(code, bool) and isinstance(text, str):
        return code, text
    return None
