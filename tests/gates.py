"""``python -m tests.gates``: whether the last ``make test`` has run enough of the code; if not, where, with exit code 1.

Statements and branches count alike, and those run by the processes that tests start count too. A process that a test kills
takes its share with it.
"""

import os
import sys

from coverage import Coverage

#: Where money is valued, decided on, traded, moved and remembered.
MONEY = ("model", "market", "optimizer", "trader", "execution", "ledger")
#: Percent of all that must have run, and of the money rooms.
ALL, MOST = 90.0, 97.0


def main() -> int:
    """Combine what the processes have left, and judge."""
    coverage = Coverage()
    coverage.combine()
    coverage.save()
    is_enough = True
    for name, include, least in (("all rooms", None, ALL), ("money rooms", [f"{room}/*" for room in MONEY], MOST)):
        with open(os.devnull, "w") as nowhere:
            share = coverage.report(include=include, file=nowhere)
        sys.stdout.write(f"{name}: {share:.1f} % of statements and branches were run, at least {least:g} % must be\n")
        if share < least:
            is_enough = False
            coverage.report(include=include, skip_covered=True, show_missing=True, file=sys.stdout)
    return 0 if is_enough else 1


if __name__ == "__main__":
    raise SystemExit(main())
