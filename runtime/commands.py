"""What the first word of the command line may be instead of an option: each command with its words and what it does.

The parsers are made without importing what the commands need, so that help and completion are there at once.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from getpass import getpass
from pathlib import Path
from typing import Final

from attrs import frozen

from runtime.config_values import Config
from runtime.exits import Exit
from runtime.options import Options, add_common, beside_pool, program, say_and_end, with_config
from runtime.printing import print_json, say
from runtime.problems import CannotDo

SHELLS: Final = ("bash", "zsh", "fish")
#: What can be exported; :mod:`runtime.exporting` has a source for each.
TABLES: Final = ("orders", "fills", "transits", "ledger", "pnl")
#: More decisions than any ledger keeps.
MOST_REPLAYED: Final = 1_000_000


@frozen
class Command:
    """``summary`` is its line in the help; ``add`` adds its words to a parser; ``run`` does it and gives the exit code."""

    name: str
    summary: str
    add: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], int]

    def parser(self) -> ArgumentParser:
        """Its parser."""
        parser = ArgumentParser(
            prog=f"{program()} {self.name}",
            description=f"{self.summary[0].upper()}{self.summary[1:]}.",
            epilog=f"Exit codes: {program()} --help lists them.",
            allow_abbrev=False,
        )
        self.add(parser)
        parser.add_argument("--json", action="store_true", help="print JSON")
        return parser

    def main(self, argv: Sequence[str]) -> int:
        """Do it; the exit code. Ends the process (argparse's way, code 0 or 2) for ``--help`` and mistakes."""
        found = self.parser().parse_args(argv)
        try:
            return self.run(found)
        except CannotDo as error:
            return say_and_end(str(error), Exit.CANNOT)


def _options(found: Namespace) -> Options:
    return Options(found.config, found.log_level, json=found.json)


def _check(found: Namespace) -> int:
    from runtime import checking

    return checking.main(found.config, found.json)


def _add_check(parser: ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=Path("ilp.ini"), metavar="FILE", help="the config (default: ilp.ini)")


def _venues(found: Namespace) -> int:
    from runtime import venues

    return venues.main(found.names, found.json)


def _add_venues(parser: ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="a class by its dotted name, e.g. clients.ccxt.kraken")


def _status(found: Namespace) -> int:
    from runtime import status

    return beside_pool(_options(found), lambda config, options: status.run(config, options.json))


def _backup(found: Namespace) -> int:
    from runtime import backup

    return beside_pool(_options(found), lambda config, options: backup.run(config, found.to, options.json))


def _add_backup(parser: ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument(
        "--to", type=Path, default=Path(), metavar="PLACE", help="the file, or the folder that it goes to (default: this one)"
    )


def _restore(found: Namespace) -> int:
    from runtime import restore

    return beside_pool(_options(found), lambda config, options: restore.run(config, found.file, found.force, options.json))


def _add_restore(parser: ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument("file", type=Path, metavar="FILE", help="what backup wrote, or the copy that an upgrade made")
    parser.add_argument(
        "--force", action="store_true", help="put it in the place of the ledger that is there, which is kept beside it"
    )


def _export(found: Namespace) -> int:
    from runtime.exporting import Wanted, run

    is_json = found.json or found.format == "json"
    wanted = Wanted(found.table, found.since, found.until, is_json, found.output, found.force)
    return beside_pool(_options(found), lambda config, _options: run(config, wanted))


def _add_export(parser: ArgumentParser) -> None:
    add_common(parser)
    parser.add_argument("table", choices=TABLES, help="what is exported")
    when = "UTC, e.g. 2026-11-21 or 2026-11-21T13:00"
    parser.add_argument("--from", dest="since", type=moment, metavar="TIME", help=f"no earlier than this ({when})")
    parser.add_argument("--to", dest="until", type=moment, metavar="TIME", help="and before this (default: now)")
    parser.add_argument("--format", choices=("csv", "json"), default="csv", help="default: csv")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--force", action="store_true", help="write over FILE")


def _replay(found: Namespace) -> int:
    from runtime import replaying

    return beside_pool(_options(found), lambda config, options: replaying.run(config, found.decision, found.last, options.json))


def _add_replay(parser: ArgumentParser) -> None:
    add_common(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--decision", action="append", metavar="ID", help="this decision; may be said more than once")
    which.add_argument("--last", type=how_many, metavar="NUMBER", help="so many of the newest")


def _watchdog(found: Namespace) -> int:
    def run(config: Config, options: Options) -> int:
        from runtime import watchdog

        return watchdog.run(config, options)

    return with_config(_options(found), run)


def _notify_test(found: Namespace) -> int:
    def run(config: Config, options: Options) -> int:
        from runtime import notify_test

        return notify_test.run(config, options)

    return with_config(_options(found), run)


def _hash_password(found: Namespace) -> int:
    from runtime import passwords

    if sys.stdin.isatty():
        password = getpass("Password: ")
        if getpass("Once more: ") != password:
            return say_and_end("the two passwords differ; nothing was hashed", Exit.BAD_CONFIG)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        return say_and_end("the password is empty; nothing was hashed", Exit.BAD_CONFIG)
    hashed = passwords.hash_password(password)
    if found.json:
        print_json({"hash": hashed})
    else:
        say(hashed)
    return Exit.DONE


def _examples(found: Namespace) -> int:
    from runtime import examples

    return examples.run(found.name, found.json)


def _add_examples(parser: ArgumentParser) -> None:
    parser.add_argument("name", nargs="?", metavar="NAME", help="print this one, e.g. sandbox.ini")


def _completion(found: Namespace) -> int:
    from runtime import completion

    script = completion.script(found.shell)
    if found.json:
        print_json({"shell": found.shell, "script": script})
    else:
        say(script.removesuffix("\n"))
    return Exit.DONE


def _add_completion(parser: ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="for which shell")


def _nothing(_parser: ArgumentParser) -> None:
    """What a command adds that takes no words of its own."""


def moment(text: str) -> datetime:
    """A date or time as ISO 8601 has it; UTC where it does not say.

    :raises ArgumentTypeError: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"got {text!r}; allowed: a date or time, e.g. 2026-11-21 or 2026-11-21T13:00") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def how_many(text: str) -> int:
    """A whole number from 1 to :data:`MOST_REPLAYED`.

    :raises ArgumentTypeError: it is none.
    """
    # Not by int() first, which takes 1_0 too, and complains of long texts in words of its own.
    if not text.isdecimal() or len(text) > len(str(MOST_REPLAYED)) or not 1 <= int(text) <= MOST_REPLAYED:
        raise ArgumentTypeError(f"got {text!r}; allowed: a whole number from 1 to {MOST_REPLAYED}")
    return int(text)


#: In the order of the help.
COMMANDS: Final[Mapping[str, Command]] = {
    command.name: command
    for command in (
        Command("check", "connect to the exchanges of a config, check it against them, trade nothing", _add_check, _check),
        Command("status", "say how the running pool is; if none runs, what its ledger says", add_common, _status),
        Command("backup", "copy the ledger, while the pool runs too, and the config without secrets", _add_backup, _backup),
        Command("restore", "put a backup in the place of the ledger, while no pool runs", _add_restore, _restore),
        Command("export", "write orders, fills, transfers, postings or the result as CSV or JSON", _add_export, _export),
        Command("replay", "decide a past decision again, and compare field by field", _add_replay, _replay),
        Command("venues", "show what each client can do", _add_venues, _venues),
        Command("watchdog", "run beside the pool, and cancel its orders when it is dead", add_common, _watchdog),
        Command("notify-test", "send one message by every channel of [notify]", add_common, _notify_test),
        Command("hash-password", "read a password and print its hash for [users]", _nothing, _hash_password),
        Command("examples", "list the examples of configs, or print one", _add_examples, _examples),
        Command("completion", "print a script that completes this command line in a shell", _add_completion, _completion),
    )
}
