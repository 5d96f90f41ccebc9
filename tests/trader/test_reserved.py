"""What an obligation or a transfer needs is not offered to anybody, at the source and on the target; nothing small is lost."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from model.decision import Decision
from model.order import Side
from model.snapshot import Snapshot
from optimizer.decide import decide
from tests.trader.pools import SETTINGS, SNAPSHOT
from trader.gathering import Gatherer
from trader.markout import Markout

D = Decimal
BALANCES = {"source": {"USD": D(100000), "BTC": D("1.5")}, "target": {"HUF": D(37000000), "BTC": D("1.5")}}


class ReservedTests(SynchronousTestCase):
    """The snapshot of a pool that owes something, and the decision on it."""

    def seen(self, to_hedge: str = "0", price: str = "65000", leaving: dict[str, dict[str, Decimal]] | None = None) -> Snapshot:
        """With ``to_hedge`` BTC still to buy (negative: to sell), and what is asked to leave each place."""
        parts: Any = SimpleNamespace(
            hedges=SimpleNamespace(left=D(to_hedge), price=D(price)),
            transfers=SimpleNamespace(reserved=lambda place: (leaving or {}).get(place, {})),
            books=SimpleNamespace(balances=lambda place: BALANCES[place]),
        )
        gatherer = Gatherer(parts, Markout(lambda: 0))
        source, target = (
            attrs.evolve(view, positions=gatherer.positions(place, SETTINGS))  # type: ignore[arg-type]
            for place, view in (("source", SNAPSHOT.source), ("target", SNAPSHOT.target))
        )
        return attrs.evolve(SNAPSHOT, source=source, target=target)

    def sizes(self, decision: Decision) -> dict[Side, Decimal]:
        return {quote.side: quote.quantity for quote in decision.quotes}

    def test_a_hedge_in_flight_is_counted_and_paid_for(self) -> None:
        """1 BTC still to buy: it counts as bought, and neither its cash nor its fee can be spent twice."""
        held = self.seen("1").source.positions
        self.assertEqual((held["BTC"].position, held["BTC"].available), (D("2.5"), D("1.5")))
        self.assertEqual((held["USD"].position, held["USD"].available), (D(35000), D(100000) - D(65000) * D("1.0026")))

    def test_cash_that_a_hedge_needs_is_not_quoted(self) -> None:
        """Nearly all cash is needed to buy 1.5 BTC: an ask could be covered for little more than the rest."""
        free = self.sizes(decide(self.seen(), SETTINGS))[Side.SELL]
        bound = self.sizes(decide(self.seen("1.5"), SETTINGS)).get(Side.SELL, D(0))
        left = D(100000) - D("97500") * D("1.0026")
        self.assertEqual(free, D("0.1"))
        self.assertLessEqual(bound * 65000, left)

    def test_coins_that_a_hedge_needs_are_not_quoted(self) -> None:
        """All coins of the source are to be sold: no bid, as nothing bought could be sold there."""
        decision = decide(self.seen("-1.5"), SETTINGS)
        self.assertNotIn(Side.BUY, self.sizes(decision))
        self.assertIn("sold at the source", decision.no_quote["BUY"])

    def test_what_is_asked_to_leave_the_target_is_not_quoted(self) -> None:
        """A withdrawal that is on its way through a person or a venue: its coins and its cash are not offered."""
        for ticker, side in (("BTC", Side.SELL), ("HUF", Side.BUY)):
            leaving = {"target": {ticker: BALANCES["target"][ticker]}}
            self.assertNotIn(side, self.sizes(decide(self.seen(leaving=leaving), SETTINGS)))

    def test_a_rest_below_the_minimum_is_carried(self) -> None:
        """0.00005 BTC too much cannot be sold and is not forgotten: with another 0.00005 all of it is."""
        settings = SETTINGS.replace(hedge="immediate")
        for amount, traded in (("1.50005", None), ("1.5001", D("0.0001"))):
            positions = {**SNAPSHOT.target.positions}
            positions["BTC"] = attrs.evolve(positions["BTC"], position=D(amount), available=D(amount))
            decision = decide(attrs.evolve(SNAPSHOT, target=attrs.evolve(SNAPSHOT.target, positions=positions)), settings)
            self.assertEqual(decision.trade and decision.trade.quantity, traded)
