"""The Kraken front over real sockets: signatures, calls, error texts, streams, faults."""

import base64
import json
from decimal import Decimal
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from model.money import ZERO
from model.order import Side
from sandbox.candles import Bar
from sandbox.faults import Faults, Kind
from sandbox.kraken_front import KrakenFront
from sandbox.kraken_keys import Key
from sandbox.kraken_words import book_checksum
from sandbox.network import Routes, World
from sandbox.rates import Rates
from sandbox.venue import Venue
from tests.sandbox.kraken_caller import Caller, Listener
from tests.sandbox.worlds import D, WallClock, kraken_rules, sputnik_rules

SECRET = base64.b64encode(b"a sandbox secret that guards nothing at all").decode()
CONTRACT = "BTC/USD"


class FrontCase(TestCase):
    """A venue with a small book, behind a front on a free port."""

    def setUp(self) -> Any:
        now = WallClock()
        self.venue = Venue("kraken", kraken_rules(cancels_crossing=True), now)
        self.target = Venue("sputnik", sputnik_rules(), now)
        self.clock = Clock()
        rates = Rates({"USD": D("1.08"), "HUF": D(400)}, Random(1))
        self.world = World([self.venue, self.target], self.clock, rates, Routes(fiat_fixed=D(5), fiat_share=D("0.001")))
        for venue in (self.venue, self.target):
            for user in ("pool", "maker"):
                venue.accounts.open(user)
        for user in ("pool", "maker"):
            self.world.fund("kraken", user, "USD", D(100_000))
            self.world.fund("kraken", user, "BTC", D(10))
        for price in (50_000, 50_010, 50_020):
            self.place(Side.SELL, "1", str(price))
        for price in (49_990, 49_980):
            self.place(Side.BUY, "0.5", str(price))
        self.faults = Faults()
        self.front = KrakenFront(self.venue, self.world, [Key("key", SECRET, "pool")], self.faults, reactor)
        self.addCleanup(self.front.stop)
        return self.front.listen(0).addCallback(self.listening)

    def listening(self, port: int) -> None:
        self.caller = Caller(port, "key", SECRET)

    def place(self, side: Side, quantity: str, price: str) -> Any:
        return self.venue.place("maker", CONTRACT, side, D(quantity), D(price))

    async def error_of(self, call: str, **fields: Any) -> str:
        answer = await self.caller.private(call, **fields)
        self.assertEqual(len(answer["error"]), 1, answer)
        return str(answer["error"][0])

    async def add_order(self, **fields: Any) -> Any:
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "49000"}
        return await self.caller.result("AddOrder", **{**order, **fields})


class Authentication(FrontCase):
    """Keys, signatures and nonces."""

    async def test_checked_in_this_order(self) -> None:
        """An unknown key, a wrong signature and an old nonce have their own texts."""
        stranger = Caller(self.caller.port, "nobody", SECRET)
        self.assertEqual((await stranger.private("Balance"))["error"], ["EAPI:Invalid key"])
        wrong = base64.b64encode(b"wrong").decode()
        self.assertEqual(await self.error_of("Balance", secret=wrong), "EAPI:Invalid signature")
        await self.caller.result("Balance", nonce=5000)
        self.assertEqual(await self.error_of("Balance", nonce=5000), "EAPI:Invalid nonce")

    async def test_unknown_method(self) -> None:
        """A call that does not exist is refused, public or private."""
        self.assertEqual((await self.caller.public("Nonsense"))["error"], ["EGeneral:Unknown method"])
        self.assertEqual(await self.error_of("Nonsense"), "EGeneral:Unknown method")


