"""Orders, money and rates at Gemini against a scripted server: what is sent, and what each answer proves."""

import base64
import json
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any, ClassVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from clients.gemini.account import Account
from clients.gemini.orders import Orders
from clients.gemini.places import Places
from clients.gemini.rest import GeminiRest
from clients.gemini.signing import sign
from tests.clients.scripted import SILENCE, Around, Asked, Scripted
from tests.clients.test_gemini_wire import MARKET, ORDER, TRADE, TRANSFER

D = Decimal
LISTING = MARKET.contracts["BTC/USD"]
NO_FLAGS: frozenset[str] = frozenset()
PORTS = count(1)


def no(status: int, reason: str) -> tuple[int, bytes]:
    """A refusal as Gemini words it."""
    return status, json.dumps({"result": "error", "reason": reason, "message": "words"}).encode()


def decoded(asked: Asked) -> dict[str, Any]:
    """What a request's payload says."""
    return dict(json.loads(base64.b64decode(asked.headers["X-Gemini-Payload"])))


class InTurn(list[Any]):
    """Answers of one call, one after the other."""


class RestCase(SynchronousTestCase):
    """A server that answers each call by its path: a JSON value, a (status, body), or several :class:`InTurn`."""

    options: ClassVar[dict[str, str]] = {}

    def setUp(self) -> None:
        self.script: dict[str, Any] = {}
        self.around = Around(Scripted(self.answer))
        surroundings = self.around.surroundings()
        # A venue of its own for each test: all clients of a key at a venue share its nonces.
        places = Places.of(f"http://127.0.0.1:{next(PORTS)}", self.options)
        self.rest = GeminiRest("account-key", "secret", places, surroundings)
        self.orders = Orders(self.rest, MARKET, surroundings.reactor)
        self.account = Account(self.rest, {"USDC": "solana"}, lambda: [LISTING])

    def answer(self, asked: Asked) -> Any:
        """By the script."""
        found = self.script[asked.path]
        return found.pop(0) if isinstance(found, InTurn) else found

    def result(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def error(self, coroutine: Any, *kinds: type[Exception]) -> Any:
        return self.failureResultOf(Deferred.fromCoroutine(coroutine), *kinds).value

    def asked(self, path: str) -> list[Asked]:
        """The requests of ``path``."""
        return [each for each in self.around.server.asked if each.path == path]


class OrderTests(RestCase):
    """:class:`Orders`."""

    def place(self, quantity: str = "0.5", price: str = "30000.01", flags: frozenset[str] = NO_FLAGS) -> Any:
        return self.orders.place(LISTING, D(quantity), D(price), "BUY", "ilp-1", flags)

    def test_what_is_sent(self) -> None:
        """An empty body; in the signed payload plain digits, our id, the venue's own word for each wish; nonces rise."""
        self.script["/v1/order/new"] = {"order_id": "106"}
        nonces = []
        for flags, options in (
            (NO_FLAGS, None),
            (frozenset({"immediate"}), ["immediate-or-cancel"]),
            (frozenset({"post_only"}), ["maker-or-cancel"]),
        ):
            self.assertEqual("106", self.result(self.place("0.50000000", "30000.010", flags)))
            asked = self.asked("/v1/order/new")[-1]
            self.assertEqual(("POST", b"", "account-key"), (asked.method, asked.body, asked.headers["X-Gemini-Apikey"]))
            self.assertEqual(sign("secret", asked.headers["X-Gemini-Payload"]), asked.headers["X-Gemini-Signature"])
            form = decoded(asked)
            nonces.append(int(form.pop("nonce")))
            expected = {"request": "/v1/order/new", "symbol": "btcusd", "amount": "0.5", "price": "30000.01", "side": "buy"}
            expected |= {"type": "exchange limit", "client_order_id": "ilp-1"}
            self.assertEqual(expected | ({"options": options} if options else {}), form)
        first = int(self.around.now().timestamp() * 1000)
        self.assertEqual([first, first + 1, first + 2], nonces)

    def test_an_answer_without_an_id(self) -> None:
        """Neither yes nor no: the order may be in the book."""
        answers: list[Any] = [
            {},
            {"order_id": None},
            {"order_id": "-1"},
            {"order_id": True},
            None,
            (200, b"<html>"),
            (200, b"[]"),
        ]
        for answer in [*answers, (504, b""), no(500, "System"), no(503, "Maintenance")]:
            self.script["/v1/order/new"] = answer
            self.error(self.place(), OutcomeUnknown)

    def test_silence_after_the_send(self) -> None:
        """No answer in time says nothing of what was done."""
        self.script["/v1/order/new"] = SILENCE
        waiting = Deferred.fromCoroutine(self.place())
        self.around.clock.advance(11)
        self.failureResultOf(waiting, OutcomeUnknown)

    def test_refusal_with_status_200(self) -> None:
        """An error is an error whatever its status is."""
        self.script["/v1/order/new"] = no(200, "InsufficientFunds")
        self.assertIs(Reason.FUNDS, self.error(self.place(), Refused).reason)

    def test_off_step_never_leaves(self) -> None:
        """What is off the venue's steps, or under its minimum, is refused here."""
        for quantity, price, reason in (
            ("0.5", "30000.011", Reason.PRICE),
            ("0.5", "0", Reason.PRICE),
            ("0.5", "NaN", Reason.PRICE),
            ("0.500000001", "30000", Reason.SIZE),
            ("-1", "30000", Reason.SIZE),
            ("Infinity", "30000", Reason.SIZE),
            ("0.000009", "30000", Reason.SIZE),
        ):
            self.assertIs(reason, self.error(self.place(quantity, price), Refused).reason)
        self.error(self.place(flags=frozenset({"post_only", "immediate"})), Refused)
        self.assertEqual([], self.around.server.asked)

    def test_cancel(self) -> None:
        """Cancelled is told as such; of an order that the venue does not know any more a look tells how it ended."""
        self.script["/v1/order/cancel"] = {**ORDER, "is_cancelled": True}
        self.assertTrue(self.result(self.orders.cancel("106817811")))
        self.assertEqual(106817811, decoded(self.asked("/v1/order/cancel")[-1])["order_id"])
        self.script["/v1/order/cancel"] = no(404, "OrderNotFound")
        for is_cancelled, done, expected in ((False, "0.5", False), (True, "0.1", True), (True, "0", True)):
            self.script["/v1/order/status"] = {**ORDER, "is_cancelled": is_cancelled, "executed_amount": done}
            self.assertIs(expected, self.result(self.orders.cancel("106817811")))
        self.script["/v1/order/status"] = ORDER
        self.error(self.orders.cancel("106817811"), OutcomeUnknown)
        self.script["/v1/order/status"] = no(404, "OrderNotFound")
        self.assertIs(Reason.UNKNOWN_ORDER, self.error(self.orders.cancel("106817811"), Refused).reason)

    def test_order_that_is_forgotten_hides_no_other(self) -> None:
        """Of several that are looked up, one that the venue does not know any more is left out."""
        self.script["/v1/order/status"] = InTurn([no(404, "OrderNotFound"), ORDER])
        self.assertEqual(["106817811"], [order["id"] for order in self.result(self.orders.look_up(["7", "106817811"]))])

    def test_strange_ids_never_leave(self) -> None:
        """An id that is none of this venue's is unknown."""
        for id in ("none", "28-3", "", "٣"):
            self.assertIs(Reason.UNKNOWN_ORDER, self.error(self.orders.cancel(id), Refused).reason)
        self.assertEqual([], self.around.server.asked)


class AccountOfMasterKeyTests(RestCase):
    """The option ``account``."""

    options: ClassVar[dict[str, str]] = {"account": "primary"}

    def test_each_payload_names_it(self) -> None:
        """A master key is for several accounts: each call says for which."""
        self.script["/v1/balances"] = []
        self.result(self.account.positions())
        self.assertEqual("primary", decoded(self.asked("/v1/balances")[0])["account"])


class TimeTests(RestCase):
    """The option ``nonce = time``."""

    options: ClassVar[dict[str, str]] = {"nonce": "time"}

    def test_wrong_time_is_compared_anew(self) -> None:
        """A request whose time is refused was not carried out; the next one has the venue's time, in seconds."""
        self.script["/v1/balances"] = InTurn([no(400, "InvalidNonce"), []])
        self.patch(self.rest, "_server_time", lambda: self.hour_ahead())
        self.error(self.account.positions(), Retryable)
        self.result(self.account.positions())
        ours = int(self.around.now().timestamp())
        self.assertEqual([ours, ours + 3600], [int(decoded(each)["nonce"]) for each in self.asked("/v1/balances")])

    async def hour_ahead(self) -> float:
        return self.around.now().timestamp() + 3600


class RateTests(RestCase):
    """The venue's rates."""

    options: ClassVar[dict[str, str]] = {"limits": "on"}

    def test_reads_wait_and_a_cancel_does_not(self) -> None:
        """A spent rate delays the next read; a cancel goes at once."""
        self.script |= {"/v1/balances": [], "/v1/order/cancel": {**ORDER, "is_cancelled": True}}
        for _ in range(5):
            self.result(self.account.positions())
        waiting = Deferred.fromCoroutine(self.account.positions())
        self.assertNoResult(waiting)
        self.assertTrue(self.result(self.orders.cancel("106817811")))
        self.around.clock.advance(1)
        self.successResultOf(waiting)

    def test_transfers_are_slow(self) -> None:
        """Once in five seconds, whatever else is asked."""
        self.script |= {"/v2/transfers": [], "/v1/mytrades": [], "/v1/balances": []}
        window = self.around.now() - timedelta(days=1), self.around.now()
        self.result(self.account.transactions(*window))
        waiting = Deferred.fromCoroutine(self.account.transactions(*window))
        self.result(self.account.positions())
        self.around.clock.advance(4)
        self.assertNoResult(waiting)
        self.around.clock.advance(2)
        self.successResultOf(waiting)

    def test_refused_for_the_rate(self) -> None:
        """After a 429, with or without its words, our own count begins from nothing."""
        for answer in (no(429, "RateLimit"), (429, b"Too Many Requests")):
            self.script["/v1/balances"] = answer
            self.assertIs(Reason.RATE_LIMIT, self.error(self.account.positions(), Refused).reason)
            self.script["/v1/balances"] = []
            waiting = Deferred.fromCoroutine(self.account.positions())
            self.assertNoResult(waiting)
            self.around.clock.advance(10)
            self.successResultOf(waiting)


class MoneyTests(RestCase):
    """:class:`Account`."""

    def window(self, days: float = 1) -> Any:
        return self.around.now() - timedelta(days=days), self.around.now()

    def moment(self, hours: float) -> int:
        return int((self.around.now() - timedelta(hours=hours)).timestamp() * 1000)

    def test_clock_by_the_date(self) -> None:
        """There is no call for the time: the answers' dates tell it."""
        self.script["/v1/symbols"] = []
        self.result(self.rest.measure_skew())
        self.assertIsNotNone(self.rest.skew.best.offset)

    def test_pending_transfer_is_told_when_it_ends(self) -> None:
        """It keeps the time at which it was first seen; who reads on from later hears of its end all the same, once."""
        pending = {**TRANSFER, "type": "Deposit", "status": "Pending", "timestampms": self.moment(0.001)}
        self.script |= {"/v1/mytrades": []}
        transfers = self.script["/v2/transfers"] = InTurn([[pending]])
        self.assertEqual(["pending"], [shape["state"] for shape in self.result(self.account.transactions(*self.window()))])
        for told in (["done"], []):
            self.around.clock.advance(3600)
            transfers.append([{**pending, "status": "Complete"}])
            later = self.around.now() - timedelta(minutes=2), self.around.now()
            self.assertEqual(told, [shape["state"] for shape in self.result(self.account.transactions(*later))])

    def test_broken_trades_are_left_out(self) -> None:
        """One that never was is not told."""
        good = {**TRADE, "timestampms": self.moment(1)}
        self.script["/v1/mytrades"] = [{**good, "tid": 2, "break": "full"}, good]
        self.assertEqual(["106817811-1034"], [fill["id"] for fill in self.result(self.account.fills(*self.window()))])

    def test_more_than_a_page_of_one_moment(self) -> None:
        """What cannot be read to its end is an error, and never a part of it."""
        moment = self.moment(1)
        self.script["/v1/mytrades"] = [{**TRADE, "tid": number, "timestampms": moment} for number in range(500)]
        self.error(self.account.fills(*self.window()), InvalidData)

    def test_withdrawal_without_a_reference(self) -> None:
        """It was not refused, so the money may be on its way."""
        answers: list[Any] = [{}, {"withdrawalId": ""}, [], (500, b"")]
        for answer in answers:
            self.script["/v2/withdraw/bitcoin/btc"] = answer
            self.error(self.account.withdraw("BTC", D("1.50"), "address"), OutcomeUnknown)
        form = decoded(self.asked("/v2/withdraw/bitcoin/btc")[-1])
        self.assertEqual(("1.5", "address"), (form["amount"], form["address"]))
        self.assertIs(Reason.SIZE, self.error(self.account.withdraw("BTC", D(0), "address"), Refused).reason)

    def test_networks(self) -> None:
        """The usual, the chosen or the only one, never a guess; asked for by a signed GET."""
        self.script["/v2/network/dai"] = {"token": "DAI", "network": ["ethereum", "base"]}
        self.script["/v2/network/ltc"] = {"token": "LTC", "network": ["litecoin"]}
        self.script["/v2/withdraw/litecoin/ltc"] = {"withdrawalId": "x"}
        self.script["/v1/addresses/solana"] = [{"address": "a", "timestamp": 1}, {"address": "b", "timestamp": 2}]
        self.assertEqual("b", self.result(self.account.address("USDC")))
        self.assertEqual("x", self.result(self.account.withdraw("LTC", D(1), "address")))
        for refused in (self.account.address("DAI"), self.account.withdraw("DAI", D(1), "address")):
            self.assertIs(Reason.ADDRESS, self.error(refused, Refused).reason)
        asked = self.asked("/v2/network/dai")[0]
        self.assertEqual(("GET", "/v2/network/dai"), (asked.method, decoded(asked)["request"]))

    def test_addresses(self) -> None:
        """None yet is refused rather than made; one that needs a memo is none, since what arrives without it is lost."""
        self.script["/v1/addresses/bitcoin"] = []
        self.assertIs(Reason.ADDRESS, self.error(self.account.address("BTC"), Refused).reason)
        self.script["/v1/addresses/bitcoin"] = [{"address": "a", "timestamp": 1, "memo": "7"}]
        self.error(self.account.address("BTC"), InvalidData)
        self.script["/v1/deposit/bitcoin/newAddress"] = {"address": "c", "network": "bitcoin"}
        self.assertEqual("c", self.result(self.account.new_address("BTC")))
