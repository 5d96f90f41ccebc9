"""The streamed order book of one symbol, and how it is proven.

Market data v2 sends the whole book first and then the whole quantity of each level that changed, without numbers or checksums:
that a change was lost shows only where the sides cross. So the book is compared with REST's every now and then (an audit). The
two are not of the same moment; therefore all that a level has held since shortly before the question, until shortly after the
answer, is remembered, and REST may have any of that.
"""

from collections import defaultdict
from decimal import Decimal

from clients.book_side import BookSide
from clients.gemini.wire import Changes, Levels
from clients.streamed_book import OutOfStep, StreamedBook
from model.money import ZERO


class GeminiBook(StreamedBook):
    """In step once the whole book has come; ``depth`` levels of each side are shown and compared."""

    def __init__(self, contract: str, depth: int) -> None:
        super().__init__(contract, depth)
        self._seen: dict[tuple[bool, Decimal], set[Decimal]] | None = None

    def lose(self) -> None:
        """Nothing is proven any more; wait for a whole book."""
        super().lose()
        self._seen = None

    def take(self, changes: Changes) -> None:
        """An ``l2_updates``: begin anew with a whole book, else change this one. Before a whole one nothing is of use.

        :raises OutOfStep: if the book is crossed after it.
        """
        if not changes.is_whole and not self.is_in_step:
            return
        self.is_in_step = False
        if changes.is_whole:
            self._clear()
            self._seen = None
        for is_bid, levels in ((True, changes.bids), (False, changes.asks)):
            self._change(is_bid, levels)
        self._check_sides()
        self.is_in_step = True

    def _change(self, is_bid: bool, levels: tuple[tuple[Decimal, Decimal], ...]) -> None:
        side = self._side(is_bid)
        for price, quantity in levels:
            if self._seen is not None:
                self._seen[is_bid, price] |= {side.at(price), quantity}
            side.set(price, quantity)

    def _side(self, is_bid: bool) -> BookSide:
        return self._bids if is_bid else self._asks

    def begin_audit(self) -> None:
        """Remember from now on what levels hold."""
        self._seen = defaultdict(set)

    def audit(self, bids: Levels, asks: Levels) -> None:
        """Compare with what REST has told, its best ``depth`` levels of each side at most, best first.

        :raises OutOfStep: for a level that has held something else all the time.
        """
        seen, self._seen = self._seen or {}, None
        for is_bid, told in ((True, bids[: self._depth]), (False, asks[: self._depth])):
            theirs, side = dict(told), self._side(is_bid)
            # Beyond the last one that was told nothing is known, unless there are no more.
            worst = told[-1][0] if len(told) == self._depth else None
            ours = {price for price, _ in side.best_first() if worst is None or (price >= worst if is_bid else price <= worst)}
            for price in ours | set(theirs):
                if theirs.get(price, ZERO) not in seen.get((is_bid, price), set()) | {side.at(price)}:
                    words = f"{self.contract}: {side.at(price)} at {price}, where the venue has {theirs.get(price, ZERO)}"
                    raise OutOfStep(words)
