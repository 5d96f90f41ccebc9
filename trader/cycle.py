"""One round: gather, decide, remember, hand over. One round at a time; whatever asks during one gets another after it."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import attrs
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from execution.hedges import DECISION, LIMIT
from execution.rim import launch
from market.gather import NotReady
from model.decision import Decision, Transfer, Verdict
from model.money import ZERO, plain
from model.records import DecisionRecord
from model.settings import Settings
from model.snapshot import Snapshot, to_json
from trader.gathering import Gatherer
from trader.guards import Guards, narrowed
from trader.parts import PLACES, Parts
from trader.repricing import SourceMove

#: A decision overtaken by a fill is not acted on but taken again; so often in a row at most, then its quotes are used.
MOST_OVERTAKEN = 3


class Cycle:
    """The rounds. ``settings`` and ``may_trade`` are asked at each; ``decided`` is called after each, ``following`` before a
    quote is made to follow the source without one."""

    log = Logger()

    def __init__(self, parts: Parts, gatherer: Gatherer, settings: Callable[[], Settings], may_trade: Callable[[], bool]) -> None:
        self.decision: Decision | None = None
        self.snapshot: Snapshot | None = None
        #: Decisions in a row that came to nothing; what was not decided for lack of inputs does not count.
        self.failures = 0
        self.trouble = ""
        self.decided: Callable[[], None] = lambda: None
        self.following: Callable[[], None] = lambda: None
        self._parts = parts
        self._gatherer = gatherer
        self._settings = settings
        self._may_trade = may_trade
        self._is_running = False
        self._is_wanted = False
        self._next: IDelayedCall | None = None
        self._fills = 0
        self._overtaken = 0
        self._followed: Callable[[], None] | None = None

    def overtake(self) -> None:
        """Something has changed our balances: a decision under way is out of date."""
        self._fills += 1
        self.request()

    def request(self) -> None:
        """Have a round as soon as possible. Safe to repeat."""
        self._is_wanted = True
        if not self._is_running and self._next is None:
            # Not in the next turn but in the one after it: what has been sent leaves between the two.
            self._next = self._parts.reactor.callLater(0, self._soon)

    def _soon(self) -> None:
        self._next = self._parts.reactor.callLater(0, self._run)

    def stop(self) -> None:
        """No more rounds. Safe to repeat."""
        self._is_wanted = False
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    def _run(self) -> None:
        self._next, self._is_wanted, self._is_running = None, False, True
        launch(self.log, "a round", self._round()).addCallback(self._over)

    def _over(self, _result: Any) -> None:
        self._is_running = False
        self.decided()
        if self._is_wanted:
            self.request()

    async def _round(self) -> None:
        problem = self._gatherer.problem()
        if problem:
            self._fail(problem)
            return
        settings, fills = self._settings(), self._fills
        try:
            snapshot = self._gatherer.snapshot(settings)
        except NotReady as missing:
            self._fail(str(missing))
            return
        decision = await self._parts.decider.decide(snapshot, settings)
        self.decision, self.snapshot = decision, snapshot
        if decision.verdict is not Verdict.ACT:
            self.failures += 1
            self._fail(decision.reason)
            return
        self.failures, self.trouble = 0, ""
        if self._may_trade():
            guards = self._guards(settings)
            remember = partial(self._remember, guards=guards, settings=settings, snapshot=snapshot)
            self._act(narrowed(decision, guards, snapshot), settings, snapshot, remember, is_overtaken=fills != self._fills)

    def _guards(self, settings: Settings) -> Guards:
        limits = self._parts.limits
        held = {place: self._parts.books.balance(place, settings.btc) for place in PLACES}
        return Guards(limits.max_order_value, limits.max_position, held, self._parts.hedges.trouble)

    def _fail(self, reason: str) -> None:
        self.trouble = reason
        if self._may_trade():
            self._parts.quotes.pull(reason)

    def _act(
        self, decision: Decision, settings: Settings, snapshot: Snapshot, remember: Callable[..., None], is_overtaken: bool
    ) -> None:
        if is_overtaken and self._overtaken < MOST_OVERTAKEN:
            self._overtaken += 1
            self.request()
            return
        parts = self._parts
        trade = None if is_overtaken or parts.hedges.is_busy else decision.trade
        transfers = () if is_overtaken else decision.transfers
        id = parts.names.next()
        self._followed = partial(remember, id, decision)
        is_news = trade is not None or transfers or parts.quotes.would_change(decision.quotes)
        since = SourceMove(snapshot, lambda: parts.feeds["source"].book, settings.max_slippage)
        parts.quotes.want(decision.quotes, decision.no_quote, id, since)
        if is_news:
            self._remember_followed()
        if trade is not None:
            parts.hedges.cover(trade, self._who_asks(settings), id)
        parts.quotes.converge()
        if is_overtaken:
            self.request()
            return
        self._overtaken = 0
        parts.transfers.carry_out(transfers, lambda transfer: self._worth(transfer, settings))

    def follow(self) -> None:
        """The source has moved: take back what offers too much by now, without waiting for the decision that is asked for."""
        quotes = self._parts.quotes
        if self._may_trade() and (overtaken := quotes.overtaken()):
            self.following()
            quotes.follow(overtaken)
            self._remember_followed()  # before the orders that name it, but after the cancels: they are in a hurry
            quotes.converge()
            self.request()

    def _remember_followed(self) -> None:
        remember, self._followed = self._followed, None
        if remember is not None:
            remember()

    def _remember(self, id: str, decision: Decision, guards: Guards, settings: Settings, snapshot: Snapshot) -> None:
        """Queue the decision for the ledger: it is written in the order of the calls, so before the intents that follow."""
        record = DecisionRecord(
            id,
            decision.timestamp,
            decision.verdict.value,
            decision.reason,
            to_json(snapshot),
            jsonable(attrs.asdict(settings)),
            jsonable(attrs.asdict(decision)),
            jsonable(attrs.asdict(guards)),
        )
        self._parts.ledger.save_decision(record).addErrback(self._not_remembered)

    def _not_remembered(self, failure: Failure) -> None:
        self._fail(f"the ledger cannot remember: {failure.getErrorMessage()}")

    def _who_asks(self, settings: Settings) -> str:
        is_over = settings.max_exposure is not None and abs(self._gatherer.exposure(settings)) > settings.max_exposure
        return LIMIT if settings.hedge == "immediate" or is_over else DECISION

    def _worth(self, transfer: Transfer, settings: Settings) -> Decimal:
        assert self.snapshot is not None
        if transfer.ticker == settings.source:
            return transfer.quantity
        book = self.snapshot.source.book if transfer.ticker == settings.btc else self.snapshot.fiat
        return transfer.quantity * book.best_bid.price if book.best_bid else ZERO


def jsonable(value: Any) -> Any:
    """``value`` with every amount as text and every enum as its value."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return getattr(value, "value", value)
