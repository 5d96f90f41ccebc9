"""Bitstamp's REST conversation: signature, nonce, time, budget. What the answers mean is :mod:`clients.bitstamp.wire`'s.

A private request is a POST of a form; exactly the bytes that are signed are sent. Its nonce (a UUID) is good once, its time
within 150 s of the venue's; nonces need not rise, so that requests may run side by side. Answers are signed too, and one whose
signature is wrong is no answer. No call tells the time: each answer is dated, to the second.
"""

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

from clients.bitstamp.faults import VENUE, Trouble, WrongTime, error_of, trouble_in
from clients.bitstamp.signing import headers, is_sealed
from clients.errors import ExchangeError, InvalidData, OutcomeUnknown, Reason, Refused
from clients.http_link import Answer, Request, exact_json
from clients.rate_limit import RateLimit, Silence, TokenBucket
from clients.rest import VenueRest
from clients.surroundings import Surroundings

#: "Request limits": at once and per second; and of ten minutes at once, and per second.
PER_SECOND, PER_TEN_MINUTES = (400.0, 400.0), (10_000.0, 10_000.0 / 600)
#: What answers in few words, and dated.
DATED = "GET /api/v2/eur_usd/"
CANCEL = "POST /api/v2/cancel_order/"
#: What may change something. All else only reads, so that no answer means nothing done.
_WRITES = ("POST /api/v2/buy/", "POST /api/v2/sell/", CANCEL)
_SEAL = "x-server-auth-signature"
_BY_STATUS = {401: Reason.AUTH, 403: Reason.AUTH, 418: Reason.RATE_LIMIT, 429: Reason.RATE_LIMIT}


def is_write(call: str) -> bool:
    """Whether a call may change something at the venue."""
    return call.startswith(_WRITES) or call.endswith("_withdrawal/")


class BitstampRest(VenueRest):
    """Bitstamp's REST API for one key; calls are named by method and path. Errors are those of :mod:`clients.errors`."""

    def __init__(self, key: str, secret: str, endpoint: str, surroundings: Surroundings) -> None:
        super().__init__(VENUE, key, endpoint, surroundings)
        self._secret = secret
        self._host = urlsplit(endpoint).netloc
        clock = surroundings.reactor
        self._silence = Silence(clock)
        self._limits = [RateLimit(clock, TokenBucket(*limit)) for limit in (PER_SECOND, PER_TEN_MINUTES)]

    def budgets(self) -> Mapping[str, RateLimit]:
        return dict(zip(("second", "ten minutes"), self._limits, strict=True))

    async def public(self, call: str, **query: str) -> Any:
        """The answer to a call that needs no key. Safe to repeat."""
        await self._wait()
        method, _, path = call.partition(" ")
        return await self._ask(Request(call, path, method, query=query))

    async def private(self, call: str, **form: str) -> Any:
        """The answer to a signed call; whether a repeat is safe depends on the call (:func:`is_write`)."""
        if call == CANCEL:
            # A cancel never waits; what comes after it does.
            for limit in self._limits:
                limit.charge(1.0)
        else:
            await self._wait()
        try:
            return await self._ask(self._signed(call, form))
        except WrongTime:
            await self.set_clock()
            raise

    async def _wait(self) -> None:
        for limit in self._limits:
            await limit.take(1.0)

    async def _server_time(self) -> float:
        method, _, path = DATED.partition(" ")
        answer = await self._link.answer(Request(DATED, path, method))
        try:
            return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
        except ValueError as error:
            raise InvalidData(VENUE, DATED, f"not dated: {error}") from error

    def _signed(self, call: str, form: Mapping[str, str]) -> Request:
        method, _, path = call.partition(" ")
        body = urlencode(form)
        timestamp = str(int(self._venue_time() * 1000))
        signed = headers(self._key, self._secret, self._host, method, path, body, str(uuid4()), timestamp)
        return Request(call, path, method, headers=signed, body=body.encode("ascii") or None, is_write=is_write(call))

    async def _ask(self, request: Request) -> Any:
        self._silence.check(VENUE, request.call)
        answer = await self._link.answer(request)
        seconds = self._silence.heard(answer.status, answer.headers)
        if seconds is not None:
            self.log.warn("bitstamp asks for silence for {seconds:g} s (status {status})", seconds=seconds, status=answer.status)
        self._check_seal(request, answer)
        told = _trouble(answer)
        if told is not None:
            raise self._refusal(request, answer.status, told)
        return self._link.json_of(request, answer)

    def _refusal(self, request: Request, status: int, told: Trouble) -> ExchangeError:
        error = error_of(request.call, told, request.is_write)
        if isinstance(error, Refused) and error.reason is Reason.OTHER:
            # Where the words say little, the status may say more.
            error = Refused(VENUE, request.call, error.detail, _BY_STATUS.get(status, Reason.OTHER))
        if isinstance(error, Refused) and error.reason is Reason.RATE_LIMIT:
            for limit in self._limits:
                limit.exhaust()
        return error

    def _check_seal(self, request: Request, answer: Answer) -> None:
        seal = answer.headers.get(_SEAL)
        # Refusals, and what a proxy says in the venue's place, carry none.
        if seal is None or "X-Auth" not in request.headers:
            return
        if not is_sealed(self._secret, dict(request.headers), answer.headers.get("content-type", ""), answer.body, seal):
            raise (OutcomeUnknown if request.is_write else InvalidData)(VENUE, request.call, "the answer's signature is wrong")


def _trouble(answer: Answer) -> Trouble | None:
    """Business errors come with status 200 too; 5xx proves nothing unless the words are the venue's own and known."""
    try:
        told = trouble_in(exact_json(answer.body))
    except ValueError:
        return None
    is_known = told is not None and (answer.status < 500 or (bool(told.code) and not told.proves_nothing))
    return told if is_known else None
