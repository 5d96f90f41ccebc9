"""The Coinbase Exchange front's refusals, over real sockets: keys, passphrases, signatures, times, steps, limits, ledgers."""

import base64
import hashlib
import hmac
import json
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.client import HTTPConnectionPool

from sandbox.coinbase_exchange_front import CoinbaseExchangeFront
from sandbox.faults import Faults, Kind
from tests.clients.coinbase_exchange_venues import KEY, PASSPHRASE, PRODUCT, SECRET, UNKNOWN_ORDER, SandboxCoinbaseExchange
from tests.clients.sandbox_venue import now
from tests.sandbox.worlds import D

ORDER = {"product_id": PRODUCT, "side": "buy", "type": "limit", "size": "0.1", "price": "49000"}
VENUE = "coinbase_exchange"


class FrontCase(TestCase):
    """A plain caller of Coinbase Exchange's wire, written from its documentation."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.sandbox = SandboxCoinbaseExchange()
        await self.sandbox.open()
        self.addCleanup(self.sandbox.front.stop)
        self.port = self.sandbox.port
        self.pool = HTTPConnectionPool(reactor, persistent=False)

    async def call(self, method: str, path: str, body: Any = None, **proof: Any) -> tuple[int, Any]:
        """Status and answer of a signed call; ``proof``: what stands in for the right key, secret, passphrase, timestamp."""
        text = "" if body is None else json.dumps(body)
        timestamp = str(proof.get("timestamp", now().timestamp()))
        signed = f"{timestamp}{method}{path}{text}".encode()
        signature = hmac.new(base64.b64decode(proof.get("secret", SECRET)), signed, hashlib.sha256).digest()
        headers: Any = {
            "User-Agent": proof.get("agent", "tests"),
            "CB-ACCESS-KEY": proof.get("key", "key"),
            "CB-ACCESS-SIGN": base64.b64encode(signature).decode(),
            "CB-ACCESS-TIMESTAMP": timestamp,
            "CB-ACCESS-PASSPHRASE": proof.get("passphrase", PASSPHRASE),
        }
        url = f"http://127.0.0.1:{self.port}{path}"
        response = await treq.request(method, url, headers=headers, data=text.encode() or None, pool=self.pool)
        self.headers = response.headers
        return response.code, json.loads(await response.content())

    async def order(self, **changes: Any) -> tuple[int, Any]:
        return await self.call("POST", "/orders", {**ORDER, **changes})

    async def refused(self, **changes: Any) -> tuple[int, str]:
        status, answer = await self.order(**changes)
        return status, answer["message"]

    def open_orders(self) -> list[Any]:
        return self.sandbox.venue.open_orders("pool")


class AccessTests(FrontCase):
    """Who may call."""

    async def test_proofs(self) -> None:
        """An unknown key, a wrong secret, a wrong passphrase, a wrong time and no User-Agent have words of their own."""
        moment = now().timestamp()
        for wrong, status, words in (
            ({"key": ""}, 401, "CB-ACCESS-KEY header is required"),
            ({"key": "nobody"}, 401, "Invalid API Key"),
            ({"secret": "d3Jvbmc="}, 401, "invalid signature"),
            ({"passphrase": "wrong"}, 401, "Invalid Passphrase"),
            ({"timestamp": moment - 31}, 401, "request timestamp expired"),
            ({"timestamp": moment + 31}, 401, "request timestamp expired"),
            ({"timestamp": "nan"}, 401, "request timestamp expired"),
            ({"timestamp": "soon"}, 401, "invalid timestamp"),
            ({"agent": ""}, 400, "User-Agent header is required."),
        ):
            found, answer = await self.call("POST", "/orders", ORDER, **wrong)
            self.assertEqual((status, words), (found, answer["message"]))
        self.assertEqual([], self.open_orders())
        self.assertEqual(200, (await self.call("POST", "/orders", ORDER, timestamp=moment - 20))[0])

    async def test_query_is_signed(self) -> None:
        """The signature is over the whole path with its query; another call is none."""
        self.assertEqual(200, (await self.call("GET", f"/fills?product_id={PRODUCT}&limit=1"))[0])
        self.assertEqual((404, {"message": "NotFound"}), await self.call("GET", "/nothing"))

    async def test_calls_per_second(self) -> None:
        """Thirty private calls at once, and then 429; the public budget is another."""
        strict = CoinbaseExchangeFront(self.sandbox.venue, self.sandbox.world, [KEY], Faults(), reactor, limits=True)
        self.port = await strict.listen(0)
        self.addCleanup(strict.stop)
        answers = [await self.call("GET", "/fees") for _ in range(5)]
        self.assertEqual({200}, {status for status, _ in answers})
        many = [Deferred.fromCoroutine(self.call("GET", "/fees")) for _ in range(60)]
        found = [await each for each in many]
        self.assertIn((429, {"message": "Private rate limit exceeded"}), found)
        self.assertEqual(200, (await self.call("GET", "/time", key=""))[0])


class OrderTests(FrontCase):
    """What an order must be, and what becomes of it."""

    async def test_rules(self) -> None:
        """Each rule of the product is refused in its words."""
        for changes, status, words in (
            ({"price": "49000.001"}, 400, "price is too accurate"),
            ({"size": "0.100000001"}, 400, "size is too accurate"),
            ({"size": "0.00001"}, 400, "notional is too small"),
            ({"size": "100"}, 400, "Insufficient funds"),
            ({"product_id": "NO-PE"}, 404, "NotFound"),
            ({"side": "hold"}, 400, "Invalid side"),
            ({"type": "stop"}, 400, "Invalid order type"),
            ({"post_only": True, "time_in_force": "IOC"}, 400, "Invalid order type"),
            ({"price": "NaN"}, 400, "Invalid price"),
            ({"client_oid": "ilp-1"}, 400, "Invalid client_oid"),
        ):
            found, message = await self.refused(**changes)
            self.assertEqual((status, True), (found, message.startswith(words)), message)
        self.assertEqual([], self.open_orders())

    async def test_post_only_is_rejected_not_refused(self) -> None:
        """It is answered like an order, but it is none."""
        status, answer = await self.order(price="50000", post_only=True)
        self.assertEqual((200, "rejected", "post only"), (status, answer["status"], answer["reject_reason"]))
        self.assertEqual([], self.sandbox.venue.fills("pool"))

    async def test_answer_says_nothing_of_fills(self) -> None:
        """An order that traded at once is answered as pending; a look tells what has become of it."""
        _, answer = await self.order(price="50000")
        self.assertEqual(("pending", "0.00000000"), (answer["status"], answer["filled_size"]))
        _, found = await self.call("GET", f"/orders/{answer['id']}")
        self.assertEqual(("done", "filled", "0.10000000"), (found["status"], found["done_reason"], found["filled_size"]))
        self.assertEqual(D("30"), D(found["fill_fees"]))

    async def test_cancelled_order_is_forgotten(self) -> None:
        """Without a fill nothing is kept of it; with one it is done and canceled."""
        _, placed = await self.order()
        self.assertEqual((200, placed["id"]), await self.call("DELETE", f"/orders/{placed['id']}"))
        self.assertEqual((404, {"message": "order not found"}), await self.call("GET", f"/orders/{placed['id']}"))
        _, partly = await self.order(price="50000", size="0.6")
        await self.call("DELETE", f"/orders/{partly['id']}")
        _, found = await self.call("GET", f"/orders/{partly['id']}")
        self.assertEqual(("done", "canceled", "0.50000000"), (found["status"], found["done_reason"], found["filled_size"]))
        self.assertEqual((400, "Order already done"), await self.cancel(partly["id"]))
        self.assertEqual((404, "order not found"), await self.cancel(UNKNOWN_ORDER))
        self.assertEqual((400, "Invalid order id"), await self.cancel("nonsense"))

    async def cancel(self, id: str) -> tuple[int, str]:
        status, answer = await self.call("DELETE", f"/orders/{id}")
        return status, answer["message"]

    async def test_pages(self) -> None:
        """Newest first, from a cursor on, which the headers tell."""
        for _ in range(5):
            await self.order(size="0.01")
        _, first = await self.call("GET", "/orders?status=open&limit=2")
        (after,) = self.headers.getRawHeaders("CB-AFTER", [])
        _, second = await self.call("GET", f"/orders?status=open&limit=2&after={after}")
        ids = [order.id for order in self.open_orders()]
        self.assertEqual(ids[:0:-1], [int(row["id"][-12:], 16) for row in first + second])

    async def test_ledger_explains_the_balance(self) -> None:
        """A trade and its fee are two entries, and the last balance is the account's."""
        await self.order(price="50000")
        _, accounts = await self.call("GET", "/accounts")
        (cash,) = [each for each in accounts if each["currency"] == "USD"]
        _, entries = await self.call("GET", f"/accounts/{cash['id']}/ledger")
        self.assertEqual(
            [("fee", D(-30)), ("match", D(-5000)), ("transfer", D(100_000))],
            [(each["type"], D(each["amount"])) for each in entries],
        )
        self.assertEqual(D(entries[0]["balance"]), D(cash["balance"]))
        self.assertEqual({"BTC": 0, "USD": 0}, self.sandbox.world.totals())

    async def test_faults(self) -> None:
        """Done without an answer is done; an error is not."""
        self.sandbox.faults.add(VENUE, "POST /orders", Kind.ERROR, count=1, text="400 Trading pair not available")
        self.assertEqual((400, "Trading pair not available"), await self.refused())
        self.assertEqual([], self.open_orders())
        self.sandbox.faults.add(VENUE, "POST /orders", Kind.DONE_NO_ANSWER, count=1)
        unanswered: Deferred[Any] = Deferred.fromCoroutine(self.order())
        unanswered.addErrback(lambda _: None)
        for _ in range(100):
            if self.open_orders():
                break
            await deferLater(reactor, 0.02)
        self.assertEqual(1, len(self.open_orders()))
        unanswered.cancel()
