"""How far each of our orders has come, so that an older reading never takes back what was told already."""

from collections import OrderedDict
from collections.abc import Iterable
from decimal import Decimal

from model.shapes import OrderShape

#: Orders whose end is remembered, so that a reading that is older than the stream does not bring them back.
MEMORY = 10_000


class Progress:
    """How far each order has come; it outlives connections."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[Decimal, bool]] = OrderedDict()

    def is_news(self, shape: OrderShape) -> bool:
        """Whether ``shape`` is not older than what was told of its order before; from now on it has been told."""
        left, has_ended = shape["quantity_left"], shape["is_cancelled"] or not shape["quantity_left"]
        before = self._known.get(shape["id"])
        if before is not None and (left > before[0] or (before[1] and not has_ended)):
            return False
        self._known[shape["id"]] = (left, has_ended)
        self._known.move_to_end(shape["id"])
        while len(self._known) > MEMORY:
            self._known.popitem(last=False)
        return True

    def forget(self, ids: Iterable[str]) -> None:
        """The venue knows nothing of these any more; what is told of them from now on stands alone."""
        for id in ids:
            self._known.pop(id, None)

    def unfinished(self) -> frozenset[str]:
        """Ids of the orders that may still trade, as far as was told."""
        return frozenset(id for id, (_, has_ended) in self._known.items() if not has_ended)
