"""The process as Prometheus sees it: what the pool counts, what can be read off it, and what else runs around it."""

from collections.abc import Iterable, Iterator, Mapping
from platform import python_version
from typing import Final

from prometheus_client import CollectorRegistry, GCCollector, ProcessCollector, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from runtime.gauges import GAUGES, About, Reading, readings
from runtime.heartbeat import Heartbeat
from runtime.notify import Notifier
from runtime.version import VERSION
from trader.pool import Pool

#: What is read off the process besides the pool; ``_total`` marks a counter.
AROUND: Final[Mapping[str, About]] = {
    "build_info": About("Which program this is, and what it trades with: sandbox, paper or real", ("version", "python", "money")),
    "heartbeat_age_seconds": About("How long ago the pool last touched its heartbeat's file"),
    "notices_total": About("Messages to people, by what came of an attempt: sent, failed, given_up", ("target", "outcome")),
    "notices_dropped_total": About("Notices that nobody will ever get: too many waited", ("target",)),
    "notices_waiting": About("Notices that wait for their target", ("target",)),
}


class PoolCollector(Collector):
    """Reads one pool, and what runs beside it, at each scrape."""

    def __init__(self, pool: Pool, notifier: Notifier | None, heartbeat: Heartbeat | None) -> None:
        self._pool = pool
        self._notifier = notifier
        self._heartbeat = heartbeat

    def collect(self) -> Iterable[Metric]:
        """Prometheus': every family with its samples."""
        return families({**GAUGES, **AROUND}, [*readings(self._pool), *self._around()])

    def _around(self) -> Iterator[Reading]:
        money = "sandbox" if self._pool.is_sandbox else "paper" if self._pool.is_paper else "real"
        yield Reading("build_info", 1, (VERSION, python_version(), money))
        if self._heartbeat is not None and self._heartbeat.touched is not None:
            now = self._pool.parts.now() / 1_000_000
            yield Reading("heartbeat_age_seconds", now - self._heartbeat.touched)
        for post in self._notifier.posts if self._notifier is not None else ():
            for outcome, count in post.outcomes.items():
                yield Reading("notices_total", count, (post.name, outcome))
            yield Reading("notices_dropped_total", post.dropped, (post.name,))
            yield Reading("notices_waiting", post.waiting, (post.name,))


def families(known: Mapping[str, About], found: Iterable[Reading]) -> list[Metric]:
    """The readings, grouped by what they are of; a metric without a reading is left out."""
    grouped: dict[str, Metric] = {}
    for reading in found:
        about = known[reading.name]
        family = grouped.get(reading.name)
        if family is None:
            kind = CounterMetricFamily if reading.name.endswith("_total") else GaugeMetricFamily
            family = grouped[reading.name] = kind(f"ilp_{reading.name}", about.text, labels=about.labels)
        assert isinstance(family, CounterMetricFamily | GaugeMetricFamily)
        family.add_metric(reading.labels, reading.value)
    return list(grouped.values())


def observe(pool: Pool, notifier: Notifier | None, heartbeat: Heartbeat | None) -> CollectorRegistry:
    """The registry of the pool's own meters, with everything else that is to be read added to it. Once per pool."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each counter, which nobody reads
    registry = pool.parts.meters.registry
    registry.register(PoolCollector(pool, notifier, heartbeat))
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
