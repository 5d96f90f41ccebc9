"""The command line, as a person uses it: the real program in a process of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from unittest import SkipTest

from twisted.trial.unittest import SynchronousTestCase

from runtime import dry_run
from runtime.config import ConfigError, load, parse_sections
from runtime.options import Options
from runtime.passwords import verify
from runtime.version import VERSION
from tests.runtime.configs import ORIGINAL, OVERRIDES, SNAPSHOT, sections, written

ROOT = Path(__file__).parents[2]
SANDBOX = ROOT / "ilp_example_config" / "sandbox.ini"
CASES = ROOT.parent / "shared" / "cases" / "optimizer.jsonl"
WORTH = [
    "value",
    "cash_value_in_source",
    "market_risk_in_source",
    "deviation_penalty",
    "source_source_balance",
    "source_btc_balance",
    "target_target_balance",
    "target_btc_balance",
]
ACTIONS = ["btc_source_target", "fiat_source_target", "trade_source_qty", "transfer_source_out"]


def ilp(*words: str, typed: str = "") -> "subprocess.CompletedProcess[str]":
    """Run ``python ilp.py`` with these words, in an empty folder."""
    environment = {name: text for name, text in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [sys.executable, str(ROOT / "ilp.py"), *words],
        cwd=written("").parent,
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )


class CommandLineTests(SynchronousTestCase):
    """Each answer has its exit code and its sentence."""

    def test_version_and_help(self) -> None:
        """Both are answered at once and cleanly."""
        answer = ilp("--version")
        self.assertEqual((answer.returncode, answer.stdout), (0, f"ilp {VERSION}\n"))
        answer = ilp("--help")
        self.assertEqual(answer.returncode, 0)
        for word in ("--config", "--log-level", "--dry-run", "--snapshot", "--json", "hash-password", "ilp_example_config"):
            self.assertIn(word, answer.stdout)

    def test_missing_config(self) -> None:
        """A file that is not there is told in one sentence that names the examples."""
        answer = ilp()
        self.assertEqual((answer.returncode, answer.stdout), (2, ""))
        (sentence,) = answer.stderr.splitlines()
        self.assertIn("ilp.ini: there is no such file", sentence)
        self.assertIn("sandbox.ini", sentence)

    def test_all_problems(self) -> None:
        """A bad config is told problem by problem, its closed venue among them, with nothing around them."""
        path = written(ORIGINAL.replace("= 0.1\n", "= ten\n").replace("= 0.01\n", "= -1\n"))
        answer = ilp("--config", str(path))
        self.assertEqual((answer.returncode, answer.stdout), (2, ""))
        first, *problems = answer.stderr.splitlines()
        self.assertEqual(first, f"ilp: bad config: 3 problems in {path}")
        self.assertTrue(all(problem.startswith(f"{path}:") for problem in problems))

    def test_closed_venue(self) -> None:
        """The original's example is told that its source is closed, and what to use instead."""
        answer = ilp("--config", str(written(ORIGINAL)))
        self.assertEqual(answer.returncode, 2)
        self.assertIn("[modules] source: coinsetter.CoinSetter", answer.stderr)
        self.assertIn("clients.kraken.Kraken", answer.stderr)

    def test_exposed_secrets(self) -> None:
        """A config with secrets that others can read is refused with the command to type."""
        path = written(ORIGINAL, 0o644)
        answer = ilp("--config", str(path))
        self.assertEqual(answer.returncode, 2)
        self.assertIn(f"chmod 600 {path}", answer.stderr)
        self.assertNotIn("COINSETTER_SECRET", answer.stderr)

    def test_snapshot_without_dry_run(self) -> None:
        """Words that make no sense alone are refused, rather than a live pool started."""
        self.assertEqual(ilp("--snapshot", "x.json").returncode, 2)

    def test_hash_password(self) -> None:
        """A line of standard input becomes a hash that the config accepts."""
        answer = ilp("hash-password", typed="correct horse\n")
        self.assertEqual(answer.returncode, 0)
        config = parse_sections(sections(users={"ann": answer.stdout.strip()}), {})
        self.assertTrue(verify(config.users["ann"], "correct horse"))
        self.assertEqual(ilp("hash-password", typed="\n").returncode, 2)


