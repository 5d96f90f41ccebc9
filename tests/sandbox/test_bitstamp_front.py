"""The Bitstamp front's refusals, over real sockets: keys, signatures, nonces, times, steps, limits, and who may hear what."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import treq
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.client import HTTPConnectionPool

from model.order import Side
from sandbox.bitstamp_front import BitstampFront
from sandbox.bitstamp_keys import Key
from sandbox.faults import Faults, Kind
from tests.clients.bitstamp_venues import CONTRACT, SandboxBitstamp
from tests.clients.sandbox_venue import SECRET, now
from tests.sandbox.worlds import D

FORM = "application/x-www-form-urlencoded"
BUY, STATUS = "/api/v2/buy/btcusd/", "/api/v2/order_status/"
ORDER = {"amount": "0.1", "price": "49000"}


class FrontCase(TestCase):
    """A plain caller of Bitstamp's wire, written from its documentation."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.sandbox = SandboxBitstamp()
        await self.sandbox.open()
        self.addCleanup(self.sandbox.front.stop)
        self.port = self.sandbox.port
        self.pool = HTTPConnectionPool(reactor, persistent=False)

    async def call(self, path: str, form: dict[str, str] | None = None, **changes: Any) -> tuple[int, Any]:
        """Status and answer of a private call; ``changes`` stand in for key, secret, nonce, timestamp and content type."""
        body = urlencode(form or {})
        self.nonce = changes.get("nonce") or str(uuid4())
        timestamp = str(changes.get("timestamp", int(now().timestamp() * 1000)))
        content_type = changes.get("content_type", FORM if body else "")
        who, host = f"BITSTAMP {changes.get('key', 'key')}", f"127.0.0.1:{self.port}"
        text = who + "POST" + host + path + content_type + self.nonce + timestamp + "v2" + body
        secret = changes.get("secret", SECRET).encode()
        headers = {
            "X-Auth": who,
            "X-Auth-Signature": hmac.new(secret, text.encode(), hashlib.sha256).hexdigest().upper(),
            "X-Auth-Nonce": self.nonce,
            "X-Auth-Timestamp": timestamp,
            "X-Auth-Version": "v2",
        } | ({"Content-Type": content_type} if content_type else {})
        data = body.encode() or None
        given: Any = {name: value for name, value in headers.items() if name != changes.get("without")}
        response = await treq.post(f"http://{host}{path}", headers=given, data=data, pool=self.pool)
        content = await response.content()
        sealed = self.nonce + timestamp + (response.headers.getRawHeaders("Content-Type") or [""])[0]
        self.good_seal = hmac.new(SECRET.encode(), sealed.encode() + content, hashlib.sha256).hexdigest()
        self.headers = response.headers
        return response.code, json.loads(content)

    async def refused(self, path: str, form: dict[str, str] | None = None, **changes: Any) -> str:
        """The code with which a call is refused; codes tell the status."""
        status, answer = await self.call(path, form, **changes)
        self.assertEqual("error", answer["status"])
        code = str(answer.get("code") or answer["response_code"])
        self.assertEqual(403 if code.startswith("API") else int(code[:3]), status)
        return code


