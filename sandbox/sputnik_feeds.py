"""Sputnik's seven feeds: what the venue model tells at once, told as the original told it, in its order and its time.

The original is several programs that hear of a match one after the other, so a client hears of it in instalments
(research/sputnik_protocol.md section 7): the book at once, the new order as if nothing had traded, and each side's postings,
order and fill only when the ledger has them. Events of one order keep their order; those of different orders may overtake.
"""

from collections import deque
from collections.abc import Callable, Collection
from decimal import Decimal
from typing import Any

from attrs import asdict, frozen
from twisted.internet.interfaces import IDelayedCall

from model.order import Side
from sandbox import sputnik_shapes as shapes
from sandbox.events import BookChanged, Change, Event, Execution, Matched, OrderChanged, Posted
from sandbox.faults import Faults, Kind
from sandbox.sputnik_units import CashPair, Units
from sandbox.trading import VenueOrder
from sandbox.venue import Venue

Publish = Callable[[str, object], None]
_REPUBLISH = 600.0
_EVENT_FAULTS = (Kind.DUPLICATE, Kind.STALE, Kind.GAP, Kind.DELAY, Kind.REORDER)


@frozen
class Pace:
    """How long the original's parts take to hear of a thing, in seconds, as measured on it.

    ``answer``: a call to its RESULT. ``cancel``: a cancel to its reaching the book; the hold ends only then; ``cancelled``:
    from there to its RESULT. ``order``: an order to its first event. ``ledger``: a match to the aggressor's postings, and
    again for each further match of the same order; ``passive``: from there to the passive side's. ``posting``: a deposit
    or withdrawal to its first posting; ``commit``: any posting to its time in the history. ``step``: between two events.
    """

    answer: float = 0.020
    cancel: float = 0.006
    cancelled: float = 0.023
    order: float = 0.024
    ledger: float = 0.085
    passive: float = 0.030
    posting: float = 0.018
    commit: float = 0.025
    step: float = 0.001

    def scaled(self, factor: float) -> "Pace":
        """All of it ``factor`` times as long; 0 leaves only the order of things."""
        return Pace(**{name: seconds * factor for name, seconds in asdict(self).items()})


class SafePrice:
    """An average of trade prices by volume, that forgets 0.1 % per second."""

    def __init__(self) -> None:
        self._weighted = self._volume = Decimal(0)
        self._timestamp = 0

    def after(self, price: Decimal, quantity: Decimal, timestamp: int) -> Decimal:
        """The average once this trade (microseconds) is in it."""
        seconds = Decimal(timestamp - self._timestamp) / 1_000_000
        kept = Decimal("0.999") ** seconds if self._volume else Decimal(0)
        self._weighted = self._weighted * kept + price * quantity
        self._volume = self._volume * kept + quantity
        self._timestamp = timestamp
        return self._weighted / self._volume


