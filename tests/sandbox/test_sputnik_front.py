"""The front over real loopback sockets: who may do what, the feeds of a user, and how connections fail."""

from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from sandbox.faults import Faults, Kind
from sandbox.sputnik_feeds import Pace
from sandbox.sputnik_front import SputnikFront
from sandbox.sputnik_server import SputnikOptions
from tests.sandbox.sputnik_world import USERS, make_venue
from tests.sandbox.wamp_visitors import LEGACY_ROLES, FrameClient, Visitor, frame_client, visit

ORDER = {"contract": "BTC/HUF", "price": 5_000_000, "quantity": 1_000_000, "side": "BUY"}


def _now() -> datetime:
    return datetime.now(UTC)


def feed(name: str, user: str = "ilp_target") -> str:
    """The topic of a user's feed."""
    return f"feeds.user.{name}.{sha256(user.encode()).hexdigest()}"


class FrontTestCase(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.venue = make_venue(_now)
        self.faults = Faults()
        options = SputnikOptions(pace=Pace().scaled(0.2))
        self.front = SputnikFront(self.venue, USERS, self.faults, reactor, _now, options)
        self.port = await self.front.listen()
        self.clients: list[FrameClient] = []
        self.addCleanup(self._stop)

    async def _stop(self) -> None:
        await self.front.stop()
        for client in self.clients:
            await client.closed

    async def client(self) -> FrameClient:
        """A connected client that has not said HELLO."""
        client: FrameClient = await frame_client(reactor, self.port)
        self.clients.append(client)
        return client

    async def user(self, name: str = "ilp_target") -> FrameClient:
        """A client that is logged in."""
        client = await self.client()
        assert (await client.join(name, USERS[name]))[0] == 2
        return client

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait, but not for ever; the test's own time-out ends it."""
        while not condition():
            await deferLater(reactor, 0.005)


class PermissionTests(FrontTestCase):
    async def test_anonymous_looks_only(self) -> None:
        """Markets and info for all; trading, tokens and private feeds for users."""
        client = await self.client()
        client.say(1, "sputnik", {"roles": LEGACY_ROLES, "authmethods": ["anonymous"]})
        await client.next()
        self.assertTrue((await client.call("rpc.market.get_markets"))["success"])
        self.assertTrue((await client.call("rpc.info.get_exchange_info"))["success"])
        refused = await client.call("rpc.trader.get_positions")
        self.assertEqual(
            refused[4:], ["wamp.error.not_authorized", ["session is not authorized to call procedure 'rpc.trader.get_positions'"]]
        )
        await client.subscribe("feeds.market.book.btc_huf")
        client.say(32, 1, {}, feed("orders", "anonymous"))
        self.assertEqual((await client.next())[4], "wamp.error.not_authorized")

    async def test_a_user_hears_its_own_feeds_only(self) -> None:
        """Another's hash, and feeds that do not exist, are refused."""
        client = await self.user()
        for name in ("orders", "fills", "transactions"):
            await client.subscribe(feed(name))
        for topic in (feed("orders", "marketmaker"), feed("secrets"), "other.x"):
            client.say(32, 1, {}, topic)
            self.assertEqual((await client.next())[4], "wamp.error.not_authorized")


class TradingTests(FrontTestCase):
    async def test_autobahns_session_trades_and_hears(self) -> None:
        """The library the pool's client is built on: book, place, fill, cancel, history, all over the wire."""
        heard: dict[str, list[Any]] = {"book": [], "orders": [], "fills": [], "transactions": []}
        pool, maker = Visitor(), Visitor()
        maker.authid, maker.password = "marketmaker", "mm"
        await visit(reactor, self.port, pool)
        await visit(reactor, self.port, maker)
        await pool.subscribe(heard["book"].append, "feeds.market.book.btc_huf")
        for name in ("orders", "fills", "transactions"):
            await pool.subscribe(heard[name].append, feed(name))
        placed = await pool.call("rpc.trader.place_order", {**ORDER, "quantity": 3_000_000})
        await maker.call("rpc.trader.place_order", {**ORDER, "side": "SELL"})
        await self.until(lambda: heard["fills"])
        self.assertEqual(heard["fills"][0]["id"], placed["result"])
        self.assertEqual([row["note"] for row in heard["transactions"]], ["Passive order: 1", "Passive order: 1", "Fee"])
        self.assertEqual(heard["book"][-1]["bids"], [{"price": 5_000_000, "quantity": 2_000_000}])
        cancelled = await pool.call("rpc.trader.cancel_order", placed["result"])
        self.assertEqual(cancelled, {"success": True, "result": True})
        await self.until(lambda: heard["orders"][-1]["is_cancelled"])
        history = await pool.call("rpc.trader.get_transaction_history")
        self.assertEqual(history["result"][-1]["note"], "Passive order: 1")
        for visitor in (pool, maker):
            visitor.leave()
            await visitor.left

    async def test_two_sessions_of_a_user_both_hear(self) -> None:
        """Each session gets all feeds of the user."""
        first, second = await self.user(), await self.user()
        topics = [await client.subscribe(feed("orders")) for client in (first, second)]
        await first.call("rpc.trader.place_order", ORDER)
        for client, topic in zip((first, second), topics, strict=True):
            await self.until(lambda client=client, topic=topic: [f for f in client.seen if f[:2] == [36, topic]])  # type: ignore[misc]

    async def test_bad_arguments_get_no_answer(self) -> None:
        """The call is swallowed; the session goes on."""
        client = await self.user()
        client.say(48, 1, {}, "rpc.trader.place_order", [{**ORDER, "price": 5_000_000.0}])
        self.assertTrue((await client.call("rpc.trader.get_positions"))["success"])
        self.assertNotIn(1, [frame[1] for frame in client.seen if frame[0] == 50])


class ConnectionFaultTests(FrontTestCase):
    async def dies(self, client: FrameClient) -> None:
        """Wait for the end of a connection."""
        await client.closed

    async def test_orders_survive_a_dropped_socket(self) -> None:
        """Nothing is cancelled when a session drops; after the reconnect the order is still open."""
        client = await self.user()
        placed = await client.call("rpc.trader.place_order", ORDER)
        self.front.drop("ilp_target")
        await self.dies(client)
        again = await self.user()
        orders = await again.call("rpc.trader.get_open_orders")
        self.assertEqual(list(orders["result"]), [str(placed["result"])])

    async def test_disconnect_fault_cuts_the_caller(self) -> None:
        """The call is not done and the socket is gone."""
        self.faults.add("sputnik", "rpc.trader.place_order", Kind.DISCONNECT, count=1)
        client = await self.user()
        client.say(48, 1, {}, "rpc.trader.place_order", [ORDER])
        await self.dies(client)
        self.assertEqual(self.venue.open_orders("ilp_target"), [])

    async def test_half_open(self) -> None:
        """The socket stays and nothing comes."""
        client = await self.user()
        self.assertEqual(self.front.play_dead("ilp_target"), 1)
        client.say(48, 1, {}, "rpc.trader.get_positions")
        fresh = await self.user("marketmaker")
        await fresh.call("rpc.trader.get_positions")
        self.assertNotIn(50, [frame[0] for frame in client.seen])
        self.assertFalse(client.closed.called)

    async def test_restart_of_the_server(self) -> None:
        """All sockets go, and books are empty until they are published again."""
        client = await self.user()
        await client.call("rpc.trader.place_order", ORDER)
        await deferLater(reactor, 0.02)
        self.front.restart_server()
        await self.dies(client)
        again = await self.user()
        self.assertEqual((await again.call("rpc.market.get_order_book", "BTC/HUF"))["result"]["bids"], [])

    async def test_stop_and_listen_again(self) -> None:
        """The same front can be opened again: orders are there, the book is not known yet, new orders are told."""
        client = await self.user()
        placed = await client.call("rpc.trader.place_order", ORDER)
        await self.front.stop()
        await self.dies(client)
        self.port = await self.front.listen(self.port)
        again = await self.user()
        self.assertEqual((await again.call("rpc.market.get_order_book", "BTC/HUF"))["result"]["bids"], [])
        self.assertEqual(list((await again.call("rpc.trader.get_open_orders"))["result"]), [str(placed["result"])])
        await again.subscribe("feeds.market.book.btc_huf")
        await again.call("rpc.trader.place_order", ORDER)
        await self.until(lambda: [frame for frame in again.seen if frame[0] == 36 and frame[4][0]["bids"]])

    async def test_restart_of_the_engine(self) -> None:
        """All orders are cancelled, and the user hears it."""
        client = await self.user()
        await client.subscribe(feed("orders"))
        await client.call("rpc.trader.place_order", ORDER)
        self.assertEqual(self.front.restart_engine(), 1)
        await self.until(lambda: [frame for frame in client.seen if frame[0] == 36 and frame[4][0]["is_cancelled"]])

    async def test_refused_connection(self) -> None:
        """The next connection is turned away, the one after it is let in."""
        self.faults.add("sputnik", "connect", Kind.REFUSE_CONNECT, count=1)
        with self.assertRaises(ConnectionError):
            await frame_client(reactor, self.port)
        await self.user()

    async def test_open_calls_die_with_the_front(self) -> None:
        """Stopping while a call is on its way leaves no timer behind (trial would say so)."""
        client = await self.user()
        client.say(48, 1, {}, "rpc.trader.place_order", [ORDER])
        await client.call("rpc.trader.get_positions")
        stopped: Deferred[None] = self.front.stop()
        await stopped
        await self.dies(client)