class Calls(FrontCase):
    """What the pool uses."""

    async def test_public(self) -> None:
        """Pairs with their steps, the book with all digits, the time."""
        pairs = (await self.caller.public("AssetPairs"))["result"]
        wanted = {"tick_size": "0.1", "ordermin": "0.0001", "costmin": "0.5", "lot_decimals": 8, "base": "XXBT"}
        self.assertEqual({key: pairs["XXBTZUSD"][key] for key in wanted}, wanted)
        depth = (await self.caller.public("Depth", pair="XBTUSD", count=1))["result"]["XXBTZUSD"]
        self.assertEqual([depth["asks"][0][:2], depth["bids"][0][:2]], [["50000.0", "1.00000000"], ["49990.0", "0.50000000"]])
        self.assertIn("unixtime", (await self.caller.public("Time"))["result"])
        self.assertEqual((await self.caller.public("Depth", pair="NOPE"))["error"], ["EQuery:Unknown asset pair"])

    async def test_history(self) -> None:
        """Bars after ``since``, at most 720, the unfinished one last."""
        now = self.venue.timestamp() // 1_000_000
        past = [Bar(now - 60 * minute, D(1), D(3), D(1), D(2), D(4), D(8), 2) for minute in range(1, 1000)]
        self.venue.histories[CONTRACT].load(past)
        self.venue.place("pool", CONTRACT, Side.BUY, D("0.1"), D(50_000))
        bars = (await self.caller.public("OHLC", pair="XBTUSD", interval=1))["result"]
        self.assertEqual((len(bars["XXBTZUSD"]), bars["last"]), (720, now - 60))
        self.assertEqual(bars["XXBTZUSD"][-1][1:6], ["50000.0"] * 5)
        newer = await self.caller.public("OHLC", pair="XBTUSD", interval=1, since=now - 60)
        self.assertEqual([bar[0] for bar in newer["result"]["XXBTZUSD"]], [now])

    async def test_life_of_an_order(self) -> None:
        """Placed, held, seen, cancelled, seen again."""
        added = await self.add_order(cl_ord_id="ilp-1")
        self.assertEqual(added["descr"]["order"], "buy 0.10000000 XBTUSD @ limit 49000.0")
        (txid,) = added["txid"]
        self.assertEqual((await self.caller.result("BalanceEx"))["ZUSD"], {"balance": "100000.0000", "hold_trade": "4912.7400"})
        order = (await self.caller.result("OpenOrders"))["open"][txid]
        self.assertEqual((order["cl_ord_id"], order["descr"]["pair"], order["status"]), ("ilp-1", "XBTUSD", "open"))
        self.assertEqual(await self.caller.result("CancelOrder", cl_ord_id="ilp-1"), {"count": 1})
        self.assertEqual((await self.caller.result("QueryOrders", txid=txid))[txid]["status"], "canceled")
        self.assertEqual(await self.error_of("CancelOrder", txid=txid), "EOrder:Unknown order")

    async def test_amend(self) -> None:
        """By either id; what is not told stays; it answers an id of its own, and the order keeps its own."""
        (txid,) = (await self.add_order(cl_ord_id="ilp-1"))["txid"]
        self.assertIn("amend_id", await self.caller.result("AmendOrder", txid=txid, order_qty="0.2", limit_price="48000"))
        await self.caller.result("AmendOrder", cl_ord_id="ilp-1", limit_price="47000.5", post_only="true")
        ((found, order),) = (await self.caller.result("OpenOrders"))["open"].items()
        self.assertEqual((found, order["vol"], order["descr"]["price"]), (txid, "0.20000000", "47000.5"))
        self.assertEqual(
            await self.error_of("AmendOrder", txid=txid, limit_price="60000", post_only="true"), "EOrder:Post only order"
        )
        self.assertEqual(await self.error_of("AmendOrder", order_qty="1"), "EGeneral:Invalid arguments:txid")

    async def test_fill(self) -> None:
        """A taker's fill is in the trades and in the ledger, with the fee beside."""
        (txid,) = (await self.add_order(price="50000", volume="0.4"))["txid"]
        ((trade_id, trade),) = (await self.caller.result("TradesHistory"))["trades"].items()
        self.assertEqual(
            {key: trade[key] for key in ("ordertxid", "pair", "price", "cost", "fee", "vol", "maker")},
            {"ordertxid": txid, "pair": "XXBTZUSD", "price": "50000.0", "cost": "20000", "fee": "52",
             "vol": "0.40000000", "maker": False},
        )  # fmt: skip
        ledger = (await self.caller.result("Ledgers", type="trade"))["ledger"].values()
        self.assertEqual({entry["refid"] for entry in ledger}, {trade_id})
        amounts = {entry["asset"]: (D(entry["amount"]), D(entry["fee"])) for entry in ledger}
        self.assertEqual(amounts, {"ZUSD": (D(-20_000), D(52)), "XXBT": (D("0.4"), ZERO)})

    async def test_refusals(self) -> None:
        """The venue's own texts for what it cannot take."""
        for text, fields in {
            "EOrder:Insufficient funds": {"volume": "100"},
            "EOrder:Order minimum not met": {"volume": "0.00005"},
            "EGeneral:Invalid arguments:volume": {"volume": "x"},
            "EOrder:Invalid price:Invalid price argument": {"price": "49000.05"},
            "EQuery:Unknown asset pair": {"pair": "XBTXYZ"},
            "EGeneral:Invalid arguments:ordertype": {"ordertype": "iceberg"},
        }.items():
            order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "49000"}
            self.assertEqual(await self.error_of("AddOrder", **{**order, **fields}), text)

    async def test_flags(self) -> None:
        """Post-only is cancelled rather than taken, IOC rather than queued; validate does nothing."""
        (post,) = (await self.add_order(price="50000", oflags="post"))["txid"]
        (now_or_never,) = (await self.add_order(price="50000", volume="1.5", timeinforce="IOC"))["txid"]
        orders = await self.caller.result("QueryOrders", txid=f"{post},{now_or_never}")
        self.assertEqual((orders[post]["status"], orders[post]["reason"]), ("canceled", "Post only order"))
        self.assertEqual((orders[now_or_never]["status"], orders[now_or_never]["vol_exec"]), ("canceled", "1.00000000"))
        self.assertNotIn("txid", await self.add_order(validate="true"))
        self.assertEqual((await self.caller.result("OpenOrders"))["open"], {})

    async def test_pages(self) -> None:
        """Fifty at a time, newest first, with the whole count."""
        for _ in range(55):
            await self.add_order(price="50000", volume="0.001")
        first = await self.caller.result("TradesHistory")
        rest = await self.caller.result("TradesHistory", ofs=50)
        self.assertEqual((first["count"], len(first["trades"]), len(rest["trades"])), (55, 50, 5))
        ids = [trade["trade_id"] for trade in [*first["trades"].values(), *rest["trades"].values()]]
        self.assertEqual(ids, sorted(ids, reverse=True))


