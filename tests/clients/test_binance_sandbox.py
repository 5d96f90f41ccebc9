"""The Binance client against the sandbox's Binance, over real sockets: the contract, and what goes wrong."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from clients.errors import OutcomeUnknown, Reason, Refused, Retryable
from model.order import Side
from sandbox.faults import Kind
from tests.clients import sandbox_venue, trouble
from tests.clients.binance_venues import CONTRACT, SandboxBinance
from tests.clients.sandbox_venue import now

D = Decimal


class BinanceKeepsTheContract(sandbox_venue.SandboxContract):
    """Every test of the contract."""

    sandbox = SandboxBinance
    unknown_order = "BTCUSDT-987654321"
    # As the pool does, the contract is named: executions are told by contract only.
    options: ClassVar[Mapping[str, Any]] = {"options": {"contracts": CONTRACT}}


class BinanceInTrouble(trouble.InTrouble):
    """What the pool relies on when things go wrong."""

    sandbox_class = SandboxBinance
    new_order, balances, listing = "POST /api/v3/order", "GET /api/v3/account", "GET /api/v3/exchangeInfo"
    book, own = "depth", "user"

    async def test_clock_that_is_wrong(self) -> None:
        """A machine whose clock is a minute off signs with the venue's time, also when it goes wrong later."""
        shift = [timedelta(seconds=-60)]
        lost = self.make_client(clock=lambda: now() + shift[0])
        self.addCleanup(lost.disconnect)
        await lost.connect()
        self.assertEqual(D(10), (await lost.getPositions())["BTC"]["position"])
        shift[0] = timedelta(seconds=90)
        await self.failure(lost.getPositions(), Retryable)
        self.assertEqual(D(10), (await lost.getPositions())["BTC"]["position"])

    async def test_own_time_out_of_the_venue(self) -> None:
        """Binance may say itself that it does not know: then a write is unknown, and a read has done nothing."""
        await self.exchange.connect()
        self.fault(self.new_order, Kind.ERROR, text="-1007 Timeout waiting for response")
        await self.failure(self.bid(), OutcomeUnknown)
        self.fault(self.balances, Kind.ERROR, text="-1007 Timeout waiting for response")
        await self.failure(self.exchange.getPositions(), Retryable)

    async def test_words_of_the_venue(self) -> None:
        """A refusal carries venue, call and the venue's own code and words."""
        await self.exchange.connect()
        error = await self.failure(self.bid(50_000, post_only=True), Refused)
        self.assertEqual(
            (Reason.WOULD_CROSS, "binance", self.new_order, "-2010 Order would immediately match and take."),
            (error.reason, error.venue, error.call, error.detail),
        )

    async def test_silence_when_asked_for(self) -> None:
        """After a 429 nothing is sent any more until the venue's time is over, cancels too: each would prolong the ban."""
        await self.exchange.connect()
        self.fault(self.balances, Kind.ERROR, text="-1003 Too much request weight used")
        error = await self.failure(self.exchange.getPositions(), Refused)
        self.assertIs(Reason.RATE_LIMIT, error.reason)
        error = await self.failure(self.bid(), Refused)
        self.assertEqual((Reason.RATE_LIMIT, True), (error.reason, error.detail.startswith("not sent")))
        self.assertEqual([], self.sandbox.venue.open_orders("pool"))

    async def test_lost_change_is_noticed(self) -> None:
        """After an event that never came the next one does not continue, and the book is asked for anew."""
        await self.following()
        self.fault("depth", Kind.GAP)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        await self.until(lambda: not self.sandbox.faults.in_force(), "the lost event")
        self.sandbox.trade(Side.BUY, D("0.1"), D("49992.0"))
        await self.doubted()
        self.assertEqual([D("49992.0"), D("49991.0")], self.best_bids())

    async def test_event_told_twice(self) -> None:
        """A doubled event is no continuation either."""
        await self.following()
        self.fault("depth", Kind.DUPLICATE)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        await self.doubted()
        self.assertEqual([D("49991.0"), D("49990.0")], self.best_bids())

    async def test_snapshot_that_fails_is_asked_for_again(self) -> None:
        """Events wait for it meanwhile."""
        self.fault("GET /api/v3/depth", Kind.ERROR, 2)
        await self.exchange.connect()
        await self.failure(self.exchange.getOrderBook(CONTRACT), Retryable)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        await self.until(lambda: self.exchange.bookAsOf(CONTRACT), "the book")
        self.assertEqual([D("49991.0"), D("49990.0")], self.best_bids())

    async def test_lost_subscription_is_made_again(self) -> None:
        """A user stream that the venue refuses at first is asked for until it stands."""
        self.fault("subscribe", Kind.ERROR)
        await self.exchange.connect()
        await self.bid()
        await self.until(lambda: self.told["order"], "the order")

    async def test_orders_of_before_are_told(self) -> None:
        """What was open before we came is told when we connect: no stream would."""
        self.sandbox.venue.place("pool", CONTRACT, Side.BUY, D("0.1"), D(49_000), client_id="ilp-3")
        await self.exchange.connect()
        self.assertEqual(["ilp-3"], [order["client_id"] for order in self.told["order"]])

    async def test_fee_of_a_buyer_is_in_base(self) -> None:
        """Binance takes its fee out of what was bought."""
        await self.following()
        await self.bid(50_000)
        await self.until(lambda: self.told["trade"], "the fill")
        self.assertEqual({"BTC": D("0.0001")}, self.told["trade"][0]["fees"])
        self.assertEqual(D("10.0999"), (await self.exchange.getPositions())["BTC"]["position"])

    async def test_histories_are_read_to_the_last_page(self) -> None:
        """More than a page of fills and postings comes back whole, each once, oldest first."""
        from clients.binance import account

        self.patch(account, "PAGE", 7)
        await self.following()
        for _ in range(20):
            self.sandbox.trade(Side.SELL, D("0.001"), D(49_995))
            self.sandbox.venue.place("pool", CONTRACT, Side.BUY, D("0.001"), D(49_995), immediate=True)
            self.sandbox.world.fund("binance", "pool", "BTC", D("0.25"))
        fills = await self.exchange.getTradeHistory(now() - timedelta(days=3), now())
        self.assertEqual([D("0.001")] * 20, [fill["quantity"] for fill in fills])
        self.assertEqual(sorted(fill["timestamp"] for fill in fills), [fill["timestamp"] for fill in fills])
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(days=3), now())
        # A posting of each currency for a trade, as the venue's own books have them.
        self.assertEqual(len(self.sandbox.venue.postings("pool")), len({shape["id"] for shape in shapes}))
        moved = {ticker: self.moved(shapes, ticker) for ticker in ("BTC", "USDT")}
        accounts = self.sandbox.venue.accounts
        self.assertEqual({ticker: accounts.balance("pool", ticker) for ticker in moved}, moved)

    async def test_withdrawal_that_came_to_nothing(self) -> None:
        """It is told as what left and what came back, the second also to whoever reads on from where it stood."""
        await self.exchange.connect()
        reference = await self.exchange.requestWithdrawal("BTC", D("0.1"), self.sandbox.address)
        began = now()
        first = await self.withdrawals(began - timedelta(minutes=1), began)
        self.assertEqual([("debit", reference, "pending")], [(s["direction"], s["reference"], s["state"]) for s in first])
        self.sandbox.venue.funding.cancel(1)
        later = await self.withdrawals(began + timedelta(minutes=2), began + timedelta(minutes=3))
        self.assertEqual({"debit": D("0.1"), "credit": D("0.1")}, {s["direction"]: s["quantity"] + s["fee"] for s in later})
        self.assertEqual([], await self.withdrawals(began + timedelta(minutes=2), began + timedelta(minutes=3)))

    async def withdrawals(self, start: datetime, end: datetime) -> list[Any]:
        shapes = await self.exchange.getTransactionHistory(start, end)
        return [shape for shape in shapes if shape["type"] in ("Withdrawal", "Transfer")]
