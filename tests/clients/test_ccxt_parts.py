"""The ccxt adapter's pure parts: what an error means, what a structure says, how pages become a history."""

from collections.abc import Mapping
from decimal import Decimal
from importlib.util import find_spec
from typing import Any, ClassVar

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from clients.errors import InvalidData, OutcomeUnknown, Reason, Refused, Retryable

if find_spec("ccxt"):
    import ccxt

    import clients.ccxt
    from clients.ccxt import history, mapping, transactions
    from clients.ccxt.faults import error_of
    from clients.ccxt.options import read_options

D = Decimal
MISSING = None if find_spec("ccxt") else "ccxt is not installed"


class FaultTests(SynchronousTestCase):
    """ccxt's classes become ours; what proves nothing is unknown for a write and retryable for a read."""

    skip = MISSING

    def test_every_class_of_ccxt_has_a_meaning(self) -> None:
        """None comes out as itself, and no write that could have been done is called refused or retryable."""
        could_be_done = {
            "NetworkError",
            "RequestTimeout",
            "ExchangeNotAvailable",
            "ExchangeError",
            "BadResponse",
            "CancelPending",
        }
        classes = {name: getattr(ccxt, name) for name in ccxt.errors.__all__ if name != "error_hierarchy"}
        self.assertGreater(len(classes), 30)
        for name, kind in classes.items():
            read, write = (error_of("v", "fetch_x", kind("words"), False), error_of("v", "create_order", kind("words"), True))
            self.assertIsInstance(read, Refused | Retryable | InvalidData | NotImplementedError, name)
            self.assertIsInstance(write, Refused | Retryable | OutcomeUnknown | NotImplementedError, name)
            if name in could_be_done:
                self.assertIsInstance(write, OutcomeUnknown, name)

    def test_reasons(self) -> None:
        """Refusals carry the reason that the pool acts on."""
        reasons = {
            "InsufficientFunds": Reason.FUNDS,
            "OrderNotFound": Reason.UNKNOWN_ORDER,
            "OrderImmediatelyFillable": Reason.WOULD_CROSS,
            "PermissionDenied": Reason.AUTH,
            "RateLimitExceeded": Reason.RATE_LIMIT,
            "OnMaintenance": Reason.MAINTENANCE,
            "InvalidAddress": Reason.ADDRESS,
            "BadSymbol": Reason.OTHER,
            "InvalidOrder": Reason.SIZE,
        }
        for name, reason in reasons.items():
            found = error_of("v", "create_order", getattr(ccxt, name)("words"), True)
            self.assertIs(reason, getattr(found, "reason", None), name)
        of_a_cancel = error_of("v", "cancel_order", ccxt.InvalidOrder("words"), True)
        self.assertIs(Reason.UNKNOWN_ORDER, getattr(of_a_cancel, "reason", None))

    def test_an_error_of_reading(self) -> None:
        """An answer that ccxt itself stumbles over says nothing: not about a read, and not whether a write was done."""
        self.assertIsInstance(error_of("v", "fetch_x", KeyError("x"), False), InvalidData)
        self.assertIsInstance(error_of("v", "create_order", TypeError("x"), True), OutcomeUnknown)


