"""Whether the pool stays as it is: a day of the sandbox's time at high speed with everything on, and what grows meanwhile.

``python -m bench.soak`` runs ``ilp.py`` as a process of its own on the built-in exchanges, with its ledger on disk, its JSON log
rotating and its messages going to a server here, and reads its numbers from ``/metrics`` and ``/api/update`` as an operator's
programs do. It prints a line per sample, then what has changed between the second and the last quarter of the run, and ends
with 1 if that is more than it may be. At 60 times the real speed 24 hours take 24 minutes; the latencies are those of real time.

Memory, file handles and latencies must be flat. The database keeps every fill, so it grows with the trades: what must be flat is
its growth per fill, once the decisions that it keeps have reached ``keep_mb``.
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
#: By which factor the last quarter's median may be above the second's.
MOST_GROWTH: Final = {"memory_mb": 1.1, "handles": 1.1, "kb_per_fill": 1.5, **dict.fromkeys(LATENCIES, 1.5)}
#: A percentile moves from bucket to bucket: what is less than this is no growth, in ms.
LEAST_MS = 5.0


@frozen
class Sample:
    """The pool at one moment; latencies are 95th percentiles in ms since the sample before, None where there was nothing."""

    wall_seconds: float
    world_hours: float
    state: str
    memory_mb: float
    handles: float
    database_mb: float
    lag_ms: float
    fills: float
    kb_per_fill: float | None
    latencies: dict[str, float | None] = field(factory=dict)


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
        self._last: Numbers | None = None
        self.samples: list[Sample] = []

    def look(self) -> Sample:
        """Take a sample."""
        numbers = self._read()
        was = self._last or numbers
        self._last = numbers
        seconds = time.monotonic() - self._begun
        fills = numbers.total("ilp_fills_total")
        database = self._database()
        earlier = self.samples[-1] if self.samples else None
        new = fills - earlier.fills if earlier else 0
        growth = (database - earlier.database_mb) * 1000 / new if earlier and new else None
        latencies = {name: _milli(percentile(was.buckets(metric), numbers.buckets(metric))) for name, metric in LATENCIES.items()}
        sample = Sample(
            seconds,
            seconds * self._speed / 3600,
            self._pool.state(),
            numbers.total("process_resident_memory_bytes") / 1e6,
            numbers.total("process_open_fds"),
            database,
            numbers.total("ilp_event_loop_lag_seconds") * 1000,
            fills,
            growth,
            latencies,
        )
        self.samples.append(sample)
        return sample

    def _read(self) -> Numbers:
        request = urllib.request.Request(f"{self._pool.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return Numbers(answer.read().decode())

    def _database(self) -> float:
        return sum(path.stat().st_size for path in (self._pool.folder / "var").glob("*.sqlite*")) / 1e6


def _milli(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000


@frozen
class Verdict:
    """What became of one figure between the second quarter and the last."""

    name: str
    then: float
    now: float
    most: float

    @property
    def is_flat(self) -> bool:
        """Whether it has not grown by more than it may."""
        slack = LEAST_MS if self.name in LATENCIES else 0.0
        return self.now <= self.then * self.most + slack


def _known(name: str, samples: Sequence[Sample]) -> list[float]:
    values = (sample.latencies[name] if name in LATENCIES else getattr(sample, name) for sample in samples)
    return [value for value in values if value is not None]


def verdicts(samples: Sequence[Sample]) -> list[Verdict]:
    """By the medians of the quarters; the first one is warming up. What was never there is left out."""
    quarter = max(1, len(samples) // 4)
    found = []
    for name, most in MOST_GROWTH.items():
        then, now = _known(name, samples[quarter : 2 * quarter]), _known(name, samples[-quarter:])
        if then and now:
            found.append(Verdict(name, median(then), median(now), most))
    return found


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


def line(sample: Sample) -> str:
    """A sample as a line of the table; times in ms."""
    waits = "".join(f" {'-' if value is None else format(value, '.1f'):>7}" for value in sample.latencies.values())
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
                sys.stdout.write(line(run.look()) + "\n")
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
    sys.stdout.write("\nsecond quarter -> last quarter, medians\n")
    for verdict in found:
        word = "flat" if verdict.is_flat else "GROWS"
        sys.stdout.write(f"{verdict.name:>12}: {verdict.then:9.2f} -> {verdict.now:9.2f}  {word}\n")
    is_trading = all(sample.state == "TRADING" for sample in samples)
    sys.stdout.write(f"{'trading':>12}: {'throughout' if is_trading else 'NOT THROUGHOUT'}\n")
    return 0 if is_trading and all(verdict.is_flat for verdict in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
