"""When the watchdog acts, and on what."""

import os
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor as process_reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.pages import notFound
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.static import Data

from clients.errors import Retryable
from execution.intents import Names
from ledger.interface import LedgerError
from model.order import Order, Side
from model.records import IntentRecord, IntentState, OrderIntent
from runtime.heartbeat import Heartbeat, Pulse
from runtime.watchdog import Watchdog, is_ours
from tests.execution.support import order_shape
from tests.ledger.folders import new_folder

D = Decimal
LIMIT = 10
INTENT = OrderIntent("ilp-1", "target", "BTC/HUF", Side.BUY, D(60000), D("0.10"), "quote", 1)


class IsOursTests(SynchronousTestCase):
    """By tag, by id, by what it is."""

    def is_ours(self, client_id: str | None, *known: IntentRecord, id: str = "7") -> bool:
        return is_ours(Order.from_shape(order_shape(id, "0.10", client_id=client_id)), Names("ilp", lambda: 0), list(known))

    def test_by_tag(self) -> None:
        """Where the venue carries one it decides, whatever the ledger says."""
        self.assertTrue(self.is_ours("ilp-xyz"))
        self.assertFalse(self.is_ours("other-1", IntentRecord(INTENT, IntentState.INTENDED)))

    def test_by_the_ledger(self) -> None:
        """Without a tag: the id of an order that we placed, whatever we thought had become of it."""
        self.assertFalse(self.is_ours(None))
        self.assertTrue(self.is_ours(None, IntentRecord(INTENT, IntentState.CLOSED, "7")))
        self.assertFalse(self.is_ours(None, IntentRecord(INTENT, IntentState.OPEN, "8")))

    def test_by_what_it_is(self) -> None:
        """The pool died before it heard the id: exactly that order, and no other."""
        self.assertTrue(self.is_ours(None, IntentRecord(INTENT, IntentState.INTENDED)))
        self.assertFalse(self.is_ours(None, IntentRecord(INTENT, IntentState.REFUSED)))
        self.assertFalse(self.is_ours(None, IntentRecord(attrs.evolve(INTENT, price=D(60001)), IntentState.UNKNOWN)))


class FakeClient:
    """Has open orders; cancelling takes one away, unless it is stubborn."""

    def __init__(self, *client_ids: str) -> None:
        self.orders = {str(n): order_shape(str(n), "0.10", client_id=id) for n, id in enumerate(client_ids)}
        self.trouble: Exception | None = None
        self.is_stubborn = False
        self.connections = 0

    def connect(self) -> "Deferred[None]":
        self.connections += 1
        return fail(self.trouble) if self.trouble else succeed(None)

    def disconnect(self) -> "Deferred[None]":
        self.connections -= 1
        return succeed(None)

    def getOpenOrders(self) -> "Deferred[Mapping[str, Any]]":
        return succeed(dict(self.orders))

    def cancelOrder(self, id: str) -> "Deferred[bool]":
        if not self.is_stubborn:
            del self.orders[id]
        return succeed(True)


class FakePulse:
    """Beats while ``is_beating``."""

    is_beating = True

    async def beats(self) -> bool:
        return self.is_beating


