"""The sandbox as a whole: start, endpoints, control face, reference rates, time, restart, stop."""

import json
import signal
import sys
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import HTTPConnectionPool

from model.order import Side
from sandbox.options import BadOptions
from sandbox.service import Sandbox
from sandbox.world_clock import STEP, WorldClock
from tests.sandbox.kraken_caller import Caller
from tests.sandbox.worlds import D

ROOT = Path(__file__).parents[2]


class ServiceCase(TestCase):
    """A running sandbox whose time stands still."""

    def setUp(self) -> Any:
        self.sandbox = Sandbox({"clock": "paused", "approval": "manual"}, reactor, lambda: datetime.now(UTC))
        self.addCleanup(self.sandbox.stop)
        self.pool = HTTPConnectionPool(reactor, persistent=False)
        return self.sandbox.start()

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        url = self.sandbox.endpoints["control"] + path
        data = None if body is None else json.dumps(body).encode()
        response = await treq.request(method, url, data=data, pool=self.pool)
        answer = json.loads(await response.content())
        self.status = response.code
        return answer

    def kraken(self) -> Caller:
        key, secret = self.sandbox.credentials["kraken"]
        return Caller(int(self.sandbox.endpoints["kraken"].rpartition(":")[2]), key, secret)


class Endpoints(ServiceCase):
    """What is promised is there."""

    async def test_pool_has_its_money(self) -> None:
        """The pool logs in with the credentials and finds the start balances; both books are there."""
        balance = await self.kraken().result("Balance")
        self.assertEqual({asset: D(amount) for asset, amount in balance.items()}, {"XXBT": D("1.5"), "ZUSD": D(100_000)})
        depth = (await self.kraken().public("Depth", pair="XBTUSD", count=500))["result"]["XXBTZUSD"]
        self.assertGreaterEqual(min(len(depth["asks"]), len(depth["bids"])), 20)
        self.assertEqual(set(self.sandbox.endpoints), {"kraken", "kraken_ws", "sputnik", "ecb", "control"})
        self.assertEqual(self.sandbox.endpoints["sputnik"].rpartition("/")[2], "ws")

    async def test_reference_rates(self) -> None:
        """The three files in the ECB's form; the newest day is what the bank changes at; anything else is not found."""
        namespace = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}"
        counts = {}
        for name in ("eurofxref-daily.xml", "eurofxref-hist-90d.xml", "eurofxref-hist.xml"):
            response = await treq.get(f"{self.sandbox.endpoints['ecb']}/stats/eurofxref/{name}", pool=self.pool)
            days = ElementTree.fromstring(await response.content()).find(f"{namespace}Cube")
            assert days is not None
            counts[name] = len(days)
            newest = {cube.attrib["currency"]: D(cube.attrib["rate"]) for cube in days[0]}
            self.assertEqual(newest, self.sandbox.world.rates.per_euro())
        self.assertEqual(list(counts.values()), [1, 64, 520])
        response = await treq.get(f"{self.sandbox.endpoints['ecb']}/nothing", pool=self.pool)
        self.assertEqual(response.code, 404)
        await response.content()

    async def test_restart(self) -> None:
        """A restarted front is at the same port, connections gone; orders stay unless they are to go."""
        caller = self.kraken()
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "30000"}
        await caller.result("AddOrder", **order)
        stream = await caller.stream()
        await stream.until(lambda message: message.get("channel") == "status")
        await self.ask("POST", "/restart", {"venue": "kraken"})
        await stream.closed
        self.assertEqual(len((await caller.result("OpenOrders"))["open"]), 1)
        await self.ask("POST", "/restart", {"venue": "kraken", "cancel_orders": True})
        self.assertEqual((await caller.result("OpenOrders"))["open"], {})
        await self.ask("POST", "/restart", {"venue": "sputnik"})
        self.assertEqual(self.status, 200)

    async def test_other_currencies(self) -> None:
        """The same world with pounds, from real ports, at another tick and lot."""
        options = {"target_currency": "GBP", "target_balance": "GBP 5000, BTC 1", "target_tick": "1", "target_lot": "0.01"}
        other = Sandbox({**options, "clock": "paused"}, reactor, lambda: datetime.now(UTC))
        await other.start()
        self.addCleanup(other.stop)
        other.clock.tick(3_600)
        best = other.world.venues["sputnik"].best("BTC/GBP", Side.BUY)
        assert best is not None
        self.assertLess(abs(best.price / other.scenario.fair_at_target() - 1), D("0.02"))
        self.assertEqual(set(other.world.truth()["conserved"].values()), {True})

    async def test_port_in_use(self) -> None:
        """A port that is taken is a failed start that leaves nothing open."""
        port = self.sandbox.endpoints["kraken"].rpartition(":")[2]
        other = Sandbox({"ecb_port": port}, reactor, lambda: datetime.now(UTC))
        await self.assertFailure(other.start(), CannotListenError)


