"""The suite of every exchange client, run against the sandbox's Sputnik over a loopback socket."""

from decimal import Decimal

from twisted.internet.defer import Deferred

from tests.clients.sputnik_world import PAIR, World
from tests.contracts.exchange import ExchangeContract, VenueUnderTest


class SputnikContractTests(ExchangeContract):
    """Sputnik keeps every promise of the interface that its wire allows."""

    def make_venue(self) -> "Deferred[VenueUnderTest]":
        return Deferred.fromCoroutine(self._make())

    async def _make(self) -> VenueUnderTest:
        world = await World.start()
        self.addCleanup(world.front.stop)
        return VenueUnderTest(
            world.client(),
            PAIR,
            resting_price=Decimal(50_000),
            taking_price=Decimal(61_000),
            quantity=Decimal("0.03"),
            quantity_beyond_means=Decimal(1_000),
            unknown_order="999999",
            withdrawal=("BTC", Decimal("0.5"), "addrX"),
            deposit_ticker="BTC",
        )


del ExchangeContract
