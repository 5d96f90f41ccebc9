"""The reference is complete: whatever an operator can write, type, ask or be told has its line."""

import os
import re
from pathlib import Path
from unittest import TestCase, mock

from clients.errors import Reason
from docs import from_code
from docs.state_diagrams import drawing
from execution import child_order
from model.notice import KINDS
from runtime.commands import COMMANDS
from runtime.config_sections import FREE, KEYED
from runtime.exits import Exit
from runtime.gauges import GAUGES
from runtime.metrics import AROUND
from runtime.options import pool_parser
from runtime.parameters import PARAMETERS
from tests.docs.blocks import ROOT
from trader import machine

DOCS = ROOT / "docs"


def rows(text: str) -> list[list[str]]:
    """The cells of each line of the tables."""
    cells = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in cells]


class ReferenceTests(TestCase):
    """Made from the code, so that only what is left out could be wrong."""

    def test_every_part_has_a_place(self) -> None:
        """No part is made for nothing, and every page gets what it asks for."""
        asked = {name for page in DOCS.rglob("*.md") for name in from_code.PLACE.findall(page.read_text(encoding="utf-8"))}
        self.assertEqual(asked, set(from_code.PARTS))
        self.assertNotIn("<!-- from the code", from_code.filled((DOCS / "reference" / "config.md").read_text(encoding="utf-8")))

    def test_every_key(self) -> None:
        """Each with its default, unit and meaning, in its section."""
        text = from_code.config()
        for section in KEYED | FREE:
            self.assertIn(f"## [{section}]\n", text)
        for p in PARAMETERS:
            section, _, key = p.name.partition(".")
            part = text.partition(f"## [{section}]\n")[2].partition("\n## ")[0]
            (row,) = [row for row in rows(part) if row[0] == f"`{key}`"]
            default = "must be written" if p.default is None else f"`{p.default}`" if p.default else "empty"
            self.assertEqual(row[1:3], [default, p.unit], p.name)
            self.assertEqual(row[3].lower(), p.help.lower(), p.name)

    def test_every_command_and_word(self) -> None:
        """Each command has its chapter, and each option of it a line."""
        text = from_code.command_line()
        for name, parser in {"(the pool)": pool_parser(), **{n: c.parser() for n, c in COMMANDS.items()}}.items():
            part = text.partition(f"## {name}\n")[2].partition("\n## ")[0]
            for action in parser._actions:
                for word in action.option_strings or [str(action.metavar or action.dest)]:
                    self.assertRegex(part, rf"\| `[^`]*{re.escape(word)}", f"{name} {word}")

    def test_the_width_of_a_terminal_is_left_alone(self) -> None:
        """The page is the same wherever it is made."""
        with mock.patch.dict(os.environ, {"COLUMNS": "40"}):
            narrow = from_code.command_line()
            self.assertEqual(os.environ["COLUMNS"], "40")
        with mock.patch.dict(os.environ, {"COLUMNS": "300"}):
            self.assertEqual(narrow, from_code.command_line())

    def test_every_exit_code(self) -> None:
        """All that the program can end with."""
        self.assertEqual([row[0] for row in rows(from_code.exit_codes())[2:]], [str(code.value) for code in Exit])

    def test_every_call(self) -> None:
        """All routes of the API, with what they take."""
        found = {row[0]: row for row in rows(from_code.api())}
        for route in from_code.routes():
            path = re.sub(r"<(\w+)>", r"{\1}", route.path)
            row = found[f"`{route.method} {path}`"]
            self.assertEqual(row[1], route.role)
            for word in route.query:
                self.assertIn(f"`{word}` (query)", row[3])

    def test_every_metric(self) -> None:
        """What is read off the pool, and what it counts itself."""
        found = {row[0].strip("`") for row in rows(from_code.metrics())}
        self.assertEqual({f"ilp_{name}" for name in {**GAUGES, **AROUND}} - found, set())
        self.assertLessEqual({"ilp_decisions_total", "ilp_fill_to_hedge_seconds"}, found)

    def test_every_alert(self) -> None:
        """All rules of the file."""
        written = set(re.findall(r"- alert: (\w+)", from_code.ALERTS.read_text(encoding="utf-8")))
        self.assertEqual({row[0].strip("`") for row in rows(from_code.alerts())[2:]}, written)

    def test_every_event_and_reason(self) -> None:
        """Whatever people are told of, and why a venue refuses."""
        self.assertEqual([row[0].strip("`") for row in rows(from_code.events())[2:]], list(KINDS))
        for reason in Reason:
            self.assertIn(f"`{reason.name}`", from_code.outcomes())


class DiagramTests(TestCase):
    """What is drawn."""

    def test_every_transition(self) -> None:
        """Each state has a box, and what leads from it is written beside an arrow, or in the box where it leads nowhere."""
        for table in (machine.TABLE, child_order.TABLE):
            lines = [f"{s} --> {t}: {e}{f' / {a}' if a else ''}" for (s, e), (t, a) in table.items() if s != t or a]
            svg = drawing(lines)
            for state in {state for state, _ in table}:
                self.assertIn(f">{state}</text>", svg)
            for line in lines:
                self.assertIn(f">{line.partition(': ')[2]}</text>", svg)
            ways = {line.partition(":")[0] for line in lines if line.split()[0] != line.split()[2].rstrip(":")}
            self.assertEqual(svg.count('class="way"'), len(ways))

    def test_nothing_to_draw(self) -> None:
        """An empty diagram is a mistake in the page, and told as such."""
        with self.assertRaises(ValueError):
            drawing(["stateDiagram-v2"])


class PageTests(TestCase):
    """The pages as they are written."""

    def test_every_page_is_in_the_tree(self) -> None:
        """No page is left where nobody finds it: Sphinx itself would warn, but only where it is run."""
        trees = "\n".join(page.read_text(encoding="utf-8") for page in DOCS.rglob("index.md"))
        for page in DOCS.rglob("*.md"):
            name = page.stem if page.name != "index.md" else f"{page.parent.name}/index"
            if page != DOCS / "index.md":
                self.assertRegex(trees, rf"(?m)^(\.\./)?{re.escape(name)}$", str(page))

    def test_nothing_is_loaded_from_elsewhere(self) -> None:
        """The site is read without a network: no page brings a picture or a program of another place."""
        for page in [ROOT / "README.md", *DOCS.rglob("*.md"), *DOCS.rglob("*.css")]:
            self.assertEqual(
                re.findall(r"!\[[^]]*\]\(https?:|<script|@import|url\(", Path(page).read_text(encoding="utf-8")), [], page
            )
