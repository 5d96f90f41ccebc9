"""The command line: what was asked for, and the one sentence and exit code when it cannot be had.

Exit codes: 0 clean stop, 2 bad config (or command line, or snapshot), 3 cannot start.
"""

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from getpass import getpass
from pathlib import Path
from typing import Final

from attrs import frozen
from twisted.logger import Logger

from runtime import logs, passwords, registry
from runtime.config import CannotStart, Config, ConfigError, Problem, load
from runtime.version import VERSION

CLEAN: Final = 0
BAD_CONFIG: Final = 2
CANNOT_START: Final = 3

_LEVELS = ("debug", "info", "warn", "error", "critical")
_EXAMPLES = "ilp_example_config"
_DESCRIPTION = """\
Runs a liquidity pool: takes liquidity from a source exchange and offers it on a target exchange.

commands:
  check           connect to the exchanges of a config, check it against them, trade nothing
  venues          show what each client can do
  watchdog        run beside the pool, and cancel its orders when it is dead
  notify-test     send one message by every channel of [notify]
  hash-password   ask for a password (or read one line of standard input) and print the hash for [users]
"""
_EPILOG = f"Exit codes: 0 clean stop, 2 bad config, 3 cannot start. Examples of configs are in {_EXAMPLES}/."

log = Logger()


@frozen
class Options:
    """What the command line says. ``log_level`` None: what the config says. ``snapshot`` and ``json`` belong to ``dry_run``."""

    config: Path
    log_level: str | None = None
    dry_run: bool = False
    snapshot: Path | None = None
    json: bool = False


def parse(argv: Sequence[str]) -> Options:
    """Read the command line; ends the process (argparse's way, code 0 or 2) for ``--help``, ``--version`` and mistakes."""
    parser = _parser()
    found: Namespace = parser.parse_args(argv)
    if not found.dry_run and (found.snapshot or found.json):
        parser.error("--snapshot and --json belong to --dry-run")
    return Options(found.config, found.log_level, found.dry_run, found.snapshot, found.json)


def main(argv: Sequence[str]) -> int:
    """Do what the command line says; the exit code."""
    command = COMMANDS.get(argv[0]) if argv else None
    if command:
        return command(argv[1:])
    return _with_config(parse(argv), _run)


def _with_config(options: Options, run: Callable[[Config, Options], int]) -> int:
    redactor = logs.Redactor(())
    try:
        config = _config(options)
        redactor = logs.Redactor(config.secret_texts())
        _start_log(config, options)
        return run(config, options)
    except ConfigError as error:
        return _say(redactor.clean(_worded(options.config, error)), BAD_CONFIG)
    except CannotStart as error:
        return _say(redactor.clean(f"cannot start: {error}"), CANNOT_START)
    except Exception as error:
        # Through the log, where no secret passes; Python's own traceback would show whatever the error quotes.
        log.failure("the pool has stopped over an error in the program")
        return _say(f"cannot start: an error in the program ({type(error).__name__}); the traceback is in the log", CANNOT_START)


def hash_password(argv: Sequence[str]) -> int:
    """``hash-password``: print the hash of a password that is typed twice, or is the one line of standard input."""
    ArgumentParser(prog="ilp.py hash-password", description="Print the argon2 hash of a password, for [users].").parse_args(argv)
    if sys.stdin.isatty():
        password = getpass("Password: ")
        if getpass("Once more: ") != password:
            return _say("the two passwords differ; nothing was hashed", BAD_CONFIG)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        return _say("the password is empty; nothing was hashed", BAD_CONFIG)
    sys.stdout.write(passwords.hash_password(password) + "\n")
    return CLEAN


def venues(argv: Sequence[str]) -> int:
    """``venues``: what each client can do."""
    from runtime import venues as table

    return table.main(argv)


def check(argv: Sequence[str]) -> int:
    """``check``: what a config would meet at its exchanges."""
    from runtime import checking

    return checking.main(argv)


