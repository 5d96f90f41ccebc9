"""``python ilp.py watchdog``: a process of its own that cancels the pool's orders when the pool is dead.

It feels the pool's heartbeat. When that has been missing for too long it asks both venues for the open orders and cancels
those that are the pool's: by the owner tag in the client id, else by the ledger, which it only reads. Nobody else's order is
touched. It looks again as long as the pool is dead, as a request may still have been on its way.
"""

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from twisted.internet import reactor as process_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from clients.errors import ExchangeError
from clients.interface import IExchangeClient, returns_deferred
from clients.surroundings import Surroundings
from execution.intents import Names
from execution.rim import launch
from ledger.interface import LedgerError
from ledger.reading import SqlHistory
from model.notice import Notify, Severity
from model.order import Order
from model.records import IntentRecord
from model.transfer import Place
from runtime import registry, wiring
from runtime.config_values import Config, Dog
from runtime.heartbeat import Pulse
from runtime.options import Options
from runtime.printing import say
from runtime.problems import CannotStart
from runtime.service import until_stopped

#: Our newest orders that are read from the ledger.
MOST_INTENTS = 5_000
#: So long one venue may take to be connected to, and to answer one question, in seconds.
PATIENCE = 15.0

Clients = Callable[[], Mapping[Place, IExchangeClient]]
Known = Callable[[], "Deferred[list[IntentRecord]]"]


def is_ours(order: Order, names: Names, known: list[IntentRecord]) -> bool:
    """Whether an open order is the pool's: by its tag, by its id in the ledger; and where the venue carries no tag and the
    pool died before it heard the id, by being exactly an order that the ledger does not know the end of."""
    if order.client_id:
        return names.is_ours(order.client_id)
    if any(record.order_id == order.id for record in known):
        return True
    wanted = (order.contract, order.side, order.price, order.quantity)
    unheard = (r.intent for r in known if r.order_id is None and not r.state.is_final)
    return any((i.contract, i.side, i.price, i.quantity) == wanted for i in unheard)


