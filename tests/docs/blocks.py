"""The fenced blocks of the documents, and what the comment above each says about it.

==================================== ====================================================================================
comment on the line above            meaning
==================================== ====================================================================================
(none)                               a block of the language ``sh`` is run, and must end with 0
``exit code: N``                     it must end with N
``runs until stopped: TEXT``         it is started, and must print TEXT; it goes on while the next blocks are run
``needs: PROGRAM``                   it is left out where there is no such program
``not run: REASON``                  it is only read: its words are checked against the parsers
``file: NAME``                       the block is this file, which the next commands need
``stop``                             (no block) a person presses Ctrl-C here
==================================== ====================================================================================
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parents[2]
_FENCE = re.compile(r"^(\s*)```(\S*)(?: .*)?$")
_MARK = re.compile(r"^\s*<!-- ([a-z ]+)(?:: (.+))? -->$")
#: What needs no block.
_ALONE = "stop"


@frozen
class Block:
    """One of them. ``mark`` and ``about`` are the comment's two parts; empty where there is none."""

    page: str
    line: int
    language: str
    text: str
    mark: str = ""
    about: str = ""

    @property
    def place(self) -> str:
        """For people."""
        return f"{self.page}:{self.line}"

    @property
    def is_run(self) -> bool:
        """Whether it holds commands that are run."""
        return self.language == "sh" and self.mark != "not run"


@cache
def blocks() -> tuple[Block, ...]:
    """All blocks of all documents, page by page."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return tuple(block for page in pages for block in _of(page))


def _of(page: Path) -> Iterator[Block]:
    name = str(page.relative_to(ROOT))
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    mark = about = ""
    for number, line in lines:
        if found := _MARK.match(line):
            mark, about = found[1], found[2] or ""
            if mark == _ALONE:
                yield Block(name, number, "", "", mark)
            continue
        if fence := _FENCE.match(line):
            text = "".join(f"{each.removeprefix(fence[1])}\n" for each in _until_fence(lines, fence[1]))
            yield Block(name, number, fence[2], text, mark, about)
        mark = about = ""


def _until_fence(lines: Iterator[tuple[int, str]], indent: str) -> Iterator[str]:
    for _, line in lines:
        if line == f"{indent}```":
            return
        yield line
