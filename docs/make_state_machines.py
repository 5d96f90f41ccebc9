"""Draw the state machines from their own tables: ``python docs/make_state_machines.py`` writes docs/state-machines.md."""

import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from execution import child_order  # noqa: E402  # the checkout need not be installed
from trader import machine  # noqa: E402

MACHINES = {
    "The pool": ("trader/machine.py", machine.TABLE),
    "One order": ("execution/child_order.py", child_order.TABLE),
}


def diagram(table: Mapping[tuple[str, str], tuple[str, str]]) -> str:
    """A table as a Mermaid state diagram; pairs that change nothing are left out of the picture, not of the table."""
    (first, _event) = next(iter(table))
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first}"]
    for (state, event), (target, action) in table.items():
        if state != target or action:
            lines.append(f"    {state} --> {target}: {event}{f' / {action}' if action else ''}")
    return "\n".join([*lines, "```"])


def page() -> str:
    """The whole page."""
    parts = [
        "# The state machines",
        "Made from the tables in the code by `python docs/make_state_machines.py`; a test keeps them the same. An arrow says"
        "\n`input / what is asked for`. Every (state, input) pair is in the table; those that change nothing are not drawn.",
    ]
    for title, (where, table) in MACHINES.items():
        parts += [f"## {title}\n\n`{where}`", diagram(table)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "state-machines.md").write_text(page(), encoding="utf-8")
