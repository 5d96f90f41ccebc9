"""One ccxt exchange object, whose blocking calls run one after another in a thread of their own.

Why so: the plain half of ccxt is the one that every exchange has, and one thread keeps the venue's nonces in order; what ccxt.pro
streams is :mod:`clients.ccxt.streams`'. The most urgent call goes first, so that a cancel
never queues behind the pages of a history.
"""

from collections.abc import Mapping
from functools import partial
from threading import Thread
from typing import Any

import ccxt
from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from clients.ccxt.addresses import moved
from clients.ccxt.faults import error_of
from clients.ccxt.options import Options
from clients.errors import ExchangeError, Retryable
from clients.nonce import lane_of
from clients.surroundings import Surroundings

#: Seconds that the venue may take for an answer.
PATIENCE = 10.0
#: Calls that change something at the venue, so that no answer does not mean nothing done.
WRITES = frozenset({"create_order", "cancel_order", "withdraw"})
#: Calls that must not queue behind the pages of a history.
URGENT = {"cancel_order": 2, "create_order": 1, "withdraw": 1}


class Library:
    """``exchange_id`` as ccxt knows it; ``endpoint`` takes the place of the venue's own address, empty: leave it."""

    def __init__(
        self, venue: str, exchange_id: str, key: tuple[str, str], endpoint: str, options: Options, surroundings: Surroundings
    ) -> None:
        self._venue = venue
        self._surroundings = surroundings
        self.exchange: Any = _exchange(exchange_id, key, endpoint, options)
        asking = self.exchange.options.get("fetchOpenOrders")
        #: Whether the orders of all contracts at once cost the venue's budget many times as much as those of one.
        self.is_dear_for_all = isinstance(asking, dict) and bool(asking.get("warnWithoutSymbol"))
        if self.is_dear_for_all:
            # ccxt's warning is an error; we ask so only while no contract is in use yet.
            asking["warnWithoutSymbol"] = False
        self._lane = lane_of(endpoint or exchange_id, key[0])
        self._pool = ThreadPool(0, 1, f"ccxt-{exchange_id}")
        # A call that the venue does not answer must not keep the process from ending.
        self._pool.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]
        self._is_closed = False

    def can(self, method: str) -> bool:
        """Whether ccxt offers ``method`` (its camelCase name) for this exchange."""
        return bool(self.exchange.has.get(method))

    def features(self, method: str) -> Mapping[str, Any]:
        """What ccxt says of ``method`` (its snake_case name) for spot: limits of time, whether a symbol is required."""
        first, *rest = method.split("_")
        name = first + "".join(word.capitalize() for word in rest)
        found: Mapping[str, Any] = ((self.exchange.features or {}).get("spot") or {}).get(name) or {}
        return found

    async def markets(self) -> Mapping[str, Mapping[str, Any]]:
        """All markets by symbol; the first thing to ask.

        ccxt compares steps with each other as numbers, so here they must be floats: so short that they are exact as written.
        All that comes later is money, and stays the venue's own text.

        :raises ExchangeError: as :meth:`call`.
        """
        self.exchange.number = float
        found: Mapping[str, Mapping[str, Any]] = await self.call("load_markets")
        self.exchange.number = str
        return found

    async def call(self, method: str, *arguments: Any, **named: Any) -> Any:
        """What ``method`` of the exchange object answers; whether a repeat is safe depends on it (:data:`WRITES`).

        :raises ExchangeError: as :mod:`clients.ccxt.faults` says.
        """
        if self._is_closed:
            raise Retryable(self._venue, method, "this client was disconnected for good")
        work = partial(getattr(self.exchange, method), *arguments, **named)
        try:
            return await self._lane.send(lambda _: self._in_thread(work), self._surroundings.microseconds, URGENT.get(method, 0))
        except ExchangeError:
            raise
        except Exception as error:  # ccxt is a large place; whatever comes out of it has an outcome for us
            raise error_of(self._venue, method, error, method in WRITES) from error

    def _in_thread(self, work: Any) -> "Deferred[Any]":
        if self._is_closed:
            raise Retryable(self._venue, "call", "disconnected before it was sent")
        if not self._pool.started:
            self._pool.start()
        return deferToThreadPool(self._surroundings.reactor, self._pool, work)

    async def close(self) -> None:
        """Wait for the call under way, :data:`PATIENCE` at most, and end the thread. A repeat is safe."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._pool.started:
            await deferToThreadPool(self._surroundings.reactor, self._pool, self.exchange.close)
            self._pool.stop()


def _exchange(exchange_id: str, key: tuple[str, str], endpoint: str, options: Options) -> Any:
    exchange = getattr(ccxt, exchange_id)(
        {
            "apiKey": key[0],
            "secret": key[1],
            "password": options.passphrase,
            "uid": options.uid,
            "enableRateLimit": options.rate_limit,
            "timeout": int(PATIENCE * 1000),
            "options": {"defaultType": "spot", "maxRetriesOnFailure": 0},
        }
    )
    kinds = exchange.options.get("fetchMarkets")
    if isinstance(kinds, dict) and "types" in kinds:
        kinds["types"] = ["spot"]
    # A signed request goes to the address it was signed for or nowhere.
    exchange.session.max_redirects = 0
    if options.testnet:
        exchange.set_sandbox_mode(True)
    if endpoint:
        # A proxy of the environment's is for the world outside.
        exchange.session.trust_env = False
        exchange.urls["api"] = moved(exchange.urls["api"], endpoint)
    return exchange
