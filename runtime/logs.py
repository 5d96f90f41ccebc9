"""The process's log: lines for people or JSON on stderr, optionally JSON lines in a file too, and no secret in either.

What belongs together has the same ids in its fields, by the names that they have in the ledger: ``fill``, ``order``,
``intent``, ``obligation``, ``decision``.

Everything ends here: Twisted's own events, those of Python's ``logging`` (SQLAlchemy, alembic) and warnings.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, quote_plus

from attrs import frozen
from twisted.internet.protocol import Factory
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogEvent,
    Logger,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    formatEvent,
    globalLogBeginner,
    globalLogPublisher,
)
from zope.interface import implementer

from runtime.config_values import LogOptions
from runtime.log_file import RotatingFile
from web.log_lines import LogLine, LogRing

HIDDEN = "<secret>"
#: A shorter text is part of too many ordinary words to be told from them.
_SHORTEST = 4
_LIBRARIES = ("twisted", "log_legacy")
_LEVELS = {
    logging.DEBUG: LogLevel.debug,
    logging.INFO: LogLevel.info,
    logging.WARNING: LogLevel.warn,
    logging.ERROR: LogLevel.error,
    logging.CRITICAL: LogLevel.critical,
}


class Stream(Protocol):
    """What lines are written to."""

    def write(self, text: str, /) -> object:
        """Append."""

    def flush(self) -> None:
        """Hold nothing back."""


class Redactor:
    """Replaces secrets in texts, also in the spellings that a URL, a repr or JSON gives them."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets if len(secret) >= _SHORTEST for spelling in _spellings(secret)}
        # The longest first, so that no part of one is left standing because another is its beginning.
        longest_first = sorted(spellings, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def clean(self, text: str) -> str:
        """``text`` without the secrets."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text


def _spellings(secret: str) -> set[str]:
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1], json.dumps(secret)[1:-1]}


@implementer(ILogObserver)
@frozen
class TextObserver:
    """Writes ``2026-11-21T13:59:04Z INFO [trader.cycle] words``, tracebacks below."""

    stream: Stream
    redactor: Redactor

    def __call__(self, event: LogEvent) -> None:
        text = eventAsText(event, includeTraceback=True, includeTimestamp=False, includeSystem=False)
        line = f"{_time(event)} {_level(event).upper():<5} [{event.get('log_namespace', '-')}] {text}"
        self.stream.write(self.redactor.clean(line).rstrip("\n") + "\n")
        self.stream.flush()


@implementer(ILogObserver)
@frozen
class JsonObserver:
    """Writes one object a line: time, level, namespace, text, the event's own fields as texts, and the traceback if any.

    Twisted's own observer cannot write ``Decimal`` and writes whole failures, with their frames.
    """

    stream: Stream
    redactor: Redactor

    def __call__(self, event: LogEvent) -> None:
        found = {"time": _time(event), "level": _level(event), "namespace": str(event.get("log_namespace", "-"))}
        found["text"] = formatEvent(event)
        fields = {key: value for key, value in event.items() if not key.startswith("log_") and value is not None}
        found |= {key: str(value) for key, value in fields.items() if key not in found}
        if "log_failure" in event:
            found["traceback"] = event["log_failure"].getTraceback()
        clean = {key: self.redactor.clean(value) for key, value in found.items()}
        self.stream.write(json.dumps(clean, ensure_ascii=False) + "\n")
        self.stream.flush()


@implementer(ILogObserver)
@frozen
class RingObserver:
    """Keeps the newest events for the console's Log page."""

    ring: LogRing
    redactor: Redactor

    def __call__(self, event: LogEvent) -> None:
        text = eventAsText(event, includeTraceback=True, includeTimestamp=False, includeSystem=False)
        at = int(event["log_time"] * 1_000_000)
        self.ring.add(LogLine(at, _level(event), str(event.get("log_namespace", "-")), self.redactor.clean(text)))


def keep(ring: LogRing, level: str, secrets: Iterable[str]) -> Callable[[], None]:
    """Let ``ring`` have everything of at least ``level`` that is logged from now on, until the result is called."""
    observer = FilteringLogObserver(RingObserver(ring, Redactor(secrets)), [_wanted(level)])
    globalLogPublisher.addObserver(observer)
    return lambda: globalLogPublisher.removeObserver(observer)


def start(level: str, stream: Stream, options: LogOptions | None, secrets: Iterable[str]) -> None:
    """Send everything that is logged from now on to ``stream``, and to the file of ``options`` if it names one; None: as text,
    to ``stream`` only. Once per process.

    :raises OSError: if the file cannot be opened.
    """
    redactor = Redactor(secrets)
    is_json = options is not None and options.format == "json"
    observers: list[ILogObserver] = [JsonObserver(stream, redactor) if is_json else TextObserver(stream, redactor)]
    if options is not None and options.json_file:
        observers.append(JsonObserver(_file(options, options.json_file), redactor))
    wanted = _wanted(level)
    # Standard output stays the program's own: the console's address, a dry run's answer.
    globalLogBeginner.beginLoggingTo([FilteringLogObserver(one, [wanted]) for one in observers], redirectStandardIO=False)
    logging.basicConfig(handlers=[_FromLogging()], level=logging.WARNING, force=True)


def _file(options: LogOptions, path: str) -> RotatingFile:
    most, seconds = options.rotate_mb * 1_000_000, float(options.rotate_hours) * 3600
    return RotatingFile(Path(path), most, seconds, options.keep_files, lambda: datetime.now(UTC))


def _wanted(level: str) -> LogLevelFilterPredicate:
    """What is at least ``level``; of the libraries' own telling only what is wrong, unless everything is asked for."""
    wanted = LogLevelFilterPredicate(LogLevel.levelWithName(level))
    if level == "info":
        Factory.noisy = False  # Each socket would announce itself, in the name of whose factory it is.
        for namespace in _LIBRARIES:
            wanted.setLogLevelForNamespace(namespace, LogLevel.warn)
        # It warns of each socket that does not come up, which our own links tell in the operator's words.
        wanted.setLogLevelForNamespace("autobahn", LogLevel.error)
    return wanted


class _FromLogging(logging.Handler):
    """Python's own log records, as events."""

    def emit(self, record: logging.LogRecord) -> None:
        level = _LEVELS.get(record.levelno, LogLevel.warn)
        text = self.format(record)
        Logger(namespace=record.name).emit(level, "{text}", text=text)


def _time(event: LogEvent) -> str:
    moment = datetime.fromtimestamp(event["log_time"], UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _level(event: LogEvent) -> Any:
    level = event.get("log_level")
    return level.name if level is not None else "info"