class Control(ServiceCase):
    """The control face."""

    async def test_truth(self) -> None:
        """Balances, holds, orders and fills of the pool; everything adds up."""
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.1"}
        await self.kraken().result("AddOrder", **order)
        await self.kraken().result("AddOrder", nonce=9999, **{**order, "ordertype": "limit", "price": "30000"})
        truth = await self.ask("GET", "/truth")
        self.assertEqual(truth["conserved"], {"BTC": True, "USD": True, "HUF": True})
        self.assertEqual(truth["venues"]["kraken"]["balances"]["pool"]["BTC"]["balance"], "1.6")
        self.assertEqual(D(truth["venues"]["kraken"]["balances"]["pool"]["USD"]["held"]), D("3007.8"))
        trading = truth["trading"]["kraken"]
        self.assertEqual([D(each["price"]) for each in trading["orders"]["pool"]], [D(30_000)])
        self.assertEqual(sum(D(fill["quantity"]) for fill in trading["fills"]["pool"]), D("0.1"))
        fees = sum(D(fill["fee"]) for fill in trading["fills"]["pool"])
        self.assertLessEqual(fees, D(truth["venues"]["kraken"]["fees"]["USD"]))

    async def test_deposit_order_tick(self) -> None:
        """Money from outside, an order by somebody else, an hour of the world."""
        await self.ask("POST", "/deposit", {"venue": "sputnik", "user": "pool", "ticker": "BTC", "amount": "2"})
        self.assertEqual(self.sandbox.world.venues["sputnik"].accounts.balance("pool", "BTC"), D("3.5"))
        words = {"venue": "sputnik", "user": "customer-1", "contract": "BTC/HUF", "side": "BUY"}
        order = await self.ask("POST", "/order", {**words, "quantity": "0.1", "price": "20000000"})
        self.assertEqual((order["user"], order["quantity_left"]), ("customer-1", "0.1"))
        before = self.sandbox.world.venues["kraken"].trades("BTC/USD")
        await self.ask("POST", "/tick", {"seconds": 3600})
        self.assertGreater(len(self.sandbox.world.venues["kraken"].trades("BTC/USD")), len(before))

    async def test_withdrawals(self) -> None:
        """A person approves one and cancels the other, by the ids that the truth has."""
        address = self.sandbox.world.venues["sputnik"].funding.current_address("pool", "BTC")
        for _ in range(2):
            self.sandbox.world.venues["kraken"].funding.withdraw("pool", "BTC", D("0.5"), address)
        ids = list((await self.ask("GET", "/truth"))["trading"]["kraken"]["withdrawals"])
        self.assertEqual(ids, ["kraken-1", "kraken-2"])
        await self.ask("POST", f"/withdrawals/{ids[0]}/approve")
        await self.ask("POST", f"/withdrawals/{ids[1]}/cancel")
        await self.ask("POST", "/tick", {"seconds": 700})
        truth = await self.ask("GET", "/truth")
        self.assertEqual(truth["venues"]["sputnik"]["balances"]["pool"]["BTC"]["balance"], "1.9999")
        self.assertEqual([each["state"] for each in truth["trading"]["kraken"]["withdrawals"].values()], ["done", "cancelled"])
        self.assertTrue(all(truth["conserved"].values()))

    async def test_faults(self) -> None:
        """On, seen at the wire, listed, off."""
        fault = await self.ask("POST", "/faults", {"venue": "kraken", "call": "Time", "kind": "error", "text": "EService:Busy"})
        self.assertEqual((await self.kraken().public("Time"))["error"], ["EService:Busy"])
        self.assertEqual(await self.ask("GET", "/faults"), [fault])
        self.assertEqual(await self.ask("DELETE", f"/faults/{fault['id']}"), [])
        await self.ask("POST", "/faults", {"kind": "delay"})
        self.assertEqual(await self.ask("DELETE", "/faults"), [])
        self.assertEqual((await self.kraken().public("Time"))["error"], [])

    async def test_hits(self) -> None:
        """How often each has struck."""
        fault = await self.ask("POST", "/faults", {"venue": "kraken", "call": "Time", "kind": "error", "count": 1})
        await self.kraken().public("Time")
        self.assertEqual(await self.ask("GET", "/faults/hits"), {str(fault["id"]): 1})

    async def test_clock(self) -> None:
        """A venue that is an hour ahead, and right again; the other one is not touched."""
        before = datetime.now(UTC).timestamp()
        await self.ask("POST", "/clock", {"venue": "kraken", "skew": "3600"})
        self.assertGreaterEqual((await self.kraken().public("Time"))["result"]["unixtime"], int(before) + 3600)
        self.assertLess(self.sandbox.world.venues["sputnik"].timestamp() / 1e6, before + 1800)
        await self.ask("POST", "/clock", {"venue": "kraken", "skew": "0"})
        self.assertLess((await self.kraken().public("Time"))["result"]["unixtime"], before + 1800)

    async def test_take(self) -> None:
        """Somebody takes a share of a chosen order; and the whole of one that is being cancelled."""
        caller = self.kraken()
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "1", "price": "30000"}
        await caller.result("AddOrder", **order)
        (resting,) = self.sandbox.world.venues["kraken"].open_orders("pool")
        taken = await self.ask("POST", "/take", {"venue": "kraken", "id": resting.id, "share": "0.25"})
        self.assertEqual(taken["quantity_left"], "0.75")
        await self.ask("POST", "/faults", {"venue": "kraken", "call": "cancel", "kind": "fill_first", "text": "all"})
        (txid,) = (await caller.result("OpenOrders"))["open"]
        self.assertEqual((await caller.private("CancelOrder", txid=txid))["error"], ["EOrder:Unknown order"])
        fills = self.sandbox.world.venues["kraken"].fills("pool")
        self.assertEqual([fill.quantity for fill in fills], [D("0.25"), D("0.75")])

    async def test_lost(self) -> None:
        """What is on its way never arrives, is told apart from what does, and the world still adds up."""
        address = self.sandbox.world.venues["sputnik"].funding.current_address("pool", "BTC")
        for _ in range(2):
            sent = self.sandbox.world.venues["kraken"].funding.withdraw("pool", "BTC", D("0.5"), address)
            await self.ask("POST", f"/withdrawals/kraken-{sent.id}/approve")
        first, second = (await self.ask("GET", "/truth"))["transits"]
        await self.ask("POST", f"/transits/{first['id']}/lose")
        await self.ask("POST", "/tick", {"seconds": 700})
        truth = await self.ask("GET", "/truth")
        self.assertEqual(truth["venues"]["sputnik"]["balances"]["pool"]["BTC"]["balance"], "1.9999")
        self.assertEqual((truth["lost"], truth["in_transit"]), ({"BTC": "0.4999"}, {"BTC": "0"}))
        self.assertTrue(all(truth["conserved"].values()))
        await self.ask("POST", f"/transits/{second['id']}/lose")
        self.assertEqual(self.status, 400)

    async def test_events(self) -> None:
        """What happened to the pool, numbered; strangers' doings are not told."""
        await self.ask("POST", "/tick", {"seconds": 600})
        self.assertTrue(all(event["kind"] == "Posted" for event in await self.ask("GET", "/events")))
        last = (await self.ask("GET", "/events"))[-1]["number"]
        self.sandbox.world.fund("kraken", "pool", "BTC", D(1))
        (event,) = await self.ask("GET", f"/events?after={last}")
        self.assertEqual((event["kind"], event["event"]["posting"]["change"]), ("Posted", "1"))

    async def test_rate(self) -> None:
        """A fiat rate moved by hand is what the bank changes at."""
        rates = await self.ask("POST", "/rate", {"ticker": "HUF", "per_euro": "432"})
        self.assertEqual(D(rates["HUF"]), D(432))
        self.assertEqual(self.sandbox.world.rates.rate("USD", "HUF"), D(400))

    async def test_nonsense(self) -> None:
        """What makes no sense is a 400 with the reason, and changes nothing."""
        for method, path, body in (
            ("POST", "/tick", {"seconds": -1}),
            ("POST", "/tick", [1]),
            ("POST", "/faults", {"kind": "explode"}),
            ("POST", "/deposit", {"venue": "nowhere", "user": "pool", "ticker": "BTC", "amount": "1"}),
            ("POST", "/deposit", {"venue": "kraken", "user": "pool", "ticker": "XYZ", "amount": "1"}),
            ("POST", "/order", {"venue": "kraken", "side": "UP"}),
            ("POST", "/clock", {"venue": "kraken", "skew": "3601"}),
            ("POST", "/take", {"venue": "kraken", "id": "1", "share": "2"}),
            ("POST", "/take", {"venue": "kraken", "id": "999999", "share": "1"}),
            ("POST", "/transits/nothing/lose", None),
            ("POST", "/withdrawals/kraken-9/approve", None),
            ("GET", "/events?after=x", None),
            ("DELETE", "/faults/9", None),
        ):
            answer = await self.ask(method, path, body)
            self.assertEqual((self.status, list(answer)), (400, ["error"]), path)


