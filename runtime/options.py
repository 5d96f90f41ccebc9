"""The command line: what was asked for, and the one sentence and exit code when it cannot be had.

Without the name of a command (:mod:`runtime.commands`) it runs the pool. The exit codes are those of :mod:`runtime.exits`.
"""

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import frozen
from twisted.logger import Logger

from ledger.interface import LedgerError
from runtime import logs, registry
from runtime.config import CannotStart, Config, ConfigError, Problem, load
from runtime.exits import Exit, table
from runtime.problems import CannotDo, Refused
from runtime.version import VERSION

_LEVELS = ("debug", "info", "warn", "error", "critical")
_EXAMPLES = "ilp_example_config"

log = Logger()


@frozen
class Options:
    """What the command line says. ``log_level`` None: what the config says. ``snapshot`` belongs to ``dry_run``; ``json``: the
    answer is wanted as JSON."""

    config: Path
    log_level: str | None = None
    dry_run: bool = False
    snapshot: Path | None = None
    json: bool = False


def main(argv: Sequence[str]) -> int:
    """Do what the command line says; the exit code."""
    # Imported here, as the parsers of the commands are made with what stands below.
    from runtime.commands import COMMANDS

    if argv and argv[0] in COMMANDS:
        return COMMANDS[argv[0]].main(argv[1:])
    return with_config(parse(argv), _run)


def parse(argv: Sequence[str]) -> Options:
    """Read the command line; ends the process (argparse's way, code 0 or 2) for ``--help``, ``--version`` and mistakes."""
    parser = pool_parser()
    found: Namespace = parser.parse_args(argv)
    if not found.dry_run and (found.snapshot or found.json):
        parser.error("--snapshot and --json belong to --dry-run")
    return Options(found.config, found.log_level, found.dry_run, found.snapshot, found.json)


def pool_parser() -> ArgumentParser:
    """The parser of the pool itself; its help lists the commands and the exit codes."""
    from runtime.commands import COMMANDS

    listed = "\n".join(f"  {name:<15} {command.summary}" for name, command in COMMANDS.items())
    parser = ArgumentParser(
        prog=program(),
        description=f"Runs a liquidity pool: takes liquidity from a source exchange and offers it on a target exchange.\n\n"
        f"commands (each has its own --help):\n{listed}",
        epilog=f"exit codes:\n{table()}\n\nExamples of configs are in {_EXAMPLES}/, and printed by: {program()} examples",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_common(parser)
    parser.add_argument("--version", action="version", version=f"ilp {VERSION}")
    parser.add_argument("--dry-run", action="store_true", help="look once, decide, print, trade nothing")
    parser.add_argument(
        "--snapshot", type=Path, metavar="FILE", help="with --dry-run: decide on this snapshot, connect to nothing"
    )
    parser.add_argument("--json", action="store_true", help="with --dry-run: print one JSON object")
    return parser


def add_common(parser: ArgumentParser) -> None:
    """What everything takes that needs a config."""
    parser.add_argument("--config", type=Path, default=Path("ilp.ini"), metavar="FILE", help="the config (default: ilp.ini)")
    parser.add_argument("--log-level", choices=_LEVELS, help="what is less important is not logged (default: as in the config)")


def program() -> str:
    """What the program is called here: ``ilp`` where it is installed, ``ilp.py`` in a checkout."""
    name = Path(sys.argv[0]).name
    return name if name.startswith("ilp") else "ilp"


def with_config(options: Options, run: Callable[[Config, Options], int]) -> int:
    """``run`` on the config that ``options`` names; whatever goes wrong is one sentence and its exit code."""
    return _answered(options, run, is_offline=options.snapshot is not None, start_log=_start_log)


def beside_pool(options: Options, run: Callable[[Config, Options], int]) -> int:
    """The same for what only looks at the ledger: keys of exchanges may be missing, and nothing goes into the pool's log."""
    return _answered(options, run, is_offline=True, start_log=_start_quiet_log)


def _answered(
    options: Options,
    run: Callable[[Config, Options], int],
    is_offline: bool,
    start_log: Callable[[Config, Options], None],
) -> int:
    redactor = logs.Redactor(())
    try:
        config = _config(options, is_offline)
        redactor = logs.Redactor(config.secret_texts())
        start_log(config, options)
        return run(config, options)
    except ConfigError as error:
        return say_and_end(redactor.clean(_worded(options.config, error)), Exit.BAD_CONFIG)
    except CannotStart as error:
        return say_and_end(redactor.clean(f"cannot start: {error}"), Exit.CANNOT)
    except (CannotDo, LedgerError) as error:
        return say_and_end(redactor.clean(str(error)), Exit.CANNOT)
    except Refused as error:
        return say_and_end(redactor.clean(f"refused: {error}"), Exit.REFUSED)
    except Exception as error:
        # Through the log, where no secret passes; Python's own traceback would show whatever the error quotes.
        log.failure("the pool has stopped over an error in the program")
        sentence = f"cannot start: an error in the program ({type(error).__name__}); the traceback is in the log"
        return say_and_end(sentence, Exit.CANNOT)


def say_and_end(sentence: str, code: Exit) -> int:
    """Tell the person why it ends like this; the exit code."""
    sys.stderr.write(f"ilp: {sentence}\n")
    return code


def _config(options: Options, is_offline: bool) -> Config:
    path = options.config
    try:
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


def _start_quiet_log(config: Config, options: Options) -> None:
    logs.start(options.log_level or "error", sys.stderr, None, config.secret_texts())


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
