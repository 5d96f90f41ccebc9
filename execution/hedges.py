"""Trading at the source what a decision or a limit says must be traded: a durable obligation, worked off by orders.

One obligation at a time. While it is open the rest of the pool counts it as done (it is reserved and expected), so nothing
is hedged twice; what is left when it is given up is plain exposure again, which the next decision sees. So nothing is
dropped, residuals below the venue's minimum included.
"""

from collections import deque
from collections.abc import Callable
from decimal import Decimal

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from execution.child import Child
from execution.desk import OrderDesk
from execution.intents import Names
from execution.rim import launch
from ledger.interface import ILedger, LedgerError
from market.feed import VenueFeed
from model.decision import Trade
from model.money import ZERO, plain
from model.order import Side
from model.records import Obligation, ObligationState, OrderIntent

#: How often an obligation is tried at worse and worse prices before a person is told.
STEPS = 4
#: A hedge that could not be done is tried again after this, doubled each time, at most ..., in seconds.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
#: How often to look whether an order that is over has all its fills booked, in seconds.
UNSETTLED_PAUSE = 0.05
#: Fills that a hedge's line in the log names, the newest: where hedges are rare, many of them cancel out.
MOST_CAUSES = 20
#: Fills of quotes of which is kept what covers them, for showing: the newest.
MOST_COVERED = 100
#: What asked for the trade. Only a decision's own trade may be given up when the price has gone: the next decision
#: knows better. What a limit demands is pursued.
DECISION, LIMIT = "decision", "limit"


