"""The client on bad days, over loopback sockets: what was sent, what became of it, and what is told afterwards."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from clients.sputnik import Sputnik
from model.order import Side
from sandbox.faults import Kind
from tests.clients.sputnik_world import PAIR, World

RESTING, TAKING, SIZE = Decimal(50_000), Decimal(61_000), Decimal("0.03")


class FaultTestCase(TestCase):
    """A world, a client of it, and what the client has told."""

    timeout = 20

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.world = await World.start()
        self.addCleanup(self.world.front.stop)
        self.client = self.make_client()

    def make_client(self, **options: Any) -> Sputnik:
        client = self.world.client(**options)
        self.addCleanup(client.disconnect)
        self.told: dict[str, list[Any]] = {
            name: [] for name in ("connect", "disconnect", "book", "order", "trade", "transaction")
        }
        for name, heard in self.told.items():
            client.on(name, lambda *arguments, heard=heard: heard.append(arguments[-1]))
        return client

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait; the test's time-out ends it."""
        while not (found := condition()):
            await deferLater(reactor, 0.01)
        return found

    async def fails(self, kind: type[Exception], deferred: "Deferred[Any]") -> Any:
        """The failure of ``deferred``, which must be of ``kind``."""
        try:
            result = await deferred
        except kind as failure:
            return failure
        raise self.failureException(f"no failure but {result!r}")

    def bid(self, price: Decimal = RESTING) -> "Deferred[str]":
        return self.client.placeOrder(PAIR, SIZE, price, "BUY")

    async def fills(self) -> dict[str, Decimal]:
        """Quantities by id, as the history has them."""
        now = datetime.now(UTC)
        recorded = await self.client.getTradeHistory(now - timedelta(days=1), now + timedelta(days=1))
        return {fill["id"]: fill["quantity"] for fill in recorded}

    def streamed(self) -> dict[str, Decimal]:
        """Quantities by id, as they were told."""
        return {fill["id"]: fill["quantity"] for fill in self.told["trade"]}

    async def until_told(self, id: str) -> None:
        """Wait until the whole order has been told as fills."""
        await self.until(lambda: sum(q for key, q in self.streamed().items() if key.startswith(f"{id}:")) == SIZE)


class LoginTests(FaultTestCase):
    async def test_wrong_password(self) -> None:
        """It is told the first time, as AUTH, and the same client stays closed to calls."""
        client = self.make_client(secret="wrong")
        refused = await self.fails(Refused, client.connect())
        self.assertIs(Reason.AUTH, refused.reason)
        await self.fails(Retryable, client.getPositions())
        self.assertEqual([], self.told["connect"])

    async def test_unknown_contract_wanted(self) -> None:
        """A configured contract that does not exist keeps the client from connecting; closing it ends the wait."""
        client = self.make_client(contracts="BTC/XYZ")
        waiting = client.connect()
        await deferLater(reactor, 0.3)
        await client.disconnect()
        await self.fails(Retryable, waiting)
        self.assertEqual([], self.told["connect"])

    async def test_nobody_listens_yet(self) -> None:
        """A venue that comes up later is found by itself."""
        self.world.faults.add("*", "connect", Kind.REFUSE_CONNECT, count=1)
        await self.client.connect()
        self.assertEqual(1, len(self.told["connect"]))

    async def test_closed_for_good(self) -> None:
        """A client that was closed does not come back."""
        await self.client.connect()
        await self.client.disconnect()
        await self.fails(Retryable, self.client.connect())


