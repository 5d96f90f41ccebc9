"""The writer's thread: groups, order, and that nobody waits for ever."""

from threading import Event

from sqlalchemy.engine import Connection
from sqlalchemy.exc import OperationalError
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from ledger import writer
from ledger.interface import LedgerError
from ledger.store import Store
from ledger.writer import Writer
from tests.ledger.pump import Pump


class CountingStore(Store):
    """In memory; counts transactions, as the writer asks for the connection once for each."""

    transactions = 0

    def connection(self) -> Connection:
        self.transactions += 1
        return super().connection()


class WriterTests(SynchronousTestCase):
    """Jobs in, answers out."""

    def setUp(self) -> None:
        self.pump = Pump()
        self.store = CountingStore("sqlite://")
        self.writer = Writer(self.store, self.pump)
        self.writer.start()
        self.addCleanup(lambda: self.pump.wait(self.writer.stop()))

    def busy(self) -> tuple[Event, "Deferred[bool]"]:
        """Keep the thread busy until the event is set."""
        started, release = Event(), Event()

        def job(_connection: Connection) -> bool:
            started.set()
            return release.wait(30)

        done = self.writer.submit(job)
        started.wait(30)
        return release, done

    def test_groups(self) -> None:
        """All that was asked for during one commit goes into the next one, and is answered in the order of asking."""
        release, _ = self.busy()
        order: list[int] = []
        calls = [self.writer.submit(lambda _, n=n: n) for n in range(50)]  # type: ignore[misc]
        for call in calls:
            call.addCallback(order.append)
        self.assertEqual(order, [])
        release.set()
        self.pump.wait(calls[-1])
        self.assertEqual(order, list(range(50)))
        self.assertEqual(self.store.transactions, 2)

    def test_what_can_wait_shares_the_next_transaction(self) -> None:
        """A job that nothing waits for begins no transaction that an urgent one would have to wait for; order is kept."""
        self.patch(writer, "LULL", 30.0)
        order: list[int] = []
        for number in range(3):
            self.writer.submit(lambda _, n=number: order.append(n), can_wait=True)  # type: ignore[misc]
        self.pump.wait(self.writer.submit(lambda _: order.append(3)))
        self.assertEqual((order, self.store.transactions), ([0, 1, 2, 3], 1))

    def test_what_can_wait_does_not_wait_for_ever(self) -> None:
        """Where nothing urgent comes it is written all the same, and a stop writes it at once."""
        self.assertEqual(self.pump.wait(self.writer.submit(lambda _: 5, can_wait=True)), 5)
        self.patch(writer, "LULL", 30.0)
        last = self.writer.submit(lambda _: 6, can_wait=True)
        self.pump.wait(self.writer.stop())
        self.assertEqual(self.successResultOf(last), 6)

    def test_trouble_hits_the_group(self) -> None:
        """When the database itself fails, everyone in the transaction hears of it; the next one finds it working."""
        release, first = self.busy()

        def broken(_connection: Connection) -> None:
            raise OperationalError("INSERT", {"secret": "value"}, OSError("disk full"))

        calls = [self.writer.submit(lambda _: None), self.writer.submit(broken), self.writer.submit(lambda _: None)]
        release.set()
        self.assertEqual(self.pump.wait(first), True)
        for call in calls:
            with self.assertRaises(LedgerError) as caught:
                self.pump.wait(call)
            self.assertEqual(str(caught.exception), "OSError: disk full")
        self.assertEqual(self.pump.wait(self.writer.submit(lambda _: 5)), 5)

    def test_own_mistake(self) -> None:
        """A job with a bug fails with its own exception, and the thread lives on."""
        nothing: dict[str, int] = {}
        self.assertRaises(KeyError, self.pump.wait, self.writer.submit(lambda _: nothing["bug"]))
        self.assertEqual(self.pump.wait(self.writer.submit(lambda _: 5)), 5)

    def test_not_started(self) -> None:
        """Before the start and after the stop a job fails at once, and stopping has nothing to wait for."""
        writer = Writer(Store("sqlite://"), self.pump)
        self.failureResultOf(writer.submit(lambda _: 5), LedgerError)
        self.assertEqual(self.successResultOf(writer.stop()), None)
        self.pump.wait(self.writer.stop())
        self.failureResultOf(self.writer.submit(lambda _: 5), LedgerError)
