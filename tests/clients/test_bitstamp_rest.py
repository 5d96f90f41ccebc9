"""Orders, money and budgets at Bitstamp against a scripted server: what is sent, and what each answer proves."""

import hashlib
import hmac
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import Request

from clients.bitstamp import account, rest, wire
from clients.bitstamp.account import Account
from clients.bitstamp.currencies import currencies
from clients.bitstamp.orders import Memory, Orders
from clients.bitstamp.rest import BitstampRest
from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from clients.listings import Listing
from tests.clients import test_bitstamp_wire as recorded
from tests.clients.scripted import Around, Asked, Scripted
from tests.clients.test_bitstamp_wire import COIN, LISTED, ORDER, REQUEST, STATUS, WITHDRAWAL, fixture

D = Decimal
BTC_USDT = {**LISTED, "market_symbol": "btcusdt", "base_currency": "BTC", "counter_decimals": 0}
MARKET = wire.market([LISTED, BTC_USDT])
LISTING = MARKET.contracts["ETH/USDT"]
NO_FLAGS: frozenset[str] = frozenset()
BUY, CANCEL, STATUS_CALL = "POST /api/v2/buy/ethusdt/", "POST /api/v2/cancel_order/", "POST /api/v2/order_status/"
BALANCES, ROWS = "POST /api/v2/account_balances/", "POST /api/v2/user_transactions/"
REQUESTS, COINS = "POST /api/v2/withdrawal-requests/", "POST /api/v2/crypto-transactions/"
NOT_FOUND = {"status": "error", "reason": "Order not found.", "response_code": "404.002"}
ID = "1429545880227846"
#: As they are on the wire: bare numbers.
TRADE = {**recorded.TRADE, "eth_usdt": 4451.25, "btc": 0.0}
ARRIVAL = {**recorded.ARRIVAL, "amount": 20.0}


class InTurn(list[Any]):
    """Answers of one call, one after the other."""


class Sealing(Scripted):
    """Puts a signature on each answer, the right one or another."""

    seal: str | None = None

    def render(self, request: Request) -> Any:
        """As scripted, sealed if asked to."""
        answer = super().render(request)
        request.setHeader("Content-Type", "application/json")
        if self.seal is not None:
            text = "".join(request.getHeader(name) or "" for name in ("X-Auth-Nonce", "X-Auth-Timestamp")) + "application/json"
            good = hmac.new(b"secret", text.encode() + answer, hashlib.sha256).hexdigest()
            request.setHeader("X-Server-Auth-Signature", good if self.seal == "good" else self.seal)
        return answer


class RestCase(SynchronousTestCase):
    """A server that answers each call by its name: a JSON value, a (status, body), or several :class:`InTurn`."""

    def setUp(self) -> None:
        self.script: dict[str, Any] = {}
        self.server = Sealing(self.answer)
        self.around = Around(self.server)
        surroundings = self.around.surroundings()
        self.followed: list[Listing] = []
        self.rest = BitstampRest("key", "secret", "http://127.0.0.1:1", surroundings)
        self.memory = Memory()
        self.orders = Orders(self.rest, self.memory, self.follow, self.around.clock)
        known = currencies([COIN, {**COIN, "currency": "XRP", "networks": [{**COIN["networks"][0], "network": "xrpl"}]}], {})
        self.account = Account(self.rest, self.orders, known, lambda: [LISTING], surroundings.now)

    def follow(self, listing: Listing) -> "Deferred[None]":
        self.followed.append(listing)
        return succeed(None)

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
        return [each for each in self.server.asked if f"{each.method} {each.path}" == call]

    def form(self, call: str) -> dict[str, str]:
        """What the last request of ``call`` sent."""
        return {name: values[0] for name, values in parse_qs(self.asked(call)[-1].body.decode()).items()}


