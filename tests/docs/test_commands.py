"""What the documents tell people to type works, and what they tell people to write is understood."""

import json
import re
import shlex
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from unittest import SkipTest, TestCase

import pytest

from runtime.commands import COMMANDS
from runtime.config import load
from runtime.config_source import read
from runtime.options import pool_parser
from tests.docs.blocks import ROOT, Block, blocks
from tests.docs.reader import Reader, paper_market
from tests.whole.running import edited

#: Blocks that a test cannot run, by the reason that stands above them. The list is to stay short.
NOT_RUN = {
    "internet": 9,
    "root": 3,
    "systemd": 3,
    "docker": 1,
    "long": 3,  # minutes, and measured elsewhere
    "example": 2,  # its ids and files are those of somebody's pool
    "postgresql": 2,
    "crossbar": 2,
}
#: The pages that are read one after the other, by the same person: what goes on goes on from page to page.
FIRST = ("README.md", "CONTRIBUTING.md", "docs/tutorial/first-ten-minutes.md")
PAPER = ("docs/tutorial/paper.md",)
EXAMPLE = ROOT / "ilp_example_config" / "kraken_sputnik.ini"
#: Folders of which a command may name files.
OURS = ("ilp_example_config/", "ops/", "packaging/", "requirements/", "tests/")
LANGUAGES = {"sh", "text", "ini", "json", "python", "mermaid"}
#: What stands between two commands of one line.
_BETWEEN = re.compile(r"[;&|<>]+")


def rest() -> list[str]:
    """Every other page, in the order of the folders."""
    return list(dict.fromkeys(block.page for block in blocks() if block.page not in FIRST + PAPER))


class WrittenTests(TestCase):
    """Without running anything."""

    def test_every_block_says_what_it_is(self) -> None:
        """No command hides in a block without a language."""
        unknown = [
            b.place for b in blocks() if b.language not in LANGUAGES and not b.language.startswith("{") and b.mark != "stop"
        ]
        self.assertEqual(unknown, [])

    def test_what_is_not_run_is_counted(self) -> None:
        """Each block that is only read has one of a few reasons, and they do not become more unnoticed."""
        found = Counter(block.about for block in blocks() if block.mark == "not run")
        self.assertEqual(found, Counter(NOT_RUN))

    def test_what_is_not_run_could_be(self) -> None:
        """A shell understands it; our commands and make know the words."""
        for block in (block for block in blocks() if block.mark == "not run"):
            done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, f"{block.place}: {done.stderr}")
            for words in commands(block):
                self.assertEqual(mistake(words), "", f"{block.place}: {' '.join(words)}")

    def test_mistakes_are_seen(self) -> None:
        """The check itself: a wrong word of ours, a target and a file that there are not."""
        for wrong in (
            "ilp backup --konfig x",
            ".venv/bin/python ilp.py restore",
            "make tset",
            "cp packaging/nothing /etc",
            "python -m bensh",
        ):
            self.assertNotEqual(mistake(wrong.split()), "", wrong)

    def test_configs(self) -> None:
        """Every piece of a config is sound where it stands: in a whole one, with those that the page has before it."""
        found = [block for block in blocks() if block.language == "ini"]
        self.assertGreater(len(found), 15)
        pages: dict[str, str] = {}
        for block in found:
            text = pages[block.page] = with_piece(pages.get(block.page, EXAMPLE.read_text(encoding="utf-8")), block.text)
            with tempfile.TemporaryDirectory() as folder, self.subTest(block.place):
                whole = Path(folder) / "whole.ini"
                whole.write_text(text, encoding="utf-8")
                whole.chmod(0o600)
                load(whole, {}, is_offline=True)


def with_piece(config: str, piece: str) -> str:
    """``config`` with the keys of ``piece`` set, as a person would who follows the page."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.ini"
        path.write_text(piece, encoding="utf-8")
        sections = read(path).sections
    config += "".join(f"\n[{name}]\n" for name in sections if f"\n[{name}]\n" not in config)
    if "secret_file" in sections.get("source_connection", {}):
        config = config.replace("secret = ${KRAKEN_SECRET}\n", "")
    return edited(config, {f"{name}.{key}": value for name, keys in sections.items() for key, value in keys.items()})


def commands(block: Block) -> Iterator[list[str]]:
    """The words of each command, without comments and what a shell does with its output."""
    for line in block.text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for word in [*lexer, ";"]:
            if not _BETWEEN.fullmatch(word):
                words.append(word)
                continue
            if words:
                yield words
            words = []


def mistake(words: list[str]) -> str:
    """What is wrong with a command of ours, or of make; empty for nothing, and for what others must know."""
    for word in words:
        if word.startswith(OURS) and not list(ROOT.glob(word)):
            return f"there is no {word}"
    if words[0] == "make":
        done = subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stderr
    if words[:2] == [".venv/bin/python", "ilp.py"]:
        words = ["ilp", *words[2:]]
    if Path(words[0]).name == "ilp":
        known = COMMANDS.get(words[1])
        try:
            (known.parser() if known else pool_parser()).parse_args(words[2:] if known else words[1:])
        except SystemExit:
            return "these words are none of its own"
    if words[0].endswith("python") and words[1] == "-m" and words[2] != "venv" and find_spec(words[2]) is None:
        return f"there is no {words[2]}"
    return ""


@pytest.mark.slow
@pytest.mark.timeout(300)
class CommandTests(TestCase):
    """Everything else is run, in a copy of the checkout."""

    def setUp(self) -> None:
        for program in ("bash", "make", "curl"):
            if shutil.which(program) is None:
                raise SkipTest(f"there is no {program}")

    def follow(self, reader: Reader, *pages: str) -> None:
        """Read these pages from end to end."""
        for block in blocks():
            if block.page in pages:
                reader.follow(block)
        reader.stop()

    def test_the_first_ten_minutes(self) -> None:
        """The README and the first page of the tutorial: sandbox, what-if, START, STOP, and no order left."""
        with Reader() as reader:
            self.follow(reader, *FIRST)
            started, stopped = (json.loads((reader.folder / name).read_text()) for name in ("started.json", "stopped.json"))
        self.assertEqual(started["trader"]["fsm"]["current_state"], "TRADING")
        self.assertEqual(stopped["trader"]["fsm"]["current_state"], "READY")
        self.assertEqual([stopped["state"][f"{place}_orders"] for place in ("source", "target")], [{}, {}])

    def test_paper(self) -> None:
        """The paper pool trades on venues that are the sandbox's, as it would on the real ones."""
        with paper_market() as text, Reader({"kraken_binance_paper.ini": text}) as reader:
            self.follow(reader, *PAPER)

    def test_the_rest(self) -> None:
        """Every other page."""
        with Reader() as reader:
            self.follow(reader, *rest())
