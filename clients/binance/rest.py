"""Binance's REST conversation: signature, time, budget. What the answers mean is :mod:`clients.binance.wire`'s.

A signed request carries ``timestamp`` (the venue's clock, milliseconds) and ``recvWindow``; its parameters are encoded once,
signed and sent in this order, as the query of a GET or DELETE and as the form of a POST. There is no nonce: a request is
good for as long as the window, so a late one is refused rather than carried out.

Each answer tells how much of the minute's weight is used (``X-MBX-USED-WEIGHT-1M``). With 429 and 418 the venue asks for
silence (``Retry-After``); whoever goes on is banned for longer, so until then nothing is sent at all.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from clients.binance.faults import VENUE, WrongTime, error_of
from clients.binance.signing import signed, signed_by_name
from clients.binance.wire import Budget, reading
from clients.http_link import Answer, Request, exact_json
from clients.parsing import whole
from clients.rate_limit import RateLimit, Silence, TokenBucket
from clients.rest import VenueRest
from clients.surroundings import Surroundings

#: What weighs more than one ("IP limits" beside each endpoint); the book's weight depends on its depth.
WEIGHTS = {
    "GET /api/v3/exchangeInfo": 20.0,
    "GET /api/v3/account": 20.0,
    "GET /api/v3/openOrders": 80.0,
    "GET /api/v3/allOrders": 20.0,
    "GET /api/v3/myTrades": 20.0,
    "GET /api/v3/order": 4.0,
    "GET /api/v3/klines": 2.0,
    "GET /sapi/v1/capital/config/getall": 10.0,
    "GET /sapi/v1/capital/deposit/address": 10.0,
}
#: Depth of a snapshot and its weight, rising.
DEPTH_WEIGHTS = ((100, 5.0), (500, 25.0), (1000, 50.0), (5000, 250.0))
#: What may change something. All else only reads, so that no answer means nothing done.
WRITES = frozenset({"POST /api/v3/order", "DELETE /api/v3/order", "POST /sapi/v1/capital/withdraw/apply"})
NEW_ORDER, TIME = "POST /api/v3/order", "GET /api/v3/time"
USED_WEIGHT = "x-mbx-used-weight-1m"


class BinanceRest(VenueRest):
    """Binance's REST API for one key; calls are named as Binance's documentation does, ``GET /api/v3/time``.

    ``window``: milliseconds that a signed request stays good. Errors are those of :mod:`clients.errors`.
    """

    def __init__(self, key: str, secret: str, endpoint: str, surroundings: Surroundings, window: int) -> None:
        super().__init__(VENUE, key, endpoint, surroundings, resolution=0.001)
        self._secret = secret
        self._window = str(window)
        self._silence = Silence(surroundings.reactor)
        self.keep_to(Budget())

    def keep_to(self, budget: Budget) -> None:
        """From now on these are the limits."""
        clock = self._surroundings.reactor
        self._budget = budget
        self._weight = RateLimit(clock, TokenBucket(budget.weight, budget.weight / 60))
        self._orders = RateLimit(clock, TokenBucket(budget.orders, budget.orders / budget.orders_seconds))

    def budgets(self) -> Mapping[str, RateLimit]:
        return {"weight": self._weight, "orders": self._orders}

    async def public(self, call: str, **query: str) -> Any:
        """The answer to a call that needs no key. Safe to repeat."""
        await self._weight.take(_weight(call, query))
        method, _, path = call.partition(" ")
        return await self._ask(Request(call, path, method, query=query))

    async def private(self, call: str, **parameters: str) -> Any:
        """The answer to a signed call; whether a repeat is safe depends on the call (:data:`WRITES`)."""
        if call == NEW_ORDER:
            await self._orders.take(1.0)
        if call.startswith("DELETE"):
            # A cancel never waits; what comes after it does.
            self._weight.charge(1.0)
        else:
            await self._weight.take(_weight(call, parameters))
        try:
            return await self._ask(self._signed(call, parameters))
        except WrongTime:
            await self.set_clock()
            raise

    def subscription(self) -> dict[str, str | int]:
        """Signed parameters of the WebSocket API's ``userDataStream.subscribe.signature``."""
        parameters: dict[str, str | int] = {"apiKey": self._key, "timestamp": self._timestamp(), "recvWindow": int(self._window)}
        return signed_by_name(self._secret, parameters)

    async def _server_time(self) -> float:
        answer = await self.public(TIME)
        with reading(TIME):
            return float(whole(answer["serverTime"], "serverTime")) / 1000

    def _timestamp(self) -> int:
        return int(self._venue_time() * 1000)

    def _signed(self, call: str, parameters: Mapping[str, str]) -> Request:
        method, _, path = call.partition(" ")
        timed = {**parameters, "recvWindow": self._window, "timestamp": str(self._timestamp())}
        query, headers = signed(self._secret, timed), {"X-MBX-APIKEY": self._key}
        if method != "POST":
            return Request(call, path, method, query=query, headers=headers, is_write=call in WRITES)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = urlencode(query).encode("ascii")
        return Request(call, path, method, headers=headers, body=body, is_write=call in WRITES)

    async def _ask(self, request: Request) -> Any:
        self._silence.check(VENUE, request.call)
        answer = await self._link.answer(request)
        self._note_budget(answer)
        if 400 <= answer.status < 500 and (told := _refusal(answer.body)) is not None:
            raise error_of(request.call, *told, request.is_write)
        return self._link.json_of(request, answer)

    def _note_budget(self, answer: Answer) -> None:
        used = answer.headers.get(USED_WEIGHT, "")
        if used.isdecimal():
            self._weight.limit(self._budget.weight - float(used))
        seconds = self._silence.heard(answer.status, answer.headers)
        if seconds is not None:
            self.log.warn("binance asks for silence for {seconds:g} s (status {status})", seconds=seconds, status=answer.status)


def _weight(call: str, parameters: Mapping[str, str]) -> float:
    if call == "GET /api/v3/depth":
        limit = int(parameters.get("limit", 100))
        return next((weight for most, weight in DEPTH_WEIGHTS if limit <= most), DEPTH_WEIGHTS[-1][1])
    if call == "GET /api/v3/openOrders" and "symbol" in parameters:
        return 6.0
    return WEIGHTS.get(call, 1.0)


def _refusal(body: bytes) -> tuple[int, str] | None:
    """``{"code":-2010,"msg":"..."}``; None if it is something else."""
    try:
        answer = exact_json(body)
    except ValueError:
        return None
    code, message = (answer.get("code"), answer.get("msg")) if isinstance(answer, dict) else (None, None)
    if isinstance(code, int) and not isinstance(code, bool) and isinstance(message, str):
        return code, message
    return None
