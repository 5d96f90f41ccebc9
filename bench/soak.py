"""Whether the pool stays as it is: a day of the sandbox's time at high speed with everything on, and what grows meanwhile.

``python -m bench.soak`` runs ``ilp.py`` as a process of its own on the built-in exchanges, with its ledger on disk, its JSON log
rotating and its messages going to a server here, and reads its numbers from ``/metrics`` and ``/api/update`` as an operator's
programs do. It prints a line per sample, then what has changed between the second and the last quarter of the run, and ends
with 1 if that is more than it may be. At 60 times the real speed 24 hours take 24 minutes; the latencies are those of real time.

Memory, file handles and latencies must be flat. The database keeps every fill, so it grows with the trades: what must be flat is
how much an hour adds to it, once the decisions that it keeps have reached ``keep_mb``.
"""

import argparse
import json
import sys
import time
import urllib.request
from collections.abc import Sequence
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Any, Final

from attrs import asdict, field, frozen
from prometheus_client.parser import text_string_to_metric_families

from tests.whole.running import PATIENCE, Running

TOKEN: Final = "a-token-of-the-soak"
#: The histograms whose 95th percentiles are watched, by the column that shows them.
LATENCIES: Final = {
    "decide": "ilp_decision_seconds",
    "quote": "ilp_tick_to_quote_seconds",
    "hedge": "ilp_fill_to_hedge_seconds",
    "commit": "ilp_ledger_commit_seconds",
}
#: By which factor a figure of the last quarter may be above that of the second.
MOST_GROWTH: Final = {"memory MB": 1.1, "handles": 1.1, "db MB/hour": 1.5}
#: The percentiles that are judged, and by how much they may grow: other work on the machine shows in the rare ones.
SHARES: Final = {0.5: 1.5, 0.95: 2.0}
#: A percentile moves inside its bucket: what is less than this is no growth, in ms.
LEAST_MS = 5.0


@frozen
class Sample:
    """The pool at one moment. ``buckets``: what each latency's histogram has counted until then."""

    wall_seconds: float
    world_hours: float
    state: str
    memory_mb: float
    handles: float
    database_mb: float
    lag_ms: float
    fills: float
    buckets: dict[str, dict[float, float]] = field(factory=dict)


class Numbers:
    """One answer of /metrics."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def total(self, name: str, **labels: str) -> float:
        """The sum of the series of that name with these labels."""
        return sum(s.value for s in self._samples if s.name == name and labels.items() <= s.labels.items())

    def buckets(self, name: str) -> dict[float, float]:
        """A histogram's cumulative counts by upper end."""
        return {float(s.labels["le"]): s.value for s in self._samples if s.name == f"{name}_bucket"}


def percentile(before: dict[float, float], after: dict[float, float], share: float = 0.95) -> float | None:
    """Of what a histogram has counted between two readings, in its own unit, interpolated in its bucket; None of nothing."""
    counts = [(end, after[end] - before.get(end, 0)) for end in sorted(after)]
    if not counts or counts[-1][1] <= 0:
        return None
    wanted, low, below = share * counts[-1][1], 0.0, 0.0
    for end, count in counts:
        if count >= wanted:
            return low if end == float("inf") else low + (end - low) * (wanted - below) / (count - below)
        low, below = end, count
    return low


