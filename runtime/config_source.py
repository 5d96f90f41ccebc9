"""A config file as text by section and key, each with the line where it stands.

The form is that of Python's configparser with the seed's habits taken literally: ``key = value``, keys and sections as they are
spelled (``USD`` is not ``usd``), ``%`` means nothing special, ``#`` and ``;`` start a comment only at the start of a line
(a secret may hold either), UTF-8.
"""

from collections.abc import Mapping
from configparser import Error, RawConfigParser
from pathlib import Path

from attrs import Factory, define, field, frozen

from runtime.problems import ConfigError, Problem


@frozen
class Source:
    """What a config says: ``sections``, and where: ``lines`` by (section, key), the section itself under the key ``""``.

    ``problems``: what stands there twice.
    """

    name: str
    sections: Mapping[str, Mapping[str, str]]
    lines: Mapping[tuple[str, str], int] = field(factory=dict)
    problems: tuple[Problem, ...] = ()

    def problem(self, section: str, key: str, text: str) -> Problem:
        """A problem at the place of ``key``; where that is missing, of its section; where that is too, of the file."""
        line = self.lines.get((section, key), self.lines.get((section, ""), 1)) if self.lines else None
        return Problem(self.name, line, section, key, text)


def read(path: Path) -> Source:
    """Read ``path``.

    :raises ConfigError: for all that is not of the form.
    :raises OSError: if it cannot be read.
    """
    name = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError([Problem(name, line, "", "", "this is not UTF-8 text; save the file as UTF-8")]) from None
    scan = _Scan(name)
    for number, content in enumerate(text.splitlines(), 1):
        scan.line(number, content)
    return Source(name, _parse(name, text, scan.problems), scan.lines, tuple(scan.problems))


def _parse(name: str, text: str, known: list[Problem]) -> dict[str, dict[str, str]]:
    # Not strict: what stands twice has been found by the scan, which, unlike configparser, does not stop at the first.
    # No section plays the part of configparser's DEFAULT, whose keys would silently appear in all others.
    parser = RawConfigParser(
        delimiters=("=",), strict=False, empty_lines_in_values=False, default_section="\0", interpolation=None
    )
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text, name)
    except Error as error:
        # Its own text quotes the file, which may hold secrets.
        raise ConfigError(known or [Problem(name, 1, "", "", f"no config file ({type(error).__name__})")]) from None
    return {section: dict(parser.items(section)) for section in parser.sections()}


@define
class _Scan:
    """Where each section and key stands, and what is wrong with the form."""

    name: str
    lines: dict[tuple[str, str], int] = Factory(dict)
    problems: list[Problem] = Factory(list)
    section: str = ""
    key: str = ""

    def line(self, number: int, content: str) -> None:
        text = content.strip()
        if not text:
            self.key = ""
        elif text.startswith(("#", ";")) or (self.key and content[0].isspace()):
            return
        elif text.startswith("["):
            self._begin_section(number, text)
        elif not self.section:
            self._complain(number, "", "a line before any [section]; the first must name one, e.g. [modules]")
        else:
            self._begin_key(number, text)

    def _begin_section(self, number: int, text: str) -> None:
        self.section, self.key = text[1:].partition("]")[0], ""
        if text.endswith("]") and self.section:
            self._note(number, "")
        else:
            self._complain(number, "", f"got {text!r}; a section's line is its name in brackets and nothing else")

    def _begin_key(self, number: int, text: str) -> None:
        key, equals, _ = text.partition("=")
        self.key = key.strip()
        if equals and self.key:
            self._note(number, self.key)
        else:
            # Not quoted: it may be a piece of a secret.
            self._complain(number, "", "each line is key = value, a [section], or a comment starting with #; this is none")

    def _note(self, number: int, key: str) -> None:
        before = self.lines.setdefault((self.section, key), number)
        if before != number:
            what = "this key" if key else "this section"
            self._complain(number, key, f"{what} stands already in line {before}; keep one of them")

    def _complain(self, number: int, key: str, text: str) -> None:
        self.problems.append(Problem(self.name, number, self.section, key, text))
