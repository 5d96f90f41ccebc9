"""Binance's formats: signatures, codes, symbols, orders, fills, fundings; and nonsense, which must never become a number."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import given
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from clients.binance import history, wire
from clients.binance.executions import report
from clients.binance.faults import WrongTime, error_of
from clients.binance.networks import networks
from clients.binance.places import Places
from clients.binance.signing import sign, signed_by_name
from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from clients.postings import postings
from clients.progress import Progress
from tests.clients import nonsense
from tests.clients.nonsense import Payload

D = Decimal
FIXTURES = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
LISTED: dict[str, Any] = {
    "symbol": "LTCUSDT",
    "status": "TRADING",
    "baseAsset": "LTC",
    "quoteAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "maxPrice": "100000.00000000", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "minQty": "0.00100000", "maxQty": "90000.00000000", "stepSize": "0.00100000"},
        {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
    ],
}
MARKET = wire.market({"symbols": [LISTED]})
ORDER: dict[str, Any] = {
    "symbol": "LTCUSDT",
    "orderId": 28,
    "clientOrderId": "ilp-1",
    "price": "50.00000000",
    "origQty": "0.20000000",
    "executedQty": "0.05000000",
    "status": "PARTIALLY_FILLED",
    "type": "LIMIT",
    "side": "BUY",
    "time": 1699380855570,
}
TRADE: dict[str, Any] = {
    "symbol": "LTCUSDT",
    "id": 1034,
    "orderId": 28,
    "price": "69.63000000",
    "qty": "0.20000000",
    "commission": "0.01392600",
    "commissionAsset": "USDT",
    "time": 1698138992358,
    "isBuyer": False,
}
REPORT: dict[str, Any] = {
    "e": "executionReport",
    "s": "LTCUSDT",
    "c": "ilp-1",
    "C": "",
    "S": "BUY",
    "o": "LIMIT",
    "q": "0.20000000",
    "p": "50.00000000",
    "x": "TRADE",
    "X": "PARTIALLY_FILLED",
    "i": 28,
    "l": "0.05000000",
    "z": "0.05000000",
    "L": "49.90000000",
    "n": "0.00005000",
    "N": "LTC",
    "T": 1699380855600,
    "t": 1034,
    "O": 1699380855570,
}
DEPOSIT: dict[str, Any] = {
    "id": "7",
    "amount": "10",
    "coin": "USDT",
    "network": "TRX",
    "status": 1,
    "address": "a",
    "txId": "t",
    "insertTime": 1714923704000,
}
WITHDRAWAL: dict[str, Any] = {
    "id": "8",
    "amount": "9",
    "transactionFee": "1",
    "coin": "USDT",
    "status": 6,
    "address": "a",
    "applyTime": "2024-05-05 15:38:56",
}


def fixture(path: str) -> Any:
    """A recorded conversation, if this checkout lies beside the shared material."""
    file = FIXTURES / path
    if not file.exists():
        raise SkipTest(f"{file} is not here")
    return json.loads(file.read_text(), parse_float=Decimal)


def recorded(method: str) -> list[Any]:
    """The recorded answers of one of ccxt's methods, with what ccxt makes of them."""
    return list(fixture("response/binance_spot_subset.json")["methods"][method])


class SigningTests(SynchronousTestCase):
    """:mod:`clients.binance.signing`."""

    def test_published_vector(self) -> None:
        """The example of Binance's documentation."""
        secret = "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j"
        text = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
        self.assertEqual("c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71", sign(secret, text))

    def test_socket_signs_by_name(self) -> None:
        """The WebSocket API sorts; what is sent is all of it, and the signature."""
        signed = signed_by_name("s", {"timestamp": 2, "apiKey": "k", "recvWindow": 1})
        self.assertEqual(sign("s", "apiKey=k&recvWindow=1&timestamp=2"), signed["signature"])
        self.assertEqual({"timestamp", "apiKey", "recvWindow", "signature"}, set(signed))