class Soak:
    """One run. ``speed``: world seconds per second."""

    def __init__(self, pool: Running, speed: float) -> None:
        self._pool = pool
        self._speed = speed
        self._begun = time.monotonic()
        self.samples: list[Sample] = []

    def look(self) -> Sample:
        """Take a sample."""
        numbers, seconds = self._read(), time.monotonic() - self._begun
        sample = Sample(
            seconds,
            seconds * self._speed / 3600,
            self._pool.state(),
            numbers.total("process_resident_memory_bytes") / 1e6,
            numbers.total("process_open_fds"),
            self._database(),
            numbers.total("ilp_event_loop_lag_seconds") * 1000,
            numbers.total("ilp_fills_total"),
            {name: numbers.buckets(metric) for name, metric in LATENCIES.items()},
        )
        self.samples.append(sample)
        return sample

    def _read(self) -> Numbers:
        request = urllib.request.Request(f"{self._pool.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return Numbers(answer.read().decode())

    def _database(self) -> float:
        return sum(path.stat().st_size for path in (self._pool.folder / "var").glob("*.sqlite*")) / 1e6


@frozen
class Verdict:
    """What became of one figure between the second quarter and the last; ``slack`` more than ``most`` times is no growth."""

    name: str
    then: float
    now: float
    most: float
    slack: float = 0.0

    @property
    def is_flat(self) -> bool:
        """Whether it has not grown by more than it may."""
        return self.now <= self.then * self.most + self.slack


def verdicts(samples: Sequence[Sample]) -> list[Verdict]:
    """Of the second quarter and the last; the first one is warming up. What was never there is left out."""
    quarter = max(2, len(samples) // 4)
    parts = samples[quarter - 1 : 2 * quarter], samples[-quarter - 1 :]
    figures = [_figures(part) for part in parts]
    found = [Verdict(name, figures[0][name], figures[1][name], most) for name, most in MOST_GROWTH.items()]
    for name in LATENCIES:
        for share, most in SHARES.items():
            then, now = (wait(name, part[0], part[-1], share) for part in parts)
            if then is not None and now is not None:
                found.append(Verdict(f"{name} {share:.0%} ms", then, now, most, LEAST_MS))
    return found


def _figures(samples: Sequence[Sample]) -> dict[str, float]:
    first, last = samples[0], samples[-1]
    growth = (last.database_mb - first.database_mb) / (last.world_hours - first.world_hours)
    memory, handles = median(sample.memory_mb for sample in samples), median(sample.handles for sample in samples)
    return {"memory MB": memory, "handles": handles, "db MB/hour": growth}


def wait(name: str, before: Sample, after: Sample, share: float = 0.95) -> float | None:
    """A percentile of one latency between two samples, in ms; None where there was nothing."""
    found = percentile(before.buckets[name], after.buckets[name], share)
    return None if found is None else found * 1000


class _Sink(BaseHTTPRequestHandler):
    """Takes the pool's messages."""

    def do_POST(self) -> None:
        """Any."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *_arguments: Any) -> None:
        """Not on the screen."""


HEADER: Final = f"{'wall':>8} {'world':>7} {'state':>9} {'MB':>6} {'fds':>4} {'db MB':>7} {'lag':>6} {'fills':>7}" + "".join(
    f" {name:>7}" for name in LATENCIES
)


def line(before: Sample | None, sample: Sample) -> str:
    """A sample as a line of the table; times in ms, 95th percentiles since the one before."""
    found = [wait(name, before, sample) if before else None for name in LATENCIES]
    waits = "".join(f" {'-' if value is None else format(value, '.1f'):>7}" for value in found)
    wall = str(timedelta(seconds=round(sample.wall_seconds)))
    return (
        f"{wall:>8} {sample.world_hours:6.1f}h {sample.state:>9} {sample.memory_mb:6.0f} {sample.handles:4.0f} "
        f"{sample.database_mb:7.1f} {sample.lag_ms:6.1f} {sample.fills:7.0f}{waits}"
    )


def soak(hours: float, speed: float, every: float) -> list[Sample]:
    """Run for so many hours of the world's time, with a sample every so many seconds of ours."""
    sink = ThreadingHTTPServer(("127.0.0.1", 0), _Sink)
    Thread(target=sink.serve_forever, daemon=True).start()
    changes = {
        "webserver.port": "0",
        "webserver.metrics_token": TOKEN,
        "sandbox.speed": str(speed),
        "trader.hedge": "immediate",
        "limits.max_orders_per_minute": str(int(120 * speed)),  # the world's minutes are shorter than ours
        "ledger.keep_mb": "10",
        "ledger.tidy_minutes": "1",
        "log.json_file": "var/pool.json",
        "log.rotate_mb": "1",
        "log.keep_files": "3",
        "notify.url": f"http://127.0.0.1:{sink.server_address[1]}/",
    }
    try:
        with Running(changes) as pool:
            pool.wait_for_state("READY")
            pool.call("/api/start", {})
            run = Soak(pool, speed)
            sys.stdout.write(HEADER + "\n")
            while not run.samples or run.samples[-1].world_hours < hours:
                time.sleep(every)  # another process is watched, in real time
                before = run.samples[-1] if run.samples else None
                sys.stdout.write(line(before, run.look()) + "\n")
                sys.stdout.flush()
            pool.call("/api/stop", {})
            if pool.end() != 0:
                raise AssertionError(f"it did not end cleanly:\n{pool.output.read_text()[-2000:]}")
            return run.samples
    finally:
        sink.shutdown()


def main(argv: Sequence[str]) -> int:
    """Run and judge; 1 if something grows, or the pool did not trade to the end."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=24, help="of the world's time (default: 24)")
    parser.add_argument("--speed", type=float, default=60, help="world seconds per second (default: 60)")
    parser.add_argument("--every", type=float, default=30, help="seconds between two samples (default: 30)")
    parser.add_argument("--json", type=Path, help="write the samples there too")
    chosen = parser.parse_args(argv)
    samples = soak(chosen.hours, chosen.speed, chosen.every)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([asdict(sample) for sample in samples], indent=1), encoding="utf-8")
    found = verdicts(samples)
    sys.stdout.write("\nsecond quarter -> last quarter\n")
    for verdict in found:
        word = "flat" if verdict.is_flat else "GROWS"
        sys.stdout.write(f"{verdict.name:>14}: {verdict.then:9.2f} -> {verdict.now:9.2f}  {word}\n")
    is_trading = all(sample.state == "TRADING" for sample in samples)
    sys.stdout.write(f"{'trading':>14}: {'throughout' if is_trading else 'NOT THROUGHOUT'}\n")
    return 0 if is_trading and all(verdict.is_flat for verdict in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
