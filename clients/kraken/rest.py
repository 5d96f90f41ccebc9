"""Kraken's REST conversation: envelope, signature, nonce and budget. What the answers mean is :mod:`clients.kraken.wire`'s.

Each answer is ``{"error": [...], "result": ...}`` with status 200, errors too. A private request is a POST of a form with a
rising ``nonce``; the body is built once, and exactly these bytes are signed and sent.
"""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from twisted.internet.defer import Deferred

from clients import parsing
from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused
from clients.http_link import Request
from clients.kraken.faults import VENUE, error_of
from clients.kraken.signing import decode_secret, sign
from clients.nonce import lane_of
from clients.parsing import whole
from clients.rate_limit import RateLimit, TokenBucket
from clients.rest import VenueRest
from clients.surroundings import Surroundings

#: Of a key's call counter ("API rate limits"): highest value, decay per second; and the same of the counter of orders and
#: cancels. ``none``: a venue that does not count, such as the sandbox.
TIERS: Mapping[str, tuple[tuple[float, float], tuple[float, float]] | None] = {
    "starter": ((15, 0.33), (60, 1.0)),
    "intermediate": ((20, 0.5), (125, 2.34)),
    "pro": ((20, 1.0), (180, 3.75)),
    "none": None,
}
#: Public calls, per address and pair, about one per second.
PUBLIC = (5.0, 1.0)
#: What counts more than one; orders and cancels have a counter of their own.
COSTS = {"Ledgers": 2.0, "TradesHistory": 2.0, "QueryLedgers": 2.0, "AddOrder": 0.0, "AmendOrder": 0.0, "CancelOrder": 0.0}
#: Penalty for a cancel, by the age of the order in seconds ("Trading rate limits").
CANCEL_PENALTIES = ((5, 8.0), (10, 6.0), (15, 5.0), (45, 4.0), (90, 2.0), (300, 1.0))
#: The same for an amend, which counts one besides.
AMEND_PENALTIES = ((5, 3.0), (10, 2.0), (15, 1.0))
#: What may change something. All else only reads, so that no answer means nothing done.
WRITES = frozenset({"AddOrder", "AmendOrder", "CancelOrder", "Withdraw"})
#: Calls that must not queue behind the pages of a history.
URGENT = {"CancelOrder": 2, "AmendOrder": 2, "AddOrder": 1, "Withdraw": 1}


class KrakenRest(VenueRest):
    """Kraken's REST API for one key. ``tier``: one of :data:`TIERS`. Errors are those of :mod:`clients.errors`."""

    def __init__(self, key: str, secret: str, endpoint: str, surroundings: Surroundings, tier: str) -> None:
        super().__init__(VENUE, key, endpoint, surroundings)
        self._secret = decode_secret(secret)
        self._lane = lane_of(endpoint, key)
        clock, limits = surroundings.reactor, TIERS[tier]
        self._public = RateLimit(clock, TokenBucket(*PUBLIC) if limits else None)
        self._private = RateLimit(clock, TokenBucket(*limits[0]) if limits else None)
        self._trading = RateLimit(clock, TokenBucket(*limits[1]) if limits else None)

    def budgets(self) -> Mapping[str, RateLimit]:
        return {"public": self._public, "private": self._private, "trading": self._trading}

    async def public(self, call: str, **query: str) -> Any:
        """``result`` of a public call. Safe to repeat."""
        await self._public.take(1.0)
        answer = await self._link.json(Request(call, f"/0/public/{call}", query=query))
        return _result(call, answer, is_write=False)

    async def private(self, call: str, **form: str) -> Any:
        """``result`` of a private call; whether a repeat is safe depends on the call (:data:`WRITES`)."""
        await self._private.take(COSTS.get(call, 1.0))
        if call == "AddOrder":
            await self._trading.take(1.0)

        def send(nonce: int) -> "Deferred[Any]":
            return self._link.json(self._signed(call, nonce, form))

        answer = await self._lane.send(send, self._surroundings.microseconds, URGENT.get(call, 0))
        try:
            return _result(call, answer, call in WRITES)
        except Refused as refused:
            if refused.reason is Reason.RATE_LIMIT:
                (self._trading if refused.detail.startswith("EOrder") else self._private).exhaust()
            raise

    def charge_cancel(self, age: float) -> None:
        """Count a cancel of an order of ``age`` seconds; it is never made to wait, later orders are."""
        self._trading.charge(_penalty(CANCEL_PENALTIES, age))

    def charge_amend(self, age: float) -> None:
        """Count an amend of an order of ``age`` seconds; it may take back a quote, so it does not wait either."""
        self._trading.charge(1.0 + _penalty(AMEND_PENALTIES, age))

    async def _server_time(self) -> float:
        answer = await self.public("Time")
        with parsing.reading(VENUE, "Time"):
            return float(whole(answer["unixtime"], "unixtime"))

    def _signed(self, call: str, nonce: int, form: Mapping[str, str]) -> Request:
        path = f"/0/private/{call}"
        body = urlencode({"nonce": str(nonce), **form}).encode("ascii")
        headers = {
            "API-Key": self._key,
            "API-Sign": sign(self._secret, path, nonce, body),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return Request(call, path, "POST", headers=headers, body=body, is_write=call in WRITES)


def _penalty(penalties: Iterable[tuple[float, float]], age: float) -> float:
    return next((penalty for limit, penalty in penalties if age < limit), 0.0)


def _result(call: str, answer: Any, is_write: bool) -> Any:
    """What is inside the envelope.

    :raises ExchangeError: what the venue's errors mean; an envelope that is none is InvalidData, of a write OutcomeUnknown.
    """
    errors = answer.get("error") if isinstance(answer, dict) else None
    # A warning (W...) comes beside a result that stands.
    if isinstance(errors, list) and all(isinstance(word, str) for word in errors):
        serious = [word for word in errors if not word.startswith("W")]
        if serious:
            raise error_of(call, serious, is_write)
        if "result" in answer:
            return answer["result"]
    raise (OutcomeUnknown if is_write else InvalidData)(VENUE, call, f"neither result nor error in {answer!r:.200}")
