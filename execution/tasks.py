"""Work for people: asked once, durable, closed once."""

from collections.abc import Callable, Mapping

import attrs

from ledger.interface import ILedger
from model.notice import Notify, nobody
from model.records import Task

#: The kinds that have a notice of their own; the others are told as "task".
_OWN_NOTICE = ("hedge", "overdue")


class NoSuchTask(Exception):
    """There is no open task of this id."""


class BadAnswer(Exception):
    """A task cannot be closed like that; ``field`` is what is wrong. Nothing was changed."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(field, problem)
        self.field = field
        self.problem = problem


class Tasks:
    """The open tasks by id. ``changed`` is called when one was asked or closed, ``notify`` when one was asked."""

    def __init__(self, ledger: ILedger, now: Callable[[], int], notify: Notify = nobody) -> None:
        self.open: dict[str, Task] = {}
        self.changed: Callable[[], None] = lambda: None
        self._ledger = ledger
        self._now = now
        self._notify = notify

    async def load(self) -> None:
        """Read what is open. Safe to repeat."""
        self.open = {task.id: task for task in await self._ledger.tasks(True, 1000)}

    async def ask(self, id: str, kind: str, title: str, details: Mapping[str, str]) -> None:
        """Ask a person, once: a repeat while the task is open changes nothing.

        :raises ledger.interface.LedgerError: it is shown, but would not survive a restart.
        """
        if id in self.open:
            return
        task = self.open[id] = Task(id, kind, title, details, self._now())
        self._notify(kind if kind in _OWN_NOTICE else "task", title)
        self.changed()
        await self._ledger.save_task(task)

    def get(self, id: str) -> Task:
        """An open task.

        :raises NoSuchTask: it is not open.
        """
        if id not in self.open:
            raise NoSuchTask(id)
        return self.open[id]

    async def close(self, id: str, who: str, outcome: str) -> None:
        """Remember that ``who`` has decided. The task stays open if that cannot be remembered.

        :raises NoSuchTask: it is not open.
        :raises ledger.interface.LedgerError: nothing was changed.
        """
        task = self.get(id)
        await self._ledger.save_task(attrs.evolve(task, closed=self._now(), closed_by=who, outcome=outcome))
        self.open.pop(id, None)
        self.changed()