class RunTests(SynchronousTestCase):
    """What becomes of the run's end, with a stand-in for the process that would follow."""

    def end(self, line: str, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run the command line in a process of its own, with ``line`` for a body of ``runtime.service.run``."""
        path = written(re.sub(r"= [a-z]+\.\w+\n", "= beside.Client\n", ORIGINAL) + "[log]\njson_file = pool.json\n")
        (path.parent / "beside.py").write_text("class Client: pass\n")
        program = f"""
import sys, types
from runtime.options import main
from runtime.config import CannotStart
service = types.ModuleType("runtime.service")
def run(config, options):
    {line}
service.run = run
sys.modules["runtime.service"] = service
sys.exit(main(["--config", {str(path)!r}, *{list(words)!r}]))
"""
        self.folder = path.parent
        return subprocess.run(
            [sys.executable, "-c", program],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )

    def test_clean_stop(self) -> None:
        """The run's own code is the program's; the config's warnings are logged, less at a higher level."""
        answer = self.end("return 0")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertIn("WARN  [runtime.options] [valuation] deviation_penalty is 50", answer.stderr)
        self.assertEqual(self.end("return 0", "--log-level", "error").stderr, "")

    def test_cannot_start(self) -> None:
        """What hinders the start is one sentence and code 3."""
        answer = self.end("raise CannotStart('port 8050 is in use')", "--log-level", "error")
        self.assertEqual((answer.returncode, answer.stderr), (3, "ilp: cannot start: port 8050 is in use\n"))

    def test_no_secret_in_the_sentence(self) -> None:
        """Nor does the sentence show a secret, whoever put it there."""
        answer = self.end("raise CannotStart('no login with ' + config.target.secret.reveal())", "--log-level", "error")
        self.assertEqual(answer.stderr, "ilp: cannot start: no login with <secret>\n")

    def test_no_secret_in_the_traceback_of_an_error(self) -> None:
        """An error that nobody foresaw is logged with its traceback, and without the secret that it quotes."""
        answer = self.end("raise RuntimeError('signed with ' + config.source.secret.reveal())")
        self.assertEqual(answer.returncode, 3)
        for written_down in (answer.stderr, (self.folder / "pool.json").read_text()):
            self.assertIn("RuntimeError: signed with <secret>", written_down)
            self.assertNotIn("COINSETTER_SECRET", written_down)

    def test_log_file_that_cannot_be(self) -> None:
        """A log that cannot be written is known before the pool trades."""
        path = written(ORIGINAL + OVERRIDES + "[log]\njson_file = /dev/null/pool.json\n")
        answer = ilp("--config", str(path), "--dry-run", "--snapshot", "nowhere.json")
        self.assertEqual(answer.returncode, 3)
        self.assertIn("the log file /dev/null/pool.json cannot be opened", answer.stderr)


class DryRunTests(SynchronousTestCase):
    """``--dry-run --snapshot``: a decision on a file, without any exchange."""

    def dry_run(self, config: str, snapshot: object, *words: str) -> str:
        """What it prints for the files of that config and snapshot."""
        paths = str(written(config)), str(written(json.dumps(snapshot)))
        answer = ilp("--config", paths[0], "--dry-run", "--snapshot", paths[1], *words)
        self.assertEqual(answer.returncode, 0, answer.stderr)
        self.assertNotIn("[users]", answer.stderr)  # without a console nobody needs one
        return answer.stdout

    def test_json(self) -> None:
        """One JSON object of the documented form; a pool at its ideal would do nothing but quote."""
        found = json.loads(self.dry_run(SANDBOX.read_text(), SNAPSHOT, "--json"))
        self.assertEqual(list(found), ["base", "optimized", "rounded", "elapsed_ms"])
        self.assertEqual(list(found["base"]), WORTH)
        prices = ["offered_bid", "offered_ask"]
        solved = ["bound", "indifference_bid", "indifference_ask"]
        self.assertEqual(set(found["optimized"]), {*WORTH, *ACTIONS, *prices, *solved})
        self.assertEqual(set(found["rounded"]), {*WORTH, *ACTIONS, *prices})
        self.assertAlmostEqual(found["base"]["value"], 394_796, delta=0.01)
        self.assertEqual([found["rounded"][action] for action in ACTIONS], [0, 0, 0, 0])
        self.assertLess(found["rounded"]["offered_bid"], found["optimized"]["indifference_bid"])
        self.assertGreater(found["elapsed_ms"], 0)

    def test_certified_value(self) -> None:
        """The first certified case comes out of the whole program as it is certified."""
        if not CASES.exists():
            raise SkipTest(f"{CASES} is not there")
        with CASES.open() as lines:
            case = json.loads(next(lines))
        parts = [
            f"[{name}]\n" + "".join(f"{key} = {text}\n" for key, text in keys.items()) for name, keys in case["config"].items()
        ]
        found = json.loads(self.dry_run("\n".join(parts), case["snapshot"], "--json"))
        self.assertAlmostEqual(found["base"]["value"], case["expected"]["base_value"], delta=0.05)
        self.assertAlmostEqual(found["optimized"]["value"], case["expected"]["value"], delta=0.05)

    def test_table(self) -> None:
        """People get a table with units, without colour codes where it is no terminal."""
        printed = self.dry_run(SANDBOX.read_text(), SNAPSHOT)
        for word in ("base", "optimised", "rounded", "change", "394,796", "HUF/BTC", "quote BUY 0.05 at", "nothing was traded"):
            self.assertIn(word, printed)
        self.assertNotIn("\x1b", printed)

    def test_no_decision(self) -> None:
        """A snapshot on which nothing can be decided is told with the optimiser's reason, code 3."""
        source = {**SNAPSHOT["source"], "book": {"contract": "BTC/USD", "bids": [], "asks": []}}
        path, snapshot = written(ORIGINAL + OVERRIDES), written(json.dumps({**SNAPSHOT, "source": source}))
        answer = ilp("--config", str(path), "--dry-run", "--snapshot", str(snapshot), "--log-level", "error")
        self.assertEqual((answer.returncode, answer.stdout), (3, ""))
        self.assertTrue(answer.stderr.startswith("ilp: cannot start: no decision can be made: "), answer.stderr)

    def refusal(self, text: str, snapshot: Path) -> str:
        """What is said of a dry run of a config of that text on ``snapshot``; without a process of its own, to save time."""
        path = written(text)
        with self.assertRaises(ConfigError) as raised:
            dry_run.run(load(path, {}), Options(path, dry_run=True, snapshot=snapshot))
        return str(raised.exception)

    def test_missing_variance(self) -> None:
        """Without a history the variance must stand in the config; the sentence says where."""
        said = self.refusal(ORIGINAL, written(json.dumps(SNAPSHOT)))
        self.assertIn("[variance_overrides] BTC/USD: missing", said)
        self.assertIn("[variance_overrides] HUF/USD: missing", said)

    def test_snapshot_of_another_pool(self) -> None:
        """Books of other contracts than the config's are told: a rate the wrong way round would be taken for a price."""
        for place in ("source", "target"):
            other = {**SNAPSHOT[place], "book": {**SNAPSHOT[place]["book"], "contract": "ETH/EUR"}}
            said = self.refusal(ORIGINAL + OVERRIDES, written(json.dumps({**SNAPSHOT, place: other})))
            self.assertIn(f"the {place} book is of ETH/EUR; the config's contract is BTC/", said)
        fiat = {"book": {**SNAPSHOT["fiat"]["book"], "contract": "USD/HUF"}}
        said = self.refusal(ORIGINAL + OVERRIDES, written(json.dumps({**SNAPSHOT, "fiat": fiat})))
        self.assertIn("the fiat book is of USD/HUF; the config's contract is HUF/USD", said)

    def test_bad_snapshot(self) -> None:
        """A snapshot that is none is told, and which file it is."""
        for text in ("{", "{}", "[]", "null", '{"timestamp": 1, "source": 3}', "[" * 100_000):
            snapshot = written(text)
            self.assertIn(f"{snapshot}: is no snapshot: ", self.refusal(ORIGINAL + OVERRIDES, snapshot))
        self.assertIn("nowhere.json: cannot be read", self.refusal(ORIGINAL + OVERRIDES, Path("nowhere.json")))
