"""The ccxt adapter against the sandbox's Kraken, over real sockets: the contract, and what goes wrong."""

from decimal import Decimal
from importlib.util import find_spec
from random import Random
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from clients.surroundings import Surroundings
from model.order import Side
from sandbox.faults import Kind
from tests.clients import binance_venues
from tests.clients.kraken_venues import CONTRACT, SECRET, SandboxKraken, now
from tests.contracts import exchange

D = Decimal
MISSING = None if find_spec("ccxt") else "ccxt is not installed"


def client(sandbox: SandboxKraken, **options: str) -> Any:
    """ccxt's kraken at ``sandbox``, not connected yet, in a hurry."""
    import clients.ccxt

    wanted = {"poll": "0.1", "withdrawal_BTC_key": "pool-1", **options}
    place = f"http://127.0.0.1:{sandbox.port}"
    return clients.ccxt.kraken("key", SECRET, place, surroundings=Surroundings(reactor, now, Random(1)), options=wanted)


class CcxtKeepsTheContract(exchange.ExchangeContract):
    """Every test of the contract, by way of ccxt's kraken."""

    skip = MISSING
    patience = 10.0

    def make_venue(self) -> "Deferred[exchange.VenueUnderTest]":
        return Deferred.fromCoroutine(self.opened())

    async def opened(self) -> exchange.VenueUnderTest:
        """A fresh sandbox with a client."""
        sandbox = SandboxKraken()
        await sandbox.open()
        self.addCleanup(sandbox.front.stop)
        return exchange.VenueUnderTest(
            client(sandbox),
            CONTRACT,
            resting_price=D("49000.0"),
            taking_price=D("50000.0"),
            quantity=D("0.1"),
            quantity_beyond_means=D(100),
            unknown_order="OAAAAA-BBBBB-CCCCCC",
            withdrawal=("BTC", D("0.5"), sandbox.address),
            deposit_ticker="BTC",
            client_id="ilp-1",
        )


class CcxtBinanceKeepsTheContract(exchange.ExchangeContract):
    """The same by way of ccxt's binance: another wire, other precision rules, an exchange that wants to know contracts."""

    skip = MISSING
    patience = 10.0

    def make_venue(self) -> "Deferred[exchange.VenueUnderTest]":
        return Deferred.fromCoroutine(self.opened())

    async def opened(self) -> exchange.VenueUnderTest:
        """A fresh sandbox with a client."""
        import clients.ccxt

        sandbox = binance_venues.SandboxBinance()
        await sandbox.open()
        self.addCleanup(sandbox.front.stop)
        around = Surroundings(reactor, now, Random(1))
        place = f"http://127.0.0.1:{sandbox.port}"
        return exchange.VenueUnderTest(
            clients.ccxt.binance(
                "key",
                binance_venues.SECRET,
                place,
                surroundings=around,
                options={"poll": "0.1", "contracts": binance_venues.CONTRACT},
            ),
            binance_venues.CONTRACT,
            resting_price=D("49000.00"),
            taking_price=D("50000.00"),
            quantity=D("0.1"),
            quantity_beyond_means=D(100),
            unknown_order="999999999",
            withdrawal=("BTC", D("0.5"), sandbox.address),
            deposit_ticker=None,
            client_id="ilp-1",
        )