class Time(SynchronousTestCase):
    """The world's clock."""

    def setUp(self) -> None:
        self.wall = Clock()
        self.passed: list[float] = []

    def clock(self, speed: float, *, is_paused: bool = False) -> WorldClock:
        clock = WorldClock(self.wall, speed, is_paused=is_paused)
        clock.each_step(self.passed.append)
        clock.start()
        self.addCleanup(clock.stop)
        return clock

    def test_speed(self) -> None:
        """A minute passes per second, in small steps, and what is scheduled happens at its time."""
        clock = self.clock(60)
        happened: list[float] = []
        clock.clock.callLater(90, lambda: happened.append(self.wall.seconds()))
        self.wall.pump([STEP] * 8)
        self.assertEqual((sum(self.passed), happened), (120.0, [1.5]))
        self.assertLessEqual(max(self.passed), 15)

    def test_paused(self) -> None:
        """Standing still, it moves only by hand."""
        clock = self.clock(60, is_paused=True)
        self.wall.advance(10)
        self.assertEqual(self.passed, [])
        clock.tick(100)
        self.assertEqual((sum(self.passed), clock.clock.seconds()), (100.0, 100.0))

    def test_long_tick(self) -> None:
        """A month at once is cut into a bounded number of steps, and none of it is lost."""
        clock = self.clock(1, is_paused=True)
        clock.tick(30 * 86_400)
        self.assertAlmostEqual(sum(self.passed), 30 * 86_400)
        self.assertLessEqual(len(self.passed), 2_001)

    def test_stall(self) -> None:
        """After a stall of the process the world does not rush through all that it missed."""
        self.clock(60)
        self.wall.advance(100)
        self.assertEqual(sum(self.passed), 4 * STEP * 60)