def watchdog(argv: Sequence[str]) -> int:
    """``watchdog``: cancel the pool's orders when the pool is dead."""

    def run(config: Config, options: Options) -> int:
        from runtime import watchdog as dog

        return dog.run(config, options)

    return _with_config(_beside("watchdog", watchdog, argv), run)


def notify_test(argv: Sequence[str]) -> int:
    """``notify-test``: send one message by every channel of [notify]."""

    def run(config: Config, options: Options) -> int:
        from runtime import notify_test as test

        return test.run(config, options)

    return _with_config(_beside("notify-test", notify_test, argv), run)


def _beside(name: str, command: Callable[[Sequence[str]], int], argv: Sequence[str]) -> Options:
    """The options of a command that reads the pool's config and runs beside the pool."""
    parser = ArgumentParser(prog=f"ilp.py {name}", description=command.__doc__, allow_abbrev=False)
    _add_common(parser)
    found = parser.parse_args(argv)
    return Options(found.config, found.log_level)


#: What the first word may be instead of an option.
COMMANDS: Mapping[str, Callable[[Sequence[str]], int]] = {
    "check": check,
    "hash-password": hash_password,
    "notify-test": notify_test,
    "venues": venues,
    "watchdog": watchdog,
}


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="ilp.py", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=RawDescriptionHelpFormatter, allow_abbrev=False
    )
    _add_common(parser)
    parser.add_argument("--version", action="version", version=f"ilp {VERSION}")
    parser.add_argument("--dry-run", action="store_true", help="look once, decide, print, trade nothing")
    parser.add_argument(
        "--snapshot", type=Path, metavar="FILE", help="with --dry-run: decide on this snapshot, connect to nothing"
    )
    parser.add_argument("--json", action="store_true", help="with --dry-run: print one JSON object")
    return parser


def _add_common(parser: ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=Path("ilp.ini"), metavar="FILE", help="the config (default: ilp.ini)")
    parser.add_argument("--log-level", choices=_LEVELS, help="what is less important is not logged (default: as in the config)")


def _config(options: Options) -> Config:
    path = options.config
    try:
        is_offline = options.snapshot is not None
        return load(path, is_offline=is_offline, find=None if is_offline else registry.finder(path))
    except FileNotFoundError:
        raise ConfigError([Problem(str(path), None, "", "", f"there is no such file; {_remedy(path)}")]) from None
    except OSError as error:
        raise ConfigError([Problem(str(path), None, "", "", f"cannot be read: {error.strerror}")]) from None


def _remedy(path: Path) -> str:
    examples = ", ".join(sorted(example.name for example in (Path(__file__).parent.parent / _EXAMPLES).glob("*.ini")))
    named = f" ({examples})" if examples else ""
    return f"copy one of the examples in {_EXAMPLES}/{named} to {path} and edit it, or name another with --config"


def _start_log(config: Config, options: Options) -> None:
    # A dry run is asked for its answer; what the config says of the log is about the pool's own runs.
    level = options.log_level or ("warn" if options.dry_run else config.log.level)
    try:
        logs.start(level, sys.stderr, config.log, config.secret_texts())
    except OSError as error:
        raise CannotStart(f"the log file {config.log.json_file} cannot be opened: {error.strerror}") from None
    for warning in config.warnings:
        log.warn("{warning}", warning=warning)


def _run(config: Config, options: Options) -> int:
    # Imported here, as they bring the numerics, the clients and the reactor; --help and hash-password need none of them.
    if options.dry_run:
        from runtime import dry_run

        return dry_run.run(config, options)
    from runtime import service

    return service.run(config, options)


def _worded(path: Path, error: ConfigError) -> str:
    if len(error.problems) == 1:
        return f"bad config: {error.problems[0]}"
    return f"bad config: {len(error.problems)} problems in {path}\n{error}"


def _say(sentence: str, code: int) -> int:
    sys.stderr.write(f"ilp: {sentence}\n")
    return code
