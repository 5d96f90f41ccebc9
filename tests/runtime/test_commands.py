"""The table of commands: each has its help, its --json and its place in the completion; codes that are promised."""

import json
import shutil
import subprocess
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from runtime import completion, exits
from runtime.commands import COMMANDS, SHELLS, how_many, moment
from runtime.config import load
from runtime.exits import Exit
from runtime.options import pool_parser
from tests.runtime.configs import written
from tests.runtime.test_options import ilp


class TableTests(SynchronousTestCase):
    """What holds for all of them."""

    def test_codes(self) -> None:
        """The codes are what they were promised to be, and the help lists each with its meaning."""
        self.assertEqual(
            {code.name: code.value for code in Exit},
            {"DONE": 0, "FOUND": 1, "BAD_CONFIG": 2, "CANNOT": 3, "NOT_READY": 4, "REFUSED": 5},
        )
        help = pool_parser().format_help()
        for code in Exit:
            self.assertIn(f"  {code.value}  {code.meaning}", help)
        self.assertEqual(len(exits.table().splitlines()), len(Exit))

    def test_each_is_listed_and_takes_json(self) -> None:
        """The help lists every command; each takes --json and says what it does."""
        help = pool_parser().format_help()
        for name, command in COMMANDS.items():
            self.assertIn(f"  {name:<15} {command.summary}", help)
            own = command.parser().format_help()
            self.assertIn("--json", own)
            self.assertIn(command.summary[1:], " ".join(own.split()))

    def test_mistakes(self) -> None:
        """Words that make no sense end with 2, and before anything is done."""
        for words in (
            ["replay"],
            ["replay", "--last", "0"],
            ["replay", "--last", "3", "--decision", "x"],
            ["export"],
            ["export", "secrets"],
            ["export", "fills", "--from", "yesterday"],
            ["restore"],
            ["completion", "powershell"],
            ["nonsense"],
        ):
            self.assertEqual(ilp(*words).returncode, Exit.BAD_CONFIG, words)

    def test_moments(self) -> None:
        """Times are UTC unless they say otherwise; numbers begin at one."""
        self.assertEqual(moment("2026-11-21"), datetime(2026, 11, 21, tzinfo=UTC))
        self.assertEqual(moment("2026-11-21T13:00+01:00"), datetime(2026, 11, 21, 12, tzinfo=UTC))
        self.assertRaises(ArgumentTypeError, moment, "soon")
        self.assertEqual(how_many("7"), 7)
        for text in ("-1", "0", "x", "1_0", "1000001", "9" * 5_000):
            self.assertRaises(ArgumentTypeError, how_many, text)

    def test_a_config_that_is_bad(self) -> None:
        """Every command that needs a config tells what is wrong with it, with code 2."""
        path = str(written("[modules]\n"))
        for words in (["status"], ["backup"], ["restore", "x"], ["export", "fills"], ["replay", "--last", "1"]):
            answer = ilp(*words, "--config", path)
            self.assertEqual(answer.returncode, Exit.BAD_CONFIG, words)
            self.assertIn("bad config", answer.stderr)

    def test_hash_password_json(self) -> None:
        """A hash as JSON."""
        answer = ilp("hash-password", "--json", typed="correct horse\n")
        self.assertTrue(json.loads(answer.stdout)["hash"].startswith("$argon2id$"))


class ExampleTests(SynchronousTestCase):
    """``examples``."""

    def test_examples(self) -> None:
        """They are listed with what they are for; each is printed whole, with and without its ending, and can be used."""
        listed = json.loads(ilp("examples", "--json").stdout)
        self.assertIn("sandbox.ini", listed)
        self.assertTrue(all(len(line) > 20 for line in listed.values()))
        text = ilp("examples", "sandbox").stdout
        self.assertEqual(json.loads(ilp("examples", "sandbox.ini", "--json").stdout)["text"], text)
        self.assertTrue(load(written(text), {}).is_sandbox)
        self.assertEqual(ilp("examples", "nowhere").returncode, Exit.BAD_CONFIG)


class CompletionTests(SynchronousTestCase):
    """``completion``."""

    def offered(self, line: str) -> list[str]:
        """What bash offers at the end of ``line``."""
        bash = shutil.which("bash")
        if bash is None:
            raise SkipTest("no bash")
        words = line.split(" ")
        program = f"""{completion.script("bash")}
COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
_ilp; printf '%s\\n' "${{COMPREPLY[@]}}" """
        done = subprocess.run([bash, "-u", "-c", program], capture_output=True, text=True, check=True)
        return done.stdout.split()

    def test_bash(self) -> None:
        """Commands first, then their own options, then the values that an option has; files are left to the shell."""
        self.assertEqual(self.offered("ilp st"), ["status"])
        self.assertEqual(set(self.offered("ilp re")), {"restore", "replay"})
        self.assertEqual(self.offered("ilp replay --l"), ["--log-level", "--last"])
        self.assertEqual(self.offered("ilp export fi"), ["fills"])
        self.assertEqual(set(self.offered("ilp export fills --format ")), {"csv", "json"})
        self.assertEqual(self.offered("ilp --config "), [])
        self.assertEqual(self.offered("ilp --dry"), ["--dry-run"])
        self.assertEqual(self.offered("ilp completion z"), ["zsh"])

    def test_all_shells(self) -> None:
        """Each script names every command, and where the shell is here it takes the script."""
        for shell in SHELLS:
            text = completion.script(shell)
            for name in COMMANDS:
                self.assertIn(name, text)
            if found := shutil.which(shell):
                done = subprocess.run([found, "-n"], input=text, capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