class AccessTests(FrontCase):
    """Who may call."""

    async def test_keys_signatures_and_headers(self) -> None:
        """An unknown key, a wrong signature and each missing header have codes of their own; nothing is done."""
        for wrong, code in (
            ({"key": "nobody"}, "API0001"),
            ({"secret": "wrong"}, "API0005"),
            ({"without": "X-Auth"}, "API0012"),
            ({"without": "X-Auth-Signature"}, "API0013"),
            ({"without": "X-Auth-Nonce"}, "API0014"),
            ({"without": "X-Auth-Timestamp"}, "API0015"),
            ({"without": "X-Auth-Version"}, "API0016"),
            ({"content_type": "application/json"}, "API0019"),
        ):
            self.assertEqual(code, await self.refused(BUY, ORDER, **wrong))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))
        self.assertEqual("API0020", await self.refused("/api/v2/account_balances/", content_type=FORM))

    async def test_nonces_and_times(self) -> None:
        """A nonce is good once; a time may be off by 150 s either way."""
        nonce, moment = str(uuid4()), int(now().timestamp() * 1000)
        self.assertEqual(200, (await self.call("/api/v2/account_balances/", nonce=nonce))[0])
        self.assertEqual("API0004", await self.refused("/api/v2/account_balances/", nonce=nonce))
        self.assertEqual("API0004", await self.refused("/api/v2/account_balances/", nonce="7"))
        for shift in (-160_000, 160_000):
            self.assertEqual("API0017", await self.refused("/api/v2/account_balances/", timestamp=moment + shift))
        self.assertEqual("API0018", await self.refused("/api/v2/account_balances/", timestamp="soon"))
        self.assertEqual(200, (await self.call("/api/v2/account_balances/", timestamp=moment - 140_000))[0])

    async def test_answers_are_signed(self) -> None:
        """Over nonce, time, content type and body."""
        await self.call("/api/v2/account_balances/")
        self.assertEqual([self.good_seal], self.headers.getRawHeaders("X-Server-Auth-Signature"))

    async def test_limits(self) -> None:
        """Beyond 400 calls in a second it is refused by its code."""
        venue, world = self.sandbox.venue, self.sandbox.world
        strict = BitstampFront(venue, world, [Key("key", SECRET, "pool")], Faults(), reactor, limits=True)
        self.port = await strict.listen(0)
        self.addCleanup(strict.stop)
        from sandbox import bitstamp_keys

        self.patch(bitstamp_keys, "_PER_SECOND", 3)
        for _ in range(3):
            self.assertEqual(200, (await self.call("/api/v2/account_balances/"))[0])
        self.assertEqual("400.002", await self.refused("/api/v2/account_balances/"))


class OrderTests(FrontCase):
    """What an order must be."""

    async def test_steps_and_means(self) -> None:
        """Each rule of the market is refused by its code."""
        for changes, code in (
            ({"price": "49000.5"}, "400.041"),
            ({"amount": "0.000000001"}, "400.026"),
            ({"amount": "0.0001"}, "400.020"),
            ({"amount": "100"}, "400.009"),
            ({"amount": "NaN"}, "400.007"),
            ({"amount": ""}, "400.004"),
            ({"ioc_order": "True", "moc_order": "True"}, "400.024"),
        ):
            self.assertEqual(code, await self.refused(BUY, {**ORDER, **changes}))
        self.assertEqual("404.001", await self.refused("/api/v2/buy/nope/", ORDER))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))

    async def test_both_ids_find_an_order(self) -> None:
        """Ours and the venue's; the fees of its executions are in quote."""
        _, placed = await self.call(BUY, {"amount": "0.1", "price": "50000", "client_order_id": "ilp-1"})
        for name in ({"id": placed["id"]}, {"client_order_id": "ilp-1"}):
            _, found = await self.call(STATUS, name)
            self.assertEqual(
                ("Finished", "0.00000000", "ilp-1"), (found["status"], found["amount_remaining"], found["client_order_id"])
            )
            (part,) = found["transactions"]
            self.assertEqual(("0.10000000", "5000.00000000", "20.00000"), (part["btc"], part["usd"], part["fee"]))
        self.assertEqual("400.019", await self.open_twice())
        self.assertEqual({"BTC": 0, "USD": 0}, self.sandbox.world.totals())

    async def open_twice(self) -> str:
        """The code for a client id that an open order has already."""
        await self.call(BUY, {**ORDER, "client_order_id": "ilp-2"})
        return await self.refused(BUY, {**ORDER, "client_order_id": "ilp-2"})

    async def test_cancel_of_what_is_over(self) -> None:
        """An order that is filled, or never was, is unknown to a cancel; a look tells which."""
        _, bought = await self.call(BUY, {**ORDER, "price": "50000"})
        for number in (bought["id"], "1450987654321000"):
            self.assertEqual("404.002", await self.refused("/api/v2/cancel_order/", {"id": number}))
        self.assertEqual("Finished", (await self.call(STATUS, {"id": bought["id"]}))[1]["status"])
        self.assertEqual("404.002", await self.refused(STATUS, {"id": "1450987654321000"}))

    async def test_faults(self) -> None:
        """Done without an answer is done; an error is not."""
        self.sandbox.faults.add("bitstamp", f"POST {BUY}", Kind.ERROR, count=1, text="400.067 Too many orders.")
        self.assertEqual("400.067", await self.refused(BUY, ORDER))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))
        self.sandbox.faults.add("bitstamp", f"POST {BUY}", Kind.DONE_NO_ANSWER, count=1)
        unanswered: Deferred[Any] = Deferred.fromCoroutine(self.call(BUY, ORDER))
        unanswered.addErrback(lambda _: None)
        for _ in range(100):
            if self.sandbox.venue.open_orders("pool"):
                break
            await deferLater(reactor, 0.02)
        self.assertEqual([CONTRACT], [order.contract for order in self.sandbox.venue.open_orders("pool")])
        unanswered.cancel()

    async def test_old_postings_are_not_asked_for_by_time(self) -> None:
        """since_timestamp reaches back 30 days, no further."""
        seconds = int(now().timestamp())
        self.assertEqual(
            "400.013", await self.refused("/api/v2/user_transactions/", {"since_timestamp": str(seconds - 31 * 86_400)})
        )
        _, rows = await self.call("/api/v2/user_transactions/", {"since_timestamp": str(seconds - 60)})
        self.assertEqual({"0"}, {row["type"] for row in rows})