class Feeds:
    """Publishes what happens at ``venue``, from :meth:`start` to :meth:`stop`.

    :param users: those who can log in; nobody else's private events are told.
    :param publish: sends one event to one topic.
    :ivar books: per contract, the book as last published, which is all that get_order_book knows.
    :ivar safe_prices: per contract, as last published.
    """

    def __init__(
        self, venue: Venue, units: Units, users: Collection[str], publish: Publish, faults: Faults, clock: Any, pace: Pace
    ) -> None:
        self._venue = venue
        self._units = units
        self._users = users
        self._publish = publish
        self._faults = faults
        self._clock = clock
        self._pace = pace
        self._waiting: set[IDelayedCall] = set()
        self._told: dict[object, float] = {}
        self._late: dict[str, list[object]] = {}
        self._queues: dict[object, deque[Callable[[], object]]] = {}
        self._sweep = (0, 0)
        self._is_late = {"book": False, "cancel": False}
        self._averages = {contract: SafePrice() for contract in units.pairs}
        self._bars: dict[tuple[str, str], int] = {}
        self.books: dict[str, shapes.Shape] = {}
        self.safe_prices: dict[str, int] = {}
        self._unlisten: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin to tell; publish everything once more every ten minutes. After a stop, nothing is known until then."""
        for contract in self._units.pairs:
            self.books.setdefault(contract, self._book(contract))
        self._unlisten = self._venue.listen(self._hear)
        self._later(_REPUBLISH, self._republish)

    def stop(self) -> None:
        """Tell nothing any more, not even what is on its way, and forget what was told. A repeat is safe."""
        self.forget()
        self._unlisten()
        self._unlisten = lambda: None
        for call in self._waiting:
            call.cancel()
        self._waiting.clear()
        self._queues.clear()
        self._told.clear()
        self._late.clear()

    def forget(self) -> None:
        """Be as after a start of the web server: books and safe prices are unknown until they are next published."""
        self.books = {contract: shapes.empty_book(contract) for contract in self._units.pairs}
        self.safe_prices.clear()

    def cancelled_too_late(self, order: VenueOrder) -> None:
        """Tell the odd event that follows the cancel of a filled order."""
        self._tell_order(order, self._either("cancel", self._pace.cancelled), is_cancelled=True)

    def _hear(self, event: Event) -> None:
        match event:
            case BookChanged(contract=contract):
                book = self._book(contract)
                self._tell(contract, self._either("book", self._pace.answer), lambda: self._show_book(contract, book))
            case OrderChanged(order=order, change=Change.NEW):
                self._tell_order(order, self._pace.order)
            case OrderChanged(order=order):
                self._tell_order(order, self._either("cancel", self._pace.cancelled))
            case Matched():
                self._hear_match(event)
            case Posted(posting=posting) if posting.user in self._users:
                for number, row in enumerate(
                    shapes.live_postings(self._units, posting, has_fee=posting.kind in ("Deposit", "Withdrawal"))
                ):
                    self._tell_user(posting.user, self._pace.posting + number * 9 * self._pace.step, ("transactions", row))

    def _hear_match(self, match: Matched) -> None:
        pair, trade = self._units.pairs[match.trade.contract], match.trade
        # Both sides carry the time of the aggressive order, not of the match.
        timestamp = match.aggressor.order.timestamp
        safe = pair.price_cut_to_wire(self._averages[pair.contract].after(trade.price, trade.quantity, trade.timestamp))
        self._tell(pair.contract, 0, lambda: self._show_safe_price(pair.contract, safe))
        self._hear_bars(pair, trade.timestamp)
        aggressor = match.aggressor.order.id
        self._sweep = (aggressor, self._sweep[1] + 1) if self._sweep[0] == aggressor else (aggressor, 1)
        committed = self._sweep[1] * self._pace.ledger
        public = shapes.market_topic("trades", pair.contract), shapes.trade(pair, trade, timestamp)
        self._tell_execution(match.aggressor, timestamp, committed)
        self._tell(aggressor, committed, lambda: self._deliver("trades", *public))
        self._tell_execution(match.passive, timestamp, committed + self._pace.passive)

    def _tell_execution(self, side: Execution, timestamp: int, delay: float) -> None:
        if side.order.user not in self._users:
            return
        pair = self._units.pairs[side.order.contract]
        quote, base = side.postings
        paid, fee = shapes.live_postings(self._units, quote, has_fee=True)
        (got,) = shapes.live_postings(self._units, base, has_fee=False)
        self._tell_user(
            side.order.user,
            delay,
            *(("transactions", row) for row in (paid, got, fee)),
            ("orders", shapes.order(pair, side.order)),
            ("fills", shapes.fill(pair, side.fill, timestamp)),
            key=side.order.id,
        )

    def _hear_bars(self, pair: CashPair, timestamp: int) -> None:
        """Tell of the bar that this trade ends: only one that the trade's own bar follows directly."""
        for period, length in shapes.PERIODS.items():
            opened = timestamp - timestamp % length
            before = self._bars.get((pair.contract, period))
            self._bars[pair.contract, period] = opened
            if before != opened - length:
                continue
            seconds, start = length // 1_000_000, before // 1_000_000
            for bar in self._venue.histories[pair.contract].bars(seconds, start, start + 1):
                self._deliver("ohlcv", shapes.market_topic("ohlcv", pair.contract), shapes.ohlcv(pair, bar, period))

    def _book(self, contract: str) -> shapes.Shape:
        bids, asks = (self._venue.levels(contract, side) for side in (Side.BUY, Side.SELL))
        return shapes.book(self._units.pairs[contract], bids, asks)

    def _show_book(self, contract: str, book: shapes.Shape) -> None:
        if self._deliver("book", shapes.market_topic("book", contract), book):
            self.books[contract] = book

    def _show_safe_price(self, contract: str, price: int) -> None:
        self.safe_prices[contract] = price
        self._deliver("safe_prices", shapes.market_topic("safe_prices", contract), price)

    def _republish(self) -> None:
        for contract in self._units.pairs:
            self._show_book(contract, self._book(contract))
        for contract, price in list(self.safe_prices.items()):
            self._show_safe_price(contract, price)
        self._later(_REPUBLISH, self._republish)

    def _tell_order(self, order: VenueOrder, delay: float, *, is_cancelled: bool | None = None) -> None:
        if order.user in self._users:
            shape = shapes.order(self._units.pairs[order.contract], order, is_cancelled=is_cancelled)
            self._tell_user(order.user, delay, ("orders", shape), key=order.id)

    def _tell_user(self, user: str, delay: float, *told: tuple[str, shapes.Shape], key: object = None) -> None:
        def deliver() -> None:
            for feed, shape in told:
                self._deliver(feed, shapes.user_topic(feed, user), shape)

        self._tell(user if key is None else key, delay, deliver)

    def _either(self, kind: str, answer: float) -> float:
        """A moment before the RESULT of the call that caused this, or after it, in turns: clients must bear both."""
        self._is_late[kind] = not self._is_late[kind]
        return answer + (self._pace.step if self._is_late[kind] else -self._pace.step)

    def _tell(self, key: object, delay: float, deliver: Callable[[], object]) -> None:
        """Deliver after ``delay``, but after all that ``key`` was told before.

        Each timer delivers the oldest that waits, because two timers that are nearly due may fire in either order.
        """
        now: float = self._clock.seconds()
        when = max(now + delay, self._told.get(key, 0.0) + self._pace.step)
        self._told[key] = when
        waiting = self._queues.setdefault(key, deque())
        waiting.append(deliver)

        def due() -> None:
            oldest = waiting.popleft()
            if not waiting:
                del self._queues[key], self._told[key]
            oldest()

        self._later(when - now, due)

    def _later(self, delay: float, act: Callable[[], object]) -> None:
        def due() -> None:
            self._waiting.discard(call)
            act()

        call: IDelayedCall = self._clock.callLater(delay, due)
        self._waiting.add(call)

    def _deliver(self, feed: str, topic: str, event: object) -> bool:
        """Send an event, or do with it what a fault says; whether it has been sent."""
        fault = self._faults.decide(self._venue.name, feed, *_EVENT_FAULTS)
        if fault is None or fault.kind is Kind.DUPLICATE:
            told = [event] if fault is None else [event, event]
            for each in (*told, *self._late.pop(topic, ())):
                self._publish(topic, each)
            return True
        if fault.kind is Kind.REORDER:
            self._late.setdefault(topic, []).append(event)
        if fault.kind is Kind.DELAY:
            self._later(float(fault.seconds), lambda: self._publish(topic, event))
        return False
