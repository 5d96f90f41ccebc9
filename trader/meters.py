"""What is counted and timed while the pool works, for whoever measures it: Prometheus' counters and histograms.

What can be read off the pool at any time is not counted here but read when it is asked for (:mod:`runtime.gauges`). Nothing
here is on the way of an order but an addition or two.
"""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram

from execution.child import NEVER_PLACED, OUTCOMES, REFUSALS, Child
from model.decision import Decision, Verdict
from model.order import Fill, Side
from model.transfer import Place

#: The upper ends of the histograms' buckets: seconds of one answer, of one flush to disk, source currency of a gap.
_ANSWER = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_FLUSH = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_GAP = (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0, 100.0)


class Meters:
    """The pool's counters, in a ``registry`` of its own: two pools of one process do not meet."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._decisions = self._counter("decisions", "Decisions, by verdict: act, wait or refuse", "verdict")
        self._decision = self._histogram("decision_seconds", "What the optimiser took for one decision", _ANSWER)
        self._gap = self._histogram(
            "decision_gap_source_currency", "The proven bound less the value of the answer, in source currency", _GAP
        )
        self._tick = self._histogram(
            "tick_to_quote_seconds", "From a book of the source that moves a quote to the target having the new one", _ANSWER
        )
        self._hedge = self._histogram(
            "fill_to_hedge_seconds", "From hearing of a fill on the target to the source having the hedge's order", _ANSWER
        )
        self._orders = self._counter("orders", "Orders that were begun", "place", "purpose", "side")
        self._ended = self._counter("orders_ended", "Orders that are over, by outcome", "place", "purpose", "outcome")
        self._refusals = self._counter("refusals", "Orders of which nothing came, by reason", "place", "purpose", "reason")
        self._fills = self._counter("fills", "Fills", "place", "purpose", "side")
        self._filled = self._counter("filled_btc", "What has traded, in BTC", "place", "purpose", "side")
        self._commit = self._histogram("ledger_commit_seconds", "What one transaction of the ledger took to be on disk", _FLUSH)
        self._lost = self._counter("ledger_commits_failed", "Transactions of the ledger that failed")
        self._begin()

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"ilp_{name}", about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"ilp_{name}", about, buckets=buckets, registry=self.registry)

    def _begin(self) -> None:
        """Have each series from the start: of one that begins with its first event Prometheus cannot see that event."""
        for verdict in Verdict:
            self._decisions.labels(verdict.value)
        for place, purpose in (("target", "quote"), ("source", "hedge")):
            for side in Side:
                self._orders.labels(place, purpose, side.value)
                self._fills.labels(place, purpose, side.value)
                self._filled.labels(place, purpose, side.value)
            for outcome in OUTCOMES:
                self._ended.labels(place, purpose, outcome)
            for refusal in REFUSALS:
                self._refusals.labels(place, purpose, _word(refusal))

    def decided(self, decision: Decision) -> None:
        """A decision has come."""
        self._decisions.labels(decision.verdict.value).inc()
        self._decision.observe(float(decision.elapsed_ms) / 1000)
        if decision.optimized is not None:
            self._gap.observe(max(0.0, float(decision.optimized.bound - decision.optimized.worth.value)))

    def requoted(self, microseconds: int) -> None:
        """A quote has followed the source, so long after its book moved."""
        self._tick.observe(microseconds / 1_000_000)

    def hedged(self, microseconds: int) -> None:
        """A hedge is at the source, so long after the fill."""
        self._hedge.observe(microseconds / 1_000_000)

    def began(self, child: Child) -> None:
        """An order is about to be sent."""
        intent = child.intent
        self._orders.labels(intent.place, intent.purpose, intent.side.value).inc()

    def ended(self, child: Child) -> None:
        """An order is over."""
        intent, outcome = child.intent, child.outcome
        self._ended.labels(intent.place, intent.purpose, outcome).inc()
        if outcome == "refused":
            self._refusals.labels(intent.place, intent.purpose, _word(child.refusal or NEVER_PLACED)).inc()

    def filled(self, place: Place, fill: Fill, purpose: str) -> None:
        """A new fill has been booked."""
        self._fills.labels(place, purpose, fill.side.value).inc()
        self._filled.labels(place, purpose, fill.side.value).inc(float(fill.quantity))

    def committed(self, seconds: float, is_kept: bool) -> None:
        """The ledger has ended a transaction; called on its own thread."""
        self._commit.observe(seconds)
        if not is_kept:
            self._lost.inc()


def _word(refusal: str) -> str:
    return refusal.replace(" ", "_")