class Money(FrontCase):
    """Deposits and withdrawals."""

    async def test_addresses(self) -> None:
        """The current address stays; a new one comes first."""
        methods = await self.caller.result("DepositMethods", asset="XBT")
        fields = {"asset": "XBT", "method": methods[0]["method"]}
        (before,) = await self.caller.result("DepositAddresses", **fields)
        after = await self.caller.result("DepositAddresses", **fields, new="true")
        self.assertEqual((after[1], after[0]["new"]), (before, True))
        self.assertNotEqual(after[0]["address"], before["address"])

    async def test_coins_travel(self) -> None:
        """A withdrawal to a stored address arrives at the other venue, less the fee, and nothing is lost."""
        address = self.target.funding.current_address("pool", "BTC")
        (stored,) = await self.caller.result("WithdrawAddresses", asset="XBT")
        self.assertEqual(stored["address"], address)
        wrong = await self.error_of("Withdraw", asset="XBT", key=stored["key"], amount="1", address="elsewhere")
        self.assertEqual(wrong, "EFunding:Invalid address")
        answer = await self.caller.result("Withdraw", asset="XBT", key=stored["key"], amount="1", address=address)
        self.clock.advance(10)
        (status,) = await self.caller.result("WithdrawStatus", asset="XBT")
        self.assertEqual((status["refid"], status["status"], status["amount"]), (answer["refid"], "Pending", "0.99990000"))
        self.clock.advance(600)
        self.assertEqual(self.target.accounts.balance("pool", "BTC"), D("0.9999"))
        (status,) = await self.caller.result("WithdrawStatus", asset="XBT")
        self.assertEqual(status["status"], "Success")
        self.assertEqual(status["txid"], self.target.funding.deposits[0].transaction_id)
        self.assertTrue(all(self.world.truth()["conserved"].values()))

    async def test_cash_travels(self) -> None:
        """Dollars sent to a bank reference arrive as forints; forints sent to ours arrive as dollars, in the ledger too."""
        reference = self.target.funding.current_address("pool", "HUF")
        (stored,) = await self.caller.result("WithdrawAddresses", asset="ZUSD")
        self.assertEqual(stored["address"], reference)
        await self.caller.result("Withdraw", asset="USD", key=stored["key"], amount="1000")
        methods = await self.caller.result("DepositMethods", asset="ZUSD")
        (own,) = await self.caller.result("DepositAddresses", asset="ZUSD", method=methods[0]["method"])
        self.clock.advance(10)
        self.clock.advance(3600)
        self.assertGreater(self.target.accounts.balance("pool", "HUF"), 350_000)
        self.target.funding.withdraw("pool", "HUF", D(300_000), own["address"])
        self.clock.advance(10)
        self.clock.advance(3600)
        newest = next(iter((await self.caller.result("Ledgers", asset="USD"))["ledger"].values()))
        deposit = (await self.caller.result("DepositStatus", asset="USD"))[0]
        self.assertEqual((newest["type"], newest["refid"]), ("deposit", deposit["refid"]))
        self.assertEqual((deposit["info"], D(deposit["amount"]) > 750), (own["address"], True))
        self.assertTrue(all(self.world.truth()["conserved"].values()))

    async def test_refusals(self) -> None:
        """An unknown key and too large an amount."""
        self.assertEqual(await self.error_of("Withdraw", asset="XBT", key="x", amount="1"), "EFunding:Unknown withdraw key")
        self.target.funding.current_address("pool", "BTC")
        error = await self.error_of("Withdraw", asset="XBT", key="pool-1", amount="11")
        self.assertEqual(error, "EOrder:Insufficient funds")