class FaultTests(SynchronousTestCase):
    """:func:`error_of`."""

    def test_table(self) -> None:
        """The documented codes and messages, and their reasons."""
        for code, message, reason in (
            (-2010, "Account has insufficient balance for requested action.", Reason.FUNDS),
            (-2010, "Order would immediately match and take.", Reason.WOULD_CROSS),
            (-2010, "Market is closed.", Reason.MAINTENANCE),
            (-2010, "This action is disabled on this account.", Reason.AUTH),
            (-2010, "Duplicate order sent.", Reason.OTHER),
            (-1013, "Filter failure: PRICE_FILTER", Reason.PRICE),
            (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", Reason.PRICE),
            (-1013, "Filter failure: LOT_SIZE", Reason.SIZE),
            (-1013, "Filter failure: MIN_NOTIONAL", Reason.SIZE),
            (-1013, "Filter failure: MAX_NUM_ORDERS", Reason.OTHER),
            (-1111, "Parameter 'price' has too much precision.", Reason.PRICE),
            (-1111, "Parameter 'quantity' has too much precision.", Reason.SIZE),
            (-2011, "Unknown order sent.", Reason.UNKNOWN_ORDER),
            (-2013, "Order does not exist.", Reason.UNKNOWN_ORDER),
            (-2015, "Invalid API-key, IP, or permissions for action.", Reason.AUTH),
            (-1022, "Signature for this request is not valid.", Reason.AUTH),
            (-1003, "Too many requests.", Reason.RATE_LIMIT),
            (-4026, "User has insufficient balance.", Reason.FUNDS),
            (-4035, "This address is not on the whitelist.", Reason.ADDRESS),
            (-3999, "System is under maintenance.", Reason.MAINTENANCE),
            (-9999, "Never heard of.", Reason.OTHER),
        ):
            error = error_of("POST /api/v3/order", code, message, is_write=True)
            self.assertIsInstance(error, Refused, message)
            assert isinstance(error, Refused)
            self.assertEqual((reason, f"{code} {message}"), (error.reason, error.detail))

    def test_what_proves_nothing(self) -> None:
        """Where Binance does not know itself, an order's outcome is unknown, and a read may be repeated."""
        for code in (-1000, -1001, -1006, -1007, -1008):
            self.assertIsInstance(error_of("x", code, "?", is_write=True), OutcomeUnknown)
            self.assertIsInstance(error_of("x", code, "?", is_write=False), Retryable)

    def test_wrong_time(self) -> None:
        """A request that came too late was not carried out, not even a write."""
        self.assertIsInstance(error_of("POST /api/v3/order", -1021, "outside of the recvWindow", is_write=True), WrongTime)


class MarketTests(SynchronousTestCase):
    """Symbols, budgets, networks."""

    def test_listing(self) -> None:
        """Steps and minimums from the filters, found by both names."""
        listing = MARKET.contracts["LTC/USDT"]
        steps = listing.instrument
        self.assertEqual((D("0.01"), D("0.001"), D("0.001"), D(5)), (steps.tick, steps.lot, steps.min_quantity, steps.min_value))
        self.assertIs(listing, MARKET.symbols["LTCUSDT"])

    def test_filter_that_is_off(self) -> None:
        """A step of 0 leaves the asset's own digits."""
        steps = [{"filterType": "PRICE_FILTER", "tickSize": "0.00000000"}, {"filterType": "LOT_SIZE", "stepSize": "0"}]
        found = wire.market({"symbols": [{**LISTED, "filters": steps, "quotePrecision": 6}]}).contracts["LTC/USDT"].instrument
        self.assertEqual((D("0.000001"), D("0.00000001"), D(0)), (found.tick, found.lot, found.min_value))

    def test_without_steps(self) -> None:
        """A symbol that does not tell its steps is left out: an order on a guessed one would be refused, or misunderstood."""
        for kept in LISTED["filters"][:2]:
            self.assertEqual({}, wire.market({"symbols": [{**LISTED, "filters": [kept]}]}).contracts)

    def test_recorded_symbols(self) -> None:
        """The venue's own rows are understood."""
        market = wire.market({"symbols": fixture("markets/binance_native_subset.json")})
        found = {contract: listing.instrument for contract, listing in market.contracts.items()}
        self.assertEqual({"BTC/USDT", "ETH/USDT", "ADA/USDT"}, set(found))
        self.assertEqual(
            (D("0.01"), D("0.00001"), D(5)), (found["BTC/USDT"].tick, found["BTC/USDT"].lot, found["BTC/USDT"].min_value)
        )
        self.assertEqual((D("0.0001"), D("0.1")), (found["ADA/USDT"].tick, found["ADA/USDT"].lot))

    def test_budget(self) -> None:
        """The weight per minute, and the orders of the shortest interval."""
        limits = [
            {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
            {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200000},
            {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50},
            {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61000},
        ]
        self.assertEqual(wire.Budget(1200.0, 50.0, 10.0), wire.budget({"rateLimits": limits}))
        self.assertEqual(wire.Budget(), wire.budget({}))

    def test_networks(self) -> None:
        """The usual, the only, or the chosen one; never a guess."""
        ways = [{"network": name, "depositEnable": True, "withdrawEnable": True} for name in ("ETH", "TRX", "BTC")]
        ways[2]["withdrawIntegerMultiple"], ways[2]["withdrawMin"] = "0.00000001", "0.001"
        coins = [
            {"coin": "BTC", "networkList": ways},
            {"coin": "USDT", "networkList": ways[:2]},
            {"coin": "XRP", "networkList": ways[:1]},
        ]
        known = networks(coins, {"USDT": "TRX"})
        self.assertEqual(["BTC", "TRX", "ETH"], [known.of("x", ticker).name for ticker in ("BTC", "USDT", "XRP")])
        self.assertEqual(D("0.001"), known.instruments()["BTC"].min_quantity)
        for chosen, ticker in (({}, "USDT"), ({"XRP": "TRX"}, "XRP"), ({}, "DOGE")):
            refused = self.assertRaises(Refused, networks(coins, chosen).of, "x", ticker)
            self.assertIs(Reason.ADDRESS, refused.reason)


class OrderAndHistoryTests(SynchronousTestCase):
    """Orders, fills, postings."""

    def test_order(self) -> None:
        """What is left, whose it is, when it was opened; its id holds the symbol, without which it is not unique."""
        shape = wire.order(ORDER, MARKET)
        names = ("id", "contract", "side", "price", "quantity_left", "is_cancelled", "timestamp", "client_id")
        expected = ("LTCUSDT-28", "LTC/USDT", "BUY", D(50), D("0.15"), False, 1699380855570000, "ilp-1")
        self.assertEqual(expected, tuple(shape.get(name) for name in names))
        self.assertEqual(("LTCUSDT", "28"), wire.parts_of(shape["id"]))
        for status in ("CANCELED", "EXPIRED", "EXPIRED_IN_MATCH", "REJECTED"):
            self.assertTrue(wire.order({**ORDER, "status": status}, MARKET)["is_cancelled"])
        for id in ("none", "28", "-28", "LTCUSDT-", "LTCUSDT-x"):
            self.assertIsNone(wire.parts_of(id))

    def test_recorded_orders(self) -> None:
        """Recorded orders are understood."""
        for method in ("fetchOpenOrders", "fetchOrders", "fetchOrder"):
            for case in recorded(method):
                answer, expected = case["httpResponse"], case["parsedResponse"]
                pairs = zip(*(each if isinstance(each, list) else [each] for each in (answer, expected)), strict=True)
                for entry, parsed in pairs:
                    shape = wire.order(entry, MARKET)
                    self.assertEqual(parsed["amount"], shape["quantity"])
                    self.assertEqual(
                        (parsed["timestamp"], parsed["clientOrderId"]), (shape["timestamp"] // 1000, shape["client_id"])
                    )
                    self.assertEqual(parsed["status"] == "canceled", shape["is_cancelled"])

    def test_recorded_fills(self) -> None:
        """Recorded executions are understood, fee and currency too."""
        for case in recorded("fetchMyTrades"):
            for entry, parsed in zip(case["httpResponse"], case["parsedResponse"], strict=True):
                shape = wire.fill(entry, MARKET)
                self.assertEqual((parsed["price"], parsed["amount"]), (shape["price"], shape["quantity"]))
                self.assertEqual({parsed["fee"]["currency"]: parsed["fee"]["cost"]}, shape["fees"])
                self.assertEqual(f"LTCUSDT-{parsed['order']}-{parsed['id']}", shape["id"])

    def test_recorded_balances_book_and_bars(self) -> None:
        """Recorded balances, a book and bars are understood."""
        (case,) = recorded("fetchBalance")
        self.assertEqual(D("0.919741"), wire.positions(case["httpResponse"])["LTC"]["available"])
        (case,) = recorded("fetchOrderBook")
        bids, asks = wire.depth(case["httpResponse"])
        self.assertEqual(
            (case["parsedResponse"]["bids"][0][0], case["parsedResponse"]["asks"][1][0]), (bids[0]["price"], asks[1]["price"])
        )
        (case,) = recorded("fetchOHLCV")
        for row, (opened, _, high, _, last, volume) in zip(case["httpResponse"], case["parsedResponse"], strict=True):
            bar = wire.candle(row, "BTC/USDT", "hour")
            self.assertEqual(
                (opened * 1000, high, last, volume), (bar["open_timestamp"], bar["high"], bar["close"], bar["volume"])
            )

    def test_recorded_fundings(self) -> None:
        """Recorded deposits and withdrawals are understood: of 10 that were asked for 9 travelled and 1 was the fee."""
        (case,) = recorded("fetchDeposits")
        (shape,) = history.deposit(case["httpResponse"][0])
        parsed = case["parsedResponse"][0]
        self.assertEqual(
            ("credit", "done", D(10), parsed["txid"], parsed["timestamp"]),
            (shape["direction"], shape["state"], shape["quantity"], shape["reference"], shape["timestamp"] // 1000),
        )
        (case,) = recorded("fetchWithdrawals")
        (shape,) = history.withdrawal(case["httpResponse"][0])
        parsed = case["parsedResponse"][0]
        self.assertEqual(
            ("debit", "done", D(9), D(1), parsed["id"], parsed["timestamp"] * 1000),
            tuple(shape[k] for k in ("direction", "state", "quantity", "fee", "reference", "timestamp")),
        )

    def test_deposit_that_took_its_time(self) -> None:
        """What was credited later is dated then, so that who reads on from where it stood finds it."""
        self.assertEqual("pending", history.deposit({**DEPOSIT, "status": 0})[0]["state"])
        (shape,) = history.deposit({**DEPOSIT, "completeTime": 1714927304000})
        self.assertEqual(1714927304000000, shape["timestamp"])

    def test_postings(self) -> None:
        """A sale: coins leave, money comes less its fee; a fee in a third coin has a posting of its own."""
        shapes = postings(wire.fill({**TRADE, "commissionAsset": "BNB", "commission": "0.001"}, MARKET))
        moved = {s["contract"]: (s["direction"], s["quantity"], s["fee"]) for s in shapes}
        self.assertEqual(
            {"LTC": ("debit", D("0.2"), D(0)), "USDT": ("credit", D("13.926"), D(0)), "BNB": ("debit", D(0), D("0.001"))}, moved
        )

    def test_report(self) -> None:
        """A trade is told with its order, price, quantity and fee; both histories give it the same id."""
        news = report(REPORT, MARKET)
        assert news.fill is not None
        self.assertEqual(
            (D("0.15"), "ilp-1", False), (news.order["quantity_left"], news.order["client_id"], news.order["is_cancelled"])
        )
        self.assertEqual(
            (D("49.9"), D("0.05"), {"LTC": D("0.00005")}), tuple(news.fill[k] for k in ("price", "quantity", "fees"))
        )
        self.assertEqual(wire.fill(TRADE, MARKET)["id"], news.fill["id"])

    def test_report_of_a_cancel(self) -> None:
        """The order's own client id has moved to C."""
        news = report({**REPORT, "x": "CANCELED", "X": "CANCELED", "c": "web_1", "C": "ilp-1"}, MARKET)
        self.assertEqual(("ilp-1", True, None), (news.order["client_id"], news.order["is_cancelled"], news.fill))

    def test_old_news(self) -> None:
        """A reading that is older than the stream is no news; a fill after a cancel is."""
        progress = Progress()
        partly = report(REPORT, MARKET).order
        self.assertTrue(progress.is_news(partly))
        self.assertFalse(progress.is_news({**partly, "quantity_left": D("0.2")}))
        self.assertEqual({"LTCUSDT-28"}, progress.unfinished())
        self.assertTrue(progress.is_news({**partly, "is_cancelled": True}))
        self.assertFalse(progress.is_news(partly))
        self.assertTrue(progress.is_news({**partly, "is_cancelled": True, "quantity_left": D("0.1")}))
        self.assertEqual(frozenset(), progress.unfinished())


def steps(info: Any) -> Any:
    """What a market says of its contracts."""
    found = [listing.instrument for listing in wire.market(info).contracts.values()]
    return [(each.tick, each.lot, each.min_quantity, each.min_value) for each in found]


class NonsenseTests(nonsense.Nonsense):
    """Whatever comes: a named error, or numbers that are numbers."""

    payloads = (
        Payload(ORDER, lambda entry: wire.order(entry, MARKET)),
        Payload(TRADE, lambda entry: wire.fill(entry, MARKET)),
        Payload(REPORT, lambda event: [report(event, MARKET).order, report(event, MARKET).fill or {}]),
        Payload(DEPOSIT, history.deposit),
        Payload(WITHDRAWAL, history.withdrawal),
        Payload({"symbols": [LISTED]}, steps),
    )

    @given(nonsense.nonsense)
    def test_anything_at_all(self, bad: Any) -> None:
        """A payload that is something else altogether."""
        for call in (wire.positions, wire.depth, history.deposit, history.withdrawal):
            self.check(call, bad)
        self.check(wire.order, bad, MARKET)
        self.check(wire.candle, bad, "LTC/USDT", "day")
        self.check(wire.candle, [1, bad, bad, bad, bad, bad], "LTC/USDT", "day")
        self.check(wire.depth, {"bids": [[bad, bad]], "asks": [bad]})
        self.check(wire.positions, {"balances": [{"asset": "BTC", "free": bad, "locked": bad}]})
        for market in (
            bad,
            {"symbols": bad},
            {"symbols": [{**LISTED, "filters": bad}]},
            {"symbols": [LISTED | {"quoteAsset": bad}]},
        ):
            self.check(steps, market)
        self.check(lambda info: wire.budget(info) and None, {"rateLimits": bad})
        self.check(lambda coins: networks(coins, {}).instruments() and None, bad)
        self.check(lambda coins: networks(coins, {}).instruments() and None, [{"coin": "BTC", "networkList": [bad]}])


class PlacesTests(SynchronousTestCase):
    """:class:`Places`."""

    def test_home(self) -> None:
        """Without an endpoint it is the real one."""
        places = Places.of("", {})
        self.assertEqual(("https://api.binance.com", 1000, 5000), (places.rest, places.depth, places.window))
        self.assertEqual(
            ("wss://stream.binance.com:9443/ws", "wss://ws-api.binance.com:443/ws-api/v3"), (places.books, places.user)
        )

    def test_elsewhere(self) -> None:
        """Another endpoint has its streams beside it, unless an option says where."""
        places = Places.of("http://127.0.0.1:8080/", {"network_usdt": "TRX", "contracts": "BTC/USDT, BTC/EUR"})
        self.assertEqual(("ws://127.0.0.1:8080/ws", "ws://127.0.0.1:8080/ws-api/v3"), (places.books, places.user))
        self.assertEqual(({"USDT": "TRX"}, ("BTC/USDT", "BTC/EUR")), (places.networks, places.contracts))

    def test_what_is_refused(self) -> None:
        """Plain http elsewhere, misspelt options, depths and windows that there are not."""
        for endpoint, options in (
            ("http://api.binance.com", {}),
            ("", {"ws_endpont": "wss://stream.binance.com"}),
            ("", {"ws_api_endpoint": "ws://stream.binance.com"}),
            ("", {"depth": "11"}),
            ("", {"recv_window": "60001"}),
            ("", {"recv_window": "-1"}),
            ("", {"contracts": "BTCUSDT"}),
        ):
            self.assertRaises(ValueError, Places.of, endpoint, options)