class CcxtInTrouble(TestCase):
    """What the pool relies on when things go wrong, and what is not streamed."""

    skip = MISSING

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.sandbox = SandboxKraken()
        await self.sandbox.open()
        self.addCleanup(self.sandbox.front.stop)
        self.exchange = client(self.sandbox)
        self.addCleanup(self.exchange.disconnect)
        self.told: dict[str, list[Any]] = {name: [] for name in ("connect", "disconnect", "book", "order", "trade")}
        for name, heard in self.told.items():
            self.exchange.on(name, lambda *arguments, heard=heard: heard.append(arguments[-1]))

    async def until(self, condition: Any, what: str) -> None:
        """Wait for it, five seconds at most."""
        for _ in range(250):
            if condition():
                return
            await deferLater(reactor, 0.02)
        self.fail(f"waited for {what}")

    async def failure(self, deferred: "Deferred[Any]", *kinds: type[Exception]) -> Any:
        """The error, of one of ``kinds``, with which it fails."""
        try:
            result = await deferred
        except kinds as error:
            return error
        return self.fail(f"did not fail: {result!r}")

    def bid(self, price: int = 49_000) -> "Deferred[str]":
        found: Deferred[str] = self.exchange.placeOrder(CONTRACT, D("0.1"), D(price), "BUY", client_id="ilp-7")
        return found

    async def test_wrong_key_fails_connect(self) -> None:
        """A key that the venue does not know ends connect at once, with the reason."""
        import clients.ccxt

        place = f"http://127.0.0.1:{self.sandbox.port}"
        stranger = clients.ccxt.kraken("nobody", SECRET, place, surroundings=Surroundings(reactor, now, Random(1)))
        self.addCleanup(stranger.disconnect)
        error = await self.failure(stranger.connect(), Refused)
        self.assertIs(Reason.AUTH, error.reason)

    async def test_order_whose_answer_is_lost_is_unknown(self) -> None:
        """A broken connection after the send, and a gateway's error, prove nothing about a write."""
        await self.exchange.connect()
        for kind, text in ((Kind.DISCONNECT, ""), (Kind.ERROR, "520"), (Kind.ERROR, "EGeneral:Internal error")):
            self.sandbox.faults.add("kraken", "AddOrder", kind, count=1, text=text)
            await self.failure(self.bid(), OutcomeUnknown)
        self.assertEqual({}, await self.exchange.getOpenOrders())

    async def test_order_that_was_taken_without_an_answer_is_found_by_our_id(self) -> None:
        """It is sent once, and what looks for it finds it."""
        await self.exchange.connect()
        self.sandbox.faults.add("kraken", "AddOrder", Kind.DONE_NO_ANSWER, count=1)
        self.exchange._library.exchange.timeout = 500
        await self.failure(self.bid(), OutcomeUnknown)
        orders = await self.exchange.getOpenOrders()
        self.assertEqual(["ilp-7"], [order["client_id"] for order in orders.values()])

    async def test_read_whose_answer_is_lost_is_retryable(self) -> None:
        """The same trouble with a read has done nothing."""
        await self.exchange.connect()
        self.sandbox.faults.add("kraken", "BalanceEx", Kind.DISCONNECT, count=1)
        await self.failure(self.exchange.getPositions(), Retryable)

    async def test_venue_gone_before_the_send(self) -> None:
        """An order that never left is Retryable, and a venue that cannot be looked at is told as gone, then as back."""
        await self.exchange.connect()
        await self.exchange.getOrderBook(CONTRACT)
        await self.sandbox.front.stop()
        await self.failure(self.bid(), Retryable)
        await self.until(lambda: self.told["disconnect"], "the news")
        self.assertIsNone(self.exchange.bookAsOf(CONTRACT))
        await self.sandbox.open()
        await self.until(lambda: len(self.told["connect"]) == 2, "the second connect")

    async def test_books_and_orders_are_told_by_looking(self) -> None:
        """A book in use, and an order that trades while nobody asks, come as events."""
        await self.exchange.connect()
        await self.exchange.getOrderBook(CONTRACT)
        id = await self.bid(49_995)
        await self.until(lambda: any(b["bids"][0]["price"] == D(49_995) for b in self.told["book"]), "our bid in the book")
        self.sandbox.trade(Side.SELL, D("0.1"), D(49_995))
        await self.until(lambda: self.told["trade"], "the fill")
        self.assertEqual({(id, "ilp-7")}, {(fill["order_id"], fill["client_id"]) for fill in self.told["trade"]})
        await self.until(lambda: self.told["order"][-1]["quantity_left"] == 0, "the order's end")
        await self.until(lambda: not self.exchange._late_looks, "the last look")
        self.assertEqual(1, len(self.told["trade"]))

    async def test_fees_are_the_accounts_own(self) -> None:
        """What a trade costs is asked of the venue."""
        await self.exchange.connect()
        fees = await self.exchange.getFees(CONTRACT)
        rules = self.sandbox.venue.rules.fees
        self.assertEqual((rules.maker, rules.taker), (fees["maker"], fees["taker"]))
