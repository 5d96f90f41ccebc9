"""The procedures: every line of the recorded RPC transcript that the pool needs, answered in the same form."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from sandbox.wamp_realm import Silence
from tests.sandbox.sputnik_world import TRANSCRIPTS, Bench

_LINE = re.compile(r"CALL rpc\.(?P<name>\S+) (?P<args>\(.*?\)) (?P<kwargs>\{.*?\})? ?-> (?P<answer>.*)")


def form(value: Any) -> Any:
    """A value with only its form left: kinds instead of values, a set of row forms instead of a list."""
    if isinstance(value, dict):
        named = all(re.fullmatch("[a-z_]+", key) for key in value)
        return (
            {key: form(item) for key, item in value.items()}
            if named
            else sorted({json.dumps(form(v), sort_keys=True) for v in value.values()})
        )
    if isinstance(value, list):
        return sorted({json.dumps(form(item), sort_keys=True) for item in value})
    return type(value).__name__


def recorded_calls() -> Iterator[tuple[str, tuple[Any, ...], dict[str, Any], Any]]:
    """The calls of the transcript and their answers; None where there was none."""
    path = TRANSCRIPTS / "rpc_transcript.txt"
    if not path.exists():
        raise SkipTest(f"{path} is not here")
    for line in path.read_text().splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        answer = match["answer"]
        if answer.startswith("{") and not answer.endswith("}"):
            continue  # the record cuts very long lines
        reply = json.loads(answer) if answer.startswith("{") else None
        yield match["name"], ast.literal_eval(match["args"]), ast.literal_eval(match["kwargs"] or "{}"), reply


class TranscriptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        self.addCleanup(self.bench.server.stop)
        # So that there is a trade, a bar and a posting to show.
        self.bench.place("BUY", 6_000_000, 4_000_000)
        self.bench.place("SELL", 6_000_000, 4_000_000, user="marketmaker")
        self.bench.settle()

    def test_errors_are_the_recorded_ones(self) -> None:
        """What the original refused or left without an answer is refused in the same words, or not answered."""
        compared = 0
        for name, args, kwargs, recorded in recorded_calls():
            if self.bench.server.procedures.get(f"rpc.{name}") is None or (recorded or {}).get("success"):
                continue
            if name in ("trader.cancel_order", "market.get_safe_prices") or "NETS2015" in str(args):
                continue  # told by history, not by the arguments: tested below
            if recorded is None and name == "trader.get_positions":
                continue  # an anonymous call, tested with the router
            with_reply = self.bench.call(name, *args, **kwargs)
            self.bench.clock.pump([0.01] * 6)
            (reply,) = with_reply
            if recorded is None:
                self.assertIs(reply.type, Silence, (name, args))
            else:
                self.assertEqual(reply, recorded, (name, args))
            compared += 1
        self.assertGreater(compared, 25)

    def test_results_have_the_recorded_form(self) -> None:
        """Keys and kinds of every successful answer are those on record."""
        self.bench.place("BUY", 5_000_000, 1_000_000)
        compared = set()
        for name, args, kwargs, recorded in recorded_calls():
            if self.bench.server.procedures.get(f"rpc.{name}") is None or not (recorded or {}).get("success"):
                continue
            if name in ("trader.cancel_order", "trader.place_order", "market.get_safe_prices"):
                continue
            reply = self.bench.ask(name, *args, **kwargs)
            self.assertTrue(reply["success"], (name, args, reply))
            # An empty book or list on record says nothing about rows; trades have a test of their own.
            if recorded["result"] and name not in ("market.get_trade_history", "market.get_order_book"):
                self.assertEqual(form(reply["result"]), form(recorded["result"]), name)
            compared.add(name)
        self.assertGreaterEqual(len(compared), 11, compared)

    def test_trade_history_row(self) -> None:
        """A trade has the documented keys; the original leaves the id out only for those of before its start."""
        (trade,) = self.bench.ask("market.get_trade_history", "BTC/HUF")["result"]
        self.assertEqual(set(trade), {"contract", "price", "quantity", "timestamp", "id"})
        self.assertEqual((trade["price"], trade["quantity"]), (6_000_000, 4_000_000))


class MarketTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        self.addCleanup(self.bench.server.stop)

    def test_contracts(self) -> None:
        """A currency and a pair, with the factors of the original's test set-up and nothing but the documented keys."""
        markets = self.bench.ask("market.get_markets")["result"]
        self.assertEqual(set(markets), {"BTC", "HUF", "USD", "BTC/HUF"})
        self.assertEqual(
            markets["BTC/HUF"],
            {
                "contract": "BTC/HUF",
                "description": "BTC/HUF",
                "full_description": "",
                "contract_type": "cash_pair",
                "denominator": 1,
                "tick_size": 100,
                "lot_size": 1_000_000,
                "denominated_contract_ticker": "HUF",
                "payout_contract_ticker": "BTC",
            },
        )
        self.assertEqual(markets["BTC"].keys(), markets["BTC/HUF"].keys())
        self.assertEqual((markets["BTC"]["denominator"], markets["BTC"]["lot_size"]), (10**8, 10**4))
        self.assertIsNone(markets["BTC"]["payout_contract_ticker"])

    def test_book_rows_are_aggregated_and_in_no_order(self) -> None:
        """One row per price with all quantities in it, and a client that does not sort is found out."""
        for price in range(5_000_000, 5_001_000, 100):
            self.bench.place("BUY", price, 1_000_000)
        self.bench.place("BUY", 5_000_000, 2_000_000)
        book = self.bench.ask("market.get_order_book", "BTC/HUF")["result"]
        self.assertEqual(set(book), {"contract", "bids", "asks"})
        prices = [row["price"] for row in book["bids"]]
        self.assertEqual(sorted(prices), list(range(5_000_000, 5_001_000, 100)))
        self.assertNotIn(prices, (sorted(prices), sorted(prices, reverse=True)))
        self.assertIn({"price": 5_000_000, "quantity": 3_000_000}, book["bids"])

    def test_a_currency_has_an_empty_book(self) -> None:
        """As on record; only an unknown ticker is refused."""
        self.assertEqual(self.bench.ask("market.get_order_book", "BTC")["result"], {"contract": "BTC", "bids": [], "asks": []})


class OrderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        self.addCleanup(self.bench.server.stop)

    def refused(self, reply: Any) -> str:
        """The name in a refusal."""
        self.assertFalse(reply["success"])
        return str(reply["error"][0])

    def test_keyword_arguments_work(self) -> None:
        """place_order by keyword, as on record."""
        order = {"contract": "BTC/HUF", "price": 5_000_000, "quantity": 1_000_000, "side": "BUY"}
        self.assertTrue(self.bench.ask("trader.place_order", order=order)["success"])
        self.assertEqual(self.refused(self.bench.ask("trader.place_order", order, username="x")), "exceptions/webserver/denied")

    def test_open_orders_are_keyed_by_strings(self) -> None:
        """JSON has no integer keys; the order has exactly the documented ones."""
        order_id = self.bench.place("BUY", 5_000_000, 1_000_000)
        orders = self.bench.ask("trader.get_open_orders")["result"]
        self.assertEqual(list(orders), [str(order_id)])
        self.assertEqual(
            orders[str(order_id)],
            {
                "id": order_id,
                "contract": "BTC/HUF",
                "price": 5_000_000,
                "quantity": 1_000_000,
                "quantity_left": 1_000_000,
                "side": "BUY",
                "is_cancelled": False,
                "timestamp": orders[str(order_id)]["timestamp"],
            },
        )

    def test_cancel_answers(self) -> None:
        """True once, then refused; unknown and foreign orders by their own names."""
        order_id = self.bench.place("BUY", 5_000_000, 1_000_000)
        foreign = self.bench.ask("trader.cancel_order", order_id, user="marketmaker")
        self.assertEqual(self.refused(foreign), "exceptions/accountant/user_order_mismatch")
        self.assertEqual(self.bench.ask("trader.cancel_order", order_id), {"success": True, "result": True})
        again = self.bench.ask("trader.cancel_order", order_id)
        self.assertEqual(self.refused(again), "exceptions/accountant/order_cancelled")
        unknown = self.bench.ask("trader.cancel_order", 999_999)
        self.assertEqual(self.refused(unknown), "exceptions/accountant/no_order_found")

    def test_cancel_of_a_filled_order(self) -> None:
        """It is False with success, and the orders feed says it was cancelled with nothing left."""
        order_id = self.bench.place("BUY", 5_000_000, 1_000_000)
        self.bench.place("SELL", 5_000_000, 1_000_000, user="marketmaker")
        self.bench.settle()
        self.bench.told()
        self.assertEqual(self.bench.ask("trader.cancel_order", order_id), {"success": True, "result": False})
        ((feed, event),) = [told for told in self.bench.told() if told[0] == "orders"]
        self.assertEqual((feed, event["is_cancelled"], event["quantity_left"]), ("orders", True, 0))
        again = self.bench.ask("trader.cancel_order", order_id)
        self.assertEqual(self.refused(again), "exceptions/accountant/order_cancelled")

    def test_balance_exactly_used(self) -> None:
        """The recorded margin checks: 162 030 590 wire HUF take 160 400 000 + 1 604 000 and refuse the larger two."""
        order = {"contract": "BTC/HUF", "price": 5_000_000, "quantity": 3_240_000_000, "side": "BUY"}
        too_large = self.bench.ask("trader.place_order", order)
        self.assertEqual(self.refused(too_large), "exceptions/accountant/insufficient_margin")
        self.bench.place("BUY", 5_000_000, 3_208_000_000)
        one_more = self.bench.ask("trader.place_order", {**order, "quantity": 1_000_000})
        self.assertEqual(self.refused(one_more), "exceptions/accountant/insufficient_margin")

    def test_cancel_and_place_without_waiting(self) -> None:
        """The old reservation is still held when the new order comes in the same moment; later it is free."""
        order = {"contract": "BTC/HUF", "price": 5_000_000, "quantity": 3_208_000_000, "side": "BUY"}
        order_id = self.bench.ask("trader.place_order", order)["result"]
        cancelled, placed = self.bench.call("trader.cancel_order", order_id), self.bench.call("trader.place_order", order)
        self.bench.settle()
        self.assertEqual(cancelled, [{"success": True, "result": True}])
        self.assertEqual(self.refused(placed[0]), "exceptions/accountant/insufficient_margin")
        self.assertTrue(self.bench.ask("trader.place_order", order)["success"])

    def test_a_refused_order_burns_an_id(self) -> None:
        """Ids are a sequence with holes."""
        first = self.bench.place("BUY", 5_000_000, 1_000_000)
        self.bench.ask("trader.place_order", {"contract": "BTC/HUF", "price": 5_000_050, "quantity": 1_000_000, "side": "BUY"})
        self.assertEqual(self.bench.place("BUY", 5_000_000, 1_000_000), first + 2)

    def test_login_only_accounts_neither_trade_nor_withdraw(self) -> None:
        """The permissions of a new account, in the accountant's words."""
        bench = Bench(login_only={"marketmaker"})
        self.addCleanup(bench.server.stop)
        order = {"contract": "BTC/HUF", "price": 5_000_000, "quantity": 1_000_000, "side": "BUY"}
        refused = bench.ask("trader.place_order", order, user="marketmaker")
        self.assertEqual(self.refused(refused), "exceptions/accountant/trade_not_permitted")
        refused = bench.ask("trader.request_withdrawal", "BTC", 10_000, "a", "", user="marketmaker")
        self.assertEqual(self.refused(refused), "exceptions/accountant/withdraw_not_permitted")
        self.assertFalse(bench.ask("trader.get_permissions", user="marketmaker")["result"]["trade"])

    def test_absurd_numbers_get_no_answer(self) -> None:
        """An integer that no database column holds breaks the schema, not the server; the largest that fits is refused."""
        order = {"contract": "BTC/HUF", "price": 5_000_000, "quantity": 10**40, "side": "BUY"}
        (silence,) = self.bench.call("trader.place_order", order)
        self.assertIs(silence.type, Silence)
        largest = {**order, "price": 2**63 - 7, "quantity": (2**63 - 1) // 10**6 * 10**6}
        self.assertEqual(
            self.refused(self.bench.ask("trader.place_order", largest)), "exceptions/accountant/invalid_price_quantity"
        )
        largest["price"] = 2**63 // 100 * 100 - 100
        self.assertEqual(self.refused(self.bench.ask("trader.place_order", largest)), "exceptions/accountant/insufficient_margin")

    def test_a_lenient_server_says_what_it_misses(self) -> None:
        """With the strictness of 2015 off, a bad argument is refused instead of ignored."""
        bench = Bench(strict_2015=False)
        self.addCleanup(bench.server.stop)
        self.assertEqual(self.refused(bench.ask("trader.cancel_order", "1")), "exceptions/webserver/schema_exception")


class MoneyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = Bench()
        self.addCleanup(self.bench.server.stop)

    def test_a_new_address_replaces_the_current_one(self) -> None:
        """The current address stays until a new one is asked for."""
        first = self.bench.ask("trader.get_current_address", "BTC")["result"]
        self.assertEqual(self.bench.ask("trader.get_current_address", "BTC")["result"], first)
        second = self.bench.ask("trader.get_new_address", "BTC")["result"]
        self.assertNotEqual(second, first)
        self.assertEqual(self.bench.ask("trader.get_current_address", "BTC")["result"], second)
        active = [address.text for address in self.bench.venue.funding.addresses("ilp_target", "BTC") if address.is_current]
        self.assertEqual(active, [second])

    def test_withdrawal_leaves_the_position_at_once(self) -> None:
        """The amount is gone with the reply, and the history has the fee before it."""
        before = self.bench.ask("trader.get_positions")["result"]["BTC"]["position"]
        self.assertTrue(self.bench.ask("trader.request_withdrawal", "BTC", 20_000_000, "addrX", "")["success"])
        self.assertEqual(self.bench.ask("trader.get_positions")["result"]["BTC"]["position"], before - 20_000_000)
        fee, rest = self.bench.ask("trader.get_transaction_history")["result"][-2:]
        self.assertEqual((fee["note"], fee["direction"], fee["quantity"]), ("Fee", "credit", 0))
        self.assertEqual((rest["note"], rest["direction"], rest["quantity"]), ("addrX", "debit", 20_000_000))
        self.assertEqual(rest["balance"], before - 20_000_000)

    def test_history_adds_up(self) -> None:
        """Per currency, credits less debits are the position, and the last balance of each journal is exact."""
        self.bench.place("BUY", 5_000_000, 3_000_000)
        self.bench.place("SELL", 4_900_000, 2_000_000, user="marketmaker")
        for user in ("ilp_target", "marketmaker"):
            rows = self.bench.ask("trader.get_transaction_history", user=user)["result"]
            for ticker, position in self.bench.ask("trader.get_positions", user=user)["result"].items():
                own = [row for row in rows if row["contract"] == ticker]
                total = sum(row["quantity"] * (1 if row["direction"] == "credit" else -1) for row in own)
                self.assertEqual(total, position["position"])
                self.assertEqual(own[-1]["balance"], total)

    def test_history_keeps_to_its_span(self) -> None:
        """Both ends are included."""
        self.bench.clock.advance(1)
        (row, *_) = self.bench.ask("trader.get_transaction_history")["result"]
        exact = self.bench.ask("trader.get_transaction_history", row["timestamp"], row["timestamp"])["result"]
        self.assertIn(row, exact)
        later = self.bench.ask("trader.get_transaction_history", row["timestamp"] + 1, row["timestamp"] + 2)["result"]
        self.assertEqual(later, [])

    def test_history_lags_behind_the_position(self) -> None:
        """A withdrawal is in the position at once, in the history only with its commit, and with the commit's time."""
        self.bench.call("trader.request_withdrawal", "BTC", 20_000_000, "addrX", "")
        now = int(self.bench.now().timestamp() * 1_000_000)
        (early,) = self.bench.call("trader.get_transaction_history", now, now)
        self.assertEqual(early["result"], [row for row in early["result"] if row["note"] != "addrX"])
        self.bench.clock.advance(0.1)
        rows = self.bench.ask("trader.get_transaction_history")["result"]
        self.assertEqual([row["timestamp"] - now for row in rows if row["note"] == "addrX"], [25_000])

    def test_safe_prices_are_unknown_until_a_trade(self) -> None:
        """Asked for all: empty; asked by name: generic."""
        self.assertEqual(self.bench.ask("market.get_safe_prices")["result"], {})
        refused = self.bench.ask("market.get_safe_prices", ["BTC/HUF"])
        self.assertEqual(refused, {"success": False, "error": ["exceptions/sputnik/generic_exception"]})
        self.bench.place("BUY", 5_000_000, 3_000_000)
        self.bench.place("SELL", 5_000_000, 1_000_000, user="marketmaker")
        self.assertEqual(self.bench.ask("market.get_safe_prices", ["BTC/HUF"])["result"], {"BTC/HUF": 5_000_000})
