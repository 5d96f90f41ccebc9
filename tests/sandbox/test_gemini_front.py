"""The Gemini front's refusals, over real sockets: keys, payloads, nonces, roles, rules of orders, rates, pages, order events."""

import base64
import hashlib
import hmac
import json
from itertools import count
from typing import Any

import treq
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.client import HTTPConnectionPool

from model.order import Side
from sandbox.faults import Faults, Kind
from sandbox.gemini_front import GeminiFront
from sandbox.gemini_keys import Key
from tests.clients.gemini_venues import CONTRACT, KEY, SYMBOL, SandboxGemini
from tests.clients.sandbox_venue import SECRET, now
from tests.sandbox.worlds import D

ORDER = {"symbol": SYMBOL, "side": "buy", "type": "exchange limit", "amount": "0.1", "price": "49000.00"}


class _Wire(WebSocketClientProtocol):
    def onOpen(self) -> None:
        self.factory.case.opened.append(self)

    def onMessage(self, payload: bytes, _is_binary: bool) -> None:
        self.factory.case.heard.append(json.loads(payload))

    def onClose(self, _was_clean: bool, _code: Any, reason: Any) -> None:
        self.factory.case.closed.append(reason)


class FrontCase(TestCase):
    """A plain caller of Gemini's wire, written from its documentation."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.sandbox = SandboxGemini()
        await self.sandbox.open()
        self.addCleanup(self.sandbox.front.stop)
        self.port = self.sandbox.port
        self.pool = HTTPConnectionPool(reactor, persistent=False)
        self.nonces = count(1)
        self.opened: list[Any] = []
        self.heard: list[Any] = []
        self.closed: list[Any] = []

    def headers(self, path: str, key: str = KEY, secret: str = SECRET, **fields: Any) -> dict[str, str]:
        """Signed; ``request`` and ``nonce`` among ``fields`` stand in for the right ones."""
        asked = {"request": path, "nonce": next(self.nonces), **fields}
        payload = base64.b64encode(json.dumps(asked).encode()).decode()
        signature = hmac.new(secret.encode(), payload.encode(), hashlib.sha384).hexdigest()
        return {"X-GEMINI-APIKEY": key, "X-GEMINI-PAYLOAD": payload, "X-GEMINI-SIGNATURE": signature}

    async def post(self, path: str, headers: Any) -> tuple[int, Any]:
        """Status and answer; the body is empty, as it should be."""
        response = await treq.post(f"http://127.0.0.1:{self.port}{path}", headers=headers, data=b"", pool=self.pool)
        return response.code, json.loads(await response.content())

    async def call(self, path: str, **fields: Any) -> tuple[int, Any]:
        return await self.post(path, self.headers(path, **fields))

    async def get(self, path: str, headers: Any = None) -> tuple[int, Any]:
        response = await treq.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, pool=self.pool)
        return response.code, json.loads(await response.content())

    async def order(self, **changes: Any) -> tuple[int, Any]:
        return await self.call("/v1/order/new", **{**ORDER, **changes})

    async def until(self, condition: Any) -> None:
        """Wait for it, five seconds at most."""
        for _ in range(250):
            if condition():
                return
            await deferLater(reactor, 0.02)
        self.fail(f"waited in vain; {self.heard} {self.closed}")

    def connect(self, path: str, headers: dict[str, str] | None = None) -> None:
        """Open a socket."""
        factory: Any = WebSocketClientFactory(f"ws://127.0.0.1:{self.port}{path}", headers=headers)
        factory.setProtocolOptions(openHandshakeTimeout=0, closeHandshakeTimeout=0)
        factory.protocol, factory.case = _Wire, self
        reactor.connectTCP("127.0.0.1", self.port, factory)


class AccessTests(FrontCase):
    """Who may call."""

    async def test_keys_and_signatures(self) -> None:
        """Missing headers, an unknown key, a wrong signature and another path each have a reason of their own."""
        path = "/v1/balances"
        for name in ("APIKEY", "PAYLOAD", "SIGNATURE"):
            headers = self.headers(path)
            del headers[f"X-GEMINI-{name}"]
            status, answer = await self.post(path, headers)
            self.assertEqual((400, "error", f"Missing{name.capitalize()}Header"), (status, answer["result"], answer["reason"]))
        for wrong, reason in (
            ({"key": "account-nobody"}, "InvalidApiKey"),
            ({"secret": "x"}, "InvalidSignature"),
            ({"request": "/v1/orders"}, "EndpointMismatch"),
            ({"nonce": "soon"}, "InvalidNonce"),
        ):
            status, answer = await self.call(path, **wrong)
            self.assertEqual((400, reason), (status, answer["reason"]))
        self.assertEqual((404, "EndpointNotFound"), self.told(await self.call("/v1/nowhere")))

    def told(self, answer: tuple[int, Any]) -> tuple[int, str]:
        return answer[0], answer[1]["reason"]

    async def test_payload_that_is_none(self) -> None:
        """What is no JSON object is told so, rightly signed as it may be."""
        for payload in ("!", base64.b64encode(b"[1]").decode(), base64.b64encode(b"{").decode()):
            headers = self.headers("/v1/balances")
            signature = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha384).hexdigest()
            headers |= {"X-GEMINI-PAYLOAD": payload, "X-GEMINI-SIGNATURE": signature}
            self.assertEqual((400, "InvalidJson"), self.told(await self.post("/v1/balances", headers)))

    async def test_nonces(self) -> None:
        """They rise; a refused one is not used up. Of a key that wants the time they are that, in seconds."""
        self.assertEqual(200, (await self.call("/v1/balances", nonce=50))[0])
        for nonce in (50, 49, -1, 1.5):
            self.assertEqual((400, "InvalidNonce"), self.told(await self.call("/v1/balances", nonce=nonce)))
        self.assertEqual(200, (await self.call("/v1/balances", nonce="51"))[0])
        moment = int(now().timestamp())
        for nonce, status in ((moment, 200), (moment, 200), (moment - 40, 400), (moment + 40, 400), (moment * 1000, 400)):
            self.assertEqual(status, (await self.call("/v1/balances", key="account-timed", nonce=nonce))[0])

    async def test_roles(self) -> None:
        """An auditor looks and does not trade; a fund manager does not look at orders."""
        self.assertEqual(200, (await self.call("/v1/orders", key="account-auditor"))[0])
        for key, path in (
            ("account-auditor", "/v1/order/new"),
            ("account-auditor", "/v1/withdraw/btc"),
            ("account-fund-manager", "/v1/orders"),
        ):
            self.assertEqual((403, "MissingRole"), self.told(await self.call(path, key=key)))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))

    async def test_networks(self) -> None:
        """They are asked for by a GET that is signed, and told to who may withdraw."""
        path = "/v2/network/btc"
        self.assertEqual((200, {"token": "BTC", "network": ["bitcoin"]}), await self.get(path, self.headers(path)))
        self.assertEqual((400, "MissingApikeyHeader"), self.told(await self.get(path)))
        self.assertEqual((403, "MissingRole"), self.told(await self.get(path, self.headers(path, key="account-trader"))))

    async def test_rates(self) -> None:
        """Calls beyond the rate are refused with 429; the rate of transfers is far lower."""
        venue, world = self.sandbox.venue, self.sandbox.world
        strict = GeminiFront(venue, world, [Key(KEY, SECRET, "pool")], Faults(), reactor, limits=True)
        self.port = await strict.listen(0)
        self.addCleanup(strict.stop)
        self.assertEqual([200, 429], [(await self.call("/v2/transfers"))[0] for _ in range(2)])
        self.assertIn((429, "RateLimit"), [self.told(await self.call("/v1/nowhere")) for _ in range(40)])
        self.assertIn(429, [(await self.get("/v1/symbols"))[0] for _ in range(20)])


class OrderTests(FrontCase):
    """What an order must be."""

    async def test_rules(self) -> None:
        """Each broken rule of the symbol or the call has its reason and its status."""
        for changes, status, reason in (
            ({"price": "49000.001"}, 400, "InvalidPrice"),
            ({"price": "NaN"}, 400, "InvalidPrice"),
            ({"amount": "0.100000001"}, 400, "InvalidQuantity"),
            ({"amount": "0.000001"}, 400, "InvalidQuantity"),
            ({"amount": "100"}, 406, "InsufficientFunds"),
            ({"symbol": "nosuch"}, 400, "InvalidSymbol"),
            ({"side": "both"}, 400, "InvalidSide"),
            ({"type": "market"}, 400, "InvalidOrderType"),
            ({"options": "maker-or-cancel"}, 400, "OptionsMustBeArray"),
            ({"options": ["maker-or-cancel", "immediate-or-cancel"]}, 400, "ConflictingOptions"),
            ({"options": ["fill-slowly"]}, 400, "UnsupportedOption"),
            ({"client_order_id": 7}, 400, "ClientOrderIdMustBeString"),
            ({"client_order_id": "x" * 101}, 400, "ClientOrderIdTooLong"),
        ):
            found, answer = await self.order(**changes)
            self.assertEqual((status, reason), (found, answer["reason"]))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))

    async def test_found_by_both_ids(self) -> None:
        """By the venue's id and by ours, with its executions if wanted."""
        _, placed = await self.order(client_order_id="ilp-1", price="50000")
        for name in ({"order_id": int(placed["order_id"])}, {"client_order_id": "ilp-1"}):
            status, found = await self.call("/v1/order/status", include_trades=True, **name)
            self.assertEqual((200, placed["order_id"], False), (status, found["order_id"], found["is_live"]))
            self.assertEqual([("0.1", "50000.00", "20")], [(t["amount"], t["price"], t["fee_amount"]) for t in found["trades"]])
        self.assertEqual(404, (await self.call("/v1/order/status", client_order_id="ilp-2"))[0])

    async def test_orders_that_cannot_be_what_they_were_meant_to_be(self) -> None:
        """They are no errors: taken, and cancelled at once with the reason."""
        for option, price, reason in (
            ("maker-or-cancel", "50000", "MakerOrCancelWouldTake"),
            ("immediate-or-cancel", "49000", "ImmediateOrCancelWouldPost"),
        ):
            status, answer = await self.order(options=[option], price=price)
            self.assertEqual((200, True, reason), (status, answer["is_cancelled"], answer["reason"]))
            self.assertEqual(("0", "0.1", [option]), tuple(answer[k] for k in ("executed_amount", "remaining_amount", "options")))

    async def test_cancels(self) -> None:
        """A second cancel has no effect; one of a filled order does not find it."""
        _, placed = await self.order()
        for _ in range(2):
            status, answer = await self.call("/v1/order/cancel", order_id=placed["order_id"])
            self.assertEqual((200, True, "Requested"), (status, answer["is_cancelled"], answer["reason"]))
        _, bought = await self.order(price="50000")
        self.assertEqual(404, (await self.call("/v1/order/cancel", order_id=bought["order_id"]))[0])
        await self.order()
        status, answer = await self.call("/v1/order/cancel/all")
        self.assertEqual((200, 1), (status, len(answer["details"]["cancelledOrders"])))

    async def test_pages(self) -> None:
        """With a time: the earliest from then on; without: the newest; either way newest first."""
        for _ in range(5):
            await self.order(price="50000", amount="0.01")
            await deferLater(reactor, 0.002)
        numbers = [fill.trade_id for fill in self.sandbox.venue.fills("pool")]
        for more, expected in (({}, numbers[:-4:-1]), ({"timestamp": 0}, numbers[2::-1])):
            _, trades = await self.call("/v1/mytrades", symbol=SYMBOL, limit_trades=3, **more)
            self.assertEqual(expected, [trade["tid"] for trade in trades])

    async def test_steps_as_the_venue_writes_them(self) -> None:
        """The step of amounts is a bare number with an exponent, and is called the tick."""
        response = await treq.get(f"http://127.0.0.1:{self.port}/v1/symbols/details/{SYMBOL}", pool=self.pool)
        text = (await response.content()).decode()
        self.assertIn('"tick_size":1E-8,"quote_increment":0.01,"min_order_size":"0.00001"', text)

    async def test_faults(self) -> None:
        """Done without an answer is done; an error is not."""
        self.sandbox.faults.add("gemini", "POST /v1/order/new", Kind.ERROR, count=1, text="MarketNotOpen Closed.")
        self.assertEqual("MarketNotOpen", (await self.order())[1]["reason"])
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))
        self.sandbox.faults.add("gemini", "POST /v1/order/new", Kind.DELAY, count=1, seconds=D("0.05"))
        self.assertEqual(200, (await self.order())[0])
        self.sandbox.faults.add("gemini", "POST /v1/order/new", Kind.DONE_NO_ANSWER, count=1)
        unanswered: Deferred[Any] = Deferred.fromCoroutine(self.order())
        unanswered.addErrback(lambda _: None)
        await self.until(lambda: len(self.sandbox.venue.open_orders("pool")) == 2)
        unanswered.cancel()


