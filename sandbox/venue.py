"""One simulated venue, without any wire: it takes orders, matches them, moves money and tells what happened.

Everything is synchronous and exact; what a wire adds (delay, text, loss) is its front's business. Users are names; the
front has proven who they are.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from attrs import evolve, frozen

from model.book import Level
from model.instrument import Instrument
from model.money import ZERO, floor_to
from model.order import Side
from sandbox.accounts import Accounts
from sandbox.candles import PriceHistory
from sandbox.events import BookChanged, Change, Event, Execution, Matched, OrderChanged
from sandbox.funding import Funding
from sandbox.matching import Queue
from sandbox.trading import Posting, Reason, Rules, Trade, VenueFill, VenueOrder, VenueRefused

Listener = Callable[[Event], None]

#: How many closed orders of a remembered user, and how many public trades, can still be asked for.
_CLOSED_KEPT = 5_000
_TRADES_KEPT = 2_000


@frozen
class _Terms:
    """What a match agreed on: ``price`` is the passive order's, ``value`` in quote."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    value: Decimal
    timestamp: int


class Venue:
    """A venue called ``name`` that trades by ``rules``. ``now`` is the wall clock all its timestamps come from."""

    def __init__(self, name: str, rules: Rules, now: Callable[[], datetime]) -> None:
        self.name = name
        self.rules = rules
        self.accounts = Accounts()
        self.funding = Funding(name, rules, self.accounts, self.timestamp, self._tell)
        self.histories = {contract: PriceHistory() for contract in rules.instruments}
        self._now = now
        self._queues = {contract: Queue() for contract in rules.instruments}
        self._orders: dict[int, VenueOrder] = {}
        self._open_ids: dict[str, dict[int, None]] = defaultdict(dict)
        self._closed: dict[str, deque[VenueOrder]] = defaultdict(lambda: deque(maxlen=_CLOSED_KEPT))
        self._fills: dict[str, list[VenueFill]] = defaultdict(list)
        self._trades = {contract: deque[Trade](maxlen=_TRADES_KEPT) for contract in rules.instruments}
        self._listeners: list[Listener] = []
        self._last_order_id = self._last_trade_id = self._last_fill_id = 0
        self._is_batching = False
        #: Hears of an order that is about to be cancelled.
        self.cancelling: Callable[[VenueOrder], object] = lambda _order: None

    def timestamp(self) -> int:
        """Now, in microseconds."""
        return int(self._now().timestamp() * 1_000_000)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every event; the answer stops it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Tell the book changes made inside as one per contract, at the end (after the matches that made them)."""
        self._is_batching = True
        try:
            yield
        finally:
            self._is_batching = False
            for contract in self._queues:
                self._tell_book(contract)

    # -- orders -------------------------------------------------------------------------------------------------------

    def check(self, user: str, contract: str, side: Side, quantity: Decimal, price: Decimal | None) -> None:
        """Whether an order would be accepted as far as its form and the user's funds go; changes nothing.

        :raises VenueRefused: (CONTRACT, USER, PRICE, SIZE, MINIMUM, FUNDS).
        """
        instrument = self.instrument(contract)
        if price is not None and (price <= 0 or price % instrument.tick):
            raise VenueRefused(Reason.PRICE, str(price))
        if quantity <= 0 or quantity % instrument.lot:
            raise VenueRefused(Reason.SIZE, str(quantity))
        # A market order is worth what it would trade for; an empty book makes it worthless, not too small.
        value = (
            self.rules.value(price, quantity)
            if price is not None
            else self._queues[contract].cost(side.opposite, quantity, self.rules.value)
        )
        too_small = quantity < instrument.min_quantity or (price is not None and value < instrument.min_value)
        if too_small:
            raise VenueRefused(Reason.MINIMUM, f"{quantity} {instrument.base}")
        ticker = instrument.quote if side is Side.BUY else instrument.base
        needed = value + self.rules.reserve(value) if side is Side.BUY else quantity
        if needed > self.accounts.available(user, ticker):
            raise VenueRefused(Reason.FUNDS, ticker)

    def place(
        self,
        user: str,
        contract: str,
        side: Side,
        quantity: Decimal,
        price: Decimal | None = None,
        *,
        client_id: str | None = None,
        post_only: bool = False,
        immediate: bool = False,
    ) -> VenueOrder:
        """Place a limit order, or a market order (``price`` None), and match it at once; answers how it stands then.

        ``immediate`` (and every market order) cancels what does not trade at once. Never safe to repeat.

        :raises VenueRefused: as :meth:`check`, and WOULD_CROSS, CLIENT_ID; an order id is used up all the same.
        """
        self._last_order_id += 1
        self.check(user, contract, side, quantity, price)
        if client_id is not None and self.by_client_id(user, client_id) is not None:
            raise VenueRefused(Reason.CLIENT_ID, client_id)
        order = VenueOrder(
            self._last_order_id,
            user,
            contract,
            side,
            price,
            quantity,
            quantity,
            self.timestamp(),
            client_id,
            post_only,
            immediate or price is None,
        )
        would_cross = post_only and self._next_passive(order) is not None
        if would_cross and not self.rules.cancels_crossing:
            raise VenueRefused(Reason.WOULD_CROSS, str(price))
        self._open(order)
        return self._cancel(order, "Post only order") if would_cross else self._match(order)

    def amend(self, user: str, order_id: int, quantity: Decimal, price: Decimal, *, post_only: bool = False) -> VenueOrder:
        """Change a resting order in place; answers how it stands then. It keeps its id, what of it has filled, and, unless it
        is to offer more or at another price, its place in the queue. If no more is wanted than has filled, the rest is cancelled.

        :raises VenueRefused: (UNKNOWN_ORDER, NOT_YOURS, CLOSED, WOULD_CROSS), and as :meth:`check`; it is as it was.
        """
        order = self.order(user, order_id)
        if not order.is_open:
            raise VenueRefused(Reason.CLOSED, str(order_id))
        if quantity <= order.filled:
            return self._cancel(order, "Amended to what has filled")
        left = quantity - order.filled
        after = evolve(order, quantity=quantity, quantity_left=left, price=price, amended_at=self.timestamp())
        self._hold(order, -1)
        try:
            self.check(user, order.contract, order.side, left, price)
        finally:
            self._hold(order, 1)
        if post_only and self._next_passive(after) is not None:
            raise VenueRefused(Reason.WOULD_CROSS, str(price))
        if price != order.price or left > order.quantity_left:
            self._requeue(evolve(order, quantity_left=ZERO))
        self._hold(order, -1)
        self._orders[order_id] = after
        self._hold(after, 1)
        self._tell(OrderChanged(after, Change.AMENDED))
        return self._match(after)

    def cancel(self, user: str, order_id: int, reason: str = "User requested") -> VenueOrder:
        """Cancel what is left of an order; answers how it ended.

        :raises VenueRefused: (UNKNOWN_ORDER, NOT_YOURS, CLOSED).
        """
        self.cancelling(self.order(user, order_id))
        order = self.order(user, order_id)
        if not order.is_open:
            raise VenueRefused(Reason.CLOSED, str(order_id))
        return self._cancel(order, reason)

    def take(self, user: str, order_id: int, share: Decimal) -> VenueOrder:
        """Let ``user`` take ``share`` (of 1) of what is left of a resting order of somebody else, at least one lot, whatever
        stands before it in the queue; answers how that order stands then.

        No venue does this: it is for whoever wants an order to fill at a chosen moment.

        :raises VenueRefused: CLOSED if it is not open; as :meth:`check` for the taker.
        """
        passive = self._orders.get(order_id)
        if passive is None or not passive.is_open:
            raise VenueRefused(Reason.CLOSED, str(order_id))
        contract, side, price, left = passive.contract, passive.side.opposite, passive.price, passive.quantity_left
        quantity = min(left, max(self.instrument(contract).lot, floor_to(left * share, self.instrument(contract).lot)))
        self.check(user, contract, side, quantity, price)
        self._last_order_id = id = self._last_order_id + 1
        taker = VenueOrder(id, user, contract, side, price, quantity, quantity, self.timestamp(), immediate=True)
        self._open(taker)
        self._settle(taker, passive)
        return self._orders.get(order_id, passive)

    def cancel_all(self, user: str | None = None, reason: str = "User requested") -> int:
        """Cancel all open orders of ``user`` (None: of everybody); answers how many there were."""
        users = list(self._open_ids) if user is None else [user]
        open_orders = [order for name in users for order in self.open_orders(name)]
        for order in open_orders:
            self._cancel(order, reason)
        return len(open_orders)

    def order(self, user: str, order_id: int) -> VenueOrder:
        """An order of ``user``, open or (for remembered users) closed not too long ago.

        :raises VenueRefused: (UNKNOWN_ORDER, NOT_YOURS).
        """
        found = self._orders.get(order_id)
        if found is None:
            raise VenueRefused(Reason.UNKNOWN_ORDER, str(order_id))
        if found.user != user:
            raise VenueRefused(Reason.NOT_YOURS, str(order_id))
        return found

    def by_client_id(self, user: str, client_id: str) -> VenueOrder | None:
        """The open order of ``user`` that carries ``client_id``."""
        return next((order for order in self.open_orders(user) if order.client_id == client_id), None)

    def open_orders(self, user: str) -> list[VenueOrder]:
        """Oldest first."""
        return [self._orders[order_id] for order_id in self._open_ids.get(user, ())]

    def closed_orders(self, user: str) -> list[VenueOrder]:
        """The newest few thousand, oldest first."""
        return list(self._closed[user])

    # -- what can be seen -----------------------------------------------------------------------------------------------

    def instrument(self, contract: str) -> Instrument:
        """The steps and minimums of ``contract``.

        :raises VenueRefused: (CONTRACT).
        """
        try:
            return self.rules.instruments[contract]
        except KeyError:
            raise VenueRefused(Reason.CONTRACT, contract) from None

    def levels(self, contract: str, side: Side, depth: int | None = None) -> list[Level]:
        """The book's levels of one side, best first; all, or the best ``depth``."""
        self.instrument(contract)
        return self._queues[contract].levels(side, depth)

    def best(self, contract: str, side: Side) -> Level | None:
        """The best level of one side."""
        return self._queues[contract].best(side)

    def trades(self, contract: str) -> list[Trade]:
        """The newest public trades, oldest first."""
        self.instrument(contract)
        return list(self._trades[contract])

    def fills(self, user: str, start: int = 0, end: int | None = None) -> list[VenueFill]:
        """A remembered user's fills between two times (microseconds, both included), oldest first."""
        return [fill for fill in self._fills[user] if start <= fill.timestamp and (end is None or fill.timestamp <= end)]

    def postings(self, user: str, start: int = 0, end: int | None = None) -> list[Posting]:
        """A remembered user's postings between two times (microseconds, both included), oldest first."""
        account = self.accounts.of(user)
        return [post for post in account.postings if start <= post.timestamp and (end is None or post.timestamp <= end)]

    # -- inside -----------------------------------------------------------------------------------------------------------

    def _open(self, order: VenueOrder) -> None:
        self._orders[order.id] = order
        self._open_ids[order.user][order.id] = None
        self._hold(order, 1)
        self._tell(OrderChanged(order, Change.NEW))

    def _match(self, order: VenueOrder) -> VenueOrder:
        why_dropped = "" if not order.immediate else "No liquidity at this price"
        while order.is_open and (passive := self._next_passive(order)) is not None:
            if passive.user == order.user and not self.rules.self_trades:
                why_dropped = "Self trade prevention"
                break
            order = self._settle(order, passive)
        if not order.is_open:
            return order
        if why_dropped:
            return self._cancel(order, why_dropped)
        self._requeue(order)
        self._tell_book(order.contract)
        return order

    def _next_passive(self, order: VenueOrder) -> VenueOrder | None:
        order_id = self._queues[order.contract].first(order.side.opposite)
        if order_id is None:
            return None
        passive = self._orders[order_id]
        # What rests has a price: only limit orders are queued.
        return passive if passive.price is not None and order.crosses(passive.price) else None

    def _settle(self, aggressor: VenueOrder, passive: VenueOrder) -> VenueOrder:
        quantity = min(aggressor.quantity_left, passive.quantity_left)
        price = passive.price or ZERO
        self._last_trade_id += 1
        terms = _Terms(self._last_trade_id, price, quantity, self.rules.value(price, quantity), self.timestamp())
        trade = Trade(terms.trade_id, aggressor.contract, aggressor.side, price, quantity, terms.timestamp)
        self._trades[trade.contract].append(trade)
        self.histories[trade.contract].record(price, quantity, terms.timestamp)
        taken, given = self._execute(aggressor, terms, is_maker=False), self._execute(passive, terms, is_maker=True)
        self._requeue(given.order)
        self._tell_book(trade.contract)
        self._tell(Matched(trade, taken, given))
        return taken.order

    def _execute(self, order: VenueOrder, terms: _Terms, *, is_maker: bool) -> Execution:
        fee_ticker, fee = self.rules.fee(order.contract, order.side, terms.value, terms.quantity, is_maker=is_maker)
        self._hold(order, -1)
        left = order.quantity_left - terms.quantity
        after = evolve(order, quantity_left=left, cost=order.cost + terms.value, fee=order.fee + fee)
        self._last_fill_id += 1
        fill = VenueFill(
            self._last_fill_id,
            terms.trade_id,
            order.id,
            order.user,
            order.contract,
            order.side,
            terms.price,
            terms.quantity,
            terms.value,
            fee,
            fee_ticker,
            is_maker,
            terms.timestamp,
            order.client_id,
        )
        note = f"{'Passive' if is_maker else 'Aggressive'} order: {order.id}"
        postings = self.accounts.post_fill(fill, self.rules.instruments[fill.contract], note)
        if left:
            self._orders[order.id] = after
            self._hold(after, 1)
        else:
            after = evolve(after, closed_at=terms.timestamp)
            self._close(after)
        if self.accounts.of(order.user).remembers:
            self._fills[order.user].append(fill)
        return Execution(after, fill, postings)

    def _cancel(self, order: VenueOrder, reason: str) -> VenueOrder:
        self._hold(order, -1)
        after = evolve(order, is_cancelled=True, reason=reason, closed_at=self.timestamp())
        self._close(after)
        self._requeue(after)
        self._tell_book(order.contract)
        self._tell(OrderChanged(after, Change.CANCELLED))
        return after

    def _close(self, order: VenueOrder) -> None:
        del self._open_ids[order.user][order.id]
        if not self.accounts.of(order.user).remembers:
            del self._orders[order.id]
            return
        closed = self._closed[order.user]
        # What has traded is kept for ever: its fills are, and they are told with their order.
        if len(closed) == _CLOSED_KEPT and not closed[0].filled:
            del self._orders[closed[0].id]
        closed.append(order)
        self._orders[order.id] = order

    def _requeue(self, order: VenueOrder) -> None:
        if order.price is not None and not (order.immediate and not order.is_open):
            self._queues[order.contract].change(order.id, order.side, order.price, order.quantity_left if order.is_open else ZERO)

    def _hold(self, order: VenueOrder, sign: int) -> None:
        """Take (+1) or release (-1) what ``order`` holds as it stands."""
        instrument = self.rules.instruments[order.contract]
        if order.side is Side.SELL:
            self.accounts.hold(order.user, instrument.base, sign * order.quantity_left)
        elif order.price is not None:
            quantity = order.quantity if self.rules.holds_original else order.quantity_left
            value = self.rules.value(order.price, quantity)
            self.accounts.hold(order.user, instrument.quote, sign * (value + self.rules.reserve(value)))

    def _tell_book(self, contract: str) -> None:
        if not self._is_batching and (changes := self._queues[contract].take_changes()):
            self._tell(BookChanged(contract, changes))

    def _tell(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event)
