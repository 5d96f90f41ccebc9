"""Orders, money and budgets at Coinbase Exchange against a scripted server: what is sent, and what each answer proves."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from clients.coinbase_exchange import signing, wire
from clients.coinbase_exchange.account import Account
from clients.coinbase_exchange.client_ids import client_id_of
from clients.coinbase_exchange.executions import Executions
from clients.coinbase_exchange.networks import networks
from clients.coinbase_exchange.orders import Orders
from clients.coinbase_exchange.rest import CoinbaseExchangeRest
from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from clients.listings import Listing
from model.instrument import Instrument
from tests.clients.scripted import Around, Asked, Scripted
from tests.clients.test_coinbase_exchange_wire import CURRENCY, DEPOSIT, FILL, ORDER, PRODUCT, SECRET, fixture

D = Decimal
LISTING = wire.market([PRODUCT]).contracts["LTC/USD"]
NO_FLAGS: frozenset[str] = frozenset()
ID = ORDER["id"]
LTC = {**CURRENCY, "id": "LTC", "default_network": "litecoin", "supported_networks": [{"id": "litecoin", "status": "online"}]}
SINCE, UNTIL = datetime(2016, 12, 1, tzinfo=UTC), datetime(2023, 1, 1, tzinfo=UTC)


def no(status: int, message: str) -> tuple[int, bytes]:
    """A refusal as Coinbase words it."""
    return status, json.dumps({"message": message}).encode()


class InTurn(list[Any]):
    """Answers of one call, one after the other."""


class RestCase(SynchronousTestCase):
    """A server that answers each call by its method and path: a JSON value, a (status, body), or several :class:`InTurn`."""

    def setUp(self) -> None:
        self.script: dict[str, Any] = {}
        self.around = Around(Scripted(self.answer))
        self.rest = CoinbaseExchangeRest("key", SECRET, "pass", "http://127.0.0.1:1", self.around.surroundings())
        self.memory = Executions()
        self.orders = Orders(self.rest, self.memory, self.around.clock)
        self.account = Account(self.rest, self.orders, networks([LTC, CURRENCY], {}), lambda: [LISTING], {})

    def answer(self, asked: Asked) -> Any:
        """By the script; a history that it does not have is empty."""
        found = self.script.get(f"{asked.method} {asked.path}", [])
        return found.pop(0) if isinstance(found, InTurn) else found

    def result(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def error(self, coroutine: Any, *kinds: type[Exception]) -> Any:
        return self.failureResultOf(Deferred.fromCoroutine(coroutine), *kinds).value

    def asked(self, call: str) -> list[Asked]:
        """The requests of ``call``."""
        return [each for each in self.around.server.asked if f"{each.method} {each.path}" == call]

    def place(
        self, quantity: str = "0.5", price: str = "30.01", flags: frozenset[str] = NO_FLAGS, listing: Listing = LISTING
    ) -> Any:
        return self.orders.place(listing, D(quantity), D(price), "BUY", "ilp-1", flags)


class OrderTests(RestCase):
    """:class:`Orders`."""

    def test_what_is_sent(self) -> None:
        """Plain digits, our id as a UUID, the venue's own word for each wish; signed over exactly these bytes."""
        self.script["POST /orders"] = {"id": ID, "status": "pending"}
        for flags, words in (
            (NO_FLAGS, {"time_in_force": "GTC"}),
            (frozenset({"immediate"}), {"time_in_force": "IOC"}),
            (frozenset({"post_only"}), {"time_in_force": "GTC", "post_only": True}),
        ):
            self.assertEqual(ID, self.result(self.place("0.5000", "30.010", flags)))
            request = self.asked("POST /orders")[-1]
            form = json.loads(request.body)
            self.assertEqual("ilp-1", client_id_of(form.pop("client_oid")))
            expected = {"type": "limit", "side": "buy", "product_id": "LTC-USD", "price": "30.01", "size": "0.5", "stp": "cn"}
            self.assertEqual({**expected, **words}, form)
            time = request.headers["Cb-Access-Timestamp"]
            self.assertEqual(self.around.now().timestamp(), float(time))
            signature = signing.sign(signing.decoded(SECRET), time, f"POST/orders{request.body.decode()}")
            self.assertEqual(signature, request.headers["Cb-Access-Sign"])
            self.assertEqual(("key", "pass"), tuple(request.headers[f"Cb-Access-{name}"] for name in ("Key", "Passphrase")))
            self.assertTrue(request.headers["User-Agent"])

    def test_recorded_orders(self) -> None:
        """What was recorded of limit orders is in what we send."""
        self.script["POST /orders"] = {"id": ID}
        listing = Listing("XRP-USDT", Instrument("XRP/USDT", D("0.0001"), D("0.000001")))
        for case in fixture("request/coinbaseexchange.json")["methods"]["createOrder"]:
            options = case["input"][5] if len(case["input"]) > 5 else {}
            if case["input"][1] != "limit" or set(options) - {"postOnly"}:
                continue
            flags = frozenset({"post_only"}) if options else NO_FLAGS
            self.result(self.place("5", "0.5", flags, listing))
            sent = json.loads(self.asked("POST /orders")[-1].body)
            recorded = json.loads(case["output"])
            self.assertEqual(recorded, {name: sent[name] for name in recorded})

    def test_recorded_targets(self) -> None:
        """The paths and queries that were recorded are those that we ask for."""
        methods = fixture("request/coinbaseexchange.json")["methods"]
        for method, ask in (
            ("fetchOrder", lambda: self.orders.look("91fad5ff-e7bb-4346-a581-312a6665b74b")),
            ("fetchOpenOrders", self.orders.open),
            ("fetchTime", self.rest.measure_skew),
            ("fetchMyTrades", lambda: self.rest.page("GET /fills", query={"product_id": "XRP-USDT"})),
            (
                "fetchOrderBook",
                lambda: self.rest.public("GET /products/{product_id}/book", {"product_id": "BTC-USDT"}, level="2"),
            ),
            ("fetchOHLCV", lambda: self.rest.public("GET /products/{id}/candles", {"id": "BTC-USDT"}, granularity="60")),
            ("fetchDeposits", lambda: self.rest.page("GET /transfers", query={"type": "deposit"})),
        ):
            Deferred.fromCoroutine(ask()).addErrback(lambda _: None)
            asked, recorded = self.around.server.asked[-1], urlsplit(methods[method][0]["url"])
            self.assertEqual(recorded.path, asked.path)
            for name, values in parse_qs(recorded.query).items():
                self.assertEqual(values[0], asked.query[name])

    def test_an_answer_without_an_id(self) -> None:
        """Neither yes nor no: the order may be in the book."""
        answers: list[Any] = [{}, {"id": None}, {"id": 7}, {"id": ""}, None, [], (200, b"<html>"), (504, b"")]
        for answer in [*answers, no(500, "Internal server error"), no(503, "Service unavailable")]:
            self.script["POST /orders"] = answer
            self.error(self.place(), OutcomeUnknown)

    def test_rejected(self) -> None:
        """An order that is answered as rejected is none."""
        for words, reason in (("post only", Reason.WOULD_CROSS), ("self trade", Reason.OTHER)):
            self.script["POST /orders"] = {"id": ID, "status": "rejected", "reject_reason": words}
            self.assertIs(reason, self.error(self.place(), Refused).reason)

    def test_off_step_never_leaves(self) -> None:
        """What is off the venue's steps, or under its minimums, is refused here."""
        for quantity, price, reason in (
            ("0.5", "30.011", Reason.PRICE),
            ("0.5", "0", Reason.PRICE),
            ("0.5", "NaN", Reason.PRICE),
            ("0.500000001", "30", Reason.SIZE),
            ("-1", "30", Reason.SIZE),
            ("Infinity", "30", Reason.SIZE),
            ("0.03", "30", Reason.SIZE),
        ):
            self.assertIs(reason, self.error(self.place(quantity, price), Refused).reason)
        self.error(self.place(flags=frozenset({"post_only", "immediate"})), Refused)
        self.assertEqual([], self.around.server.asked)

    def test_cancel(self) -> None:
        """The answer says that the cancel was taken; a look tells what it met, and no order at all is one without a fill."""
        self.script[f"DELETE /orders/{ID}"] = ID
        done = {**ORDER, "status": "done"}
        for look, expected in (
            (no(404, "NotFound"), True),
            ({**done, "done_reason": "canceled"}, True),
            ({**done, "done_reason": "filled", "filled_size": "0.2"}, False),
        ):
            self.script[f"GET /orders/{ID}"] = look
            self.assertIs(expected, self.result(self.orders.cancel(ID)))

    def test_cancel_that_takes_its_time(self) -> None:
        """It is looked at again until it is over."""
        self.script[f"DELETE /orders/{ID}"] = ID
        self.script[f"GET /orders/{ID}"] = InTurn([ORDER, ORDER, no(404, "NotFound")])
        cancelling = Deferred.fromCoroutine(self.orders.cancel(ID))
        self.around.clock.pump([0.5, 0.5])
        self.assertTrue(self.successResultOf(cancelling))

    def test_cancel_that_is_refused(self) -> None:
        """Done already, or never heard of: only a look tells which; what is still open is unknown."""
        for words in (no(400, "Order already done"), no(404, "order not found")):
            self.script[f"DELETE /orders/{ID}"] = words
            self.script[f"GET /orders/{ID}"] = {**ORDER, "status": "done", "done_reason": "filled", "filled_size": "0.2"}
            self.assertFalse(self.result(self.orders.cancel(ID)))
            self.script[f"GET /orders/{ID}"] = no(404, "NotFound")
            self.assertIs(Reason.UNKNOWN_ORDER, self.error(self.orders.cancel(ID), Refused).reason)
            self.script[f"GET /orders/{ID}"] = ORDER
            self.error(self.orders.cancel(ID), OutcomeUnknown)

    def test_path_cannot_be_left(self) -> None:
        """An id is a part of the path and nothing more."""
        self.error(self.orders.look("../accounts?x=1"), InvalidData)
        self.assertEqual("/orders/..%2Faccounts%3Fx%3D1", self.around.server.asked[-1].path)


