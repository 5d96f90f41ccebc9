"""How fast the pool answers: from a book frame of the source to an order at the target, from a fill to its hedge.

``python -m bench.latency`` runs the venues here and the pool, ``python ilp.py`` as everybody runs it, in a process of its own,
over loopback sockets, with its ledger on disk, at 100 book updates a second. Both times of each pair are taken here, by one
clock, at the moment the venue has written the frame and the moment an order has reached its book; so both ways over the wire
are in them. The floor is an echo between the same two kinds of process. The venues answer at once: what a real one takes is
not ours to measure.

tick_to_cancel: from the frame that makes a quote dangerous to that quote being gone; tick_to_quote: to its replacement being
there, which leaves as soon as the cancel is confirmed; disk_flush: what one flush of the ledger takes on this machine;
fill_to_hedge_cpu: what the pool's threads computed in that time, whatever else they did in it included.
``--viewers 200``: all of it again while so many browsers look at the console, in turns, and the ratio of the two.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from statistics import quantiles
from typing import Any

import treq
from autobahn.twisted.websocket import (
    WebSocketClientFactory,
    WebSocketClientProtocol,
    WebSocketServerFactory,
    WebSocketServerProtocol,
)
from twisted.internet import reactor as process_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater, react
from twisted.web.http_headers import Headers

from bench.processes import Child
from model.order import Side
from sandbox.events import Change, Event, OrderChanged
from sandbox.service import SPUTNIK_PASSWORD, USER, Sandbox
from sandbox.sputnik_feeds import Pace
from sandbox.sputnik_front import SputnikFront
from sandbox.sputnik_server import SputnikOptions
from tests.whole.running import EXAMPLE, edited

D = Decimal
MAKER, RIVAL, CUSTOMER = "maker of BTC/USD", "maker of BTC/HUF", "customer-1"
PRICE = D(65_000)
#: Book updates a second, and the share by which the price jumps where a quote has to move.
UPDATES, JUMP = 100, D("0.004")
#: Seconds between two things that are measured: the pool has long come to rest by then.
REST = 0.35
#: How often the comparison with viewers changes between the two.
TURNS = 4
LOGIN = "operator / heron-copper-41-quay"
ASKING = Headers({"X-Requested-With": ["bench"]})
WORLD: Mapping[str, str] = {"clock": "paused", "customers_per_day": "0", "trades_per_day": "0"}
CHANGES: Mapping[str, str] = {
    "trader.hedge": "immediate",
    "limits.transfers": "off",
    "limits.max_orders_per_minute": "100000",
    "webserver.port": "0",
    "users.operator": LOGIN.partition(" / ")[2],
}


class TimedFront(SputnikFront):
    """Tells when an event of ours has been written."""

    wrote: Callable[[str], None] = staticmethod(lambda _topic: None)

    def _publish(self, topic: str, event: object) -> None:
        super()._publish(topic, event)
        self.wrote(topic)


class Venues:
    """The sandbox, a source price that the bench moves, and a stopwatch on our orders."""

    def __init__(self, reactor: Any) -> None:
        def now() -> datetime:
            return datetime.now(UTC)

        self._reactor = reactor
        self.sandbox = Sandbox(WORLD, reactor, now)
        self.source, self.target = self.sandbox.world.venues["kraken"], self.sandbox.world.venues["sputnik"]
        users, options = {USER: SPUTNIK_PASSWORD}, SputnikOptions(pace=Pace().scaled(0))
        self.front = TimedFront(self.target, users, self.sandbox.faults, reactor, now, options)
        self.sandbox._fronts["sputnik"] = self.front  # the sandbox's own has the pace of the original
        self._price = PRICE
        self._noise = 0
        self._updates = LoopingCall(self._update)

    async def start(self) -> None:
        """Open the venues, with a book that is updated from now on."""
        await self.sandbox.start()
        self.target.cancel_all(RIVAL)
        self.move(PRICE)
        self._updates.start(1 / UPDATES).addErrback(lambda failure: failure.printTraceback())

    async def stop(self) -> None:
        """Close everything."""
        self._updates.stop()
        await self.sandbox.stop()

    def move(self, price: Decimal) -> None:
        """Have the source's book around ``price``: ten levels a side."""
        self._price = price
        with self.source.together():
            self.source.cancel_all(MAKER)
            for side in Side:
                for level in range(1, 11):
                    self.source.place(MAKER, "BTC/USD", side, D(1), (price - side.sign * level * 5).quantize(D("0.1")))

    def _update(self) -> None:
        """A new deep level: a frame that changes no price of ours."""
        self._noise = self._noise % 50 + 1
        with self.source.together():
            for order in self.source.open_orders(MAKER)[20:]:
                self.source.cancel(MAKER, order.id)
            deep = (self._price * D("0.98") - self._noise).quantize(D("0.1"))
            self.source.place(MAKER, "BTC/USD", Side.BUY, D(1), deep)

    async def quoted(self) -> None:
        """Wait until the pool has one order on each side."""
        while {order.side for order in self.target.open_orders(USER)} != set(Side):
            await deferLater(self._reactor, 0.01, lambda: None)

    async def ticks(self, count: int) -> tuple[list[float], list[float]]:
        """Jump ``count`` times: milliseconds to the first cancel, and to the first new order."""
        cancels, quotes = [], []
        for _ in range(count):
            await self.quoted()
            cancelled, placed = self._next(self.target, Change.CANCELLED), self._next(self.target, Change.NEW)
            self.move(PRICE * (1 + JUMP) if self._price == PRICE else PRICE)
            began = time.perf_counter()
            cancels.append(1e3 * (await cancelled - began))
            quotes.append(1e3 * (await placed - began))
            await deferLater(self._reactor, REST, lambda: None)
        return cancels, quotes

    async def fills(self, count: int, pid: int) -> tuple[list[float], list[float]]:
        """Trade with the pool's quotes ``count`` times: milliseconds from the fill's last frame to the hedge's arrival, and
        those of the process ``pid`` on a processor meanwhile."""
        found, computed = [], []
        for number in range(count):
            await self.quoted()
            written: list[float] = []
            self.front.wrote = lambda topic, written=written: written.append(time.perf_counter()) if "fills" in topic else None  # type: ignore[misc]
            hedged = self._next(self.source, Change.NEW)
            side = (Side.SELL, Side.BUY)[number % 2]
            before = on_processor(pid)
            self.target.place(CUSTOMER, "BTC/HUF", side, D("0.01"))
            at = await hedged
            computed.append(on_processor(pid) - before)
            found.append(1e3 * (at - written[0]))
            await deferLater(self._reactor, REST, lambda: None)
        return found, computed

    @staticmethod
    def _next(venue: Any, change: Change) -> "Deferred[float]":
        """Fires with the time at which the next order of ours has ``change``d."""
        found: Deferred[float] = Deferred()

        def hear(event: Event) -> None:
            if isinstance(event, OrderChanged) and event.order.user == USER and event.change is change:
                unlisten()
                found.callback(time.perf_counter())

        unlisten = venue.listen(hear)
        return found


