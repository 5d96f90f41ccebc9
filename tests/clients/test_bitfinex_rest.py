"""Orders, money and limits at Bitfinex against a scripted server: what is sent, and what each answer proves."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from clients.bitfinex import account
from clients.bitfinex.account import MOVEMENTS, TRADES, WALLETS, Account
from clients.bitfinex.orders import CLOSED, OPEN, Orders
from clients.bitfinex.rest import ADDRESS, CANCEL, STATUS, SUBMIT, WITHDRAW, BitfinexRest, date_of
from clients.bitfinex.signing import headers
from clients.errors import ExchangeError, InvalidData, OutcomeUnknown, Reason, Refused, Retryable
from tests.clients.scripted import BREAK, Around, Asked, Scripted
from tests.clients.test_bitfinex_wire import CID, GID, MARKET, MOVEMENT, ORDER, TRADE, fixture

D = Decimal
LISTING = MARKET.contracts["LTC/USDT"]
ID = "139472205825"
NO_FLAGS: frozenset[str] = frozenset()


class InTurn(list[Any]):
    """Answers of one call, one after the other."""


def plain(value: Any) -> Any:
    """The same as JSON numbers."""
    return json.loads(json.dumps(value, default=float))


def done(kind: str, data: Any, text: str = "fine") -> Any:
    """What a write is answered."""
    return plain([1717587431, kind, None, None, data, None, "SUCCESS", text])


def no(code: int, text: str) -> tuple[int, bytes]:
    """A refusal as Bitfinex words it."""
    return 500, json.dumps(["error", code, text]).encode()


def ended(status: str, left: str) -> Any:
    """The order as it is afterwards."""
    return plain([[*ORDER[:6], D(left), *ORDER[7:13], status, *ORDER[14:]]])


class RestCase(SynchronousTestCase):
    """A server that answers each call by its name: a JSON value, a (status, body), or several :class:`InTurn`."""

    has_limits = False

    def setUp(self) -> None:
        self.script: dict[str, Any] = {}
        self.around = Around(Scripted(self.answer))
        around, here = self.around.surroundings(), "http://127.0.0.1:1"
        # A key of its own: the nonces of one key are of one count in the whole process.
        self.key = self.id()
        self.rest = BitfinexRest(self.key, "secret", here, here, around, has_limits=self.has_limits)
        self.orders = Orders(self.rest, MARKET, self.around.clock)
        self.account = Account(self.rest, MARKET, self.orders, {}, lambda: [LISTING])

    def answer(self, asked: Asked) -> Any:
        """By the script."""
        found = self.script[asked.path.removeprefix("/v2/")]
        return found.pop(0) if isinstance(found, InTurn) else found

    def result(self, coroutine: Any) -> Any:
        return self.successResultOf(Deferred.fromCoroutine(coroutine))

    def error(self, coroutine: Any, *kinds: type[Exception]) -> Any:
        return self.failureResultOf(Deferred.fromCoroutine(coroutine), *kinds).value

    def asked(self, call: str) -> list[Any]:
        """The bodies of the requests of ``call``."""
        return [json.loads(each.body) for each in self.around.server.asked if each.path == f"/v2/{call}"]


class OrderTests(RestCase):
    """:class:`Orders`."""

    def place(self, quantity: str = "0.2", price: str = "50", flags: frozenset[str] = NO_FLAGS, side: Any = "BUY") -> Any:
        return self.orders.place(LISTING, D(quantity), D(price), side, "ilp-1", flags)

    def test_what_is_sent(self) -> None:
        """Plain digits as text, a sale negative, our id in two numbers, the venue's own word for each wish."""
        self.script[SUBMIT] = done("on-req", [ORDER])
        common = {"symbol": "tLTCUST", "price": "50", "gid": GID, "cid": CID}
        for flags, side, words in (
            (NO_FLAGS, "BUY", {"type": "EXCHANGE LIMIT", "amount": "0.2"}),
            (NO_FLAGS, "SELL", {"type": "EXCHANGE LIMIT", "amount": "-0.2"}),
            (frozenset({"immediate"}), "BUY", {"type": "EXCHANGE IOC", "amount": "0.2"}),
            (frozenset({"post_only"}), "BUY", {"type": "EXCHANGE LIMIT", "amount": "0.2", "flags": 4096}),
        ):
            self.assertEqual(ID, self.result(self.place("0.2000", "50.00", flags, side)))
            self.assertEqual({**common, **words}, self.asked(SUBMIT)[-1])

    def test_recorded_requests(self) -> None:
        """What is sent is what was recorded of another program's requests, our own id apart."""
        self.script |= {
            SUBMIT: done("on-req", [ORDER]),
            CANCEL: done("oc-req", ORDER),
            OPEN: [],
            CLOSED: ended("CANCELED", "0.2"),
        }
        listing = MARKET.contracts["BTC/USDT"]
        methods = fixture("request/bitfinex.json")["methods"]
        for case in methods["createOrder"]:
            symbol, kind, side, amount, price, *more = [*case["input"], None][:5]
            if symbol != "BTC/USDT" or kind != "limit" or (len(case["input"]) > 5 or more):
                continue
            self.result(self.orders.place(listing, D(str(amount)), D(str(price)), side.upper(), None, NO_FLAGS))
            self.assertEqual(json.loads(case["output"]), self.asked(SUBMIT)[-1])
        self.assertEqual(2, len(self.asked(SUBMIT)))
        (case,) = methods["cancelOrder"]
        self.result(self.orders.cancel(case["input"][0]))
        self.assertEqual([json.loads(case["output"])], self.asked(CANCEL))
        (case,) = methods["fetchDepositAddress"]
        self.script[ADDRESS] = done("acc_dep", [None, "BITCOIN", "BTC", None, "bc1q", None])
        self.result(self.account.address("BTC"))
        self.assertEqual([json.loads(case["output"])], self.asked(ADDRESS))

    def test_signed_as_sent(self) -> None:
        """Over exactly the bytes that leave, with a nonce above the last one."""
        self.script[WALLETS] = []
        for _ in range(3):
            self.result(self.rest.private(WALLETS))
        nonces = []
        for each in self.around.server.asked:
            nonces.append(int(each.headers["Bfx-Nonce"]))
            expected = headers(self.key, "secret", f"/v2/{WALLETS}", nonces[-1], each.body)
            self.assertEqual((b"{}", expected["bfx-signature"]), (each.body, each.headers["Bfx-Signature"]))
        self.assertEqual(sorted(set(nonces)), nonces)
        self.assertLess(nonces[-1], 2**53)

    def test_an_answer_without_an_id(self) -> None:
        """Neither yes nor no: the order may be in the book."""
        answers: list[Any] = [
            [],
            {},
            None,
            (200, b"<html>"),
            done("on-req", []),
            done("on-req", [[None]]),
            done("on-req", [[True]]),
        ]
        for answer in [*answers, (502, b""), no(10000, "unknown error"), no(10001, "?"), BREAK, {"message": "Internal"}]:
            self.script[SUBMIT] = answer
            self.error(self.place(), OutcomeUnknown)

    def test_refused_with_status_200(self) -> None:
        """A notification that is no SUCCESS is an error, whatever HTTP says."""
        self.script[SUBMIT] = [
            1,
            "on-req",
            None,
            None,
            [None],
            10001,
            "ERROR",
            "Invalid order: not enough exchange balance for 9",
        ]
        self.assertIs(Reason.FUNDS, self.error(self.place(), Refused).reason)

    def test_off_step_never_leaves(self) -> None:
        """What is off the venue's steps, has more digits than it keeps, or is under its minimums, is refused here."""
        for quantity, price, reason in (
            ("0.2", "50.001", Reason.PRICE),
            ("0.2", "1234.56", Reason.PRICE),
            ("0.2", "0", Reason.PRICE),
            ("0.2", "NaN", Reason.PRICE),
            ("0.000000001", "50", Reason.SIZE),
            ("-1", "50", Reason.SIZE),
            ("Infinity", "50", Reason.SIZE),
            ("0.00003", "50", Reason.SIZE),
        ):
            self.assertIs(reason, self.error(self.place(quantity, price), Refused).reason)
        self.error(self.place(flags=frozenset({"post_only", "immediate"})), Refused)
        self.error(self.orders.place(LISTING, D(1), D(50), "BUY", "no id of ours", NO_FLAGS), Refused)
        self.assertEqual([], self.around.server.asked)

    def test_cancel_is_proven(self) -> None:
        """The answer is only that it will be tried; how the order ended is looked up until it has."""
        self.script |= {CANCEL: done("oc-req", ORDER), OPEN: InTurn([plain([ORDER]), plain([ORDER]), []])}
        self.script[CLOSED] = InTurn([[], [], ended("CANCELED", "0.2")])
        cancelling = Deferred.fromCoroutine(self.orders.cancel(ID))
        for _ in range(2):
            self.assertNoResult(cancelling)
            self.around.clock.advance(0.5)
        self.assertTrue(self.successResultOf(cancelling))
        # As many as are asked for: the venue's default is 25.
        self.assertEqual({"id": [int(ID)], "limit": 1}, self.asked(CLOSED)[-1])

    def test_cancel_of_what_is_over(self) -> None:
        """The venue does not find it; its history tells how it ended."""
        self.script |= {CANCEL: no(10001, "Order not found."), OPEN: []}
        for status, left, expected in (
            ("EXECUTED @ 50.0(0.2)", "0", False),
            ("CANCELED was: PARTIALLY FILLED @ 50.0(0.1)", "0.1", True),
            ("POSTONLY CANCELED", "0.2", True),
        ):
            self.script[CLOSED] = ended(status, left)
            self.assertIs(expected, self.result(self.orders.cancel(ID)))
        self.script[CLOSED] = []
        self.assertIs(Reason.UNKNOWN_ORDER, self.error(self.orders.cancel(ID), Refused).reason)

    def test_cancel_that_does_not_come_true(self) -> None:
        """An order that is open after all looks: nobody knows."""
        self.script |= {CANCEL: done("oc-req", ORDER), OPEN: plain([ORDER]), CLOSED: []}
        cancelling = Deferred.fromCoroutine(self.orders.cancel(ID))
        self.around.clock.pump([0.5] * 20)
        self.failureResultOf(cancelling, OutcomeUnknown)

    def test_strange_ids_never_leave(self) -> None:
        """An id that is none of this venue's is unknown."""
        for id in ("none", "", "-28", "1.5", "\u0663"):
            self.assertIs(Reason.UNKNOWN_ORDER, self.error(self.orders.cancel(id), Refused).reason)
        self.assertEqual([], self.around.server.asked)


