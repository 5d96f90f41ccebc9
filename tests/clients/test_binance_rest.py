"""Orders, money and budgets at Binance against a scripted server: what is sent, and what each answer proves."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from clients.binance.account import Account
from clients.binance.networks import networks
from clients.binance.orders import Orders
from clients.binance.rest import BinanceRest
from clients.binance.signing import sign
from clients.binance.wire import Budget
from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from tests.clients.scripted import Around, Asked, Scripted
from tests.clients.test_binance_wire import DEPOSIT, MARKET, ORDER, TRADE

D = Decimal
LISTING = MARKET.contracts["LTC/USDT"]
NO_FLAGS: frozenset[str] = frozenset()
COINS = [{"coin": "LTC", "networkList": [{"network": "LTC", "depositEnable": True, "withdrawEnable": True}]}]


def no(code: int, message: str) -> tuple[int, bytes]:
    """A refusal as Binance words it."""
    return 400, f'{{"code":{code},"msg":"{message}"}}'.encode()


class InTurn(list[Any]):
    """Answers of one call, one after the other."""


class RestCase(SynchronousTestCase):
    """A server that answers each call by its name: a JSON value, a (status, body), or several :class:`InTurn`."""

    def setUp(self) -> None:
        self.script: dict[str, Any] = {}
        self.around = Around(Scripted(self.answer))
        surroundings = self.around.surroundings()
        self.rest = BinanceRest("key", "secret", "http://127.0.0.1:1", surroundings, 5000)
        self.orders = Orders(self.rest, MARKET, self.around.clock)
        ways = networks(COINS, {})
        self.account = Account(self.rest, MARKET, self.orders, ways, lambda: [LISTING], surroundings.now)

    def answer(self, asked: Asked) -> Any:
        """By the script."""
        found = self.script[f"{asked.method} {asked.path}"]
        return found.pop(0) if isinstance(found, InTurn) else found

    def result(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def error(self, coroutine: Any, *kinds: type[Exception]) -> Any:
        return self.failureResultOf(Deferred.fromCoroutine(coroutine), *kinds).value

    def asked(self, call: str) -> list[Asked]:
        """The requests of ``call``."""
        return [each for each in self.around.server.asked if f"{each.method} {each.path}" == call]


class OrderTests(RestCase):
    """:class:`Orders`."""

    def place(self, quantity: str = "0.5", price: str = "30.01", flags: frozenset[str] = NO_FLAGS) -> Any:
        return self.orders.place(LISTING, D(quantity), D(price), "BUY", "ilp-1", flags)

    def test_what_is_sent(self) -> None:
        """Plain digits, our id, the venue's own word for each wish; signed over exactly these bytes, the signature last."""
        self.script["POST /api/v3/order"] = {"orderId": 28}
        for flags, words in (
            (NO_FLAGS, {"type": "LIMIT", "timeInForce": "GTC"}),
            (frozenset({"immediate"}), {"type": "LIMIT", "timeInForce": "IOC"}),
            (frozenset({"post_only"}), {"type": "LIMIT_MAKER"}),
        ):
            self.assertEqual("LTCUSDT-28", self.result(self.place("0.5000", "30.010", flags)))
            body = self.asked("POST /api/v3/order")[-1].body.decode()
            text, _, signature = body.rpartition("&signature=")
            self.assertEqual(sign("secret", text), signature)
            form = {name: values[0] for name, values in parse_qs(text).items()}
            timestamp = int(form.pop("timestamp"))
            self.assertEqual(int(self.around.now().timestamp() * 1000), timestamp)
            expected = {"symbol": "LTCUSDT", "side": "BUY", "quantity": "0.5", "price": "30.01", "newClientOrderId": "ilp-1"}
            self.assertEqual({**expected, **words, "newOrderRespType": "ACK", "recvWindow": "5000"}, form)
        self.assertEqual("key", self.asked("POST /api/v3/order")[-1].headers["X-Mbx-Apikey"])

    def test_an_answer_without_an_id(self) -> None:
        """Neither yes nor no: the order may be in the book."""
        answers: list[Any] = [{}, {"orderId": None}, {"orderId": -1}, {"orderId": True}, None, (200, b"<html>"), (200, b"[]")]
        for answer in [*answers, (504, b""), no(-1007, "Timeout"), no(-1000, "An unknown error")]:
            self.script["POST /api/v3/order"] = answer
            self.error(self.place(), OutcomeUnknown)

    def test_off_step_never_leaves(self) -> None:
        """What is off the venue's steps, or under its minimums, is refused here."""
        for quantity, price, reason in (
            ("0.5", "30.011", Reason.PRICE),
            ("0.5", "0", Reason.PRICE),
            ("0.5", "NaN", Reason.PRICE),
            ("0.5001", "30", Reason.SIZE),
            ("-1", "30", Reason.SIZE),
            ("Infinity", "30", Reason.SIZE),
            ("0.1", "30", Reason.SIZE),
        ):
            self.assertIs(reason, self.error(self.place(quantity, price), Refused).reason)
        self.error(self.place(flags=frozenset({"post_only", "immediate"})), Refused)
        self.assertEqual([], self.around.server.asked)

    def test_cancel(self) -> None:
        """Cancelled is told as such; of an order that the venue does not know any more a look tells how it ended."""
        self.script["DELETE /api/v3/order"] = {"status": "CANCELED"}
        self.assertTrue(self.result(self.orders.cancel("LTCUSDT-28")))
        self.script["DELETE /api/v3/order"] = no(-2011, "Unknown order sent.")
        for status, done, expected in (("FILLED", "0.2", False), ("CANCELED", "0.1", True), ("EXPIRED", "0", True)):
            self.script["GET /api/v3/order"] = {**ORDER, "status": status, "executedQty": done}
            self.assertIs(expected, self.result(self.orders.cancel("LTCUSDT-28")))
        self.script["GET /api/v3/order"] = ORDER
        self.error(self.orders.cancel("LTCUSDT-28"), OutcomeUnknown)
        self.script["GET /api/v3/order"] = no(-2013, "Order does not exist.")
        self.assertIs(Reason.UNKNOWN_ORDER, self.error(self.orders.cancel("LTCUSDT-28"), Refused).reason)

    def test_strange_ids_never_leave(self) -> None:
        """An id that is none of this venue's is unknown."""
        for id in ("none", "28", "XXXYYY-28", "LTCUSDT-x"):
            self.assertIs(Reason.UNKNOWN_ORDER, self.error(self.orders.cancel(id), Refused).reason)
        self.assertEqual([], self.around.server.asked)