class Alone(TestCase):
    """``python -m sandbox``."""

    timeout = 60

    def start(self, section: str) -> "_Process":
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        config = Path(folder.name) / "ilp.ini"
        config.write_text(section)
        process = _Process()
        arguments = [sys.executable, "-m", "sandbox", "--config", str(config)]
        reactor.spawnProcess(process, sys.executable, arguments, {}, str(ROOT))
        return process

    async def test_runs_and_stops(self) -> None:
        """It prints where it is and how to log in, and ends cleanly on SIGTERM."""
        process = self.start("[sandbox]\nseed = 3\n[other]\nnonsense = %(x)s\n")
        await process.until("sputnik login: pool /")
        self.assertIn("control: http://127.0.0.1:", process.text)
        process.transport.signalProcess(signal.SIGTERM)
        self.assertEqual(await process.ended, 0)

    async def test_bad_config(self) -> None:
        """All problems, each with its key, and exit code 2."""
        process = self.start("[sandbox]\nspeed = fast\ncolour = red\n")
        self.assertEqual(await process.ended, 2)
        self.assertIn("[sandbox] speed: got 'fast'", process.text)
        self.assertIn("[sandbox] colour: unknown", process.text)

    def test_bad_options(self) -> None:
        """In the pool's process the same problems come as an exception."""
        self.assertRaises(BadOptions, Sandbox, {"speed": "0"}, Clock(), datetime.now)


class _Process(ProcessProtocol):
    """Collects what a process says and how it ends."""

    transport: Any

    def __init__(self) -> None:
        self.text = ""
        self.ended: Deferred[int | None] = Deferred()
        self._waiting: list[tuple[str, Deferred[None]]] = []

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        self.text += data.decode()
        for words, waiting in list(self._waiting):
            if words in self.text:
                self._waiting.remove((words, waiting))
                waiting.callback(None)

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(reason.value.exitCode)

    def until(self, words: str) -> "Deferred[None]":
        waiting: Deferred[None] = Deferred()
        self._waiting.append((words, waiting))
        return waiting
