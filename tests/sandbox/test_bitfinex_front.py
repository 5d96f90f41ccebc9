"""The Bitfinex front's refusals and streams, over real sockets: keys, nonces, digits, limits, checksums, numbers, faults."""

import hashlib
import hmac
import json
import zlib
from decimal import Decimal
from itertools import count
from typing import Any, cast

import treq
from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.client import HTTPConnectionPool

from model.order import Side
from sandbox.bitfinex_front import BitfinexFront
from sandbox.bitfinex_keys import Key
from sandbox.faults import Faults, Kind
from tests.clients.bitfinex_venues import CONTRACT, SYMBOL, SandboxBitfinex
from tests.clients.sandbox_venue import SECRET
from tests.sandbox.kraken_caller import Listener
from tests.sandbox.worlds import D

SUBMIT, CANCEL, WALLETS = "auth/w/order/submit", "auth/w/order/cancel", "auth/r/wallets"
ORDER = {"type": "EXCHANGE LIMIT", "symbol": SYMBOL, "amount": "0.1", "price": "49000"}


def mac(secret: str, text: str) -> str:
    """Hex of HMAC-SHA384."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha384).hexdigest()


class FrontCase(TestCase):
    """A plain caller of Bitfinex's wire, written from its documentation."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.sandbox = SandboxBitfinex()
        await self.sandbox.open()
        self.addCleanup(self.sandbox.front.stop)
        self.port = self.sandbox.port
        self.nonces = count(1_700_000_000_000_000)
        self.pool = HTTPConnectionPool(reactor, persistent=False)

    async def public(self, path: str) -> Any:
        response = await treq.get(f"http://127.0.0.1:{self.port}/v2/{path}", pool=self.pool)
        return json.loads(await response.content(), parse_float=Decimal)

    async def call(self, call: str, body: str = "{}", **changes: Any) -> tuple[int, Any]:
        """Status and answer of a private call; ``changes`` stand in for key, secret and nonce."""
        nonce = str(changes.get("nonce", next(self.nonces)))
        headers: Any = {
            "bfx-nonce": nonce,
            "bfx-apikey": changes.get("key", "key"),
            "bfx-signature": mac(changes.get("secret", SECRET), f"/api/v2/{call}{nonce}{body}"),
        }
        response = await treq.post(f"http://127.0.0.1:{self.port}/v2/{call}", body.encode(), headers=headers, pool=self.pool)
        return response.code, json.loads(await response.content(), parse_float=Decimal)

    async def order(self, **changes: Any) -> tuple[int, Any]:
        return await self.call(SUBMIT, json.dumps({**ORDER, **changes}))

    async def number(self, **changes: Any) -> int:
        """The id of an order that is taken."""
        status, answer = await self.order(**changes)
        self.assertEqual((200, "SUCCESS"), (status, answer[6]))
        return int(answer[4][0][0])

    async def refused(self, **changes: Any) -> tuple[int, str]:
        status, (word, code, text) = await self.order(**changes)
        self.assertEqual((500, "error"), (status, word))
        return code, text


class AccessTests(FrontCase):
    """Who may call."""

    async def test_keys_and_signatures(self) -> None:
        """An unknown key and a wrong signature have words of their own."""
        for wrong, text in (({"key": "x"}, "apikey: invalid"), ({"secret": "x"}, "apikey: digest invalid")):
            self.assertEqual((500, ["error", 10100, text]), await self.call(WALLETS, **wrong))

    async def test_nonces(self) -> None:
        """They rise, and are no larger than what JavaScript counts exactly."""
        self.assertEqual(200, (await self.call(WALLETS, nonce=5))[0])
        for wrong in (5, 4, 2**53, "soon", ""):
            self.assertEqual((500, ["error", 10114, "nonce: small"]), await self.call(WALLETS, nonce=wrong))
        self.assertEqual(200, (await self.call(WALLETS, nonce=2**53 - 1))[0])

    async def test_limits(self) -> None:
        """The 91st call of a kind within a minute is a 429, and then all are."""
        strict = BitfinexFront(
            self.sandbox.venue, self.sandbox.world, [Key("key", SECRET, "pool")], Faults(), reactor, limits=True
        )
        self.port = await strict.listen(0)
        self.addCleanup(strict.stop)
        statuses = [(await self.call(WALLETS))[0] for _ in range(91)]
        self.assertEqual([200] * 90 + [429], statuses)
        self.assertEqual(["error", 11010, "ratelimit: error"], await self.public("platform/status"))

    async def test_what_there_is_not(self) -> None:
        """Unknown paths, and bodies that are no JSON object."""
        self.assertEqual(["error", 10020, "request: invalid"], await self.public("nothing"))
        self.assertEqual(["error", 10020, "request: invalid"], await self.public("book"))
        self.assertEqual(404, (await self.call("auth/r/nothing"))[0])
        self.assertEqual((500, ["error", 10020, "body: invalid"]), await self.call(WALLETS, "[]"))