class OrderTests(RestCase):
    """:class:`Orders`."""

    def place(self, quantity: str = "0.5", price: str = "30.01", flags: frozenset[str] = NO_FLAGS) -> Any:
        return self.orders.place(LISTING, D(quantity), D(price), "BUY", "ilp-1", flags)

    def test_what_is_sent(self) -> None:
        """Plain digits, our id, the venue's own word for each wish; its events are asked for before it leaves."""
        self.script[BUY] = {"id": ID, "type": "0"}
        for flags, words in (
            (NO_FLAGS, {}),
            (frozenset({"immediate"}), {"ioc_order": "True"}),
            (frozenset({"post_only"}), {"moc_order": "True"}),
        ):
            self.assertEqual(ID, self.result(self.place("0.5000", "30.010", flags)))
            self.assertEqual({"amount": "0.5", "price": "30.01", "client_order_id": "ilp-1", **words}, self.form(BUY))
        self.assertEqual([LISTING] * 3, self.followed)

    def test_signature(self) -> None:
        """Over exactly what is sent, with a nonce that never comes again and the time in milliseconds."""
        self.script |= {BUY: {"id": ID}, BALANCES: []}
        self.result(self.place())
        self.result(self.account.positions())
        nonces = set()
        for call, content_type in ((BUY, "application/x-www-form-urlencoded"), (BALANCES, "")):
            asked = self.asked(call)[-1]
            sent = {name.lower(): value for name, value in asked.headers.items()}
            nonce, moment = sent["x-auth-nonce"], sent["x-auth-timestamp"]
            text = f"BITSTAMP keyPOST127.0.0.1:1{asked.path}{content_type}{nonce}{moment}v2{asked.body.decode()}"
            self.assertEqual(hmac.new(b"secret", text.encode(), hashlib.sha256).hexdigest(), sent["x-auth-signature"])
            self.assertEqual((content_type, nonce), (sent.get("content-type", ""), str(UUID(nonce))))
            self.assertEqual(int(self.around.now().timestamp() * 1000), int(moment))
            nonces.add(nonce)
        self.assertEqual(2, len(nonces))

    def test_recorded_requests(self) -> None:
        """Recorded orders and questions go to the same places with the same fields."""
        methods = fixture("request/bitstamp.json")["methods"]
        listing = MARKET.contracts["BTC/USDT"]
        for case in methods["createOrder"][:2]:
            _, _, side, amount, price = case["input"]
            path = urlsplit(case["url"]).path
            self.script[f"POST {path}"] = {"id": ID}
            self.result(self.orders.place(listing, D(amount), D(price), side.upper(), None, NO_FLAGS))
            self.assertEqual(case["output"], self.asked(f"POST {path}")[-1].body.decode())
        for name, ask in (("fetchBalance", self.account.positions), ("fetchTradingFees", lambda: self.account.fees(listing))):
            call = f"POST {urlsplit(methods[name][0]['url']).path}"
            self.script[call] = (
                [] if name == "fetchBalance" else [{"market": "btcusdt", "fees": {"maker": "0.3", "taker": "0.4"}}]
            )
            self.result(ask())
            self.assertEqual(1, len(self.asked(call)))

    def test_an_answer_without_an_id(self) -> None:
        """Neither yes nor no: the order may be in the book."""
        answers: list[Any] = [{}, {"id": None}, {"id": -1}, {"id": True}, None, (200, b"<html>"), (200, b"[]"), (504, b"")]
        for answer in [*answers, (500, b'{"status":"error","reason":"?","response_code":"500.003"}')]:
            self.script[BUY] = answer
            self.error(self.place(), OutcomeUnknown)

    def test_refusals_with_any_status(self) -> None:
        """Trouble is in the words, whatever the status: an order that is refused with 200 is refused."""
        words = b'{"status": "error", "reason": {"__all__": ["Minimum order size is 10.0 USDT."]}}'
        for status in (200, 400):
            self.script[BUY] = (status, words)
            self.assertIs(Reason.SIZE, self.error(self.place(), Refused).reason)
        self.script[BUY] = (500, b'{"status":"error","reason":"Matching blocked.","response_code":"500.012"}')
        self.assertIs(Reason.MAINTENANCE, self.error(self.place(), Refused).reason)
        # Not the venue's own words: a proxy's.
        self.script[BUY] = (502, b'{"error": "bad gateway"}')
        self.error(self.place(), OutcomeUnknown)

    def test_status_where_words_say_little(self) -> None:
        """Words that are not listed mean what their status does."""
        for status, reason in ((403, Reason.AUTH), (429, Reason.RATE_LIMIT), (400, Reason.OTHER)):
            self.script[BUY] = (status, b'{"error": "Something new."}')
            error = self.error(self.place(), Refused)
            self.assertEqual((reason, "Something new."), (error.reason, error.detail))
            self.around.clock.advance(60)

    def test_off_step_never_leaves(self) -> None:
        """What is off the venue's steps, or under its minimums, is refused here."""
        for quantity, price, reason in (
            ("0.5", "30.011", Reason.PRICE),
            ("0.5", "NaN", Reason.PRICE),
            ("0.500000001", "30", Reason.SIZE),
            ("-1", "30", Reason.SIZE),
            ("0.3", "30", Reason.SIZE),
        ):
            self.assertIs(reason, self.error(self.place(quantity, price), Refused).reason)
        self.error(self.place(flags=frozenset({"post_only", "immediate"})), Refused)
        self.assertEqual(([], []), (self.server.asked, self.followed))

    def test_cancel(self) -> None:
        """Cancelled is told as such; of an order that the venue does not know any more a look tells how it ended."""
        for done in ({"id": int(ID), "amount": "0.5"}, {"id": int(ID), "status": "Canceled"}):
            self.script[CANCEL] = done
            self.assertTrue(self.result(self.orders.cancel(ID)))
        for unknown in (NOT_FOUND, {"error": "Order not found"}):
            self.script[CANCEL] = unknown
            for status, left, expected in (("Finished", "0", False), ("Canceled", "0.001", True), ("Expired", "0.001", True)):
                self.script[STATUS_CALL] = {**STATUS, "status": status, "amount_remaining": left}
                self.assertIs(expected, self.result(self.orders.cancel(ID)))
        self.script[STATUS_CALL] = {**STATUS, "status": "Open", "amount_remaining": "0.001"}
        self.error(self.orders.cancel(ID), OutcomeUnknown)
        self.script[STATUS_CALL] = NOT_FOUND
        self.assertIs(Reason.UNKNOWN_ORDER, self.error(self.orders.cancel(ID), Refused).reason)

    def test_pending_cancel_is_looked_up(self) -> None:
        """A cancel that is still under way is no proof."""
        self.script[CANCEL] = {"id": int(ID), "status": "Cancel pending"}
        pending, done = ({**STATUS, "status": word, "amount_remaining": "0.1"} for word in ("Cancel pending", "Canceled"))
        self.script[STATUS_CALL] = InTurn([pending, done])
        cancelling = Deferred.fromCoroutine(self.orders.cancel(ID))
        self.assertNoResult(cancelling)
        self.around.clock.advance(1)
        self.assertTrue(self.successResultOf(cancelling))

    def test_strange_ids_never_leave(self) -> None:
        """An id that is none of this venue's is unknown; an answer about another order is none."""
        for id in ("none", "-28", "", "٣"):
            self.assertIs(Reason.UNKNOWN_ORDER, self.error(self.orders.cancel(id), Refused).reason)
        self.assertEqual([], self.server.asked)
        self.script[STATUS_CALL] = {**STATUS, "id": 1}
        self.error(self.orders.look(ID), InvalidData)


