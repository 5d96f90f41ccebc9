"""The live pool as one frozen Snapshot, and what is wrong with its inputs."""

from decimal import Decimal

from market.gather import positions_of, snapshot, view
from market.inputs import InputStatus, status
from model.money import ZERO
from model.order import Order
from model.position import Position
from model.settings import Settings
from model.snapshot import Snapshot
from model.transfer import Place
from trader.markout import Markout
from trader.parts import PLACES, Parts

#: So long the ledger may say nothing, in seconds.
LEDGER_AGE = Decimal(5)


class Gatherer:
    """Reads the parts; changes nothing."""

    def __init__(self, parts: Parts, markout: Markout) -> None:
        #: When each venue last told its balances, in microseconds.
        self.balances_as_of: dict[Place, int] = {}
        #: When the ledger last proved that it remembers, in microseconds, and why it does not now.
        self.ledger_as_of: int | None = None
        self.ledger_problem = ""
        self._parts = parts
        self._markout = markout

    def snapshot(self, settings: Settings) -> Snapshot:
        """All that one decision sees, now.

        :raises market.gather.NotReady: something is not known yet.
        """
        parts = self._parts
        views = {
            place: view(parts.feeds[place], self._tickers(place, settings), self.positions(place, settings), self.orders(place))
            for place in PLACES
        }
        transits = parts.transfers.as_transits()
        markout = self._markout.cost()
        return snapshot(settings, views["source"], views["target"], parts.fiat, transits, markout, parts.now())

    def _tickers(self, place: Place, settings: Settings) -> tuple[str, str]:
        return (settings.source if place == "source" else settings.target, settings.btc)

    def orders(self, place: Place) -> list[Order]:
        """Our live orders at ``place``."""
        return [child.as_order() for child in self._parts.desks[place].children() if child.left > 0]

    def positions(self, place: Place, settings: Settings) -> dict[str, Position]:
        """Our balances at ``place`` by our own books: hedges in flight are counted as done, what they need is reserved."""
        reserved = dict(self._parts.transfers.reserved(place))
        expected: dict[str, Decimal] = {}
        hedges = self._parts.hedges
        if place == "source" and hedges.left:
            cash = hedges.left * hedges.price
            expected = {settings.btc: hedges.left, settings.source: -cash}
            spent = {settings.btc: -hedges.left, settings.source: cash * (1 + settings.source_fee.proportional)}
            for ticker, amount in spent.items():
                if amount > 0:
                    reserved[ticker] = reserved.get(ticker, ZERO) + amount
        return positions_of(self._parts.books.balances(place), reserved, expected)

    def exposure(self, settings: Settings) -> Decimal:
        """BTC away from the ideal, transits and hedges in flight included; positive: too much."""
        held = sum(
            (self._parts.books.balance(place, settings.btc) for place in PLACES),
            self._parts.hedges.left - settings.ideal_source_btc - settings.ideal_target_btc,
        )
        travelling = (t for t in self._parts.transfers.as_transits() if t.ticker == settings.btc)
        for transit in travelling:
            if transit.origin is None and transit.to != "out":
                held += transit.quantity
            elif transit.origin is not None and transit.to == "out":
                held -= transit.quantity
        return held

    def marks(self, settings: Settings) -> dict[str, Decimal]:
        """What one unit of each ticker is worth in source currency now, by mid prices; what has no price is left out."""
        found = {settings.source: Decimal(1)}
        priced = {settings.btc: self._parts.feeds["source"].book, settings.target: self._parts.fiat.book}
        for ticker, book in priced.items():
            if book is not None and book.mid is not None:
                found[ticker] = book.mid
        return found

    def inputs(self) -> tuple[InputStatus, ...]:
        """How fresh each thing is that the pool must know."""
        parts = self._parts
        statuses = [parts.feeds[place].status(parts.limits.book_age) for place in PLACES]
        statuses.append(parts.fiat.status(parts.limits.rate_age))
        for place in PLACES:
            as_of = self.balances_as_of.get(place)
            statuses.append(status(f"{parts.feeds[place].name} balances", as_of, parts.now(), parts.limits.balance_age))
        statuses += [skew for place in PLACES if (skew := self._skew(place)) is not None]
        statuses.append(status("ledger", self.ledger_as_of, parts.now(), LEDGER_AGE, self.ledger_problem))
        return tuple(statuses)

    def _skew(self, place: Place) -> InputStatus | None:
        """How far the venue's clock is from ours, where its client knows and it is too far."""
        offset, limit = getattr(self._parts.clients[place], "clock_offset", None), self._parts.limits.max_clock_skew
        if offset is None or abs(offset) <= limit:
            return None
        name = f"{self._parts.feeds[place].name} clock"
        return InputStatus(name, abs(Decimal(offset)), limit, f"{offset:+.1f} s from ours, allowed are {limit} s")

    def problem(self) -> str:
        """Why nothing may be quoted now; empty text when all inputs are fresh."""
        return "; ".join(f"{status.name}: {status.problem}" for status in self.inputs() if status.problem)