class Faulty(FrontCase):
    """Faults over the wire."""

    async def test_error(self) -> None:
        """The text is given as the error, as often as wanted, and nothing is done."""
        self.faults.add("kraken", "AddOrder", Kind.ERROR, count=1, text="EService:Busy")
        order = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "volume": "0.1", "price": "49000"}
        self.assertEqual(await self.error_of("AddOrder", **order), "EService:Busy")
        self.assertEqual(self.venue.open_orders("pool"), [])
        await self.add_order()

    async def test_done_no_answer(self) -> None:
        """The order is in the book although nothing was answered."""
        self.faults.add("*", "AddOrder", Kind.DONE_NO_ANSWER, count=1)
        asked = Deferred.fromCoroutine(self.add_order())
        await deferLater(reactor, 0.2)
        self.assertFalse(asked.called)
        self.assertEqual(len(self.venue.open_orders("pool")), 1)
        self.front.drop_connections()
        await self.assertFailure(asked, Exception)

    async def test_delay(self) -> None:
        """The answer comes, late."""
        self.faults.add("kraken", "Balance", Kind.DELAY, seconds=D("0.1"))
        before = reactor.seconds()
        await self.caller.result("Balance")
        self.assertGreaterEqual(reactor.seconds() - before, 0.1)

    async def test_refused_connection(self) -> None:
        """New connections are closed at once, until the fault ends."""
        fault = self.faults.add("kraken", "connect", Kind.REFUSE_CONNECT)
        await self.assertFailure(Deferred.fromCoroutine(self.caller.public("Time")), Exception)
        self.faults.remove(fault.id)
        await self.caller.public("Time")