class OrderTests(FrontCase):
    """What an order must be."""

    async def test_rules(self) -> None:
        """Each is refused in its own words."""
        for changes, expected in (
            ({"amount": "100"}, (10001, "Invalid order: not enough exchange balance for 100 BTCUSD at 49000")),
            ({"amount": "0.00001"}, (10001, "Invalid order: minimum size for BTCUSD is 0.00004")),
            ({"amount": "0.123456789"}, (10020, "amount: invalid")),
            ({"amount": "NaN"}, (10020, "amount: invalid")),
            ({"price": "-1"}, (10020, "price: invalid")),
            ({"symbol": "tNOPE"}, (10020, "symbol: invalid")),
            ({"type": "LIMIT"}, (10001, "Invalid order: type is not supported")),
            ({"cid": "x"}, (10020, "cid: invalid")),
        ):
            self.assertEqual(expected, await self.refused(**changes))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))

    async def test_price_is_rounded_silently(self) -> None:
        """Five digits are kept, as by the real one."""
        await self.number(price="49000.7")
        self.assertEqual([D(49_001)], [order.price for order in self.sandbox.venue.open_orders("pool")])

    async def test_ids_are_not_unique(self) -> None:
        """The same cid twice is two orders; both numbers come back; a cancel by cid takes the newest."""
        first, second = await self.number(cid=7, gid=3), await self.number(cid=7, gid=3)
        _, rows = await self.call("auth/r/orders")
        self.assertEqual([[second, 3, 7], [first, 3, 7]], [row[:3] for row in rows])
        _, told = await self.call(CANCEL, '{"cid":7,"cid_date":"2026-11-21"}')
        self.assertEqual((second, "ACTIVE"), (told[4][0], told[4][13]))
        self.assertEqual([first], [row[0] for row in (await self.call("auth/r/orders"))[1]])

    async def test_sale_and_its_history(self) -> None:
        """What is sold is negative everywhere; the fee is negative and in what was received."""
        number = await self.number(amount="-0.7", price="49980", type="EXCHANGE IOC")
        _, ((*row,),) = await self.call("auth/r/orders/hist", json.dumps({"id": [number]}))
        self.assertEqual([D(0), D("-0.7"), "EXCHANGE IOC"], row[6:9])
        self.assertEqual("EXECUTED @ 49980(-0.7)", row[13])
        _, trades = await self.call("auth/r/trades/hist", '{"sort":1}')
        self.assertEqual([D("-0.5"), D("-0.2")], [trade[4] for trade in trades])
        self.assertEqual([[-1, D("-49.99"), "USD"], [-1, D("-19.992"), "USD"]], [trade[8:11] for trade in trades])
        self.assertEqual({"BTC": 0, "USD": 0}, self.sandbox.world.totals())

    async def test_cancel_of_what_is_over(self) -> None:
        """An order that is filled, or never was, is not found."""
        filled = await self.number(price="50000")
        for number in (filled, 987654321):
            status, answer = await self.call(CANCEL, json.dumps({"id": number}))
            self.assertEqual((500, ["error", 10001, "Order not found."]), (status, answer))

    async def test_faults(self) -> None:
        """Done without an answer is done; an error is not; digits alone are an HTTP status."""
        self.sandbox.faults.add("bitfinex", SUBMIT, Kind.ERROR, count=1, text="10001 Invalid order: no")
        self.assertEqual((10001, "Invalid order: no"), await self.refused())
        self.sandbox.faults.add("bitfinex", "platform/status", Kind.DELAY, count=1, seconds=D("0.01"))
        self.assertEqual([1], await self.public("platform/status"))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))
        self.sandbox.faults.add("bitfinex", SUBMIT, Kind.DONE_NO_ANSWER, count=1)
        unanswered: Deferred[Any] = Deferred.fromCoroutine(self.order())
        unanswered.addErrback(lambda _: None)
        for _ in range(100):
            if self.sandbox.venue.open_orders("pool"):
                break
            await deferLater(reactor, 0.02)
        self.assertEqual([CONTRACT], [order.contract for order in self.sandbox.venue.open_orders("pool")])
        unanswered.cancel()