class LimitTests(RestCase):
    """Calls per minute, and the minute of silence."""

    has_limits = True

    def test_calls_wait(self) -> None:
        """A spent budget delays the next call of its kind, not others; a cancel does not wait; no minute has more than 90."""
        self.script |= {WALLETS: [], CANCEL: done("oc-req", ORDER), OPEN: [], CLOSED: ended("CANCELED", "0.2"), STATUS: [1]}
        for _ in range(30):
            self.result(self.rest.private(WALLETS))
        waiting = Deferred.fromCoroutine(self.rest.private(WALLETS))
        self.assertNoResult(waiting)
        self.result(self.rest.public(STATUS))
        for _ in range(29):
            self.assertTrue(self.result(self.orders.cancel(ID)))
        self.around.clock.advance(1)
        self.successResultOf(waiting)
        many = [Deferred.fromCoroutine(self.rest.private(WALLETS)) for _ in range(100)]
        self.around.clock.pump([1] * 58)
        self.assertEqual(90, len(self.asked(WALLETS)) + 1)
        self.around.clock.pump([1] * 60)
        self.assertTrue(all(each.called for each in many))

    def test_silence(self) -> None:
        """However the venue says that we are blocked, nothing leaves for a minute."""
        for answer in (
            (429, b""),
            no(11010, "ratelimit: error"),
            (429, b'{"error":"ERR_RATE_LIMIT"}'),
            {"error": "ERR_RATE_LIMIT"},
        ):
            self.script[WALLETS] = answer
            self.assertIs(Reason.RATE_LIMIT, self.error(self.rest.private(WALLETS), Refused).reason)
            seen = len(self.around.server.asked)
            error = self.error(self.orders.cancel(ID), Refused)
            self.assertEqual((Reason.RATE_LIMIT, seen), (error.reason, len(self.around.server.asked)))
            self.around.clock.advance(60)
        self.script[WALLETS] = []
        self.result(self.rest.private(WALLETS))


