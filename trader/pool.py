"""The pool: the parts, the machine that says when, and the face it shows to the console (:class:`trader.interface.IPool`)."""

from collections import deque
from collections.abc import Callable, Mapping
from decimal import Decimal

from twisted.internet.defer import Deferred, DeferredList, TimeoutError
from twisted.logger import Logger
from zope.interface import implementer

from clients.errors import ExchangeError
from clients.interface import returns_deferred
from execution.child import Child
from execution.rim import launch
from execution.tasks import BadAnswer, NoSuchTask
from ledger.interface import LedgerError
from market.feed import VenueFeed
from model.decision import Decision
from model.order import Fill
from model.records import FillRecord, ParameterChange
from model.settings import Settings
from model.transfer import Place
from trader.beats import Beats
from trader.chronicle import Chronicle
from trader.connecting import Connections
from trader.covering import Covering
from trader.cycle import Cycle
from trader.gathering import Gatherer
from trader.guards import tripped
from trader.interface import BadParameters, IPool, NotNow, PoolView
from trader.listeners import Listeners
from trader.machine import DISCONNECTED, HALTED, INITIALIZING, READY, TRADING, TraderInputs, trader_machine
from trader.markout import Markout
from trader.parts import PLACES, Parts
from trader.reconcile import Audit, Differences, Reconciler, as_text
from trader.remembering import Remembering
from trader.repricing import has_left_its_edge
from trader.results import Results, midnight
from trader.showing import show
from trader.stopwatch import Stopwatch
from trader.stuck import KIND as HEDGE
from trader.stuck import StuckHedges
from trader.supposing import NO_BALANCES, supposing

#: A failed initialisation is tried again after this, in seconds.
TRY_AGAIN = 3.0
#: So long STOP and the end of the process wait for the venues to confirm that nothing of ours is left, in seconds.
WIND_DOWN = 6.0
#: Newest fills kept for showing, and the most of a day that are read back at a start.
SHOWN, MOST_FILLS = 100, 100_000

Parser = Callable[[Settings, Mapping[str, str]], Settings]
Describer = Callable[[Settings, Settings], Mapping[str, tuple[str, str]]]


