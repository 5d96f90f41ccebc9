"""A hedge that could not be done inside ``max_slippage``: quotes go, and a person is asked.

The hedge itself goes on being tried, more and more slowly. It ends when the hedge is done after all, or when a person closes
the task: then the pool quotes again, and asks again if as many orders more have failed.
"""

from collections.abc import Callable

from twisted.logger import Logger

from execution.rim import launch
from model.money import plain
from model.records import Obligation
from trader.parts import Parts

KIND = "hedge"


class StuckHedges:
    """``explain`` shows a sentence as the pool's reason."""

    log = Logger()

    def __init__(self, parts: Parts, explain: Callable[[str], None]) -> None:
        self._parts = parts
        self._explain = explain

    def escalate(self, sentence: str) -> None:
        """The open obligation is stuck."""
        self.log.error("{sentence}", sentence=sentence)
        self._parts.quotes.pull(sentence)
        self._explain(sentence)
        obligation = self._parts.hedges.obligation
        if obligation is not None:
            launch(self.log, "asking about a hedge", self._ask(obligation, sentence))

    async def _ask(self, obligation: Obligation, sentence: str) -> None:
        details = {
            "still to trade": f"{plain(obligation.left)} BTC",
            "traded": f"{plain(obligation.done)} BTC",
            "justified up to": plain(obligation.limit),
            "asked for by": obligation.reason,
            "orders so far": str(obligation.attempts),
            "how": "It goes on being tried. Close this, and the pool quotes again meanwhile.",
        }
        await self._parts.tasks.ask(obligation.id, KIND, sentence, details)

    def over(self) -> None:
        """An obligation is over: what was asked about it has answered itself."""
        for task in tuple(self._parts.tasks.open.values()):
            if task.kind == KIND:
                launch(self.log, "closing a task", self._parts.tasks.close(task.id, "the pool", "done"))

    async def close(self, id: str, who: str, outcome: str) -> None:
        """A person has looked: quote again, whatever has become of the hedge.

        :raises execution.tasks.NoSuchTask: it is not open.
        :raises ledger.interface.LedgerError: it is still open.
        """
        await self._parts.tasks.close(id, who, outcome)
        self.log.warn("hedge {id}: re-armed by {who}", id=id, who=who)
        self._parts.hedges.rearm()
