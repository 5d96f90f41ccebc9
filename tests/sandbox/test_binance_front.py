"""The Binance front's refusals, over real sockets: keys, signatures, times, filters, weights, fees."""

import hashlib
import hmac
import json
from typing import Any
from urllib.parse import urlencode

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase
from twisted.web.client import HTTPConnectionPool

from model.order import Side
from sandbox.binance_front import BinanceFront
from sandbox.binance_keys import Key
from sandbox.faults import Faults, Kind
from tests.clients.binance_venues import CONTRACT, SYMBOL, SandboxBinance
from tests.clients.sandbox_venue import SECRET, now
from tests.sandbox.worlds import D

ORDER = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1", "price": "49000"}


class FrontCase(TestCase):
    """A plain caller of Binance's wire, written from its documentation."""

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.sandbox = SandboxBinance()
        await self.sandbox.open()
        self.addCleanup(self.sandbox.front.stop)
        self.port = self.sandbox.port
        self.pool = HTTPConnectionPool(reactor, persistent=False)

    async def call(self, method: str, path: str, **parameters: Any) -> tuple[int, Any]:
        """Status and answer of a signed call; ``key``, ``secret`` and ``timestamp`` stand in for the right ones."""
        key, secret = parameters.pop("key", "key"), parameters.pop("secret", SECRET)
        parameters.setdefault("timestamp", int(now().timestamp() * 1000))
        text = urlencode(parameters)
        text += "&signature=" + hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        url, data = f"http://127.0.0.1:{self.port}{path}", text.encode() if method == "POST" else None
        headers: Any = {"X-MBX-APIKEY": key} if key else {}
        response = await treq.request(method, url if data else f"{url}?{text}", headers=headers, data=data, pool=self.pool)
        self.headers = response.headers
        return response.code, json.loads(await response.content())

    async def order(self, **changes: Any) -> tuple[int, Any]:
        return await self.call("POST", "/api/v3/order", **{**ORDER, **changes})

    async def refused(self, **changes: Any) -> tuple[int, str]:
        status, answer = await self.order(**changes)
        self.assertEqual(400, status)
        return answer["code"], answer["msg"]


class AccessTests(FrontCase):
    """Who may call."""

    async def test_keys_and_signatures(self) -> None:
        """No key, an unknown key and a wrong signature have codes of their own."""
        for wrong, status, code in (({"key": ""}, 401, -2014), ({"key": "x"}, 401, -2015), ({"secret": "x"}, 400, -1022)):
            found, answer = await self.order(**wrong)
            self.assertEqual((status, code), (found, answer["code"]))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))

    async def test_times(self) -> None:
        """Too old, too far ahead, or older than its own window; within them it is fine."""
        moment = int(now().timestamp() * 1000)
        for shift, window in ((-6_000, None), (2_000, None), (-3_000, 2_000)):
            changes = {"timestamp": moment + shift} | ({"recvWindow": window} if window else {})
            self.assertEqual(-1021, (await self.refused(**changes))[0])
        self.assertEqual(200, (await self.order(timestamp=moment - 10_000, recvWindow=60_000))[0])
        self.assertEqual(-1102, (await self.refused(timestamp="soon"))[0])

    async def test_weight(self) -> None:
        """Each answer tells the minute's weight; beyond the limit it is 429 with how long to wait."""
        self.assertEqual(200, (await self.call("GET", "/api/v3/account"))[0])
        self.assertEqual(["20"], self.headers.getRawHeaders("X-MBX-USED-WEIGHT-1M"))
        venue, world = self.sandbox.venue, self.sandbox.world
        strict = BinanceFront(venue, world, [Key("key", SECRET, "pool")], Faults(), reactor, limits=True)
        self.port = await strict.listen(0)
        self.addCleanup(strict.stop)
        statuses = [(await self.call("GET", "/api/v3/openOrders"))[0] for _ in range(77)]
        self.assertIn(429, statuses)
        self.assertTrue(0 < int(self.headers.getRawHeaders("Retry-After", ["0"])[0]) <= 60)


