"""One thread that owns the database connection, and commits in groups.

Everything that was asked for while the last commit was on its way to the disk goes into one transaction, so that a burst
costs one flush and not one each. Callers are answered on the reactor's thread, after that commit, in the order they asked.
"""

from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, Protocol, TypeVar

from attrs import frozen
from sqlalchemy.engine import Connection
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, SQLAlchemyError
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from ledger.interface import LedgerError

T = TypeVar("T")

#: A longer transaction would keep its first caller waiting without saving anything more.
MOST_PER_COMMIT = 500

#: So long what can wait is kept back, in seconds: its flush would hold up what cannot, which often comes right after it.
LULL = 0.01

#: The database's own trouble, not the fault of one statement: nothing in the transaction can be trusted.
TROUBLE = (OperationalError, InterfaceError, InternalError)


class IsStore(Protocol):
    """Where the connection comes from; every method is called on the writer's thread only."""

    def connection(self) -> Connection:
        """The one connection, made (again) where there is none. Raises LedgerError, or what SQLAlchemy does."""

    def discard(self) -> None:
        """Give the connection up; the next one is a new one."""

    def close(self) -> None:
        """Give everything up."""


class CallsFromThread(Protocol):
    """The part of a reactor that the writer needs."""

    def callFromThread(self, callable: Callable[..., object], *args: object, **kwargs: object) -> None:
        """Call on the reactor's thread."""


@frozen(eq=False)
class _Call:
    job: Callable[[Connection], Any]
    answer: "Deferred[Any]"
    can_wait: bool


#: Called on the writer's thread after each transaction: the seconds it took, and whether anything of it is kept.
Committed = Callable[[float, bool], None]


def nobody_counts(_seconds: float, _is_kept: bool) -> None:
    """For a ledger that nobody measures."""


class Writer:
    """``start``, then ``submit`` as often as you like, then ``stop``."""

    def __init__(self, store: IsStore, reactor: CallsFromThread, committed: Committed = nobody_counts) -> None:
        self._store = store
        self._reactor = reactor
        self._committed = committed
        self._queue: SimpleQueue[_Call | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._is_stopping = False
        self._stopped: list[Deferred[None]] = []

    def start(self) -> None:
        """Start the thread. A repeat changes nothing."""
        if self._thread is None:
            # A daemon: a process whose reactor has died must end, and not live on for the sake of an idle thread.
            self._thread = Thread(target=self._run, name="ledger", daemon=True)
            self._thread.start()

    def submit(self, job: Callable[[Connection], T], can_wait: bool = False) -> "Deferred[T]":
        """Run ``job`` in the next transaction; fires with its result once that is on disk. The order of the calls is kept.

        ``can_wait``: nothing waits for it, so that it need not have a transaction of its own: the next one comes soon.

        Fails with LedgerError; then nothing of this job was kept, unless the connection broke in the very moment of the
        commit, which nobody can know. So jobs must be safe to repeat.
        """
        if self._thread is None or self._is_stopping:
            return fail(LedgerError("the ledger is not open"))
        call = _Call(job, Deferred(), can_wait)
        self._queue.put(call)
        return call.answer

    def stop(self) -> "Deferred[None]":
        """Finish what is queued, close the store, end the thread. A repeat fires when the first one does."""
        if self._thread is None:
            return succeed(None)
        if not self._is_stopping:
            self._is_stopping = True
            self._queue.put(None)
        waiter: Deferred[None] = Deferred()
        self._stopped.append(waiter)
        return waiter

    def _run(self) -> None:
        is_last = False
        try:
            while not is_last:
                batch, is_last = self._take()
                if batch:
                    self._reactor.callFromThread(_answer, batch, self._timed(batch))
            self._store.close()
        finally:
            self._reactor.callFromThread(self._has_stopped)

    def _take(self) -> tuple[list[_Call], bool]:
        """All that is queued, waiting for the first; and whether it is the last there will be."""
        batch: list[_Call] = []
        is_urgent = False
        try:
            call = self._queue.get()
            until = monotonic() + LULL
            while call is not None and len(batch) < MOST_PER_COMMIT - 1:
                batch.append(call)
                is_urgent = is_urgent or not call.can_wait
                call = self._queue.get(timeout=0 if is_urgent else max(0, until - monotonic()))
        except Empty:
            return batch, False
        return ([*batch, call], False) if call is not None else (batch, True)

    def _timed(self, batch: list[_Call]) -> list[Any]:
        began = monotonic()
        outcomes = self._commit(batch)
        is_kept = not all(isinstance(outcome, Failure) for outcome in outcomes)
        self._committed(monotonic() - began, is_kept)
        return outcomes

    def _commit(self, batch: list[_Call]) -> list[Any]:
        try:
            try:
                with self._store.connection().begin() as transaction:
                    return [call.job(transaction.connection) for call in batch]
            except TROUBLE:
                raise
            except Exception:
                # One of the jobs fails by its own fault, which is rare: again, each apart from the others.
                with self._store.connection().begin() as transaction:
                    return [_attempt(transaction.connection, call.job) for call in batch]
        except Exception as error:
            # Whatever it was, every caller must hear of it, and the thread must live to answer the next one.
            self._store.discard()
            return [Failure(_as_ledger_error(error)) for _ in batch]

    def _has_stopped(self) -> None:
        thread, self._thread, self._is_stopping = self._thread, None, False
        if thread is not None:
            thread.join()
        waiters, self._stopped = self._stopped, []
        for waiter in waiters:
            waiter.callback(None)


def _attempt(connection: Connection, job: Callable[[Connection], Any]) -> Any:
    """The job's result, or its Failure: what fails by its own fault takes nothing of the others with it."""
    savepoint = connection.begin_nested()
    try:
        result = job(connection)
    except TROUBLE:
        raise
    except Exception as error:
        savepoint.rollback()
        return Failure(_as_ledger_error(error))
    savepoint.commit()
    return result


def _as_ledger_error(error: Exception) -> Exception:
    """What the caller is told. Not SQLAlchemy's own text, which recites the statement with all its values."""
    if isinstance(error, SQLAlchemyError | ArithmeticError | OSError):
        reason = getattr(error, "orig", None) or error
        found = LedgerError(f"{type(reason).__name__}: {str(reason).strip()}")
        found.__cause__ = error
        return found
    return error


def _answer(batch: Iterable[_Call], outcomes: Iterable[Any]) -> None:
    for call, outcome in zip(batch, outcomes, strict=True):
        call.answer.callback(outcome)
