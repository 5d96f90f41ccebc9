"""Orders and money at Kraken against a scripted server: what each answer proves."""

import base64
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from clients.cancelling import LOOKS
from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from clients.kraken.account import Account
from clients.kraken.orders import Orders
from clients.kraken.rest import KrakenRest
from clients.kraken.signing import sign
from tests.clients.scripted import SILENCE, Around, Asked, Scripted
from tests.clients.test_kraken_wire import ENTRY, MARKET, ORDER, TRADE

D = Decimal
SECRET = base64.b64encode(b"secret").decode()
PAIR = MARKET.pairs["BTC/USD"]
NO_FLAGS: frozenset[str] = frozenset()


class InTurn(list[Any]):
    """Answers of one call, one after the other."""


class RestCase(SynchronousTestCase):
    """A server that answers each call by its name: a result, an error text, a (status, body), or several :class:`InTurn`."""

    def setUp(self) -> None:
        self.script: dict[str, Any] = {}
        self.around = Around(Scripted(self.answer))
        # A key of its own per test: nonces are counted per key for the whole process.
        self.key = self.id()
        self.rest = KrakenRest(self.key, SECRET, "http://127.0.0.1:1", self.around.surroundings(), "none")
        self.orders = Orders(self.rest, MARKET, self.around.clock, lambda _id: 0.0)
        self.account = Account(self.rest, MARKET, {})

    def answer(self, asked: Asked) -> Any:
        """By the script."""
        found = self.script[asked.path.rpartition("/")[2]]
        if isinstance(found, InTurn):
            found = found.pop(0)
        if found is SILENCE or isinstance(found, tuple):
            return found
        return {"error": [found]} if isinstance(found, str) else {"error": [], "result": found}

    def run_coroutine(self, coroutine: Any) -> "Deferred[Any]":
        return Deferred.fromCoroutine(coroutine)

    def result(self, coroutine: Any) -> Any:
        return self.successResultOf(self.run_coroutine(coroutine))

    def error(self, coroutine: Any, *kinds: type[Exception]) -> Any:
        return self.failureResultOf(self.run_coroutine(coroutine), *kinds).value

    def forms(self, call: str) -> list[dict[str, str]]:
        """What was sent to ``call``."""
        asked = [each for each in self.around.server.asked if each.path.endswith("/" + call)]
        return [{name: values[0] for name, values in parse_qs(each.body.decode()).items()} for each in asked]