class SocketTests(FrontCase):
    """Market data and order events."""

    async def test_market_data(self) -> None:
        """First the whole book with what traded last, then what changes, and trades; unknown symbols are refused."""
        self.connect("/v2/marketdata")
        await self.until(lambda: self.opened)
        for symbol in ("NOSUCH", "BTCUSD"):
            wish = {"type": "subscribe", "subscriptions": [{"name": "l2", "symbols": [symbol]}]}
            self.opened[0].sendMessage(json.dumps(wish).encode())
        await self.until(lambda: len(self.heard) == 2)
        refused, book = self.heard
        self.assertEqual(("error", "NoValidTradingPairs"), (refused["result"], refused["reason"]))
        self.assertEqual((4, []), (len(book["changes"]), book["trades"]))
        self.assertIn(["buy", "49990.00", "0.5"], book["changes"])
        self.sandbox.trade(Side.BUY, D("0.2"), D(50_000), "pool")
        await self.until(lambda: len(self.heard) == 4)
        by_type = {message["type"]: message for message in self.heard[2:]}
        self.assertEqual([["sell", "50000.00", "0.3"]], by_type["l2_updates"]["changes"])
        self.assertEqual(("50000.00", "0.2", "buy"), tuple(by_type["trade"][k] for k in ("price", "quantity", "side")))
        self.opened[0].sendClose()
        await self.until(lambda: self.closed)

    async def test_order_events(self) -> None:
        """Acknowledged, open orders first, then each step of each order, numbered one by one from 0."""
        self.sandbox.venue.place("pool", CONTRACT, Side.BUY, D("0.1"), D(49_000), client_id="ilp-0")
        self.connect("/v1/order/events?heartbeat=true", self.headers("/v1/order/events"))
        await self.until(lambda: len(self.heard) == 2)
        self.assertEqual("subscription_ack", self.heard[0]["type"])
        await self.order(price="50000", amount="0.6", client_order_id="ilp-1")
        self.sandbox.venue.cancel_all("pool", "User requested")
        await self.until(lambda: len(self.heard) == 9)
        events = [event for message in self.heard[1:] for event in message]
        expected = ["initial", "accepted", "fill", "booked", "cancelled", "closed", "cancelled", "closed"]
        self.assertEqual(expected, [event["type"] for event in events])
        self.assertEqual(list(range(8)), [event["socket_sequence"] for event in events])
        fill = events[2]
        self.assertEqual((True, "0.5", "0.1"), (fill["is_live"], fill["executed_amount"], fill["remaining_amount"]))
        self.assertEqual(("Taker", "100", "USD"), tuple(fill["fill"][k] for k in ("liquidity", "fee", "fee_currency")))
        self.opened[0].sendClose()
        await self.until(lambda: self.closed)

    async def test_handshake_is_signed(self) -> None:
        """Without headers, with a wrong signature or without the role there is no connection, and the reason is told."""
        path = "/v1/order/events"
        for headers, reason in (
            (None, "MissingApikeyHeader"),
            (self.headers(path, secret="wrong"), "InvalidSignature"),
            (self.headers(path, key="account-fund-manager"), "MissingRole"),
        ):
            self.closed.clear()
            self.connect(path, headers)
            await self.until(lambda: self.closed)
            self.assertIn(reason, self.closed[0])
        self.assertEqual([], self.opened)
