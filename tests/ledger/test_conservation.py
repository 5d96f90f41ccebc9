"""Whatever is booked in whatever order, however often, across restarts: nothing appears, nothing is lost, nothing twice."""

import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from ledger.sql import SqlLedger
from model.order import Fill, Side
from model.records import TransitRecord
from model.transfer import Place
from tests.contracts.ledger import transaction
from tests.ledger.pump import Pump

places = st.sampled_from(["source", "target"])
amounts = st.decimals("0.00000001", 10**6, places=8, allow_nan=False)
fees = st.dictionaries(st.sampled_from(["BTC", "USD", "HUF", "KFEE"]), st.decimals("-1", 10, places=8, allow_nan=False))
fills = st.builds(
    Fill,
    id=st.integers(0, 5).map(str),
    order_id=st.just("o"),
    contract=st.sampled_from(["BTC/USD", "BTC/HUF"]),
    side=st.sampled_from(Side),
    price=amounts,
    quantity=amounts,
    fees=fees,
    timestamp=st.integers(0, 2**62),
)


class Conservation(RuleBasedStateMachine):
    """Drives a ledger beside the plainest possible idea of one: a sum by place and ticker."""

    travelling = Bundle("travelling")

    def __init__(self) -> None:
        super().__init__()
        self.pump = Pump()
        self.folder = tempfile.TemporaryDirectory()
        self.held: dict[tuple[str, str], Decimal] = {}
        self.booked: set[tuple[str, str, str]] = set()
        self.sent = 0
        self.under_way: dict[str, TransitRecord] = {}

    @initialize()
    def open(self) -> None:
        """Open, for the first time or again."""
        self.ledger = SqlLedger(f"sqlite:///{Path(self.folder.name) / 'ilp.db'}", self.pump)
        self.pump.wait(self.ledger.open())

    @rule()
    def restart(self) -> None:
        """Close and open again."""
        self.pump.wait(self.ledger.close())
        self.open()

    @rule(place=places, fill=fills)
    def fill(self, place: Place, fill: Fill) -> None:
        """A fill, perhaps one told before; the first telling counts."""
        is_new = self.pump.wait(self.ledger.book_fill(place, fill, None))
        self._expect(is_new, ("fill", place, fill.id), place, fill.changes())

    @rule(place=places, id=st.integers(0, 3).map(str), ticker=st.sampled_from(["BTC", "USD"]), amount=amounts)
    def deposit(self, place: Place, id: str, ticker: str, amount: Decimal) -> None:
        """The operator's own money."""
        own = transaction(id, ticker, True, str(amount))
        is_new = self.pump.wait(self.ledger.book_transaction(place, own, "outside", None))
        self._expect(is_new, ("transaction", place, id), place, {ticker: amount})

    @rule(target=travelling, quantity=amounts, fee=amounts)
    def depart(self, quantity: Decimal, fee: Decimal) -> Any:
        """Coins leave the source."""
        self.sent += 1
        id = f"w{self.sent}"
        transit = TransitRecord(id, "source", "target", "BTC", quantity, "travelling", 1, 1)
        left = transaction(id, "BTC", False, str(quantity), str(fee))
        self.pump.wait(self.ledger.book_transaction("source", left, "transit", transit))
        self._expect(True, ("transaction", "source", id), "source", {"BTC": -quantity - fee})
        self.under_way[id] = transit
        return multiple(transit)

    @rule(transit=travelling, share=st.decimals("0.5", 1, places=2))
    def arrive(self, transit: TransitRecord, share: Decimal) -> None:
        """They arrive, less what the network took; told as often as it pleases the venue."""
        arrived = (transit.quantity * share).quantize(Decimal("1E-8"))
        come = transaction(transit.id, "BTC", True, str(arrived))
        over = attrs.evolve(transit, state="arrived", arrived=arrived)
        is_new = self.pump.wait(self.ledger.book_transaction("target", come, "transit", over))
        self._expect(is_new, ("transaction", "target", transit.id), "target", {"BTC": arrived})
        self.under_way.pop(transit.id, None)

    @invariant()
    def conserved(self) -> None:
        """Sums are zero, venues hold what they should, and in transit is what is under way."""
        assert self.pump.wait(self.ledger.check()) == []
        accounts = self.pump.wait(self.ledger.balances())
        for (place, ticker), amount in self.held.items():
            assert accounts[f"venue:{place}"][ticker] == amount
        travelling = sum((transit.quantity for transit in self.under_way.values()), Decimal(0))
        assert accounts.get("transit", {}).get("BTC", Decimal(0)) == travelling

    def _expect(self, is_new: bool, key: tuple[str, str, str], place: Place, changes: dict[str, Decimal]) -> None:
        assert is_new == (key not in self.booked)
        if is_new:
            self.booked.add(key)
            for ticker, amount in changes.items():
                self.held[place, ticker] = self.held.get((place, ticker), Decimal(0)) + amount

    def teardown(self) -> None:
        self.pump.wait(self.ledger.close())
        self.folder.cleanup()


ConservationTests = Conservation.TestCase
ConservationTests.settings = settings(
    max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