class OrderTests(FrontCase):
    """What an order must be."""

    async def test_filters(self) -> None:
        """Each rule of the symbol is refused by its name."""
        for changes, expected in (
            ({"price": "49000.001"}, (-1013, "Filter failure: PRICE_FILTER")),
            ({"quantity": "0.1000001"}, (-1013, "Filter failure: LOT_SIZE")),
            ({"quantity": "0.00001"}, (-1013, "Filter failure: NOTIONAL")),
            ({"quantity": "100"}, (-2010, "Account has insufficient balance for requested action.")),
            ({"symbol": "NOPE"}, (-1121, "Invalid symbol.")),
            ({"type": "STOP_LOSS"}, (-1116, "Invalid orderType.")),
            ({"timeInForce": "GTX"}, (-1115, "Invalid timeInForce.")),
            ({"type": "LIMIT_MAKER"}, (-1106, "Parameter 'timeInForce' sent when not required.")),
        ):
            self.assertEqual(expected, await self.refused(**changes))
        self.assertEqual(-1102, (await self.refused(price="NaN"))[0])
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))

    async def test_client_id_is_unique_while_open(self) -> None:
        """A second order of the same id is refused, and both ids find the first."""
        _, placed = await self.order(newClientOrderId="ilp-1")
        self.assertEqual((-2010, "Duplicate order sent."), await self.refused(newClientOrderId="ilp-1"))
        for name in ({"orderId": placed["orderId"]}, {"origClientOrderId": "ilp-1"}):
            _, found = await self.call("GET", "/api/v3/order", symbol=SYMBOL, **name)
            self.assertEqual(("ilp-1", "NEW"), (found["clientOrderId"], found["status"]))

    async def test_fees_come_out_of_what_is_received(self) -> None:
        """A buyer pays in coins, a seller in money, and nothing is lost."""
        _, bought = await self.order(price="50000", newOrderRespType="FULL")
        (part,) = bought["fills"]
        self.assertEqual(("FILLED", "0.00010000", "BTC"), (bought["status"], part["commission"], part["commissionAsset"]))
        self.sandbox.trade(Side.BUY, D("0.1"), D(49_995))
        _, sold = await self.order(side="SELL", price="49995", newOrderRespType="FULL")
        self.assertEqual(("4.99950000", "USDT"), (sold["fills"][0]["commission"], sold["fills"][0]["commissionAsset"]))
        balances = {each["asset"]: each["free"] for each in (await self.call("GET", "/api/v3/account"))[1]["balances"]}
        self.assertEqual({"BTC": "9.99990000", "USDT": "99994.50050000"}, balances)
        self.assertEqual({"BTC": 0, "USDT": 0}, self.sandbox.world.totals())

    async def test_cancel_of_what_is_over(self) -> None:
        """An order that is filled, or never was, is unknown to a cancel; a look tells which."""
        _, bought = await self.order(price="50000")
        for number in (bought["orderId"], 987654321):
            status, answer = await self.call("DELETE", "/api/v3/order", symbol=SYMBOL, orderId=number)
            self.assertEqual((400, -2011, "Unknown order sent."), (status, answer["code"], answer["msg"]))
        self.assertEqual(
            "FILLED", (await self.call("GET", "/api/v3/order", symbol=SYMBOL, orderId=bought["orderId"]))[1]["status"]
        )

    async def test_faults(self) -> None:
        """Done without an answer is done; an error is not."""
        self.sandbox.faults.add("binance", "POST /api/v3/order", Kind.ERROR, count=1, text="-1015 Too many new orders.")
        self.assertEqual((-1015, "Too many new orders."), await self.refused())
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))
        self.sandbox.faults.add("binance", "POST /api/v3/order", Kind.DONE_NO_ANSWER, count=1)
        unanswered: Deferred[Any] = Deferred.fromCoroutine(self.order())
        unanswered.addErrback(lambda _: None)
        for _ in range(100):
            if self.sandbox.venue.open_orders("pool"):
                break
            await deferLater(reactor, 0.02)
        self.assertEqual([CONTRACT], [order.contract for order in self.sandbox.venue.open_orders("pool")])
        unanswered.cancel()