class Watchdog:
    """``pulse`` feels the pool, ``clients`` makes new clients for both venues, ``known`` reads the ledger."""

    log = Logger()

    def __init__(
        self, pulse: Pulse, limit: Decimal, clients: Clients, known: Known, names: Names, clock: Any, notify: Notify
    ) -> None:
        self._pulse = pulse
        self._limit = float(limit)
        self._clients = clients
        self._known = known
        self._names = names
        self._clock = clock
        self._notify = notify
        self._heard = clock.seconds()
        self._swept: float | None = None
        self._loop = LoopingCall(self.look)
        self._loop.clock = clock

    def start(self) -> None:
        """Begin: the pool has ``limit`` seconds from now to be heard."""
        self._heard = self._clock.seconds()
        launch(self.log, "watching", self._watch())

    async def _watch(self) -> None:
        await self._loop.start(max(0.5, self._limit / 5))

    def stop(self) -> None:
        """End. Safe to repeat."""
        if self._loop.running:
            self._loop.stop()

    @returns_deferred
    async def look(self) -> None:
        """Feel the pulse; act if it has been missing for too long."""
        if await self._pulse.beats():
            if self._swept is not None:
                self._tell("the pool's heartbeat is back", "info")
            self._heard, self._swept = self._clock.seconds(), None
            return
        now = self._clock.seconds()
        if now - self._heard <= self._limit or (self._swept is not None and now - self._swept < self._limit):
            return
        if self._swept is None:
            self._tell(f"no heartbeat of the pool for {now - self._heard:.0f} s: cancelling its orders")
        if await self.sweep():
            self._swept = self._clock.seconds()

    async def sweep(self) -> bool:
        """Cancel all that is the pool's at both venues; whether nothing of it is left, by the venues' own word."""
        known = await self._read_ledger()
        is_clean = True
        for place, client in self._clients().items():
            mine = [record for record in known if record.intent.place == place]
            try:
                await client.connect().addTimeout(PATIENCE, self._clock)
                cancelled, left = await self._cancel(client, mine)
            except (ExchangeError, NotImplementedError, ValueError, TimeoutError) as trouble:
                self._tell(f"the {place} cannot be asked, and orders may be out: {str(trouble) or 'no answer'}")
                is_clean = False
                continue
            finally:
                await self._disconnect(client)
            is_clean = is_clean and not left
            if cancelled or left:
                self._tell(f"{cancelled} orders of the pool cancelled at the {place}, {left} left")
        return is_clean

    async def _read_ledger(self) -> list[IntentRecord]:
        try:
            return await self._known()
        except LedgerError as trouble:
            self._tell(f"the ledger cannot be read, so orders are told by their tag alone: {trouble}")
            return []

    async def _cancel(self, client: IExchangeClient, known: list[IntentRecord]) -> tuple[int, int]:
        """How many were cancelled, and how many the venue still shows after it."""
        before = await self._ours(client, known)
        for order in before:
            try:
                await client.cancelOrder(order.id).addTimeout(PATIENCE, self._clock)
            except (ExchangeError, TimeoutError) as trouble:
                self.log.warn("order {id}: {trouble}", id=order.id, trouble=str(trouble) or "no answer")
        left = await self._ours(client, known) if before else []
        return len(before) - len(left), len(left)

    async def _ours(self, client: IExchangeClient, known: list[IntentRecord]) -> list[Order]:
        shapes = await client.getOpenOrders().addTimeout(PATIENCE, self._clock)
        return [order for shape in shapes.values() if is_ours(order := Order.from_shape(shape), self._names, known)]

    async def _disconnect(self, client: IExchangeClient) -> None:
        try:
            await client.disconnect().addTimeout(PATIENCE, self._clock)
        except (ExchangeError, NotImplementedError, TimeoutError) as trouble:
            self.log.warn("not closed: {trouble}", trouble=str(trouble))

    def _tell(self, sentence: str, severity: Severity | None = None) -> None:
        self.log.warn("{sentence}", sentence=sentence)
        self._notify("watchdog", sentence, severity)


def run(config: Config, options: Options) -> int:
    """Watch until told to stop; 0 after a clean stop. With --json what it does is printed too, an object a line.

    :raises CannotStart: there is nothing to watch.
    """
    dog = config.watchdog
    if dog is None:
        raise CannotStart("the built-in sandbox dies with the pool, and its orders with it: there is nothing to watch")
    surroundings = Surroundings(process_reactor)
    notifier = wiring.notifier(config, surroundings)
    history = SqlHistory(config.ledger_url, surroundings.reactor)

    def tell(kind: str, sentence: str, severity: Severity | None = None) -> None:
        notifier.notify(kind, sentence, severity)
        if options.json:
            say(_line(surroundings, sentence))

    watchdog = Watchdog(
        Pulse(dog.heartbeat, surroundings.reactor),
        dog.limit,
        lambda: _clients(config, dog, surroundings),
        lambda: history.intents((), MOST_INTENTS),
        Names(config.tag, surroundings.microseconds),
        surroundings.reactor,
        tell,
    )

    async def start() -> None:
        history.open()
        watchdog.start()
        begun = f"watching {dog.heartbeat}: orders are cancelled after {dog.limit} s without a heartbeat"
        say(_line(surroundings, begun) if options.json else begun)

    async def stop() -> None:
        watchdog.stop()
        notifier.close()
        await history.close()

    return until_stopped(start, stop)


def _line(surroundings: Surroundings, text: str) -> str:
    return json.dumps({"time": surroundings.now().isoformat(), "text": text})


def _clients(config: Config, dog: Dog, surroundings: Surroundings) -> Mapping[Place, IExchangeClient]:
    return {
        "source": registry.construct(config.modules.source, dog.source, surroundings),
        "target": registry.construct(config.modules.target, dog.target, surroundings),
    }