class BudgetTests(RestCase):
    """Weights, orders, silence."""

    def test_weight_makes_wait(self) -> None:
        """A spent budget delays the next read until there is weight again; a cancel does not wait."""
        self.rest.keep_to(Budget(weight=60.0))
        self.script |= {"GET /api/v3/account": {}, "DELETE /api/v3/order": {"status": "CANCELED"}, "GET /api/v3/time": {}}
        for _ in range(3):
            self.result(self.rest.private("GET /api/v3/account"))
        waiting = Deferred.fromCoroutine(self.rest.public("GET /api/v3/time"))
        self.assertNoResult(waiting)
        self.assertTrue(self.result(self.orders.cancel("LTCUSDT-28")))
        self.around.clock.advance(3)
        self.successResultOf(waiting)

    def test_silence(self) -> None:
        """After 429 and 418 nothing leaves for as long as the venue wants, a minute if it does not say."""
        for status in (429, 418):
            self.script["GET /api/v3/account"] = (status, b"banned")
            self.assertIs(Reason.RATE_LIMIT, self.error(self.rest.private("GET /api/v3/account"), Refused).reason)
            seen = len(self.around.server.asked)
            error = self.error(self.orders.cancel("LTCUSDT-28"), Refused)
            self.assertEqual((Reason.RATE_LIMIT, seen), (error.reason, len(self.around.server.asked)))
            self.around.clock.advance(60)
        self.script["GET /api/v3/account"] = {}
        self.result(self.rest.private("GET /api/v3/account"))

    def test_wrong_time_is_asked_for(self) -> None:
        """A request whose time is refused was not carried out; the next one has the venue's time."""
        hour = 3_600_000
        server = int(self.around.now().timestamp() * 1000) + hour
        self.script["POST /api/v3/order"] = InTurn([no(-1021, "outside"), {"orderId": 1}])
        self.script["GET /api/v3/time"] = {"serverTime": server}
        place = (LISTING, D("0.5"), D("30"), "BUY", None, NO_FLAGS)
        self.error(self.orders.place(*place), Retryable)  # type: ignore[arg-type]
        self.result(self.orders.place(*place))  # type: ignore[arg-type]
        form = parse_qs(self.asked("POST /api/v3/order")[-1].body.decode())
        self.assertEqual(server, int(form["timestamp"][0]))