class OrderTests(RestCase):
    """:class:`Orders`."""

    def place(self, quantity: str = "0.5", price: str = "30000.1", flags: frozenset[str] = NO_FLAGS) -> Any:
        return self.orders.place(PAIR, D(quantity), D(price), "BUY", "ilp-1", flags)

    def test_what_is_sent(self) -> None:
        """Plain digits, our id, the fee in the quote currency, the flags; signed over exactly these bytes."""
        self.script["AddOrder"] = {"txid": ["O1"]}
        common = {"pair": "XXBTZUSD", "type": "buy", "ordertype": "limit", "volume": "0.0001", "price": "30000.1"}
        for flags, words in (
            (NO_FLAGS, {"oflags": "fciq"}),
            (frozenset({"post_only"}), {"oflags": "fciq,post"}),
            (frozenset({"immediate"}), {"oflags": "fciq", "timeinforce": "IOC"}),
        ):
            self.assertEqual("O1", self.result(self.place("0.00010000", "30000.10", flags)))
            form, asked = self.forms("AddOrder")[-1], self.around.server.asked[-1]
            nonce = form.pop("nonce")
            self.assertEqual({**common, "cl_ord_id": "ilp-1", **words}, form)
            self.assertEqual(sign(b"secret", "/0/private/AddOrder", int(nonce), asked.body), asked.headers["Api-Sign"])

    def test_an_answer_without_an_id(self) -> None:
        """Neither yes nor no: the order may be in the book."""
        answers: list[Any] = [{}, {"txid": []}, {"txid": ["a", "b"]}, {"txid": [7]}, None, (200, b"<html>"), (200, b"[]")]
        for answer in answers:
            self.script["AddOrder"] = answer
            self.error(self.place(), OutcomeUnknown)

    def test_off_step_never_leaves(self) -> None:
        """What is off the venue's steps, or under its minimum, is refused here."""
        for quantity, price, reason in (
            ("0.5", "30000.11", Reason.PRICE),
            ("0.5", "0", Reason.PRICE),
            ("0.5", "NaN", Reason.PRICE),
            ("0.000000001", "30000", Reason.SIZE),
            ("-1", "30000", Reason.SIZE),
            ("Infinity", "30000", Reason.SIZE),
            ("0.00001", "30000", Reason.SIZE),
            ("0.0001", "100", Reason.SIZE),
        ):
            self.assertIs(reason, self.error(self.place(quantity, price), Refused).reason, (quantity, price))
        self.error(self.place(flags=frozenset({"post_only", "immediate"})), Refused)
        self.assertEqual([], self.around.server.asked)

    def test_cancel(self) -> None:
        """Count 1 is a cancel."""
        self.script["CancelOrder"] = {"count": 1}
        self.assertIs(True, self.result(self.orders.cancel("O1")))

    def test_unknown_order_is_looked_at(self) -> None:
        """Kraken says the same of filled, cancelled and never known: a look tells them apart."""
        self.script["CancelOrder"] = "EOrder:Unknown order"
        filled = {**ORDER, "status": "closed", "vol_exec": ORDER["vol"], "opentm": 1}
        gone = {**ORDER, "status": "canceled", "opentm": 1}
        for look, expected in (({"O1": filled}, False), ({"O1": gone}, True)):
            self.script["QueryOrders"] = look
            self.assertIs(expected, self.result(self.orders.cancel("O1")))
        unknowns: list[Any] = [{}, "EOrder:Unknown order"]
        for unknown in unknowns:
            self.script["QueryOrders"] = unknown
            self.assertIs(Reason.UNKNOWN_ORDER, self.error(self.orders.cancel("O1"), Refused).reason)
        self.script["QueryOrders"] = {"O1": {**ORDER, "opentm": 1}}
        self.error(self.orders.cancel("O1"), OutcomeUnknown)

    def test_pending_cancel_is_awaited(self) -> None:
        """A cancel that is pending is looked at until it has happened, or given up as unknown."""
        self.script["CancelOrder"] = {"count": 1, "pending": True}
        still = {"O1": {**ORDER, "opentm": 1}}
        self.script["QueryOrders"] = InTurn([still, still, {"O1": {**ORDER, "status": "canceled", "opentm": 1}}])
        cancelled = self.run_coroutine(self.orders.cancel("O1"))
        self.around.clock.pump([0.5, 0.5])
        self.assertIs(True, self.successResultOf(cancelled))
        self.script["QueryOrders"] = InTurn([still] * LOOKS)
        cancelled = self.run_coroutine(self.orders.cancel("O1"))
        self.around.clock.pump([0.5] * LOOKS)
        self.failureResultOf(cancelled, OutcomeUnknown)

    def test_cancels_wait_for_no_history(self) -> None:
        """Histories that wait for their turn hold back neither a cancel nor an order: those have a budget of their own."""
        self.rest = KrakenRest(self.key, SECRET, "http://127.0.0.1:1", self.around.surroundings(), "starter")
        self.orders = Orders(self.rest, MARKET, self.around.clock, lambda _id: 0.0)
        self.script |= {"CancelOrder": {"count": 1}, "AddOrder": {"txid": ["O1"]}, "Ledgers": {"ledger": {}, "count": 0}}
        ledgers = [self.run_coroutine(self.rest.private("Ledgers")) for _ in range(20)]
        self.assertNoResult(ledgers[-1])
        self.assertTrue(self.result(self.orders.cancel("O1")))
        self.assertEqual("O1", self.result(self.place()))

    def test_lost_cancel(self) -> None:
        """A cancel without an answer is unknown."""
        self.script["CancelOrder"] = SILENCE
        cancelled = self.run_coroutine(self.orders.cancel("O1"))
        self.around.clock.advance(10)
        self.failureResultOf(cancelled, OutcomeUnknown)

    def test_amend(self) -> None:
        """By the order's id, the whole size, never taking; an answer that proves nothing is unknown, no refusal."""
        self.script["AmendOrder"] = {"amend_id": "T1"}
        self.result(self.orders.amend("O1", D("0.2"), D(50_000)))
        form = {name: values[0] for name, values in parse_qs(self.around.server.asked[-1].body.decode()).items()}
        del form["nonce"]
        self.assertEqual({"txid": "O1", "order_qty": "0.2", "limit_price": "50000", "post_only": "true"}, form)
        for answer in (dict[str, str](), "EService:Timeout"):
            self.script["AmendOrder"] = answer
            self.error(self.orders.amend("O1", D("0.2"), D(50_000)), OutcomeUnknown)
        self.script["AmendOrder"] = "EOrder:Unknown order"
        self.assertIs(Reason.UNKNOWN_ORDER, self.error(self.orders.amend("O1", D("0.2"), D(50_000)), Refused).reason)

    def test_secrets_stay_out_of_errors(self) -> None:
        """Neither key nor signature nor secret is in what an error says."""
        self.script["AddOrder"] = "EGeneral:Invalid arguments"
        error = self.error(self.place(), Refused)
        self.assertEqual("kraken AddOrder: EGeneral:Invalid arguments", str(error))
        self.assertNotIn(SECRET, repr(self.rest))


