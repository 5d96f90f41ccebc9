"""The contract of ledgers, on SQLite and on a real PostgreSQL."""

from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from ledger.sql import SqlLedger
from tests.contracts.ledger import LedgerContract
from tests.ledger import postgres
from tests.ledger.folders import new_folder


class SqliteContractTests(LedgerContract, SynchronousTestCase):
    """On a file."""

    def setUp(self) -> None:
        self.url = f"sqlite:///{new_folder(self)}/var/ilp.db"
        super().setUp()

    def make_ledger(self) -> Any:
        return SqlLedger(self.url, self.pump)


class PostgresContractTests(LedgerContract, SynchronousTestCase):
    """On a server."""

    def setUp(self) -> None:
        try:
            self.url = postgres.server().new_database()
        except postgres.Missing as missing:
            raise SkipTest(str(missing)) from None
        super().setUp()

    def make_ledger(self) -> Any:
        return SqlLedger(self.url, self.pump)
