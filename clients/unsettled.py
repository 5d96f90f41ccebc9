"""Transfers that were on their way when they were last told: that they have ended is news, however long ago they began."""

from collections.abc import Iterable
from datetime import datetime

from attrs import define, field

from clients.paging import is_within
from model.shapes import TransactionShape


@define
class Unsettled:
    """Remembers them, for venues that go on dating a transfer by when it began."""

    _ids: frozenset[str] = field(default=frozenset(), init=False)

    def news(self, transfers: Iterable[list[TransactionShape]], start: datetime, end: datetime) -> list[TransactionShape]:
        """Of all that was read (for each transfer its postings, of which the first names it) those from ``start`` to ``end``.

        And, once, all of a transfer that was pending when it was last told and is not any more. So it is called when nothing
        can fail any more: what was told to nobody would be lost.
        """
        news: list[TransactionShape] = []
        unsettled = set(self._ids)
        for transfer in filter(None, transfers):
            name, is_pending = transfer[0]["id"], transfer[0].get("state") == "pending"
            has_ended = name in unsettled and not is_pending
            told = [each for each in transfer if has_ended or is_within(each["timestamp"], start, end)]
            if has_ended:
                unsettled.discard(name)
            elif told and is_pending:
                unsettled.add(name)
            news += told
        self._ids = frozenset(unsettled)
        return news
