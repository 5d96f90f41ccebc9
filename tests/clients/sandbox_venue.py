"""A venue of the sandbox on a free port of this machine, and clients of it: what the tests of all native clients share."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from random import Random
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SkipTest, TestCase

from clients.surroundings import Surroundings
from model.order import Side
from sandbox.faults import Faults
from sandbox.network import Routes, World
from sandbox.rates import Rates
from sandbox.trading import Rules
from sandbox.venue import Venue
from tests.contracts import exchange

D = Decimal
SECRET = "a sandbox secret that guards nothing at all"


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


class SandboxVenue:
    """``pool`` and ``maker`` have 100,000 of the cash and 10 BTC each; maker's book is 49,980 and 49,990 to 50,000 and 50,010.

    A venue's own class says what it is called and lists, by which rules it trades, what its front is (:meth:`make_front`,
    with the login of ``key``), and the client's class. ``elsewhere`` is a venue of its kind that it can send coins to.
    """

    name: ClassVar[str]
    contract: ClassVar[str] = "BTC/USD"
    key: ClassVar[Mapping[str, Any]] = {"id": "key", "secret": SECRET}
    exchange: ClassVar[Callable[..., Any]]

    def __init__(self) -> None:
        self.venue = Venue(self.name, self.rules(), now)
        elsewhere = Venue("elsewhere", self.rules(), now)
        cash = self.contract.partition("/")[2]
        self.clock = Clock()
        self.world = World([self.venue, elsewhere], self.clock, Rates({cash: D(1)}, Random(1)), Routes())
        for venue in (self.venue, elsewhere):
            for user in ("pool", "maker"):
                venue.accounts.open(user)
                self.world.fund(venue.name, user, cash, D(100_000))
                self.world.fund(venue.name, user, "BTC", D(10))
        for side, price in ((Side.SELL, 50_000), (Side.SELL, 50_010), (Side.BUY, 49_990), (Side.BUY, 49_980)):
            self.trade(side, D("0.5"), D(price))
        self.address = elsewhere.funding.current_address("pool", "BTC")
        self.faults = Faults()
        self.front = self.make_front()
        self.port = 0

    @abstractmethod
    def rules(self) -> Rules:
        """How it trades."""

    @abstractmethod
    def make_front(self) -> Any:
        """Its wire."""

    async def open(self) -> None:
        """Listen; again on the same port after a stop."""
        self.port = await self.front.listen(self.port)

    def trade(self, side: Side, quantity: Decimal, price: Decimal, user: str = "maker") -> None:
        """Somebody places an order."""
        self.venue.place(user, self.contract, side, quantity, price)

    def client(self, *, clock: Callable[[], datetime] = now, **options: Any) -> Any:
        """A client that is not connected yet; ``clock`` is its wall clock, ``options`` replace what its constructor gets."""
        given = {**self.key, "endpoint": f"http://127.0.0.1:{self.port}", **options}
        return type(self).exchange(**given, surroundings=Surroundings(reactor, clock, Random(1)))


class SandboxContract(exchange.ExchangeContract):
    """The contract of all exchange clients against ``sandbox``, over real sockets. The class itself, without one, is skipped."""

    sandbox: ClassVar[type[SandboxVenue] | None] = None
    unknown_order: ClassVar[str]
    #: What the client is made with besides the login.
    options: ClassVar[Mapping[str, Any]] = {}

    def make_venue(self) -> "Deferred[exchange.VenueUnderTest]":
        """A fresh sandbox with a client."""
        if self.sandbox is None:
            raise SkipTest("the contract itself has no sandbox")
        return Deferred.fromCoroutine(self._opened(self.sandbox()))

    def make_client(self, sandbox: SandboxVenue) -> Any:
        """The client under test."""
        return sandbox.client(**self.options)

    async def _opened(self, sandbox: SandboxVenue) -> exchange.VenueUnderTest:
        await sandbox.open()
        self.addCleanup(sandbox.front.stop)
        return exchange.VenueUnderTest(
            self.make_client(sandbox),
            sandbox.contract,
            resting_price=D("49000.0"),
            taking_price=D("50000.0"),
            quantity=D("0.1"),
            quantity_beyond_means=D(100),
            unknown_order=self.unknown_order,
            withdrawal=("BTC", D("0.5"), sandbox.address),
            deposit_ticker="BTC",
            client_id="ilp-1",
        )


class SandboxCase(TestCase):
    """A client of a fresh ``sandbox``, not connected yet, and what it told."""

    sandbox_class: ClassVar[type[SandboxVenue]]

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.sandbox = self.sandbox_class()
        await self.sandbox.open()
        self.addCleanup(self.sandbox.front.stop)
        self.contract = self.sandbox.contract
        self.exchange = self.make_client()
        self.addCleanup(self.exchange.disconnect)
        self.told: dict[str, list[Any]] = {name: [] for name in ("connect", "disconnect", "book", "order", "trade")}
        for name, heard in self.told.items():
            self.exchange.on(name, lambda *arguments, heard=heard: heard.append(arguments[-1]))

    def make_client(self, **options: Any) -> Any:
        """The client under test, or another one."""
        return self.sandbox.client(**options)

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for it, five seconds at most."""
        for _ in range(250):
            if condition():
                return
            await deferLater(reactor, 0.02)
        self.fail(f"waited for {what}")

    async def following(self) -> None:
        """Connected, with the book in step."""
        await self.exchange.connect()
        await self.exchange.getOrderBook(self.contract)
        await self.until(lambda: self.exchange.bookAsOf(self.contract), "the book")

    async def doubted(self) -> None:
        """The book is not believed, and then it is again."""
        await self.until(lambda: self.exchange.bookAsOf(self.contract) is None, "the doubt")
        await self.until(lambda: self.exchange.bookAsOf(self.contract), "the new snapshot")

    def bid(self, price: int = 49_000, **options: Any) -> "Deferred[str]":
        """Ask for an order of ours."""
        wanted = {"client_id": "ilp-7", **options}
        placing: Deferred[str] = self.exchange.placeOrder(self.contract, D("0.1"), D(price), "BUY", **wanted)
        return placing

    async def failure(self, deferred: "Deferred[Any]", *kinds: type[Exception]) -> Any:
        """The error, of one of ``kinds``, with which it fails."""
        try:
            result = await deferred
        except kinds as error:
            return error
        return self.fail(f"did not fail: {result!r}")

    def best_bids(self) -> list[Decimal]:
        """The first two prices of the book that was told last."""
        return [level["price"] for level in self.told["book"][-1]["bids"]][:2]