async def floor(reactor: Any, lost: Callable[[], object], count: int) -> list[float]:
    """Milliseconds that a book-sized frame takes to another process and back, 100 times a second."""
    answers: list[Deferred[float]] = []
    opened: Deferred[Any] = Deferred()

    class Peer(WebSocketServerProtocol):
        def onOpen(self) -> None:
            opened.callback(self)

        def onMessage(self, _payload: bytes, _is_binary: bool) -> None:
            answers.pop().callback(time.perf_counter())

    factory: Any = WebSocketServerFactory(reactor=reactor)
    factory.protocol = Peer
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    child = Child(reactor, lost, "-m", "bench.latency", "--echo", str(port.getHost().port))
    peer = await opened
    found = []
    for _ in range(count):
        answer: Deferred[float] = Deferred()
        answers.append(answer)
        began = time.perf_counter()
        peer.sendMessage(b"x" * 1500)  # as long as a book update
        found.append(1e3 * (await answer - began))
        await deferLater(reactor, 1 / UPDATES, lambda: None)
    await child.end()
    await port.stopListening()
    return found


def echo(port: int) -> None:
    """Be the other end of :func:`floor`."""
    reactor: Any = process_reactor

    class Peer(WebSocketClientProtocol):
        def onMessage(self, payload: bytes, is_binary: bool) -> None:
            self.sendMessage(payload, is_binary)  # type: ignore[no-untyped-call]

    factory: Any = WebSocketClientFactory(f"ws://127.0.0.1:{port}", reactor=reactor)
    factory.protocol = Peer
    reactor.connectTCP("127.0.0.1", port, factory)
    reactor.run()


