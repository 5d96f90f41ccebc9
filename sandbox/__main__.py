"""``python -m sandbox --config ilp.ini``: the sandbox alone, by the file's [sandbox] section (none: all defaults)."""

import argparse
import signal
import sys
from configparser import ConfigParser, Error
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from sandbox.options import BadOptions
from sandbox.service import Sandbox

_STOPPING = (signal.SIGINT, signal.SIGTERM)


def read_section(path: Path) -> dict[str, str]:
    """The raw [sandbox] section of a config file.

    :raises SystemExit: (2) with a sentence, if the file cannot be read.
    """
    parser = ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError, Error) as error:
        _give_up(f"cannot read the config: {error}")
    return dict(parser["sandbox"]) if parser.has_section("sandbox") else {}


def main(arguments: list[str]) -> int:
    """Run until told to stop; 0 after a clean stop, 2 for a bad config, 3 if it cannot start."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--config", type=Path, help="a config file; only its [sandbox] section is read")
    chosen = parser.parse_args(arguments)
    section = read_section(chosen.config) if chosen.config else {}
    reactor: Any = import_module("twisted.internet.reactor")
    try:
        sandbox = Sandbox(section, reactor, lambda: datetime.now(UTC))
    except BadOptions as error:
        _give_up("\n".join(f"[sandbox] {key}: {problem}" for key, problem in error.problems.items()))
    status = [0]

    async def run() -> None:
        try:
            await sandbox.start()
        except Exception as error:
            # The rim of the process: whatever it is, a person must read it and the exit code must tell.
            print(f"cannot start: {error}", file=sys.stderr)  # noqa: T201
            status[0] = 3
            reactor.stop()
            return
        for name, endpoint in sandbox.endpoints.items():
            print(f"{name}: {endpoint}")  # noqa: T201
        for name, (id, secret) in sandbox.credentials.items():
            print(f"{name} login: {id} / {secret}", flush=True)  # noqa: T201

    def stop() -> None:
        for number in _STOPPING:
            # Whoever asks a second time does not want to wait.
            signal.signal(number, signal.SIG_DFL)
        sandbox.stop().addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(lambda: Deferred.fromCoroutine(run()))
    for number in _STOPPING:
        signal.signal(number, lambda *_: reactor.callFromThread(stop))
    reactor.run(installSignalHandlers=False)
    return status[0]


def _give_up(sentence: str) -> Any:
    print(sentence, file=sys.stderr)  # noqa: T201
    raise SystemExit(2)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