class ConversationTests(RestCase):
    """Budgets, seals, silence."""

    def test_budget_makes_wait(self) -> None:
        """A spent budget delays the next read; a cancel does not wait."""
        self.patch(rest, "PER_TEN_MINUTES", (2.0, 0.5))
        self.rest = BitstampRest("key", "secret", "http://127.0.0.1:1", self.around.surroundings())
        self.script |= {BALANCES: [], CANCEL: {"id": 1}}
        for _ in range(2):
            self.result(self.rest.private(BALANCES))
        waiting = Deferred.fromCoroutine(self.rest.private(BALANCES))
        self.assertNoResult(waiting)
        self.result(self.rest.private(CANCEL, id="1"))
        self.around.clock.advance(2)
        self.successResultOf(waiting)

    def test_rate_limit_slows_down(self) -> None:
        """After the venue's own words for it the next request waits until there is budget again."""
        self.script[BALANCES] = InTurn([(400, b'{"response_code":"400.002","response_explanation":"Too fast."}'), []])
        self.assertIs(Reason.RATE_LIMIT, self.error(self.rest.private(BALANCES), Refused).reason)
        waiting = Deferred.fromCoroutine(self.rest.private(BALANCES))
        self.assertNoResult(waiting)
        self.around.clock.advance(1)
        self.successResultOf(waiting)

    def test_wrong_seal(self) -> None:
        """An answer that somebody else has signed proves nothing; a read of it is no answer."""
        self.script |= {BALANCES: [], BUY: {"id": ID}}
        self.server.seal = "good"
        self.assertEqual([], self.result(self.rest.private(BALANCES)))
        self.server.seal = "00" * 32
        self.error(self.rest.private(BALANCES), InvalidData)
        self.error(self.rest.private(BUY, amount="1"), OutcomeUnknown)

    def test_wrong_time_and_nonce(self) -> None:
        """Neither request was carried out, not even a write."""
        self.script[rest.DATED] = {}
        for code in ("API0017", "API0004"):
            self.script[BUY] = (403, f'{{"status":"error","reason":"?","code":"{code}"}}'.encode())
            self.error(self.rest.private(BUY, amount="1"), Retryable)