class MoneyTests(FrontCase):
    """Wallets, ledgers, withdrawals."""

    async def test_withdrawal(self) -> None:
        """The fee comes on top unless it is to be deducted; to a stranger it has number 0; too much is refused."""
        wanted = {"wallet": "exchange", "method": "bitcoin", "amount": "1", "address": self.sandbox.address}
        for changes, left in (({}, D("8.9999")), ({"fee_deduct": 1}, D("7.9999"))):
            _, told = await self.call("auth/w/withdraw", json.dumps({**wanted, **changes}))
            self.assertEqual(("SUCCESS", True), (told[6], told[4][0] > 0))
            self.assertEqual(left, self.sandbox.venue.accounts.balance("pool", "BTC"))
        _, told = await self.call("auth/w/withdraw", json.dumps({**wanted, "address": "bc1qstranger"}))
        self.assertEqual((0, "Invalid bitcoin address (bc1qstranger)"), (told[4][0], told[7]))
        status, told = await self.call("auth/w/withdraw", json.dumps({**wanted, "amount": "50"}))
        self.assertEqual((500, 10001), (status, told[1]))
        self.assertIn("available balance is only 7.9999", told[2])
        for wrong in ({"method": "litecoin"}, {"wallet": "margin"}):
            self.assertEqual(10020, (await self.call("auth/w/withdraw", json.dumps({**wanted, **wrong})))[1][1])

    async def test_ledgers_add_up(self) -> None:
        """Each entry's balance is the sum of all before; a fee is an entry of its own category."""
        await self.number(price="50000")
        _, rows = await self.call("auth/r/ledgers/BTC/hist", '{"limit":100}')
        total = D(0)
        for row in rows[::-1]:
            total += row[5]
            self.assertEqual(total, row[6])
        self.assertEqual(self.sandbox.venue.accounts.balance("pool", "BTC"), total)
        _, fees = await self.call("auth/r/ledgers/hist", '{"category":201}')
        self.assertEqual([["BTC", D("-0.0002")]], [[row[1], row[5]] for row in fees])


