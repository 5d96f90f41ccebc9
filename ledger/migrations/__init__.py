"""Upgrades of the ledger's tables, run whenever it is opened; each is a file in ``versions``, never changed once released."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from ledger.interface import LedgerTooNew

HERE = Path(__file__).parent


def head() -> str:
    """The revision that this program writes."""
    found = _scripts().get_current_head()
    assert found is not None
    return found


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables that are there; None where there are none. Reads only."""
    return MigrationContext.configure(connection).get_current_revision()


def refuse_newer(revision: str | None) -> None:
    """Let what this program knows pass.

    :raises LedgerTooNew: a newer program wrote it.
    """
    if revision is not None and revision not in {script.revision for script in _scripts().walk_revisions()}:
        raise LedgerTooNew(
            f"the ledger is of revision {revision}, written by a newer program; this one knows up to {head()} and must not "
            "touch it: start the newer program, or restore the copy that it made before it upgraded the ledger"
        )


def upgrade(connection: Connection, keep: Callable[[str], None]) -> None:
    """Bring the tables to what this program expects, all in one transaction. Safe to repeat.

    :param keep: called with the revision of older tables before anything in them changes; makes the copy.
    :raises LedgerTooNew: where the tables are of a revision that this program does not know.
    """
    with connection.begin():
        current = revision_of(connection)
    if current == head():
        return
    refuse_newer(current)
    if current is not None:
        keep(current)
    with connection.begin():
        build(connection, "head")


def build(connection: Connection, revision: str) -> None:
    """Bring the tables to ``revision``, in the transaction that ``connection`` is in."""
    config = Config()
    config.set_main_option("script_location", str(HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(HERE))
