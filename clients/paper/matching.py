"""How our imagined orders would have fared in a market that never saw them: a pure model, on the cautious side.

- An order that reaches the other side takes its levels as they are shown. What we took of a level stays gone until the venue
  shows that level with another quantity.
- A resting order queues behind all that was shown at its price when it came. Of what leaves the best level of its side, the
  share ``traded`` is taken to have traded, from the front; the rest was cancelled, from behind us as long as it can be.
- An order better than the market's best gets what trades at that best, as it would have come first.
- When the other side comes to rest at or past our price, all ahead of us is gone, and we get what is shown there.

What the market would have done had it seen us (others outbid us, or flee) is not in it.
"""

from collections.abc import Iterator
from decimal import Decimal

from attrs import define, field, frozen

from model.book import Book, Level
from model.instrument import Instrument
from model.money import ZERO
from model.order import Order, Side


@define
class PaperOrder:
    """An order of ours; ``ahead``: what is before it at its price."""

    id: str
    client_id: str | None
    contract: str
    side: Side
    price: Decimal
    quantity: Decimal
    left: Decimal
    timestamp: int
    is_cancelled: bool = False
    ahead: Decimal = ZERO

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return not self.is_cancelled and self.left > 0

    def as_order(self) -> Order:
        """As the interface shows it."""
        return Order(
            self.id,
            self.contract,
            self.side,
            self.price,
            self.quantity,
            self.left,
            self.is_cancelled,
            self.timestamp,
            self.client_id,
        )


@frozen
class Execution:
    """``quantity`` of ``order`` at ``price``; ``is_maker``: it rested."""

    order: PaperOrder
    price: Decimal
    quantity: Decimal
    is_maker: bool


@define
class PaperMarket:
    """One contract: its real book, and our orders in it, in the order they came."""

    instrument: Instrument
    traded: Decimal
    book: Book
    orders: list[PaperOrder] = field(factory=list)
    #: By (side, price): the quantity shown when we took from that level, and how much of it we took.
    _taken: dict[tuple[Side, Decimal], tuple[Decimal, Decimal]] = field(factory=dict)

    def offers(self, side: Side) -> tuple[Level, ...]:
        """What others offer on ``side``, best first, less what we took."""
        levels = self.book.bids if side is Side.BUY else self.book.asks
        left = (Level(price, quantity - self._taken_of(side, price, quantity)) for price, quantity in levels)
        return tuple(level for level in left if level.quantity > 0)

    def _taken_of(self, side: Side, price: Decimal, shown: Decimal) -> Decimal:
        seen, taken = self._taken.get((side, price), (shown, ZERO))
        return taken if seen == shown else ZERO

    def would_cross(self, side: Side, price: Decimal) -> bool:
        """Whether an order at ``price`` would trade at once."""
        return any(True for _ in self._within(side, price))

    def _within(self, side: Side, price: Decimal) -> Iterator[Level]:
        """The other side's levels that an order of ``side`` at ``price`` reaches, best first."""
        return (level for level in self.offers(side.opposite) if (price - level.price) * side.sign >= 0)

    def arrive(self, order: PaperOrder) -> list[Execution]:
        """``order`` comes: it takes what it reaches, and the rest queues."""
        executions = self._take(order, is_maker=False)
        shown = self.book.bids if order.side is Side.BUY else self.book.asks
        order.ahead = next((level.quantity for level in shown if level.price == order.price), ZERO)
        self.orders.append(order)
        return executions

    def move(self, book: Book) -> list[Execution]:
        """The market moves on to ``book``; what of ours trades by that."""
        before, self.book = self.book, book
        self._forget_taken()
        self.orders = [order for order in self.orders if order.is_open]
        executions: list[Execution] = []
        for side in Side:
            ours = sorted(
                (order for order in self.orders if order.side is side),
                key=lambda order: order.price * order.side.sign,
                reverse=True,
            )
            executions += self._trade_with_flow(ours, before)
            for order in ours:
                if order.is_open and self.would_cross(side, order.price):
                    order.ahead = ZERO
                    executions += self._take(order, is_maker=True)
                else:
                    order.ahead = min(order.ahead, _quantity_at(book, side, order.price))
        return executions

    def _trade_with_flow(self, ours: list[PaperOrder], before: Book) -> list[Execution]:
        """What trades against ``ours`` (of one side, best first) of what left the best level of that side."""
        if not ours:
            return []
        side = ours[0].side
        best = before.best_bid if side is Side.BUY else before.best_ask
        if best is None:
            return []
        flow = max(ZERO, best.quantity - _quantity_at(self.book, side, best.price)) * self.traded
        executions = []
        for order in ours:
            if (order.price - best.price) * side.sign < 0:
                break
            if order.price == best.price:
                passed = min(order.ahead, flow)
                order.ahead -= passed
                # Those ahead of two of our orders are the same people, counted twice: on the cautious side.
                flow -= passed
            quantity = self.instrument.round_quantity(min(order.left, flow))
            if quantity > 0:
                order.left -= quantity
                flow -= quantity
                executions.append(Execution(order, order.price, quantity, is_maker=True))
        return executions

    def _take(self, order: PaperOrder, is_maker: bool) -> list[Execution]:
        executions = []
        for price, offered in list(self._within(order.side, order.price)):
            quantity = self.instrument.round_quantity(min(order.left, offered))
            if quantity <= 0:
                break
            self._note_taken(order.side.opposite, price, quantity)
            order.left -= quantity
            executions.append(Execution(order, order.price if is_maker else price, quantity, is_maker))
        return executions

    def _note_taken(self, side: Side, price: Decimal, quantity: Decimal) -> None:
        shown = _quantity_at(self.book, side, price)
        self._taken[side, price] = (shown, self._taken_of(side, price, shown) + quantity)

    def _forget_taken(self) -> None:
        """A level that changed is another level."""
        for (side, price), (seen, _) in list(self._taken.items()):
            if _quantity_at(self.book, side, price) != seen:
                del self._taken[side, price]

    def shown(self) -> Book:
        """The book as it would look with us in it."""
        sides = {}
        for side in Side:
            levels = dict(self.offers(side))
            for order in self.orders:
                if order.is_open and order.side is side:
                    levels[order.price] = levels.get(order.price, ZERO) + order.left
            sides[side] = tuple(Level(*level) for level in sorted(levels.items(), reverse=side is Side.BUY))
        return Book(self.book.contract, sides[Side.BUY], sides[Side.SELL], self.book.timestamp)


def _quantity_at(book: Book, side: Side, price: Decimal) -> Decimal:
    levels = book.bids if side is Side.BUY else book.asks
    return next((level.quantity for level in levels if level.price == price), ZERO)
