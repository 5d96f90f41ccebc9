"""The Kraken client against the sandbox's Kraken, over real sockets: the contract, and what goes wrong."""

from datetime import timedelta
from decimal import Decimal

from clients.errors import Reason, Refused
from model.order import Side
from sandbox.faults import Kind
from tests.clients import sandbox_venue, trouble
from tests.clients.kraken_venues import CONTRACT, SandboxKraken
from tests.clients.sandbox_venue import now

D = Decimal


class KrakenKeepsTheContract(sandbox_venue.SandboxContract):
    """Every test of the contract."""

    sandbox = SandboxKraken
    unknown_order = "OAAAAA-BBBBB-CCCCCC"


class KrakenInTrouble(trouble.InTrouble):
    """What the pool relies on when things go wrong."""

    sandbox_class = SandboxKraken
    new_order, balances, listing = "AddOrder", "BalanceEx", "AssetPairs"
    book, own = "book", "executions"
    unavailable = "EService:Unavailable"

    async def test_words_of_the_venue(self) -> None:
        """A refusal carries venue, call and the venue's own words."""
        await self.exchange.connect()
        self.fault("AddOrder", Kind.ERROR, text="EService:Market in cancel_only mode")
        error = await self.failure(self.bid(), Refused)
        self.assertEqual(
            (Reason.MAINTENANCE, "kraken", "AddOrder", "EService:Market in cancel_only mode"),
            (error.reason, error.venue, error.call, error.detail),
        )

    async def test_wrong_checksum_is_not_believed(self) -> None:
        """A book that does not prove itself has no age until a new snapshot does."""
        await self.following()
        self.fault("book", Kind.CHECKSUM)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        await self.doubted()
        book = await self.exchange.getOrderBook(CONTRACT)
        self.assertEqual({"price": D("49991.0"), "quantity": D("0.1")}, book["bids"][0])

    async def test_lost_update_is_noticed(self) -> None:
        """After an update that never came the next one fails its checksum, and the book is asked for anew."""
        await self.following()
        self.fault("book", Kind.GAP)
        self.sandbox.trade(Side.BUY, D("0.1"), D("49991.0"))
        self.sandbox.trade(Side.BUY, D("0.1"), D("49992.0"))
        await self.doubted()
        prices = [level["price"] for level in (await self.exchange.getOrderBook(CONTRACT))["bids"]]
        self.assertEqual([D("49992.0"), D("49991.0")], prices[:2])

    async def test_gap_in_the_executions_is_filled(self) -> None:
        """A skipped number means a lost message; what it told is read by REST."""
        await self.following()
        id = await self.bid(49_995)
        await self.until(lambda: self.told["order"], "the order")
        self.fault("executions", Kind.GAP)
        self.sandbox.trade(Side.SELL, D("0.1"), D(49_995))
        await self.bid()
        await self.until(lambda: [fill for fill in self.told["trade"] if fill["order_id"] == id], "the lost fill")

    async def test_histories_are_read_to_the_last_page(self) -> None:
        """More than a page of fills and postings comes back whole, each once, oldest first."""
        await self.exchange.connect()
        await self.small_trades(60)
        postings = await self.exchange.getTransactionHistory(now() - timedelta(hours=1), now())
        self.assertEqual(len(self.sandbox.venue.postings("pool")), len({shape["id"] for shape in postings}))

    async def test_new_address_receives(self) -> None:
        """A deposit to a fresh address is known by it."""
        await self.exchange.connect()
        address = await self.exchange.getNewAddress("BTC")
        self.sandbox.world.fund("kraken", "pool", "BTC", D("0.25"), address)
        shapes = await self.exchange.getTransactionHistory(now() - timedelta(hours=1), now())
        self.assertEqual([address], [shape["address"] for shape in shapes if shape["quantity"] == D("0.25")])
