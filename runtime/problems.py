"""What can be wrong before the pool runs, in words for the person who must put it right."""

from collections.abc import Iterable

from attrs import frozen


@frozen
class Problem:
    """One thing wrong with a config. ``line`` is None where there is no file; ``key`` is empty for a whole section."""

    file: str
    line: int | None
    section: str
    key: str
    text: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        section = f" [{self.section}]" if self.section else ""
        key = f" {self.key}" if self.key else ""
        return f"{place}{section}{key}: {self.text}"


class ConfigError(Exception):
    """The config cannot be used; ``problems`` are all that were found. Nothing was started. Exit code 2."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class CannotStart(Exception):
    """The config is sound and the pool still cannot start; the text is one clear sentence. Exit code 3."""


class CannotDo(Exception):
    """What was asked for cannot be done; the text is one clear sentence. Nothing was changed. Exit code 3."""


class Refused(Exception):
    """What was asked for would lose something; the text says what, and how to insist where one may. Nothing was changed.
    Exit code 5."""
