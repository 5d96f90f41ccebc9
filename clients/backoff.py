"""How long to wait before trying again."""

from random import Random

from attrs import define, field


@define
class Backoff:
    """Waits that double from ``first`` up to ``ceiling`` (seconds), each cut by up to half at random.

    The chance keeps many clients of one venue from coming back at the same moment; never less than half, so that a
    venue in trouble is really left alone. :meth:`reset` after a success.
    """

    random: Random
    first: float = 0.5
    ceiling: float = 60.0
    _failures: int = field(default=0, init=False)

    def next_delay(self) -> float:
        """Seconds to wait after one more failure."""
        # The exponent is bounded because 2.0 ** 1024 overflows, after a long night of failures.
        full = min(self.ceiling, self.first * 2.0 ** min(self._failures, 64))
        self._failures += 1
        return full * self.random.uniform(0.5, 1.0)

    def reset(self) -> None:
        """It works again: the next failure starts from ``first``."""
        self._failures = 0