class MoneyTests(RestCase):
    """:class:`Account`."""

    def test_fills_with_our_ids(self) -> None:
        """Each order is asked for once, and not at all if it is remembered."""
        self.script["GET /fills"] = InTurn([[FILL], [FILL]])
        self.script[f"GET /orders/{ID}"] = ORDER
        for _ in range(2):
            (shape,) = self.result(self.account.fills(SINCE, UNTIL))
            self.assertEqual("ilp-1", shape["client_id"])
        self.assertEqual(1, len(self.asked(f"GET /orders/{ID}")))

    def test_transactions(self) -> None:
        """Ledgers of what there is, and transfers; the same posting has the same id."""
        self.script["GET /accounts"] = [{"id": "a", "currency": "LTC", "balance": "1", "available": "1"}]
        match = {"id": "1", "amount": "0.05", "balance": "1", "created_at": FILL["created_at"], "type": "match", "details": {}}
        self.script["GET /accounts/a/ledger"] = [match]
        self.script["GET /transfers"] = [DEPOSIT]
        shapes = self.result(self.account.transactions(SINCE, UNTIL))
        self.assertEqual(["ledger-LTC-1", f"deposit-{DEPOSIT['id']}"], [shape["id"] for shape in shapes])
        self.script["GET /transfers"] = [{**DEPOSIT, "amount": None}]
        self.error(self.account.transactions(SINCE, UNTIL), InvalidData)

    def test_pending_deposit_that_ends(self) -> None:
        """It is told again when it has ended, also to who reads on from where it stood."""
        self.script["GET /accounts"] = []
        self.script["GET /transfers"] = [{**DEPOSIT, "completed_at": None}]
        during = datetime(2022, 12, 21, tzinfo=UTC), datetime(2022, 12, 21, 0, 50, tzinfo=UTC)
        (first,) = self.result(self.account.transactions(*during))
        self.assertEqual("pending", first["state"])
        self.script["GET /transfers"] = [DEPOSIT]
        later = datetime(2022, 12, 22, tzinfo=UTC), datetime(2022, 12, 23, tzinfo=UTC)
        (second,) = self.result(self.account.transactions(*later))
        self.assertEqual((first["id"], "done"), (second["id"], second["state"]))
        self.assertEqual([], self.result(self.account.transactions(*later)))

    def test_withdrawal(self) -> None:
        """The network is named, the fee is a part of the amount; without a reference it may be on its way."""
        self.script["POST /withdrawals/crypto"] = {"id": "w"}
        self.assertEqual("w", self.result(self.account.withdraw("LTC", D("0.10"), "M1")))
        form = json.loads(self.asked("POST /withdrawals/crypto")[-1].body)
        expected = {"currency": "LTC", "amount": "0.1", "crypto_address": "M1", "network": "litecoin"}
        self.assertEqual({**expected, "add_network_fee_to_total": False}, form)
        answers: list[Any] = [{}, {"id": None}, [], (200, b""), (502, b"")]
        for answer in answers:
            self.script["POST /withdrawals/crypto"] = answer
            self.error(self.account.withdraw("LTC", D("0.1"), "M1"), OutcomeUnknown)
        sent = len(self.around.server.asked)
        for amount in ("0", "-1", "NaN"):
            self.assertIs(Reason.SIZE, self.error(self.account.withdraw("LTC", D(amount), "M1"), Refused).reason)
        self.assertIs(Reason.ADDRESS, self.error(self.account.withdraw("DOGE", D(1), "M1"), Refused).reason)
        self.assertEqual(sent, len(self.around.server.asked))

    def test_address(self) -> None:
        """A new one is made and kept; one that needs a tag beside it is none that we can give away."""
        self.script["GET /coinbase-accounts"] = [{"id": "w", "currency": "LTC"}]
        self.script["POST /coinbase-accounts/w/addresses"] = InTurn([{"address": "M1"}, {"address": "M2"}])
        for made in ("M1", "M2"):
            self.assertEqual(made, self.result(self.account.new_address("LTC")))
        self.assertEqual("M2", self.result(self.account.address("LTC")))
        self.assertEqual({"network": "litecoin"}, json.loads(self.asked("POST /coinbase-accounts/w/addresses")[-1].body))
        self.script["POST /coinbase-accounts/w/addresses"] = {"address": "M3", "destination_tag": "7"}
        self.error(self.account.new_address("LTC"), InvalidData)
        self.assertIs(Reason.ADDRESS, self.error(self.account.address("USDT"), Refused).reason)

    def test_address_of_the_last_deposit(self) -> None:
        """There is no list of addresses, and none is made unasked: an old one of this currency and network stays good."""
        self.assertIs(Reason.ADDRESS, self.error(self.account.address("LTC"), Refused).reason)
        others: list[Any] = [{**DEPOSIT, "currency": "BTC"}, {**DEPOSIT, "details": {"network": "other", "crypto_address": "M0"}}]
        tagged = {**DEPOSIT, "details": {**DEPOSIT["details"], "destination_tag": "7"}}
        self.script["GET /transfers"] = [*others, tagged, DEPOSIT]
        self.assertEqual("M1", self.result(self.account.address("LTC")))
        asked = len(self.asked("GET /transfers"))
        self.assertEqual("M1", self.result(self.account.address("LTC")))
        self.assertEqual(asked, len(self.asked("GET /transfers")))