class MappingTests(SynchronousTestCase):
    """Structures become shapes, exactly, or a named error."""

    skip = MISSING
    MARKET: ClassVar[Mapping[str, Any]] = {
        "symbol": "BTC/USD",
        "base": "BTC",
        "quote": "USD",
        "precision": {"price": 0.1, "amount": 1e-08},
        "limits": {"amount": {"min": 0.0001}, "cost": {"min": None}},
    }
    TRADE: ClassVar[Mapping[str, Any]] = {
        "id": "t1",
        "order": "o1",
        "symbol": "BTC/USD",
        "side": "sell",
        "price": "64000.1",
        "amount": "0.30000000",
        "fee": {"cost": "1.5", "currency": "USD"},
        "timestamp": 1_700_000_000_123,
    }

    def test_steps(self) -> None:
        """Steps are what was written, whatever the exchange's mode of saying them."""
        found = mapping.instrument(self.MARKET, ccxt.TICK_SIZE, None)
        self.assertEqual((D("0.1"), D("0.00000001"), D("0.0001")), (found.tick, found.lot, found.min_quantity))
        market = {**self.MARKET, "precision": {"price": 2, "amount": 4}}
        found = mapping.instrument(market, ccxt.DECIMAL_PLACES, None)
        self.assertEqual((D("0.01"), D("0.0001")), (found.tick, found.lot))

    def test_significant_digits(self) -> None:
        """A price on the step never has more digits than the venue takes, though it nearly doubles."""
        market = {**self.MARKET, "precision": {"price": 5, "amount": 8}}
        for last in ("0.0123", "4.9", "5.1", "64000", "99999"):
            tick = mapping.instrument(market, ccxt.SIGNIFICANT_DIGITS, D(last)).tick
            highest = (D(last) * 2 // tick) * tick
            self.assertLessEqual(len(highest.normalize().as_tuple().digits), 5, last)

    def test_fill(self) -> None:
        """Exact numbers, microseconds, fees by ticker."""
        shape = mapping.fill(self.TRADE)
        self.assertEqual((D("64000.1"), D("0.3"), {"USD": D("1.5")}), (shape["price"], shape["quantity"], shape["fees"]))
        self.assertEqual((1_700_000_000_123_000, "SELL"), (shape["timestamp"], shape["side"]))

    def test_broken_fill(self) -> None:
        """What is no fill is a named error, never a wrong number."""
        no_number: tuple[object, ...] = (None, "", "nonsense", float("nan"), "Infinity", "-5", 0, [], {}, True)
        broken = {"price": no_number, "amount": no_number, "id": (None, "", 7), "order": (None, {}), "side": (None, "up", [])}
        broken["timestamp"] = (None, "1", 1.5, True)
        for key, values in broken.items():
            for value in values:
                with self.assertRaises(InvalidData, msg=f"{key} {value!r}"), mapping.reading("v", "fetch_my_trades"):
                    mapping.fill({**self.TRADE, key: value})

    def test_returned_withdrawal(self) -> None:
        """A withdrawal that failed has left and come back, fee and all."""
        entry = {
            "id": "w1",
            "type": "withdrawal",
            "currency": "BTC",
            "amount": "0.4",
            "fee": {"cost": "0.1", "currency": "BTC"},
            "status": "failed",
            "timestamp": 1,
        }
        gone, back = transactions.from_lists([entry])
        self.assertEqual(("debit", "credit", D("0.5")), (gone["direction"], back["direction"], back["quantity"]))


class HistoryTests(SynchronousTestCase):
    """Pages become the whole history."""

    skip = MISSING

    @given(st.lists(st.integers(2_000, 900_000), unique=True, max_size=200), st.integers(11, 60), st.booleans())
    def test_whole(self, times: list[int], size: int, is_newest_first: bool) -> None:
        """Whichever end of the time the venue's pages are from, every entry is found once, in order."""
        entries = [{"id": str(time), "timestamp": time} for time in sorted(times)]

        async def ask(since: int, until: int) -> Any:
            inside = [entry for entry in entries if since <= entry["timestamp"] <= until]  # type: ignore[operator]
            return inside[-size:] if is_newest_first else inside[:size]

        found = self.successResultOf(Deferred.fromCoroutine(history.whole(ask, 1_000, 1_000_000, ("v", "call"))))
        self.assertEqual(entries, found)

    @given(st.lists(st.integers(2_000, 900_000), unique=True, max_size=60), st.integers(1_000, 300_000))
    def test_venue_that_answers_for_a_short_time_only(self, times: list[int], span: int) -> None:
        """No longer time than the venue allows is asked for at once, and nothing is lost between two askings."""
        entries = [{"id": str(time), "timestamp": time} for time in sorted(times)]

        async def ask(since: int, until: int) -> Any:
            self.assertLessEqual(until - since, span)
            return [entry for entry in entries if since <= entry["timestamp"] <= until]  # type: ignore[operator]

        found = self.successResultOf(Deferred.fromCoroutine(history.whole(ask, 1_000, 1_000_000, ("v", "call"), span)))
        self.assertEqual(entries, found)

    def test_endless(self) -> None:
        """A venue that always has more is an error, not a wait."""
        count = iter(range(10**9))

        async def ask(since: int, until: int) -> Any:
            return [{"id": str(next(count)), "timestamp": (since + until) // 2} for _ in range(20)]

        self.failureResultOf(Deferred.fromCoroutine(history.whole(ask, 0, 10**9, ("v", "call"))), InvalidData)


class ClassTests(SynchronousTestCase):
    """What can be known of an exchange before it is asked."""

    skip = MISSING

    def test_what_an_exchange_can_do(self) -> None:
        """The claims are the exchange's own; client ids only where that was read."""
        self.assertEqual({"book_stream", "client_id", "post_only", "immediate"}, set(clients.ccxt.kraken.capabilities))
        self.assertNotIn("client_id", clients.ccxt.okx.capabilities)
        self.assertIn("getNewAddress", clients.ccxt.binance.lacks)
        self.assertIs(clients.ccxt.kraken, clients.ccxt.kraken)

    def test_unknown_exchange(self) -> None:
        """A name that ccxt does not have is no class."""
        self.assertFalse(hasattr(clients.ccxt, "mtgox"))

    def test_options(self) -> None:
        """Options are checked by name and value, and parameters go to the ticker they name."""
        options = read_options("v", {"withdrawal_BTC_key": "cold", "poll": "1", "client_ids": "yes"}, True)
        self.assertEqual(({"key": "cold"}, {}), (options.of("withdrawal", "BTC"), options.of("deposit", "BTC")))
        for bad in ({"pol": "1"}, {"poll": "0"}, {"testnet": "maybe"}, {"deposit_BTC": "x"}):
            with self.assertRaises(ValueError):
                read_options("v", bad, True)
