"""Upgrades of the ledger's tables, run whenever it is opened; each is a file in ``versions``, never changed once released."""

import sqlite3
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from ledger.interface import LedgerTooNew

HERE = Path(__file__).parent


def upgrade(connection: Connection, path: Path | None) -> None:
    """Bring the tables to what this program expects, all in one transaction. Safe to repeat.

    :param path: the SQLite file, which is copied to ``<file>.<revision>.backup`` before anything in it changes.
    :raises LedgerTooNew: where the tables are of a revision that this program does not know.
    """
    scripts = ScriptDirectory(str(HERE))
    with connection.begin():
        current = MigrationContext.configure(connection).get_current_revision()
    if current == scripts.get_current_head():
        return
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise LedgerTooNew(f"the ledger is of revision {current}, written by a newer program; this one must not touch it")
    if current is not None and path is not None:
        _copy(connection, path.with_name(f"{path.name}.{current}.backup"))
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    with connection.begin():
        command.upgrade(config, "head")


def _copy(connection: Connection, to: Path) -> None:
    copy = sqlite3.connect(to)
    try:
        driver: sqlite3.Connection | None = connection.connection.driver_connection
        if driver is not None:
            driver.backup(copy)
    finally:
        copy.close()