class BudgetTests(RestCase):
    """Calls per second, and the clock."""

    def test_calls_wait(self) -> None:
        """Thirty at once, then fifteen a second; a cancel is sent all the same."""
        self.script["GET /accounts"] = []
        self.script[f"DELETE /orders/{ID}"], self.script[f"GET /orders/{ID}"] = ID, no(404, "NotFound")
        waiting = [Deferred.fromCoroutine(self.rest.private("GET /accounts")) for _ in range(32)]
        self.assertEqual(30, len(self.asked("GET /accounts")))
        cancelling = Deferred.fromCoroutine(self.orders.cancel(ID))
        self.assertEqual(1, len(self.asked(f"DELETE /orders/{ID}")))
        self.around.clock.advance(1)
        self.assertTrue(self.successResultOf(cancelling))
        self.assertEqual([[]] * 32, [self.successResultOf(each) for each in waiting])

    def test_too_many_calls(self) -> None:
        """The venue counts otherwise than we do: it is right."""
        self.script["GET /accounts"] = InTurn([no(429, "Private rate limit exceeded"), []])
        self.assertIs(Reason.RATE_LIMIT, self.error(self.rest.private("GET /accounts"), Refused).reason)
        again = Deferred.fromCoroutine(self.rest.private("GET /accounts"))
        self.assertNoResult(again)
        self.around.clock.advance(0.1)
        self.assertEqual([], self.successResultOf(again))

    def test_wrong_time(self) -> None:
        """A request whose time the venue finds wrong was not carried out; the venue is asked for its own."""
        self.script["POST /orders"] = no(401, "request timestamp expired")
        self.script["GET /time"] = (200, b'{"iso":"?","epoch":%.3f}' % (self.around.now().timestamp() + 90))
        self.error(self.place(), Retryable)
        self.script["POST /orders"] = {"id": ID}
        self.result(self.place())
        sent = float(self.asked("POST /orders")[-1].headers["Cb-Access-Timestamp"])
        self.assertAlmostEqual(self.around.now().timestamp() + 90, sent, places=2)

    def test_time_that_is_none(self) -> None:
        """What is no time is no time."""
        answers: list[Any] = [{}, {"epoch": "soon"}, {"epoch": None}, {"epoch": -1}, [], (200, b'{"epoch":NaN}')]
        for answer in answers:
            self.script["GET /time"] = answer
            self.error(self.rest.measure_skew(), InvalidData)

    def test_secrets_are_not_shown(self) -> None:
        """Neither the secret nor the passphrase, and of the key only a beginning."""
        self.assertEqual("<CoinbaseExchangeRest key...>", repr(self.rest))
