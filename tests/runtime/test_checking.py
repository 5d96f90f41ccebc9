"""``venues`` and ``check`` as a person types them, against a sandbox in a process of its own."""

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar
from unittest import TestCase

from runtime import venues
from tests.runtime.configs import written
from tests.runtime.test_options import ROOT, ilp

PATIENCE = 60


class VenuesTests(TestCase):
    """The table is of the code."""

    def test_table(self) -> None:
        """Every client of ours is a column, and no base of clients is."""
        answer = ilp("venues")
        self.assertEqual(0, answer.returncode, answer.stderr)
        for word in ("Kraken", "Sputnik", "ECB", "placeOrder", "client_id"):
            self.assertIn(word, answer.stdout)
        self.assertNotIn("PolledRates", answer.stdout)

    def test_named(self) -> None:
        """A name shows that client, as JSON too; one that is none is a mistake."""
        found = json.loads(ilp("venues", "kraken.Kraken", "ecb.ECB", "--json").stdout)
        self.assertIn("placeOrder", found["kraken.Kraken"]["methods"])
        self.assertNotIn("placeOrder", found["ecb.ECB"]["methods"])
        self.assertIn("post_only", found["kraken.Kraken"]["capabilities"])
        self.assertEqual(2, ilp("venues", "mtgox.MtGox").returncode)

    def test_what_a_class_lacks(self) -> None:
        """A method that a class says it lacks is not shown, though it is written."""

        class Less:
            lacks = frozenset({"placeOrder"})

            def placeOrder(self) -> None: ...

            def cancelOrder(self) -> None: ...

        self.assertEqual(["cancelOrder"], venues.abilities(Less)["methods"])


class CheckTests(TestCase):
    """A config against the stand-alone sandbox, by the real wires."""

    sandbox: ClassVar["subprocess.Popen[str]"]
    places: ClassVar[dict[str, str]]
    logins: ClassVar[dict[str, tuple[str, str]]]

    @classmethod
    def setUpClass(cls) -> None:
        cls.sandbox = subprocess.Popen(
            [sys.executable, "-m", "sandbox"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        cls.addClassCleanup(cls.end_sandbox)
        cls.places, cls.logins = {}, {}
        assert cls.sandbox.stdout is not None
        for line in cls.sandbox.stdout:
            if found := re.fullmatch(r"(\w+) login: (.+) / (.+)\n", line):
                cls.logins[found[1]] = (found[2], found[3])
            elif found := re.fullmatch(r"(\w+): (\w+://.+)\n", line):
                cls.places[found[1]] = found[2]
            if {"kraken", "sputnik"} <= set(cls.logins):
                return
        raise AssertionError("the sandbox ended")

    @classmethod
    def end_sandbox(cls) -> None:
        cls.sandbox.kill()
        cls.sandbox.wait()
        assert cls.sandbox.stdout is not None
        cls.sandbox.stdout.close()

    def config(self, *changes: tuple[str, str]) -> Path:
        """The sandbox's example pointed at this sandbox, with texts replaced."""
        text = (ROOT / "ilp_example_config" / "sandbox.ini").read_text(encoding="utf-8")
        text = text.partition("# The simulated exchanges, started inside")[0]
        for kind in ("kraken", "sputnik", "ecb"):
            id, secret = self.logins.get(kind, ("", ""))
            place = f"endpoint = {self.places[kind]}\nid = {id}\nsecret = {secret}"
            text = text.replace("endpoint = sandbox", place, 1)
        text = text.replace("operator = heron-copper-41-quay", "operator = $argon2id$x")
        for before, after in changes:
            self.assertIn(before, text)
            text = text.replace(before, after, 1)
        return written(text)

    def check(self, *changes: tuple[str, str], code: int = 0) -> dict[tuple[str, str], Any]:
        """What is found, by place and subject; the exit code must be ``code``."""
        answer = ilp("check", "--config", str(self.config(*changes)), "--json")
        self.assertEqual(code, answer.returncode, answer.stdout + answer.stderr)
        told = json.loads(answer.stdout)
        self.assertEqual(code == 0, told["ok"])
        return {(each["place"], each["subject"]): each for each in told["findings"]}

    def test_all_is_well(self) -> None:
        """Line by line for people, with code 0 and no secret in it."""
        answer = ilp("check", "--config", str(self.config()))
        self.assertEqual(0, answer.returncode, answer.stdout + answer.stderr)
        for line in ("source connection: connected to kraken", "source symbols: trades BTC/USD", "nothing was traded"):
            self.assertIn(line, answer.stdout)
        self.assertNotIn(self.logins["kraken"][1], answer.stdout + answer.stderr)

    def test_wrong_key(self) -> None:
        """A key that the venue does not know is that venue's problem, and the others are still looked at."""
        found = self.check((f"id = {self.logins['kraken'][0]}", "id = nobody"), code=1)
        self.assertEqual("problem", found["source", "connection"]["kind"])
        self.assertEqual("ok", found["target", "connection"]["kind"])

    def test_config_against_the_venue(self) -> None:
        """A fee that is set too low, a quote that is too small and a contract that is not traded are problems."""
        found = self.check(
            ("source_fee = [0, 0.0026]", "source_fee = [0, 0.0001]"), ("quote_size = 0.05", "quote_size = 0.00001"), code=1
        )
        self.assertEqual(["problem", "problem"], [found["source", subject]["kind"] for subject in ("fees", "minimums")])
        found = self.check(
            ("source = USD", "source = GBP"),
            ("USD = 100000", "GBP = 100000"),
            ("BTC/USD =", "BTC/GBP ="),
            ("HUF/USD =", "HUF/GBP ="),
            code=1,
        )
        self.assertIn("does not trade BTC/GBP", found["source", "symbols"]["text"])

    def test_variances(self) -> None:
        """What the config fixes is told; what a venue's short history cannot tell is a problem that names the way out."""
        found = self.check()
        self.assertEqual("HUF/USD 1.3e-10 per day", found["fiat", "variance"]["text"])
        problem = self.check(("BTC/USD = 3500000\n", ""), ("variance_period = day", "variance_period = minute"), code=1)[
            "source", "variance"
        ]
        self.assertEqual("problem", problem["kind"])
        self.assertRegex(problem["text"], r"the variance of BTC/USD: the history has .* needed .*\[variance_overrides\]")

    def test_bad_config(self) -> None:
        """A config that is none is told as everywhere, with code 2."""
        self.assertEqual(2, ilp("check", "--config", "nowhere.ini").returncode)
        self.assertEqual(2, ilp("check", "--config", str(written("[modules]\n"))).returncode)

    def test_paper(self) -> None:
        """A paper account is checked as such."""
        paper = (
            (f"secret = {self.logins[kind][1]}", f"secret = {self.logins[kind][1]}\npaper = true")
            for kind in ("kraken", "sputnik")
        )
        found = self.check(*paper)
        self.assertEqual("connected to paper-kraken", found["source", "connection"]["text"])


class GuideTests(TestCase):
    """docs/venues.md."""

    def test_error_tables(self) -> None:
        """The guide's tables are what the clients' docstrings say today."""
        text = (ROOT / "docs" / "venues.md").read_text(encoding="utf-8")
        self.assertEqual(runpy.run_path(str(ROOT / "docs" / "make_venues.py"))["page"](text), text)
        self.assertIn("EOrder:Insufficient funds", text)