class AccountTests(RestCase):
    """:class:`Account`."""

    def trades(self, first: int, count: int, total: int) -> dict[str, Any]:
        entries = {f"T{n}": {**TRADE, "time": int(self.around.began.timestamp()) - n} for n in range(first, first + count)}
        return {"trades": entries, "count": total}

    def test_all_pages_each_once(self) -> None:
        """Pages that overlap, as they do when something is added meanwhile, give each fill once, oldest first."""
        self.script["TradesHistory"] = InTurn([self.trades(0, 50, 120), self.trades(45, 50, 120), self.trades(90, 20, 120)])
        self.script["QueryOrders"] = {"O1": {"cl_ord_id": "ilp-1"}}
        now = self.around.now()
        fills = self.result(self.account.fills(now - timedelta(hours=1), now))
        self.assertEqual([f"T{n}" for n in range(109, -1, -1)], [fill["id"] for fill in fills])
        self.assertEqual({"ilp-1"}, {fill["client_id"] for fill in fills})
        self.assertEqual(["0", "50", "100"], [form["ofs"] for form in self.forms("TradesHistory")])

    def test_window_follows_the_venues_clock(self) -> None:
        """A venue whose clock is ahead stamps what just happened later than our now; it is not left out."""
        now = self.around.now()
        ahead = int(now.timestamp()) + 30
        self.script["TradesHistory"] = {"trades": {"T1": {**TRADE, "time": ahead}}, "count": 1}
        self.script["QueryOrders"] = {}
        self.assertEqual([], self.result(self.account.fills(now - timedelta(hours=1), now)))
        self.rest.skew.observe(float(ahead), now.timestamp(), now.timestamp())
        self.assertEqual(1, len(self.result(self.account.fills(now - timedelta(hours=1), now))))

    def test_withdrawal_by_the_stored_key(self) -> None:
        """The address is turned into the name it is stored under; one that is not confirmed does not count."""
        stored = {"address": "bc1q", "asset": "XBT", "method": "Bitcoin", "key": "pool", "verified": True}
        self.script["WithdrawAddresses"] = [{**stored, "address": "other", "key": "x"}, stored]
        self.script["Withdraw"] = {"refid": "A1"}
        self.assertEqual("A1", self.result(self.account.withdraw("BTC", D("0.50"), "bc1q")))
        (form,) = self.forms("Withdraw")
        self.assertEqual(("XXBT", "pool", "0.5"), (form["asset"], form["key"], form["amount"]))
        self.script["WithdrawAddresses"] = [{**stored, "verified": False}]
        self.assertIs(Reason.ADDRESS, self.error(self.account.withdraw("BTC", D(1), "bc1q"), Refused).reason)

    def test_lost_withdrawal_is_unknown(self) -> None:
        """It may have left: nobody may send it again on a guess."""
        self.script["WithdrawAddresses"] = [{"address": "bc1q", "key": "pool", "verified": True}]
        for answer, kind in (((502, b""), OutcomeUnknown), ({}, OutcomeUnknown), ("EService:Busy", OutcomeUnknown)):
            self.script["Withdraw"] = answer
            self.error(self.account.withdraw("BTC", D(1), "bc1q"), kind)

    def test_network_is_never_guessed(self) -> None:
        """Of several networks the configured one is taken, or Bitcoin's own; else the operator is asked."""
        self.script["DepositMethods"] = [{"method": "Tether USD (TRC20)"}, {"method": "Tether USD (ERC20)"}]
        error = self.error(self.account.address("USDT", is_new=False), Refused)
        self.assertIn("deposit_method_USDT", error.detail)
        self.script["DepositMethods"] = [{"method": "Bitcoin Lightning"}, {"method": "Bitcoin"}]
        self.script["DepositAddresses"] = [{"address": "bc1q", "expiretm": "0"}]
        self.assertEqual("bc1q", self.result(self.account.address("BTC", is_new=False)))
        self.assertEqual("Bitcoin", self.forms("DepositAddresses")[0]["method"])

    def test_memo_is_for_a_person(self) -> None:
        """An address that is not enough by itself is not given."""
        self.script["DepositMethods"] = [{"method": "Ether"}]
        self.script["DepositAddresses"] = [{"address": "r1", "expiretm": "0", "tag": "123"}]
        self.error(self.account.address("ETH", is_new=False), NotImplementedError)

    def test_funding_lists_with_a_cursor(self) -> None:
        """Pages of deposits are read to the end."""
        now = self.around.now()
        entry = {**ENTRY, "type": "deposit", "amount": "0.5", "refid": "B", "time": int(now.timestamp()) - 5}
        told = {"txid": "net", "info": "bc1q", "status": "Success"}
        self.script["Ledgers"] = {"ledger": {"L1": entry}, "count": 1}
        first = {"deposits": [{**told, "refid": "A"}], "next_cursor": "next"}
        last = {"deposits": [{**told, "refid": "B"}], "next_cursor": None}
        self.script["DepositStatus"] = InTurn([first, last])
        (shape,) = self.result(self.account.transactions(now - timedelta(hours=1), now))
        self.assertEqual(("bc1q", "net"), (shape["address"], shape["reference"]))
        self.assertEqual(["true", "next"], [form["cursor"] for form in self.forms("DepositStatus")])

    def test_envelope(self) -> None:
        """Neither result nor error is no answer; a nonce that came late may be sent again."""
        for answer in ((200, b"[]"), (200, b'{"error": "x"}'), (200, b'{"error": []}')):
            self.script["BalanceEx"] = answer
            self.error(self.account.positions(), InvalidData)
        self.script["BalanceEx"] = "EAPI:Invalid nonce"
        self.error(self.account.positions(), Retryable)
