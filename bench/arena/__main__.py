"""``python -m bench.arena [--seeds 100-109] [--days 31] [--policies ours mirror:0.005 ...] [--market base] [--jobs 1]``."""

import argparse
from decimal import Decimal
from time import perf_counter
from typing import get_args

from bench.arena.contest import NAMES, REPORTING, Task, contest, rule_of, sandbox_settings
from bench.arena.market import Kind
from bench.arena.report import beside_first, table


def main() -> None:
    """Run the contest and print it."""
    parser = argparse.ArgumentParser(prog="python -m bench.arena", description="The pool and its peers on one seeded market.")
    parser.add_argument("--seeds", type=_seeds, default=REPORTING, help="e.g. 0-4 (for tuning) or 100-109 (for reporting)")
    parser.add_argument("--days", type=int, default=31, help="how long a market lasts")
    parser.add_argument("--policies", nargs="+", type=_policy, default=NAMES, metavar="NAME[:NUMBER or KEY=VALUE,...]")
    parser.add_argument("--market", choices=get_args(Kind), default="base")
    parser.add_argument("--quote-size", type=Decimal, help="BTC, for everybody; the sandbox's if not given")
    parser.add_argument("--jobs", type=int, default=1, help="processes at a time")
    chosen = parser.parse_args()
    start = perf_counter()
    # Read once: a long contest does not notice that somebody edits the config meanwhile.
    settings = sandbox_settings()
    if chosen.quote_size is not None:
        settings = settings.replace(quote_size=chosen.quote_size)
    tasks = [Task(policy, seed, chosen.days, chosen.market, settings) for seed in chosen.seeds for policy in chosen.policies]
    results = contest(tasks, chosen.jobs)
    print(table(results))
    print(beside_first(results))
    print(f"market {chosen.market}, {chosen.days} days, seeds {chosen.seeds}, {perf_counter() - start:.0f} s")


def _seeds(text: str) -> tuple[int, ...]:
    first, _, last = text.partition("-")
    return tuple(range(int(first), int(last or first) + 1))


def _policy(text: str) -> str:
    try:
        rule_of(text)
    except ValueError as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from None
    return text


if __name__ == "__main__":
    main()