class FollowedBook:
    """A book kept by the documented rules from the stream's messages."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}

    def apply(self, data: Any) -> bool:
        """Apply one message; whether the checksum fits."""
        for word, side in self.sides.items():
            for level in data[word]:
                side[level["price"]] = level["qty"]
            ordered = sorted((price for price in side if side[price]), reverse=word == "bids")[: self.depth]
            self.sides[word] = {price: side[price] for price in ordered}
        texts = {word: [(str(p), str(q)) for p, q in side.items()] for word, side in self.sides.items()}
        return bool(book_checksum(texts["asks"], texts["bids"]) == data["checksum"])


class Streaming(FrontCase):
    """The WebSocket."""

    async def opened(self) -> Listener:
        stream = await self.caller.stream()
        await stream.until(lambda message: message.get("channel") == "status")
        return stream

    async def subscribed(self, stream: Listener, channel: str, **params: Any) -> Any:
        stream.ask(method="subscribe", params={"channel": channel, **params}, req_id=7)
        await stream.until(lambda message: message.get("req_id") == 7 and message["success"])
        return await stream.until(lambda message: message.get("type") == "snapshot" and message["channel"] == channel)

    def text_of(self, message: Any) -> str:
        return json.dumps(message, default=float)

    async def test_ping(self) -> None:
        """A ping is answered with its id; nonsense and unknown symbols are refused."""
        stream = await self.opened()
        stream.ask(method="ping", req_id=3)
        self.assertEqual((await stream.until(lambda message: message.get("method") == "pong"))["req_id"], 3)
        stream.ask(method="subscribe", params={"channel": "book", "symbol": ["XBT/USD"]})
        answer = await stream.until(lambda message: message.get("method") == "subscribe")
        self.assertEqual((answer["success"], answer["error"]), (False, "Currency pair not supported XBT/USD"))
        await stream.close()

    async def test_book(self) -> None:
        """Snapshot and updates keep a follower's book right and its checksum true, at a depth that cuts."""
        stream, book = await self.opened(), FollowedBook(10)
        snapshot = await self.subscribed(stream, "book", symbol=[CONTRACT], depth=10)
        self.assertTrue(book.apply(snapshot["data"][0]))
        orders = [self.place(Side.SELL, "0.25", str(50_005 + step)) for step in range(12)]
        for order in orders[:5]:
            self.venue.cancel("maker", order.id)
        self.venue.place("pool", CONTRACT, Side.BUY, D("0.5"), D("50000"))
        self.place(Side.SELL, "0.1", "49999.9")
        await stream.until(lambda message: '"price": 49999.9' in self.text_of(message))
        updates = [message["data"][0] for message in stream.messages if message.get("channel") == "book"][1:]
        self.assertEqual([book.apply(data) for data in updates], [True] * len(updates))
        self.assertEqual(list(book.sides["asks"]), [level.price for level in self.venue.levels(CONTRACT, Side.SELL, 10)])
        await stream.close()

    async def test_executions(self) -> None:
        """Open orders first; then new, trade, filled with rising sequence and the ids of the trade history."""
        (resting,) = (await self.add_order(cl_ord_id="ilp-1"))["txid"]
        token = (await self.caller.result("GetWebSocketsToken"))["token"]
        stream = await self.opened()
        snapshot = await self.subscribed(stream, "executions", token=token, snap_orders=True)
        self.assertEqual([(entry["order_id"], entry["cl_ord_id"]) for entry in snapshot["data"]], [(resting, "ilp-1")])
        await self.add_order(price="50000", volume="0.4")
        await self.caller.result("CancelOrder", txid=resting)
        await stream.until(lambda m: m.get("channel") == "executions" and m["data"] and m["data"][0]["exec_type"] == "canceled")
        messages = [message for message in stream.messages if message.get("channel") == "executions"]
        self.assertEqual([message["sequence"] for message in messages], list(range(1, len(messages) + 1)))
        entries = [entry for message in messages[1:] for entry in message["data"]]
        self.assertEqual([entry["exec_type"] for entry in entries], ["pending_new", "new", "trade", "filled", "canceled"])
        self.assertEqual([entries[2]["exec_id"]], list((await self.caller.result("TradesHistory"))["trades"]))
        self.assertEqual(entries[2]["fees"], [{"asset": "USD", "qty": D("52.00000")}])
        await stream.close()

    async def test_balances(self) -> None:
        """Balances first, then each posting."""
        token = (await self.caller.result("GetWebSocketsToken"))["token"]
        stream = await self.opened()
        snapshot = await self.subscribed(stream, "balances", token=token)
        self.assertEqual({entry["asset"]: entry["balance"] for entry in snapshot["data"]}, {"USD": D(100_000), "BTC": D(10)})
        self.world.fund("kraken", "pool", "BTC", D(1))
        update = await stream.until(lambda message: message.get("channel") == "balances" and message["type"] == "update")
        self.assertEqual((update["data"][0]["amount"], update["data"][0]["balance"], update["sequence"]), (D(1), D(11), 2))
        await stream.close()

    async def test_bad_token(self) -> None:
        """Private channels need a token."""
        stream = await self.opened()
        stream.ask(method="subscribe", params={"channel": "executions", "token": "x"})
        answer = await stream.until(lambda message: message.get("method") == "subscribe")
        self.assertEqual(answer["error"], "ESession:Invalid session")
        await stream.close()

    async def test_faults(self) -> None:
        """A wrong checksum, a skipped sequence number, a twin, a lost connection."""
        token = (await self.caller.result("GetWebSocketsToken"))["token"]
        stream, book = await self.opened(), FollowedBook(10)
        self.assertTrue(book.apply((await self.subscribed(stream, "book", symbol=[CONTRACT]))["data"][0]))
        await self.subscribed(stream, "executions", token=token)
        self.faults.add("kraken", "book", Kind.CHECKSUM, count=1)
        self.faults.add("kraken", "executions", Kind.GAP, count=1)
        self.faults.add("kraken", "executions", Kind.DUPLICATE, count=1)
        (first,) = (await self.add_order())["txid"]
        wrong = await stream.until(lambda message: message.get("channel") == "book" and message["type"] == "update")
        self.assertFalse(book.apply(wrong["data"][0]))
        await self.caller.result("CancelOrder", txid=first)
        await stream.until(lambda message: message.get("sequence") == 5)
        sequences = [message["sequence"] for message in stream.messages if "sequence" in message]
        self.assertEqual(sequences, [1, 4, 5])
        self.faults.add("kraken", "book", Kind.DISCONNECT, count=1)
        await self.add_order()
        await stream.closed

    async def test_another_order(self) -> None:
        """A message comes after its successor, on both channels: the sequence and the checksum show it."""
        token = (await self.caller.result("GetWebSocketsToken"))["token"]
        stream, book = await self.opened(), FollowedBook(10)
        self.assertTrue(book.apply((await self.subscribed(stream, "book", symbol=[CONTRACT]))["data"][0]))
        await self.subscribed(stream, "executions", token=token)
        for channel in ("book", "executions"):
            self.faults.add("kraken", channel, Kind.REORDER, count=1)
        (first,) = (await self.add_order())["txid"]
        await self.caller.result("CancelOrder", txid=first)
        await stream.until(lambda message: message.get("sequence") == 3)
        sequences = [message["sequence"] for message in stream.messages if "sequence" in message]
        self.assertEqual(sequences, [1, 4, 2, 3])
        updates = [message for message in stream.messages if message.get("channel") == "book" and message["type"] == "update"]
        self.assertEqual([level["qty"] > 0 for message in updates for level in message["data"][0]["bids"]], [False, True])
        await stream.close()