class _Caller(WebSocketClientProtocol):
    """Keeps what it hears."""

    def onOpen(self) -> None:
        self.factory.opened.callback(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        self.factory.heard.append(json.loads(payload))


class SocketTests(FrontCase):
    """Who may hear what."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        factory: Any = WebSocketClientFactory(f"ws://127.0.0.1:{self.port}/ws")
        factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        factory.protocol, factory.heard, factory.opened = _Caller, [], Deferred()
        self.factory = factory
        reactor.connectTCP("127.0.0.1", self.port, factory)
        self.caller: Any = await factory.opened

    async def ask(self, event: str, **data: str) -> Any:
        """The answer to a request."""
        count = len(self.factory.heard)
        self.caller.sendMessage(json.dumps({"event": event, "data": data}).encode())
        return await self.hear(count)

    async def hear(self, number: int) -> Any:
        """Message ``number``."""
        for _ in range(250):
            if len(self.factory.heard) > number:
                return self.factory.heard[number]
            await deferLater(reactor, 0.02)
        return self.fail(f"heard {self.factory.heard}")

    async def test_requests(self) -> None:
        """A sign of life, a channel, one that there is not, and the end of one."""
        self.assertEqual({"status": "success"}, (await self.ask("bts:heartbeat"))["data"])
        told = await self.ask("bts:subscribe", channel="order_book_btcusd")
        self.assertEqual(("bts:subscription_succeeded", "order_book_btcusd"), (told["event"], told["channel"]))
        self.assertEqual("bts:error", (await self.ask("bts:subscribe", channel="order_book_nope"))["event"])
        self.assertEqual(
            "bts:unsubscription_succeeded", (await self.ask("bts:unsubscribe", channel="order_book_btcusd"))["event"]
        )

    async def test_images_are_whole_and_dated(self) -> None:
        """Each change brings the whole book, later than the one before."""
        await self.ask("bts:subscribe", channel="order_book_btcusd")
        self.sandbox.trade(Side.BUY, D("0.1"), D(49_991))
        first = (await self.hear(1))["data"]
        self.sandbox.trade(Side.BUY, D("0.2"), D(49_992))
        second = (await self.hear(2))["data"]
        self.assertEqual(["49991", "0.10000000"], first["bids"][0])
        self.assertEqual([["49992", "0.20000000"], ["49991", "0.10000000"]], second["bids"][:2])
        self.assertLess(int(first["microtimestamp"]), int(second["microtimestamp"]))

    async def test_private_channels_want_the_users_own_token(self) -> None:
        """No token, a wrong one, another user's channel: unauthorized; each event names the one before."""
        _, access = await self.call("/api/v2/websockets_token/")
        channel = f"private-my_orders_btcusd-{access['user_id']}"
        for data in ({}, {"auth": "wrong"}):
            self.assertEqual(4009, (await self.ask("bts:subscribe", channel=channel, **data))["data"]["code"])
        other = f"private-my_orders_btcusd-{access['user_id'] + 1}"
        self.assertEqual(4009, (await self.ask("bts:subscribe", channel=other, auth=access["token"]))["data"]["code"])
        await self.ask("bts:subscribe", channel=channel, auth=access["token"])
        order = self.sandbox.venue.place("pool", CONTRACT, Side.BUY, D("0.1"), D(49_000), client_id="ilp-1")
        self.sandbox.venue.cancel("pool", order.id)
        created, deleted = await self.hear(4), await self.hear(5)
        self.assertEqual(("order_created", "order_deleted"), (created["event"], deleted["event"]))
        self.assertEqual(created["event_id"], deleted["pre_event_id"])
        self.assertEqual(("ilp-1", "0.10000000"), (created["data"]["client_order_id"], created["data"]["amount_str"]))