@implementer(IPool)
class Pool:
    """``parse`` applies ``section.key`` texts to settings (raising BadParameters), ``describe`` lists what changed."""

    log = Logger()

    def __init__(
        self, parts: Parts, settings: Settings, parse: Parser, describe: Describer, is_sandbox: bool, is_paper: bool = False
    ) -> None:
        self.settings = settings
        self.state = DISCONNECTED
        self.reason = "connecting"
        self.parts = parts
        self._parse = parse
        self._describe = describe
        self.is_sandbox = is_sandbox
        self.is_paper = is_paper
        self.markout = Markout(parts.now)
        self.gatherer = Gatherer(parts, self.markout)
        self.cycle = Cycle(parts, self.gatherer, lambda: self.settings, lambda: self.state == TRADING)
        self._covering = Covering(parts, self.gatherer, lambda: self.settings, lambda: self.state == TRADING)
        self._reconciler = Reconciler(parts)
        self.audit = Audit(parts, self._reconciler)
        self._stuck = StuckHedges(parts, self._explain)
        self.remembering = Remembering(self, self._reconciler)
        self.differences: Differences = {}
        self.fills: deque[FillRecord] = deque(maxlen=SHOWN)
        self.results = Results()
        self._listeners = Listeners(parts.reactor)
        self._stopwatch = Stopwatch(parts.meters, parts.now)
        self._connections = Connections(parts, self._explain, self._connection_changed, lambda: self._is_closing)
        self._beats = Beats(self)
        self.chronicle = Chronicle(self)
        #: When each feed, by name, was last connected or lost, in microseconds.
        self.connected_since: dict[str, int] = {}
        #: Whether a person wants to trade: since START, until STOP, whatever has stopped the pool meanwhile.
        self.is_wanted = False
        self._decision: Decision | None = None
        self._is_winding = False
        self._stopped: list[Deferred[None]] = []
        self._is_closing = False
        self._attempt = 0
        self._machine: TraderInputs = trader_machine(self)
        self._listen()

    def _listen(self) -> None:
        parts = self.parts
        for place in PLACES:
            parts.desks[place].changed = self._child_changed
            parts.desks[place].counting = self._stopwatch.counting
            parts.desks[place].filled_one = self._filled
            parts.desks[place].ledger_failed = self.remembering.failed
        parts.desks["target"].filling = self._filling
        for feed in (*parts.feeds.values(), parts.fiat):
            feed.connection_changed = self._connection_changed
        parts.feeds["source"].moved = self._source_moved
        parts.feeds["target"].moved = lambda _feed: self.tell()
        parts.hedges.done = self._hedge_over
        parts.hedges.escalated = self._stuck.escalate
        parts.transfers.changed = self.cycle.overtake
        parts.tasks.changed = self.tell
        self.cycle.decided = self._decided
        self.cycle.following = self._stopwatch.ticked

    # The process.

    def open(self) -> None:
        """Connect to everything; what happens then is the machine's business."""
        parts = self.parts
        parts.decider.warm_up()
        self._connections.open()
        self._beats.start()
        self.chronicle.start()

    @returns_deferred
    async def close(self) -> None:
        """Stop trading, cancel what is ours, disconnect, close the ledger. Safe to repeat."""
        if self._is_closing:
            return
        self._is_closing = True
        await self.stop("the process")
        self.cycle.stop()
        self._beats.stop()
        self.chronicle.stop()
        parts = self.parts
        await self._connections.close()
        parts.decider.close()
        parts.what_if.close()
        await parts.ledger.close()

    # The steps of the machine.

    def entered(self, state: str) -> None:
        was, self.state = self.state, state
        if was != state:
            self.log.info("{was} -> {state}", was=was, state=state)
            if state in (READY, TRADING):
                self.reason = ""
            elif state == HALTED:
                self.parts.notify("halted", self.reason)
        self.tell()

    def initialize(self) -> None:
        self._explain("agreeing with the venues")
        self._attempt += 1
        launch(self.log, "initialising", self._initialize(self._attempt))

    def trade(self) -> None:
        self.cycle.failures = 0
        self.parts.hedges.resume()
        self.parts.transfers.allow_declined()
        self.cycle.request()

    def wind_down(self) -> None:
        if not self._is_winding:
            self._is_winding = True
            launch(self.log, "winding down", self._wind_down())

    async def _initialize(self, attempt: int) -> None:
        try:
            btc, fiat = await self.parts.variances()
            self.settings = self.settings.replace(variance_btc=btc, variance_fiat=fiat)
            self.differences = await self._reconciler.agree(self.settings)
            self.gatherer.balances_as_of = dict.fromkeys(PLACES, self.parts.now())
            self.gatherer.ledger_as_of = self.parts.now()
            recent = await self.parts.ledger.fills(midnight(self.parts.now()), MOST_FILLS)
            self.results.load(recent, self.parts.now())
            self.fills = deque(reversed(recent[:SHOWN]), maxlen=SHOWN)
        except Exception as trouble:  # whatever it is, the pool is not ready; it says so and tries again
            self._explain(f"not ready: {trouble}")
            self.log.warn("not ready: {trouble}", trouble=str(trouble))
            if not isinstance(trouble, ExchangeError | LedgerError | ValueError):
                self.log.failure("initialising failed")
            self.parts.reactor.callLater(TRY_AGAIN, self._again)
            return
        if attempt != self._attempt:
            return  # a venue was lost and is back meanwhile: the later attempt decides
        if self.differences:
            self.differ(self.differences)
        else:
            self._machine.initialized()
            self.cycle.request()

    def differ(self, differences: Differences) -> None:
        """The venues' balances are not those of our books: stop, and have a person look."""
        self.differences = differences
        self.halt("the venues' balances are not those of our books: " + as_text(differences))

    def halt(self, sentence: str) -> None:
        """Something does not add up: stop, and have a person look."""
        self._explain(sentence)
        self._machine.halted()

    def guard(self) -> None:
        """Stop, and have a person look, if a guard has tripped."""
        loss, cycle = self.results.loss(self.gatherer.marks(self.settings)), self.cycle
        sentence = tripped(self.parts.limits, loss, self.settings.source, cycle.failures, cycle.trouble)
        if sentence and self.state == TRADING:
            self.halt(sentence)

    def _again(self) -> None:
        if self.state == INITIALIZING and not self._is_closing:
            self.initialize()

    async def _wind_down(self) -> None:
        parts = self.parts
        parts.quotes.pull("stopped")
        parts.hedges.stop()
        going = {place: parts.desks[place].cancel_all() for place in PLACES}
        for gone in going.values():
            gone.addTimeout(WIND_DOWN, parts.reactor)
        for place, gone in going.items():
            try:
                await gone
            except TimeoutError:  # a venue that cannot be asked: its orders are cancelled as soon as it is back
                self._explain(f"{place}: own orders may still be out")
        self._is_winding = False
        self._machine.wound_down()
        stopped, self._stopped = self._stopped, []
        for waiter in stopped:
            waiter.callback(None)

    # What happens.

    def _connection_changed(self, feed: VenueFeed) -> None:
        self.connected_since[feed.name] = self.parts.now()
        missing = [f.problem or f.name for f in (*self.parts.feeds.values(), self.parts.fiat) if not f.is_connected]
        if missing:
            self._explain("not connected: " + ", ".join(missing))
            self._machine.disconnected()
        else:
            self._machine.connected()
        self.tell()

    def _child_changed(self, child: Child) -> None:
        if child.intent.purpose == "hedge":
            self.parts.hedges.moved(child)
        elif self.parts.quotes.moved(child) and self.state == TRADING:
            self.cycle.request()
        self.tell()

    def _filling(self, place: Place, fill: Fill) -> None:
        self._stopwatch.filled()
        child = self.parts.desks[place].child_of(fill.order_id)
        self.parts.hedges.because(fill.id, child.intent.decision_id if child else None)
        self._covering.at_once()

    def _filled(self, place: Place, fill: Fill, child: Child | None) -> None:
        intent_id = child.intent.id if child else None
        f = fill
        self.fills.append(
            FillRecord(place, f.id, f.order_id, intent_id, f.contract, f.side, f.price, f.quantity, f.fees, f.timestamp)
        )
        self.results.filled(fill, self.parts.now())
        self.parts.meters.filled(place, fill, child.intent.purpose if child else "unknown")
        if child is not None and child.intent.purpose == "hedge":
            self.parts.hedges.filled()
        elif place == "target":
            self.markout.filled(fill, self.source_mid())
        self.cycle.overtake()
        self.tell()

    def source_mid(self) -> Decimal | None:
        """The middle of the source's book, if there is one."""
        book = self.parts.feeds["source"].book
        return book.mid if book is not None else None

    def _source_moved(self, feed: VenueFeed) -> None:
        if self.state == TRADING:
            quotes = self.parts.quotes
            self.cycle.follow()
            if has_left_its_edge(self.cycle.snapshot, feed.book, quotes.decided(), quotes.live()):
                self._stopwatch.ticked()
                self.cycle.request()

    def _decided(self) -> None:
        decision = self.cycle.decision
        if decision is not None and decision is not self._decision:
            self.parts.meters.decided(decision)
        self._decision = decision
        self._stopwatch.decided(decision, self.parts.quotes, self.parts.hedges.is_busy)
        self.tell()

    def _hedge_over(self) -> None:
        self._stuck.over()
        self._covering.at_once()
        self.cycle.overtake()

    # What people say.

    @returns_deferred
    async def start(self, who: str) -> None:
        if self.state not in (READY, TRADING):
            raise NotNow(f"START needs READY; the pool is {self.state}: {self.reason or 'busy'}")
        self.log.info("START by {who}", who=who)
        self.is_wanted = True
        self._machine.start()

    def stop(self, who: str) -> "Deferred[None]":
        self.log.info("STOP by {who}", who=who)
        self.is_wanted = False
        self._machine.stop()
        done: Deferred[None] = Deferred()
        if not self._is_winding:
            done.callback(None)
        else:
            self._stopped.append(done)
        return done

    @returns_deferred
    async def update(self, changes: Mapping[str, str], who: str) -> None:
        changed = self._parse(self.settings, changes)
        difference = self._describe(self.settings, changed)
        if not difference:
            return
        change = ParameterChange(self.parts.now(), who, difference)
        await self.parts.ledger.save_parameters(change)
        self.chronicle.changed(change)
        self.log.info("UPDATE by {who}: {changes}", who=who, changes=dict(difference))
        self.settings = changed
        self.parts.transfers.allow_declined()
        self.cycle.overtake()
        self.tell()

    @returns_deferred
    async def cancel_all(self, who: str) -> None:
        self.log.info("cancel all, by {who}", who=who)
        self.parts.quotes.pull(f"cancelled by {who}")
        await DeferredList([self.parts.desks[place].cancel_all() for place in PLACES])

    @returns_deferred
    async def what_if(self, changes: Mapping[str, str], balances: Mapping[str, Decimal] = NO_BALANCES) -> Decision:
        if self.cycle.snapshot is None:
            raise NotNow("there is no snapshot yet; the pool is not READY")
        settings = self._parse(self.settings, changes)
        return await self.parts.what_if.decide(supposing(self.cycle.snapshot, balances), settings)

    @returns_deferred
    async def close_task(self, id: str, who: str, outcome: str, fields: Mapping[str, str]) -> None:
        if outcome not in ("approve", "done", "cancel"):
            raise BadParameters({"outcome": f"{outcome!r} is none of approve, done, cancel"})
        try:
            if self.parts.tasks.get(id).kind == HEDGE:
                await self._stuck.close(id, who, outcome)
                self.cycle.request()
            else:
                await self.parts.transfers.close_task(id, who, outcome, fields)
        except NoSuchTask:
            raise NotNow(f"there is no open task {id}") from None
        except BadAnswer as bad:
            raise BadParameters({bad.field: bad.problem}) from None

    @returns_deferred
    async def accept_differences(self, who: str) -> None:
        if self.state != HALTED:
            raise NotNow(f"there is nothing to accept: the pool is {self.state}")
        self.log.warn("accepted by {who}: {reason}", who=who, reason=self.reason)
        await self._reconciler.accept(self.differences, who)
        self.differences = {}
        self.results.forgive(self.gatherer.marks(self.settings))
        self._machine.accepted()

    # What is shown.

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        return self._listeners.add(listener)

    def tell(self) -> None:
        """Tell the listeners that something has changed."""
        self._listeners.tell()

    def _explain(self, reason: str) -> None:
        self.reason = reason
        self.tell()

    def view(self) -> PoolView:
        return show(self)