class StreamTests(FrontCase):
    """``/ws/2``."""

    async def stream(self, flags: int = 0) -> Listener:
        """A connection, greeted and configured."""
        factory = WebSocketClientFactory(f"ws://127.0.0.1:{self.port}/ws/2")
        factory.protocol = Listener
        protocol: Any = factory.buildProtocol(None)
        await connectProtocol(HostnameEndpoint(reactor, "127.0.0.1", self.port), protocol)
        self.addCleanup(protocol.close)
        await protocol.until(lambda message: message["event"] == "info")
        if flags:
            protocol.ask(event="conf", flags=flags)
            await protocol.until(lambda message: message == {"event": "conf", "status": "OK", "flags": flags})
        return cast(Listener, protocol)

    def of(self, listener: Listener, channel: int) -> list[Any]:
        return [message for message in listener.messages if isinstance(message, list) and message[0] == channel]

    async def subscribed(self, listener: Listener) -> int:
        listener.ask(event="subscribe", channel="book", symbol=SYMBOL, prec="P0", len="25")
        told = await listener.until(lambda message: isinstance(message, dict) and message["event"] == "subscribed")
        return int(told["chanId"])

    async def test_book(self) -> None:
        """A snapshot and its checksum, then each change and its checksum, all numbered; prices of five digits."""
        listener = await self.stream(65_536 + 131_072)
        channel = await self.subscribed(listener)
        await listener.until(lambda message: isinstance(message, list) and message[1] == "cs")
        self.sandbox.trade(Side.BUY, D("0.1"), D("49990.7"))
        self.sandbox.trade(Side.SELL, D("0.1"), D("49999.3"))
        await listener.until(lambda message: isinstance(message, list) and message[-1] == 6)
        snapshot, first, *rest = self.of(listener, channel)
        half, (bids, asks) = D("0.5"), ([49990, 49980], [50000, 50010])
        self.assertEqual([[p, 1, half] for p in bids] + [[p, 1, -half] for p in asks], snapshot[1])
        text = "49990:0.5:50000:-0.5:49980:0.5:50010:-0.5"
        self.assertEqual(zlib.crc32(text.encode()), first[2] % 2**32)
        # Bids are shown rounded down, asks up: both fall on prices that are there already.
        self.assertEqual([[channel, [49990, 2, D("0.6")], 3], [channel, [50000, 2, D("-0.6")], 5]], rest[0::2])
        self.assertEqual([1, 2, 3, 4, 5, 6], [message[-1] for message in self.of(listener, channel)])

    async def test_subscriptions(self) -> None:
        """Once per symbol; what is not there is refused; after an unsubscription nothing comes."""
        listener = await self.stream()
        channel = await self.subscribed(listener)
        for request, code in (
            ({"symbol": SYMBOL}, 10301),
            ({"symbol": "tNOPE"}, 10300),
            ({"symbol": SYMBOL, "prec": "R0"}, 10302),
            ({"symbol": SYMBOL, "channel": "ticker"}, 10302),
        ):
            listener.ask(**{"event": "subscribe", "channel": "book", **request})
            told = await listener.until(lambda message, code=code: isinstance(message, dict) and message.get("code") == code)
            self.assertEqual("error", told["event"])
        listener.ask(event="unsubscribe", chanId=channel)
        await listener.until(lambda message: isinstance(message, dict) and message["event"] == "unsubscribed")
        seen = len(self.of(listener, channel))
        self.sandbox.trade(Side.BUY, D("0.1"), D(49_991))
        listener.ask(event="ping", cid=5)
        told = await listener.until(lambda message: isinstance(message, dict) and message["event"] == "pong")
        self.assertEqual((5, seen), (told["cid"], len(self.of(listener, channel))))

    def log_in(self, listener: Listener, nonce: int, secret: str = SECRET, **more: Any) -> None:
        payload = f"AUTH{nonce}"
        words = {"apiKey": "key", "authNonce": nonce, "authPayload": payload, "authSig": mac(secret, payload)}
        listener.ask(event="auth", **words, **more)

    async def test_account(self) -> None:
        """Snapshots, then each order and execution in turn, with wallets; nonces are those of the calls."""
        listener = await self.stream()
        self.log_in(listener, next(self.nonces))
        await listener.until(lambda message: isinstance(message, list) and message[1] == "os")
        await self.number(price="50000", amount="0.7", cid=9)
        await listener.until(lambda message: isinstance(message, list) and message[1] == "tu")
        await self.call(WALLETS)
        kinds = [message[1] for message in self.of(listener, 0)]
        self.assertEqual(["ws", "os", "on", "wu", "wu", "te", "ou", "tu", "wu", "wu"], kinds[:10])
        _, _, trade = next(message for message in self.of(listener, 0) if message[1] == "tu")
        self.assertEqual([-1, D("-0.001"), "BTC", 9], trade[8:12])
        self.log_in(other := await self.stream(), 1)
        told = await other.until(lambda message: isinstance(message, dict) and message["event"] == "auth")
        self.assertEqual(("FAILED", 10114), (told["status"], told["code"]))
        self.log_in(other := await self.stream(), next(self.nonces), secret="wrong")
        told = await other.until(lambda message: isinstance(message, dict) and message["event"] == "auth")
        self.assertEqual(("FAILED", 10100), (told["status"], told["code"]))

    async def test_filter(self) -> None:
        """Who asks for trading only hears of no wallets."""
        listener = await self.stream()
        self.log_in(listener, next(self.nonces), filter=["trading"])
        await listener.until(lambda message: isinstance(message, list) and message[1] == "os")
        number = await self.number()
        await self.call(CANCEL, json.dumps({"id": number}))
        told = await listener.until(lambda message: isinstance(message, list) and message[1] == "oc")
        self.assertEqual((number, "CANCELED"), (told[2][0], told[2][13]))
        self.assertEqual(["os", "on", "oc"], [message[1] for message in self.of(listener, 0)])