class HistoryTests(RestCase):
    """:class:`Account`."""

    def window(self, days: float = 1) -> Any:
        return self.around.now() - timedelta(days=days), self.around.now()

    def trade(self, number: int, hours: float) -> dict[str, Any]:
        moment = self.around.now() - timedelta(hours=hours)
        return {**TRADE, "id": number, "time": int(moment.timestamp() * 1000)}

    def test_quiet_days_are_passed_over(self) -> None:
        """Days without a trade are asked for one by one; from the first trade on it goes on by ids, to the end."""
        pages = InTurn([[], [], [self.trade(7, 2)], [self.trade(8, 1)], []])
        self.script |= {"GET /api/v3/myTrades": pages, "GET /api/v3/allOrders": [ORDER]}
        fills = self.result(self.account.fills(*self.window(2.5)))
        self.assertEqual([("LTCUSDT-28-7", "ilp-1"), ("LTCUSDT-28-8", "ilp-1")], [(f["id"], f["client_id"]) for f in fills])
        asked = [each.query for each in self.asked("GET /api/v3/myTrades")]
        self.assertEqual([None, None, None, "8", "9"], [each.get("fromId") for each in asked])
        for query in asked[:3]:
            self.assertLessEqual(int(query["endTime"]) - int(query["startTime"]), 86_400_000)

    def test_pending_deposit_is_told_when_it_ends(self) -> None:
        """It keeps the time at which it was first seen; who reads on from later hears of its end all the same, once."""
        seen = int(self.around.now().timestamp() * 1000) - 1000
        pending = {**DEPOSIT, "coin": "LTC", "status": 0, "insertTime": seen}
        self.script |= {"GET /api/v3/myTrades": [], "GET /sapi/v1/capital/withdraw/history": []}
        deposits = self.script["GET /sapi/v1/capital/deposit/hisrec"] = InTurn([[pending]])
        states = [shape["state"] for shape in self.result(self.account.transactions(*self.window()))]
        self.assertEqual(["pending"], states)
        for told in (["done"], []):
            self.around.clock.advance(3600)
            deposits.append([{**pending, "status": 1}])
            later = self.around.now() - timedelta(minutes=2), self.around.now()
            self.assertEqual(told, [shape["state"] for shape in self.result(self.account.transactions(*later))])

    def test_end_of_a_transfer_that_was_told_to_nobody(self) -> None:
        """A reading that fails half way has told nothing, so the next one tells it."""
        seen = int(self.around.now().timestamp() * 1000) - 1000
        pending = {**DEPOSIT, "coin": "LTC", "status": 0, "insertTime": seen}
        deposits, withdrawals = "GET /sapi/v1/capital/deposit/hisrec", "GET /sapi/v1/capital/withdraw/history"
        self.script |= {"GET /api/v3/myTrades": [], withdrawals: InTurn([[], (503, b""), []]), deposits: [pending]}
        self.result(self.account.transactions(*self.window()))
        self.script[deposits] = [{**pending, "status": 1}]
        self.around.clock.advance(3600)
        later = self.around.now() - timedelta(minutes=2), self.around.now()
        self.error(self.account.transactions(*later), Retryable)
        self.assertEqual(["done"], [shape["state"] for shape in self.result(self.account.transactions(*later))])

    def test_withdrawal_without_a_reference(self) -> None:
        """It was not refused, so the money may be on its way."""
        answers: list[Any] = [{}, {"id": ""}, [], (500, b"")]
        for answer in answers:
            self.script["POST /sapi/v1/capital/withdraw/apply"] = answer
            self.error(self.account.withdraw("LTC", D(1), "address"), OutcomeUnknown)
        self.assertIs(Reason.SIZE, self.error(self.account.withdraw("LTC", D(0), "address"), Refused).reason)

    def test_address_that_needs_a_tag(self) -> None:
        """What arrives without its tag is lost, so such an address is none."""
        self.script["GET /sapi/v1/capital/deposit/address"] = {"address": "a", "tag": "7"}
        self.error(self.account.address("LTC"), InvalidData)
        self.script["GET /sapi/v1/capital/deposit/address"] = {"address": "a", "tag": ""}
        self.assertEqual("a", self.result(self.account.address("LTC")))