class HistoryTests(RestCase):
    """:class:`Account`."""

    def window(self, days: float = 1) -> Any:
        return self.around.now() - timedelta(days=days), self.around.now()

    def at(self, hours: float) -> str:
        return (self.around.now() - timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S.%f")

    def test_fills_with_our_ids(self) -> None:
        """An order that is known from elsewhere is not asked about; one that the venue has forgotten has none."""
        self.memory.keep(wire.order(ORDER))
        others = [{**TRADE, "id": number, "order_id": number, "datetime": self.at(1)} for number in (7, 8)]
        self.script[ROWS] = [{**TRADE, "datetime": self.at(2)}, *others]
        self.script[STATUS_CALL] = InTurn([{**STATUS, "id": 7, "client_order_id": "ilp-7"}, NOT_FOUND])
        fills = self.result(self.account.fills(*self.window()))
        self.assertEqual([f"{ID}-209895701", "7-7", "8-8"], [fill["id"] for fill in fills])
        self.assertEqual(["ilp-1", "ilp-7", None], [fill["client_id"] for fill in fills])

    def test_trade_with_oneself(self) -> None:
        """Both sides have one number, and are two executions."""
        other = {**TRADE, "order_id": 77, "eth": "-0.00500000", "usdt": "22.26"}
        self.script |= {ROWS: [TRADE, other, TRADE], STATUS_CALL: (404, json.dumps(NOT_FOUND).encode())}
        fills = self.result(self.account.fills(self.around.now() - timedelta(days=9_000), self.around.now()))
        self.assertEqual({(ID, "BUY"), ("77", "SELL")}, {(fill["order_id"], fill["side"]) for fill in fills})
        self.assertEqual(2, len({fill["id"] for fill in fills}))

    def test_how_far_back(self) -> None:
        """Thirty days can be asked for by time; beyond, pages are read from the newest to the first that is too old."""
        self.patch(account, "PAGE", 2)
        self.script[ROWS] = []
        self.result(self.account.fills(*self.window(1)))
        since = int((self.around.now() - timedelta(days=1)).timestamp())
        self.assertEqual(str(since), self.form(ROWS)["since_timestamp"])
        rows = [{**TRADE, "id": number, "datetime": self.at(24 * days)} for number, days in enumerate((1, 35, 39, 50), 1)]
        # A new one shifts the pages: what was told is told again, and counts once.
        self.script[ROWS] = InTurn([rows[:2], rows[1:3], rows[2:]])
        self.script[STATUS_CALL] = NOT_FOUND
        fills = self.result(self.account.fills(*self.window(40)))
        self.assertEqual(["3", "2", "1"], [fill["id"].rpartition("-")[2] for fill in fills])
        asked = [parse_qs(each.body.decode()) for each in self.asked(ROWS)[1:]]
        self.assertEqual(["0", "2", "4"], [each["offset"][0] for each in asked])
        self.assertFalse(any("since_timestamp" in each for each in asked))

    def test_only_what_is_asked_for_is_looked_up(self) -> None:
        """Requests of withdrawals and coin deposits are read where there is a posting of theirs."""
        self.script |= {ROWS: [], REQUESTS: [REQUEST], COINS: {"deposits": [ARRIVAL]}}
        self.assertEqual([], self.result(self.account.transactions(*self.window())))
        self.assertEqual([], self.asked(REQUESTS) + self.asked(COINS))
        self.script[ROWS] = [{**WITHDRAWAL, "datetime": self.at(1)}]
        (shape,) = self.result(self.account.transactions(*self.window()))
        self.assertEqual(("3386432", 1, 0), (shape["reference"], len(self.asked(REQUESTS)), len(self.asked(COINS))))

    def test_withdrawal_without_a_reference(self) -> None:
        """It was not refused, so the money may be on its way."""
        answers: list[Any] = [{}, {"id": ""}, [], (500, b"")]
        for answer in answers:
            self.script["POST /api/v2/xrp_withdrawal/"] = answer
            self.error(self.account.withdraw("XRP", D(1), "address"), OutcomeUnknown)
        self.assertEqual({"amount": "1", "address": "address", "network": "xrpl"}, self.form("POST /api/v2/xrp_withdrawal/"))
        self.assertIs(Reason.SIZE, self.error(self.account.withdraw("XRP", D(0), "address"), Refused).reason)

    def test_address_that_needs_a_tag(self) -> None:
        """What arrives without its tag is lost, so such an address is none."""
        call = "POST /api/v2/xrp_address/"
        self.script[call] = {"address": "a", "destination_tag": 7}
        self.error(self.account.address("XRP"), InvalidData)
        self.script[call] = {"address": "a"}
        self.assertEqual("a", self.result(self.account.address("XRP")))