class ClockTests(SynchronousTestCase):
    """The venue's time."""

    def test_date_of_an_answer(self) -> None:
        """The header's date is the venue's clock; without one, or with nonsense, it is not known."""
        self.assertEqual(1_795_262_400, date_of({"date": "Sat, 21 Nov 2026 12:00:00 GMT"}))
        for wrong in ({}, {"date": ""}, {"date": "soon"}, {"date": "Sat, 99 Nov 2026 12:00:00 GMT"}):
            self.assertRaises(InvalidData, date_of, wrong)


class MoneyTests(RestCase):
    """:class:`Account`."""

    def window(self, days: float = 1) -> Any:
        return self.around.now() - timedelta(days=days), self.around.now()

    def trade(self, number: int, seconds: float) -> list[Any]:
        moment = self.around.now() - timedelta(seconds=seconds)
        return [number, TRADE[1], int(moment.timestamp() * 1000), *TRADE[3:]]

    def test_pages_of_trades(self) -> None:
        """Page after page, from the last moment of the one before; what is told twice counts once."""
        self.patch(account, "MOST_TRADES", 2)
        pages = [[self.trade(1, 30), self.trade(2, 20)], [self.trade(2, 20), self.trade(3, 10)], [self.trade(3, 10)]]
        self.script |= {TRADES: InTurn(plain(pages)), OPEN: plain([ORDER]), CLOSED: []}
        fills = self.result(self.account.fills(*self.window()))
        self.assertEqual([("1", "ilp-1"), ("2", "ilp-1"), ("3", "ilp-1")], [(f["id"], f["client_id"]) for f in fills])
        starts = [each["start"] for each in self.asked(TRADES)]
        self.assertEqual([pages[0][1][2], pages[1][1][2]], starts[1:])
        # Whose they are was asked for once.
        self.script[TRADES] = plain([self.trade(3, 10)])
        self.patch(account, "MOST_TRADES", 2500)
        self.result(self.account.fills(*self.window()))
        self.assertEqual(1, len(self.asked(OPEN)))

    def test_page_that_does_not_end(self) -> None:
        """More executions in one millisecond than a page can tell cannot all be read."""
        self.patch(account, "MOST_TRADES", 1)
        self.script[TRADES] = plain([self.trade(1, 30)])
        self.error(self.account.fills(*self.window()), InvalidData)

    def movement(self, status: str) -> Any:
        began = int(self.around.now().timestamp() * 1000) - 1000
        return plain([[*MOVEMENT[:5], began, began, None, None, status, *MOVEMENT[10:]]])

    def test_pending_is_told_again_when_it_ends(self) -> None:
        """Who reads on from later hears of its end all the same, once."""
        self.script |= {TRADES: [], MOVEMENTS: self.movement("PENDING REVIEW")}
        self.assertEqual(["pending"], [shape["state"] for shape in self.result(self.account.transactions(*self.window()))])
        ended = self.movement("COMPLETED")
        for told in (["done"], []):
            self.around.clock.advance(3600)
            self.script[MOVEMENTS] = ended
            later = self.around.now() - timedelta(minutes=2), self.around.now()
            self.assertEqual(told, [shape["state"] for shape in self.result(self.account.transactions(*later))])

    def test_withdrawal(self) -> None:
        """The fee comes out of the amount; the number is the reference that the history has."""
        self.script[WITHDRAW] = done("acc_wd-req", [13105603, None, "bitcoin", None, "exchange", 1, None, None, 0.0004])
        self.assertEqual("13105603", self.result(self.account.withdraw("BTC", D("1.0"), "bc1q")))
        expected = {"wallet": "exchange", "method": "bitcoin", "amount": "1", "address": "bc1q", "fee_deduct": 1}
        self.assertEqual([expected], self.asked(WITHDRAW))

    def test_withdrawal_that_was_not_made(self) -> None:
        """Number 0 is a refusal, though the status says SUCCESS; the text says why."""
        for text, reason in (("Invalid bitcoin address (abcdef)", Reason.ADDRESS), ("Something else", Reason.OTHER)):
            self.script[WITHDRAW] = done("acc_wd-req", [0, None, "bitcoin", None, "exchange", 1, None, None, 0.0004], text)
            self.assertIs(reason, self.error(self.account.withdraw("BTC", D(1), "abcdef"), Refused).reason)
        self.script[WITHDRAW] = no(10001, "Momentary balance check. Please wait few seconds and try the transfer again.")
        self.error(self.account.withdraw("BTC", D(1), "bc1q"), Retryable)
        self.assertIs(Reason.SIZE, self.error(self.account.withdraw("BTC", D(0), "bc1q"), Refused).reason)

    def test_withdrawal_without_a_reference(self) -> None:
        """It was not refused, so the money may be on its way."""
        answers: list[Any] = [[], {}, (500, b""), done("acc_wd-req", []), done("acc_wd-req", [None]), no(10001, "?")]
        for answer in answers:
            self.script[WITHDRAW] = answer
            self.error(self.account.withdraw("BTC", D(1), "bc1q"), OutcomeUnknown)

    def test_ways(self) -> None:
        """The usual, the only, or the chosen method; never a guess."""
        self.script[ADDRESS] = done("acc_dep", [None, "", "", None, "somewhere", None])
        for ticker, method in (("BTC", "bitcoin"), ("LTC", "litecoin")):
            self.assertEqual("somewhere", self.result(self.account.address(ticker)))
            self.assertEqual(method, self.asked(ADDRESS)[-1]["method"])
        for ticker in ("USDT", "XRP"):
            self.assertIs(Reason.ADDRESS, self.error(self.account.address(ticker), Refused).reason)
        chosen = Account(self.rest, MARKET, self.orders, {"USDT": "tetherusx", "LTC": "NOPE"}, lambda: [LISTING])
        self.result(chosen.address("USDT"))
        self.assertEqual("tetherusx", self.asked(ADDRESS)[-1]["method"])
        self.error(chosen.address("LTC"), Refused)

    def test_address_that_needs_a_tag(self) -> None:
        """What arrives without its tag is lost, so such an address is none."""
        self.script[ADDRESS] = done("acc_dep", [None, "LITECOIN", "LTC", None, "tag", "pool address"])
        self.error(self.account.address("LTC"), InvalidData)

    def test_answers_that_make_no_sense(self) -> None:
        """A read fails with a named error, whatever comes."""
        answers: list[Any] = [
            None,
            {},
            {"message": "?"},
            "text",
            [1],
            [[1]],
            (200, b"\xff\xfe"),
            (200, b"[NaN]"),
            (200, b'[["exch'),
        ]
        for answer in [*answers, (200, b"[" * 100_000)]:
            self.script |= dict.fromkeys((WALLETS, TRADES, MOVEMENTS, OPEN, CLOSED), answer)
            for asking in (self.account.positions(), self.account.fills(*self.window()), self.orders.open()):
                self.error(asking, ExchangeError)
