"""``replay``: past decisions, recomputed from what the ledger kept of them, and compared field by field."""

import sys
from collections.abc import Sequence

import attrs
from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import Connection

from ledger.readonly import reader
from ledger.rows import record_of
from ledger.schema import decisions
from model.records import DecisionRecord
from runtime.config_values import Config
from runtime.exits import Exit
from runtime.ledger_place import ledger_url
from runtime.printing import as_time, bar, print_json, say
from runtime.problems import CannotDo
from trader.replaying import Replay, replay


def run(config: Config, ids: Sequence[str] | None, last: int | None, as_json: bool) -> int:
    """Replay the decisions ``ids``, or the ``last`` newest, and print what came of it; whether all came out the same.

    :raises CannotDo: there is no such decision, or it cannot be read.
    """
    found: list[Replay] = []
    with reader(ledger_url(config)) as connection, bar("replaying") as progress:
        wanted = list(ids) if ids else _newest(connection, last or 1)
        for number, id in enumerate(wanted, 1):
            found.append(_replayed(connection, id))
            progress(number, len(wanted))
    if as_json:
        print_json([{**attrs.asdict(each), "is_same": each.is_same} for each in found])
    else:
        say(_shown(found))
    return Exit.DONE if all(each.is_same for each in found) else Exit.FOUND


def _newest(connection: Connection, number: int) -> list[str]:
    """The ids only: the decisions themselves are read one after the other."""
    statement = decisions.select().with_only_columns(decisions.c.id).order_by(decisions.c.timestamp.desc()).limit(number)
    ids = list(connection.execute(statement).scalars())
    if not ids:
        raise CannotDo("the ledger has no decision yet: the pool has not traded, or they were too old to be kept")
    return ids


def _replayed(connection: Connection, id: str) -> Replay:
    row = connection.execute(decisions.select().where(decisions.c.id == id)).mappings().one_or_none()
    if row is None:
        raise CannotDo(f"the ledger has no decision {id}: see the column decision_id of the export of orders")
    try:
        return replay(record_of(DecisionRecord, row))
    except ValueError as trouble:
        raise CannotDo(f"decision {id} cannot be read: {trouble}") from None


def _shown(found: Sequence[Replay]) -> str:
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    with console.capture() as captured:
        _show(found, console)
    return captured.get().rstrip("\n")


def _show(found: Sequence[Replay], console: Console) -> None:
    for each in found:
        outcome = (
            f"the same, all {each.fields} fields" if each.is_same else f"{len(each.differences)} of {each.fields} fields differ"
        )
        console.print(f"{each.id}  {as_time(each.timestamp)}  {each.verdict}: {outcome}")
        if not each.has_guards:
            console.print("  an older program wrote it, which did not keep the limits that had narrowed it: none is applied")
        if each.differences:
            table = Table("field", "then", "now")
            for difference in each.differences:
                table.add_row(difference.field, str(difference.stored), str(difference.again))
            console.print(table)