class Pool:
    """The pool on these venues: ``python ilp.py``."""

    def __init__(self, folder: Path, sandbox: Sandbox, reactor: Any, lost: Callable[[], object]) -> None:
        text, _, _ = EXAMPLE.read_text(encoding="utf-8").partition("# The simulated exchanges, started inside")
        config = folder / "pool.ini"
        config.write_text(edited(text, {**CHANGES, **self._places(folder, sandbox)}), encoding="utf-8")
        config.chmod(0o600)
        self.process = Child(reactor, lost, "ilp.py", "--config", str(config))
        self.url = ""
        self._reactor = reactor
        self._lost = lost

    @staticmethod
    def _places(folder: Path, sandbox: Sandbox) -> dict[str, str]:
        found = {"ledger.url": f"sqlite:///{folder}/ledger.sqlite", "fiat_connection.endpoint": sandbox.endpoints["ecb"]}
        for place, venue in (("source", "kraken"), ("target", "sputnik")):
            id, secret = sandbox.credentials[venue]
            wanted = {"endpoint": sandbox.endpoints[venue], "id": id, "secret": secret}
            found |= {f"{place}_connection.{key}": value for key, value in wanted.items()}
        return found

    async def start(self) -> None:
        """START, as soon as it is READY."""
        self.url = await self.process.said(r"console: (http://\S+?)/?$")
        name, _, password = LOGIN.partition(" / ")
        code = 0
        while code != 200:
            await deferLater(self._reactor, 0.2)
            answer = await treq.post(
                f"{self.url}/api/start", auth=(name, password), headers=Headers({"X-Requested-With": ["bench"]})
            )
            await answer.content()
            code = answer.code

    async def viewed_by(self, count: int) -> Child:
        """So many browsers look at its console, until the child that they are is ended."""
        viewers = Child(self._reactor, self._lost, "-m", "bench.viewers", self.url, LOGIN, str(count))
        await viewers.said("^(watching)$")
        return viewers


def on_processor(pid: int) -> float:
    """Milliseconds that all threads of a process have run so far (Linux, proc_pid_schedstat(5))."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e6


def flush(folder: Path, count: int) -> list[float]:
    """Milliseconds that one page takes to the disk."""
    found = []
    with (folder / "page").open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fsync(file.fileno())
            found.append(1e3 * (time.perf_counter() - began))
    return found


async def measure(reactor: Any, lost: Callable[[], object], count: int, viewers: int) -> None:
    """All of it, printed."""
    least = _middle(await floor(reactor, lost, 300))
    with tempfile.TemporaryDirectory() as name:
        print(_line("disk_flush_ms", flush(Path(name), 100)))
        venues = Venues(reactor)
        await venues.start()
        pool = Pool(Path(name), venues.sandbox, reactor, lost)
        await pool.start()
        await venues.ticks(5)  # everything is slow the first time
        cancels, quotes = await venues.ticks(count)
        hedges, computed = await venues.fills(count, pool.process.pid)
        for what, found in (("tick_to_cancel_ms", cancels), ("tick_to_quote_ms", quotes), ("fill_to_hedge_ms", hedges)):
            print(f"{_line(what, found)} floor {least:.1f}", flush=True)
        print(_line("fill_to_hedge_cpu_ms", computed), flush=True)
        if viewers:
            await compare(venues, pool, count, viewers)
        await pool.process.end()
        await venues.stop()


async def compare(venues: Venues, pool: Pool, count: int, viewers: int) -> None:
    """The same ticks without and with viewers, in turns, so that a busy minute of the machine hits both."""
    alone: list[float] = []
    watched: list[float] = []
    for _ in range(TURNS):
        alone += (await venues.ticks(count // TURNS))[1]
        browsers = await pool.viewed_by(viewers)
        watched += (await venues.ticks(count // TURNS))[1]
        await browsers.end()
    print(_line("tick_to_quote_ms, nobody looking", alone))
    print(_line(f"tick_to_quote_ms, {viewers} viewers", watched))
    ratios = [b / a for a, b in zip(_cuts(alone), _cuts(watched), strict=True)]
    print(f"viewers_ratio: p50 {ratios[49]:.2f} p99 {ratios[98]:.2f}")


def _line(what: str, found: Iterable[float]) -> str:
    cuts = _cuts(found)
    return f"{what}: p50 {cuts[49]:.1f} p99 {cuts[98]:.1f}"


def _cuts(found: Iterable[float]) -> list[float]:
    return quantiles(found, n=100)


def _middle(found: list[float]) -> float:
    return quantiles(found, n=2)[0]


def main() -> None:
    """Measure and print; or be one of the other processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=60, help="how many times each thing is measured")
    parser.add_argument("--echo", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--viewers", type=int, default=0, help="how many browsers look at the console in a second part")
    options = parser.parse_args()
    if options.echo:
        echo(options.echo)
        return

    def run(reactor: Any) -> "Deferred[None]":
        work: Deferred[None] = Deferred()

        def lost() -> None:
            work.cancel()

        work = Deferred.fromCoroutine(measure(reactor, lost, options.count, options.viewers))
        return work

    react(run)


if __name__ == "__main__":
    main()
