"""Coinbase Exchange's REST conversation: signature, time, budget, pages. What the answers mean is :mod:`wire`'s.

A signed request carries its time (the venue's clock, seconds with a fraction) and is good for 30 seconds around it; method, path
with query, and body are made once, signed and sent as they are. There is no nonce. A User-Agent is required.

Calls are counted in buckets: public 10 a second (15 at once) for an address, private 15 (30) and fills 10 (20) for a profile.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from attrs import frozen

from clients.coinbase_exchange import signing
from clients.coinbase_exchange.faults import VENUE, WrongTime, error_of
from clients.coinbase_exchange.wire import reading
from clients.http_link import Answer, Request, exact_json
from clients.parsing import positive
from clients.rate_limit import RateLimit, TokenBucket
from clients.rest import VenueRest
from clients.surroundings import Surroundings

#: What may change something. All else only reads, so that no answer means nothing done.
WRITES = frozenset(
    {
        "POST /orders",
        "DELETE /orders/{id}",
        "POST /withdrawals/crypto",
    }
)
TIME, FILLS = "GET /time", "GET /fills"
USER_AGENT = "international-liquidity-pool"
#: Calls at once, and per second.
PUBLIC, PRIVATE, FILLS_TOO = (15.0, 10.0), (30.0, 15.0), (20.0, 10.0)

Query = Mapping[str, str | tuple[str, ...]]


@frozen
class Page:
    """A part of a list, newest first; ``after``: the cursor of what is older, None if there is nothing."""

    rows: Any
    after: str | None


class CoinbaseExchangeRest(VenueRest):
    """REST for one key; calls are named as the documentation does, ``GET /products/{product_id}/book``.

    ``parts`` fill in what is open in the name. Errors are those of :mod:`clients.errors`.
    """

    def __init__(self, key: str, secret: str, passphrase: str, endpoint: str, surroundings: Surroundings) -> None:
        super().__init__(VENUE, key, endpoint, surroundings, resolution=0.001)
        self._secret = signing.decoded(secret)
        self._passphrase = passphrase
        clock = surroundings.reactor
        self._public, self._private, self._fills = (
            RateLimit(clock, TokenBucket(*bucket)) for bucket in (PUBLIC, PRIVATE, FILLS_TOO)
        )

    def budgets(self) -> Mapping[str, RateLimit]:
        return {"public": self._public, "private": self._private, "fills": self._fills}

    async def public(self, call: str, parts: Mapping[str, str] | None = None, **query: str) -> Any:
        """The answer to a call that needs no key. Safe to repeat."""
        await self._public.take(1.0)
        method, path = _target(call, parts, query)
        request = Request(call, path, method, headers={"User-Agent": USER_AGENT})
        answer = await self._link.answer(request)
        return self._said(request, answer, self._public)

    async def private(
        self,
        call: str,
        parts: Mapping[str, str] | None = None,
        query: Query | None = None,
        form: Mapping[str, str | bool] | None = None,
    ) -> Any:
        """The answer to a signed call; whether a repeat is safe depends on the call (:data:`WRITES`)."""
        said, _ = await self._asked(call, parts or {}, query or {}, form)
        return said

    async def page(self, call: str, parts: Mapping[str, str] | None = None, query: Query | None = None) -> Page:
        """A signed call that answers a list, and where the next page begins. Safe to repeat."""
        rows, answer = await self._asked(call, parts or {}, query or {}, None)
        # The header stands there with the last page too, but never with an empty one.
        return Page(rows, answer.headers.get("cb-after") or None if rows else None)

    async def _asked(
        self, call: str, parts: Mapping[str, str], query: Query, form: Mapping[str, str | bool] | None
    ) -> tuple[Any, Answer]:
        budget = self._fills if call == FILLS else self._private
        if call.startswith("DELETE"):
            # A cancel never waits; what comes after it does.
            budget.charge(1.0)
        else:
            await budget.take(1.0)
        request = self._signed(call, parts, query, form)
        answer = await self._link.answer(request)
        try:
            return self._said(request, answer, budget), answer
        except WrongTime:
            await self.set_clock()
            raise

    def subscription(self) -> Mapping[str, str]:
        """What proves a subscription to the feed; nothing without a key."""
        return signing.subscription(self._key, self._passphrase, self._secret, self._timestamp()) if self._key else {}

    async def _server_time(self) -> float:
        answer = await self.public(TIME)
        with reading(TIME):
            return float(positive(answer["epoch"], "epoch"))

    def _timestamp(self) -> str:
        return f"{self._venue_time():.3f}"

    def _signed(self, call: str, parts: Mapping[str, str], query: Query, form: Mapping[str, str | bool] | None) -> Request:
        method, path = _target(call, parts, query)
        body = "" if form is None else json.dumps(form, separators=(",", ":"))
        proof = signing.headers(self._key, self._passphrase, self._secret, self._timestamp(), f"{method}{path}{body}")
        headers = {"User-Agent": USER_AGENT, "Content-Type": "application/json", **proof}
        return Request(call, path, method, headers=headers, body=body.encode() or None, is_write=call in WRITES)

    def _said(self, request: Request, answer: Answer, budget: RateLimit) -> Any:
        if answer.status == 429:
            budget.exhaust()
        if 400 <= answer.status < 500 and (words := _refusal(answer.body)) is not None:
            raise error_of(request.call, answer.status, words)
        return self._link.json_of(request, answer)


def _target(call: str, parts: Mapping[str, str] | None, query: Query) -> tuple[str, str]:
    """Method, and path with query, as both are signed and sent."""
    method, _, path = call.partition(" ")
    filled = path.format_map({name: quote(value, safe="") for name, value in (parts or {}).items()})
    return method, f"{filled}?{urlencode(query, doseq=True)}" if query else filled


def _refusal(body: bytes) -> str | None:
    """``{"message":"Insufficient funds"}``; None if it is something else."""
    try:
        answer = exact_json(body)
    except ValueError:
        return None
    message = answer.get("message") if isinstance(answer, dict) else None
    return message if isinstance(message, str) else None
