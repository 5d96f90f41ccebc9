"""Gemini's REST conversation: payload, signature, nonce, rates. What the answers mean is :mod:`clients.gemini.wire`'s.

A private request is an empty POST whose payload, a JSON object with the path and a nonce, travels signed in a header. Nonces rise
per key, or are the time in seconds where the key was made so. Gemini has no call for its time: the header ``Date`` of its answers
tells it.

Rates are counted per group of calls ("Rate Limits"): 120 a minute in public, 600 in private, transfers once in 5 seconds,
addresses once in 2. Five more than that are delayed and those after them answered 429, until the rate has fallen: then our own
count begins from nothing. Where there are two versions of a call the second is used: the first is being retired.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from twisted.internet.defer import Deferred

from clients.errors import ExchangeError, Reason, Refused
from clients.gemini.faults import VENUE, WrongNonce, error_of
from clients.gemini.places import TIME, Places
from clients.gemini.signing import payload_of, signed
from clients.gemini.wire import reading
from clients.http_link import Answer, Request, exact_json
from clients.nonce import lane_of
from clients.rate_limit import RateLimit, TokenBucket
from clients.rest import VenueRest
from clients.surroundings import Surroundings

NEW_ORDER, CANCEL, TRANSFERS = "/v1/order/new", "/v1/order/cancel", "/v2/transfers"
SYMBOLS, ORDER_EVENTS = "/v1/symbols", "/v1/order/events"
ADDRESSES, NEW_ADDRESS, WITHDRAW, NETWORK = "/v1/addresses/", "/v1/deposit/", "/v2/withdraw/", "/v2/network/"
#: At once and per second: a little under the venue's own rates, so that the time on the way does not add up to more.
PUBLIC, PRIVATE = (5.0, 1.8), (5.0, 9.0)
#: Calls that are counted apart, by how their paths begin.
SLOW = {TRANSFERS: (1.0, 0.19), ADDRESSES: (1.0, 0.45), NEW_ADDRESS: (1.0, 0.45)}
#: Calls that must not queue behind the pages of a history.
URGENT = {CANCEL: 2, NEW_ORDER: 1}


def is_write(path: str) -> bool:
    """Whether the call may change something that matters. All else only reads, so that no answer means nothing done."""
    return path in (NEW_ORDER, CANCEL) or path.startswith(WITHDRAW)


class GeminiRest(VenueRest):
    """Gemini's REST API for one key; calls are named by their paths. Errors are those of :mod:`clients.errors`."""

    def __init__(self, key: str, secret: str, places: Places, surroundings: Surroundings) -> None:
        super().__init__(VENUE, key, places.rest, surroundings)
        self._secret = secret
        self._is_time_based = places.nonce == TIME
        self._common = {"account": places.account} if places.account else {}
        self._lane = lane_of(places.rest, key)
        clock, has_limits = surroundings.reactor, places.has_limits
        self._public, self._private = (RateLimit(clock, TokenBucket(*rate) if has_limits else None) for rate in (PUBLIC, PRIVATE))
        self._slow = {path: RateLimit(clock, TokenBucket(*rate) if has_limits else None) for path, rate in SLOW.items()}

    def budgets(self) -> Mapping[str, RateLimit]:
        return {"public": self._public, "private": self._private, **self._slow}

    async def public(self, path: str, **query: str) -> Any:
        """The answer to a GET. Safe to repeat."""
        await self._public.take(1.0)
        return await self._ask(Request(f"GET {path}", path, query=query), self._public)

    async def private(self, path: str, **fields: Any) -> Any:
        """The answer to a signed POST; whether a repeat is safe depends on the call (:func:`is_write`)."""
        return await self._in_time("POST", path, fields)

    async def private_get(self, path: str) -> Any:
        """The answer to a signed GET. Safe to repeat."""
        return await self._in_time("GET", path, {})

    async def _in_time(self, method: str, path: str, fields: Mapping[str, Any]) -> Any:
        limit = next((slow for beginning, slow in self._slow.items() if path.startswith(beginning)), self._private)
        if path == CANCEL:
            # A cancel never waits; what comes after it does.
            limit.charge(1.0)
        else:
            await limit.take(1.0)
        try:
            return await self._send(method, path, fields, limit)
        except WrongNonce:
            if self._is_time_based:
                await self.set_clock()
            raise

    async def _send(self, method: str, path: str, fields: Mapping[str, Any], limit: RateLimit) -> Any:
        async def send(nonce: int) -> Any:
            headers = {**self._signed(path, nonce, fields), "Content-Type": "text/plain", "Cache-Control": "no-cache"}
            body = b"" if method == "POST" else None
            request = Request(f"{method} {path}", path, method, headers=headers, body=body, is_write=is_write(path))
            return await self._ask(request, limit)

        if self._is_time_based:
            return await send(int(self._venue_time()))
        return await self._lane.send(send, self._milliseconds, URGENT.get(path, 0))

    def handshake(self) -> dict[str, str]:
        """The headers that open the socket of order events; for one attempt."""
        nonce = int(self._venue_time()) if self._is_time_based else self._lane.take(self._milliseconds)
        return self._signed(ORDER_EVENTS, nonce, {})

    async def _server_time(self) -> float:
        """By an answer that we need for nothing else; whole seconds."""
        await self._public.take(1.0)
        answer = await self._link.answer(Request(f"GET {SYMBOLS}", SYMBOLS))
        with reading("Date"):
            return parsedate_to_datetime(answer.headers["date"]).timestamp()

    def _milliseconds(self) -> int:
        return self._surroundings.microseconds() // 1000

    def _signed(self, path: str, nonce: int, fields: Mapping[str, Any]) -> dict[str, str]:
        return signed(self._key, self._secret, payload_of(path, nonce, {**self._common, **fields}))

    async def _ask(self, request: Request, limit: RateLimit) -> Any:
        asked: Deferred[Answer] = self._link.answer(request)
        answer = await asked
        error = _refusal(request, answer)
        if error is None:
            try:
                return self._link.json_of(request, answer)
            except Refused as refused:
                error = refused
        if isinstance(error, Refused) and error.reason is Reason.RATE_LIMIT:
            limit.exhaust()
        raise error


def _refusal(request: Request, answer: Answer) -> ExchangeError | None:
    """``{"result":"error","reason":"...","message":"..."}``, whatever the status is; None if it is something else."""
    try:
        told = exact_json(answer.body)
    except ValueError:
        return None
    if not isinstance(told, dict) or told.get("result") != "error":
        return None
    return error_of(request.call, answer.status, str(told.get("reason")), str(told.get("message")), request.is_write)
