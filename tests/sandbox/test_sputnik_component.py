"""The Sputnik procedures behind a router that is not ours.

The whole way through Crossbar needs it in a virtual environment of its own (docs/crossbar.md): set ``CROSSBAR`` to its
executable, or the test is skipped.
"""

import json
import os
import subprocess
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.error import ConnectError
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from clients.sputnik import Sputnik
from clients.surroundings import Surroundings
from sandbox.sputnik_component import SputnikComponent, connect, still_world
from tests.sandbox.wamp_visitors import Visitor, visit

CONFIG = Path(__file__).parent / "crossbar" / "config.json"
USER = "ilp_target"


def own(feed: str, user: str = USER) -> str:
    """The topic of a user's feed."""
    return f"feeds.user.{feed}.{sha256(user.encode()).hexdigest()}"


def make_component(clock: Any) -> SputnikComponent:
    """A component for the configuration beside this test."""
    return SputnikComponent(still_world([USER], lambda: datetime.now(UTC)), [USER], clock, "backend")


class ComponentTests(SynchronousTestCase):
    def test_only_this_machine(self) -> None:
        """Play money is not offered to a router elsewhere."""
        joining = connect(Clock(), "ws://router.example:8480/ws", make_component(Clock()))
        self.failureResultOf(joining, ValueError)

    def test_the_authorizer_knows_the_permissions(self) -> None:
        """Calls and subscriptions as at our own router; registering and publishing never."""
        component = make_component(Clock())
        user = {"authid": USER, "authrole": "user", "authmethod": "wampcra"}
        visitor = {"authid": "a-b-c", "authrole": "anonymous", "authmethod": "anonymous"}
        for who, uri, action, allowed in (
            (user, "rpc.trader.place_order", "call", True),
            (visitor, "rpc.trader.place_order", "call", False),
            (visitor, "rpc.market.get_markets", "call", True),
            (user, own("orders"), "subscribe", True),
            (user, own("orders", "other"), "subscribe", False),
            (visitor, "feeds.market.book.btc_huf", "subscribe", True),
            (user, "feeds.market.book.btc_huf", "publish", False),
            (user, "rpc.trader.place_order", "register", False),
        ):
            self.assertIs(component._authorize(who, uri, action, {})["allow"], allowed, (who, uri, action))


@pytest.mark.slow
class CrossbarTests(TestCase):
    timeout = 60

    async def setUp(self) -> None:  # type: ignore[override]
        crossbar = os.environ.get("CROSSBAR", "")
        if not crossbar:
            raise SkipTest("CROSSBAR does not name a crossbar executable")
        node = tempfile.TemporaryDirectory(prefix="crossbar-")
        self.addCleanup(node.cleanup)
        config = json.loads(CONFIG.read_text())
        self.port: int = config["workers"][0]["transports"][0]["endpoint"]["port"]
        Path(node.name, "config.json").write_text(json.dumps(config))
        with Path(node.name, "log").open("wb") as log:
            self.router = subprocess.Popen([crossbar, "start", "--cbdir", node.name], stdout=log, stderr=log)
        self.addCleanup(self._stop_router)
        self.component = await self._join()

    async def _stop_router(self) -> None:
        self.router.terminate()
        while self.router.poll() is None:
            await deferLater(reactor, 0.05)

    async def _join(self) -> SputnikComponent:
        """The router takes some seconds to open its port."""
        while True:
            component = make_component(reactor)
            try:
                await connect(reactor, f"ws://127.0.0.1:{self.port}/ws", component)
            except ConnectError:
                await deferLater(reactor, 0.2)
            else:
                return component

    async def test_a_client_trades_through_crossbar(self) -> None:
        """Login, own feeds, a match, its events in the right order, and the router's refusals."""
        visitor, heard = Visitor(), []
        details = await visit(reactor, self.port, visitor)
        self.assertEqual((details.authid, details.authrole, details.authmethod), (USER, "user", "wampcra"))
        for feed in ("orders", "fills", "transactions"):
            await visitor.subscribe(lambda _event, feed=feed: heard.append(feed), own(feed))
        markets = await visitor.call("rpc.market.get_markets")
        self.assertEqual(set(markets["result"]), {"BTC", "HUF", "BTC/HUF"})
        order = {"contract": "BTC/HUF", "price": 2_410_000_000, "quantity": 1_000_000, "side": "BUY"}
        self.assertTrue((await visitor.call("rpc.trader.place_order", order))["success"])
        while "fills" not in heard:
            await deferLater(reactor, 0.02)
        self.assertEqual(heard, ["orders", "transactions", "transactions", "transactions", "orders", "fills"])
        for forbidden in (own("orders", "other"), "other.x"):
            with self.assertRaisesRegex(Exception, "not_authorized"):
                await visitor.subscribe(heard.append, forbidden)
        visitor.leave()
        await visitor.left
        self.component.leave()
        await self.component.gone

    async def test_the_pools_own_client_trades_through_crossbar(self) -> None:
        """Connect, look, place, get filled, cancel: the client of the pool needs no router of ours."""
        client = Sputnik(USER, "ilp", f"ws://127.0.0.1:{self.port}/ws", surroundings=Surroundings(reactor))
        fills: list[Any] = []
        client.on("trade", lambda _client, fill: fills.append(fill))
        await client.connect()
        book = await client.getOrderBook("BTC/HUF")
        best = book["asks"][0]["price"]
        taken = await client.placeOrder("BTC/HUF", Decimal("0.01"), best, "BUY")
        resting = await client.placeOrder("BTC/HUF", Decimal("0.01"), book["bids"][-1]["price"], "BUY")
        while not fills:
            await deferLater(reactor, 0.02)
        self.assertEqual((fills[0]["order_id"], fills[0]["price"], fills[0]["quantity"]), (taken, best, Decimal("0.01")))
        self.assertEqual(list(await client.getOpenOrders()), [resting])
        self.assertIs(await client.cancelOrder(resting), True)
        await client.disconnect()
        self.component.leave()
        await self.component.gone