class WatchdogTests(SynchronousTestCase):
    """On a clock, with two venues."""

    def setUp(self) -> None:
        self.clock, self.pulse = Clock(), FakePulse()
        self.source, self.target = FakeClient("ilp-1", "mine-by-hand"), FakeClient("ilp-2", "ilp-3")
        self.told: list[str] = []
        self.ledger: Deferred[list[IntentRecord]] | None = None
        clients: Any = {"source": self.source, "target": self.target}
        pulse: Any = self.pulse
        self.dog = Watchdog(
            pulse,
            D(LIMIT),
            lambda: clients,
            lambda: succeed([]) if self.ledger is None else self.ledger,
            Names("ilp", lambda: 0),
            self.clock,
            lambda _kind, sentence, *_: self.told.append(sentence),
        )
        self.dog.start()
        self.addCleanup(self.dog.stop)

    def left(self) -> list[str | None]:
        return [order.get("client_id") for client in (self.source, self.target) for order in client.orders.values()]

    def test_a_pool_that_lives(self) -> None:
        """Nothing is asked of any venue."""
        self.clock.pump([1] * 100)
        self.assertEqual((len(self.left()), self.told), (4, []))

    def test_a_pool_that_dies(self) -> None:
        """After the limit, not before, all of its orders go and nobody else's; the connections are closed again."""
        self.clock.pump([1] * 20)
        self.pulse.is_beating = False
        self.clock.pump([1] * LIMIT)
        self.assertEqual(len(self.left()), 4)
        self.clock.pump([1] * 3)
        self.assertEqual((self.left(), self.source.connections, self.target.connections), (["mine-by-hand"], 0, 0))
        self.assertIn("2 orders of the pool cancelled at the target, 0 left", self.told)

    def test_an_order_that_comes_late(self) -> None:
        """While the pool is dead it is looked again: a request may still have been on its way."""
        self.pulse.is_beating = False
        self.clock.pump([1] * 20)
        self.target.orders["9"] = order_shape("9", "0.10", client_id="ilp-9")
        self.clock.pump([1] * 20)
        self.assertEqual(self.left(), ["mine-by-hand"])

    def test_a_venue_that_cannot_be_asked(self) -> None:
        """The other one is cleared at once, this one as soon as it answers."""
        self.source.trouble = Retryable("source", "connect", "no route")
        self.pulse.is_beating = False
        self.clock.pump([1] * 15)
        self.assertEqual(self.left(), ["ilp-1", "mine-by-hand"])
        self.assertTrue(any("the source cannot be asked" in sentence for sentence in self.told))
        self.source.trouble = None
        self.clock.pump([1] * 5)
        self.assertEqual(self.left(), ["mine-by-hand"])

    def test_orders_that_will_not_go(self) -> None:
        """Told, and tried again at the next look."""
        self.target.is_stubborn = True
        self.pulse.is_beating = False
        self.clock.pump([1] * 15)
        self.assertIn("0 orders of the pool cancelled at the target, 2 left", self.told)
        self.target.is_stubborn = False
        self.clock.pump([1] * 5)
        self.assertEqual(self.left(), ["mine-by-hand"])

    def test_without_the_ledger(self) -> None:
        """A ledger that cannot be read is told; what carries the tag is cancelled all the same."""
        self.ledger = fail(LedgerError("gone"))
        self.pulse.is_beating = False
        self.clock.pump([1] * 15)
        self.assertEqual(self.left(), ["mine-by-hand"])
        self.assertTrue(any("cannot be read" in sentence for sentence in self.told))

    def test_back_again(self) -> None:
        """The heartbeat returns: told once, and nothing more is cancelled."""
        self.pulse.is_beating = False
        self.clock.pump([1] * 15)
        self.pulse.is_beating = True
        self.clock.pump([1] * 5)
        self.target.orders["9"] = order_shape("9", "0.10", client_id="ilp-9")
        self.clock.pump([1] * 40)
        self.assertEqual((self.told[-1], self.left()), ("the pool's heartbeat is back", ["mine-by-hand", "ilp-9"]))


class HeartbeatTests(SynchronousTestCase):
    """A file between two processes."""

    def test_beats(self) -> None:
        """Felt while it is touched, and not when it is not; a file that was left behind by a dead pool beats no more."""
        path, clock = new_folder(self) / "var" / "heart", Clock()
        pulse = Pulse(str(path), clock)
        self.assertFalse(self.felt(pulse))
        heartbeat = Heartbeat(path, clock)
        heartbeat.start()
        self.assertFalse(self.felt(pulse))
        self.age(path)
        clock.advance(1)
        self.assertTrue(self.felt(pulse))
        heartbeat.close()
        clock.advance(5)
        self.assertFalse(self.felt(pulse))

    def felt(self, pulse: Pulse) -> bool:
        return self.successResultOf(Deferred.fromCoroutine(pulse.beats()))

    def age(self, path: Path) -> None:
        """Make the file older than the clock's step, so that the next touch shows."""
        os.utime(path, (1, 1))


class UrlPulseTests(TestCase):
    """The pool's own /healthz, over a real socket."""

    async def test_answers(self) -> None:
        """It beats while the URL answers 200; not for another answer, and not when nobody is there."""
        reactor: Any = process_reactor
        root = Resource()
        root.putChild(b"healthz", Data(b"{}", "application/json"))
        root.putChild(b"other", notFound())
        port = reactor.listenTCP(0, Site(root), interface="127.0.0.1")
        address = f"http://127.0.0.1:{port.getHost().port}"
        self.assertTrue(await Pulse(f"{address}/healthz", reactor).beats())
        self.assertFalse(await Pulse(f"{address}/other", reactor).beats())
        await deferLater(reactor, 0.1, lambda: None)
        await port.stopListening()
        self.assertFalse(await Pulse(f"{address}/healthz", reactor).beats())
