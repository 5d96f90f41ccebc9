"""docs/laws.md names tests that exist, and leaves out no law, limit, fault or scenario."""

import ast
import re
from pathlib import Path
from unittest import TestCase

import attrs

from model.limits import Limits
from sandbox.faults import Kind

TESTS = Path(__file__).parents[1]
LAWS = TESTS.parent / "docs" / "laws.md"
SCENARIOS = "a a2 a3 a4 b b2 b3 b4 b5 c c2 c3 d d2 d3 d4 d2b d6 d7 e e2 f f2 f3 f4 g g2"


def names_in(path: Path) -> set[str]:
    """The names of all tests that a file defines."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


class LawsTests(TestCase):
    """The list is complete and true."""

    def setUp(self) -> None:
        self.text = LAWS.read_text(encoding="utf-8")
        self.first_cells = [line.split("|")[1].strip() for line in self.text.splitlines() if line.startswith("|")]

    def test_every_test_exists(self) -> None:
        """Each test that is named is there under that name."""
        named = re.findall(r"`([\w/]+\.py)::(\w+)`", self.text)
        self.assertGreater(len(named), 80)
        missing = [f"{path}::{name}" for path, name in named if name not in names_in(TESTS / path)]
        self.assertEqual(missing, [])

    def test_every_law(self) -> None:
        """All nine laws of money."""
        laws = {cell[0] for cell in self.first_cells if re.match(r"\d\. ", cell)}
        self.assertEqual(laws, set("123456789"))

    def test_every_limit(self) -> None:
        """Every limit has its line."""
        words = {word for cell in self.first_cells for word in re.findall(r"`(\w+)`", cell)}
        limits = {field.name for field in attrs.fields(Limits)}
        self.assertEqual(limits - words, set())

    def test_every_fault(self) -> None:
        """Every kind of fault that the sandbox can make has its line."""
        words = {word for cell in self.first_cells for word in re.findall(r"`(\w+)`", cell)}
        self.assertEqual({kind.value for kind in Kind} - words, set())

    def test_every_scenario(self) -> None:
        """Every scenario that the peer was measured in has its line."""
        self.assertEqual(set(SCENARIOS.split()) - set(self.first_cells), set())
