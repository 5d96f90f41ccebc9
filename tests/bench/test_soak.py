"""How the soak judges: what grows is told, noise and warming up are not."""

from twisted.trial.unittest import SynchronousTestCase

from bench.soak import LATENCIES, Sample, percentile, verdicts

INF = float("inf")


def run(memory: float = 0, slower: float = 0, count: int = 40) -> list[Sample]:
    """A run whose memory grows by so many MB a sample, and in which so many more of each ten answers are slow at the end."""
    samples = []
    fast = slow = 0.0
    for number in range(count):
        late = slower if number >= count * 3 // 4 else 0
        fast, slow = fast + 10 - late, slow + late
        buckets = {name: {0.01: fast, 1.0: fast + slow, INF: fast + slow} for name in LATENCIES}
        megabytes = 100 + memory * number + (20 if number else 0)
        samples.append(Sample(number, number, "TRADING", megabytes, 40, number / 10, 1, number * 10, buckets))
    return samples


class SoakTests(SynchronousTestCase):
    """On runs that were made up."""

    def grown(self, samples: list[Sample]) -> set[str]:
        """The figures that are not flat."""
        return {verdict.name for verdict in verdicts(samples) if not verdict.is_flat}

    def test_flat(self) -> None:
        """Whatever is the same at the end as when it had warmed up."""
        self.assertEqual(self.grown(run()), set())

    def test_memory(self) -> None:
        """A leak of a megabyte a sample."""
        self.assertEqual(self.grown(run(memory=1)), {"memory MB"})

    def test_latencies(self) -> None:
        """Most of the answers become slow."""
        self.assertEqual(self.grown(run(slower=9)), {f"{name} {share} ms" for name in LATENCIES for share in ("50%", "95%")})

    def test_percentile(self) -> None:
        """Of what came between two readings, inside its bucket; of what is beyond all of them, the last end; None of nothing."""
        before, after = {1.0: 5.0, 2.0: 5.0, INF: 5.0}, {1.0: 5.0, 2.0: 15.0, INF: 15.0}
        self.assertEqual(percentile(before, after, 0.5), 1.5)
        self.assertEqual(percentile({}, {1.0: 0.0, INF: 4.0}), 1.0)
        self.assertIsNone(percentile(after, after))
