"""The pool itself: the decision that the running pool makes, and the mark-out that it measures, on what the arena shows."""

from decimal import Decimal
from typing import Any

from attrs import define, field, frozen

from bench.arena.market import Costs
from bench.arena.policy import LOT, Move, Offer, View, rival_book
from model.book import Book, Level
from model.decision import Decision, Verdict
from model.instrument import Instrument
from model.money import ZERO
from model.position import Position
from model.settings import Settings
from model.snapshot import Snapshot, VenueView
from model.transfer import Transit
from optimizer.decide import decide
from optimizer.evaluate import Plan
from trader.markout import MINUTE, Markout

#: The pool decides at every event, and at least this often; between, its quotes keep their ratio to fair.
DECIDE_MINUTES = 30
SOURCE = Instrument("BTC/USD", Decimal("0.01"), LOT, LOT)
TARGET = Instrument("BTC/GBP", Decimal("0.01"), LOT, LOT)


class Undecided(Exception):
    """The decision was to wait or to refuse, which sound data must never lead to."""


@define
class Ours:
    """The running pool with these settings."""

    settings: Settings
    _minute: int = 0
    _markout: Markout = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._markout = Markout(lambda: self._minute * MINUTE)

    def act(self, view: View) -> Move:
        """Decide, and do as decided.

        :raises Undecided: if the decision is none.
        """
        first = view.minute - len(view.closes) + 1
        for minute, close in enumerate(view.closes, first):
            self._minute = minute
            self._markout.look(close)
        for fill in view.fills:
            self._markout.filled(fill, view.mid)
        decision = decide(snapshot_of(view, self.settings, self._markout.cost()), self.settings)
        if decision.verdict is not Verdict.ACT:
            raise Undecided(decision.reason)
        # Of a ladder only the best rung is offered: the arena knows one quote a side.
        offers = {quote.side: Offer.at(quote.price, quote.quantity, view) for quote in decision.quotes if not quote.level}
        return Move(offers, _plan(decision), DECIDE_MINUTES)


@frozen
class Changed:
    """The pool with some settings other than the sandbox's."""

    changes: dict[str, Any] = field(factory=dict)

    def __call__(self, settings: Settings, costs: Costs) -> Ours:  # noqa: ARG002
        """A competitor that remembers nothing yet; the costs are in the settings already."""
        return Ours(settings.replace(**self.changes))


def snapshot_of(view: View, settings: Settings, markout: Decimal | None) -> Snapshot:
    """What the pool's gatherer would make of the same moment."""
    there = view.balances
    source = {settings.source: there.source_cash, settings.btc: there.source_btc}
    target = {settings.target: there.target_cash, settings.btc: there.target_btc}
    cash = {"source": settings.source, "target": settings.target}
    return Snapshot(
        view.minute * MINUTE,
        VenueView(view.source, _positions(source), {}, SOURCE),
        VenueView(rival_book(view), _positions(target), {}, TARGET),
        Book("GBP/USD", (Level(view.rate_bid, Decimal(1)),), (Level(view.rate_ask, Decimal(1)),), view.minute),
        tuple(Transit(None, a.place, settings.btc if a.is_btc else cash[a.place], a.quantity) for a in view.on_the_way),
        markout,
    )


def _positions(balances: dict[str, Decimal]) -> dict[str, Position]:
    return {ticker: Position(ticker, balance, balance) for ticker, balance in balances.items()}


def _plan(decision: Decision) -> Plan:
    trade = decision.trade
    sent = {(transfer.origin, transfer.ticker): transfer.quantity for transfer in decision.transfers}
    return Plan(
        trade=ZERO if trade is None else trade.side.sign * trade.quantity,
        btc=sent.get(("source", "BTC"), ZERO) - sent.get(("target", "BTC"), ZERO),
        cash_out=sent.get(("source", "USD"), ZERO),
        cash_back=sent.get(("target", "GBP"), ZERO),
    )
