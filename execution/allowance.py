"""How much may still be moved, by the operator's limits: per transfer, in any 24 hours, not too often."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from model.decision import Transfer
from model.limits import Limits
from model.money import ZERO
from model.records import TransitRecord
from model.transfer import Place

DAY = 86_400_000_000

#: Two transfers of one kind: the same way, the same currency.
Kind = tuple[Place, str, str]
#: What a transfer is worth in source currency, by the prices of now.
Worth = Callable[[Transfer], Decimal]


def kind_of(transfer: Transfer) -> Kind:
    """Its way and currency."""
    return (transfer.origin, transfer.to, transfer.ticker)


class Allowance:
    """Counts what was begun, whatever became of it, unless it is known to have been dropped. Survives restarts: it is
    counted anew from the ledger's transits. The past is valued by the prices of now, as nothing else is known of it."""

    def __init__(self, limits: Limits, now: Callable[[], int]) -> None:
        self._limits = limits
        self._now = now
        self._begun: dict[str, tuple[int, Transfer]] = {}
        self._last: dict[Kind, int] = {}

    def load(self, transits: Iterable[TransitRecord]) -> None:
        """Count what the ledger remembers. Safe to repeat."""
        for t in transits:
            transfer = Transfer(t.origin, t.to, t.ticker, t.quantity)
            self._last[kind_of(transfer)] = max(t.created, self._last.get(kind_of(transfer), 0))
            if t.state != "cancelled":
                self._begun[t.id] = (t.created, transfer)

    def begin(self, id: str, transfer: Transfer) -> None:
        """Count ``transfer`` from now on."""
        self._last[kind_of(transfer)] = self._now()
        self._begun[id] = (self._now(), transfer)

    def drop(self, id: str) -> None:
        """It was certainly not made: count it no longer. Safe to repeat."""
        self._begun.pop(id, None)

    def is_too_soon(self, transfer: Transfer) -> bool:
        """Whether the last one of its kind was less than ``transfer_interval`` ago."""
        last = self._last.get(kind_of(transfer))
        return last is not None and self._now() - last < int(self._limits.transfer_interval * 1_000_000)

    def excess(self, transfer: Transfer, worth: Worth) -> str:
        """Which limit ``transfer`` would break, with the numbers; empty if none."""
        limits, value = self._limits, worth(transfer)
        if limits.max_transfer_value is not None and value > limits.max_transfer_value:
            return f"it is worth {value:.2f}, max_transfer_value is {limits.max_transfer_value}"
        self._begun = {id: (at, begun) for id, (at, begun) in self._begun.items() if self._now() - at < DAY}
        if limits.max_transfer_value_per_day is None:
            return ""
        sent = sum((worth(begun) for _at, begun in self._begun.values()), ZERO)
        if sent + value <= limits.max_transfer_value_per_day:
            return ""
        return (
            f"it is worth {value:.2f}, {sent:.2f} was sent in 24 hours, "
            f"max_transfer_value_per_day is {limits.max_transfer_value_per_day}"
        )