class OutcomeTests(FaultTestCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.client = self.make_client(call_timeout="0.4")
        await self.client.connect()

    async def test_venue_times_out_and_does_it(self) -> None:
        """The recorded case: call-timed-out, and the order enters the book a moment later."""
        self.world.faults.add("*", "rpc.trader.place_order", Kind.DONE_NO_ANSWER, count=1, text="exceptions/zmq/call-timed-out")
        await self.fails(OutcomeUnknown, self.bid())
        await self.until(lambda: self.told["order"])
        self.assertEqual([self.told["order"][0]["id"]], list(await self.client.getOpenOrders()))

    async def test_no_answer(self) -> None:
        """Our own time-out: unknown for a write, retryable for a read; no CANCEL is sent, which would end the session."""
        self.world.faults.add("*", "rpc.trader.*", Kind.NO_ANSWER, count=3)
        await self.fails(OutcomeUnknown, self.bid())
        await self.fails(OutcomeUnknown, self.client.cancelOrder("1"))
        await self.fails(Retryable, self.client.getPositions())
        await self.client.getPositions()
        self.assertEqual([], self.told["disconnect"])

    async def test_socket_lost_after_sending(self) -> None:
        """Nobody knows whether it was done; after the reconnect the venue is asked, and the client is usable."""
        self.world.faults.add("*", "rpc.trader.place_order", Kind.DISCONNECT, count=1)
        await self.fails(OutcomeUnknown, self.bid())
        await self.until(lambda: len(self.told["connect"]) == 2)
        self.assertEqual({}, dict(await self.client.getOpenOrders()))
        await self.bid()

    async def test_not_connected(self) -> None:
        """Nothing is sent while there is no session: retryable, at once, even for a write."""
        self.world.faults.add("*", "connect", Kind.REFUSE_CONNECT, count=1)
        self.world.front.drop()
        await self.until(lambda: self.told["disconnect"])
        await self.fails(Retryable, self.bid())
        self.assertIsNone(self.client.bookAsOf(PAIR))
        await self.until(lambda: len(self.told["connect"]) == 2)


class EventTests(FaultTestCase):
    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        await self.client.connect()

    async def test_lost_events_are_healed(self) -> None:
        """With the fills feed dead, and then the orders feed, every execution is still told, under the history's id."""
        for feed in ("fills", "orders", "fills|orders"):
            fault = self.world.faults.add("*", feed, Kind.STALE)
            id = await self.bid(TAKING)
            await self.until_told(id)
            self.world.faults.remove(fault.id)
            self.world.take(Side.SELL, "0.5", "60500")
        self.assertEqual(await self.fills(), self.streamed())

    async def test_doubled_events(self) -> None:
        """Everything told twice by the venue is told once, and right."""
        self.world.faults.add("*", "fills|orders|transactions", Kind.DUPLICATE)
        await self.bid(TAKING)
        await self.until(lambda: sum(self.streamed().values()) == SIZE)
        self.assertEqual(await self.fills(), self.streamed())
        self.assertEqual(len(self.streamed()), len(self.told["trade"]))

    async def test_what_happened_while_we_were_away(self) -> None:
        """A fill and a cancel during a lost connection are told after it, before ``connect``."""
        filled, cancelled = await self.bid(), await self.client.placeOrder(PAIR, SIZE, Decimal(40_000), "BUY")
        await self.until(lambda: len(self.told["order"]) == 2)
        fault = self.world.faults.add("*", "connect", Kind.REFUSE_CONNECT)
        self.world.front.drop("ilp_target")
        await self.until(lambda: self.told["disconnect"])
        self.world.venue.cancel("ilp_target", int(cancelled))
        self.world.take(Side.SELL, "0.53", "50000")
        self.told["order"].clear()
        seen_at_connect: list[Any] = []
        self.client.on("connect", lambda _: seen_at_connect.extend(self.told["order"]))
        self.world.faults.remove(fault.id)
        await self.until(lambda: len(self.told["connect"]) == 2)
        last = {order["id"]: (order["quantity_left"], order["is_cancelled"]) for order in seen_at_connect}
        self.assertEqual({filled: (Decimal(0), False), cancelled: (SIZE, True)}, last)
        self.assertEqual({f"{filled}:3000000:1": SIZE}, self.streamed())
        self.assertEqual(await self.fills(), self.streamed())

    async def test_lost_answer_and_lost_socket(self) -> None:
        """An order whose answer was lost with the socket, and which filled meanwhile, is told with its fill."""
        self.world.faults.add("*", "orders|fills|transactions", Kind.STALE, count=20)
        self.world.faults.add("*", "rpc.trader.place_order", Kind.DONE_NO_ANSWER, count=1)
        placing = self.bid(TAKING)
        await deferLater(reactor, 0.3)
        self.world.front.drop("ilp_target")
        await self.fails(OutcomeUnknown, placing)
        await self.until(lambda: sum(self.streamed().values()) == SIZE)
        self.assertEqual(await self.fills(), self.streamed())

    async def test_half_open_socket(self) -> None:
        """A connection that only seems to live is noticed by our own pings, and its books are proven no more."""
        await self.until(lambda: self.client.bookAsOf(PAIR))
        self.world.front.play_dead("ilp_target")
        await self.until(lambda: self.told["disconnect"])
        self.assertIsNone(self.client.bookAsOf(PAIR))
        await self.until(lambda: len(self.told["connect"]) == 2)

    async def test_pings_prove_a_quiet_book(self) -> None:
        """Nothing happens in the market, yet the book's age stays small."""
        first = self.client.bookAsOf(PAIR)
        await self.until(lambda: (self.client.bookAsOf(PAIR) or 0) > (first or 0) + 300_000)

    async def test_engine_restart(self) -> None:
        """The venue cancels everything; each order is told as cancelled."""
        id = await self.bid()
        self.world.front.restart_engine()
        await self.until(lambda: [order for order in self.told["order"] if order["id"] == id and order["is_cancelled"]])
        refused = await self.fails(Refused, self.client.cancelOrder(id))
        self.assertIs(Reason.UNKNOWN_ORDER, refused.reason)

    async def test_deposits_are_told_as_the_history_has_them(self) -> None:
        """A deposit is streamed once, under the id that the history gives it."""
        await self.client.requestWithdrawal("BTC", Decimal("0.5"), "addrX")
        await self.until(lambda: self.told["transaction"])
        now = datetime.now(UTC)
        recorded = await self.client.getTransactionHistory(now - timedelta(hours=1), now + timedelta(hours=1))
        self.assertEqual([t["id"] for t in recorded if t["type"] == "Withdrawal"], [t["id"] for t in self.told["transaction"]])

    async def test_on_a_good_day_no_history_is_read(self) -> None:
        """The events alone prove every execution, taking and resting: a doubt would wait longer than this test does."""
        self.client = self.make_client(doubt="60")
        await self.client.connect()
        await self.bid(TAKING)
        resting = await self.bid()
        self.world.take(Side.SELL, "0.51", "50000")
        self.world.take(Side.SELL, "0.02", "50000")
        await self.until(lambda: sum(self.streamed().values()) == 2 * SIZE)
        self.assertEqual(
            {f"{resting}:1000000:1", f"{resting}:2000000:1"}, {id for id in self.streamed() if id.startswith(resting)}
        )
        self.assertEqual(await self.fills(), self.streamed())

    async def test_lost_cancel_event(self) -> None:
        """An order that vanished without a word is told as cancelled by the next full comparison."""
        self.client = self.make_client(reread_interval="0.3")
        await self.client.connect()
        id = await self.bid()
        await self.until(lambda: self.told["order"])
        self.world.faults.add("*", "orders", Kind.STALE)
        self.world.venue.cancel("ilp_target", int(id))
        await self.until(lambda: [order for order in self.told["order"] if order["is_cancelled"]])

    async def test_ids_survive_a_restart(self) -> None:
        """A client that knows nothing of an order gives its later fills the ids that count from the order's beginning."""
        id = await self.bid()
        self.world.take(Side.SELL, "0.51", "50000")
        await self.until(lambda: self.told["trade"])
        between = datetime.now(UTC)
        await deferLater(reactor, 0.01)
        self.world.take(Side.SELL, "0.02", "50000")
        await self.until(lambda: len(self.told["trade"]) == 2)
        streamed = self.streamed()
        self.client = self.make_client()
        await self.client.connect()
        later = await self.client.getTradeHistory(between, between + timedelta(hours=1))
        self.assertEqual([f"{id}:2000000:1"], [fill["id"] for fill in later])
        self.assertEqual({f"{id}:1000000:1", f"{id}:2000000:1"}, set(streamed))

    async def test_off_the_lot_and_without_address(self) -> None:
        """A withdrawal that cannot be sent exactly, or to nowhere, is refused here."""
        refused = await self.fails(Refused, self.client.requestWithdrawal("BTC", Decimal("0.00000001"), "addrX"))
        self.assertIs(Reason.SIZE, refused.reason)
        refused = await self.fails(Refused, self.client.requestWithdrawal("BTC", Decimal("0.5"), ""))
        self.assertIs(Reason.ADDRESS, refused.reason)
        await self.fails(Refused, self.client.requestWithdrawal(PAIR, Decimal("0.5"), "addrX"))
