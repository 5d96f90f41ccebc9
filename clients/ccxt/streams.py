"""Order books as ccxt.pro streams them, in a thread with the event loop that it needs and the pool's reactor is not.

Only what is public is streamed: a second connection with our key would break the order of its nonces. A stream that fails is
begun anew with back-off; until it tells something again its book is looked at, as all are where ccxt.pro streams none.
"""

import asyncio
from collections.abc import Callable, Mapping
from threading import Thread
from typing import Any

import ccxt
import ccxt.pro
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from clients.backoff import Backoff
from clients.ccxt.addresses import moved
from clients.surroundings import Surroundings

#: Levels of each side; asked for where the exchange takes such a number.
DEPTH = 100
Rows = list[list[float]]


def offered(exchange_id: str) -> bool:
    """Whether ccxt.pro streams the books of this exchange."""
    if exchange_id not in ccxt.pro.exchanges:
        return False
    return bool(getattr(ccxt.pro, exchange_id)().has.get("watchOrderBook"))


class BookStreams:
    """``told(contract, bids, asks)`` is called in the reactor's thread with every change, best levels first."""

    log = Logger()

    def __init__(
        self, venue: str, exchange_id: str, endpoint: str, surroundings: Surroundings, told: Callable[[str, Rows, Rows], object]
    ) -> None:
        self._venue = venue
        self._exchange_id = exchange_id
        self._endpoint = endpoint
        self._surroundings = surroundings
        self._told = told
        self._loop: asyncio.AbstractEventLoop | None = None
        self._exchange: Any = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._followed: set[str] = set()
        self._ended: Deferred[None] = Deferred()

    def follow(self, contract: str, markets: Mapping[str, Any]) -> None:
        """Stream the book of ``contract`` from now on; ``markets``: as ccxt has loaded them. A repeat changes nothing."""
        if contract in self._followed:
            return
        self._followed.add(contract)
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            # A thread that hangs must not keep the process from ending.
            Thread(target=self._run, args=(self._loop, markets), daemon=True, name=f"ccxt-{self._exchange_id}-books").start()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._begin, contract)

    def close(self) -> "Deferred[None]":
        """End all streams and their thread; fires when that is done. Called once."""
        if self._loop is None or self._loop.is_closed():
            return succeed(None)
        self._loop.call_soon_threadsafe(self._end)
        return self._ended

    # In the thread

    def _run(self, loop: asyncio.AbstractEventLoop, markets: Mapping[str, Any]) -> None:
        asyncio.set_event_loop(loop)
        try:
            self._exchange = _exchange(self._exchange_id, self._endpoint, markets)
            loop.run_forever()
            loop.run_until_complete(self._hang_up())
        finally:
            loop.close()
            self._surroundings.reactor.callFromThread(self._ended.callback, None)

    def _begin(self, contract: str) -> None:
        task = asyncio.get_event_loop().create_task(self._watch(contract))
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # ccxt is a large place; from now on the book is looked at.
            self.log.failure("{venue}: a stream has ended", failure=Failure(error), venue=self._venue)

    def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        asyncio.get_event_loop().stop()

    async def _hang_up(self) -> None:
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._exchange.close()

    async def _watch(self, contract: str) -> None:
        backoff, depth = Backoff(self._surroundings.random), DEPTH
        while True:
            try:
                book = await self._exchange.watch_order_book(contract, depth or None)
            except ccxt.NotSupported as error:
                if not depth:
                    self._note("is not to be had", contract, error)
                    return
                depth = 0
            except ccxt.BaseError as error:
                self._note("has failed", contract, error)
                await asyncio.sleep(backoff.next_delay())
            else:
                backoff.reset()
                # Copied here: ccxt goes on changing its own.
                bids, asks = ([list(row[:2]) for row in book[side][:DEPTH]] for side in ("bids", "asks"))
                self._surroundings.reactor.callFromThread(self._told, contract, bids, asks)

    def _note(self, what: str, contract: str, error: Exception) -> None:
        words = "{venue}: the stream of {contract} {what}: {error}"
        self.log.warn(words, venue=self._venue, contract=contract, what=what, error=error)


def _exchange(exchange_id: str, endpoint: str, markets: Mapping[str, Any]) -> Any:
    exchange = getattr(ccxt.pro, exchange_id)({"options": {"defaultType": "spot"}})
    if endpoint:
        exchange.urls["api"] = moved(exchange.urls["api"], endpoint)
    # Asked for once already: one client's calls are one budget.
    exchange.set_markets(markets)
    return exchange