class Hedges:
    """Obligations at the source. ``done`` is called when one is over, ``escalated`` with a sentence when one is stuck.
    ``may_send`` uses up one order of the venue's budget, or says that there is none now: then it is tried again later."""

    log = Logger()

    def __init__(
        self,
        desk: OrderDesk,
        feed: VenueFeed,
        ledger: ILedger,
        names: Names,
        clock: IReactorTime,
        now: Callable[[], int],
        max_slippage: Callable[[], Decimal],
        patience: float,
        may_send: Callable[[], bool] = lambda: True,
    ) -> None:
        self.obligation: Obligation | None = None
        self.trouble = ""
        self.done: Callable[[], None] = lambda: None
        self.escalated: Callable[[str], None] = lambda _sentence: None
        self._desk = desk
        self._feed = feed
        self._ledger = ledger
        self._names = names
        self._clock = clock
        self._now = now
        self._max_slippage = max_slippage
        self._patience = patience
        self._may_send = may_send
        self._child: Child | None = None
        self._traded = ZERO
        self._timer: IDelayedCall | None = None
        self._is_stopping = False
        self._tell_after = STEPS
        self._refusals = 0
        self._not_before = 0
        #: Which obligation covers a fill of a quote, by the fill's id; of the newest fills.
        self.covered: dict[str, str] = {}
        self._fills: deque[str] = deque(maxlen=MOST_CAUSES)
        self._cause: str | None = None
        self._decision_id: str | None = None

    @property
    def is_busy(self) -> bool:
        """Whether an obligation is open."""
        return self.obligation is not None

    @property
    def left(self) -> Decimal:
        """BTC still to be traded, signed (positive: to buy)."""
        if self.obligation is None:
            return ZERO
        return self.obligation.quantity - self._sign * self._done_quantity()

    @property
    def price(self) -> Decimal:
        """The price by which what is left is counted, in source currency per BTC."""
        return self.obligation.limit if self.obligation else ZERO

    @property
    def _sign(self) -> int:
        return 1 if self.obligation is None or self.obligation.quantity > 0 else -1

    def _done_quantity(self) -> Decimal:
        return self._traded + (self._child.filled if self._child else ZERO)

    def because(self, fill_id: str, decision_id: str | None) -> None:
        """A quote of ours, offered by that decision, has traded: what is hedged next is hedged for this fill too."""
        self._fills.append(fill_id)
        self._cause = decision_id

    def cover(self, trade: Trade, reason: str, decision_id: str | None = None) -> bool:
        """Open an obligation for ``trade``. False, and nothing is done, while another is open, or for a while after the
        venue has refused one. ``decision_id``: of the decision that wants it; None: a fill does, see :meth:`because`."""
        if self.is_busy or self._is_stopping or self._now() < self._not_before:
            return False
        quantity = trade.side.sign * trade.quantity
        now = self._now()
        self.obligation = Obligation(self._names.next(), quantity, ZERO, trade.limit, reason, "open", 0, now, now)
        self._traded, self._child, self.trouble, self._tell_after = ZERO, None, "", STEPS
        self._decision_id = decision_id or self._cause
        self.log.info(
            "hedging {quantity} BTC ({reason})",
            quantity=plain(quantity),
            reason=reason,
            obligation=self.obligation.id,
            decision=self._decision_id,
            fills=" ".join(self._fills),
        )
        self._note_covered(self.obligation.id)
        saved = self._ledger.save_obligation(self.obligation)
        # Its order is written right behind it, so that one flush to disk does for both; it leaves when both are there.
        self._try(saved.addCallbacks(lambda _: True, self._not_opened))
        return True

    def _note_covered(self, obligation_id: str) -> None:
        for fill_id in self._fills:
            self.covered[fill_id] = obligation_id
        self._fills.clear()
        for fill_id in list(self.covered)[:-MOST_COVERED]:
            del self.covered[fill_id]

    def _not_opened(self, failure: Failure) -> bool:
        error = failure.value
        if not isinstance(error, LedgerError):
            failure.raiseException()
        self.obligation, self._child = None, None
        self._cancel_timer()
        self._desk.ledger_failed(error)
        return False

    def stop(self) -> None:
        """Give up what is open as soon as its order is over at the venue. Safe to repeat."""
        self._is_stopping = True
        self._cancel_timer()
        if self._child is not None and not self._child.is_over:
            self._desk.cancel(self._child)
        elif self.obligation is not None:
            self._finish("released")

    def resume(self) -> None:
        """After a stop: obligations may be opened and pursued again."""
        self._is_stopping = False

    def moved(self, child: Child) -> None:
        """A hedge order of ours has changed."""
        if child is self._child and child.is_over:
            self._cancel_timer()
            self._timer = self._clock.callLater(0, self._next)

    def filled(self) -> None:
        """A fill of a hedge order is on disk."""
        if self.obligation is not None and abs(self.left) == 0:
            self._cancel_timer()
            self._next()

    def _next(self) -> None:
        self._timer = None
        obligation, child = self.obligation, self._child
        if obligation is None or child is None or not child.is_over:
            return
        if not child.is_settled:
            # A fill that is told late would be hedged twice: nothing goes on before all of them are booked.
            self._timer = self._clock.callLater(UNSETTLED_PAUSE, self._next)
            return
        self._traded += child.filled
        self._child = None
        attempts = obligation.attempts + 1
        self._back_off(was_refused=child.order_id is None)
        self.obligation = attrs.evolve(obligation, done=self._sign * self._traded, attempts=attempts, updated=self._now())
        if self._is_over(child):
            self._finish("done" if self.left == 0 else "released")
        else:
            self._again(child, attempts)

    def _back_off(self, was_refused: bool) -> None:
        """A venue that refuses is not hammered: each refusal in a row doubles the pause before the next obligation."""
        self._refusals = self._refusals + 1 if was_refused else 0
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self._refusals - 1)) if was_refused else 0
        self._not_before = self._now() + int(pause * 1_000_000)

    def _is_over(self, child: Child) -> bool:
        instrument = self._feed.instrument
        rest = abs(self.left)
        too_small = instrument is not None and not instrument.accepts(instrument.round_quantity(rest), child.intent.price)
        assert self.obligation is not None
        gave_up = self.obligation.reason == DECISION and self.obligation.attempts >= 1
        return rest == 0 or too_small or self._is_stopping or gave_up

    def _again(self, child: Child, attempts: int) -> None:
        if attempts < STEPS and child.filled == 0 and not child.detail:
            self._try()
            return
        if attempts >= self._tell_after and not self.trouble:
            self.trouble = (
                f"hedge of {plain(self.left)} BTC still open after {attempts} orders: {child.detail or 'no taker in range'}"
            )
            launch(self.log, "escalating a hedge", self._escalate())
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** max(0, attempts - STEPS)) if child.detail or attempts >= STEPS else 0
        self._timer = self._clock.callLater(pause, self._try)

    async def _escalate(self) -> None:
        assert self.obligation is not None
        self.obligation = attrs.evolve(self.obligation, state="escalated")
        self.escalated(self.trouble)
        await self._save(self.obligation)

    def rearm(self) -> None:
        """A person has looked at the trouble: it counts no more, until as many orders again have failed. Safe to repeat."""
        self.trouble = ""
        if self.obligation is not None:
            self.obligation = attrs.evolve(self.obligation, state="open")
            self._tell_after = self.obligation.attempts + STEPS

    def _try(self, after: "Deferred[bool] | None" = None) -> None:
        self._timer = None
        obligation = self.obligation
        if obligation is None or self._child is not None:
            return
        if self._is_stopping:
            self._finish("released")
            return
        if not self._may_send():
            self._timer = self._clock.callLater(FIRST_PAUSE, self._try)
            return
        price, quantity = self._price(obligation), abs(self.left)
        instrument = self._feed.instrument
        if instrument is not None:
            quantity = instrument.round_quantity(quantity)
        side = Side.BUY if self.left > 0 else Side.SELL
        intent = OrderIntent(
            self._names.next(),
            self._desk.place,
            self._feed.contract,
            side,
            price,
            quantity,
            "hedge",
            self._now(),
            obligation_id=obligation.id,
            decision_id=self._decision_id,
        )
        self._tell(intent)
        self._child = self._desk.place_order(intent, immediate=True, after=after)
        self._timer = self._clock.callLater(self._patience, self._impatient, self._child)

    def _tell(self, intent: OrderIntent) -> None:
        self.log.info(
            "hedge order {intent}: {side} {quantity} BTC at {price}",
            intent=intent.id,
            side=intent.side.value,
            quantity=plain(intent.quantity),
            price=plain(intent.price),
            obligation=intent.obligation_id,
            decision=intent.decision_id,
        )

    def _price(self, obligation: Obligation) -> Decimal:
        """The obligation's own limit first; then from the best price outwards, in steps up to ``max_slippage``."""
        book = self._feed.book
        best = None if book is None else (book.best_ask if obligation.quantity > 0 else book.best_bid)
        if obligation.attempts == 0 or best is None:
            price = obligation.limit
        else:
            step = min(STEPS, obligation.attempts) * self._max_slippage() / STEPS
            price = best.price * (1 + self._sign * step)
        instrument = self._feed.instrument
        if instrument is None:
            return price
        return instrument.round_ask(price) if obligation.quantity > 0 else instrument.round_bid(price)

    def _impatient(self, child: Child) -> None:
        self._timer = None
        self._desk.cancel(child)

    def _finish(self, state: ObligationState) -> None:
        assert self.obligation is not None
        over = attrs.evolve(self.obligation, state=state, done=self._sign * self._traded, updated=self._now())
        self.log.info(
            "hedge {state}: {done} of {all} BTC",
            state=state,
            done=plain(over.done),
            all=plain(over.quantity),
            obligation=over.id,
            decision=self._decision_id,
        )
        self.obligation, self._child = None, None
        self._cancel_timer()
        self.trouble = ""
        launch(self.log, "closing a hedge", self._close(over))

    async def _close(self, obligation: Obligation) -> None:
        await self._save(obligation)
        self.done()

    async def _save(self, obligation: Obligation) -> None:
        try:
            await self._ledger.save_obligation(obligation)
        except LedgerError as error:
            self._desk.ledger_failed(error)

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
