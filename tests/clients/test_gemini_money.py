"""Money at the sandbox's Gemini, over real sockets: fees, balances, histories, addresses, withdrawals, and who may do what."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater

from clients.errors import Reason, Refused
from clients.gemini import account
from clients.gemini.rest import TRANSFERS
from model.order import Side
from tests.clients.gemini_venues import CONTRACT, GeminiCase
from tests.clients.sandbox_venue import now

D = Decimal


class GeminiMoney(GeminiCase):
    """What the pool's books are made from."""

    async def test_fees(self) -> None:
        """What the account pays, as the venue tells it, and as its fills do: in the quote currency."""
        await self.following()
        self.assertEqual({"maker": D("0.002"), "taker": D("0.004")}, await self.exchange.getFees(CONTRACT))
        await self.bid(50_000)
        await self.until(lambda: self.told["trade"], "the fill")
        self.assertEqual({"USD": D(20)}, self.told["trade"][0]["fees"])

    async def test_histories_are_read_to_the_last_page(self) -> None:
        """More than a page of fills and postings comes back whole, each once, oldest first."""
        self.patch(account, "PAGES", {account.TRADES: ("limit_trades", 7), TRANSFERS: ("limit_transfers", 7)})
        await self.following()
        for _ in range(20):
            self.sandbox.trade(Side.SELL, D("0.001"), D(49_995))
            self.sandbox.venue.place("pool", CONTRACT, Side.BUY, D("0.001"), D(49_995), immediate=True)
            self.sandbox.world.fund("gemini", "pool", "BTC", D("0.25"))
            # The venue's times are whole milliseconds, and a page must be longer than what happens within one.
            await deferLater(reactor, 0.002)
        fills = await self.exchange.getTradeHistory(now() - timedelta(days=3), now())
        self.assertEqual([D("0.001")] * 20, [fill["quantity"] for fill in fills])
        self.assertEqual(sorted(fill["timestamp"] for fill in fills), [fill["timestamp"] for fill in fills])
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(days=3), now())
        # A posting of each currency for a trade, as the venue's own books have them.
        self.assertEqual(len(self.sandbox.venue.postings("pool")), len({shape["id"] for shape in shapes}))
        moved = {ticker: self.moved(shapes, ticker) for ticker in ("BTC", "USD")}
        accounts = self.sandbox.venue.accounts
        self.assertEqual({ticker: accounts.balance("pool", ticker) for ticker in moved}, moved)

    def moved(self, shapes: list[Any], ticker: str) -> Decimal:
        """What the postings say has become of an account that began empty."""
        signs = {"credit": 1, "debit": -1}
        own = [shape for shape in shapes if shape["contract"] == ticker]
        return sum((signs[shape["direction"]] * shape["quantity"] - shape["fee"] for shape in own), D(0))

    async def test_trader_needs_no_more_for_what_is_always_needed(self) -> None:
        """A key that may only trade reads balances, histories and the address of coins; what is beyond it is refused."""
        trader = self.sandbox.client(id="account-trader")
        self.addCleanup(trader.disconnect)
        await trader.connect()
        self.assertEqual(D(10), (await trader.getPositions())["BTC"]["position"])
        self.assertEqual(2, len(await trader.getTransactionHistory(now() - timedelta(hours=1), now())))
        self.assertEqual(self.sandbox.venue.funding.current_address("pool", "BTC"), await trader.getCurrentAddress("BTC"))
        for call in (trader.getNewAddress("BTC"), trader.requestWithdrawal("BTC", D("0.1"), self.sandbox.address)):
            self.assertIs(Reason.AUTH, (await self.failure(call, Refused)).reason)

    async def test_what_travels_has_left(self) -> None:
        """The venue counts a withdrawal in until it has arrived; our balance does not, from the first moment on."""
        await self.exchange.connect()
        await self.exchange.requestWithdrawal("BTC", D("0.5"), self.sandbox.address)
        pending = (await self.exchange.getPositions())["BTC"]["position"]
        self.sandbox.world.approve("gemini", 1)
        travelling = (await self.exchange.getPositions())["BTC"]["position"]
        self.sandbox.clock.advance(10_000)
        arrived = (await self.exchange.getPositions())["BTC"]["position"]
        self.assertEqual([D("9.5")] * 3, [pending, travelling, arrived])

    async def test_network_that_is_asked_for(self) -> None:
        """A ticker without a usual network goes by the only one that the venue has for it."""
        await self.exchange.connect()
        address = await self.exchange.getCurrentAddress("USD")
        self.assertEqual(self.sandbox.venue.funding.current_address("pool", "USD"), address)
        self.assertNotEqual(address, await self.exchange.getNewAddress("USD"))

    async def test_deposit_is_known_by_its_transaction(self) -> None:
        """A deposit carries its address and the network's transaction id."""
        await self.exchange.connect()
        address = await self.exchange.getCurrentAddress("BTC")
        self.sandbox.world.fund("gemini", "pool", "BTC", D("0.25"), address)
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(hours=1), now())
        (deposit,) = [shape for shape in shapes if shape["quantity"] == D("0.25")]
        self.assertEqual(("Deposit", "credit", address), (deposit["type"], deposit["direction"], deposit["address"]))
        self.assertEqual(self.sandbox.venue.funding.deposits[-1].transaction_id, deposit["reference"])

    async def test_withdrawal_that_came_to_nothing(self) -> None:
        """It is told as what left and what came back, its end also to whoever reads on from where it stood."""
        await self.exchange.connect()
        reference = await self.exchange.requestWithdrawal("BTC", D("0.1"), self.sandbox.address)
        began = now()
        first = await self.withdrawals(began - timedelta(minutes=1), began)
        self.assertEqual([("debit", reference, "pending")], [(s["direction"], s["reference"], s["state"]) for s in first])
        self.sandbox.venue.funding.cancel(1)
        later = await self.withdrawals(began - timedelta(minutes=1), now() + timedelta(minutes=1))
        self.assertEqual({"debit": D("0.1"), "credit": D("0.1")}, {s["direction"]: s["quantity"] + s["fee"] for s in later})
        self.assertEqual({"debit": "cancelled", "credit": "done"}, {s["direction"]: s["state"] for s in later})

    async def withdrawals(self, start: datetime, end: datetime) -> list[Any]:
        shapes = await self.exchange.getTransactionHistory(start, end)
        return [shape for shape in shapes if shape["type"] in ("Withdrawal", "Transfer")]

    async def test_withdrawal_to_a_stranger_is_refused(self) -> None:
        """An address that is not on the account's list is refused by the venue, with the reason."""
        await self.exchange.connect()
        error = await self.failure(self.exchange.requestWithdrawal("BTC", D("0.1"), "bc1qstranger"), Refused)
        self.assertIs(Reason.ADDRESS, error.reason)
        self.assertEqual({}, self.sandbox.venue.funding.withdrawals)
