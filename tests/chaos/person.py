"""The person of a campaign: says START, and answers what the pool asks by what the exchanges really did."""

import time
from typing import Any

from tests.chaos.processes import Exchanges, Pool, Stuck
from tests.chaos.truth import VENUES

#: So long nothing but lost money must have been on its way before something is written off: what has arrived has been read
#: by then. In seconds.
CERTAIN = 6.0


class Person:
    """Does something whenever it is told to look."""

    def __init__(self, pool: Pool, exchanges: Exchanges) -> None:
        self._pool = pool
        self._exchanges = exchanges
        self._only_lost_since: dict[tuple[str, str], float] = {}

    def tend(self) -> None:
        """START where it is READY, and an answer to each open task.

        :raises Stuck: the pool has halted.
        """
        if self.state() == "READY":
            self._pool.prepare()
            self._pool.say("/api/start", {})
        self.answer("approve")

    def state(self) -> str:
        """The pool's state; empty while it cannot say.

        :raises Stuck: the pool has halted.
        """
        state, reason = self._pool.state()
        if state == "HALTED":
            raise Stuck(f"the pool has halted: {reason}")
        return state

    def answer(self, to_requests: str) -> None:
        """Close the open tasks. A withdrawal that the pool cannot prove is cancelled: the exchange shows all that it has made
        long before a person is asked. What asks for leave gets ``to_requests``."""
        for task in self._pool.say("/api/tasks") or ():
            is_clear = task["kind"] != "overdue" or self._is_lost(task)
            if task["closed"] is None and is_clear:
                answers = {"look": "cancel", "hedge": "done", "overdue": "cancel"}
                self._pool.say(f"/api/tasks/{task['id']}", {"outcome": answers.get(task["kind"], to_requests)})

    def _is_lost(self, task: Any) -> bool:
        """Whether all that is still on its way like this one certainly never arrives: then it is written off."""
        place, (_, _, ticker) = task["details"]["from"], task["details"]["quantity"].partition(" ")
        transits = self._exchanges.truth()["transits"]
        sent = [t for t in transits if (t["origin"], t["ticker"]) == (VENUES[place], ticker) and not t["is_done"]]
        awaited = [t for t in self._pool.say("/api/transits") or () if (t["origin"], t["ticker"]) == (place, ticker)]
        is_only_lost = 0 < len(awaited) <= len(sent) and all(t["is_lost"] for t in sent)
        if not is_only_lost or any(t["state"] != "travelling" for t in awaited):
            self._only_lost_since.pop((place, ticker), None)
            return False
        since = self._only_lost_since.setdefault((place, ticker), time.monotonic())
        return time.monotonic() - since > CERTAIN
