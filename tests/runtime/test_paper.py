"""``paper = true``: what a config may say, what it makes of a client, and where the ledger goes."""

from pathlib import Path
from tempfile import mkdtemp

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from clients.paper import Paper
from clients.surroundings import Surroundings
from runtime import memory, wiring
from runtime.config import ConfigError, load, parse_sections
from runtime.problems import CannotStart
from tests.runtime.configs import ORIGINAL, OVERRIDES, in_sandbox, sections, written

PAPER = {"paper": "true"}


class ConfigTests(SynchronousTestCase):
    """The words of the section."""

    def problems(self, **changes: dict[str, str | None]) -> str:
        """What is said of a config so changed."""
        with self.assertRaises(ConfigError) as raised:
            parse_sections(sections(**changes), {})
        return str(raised.exception)

    def test_real_unless_said(self) -> None:
        """Without the key, or with false, accounts are real and the client gets no paper key."""
        config = parse_sections(sections(source_connection={"paper": "false", "endpoint": "https://x"}), {})
        self.assertEqual(
            (None, None, False, False), (config.source.paper, config.target.paper, config.is_paper, config.begins_anew)
        )
        self.assertEqual({}, config.source.options)

    def test_mistakes(self) -> None:
        """Each is told at its key."""
        self.assertIn("[source_connection] paper: got 'maybe'", self.problems(source_connection={"paper": "maybe"}))
        self.assertIn("paper = true too", self.problems(target_connection={"paper_balance": "USD 1"}))
        self.assertIn("paper_fees", self.problems(source_connection={**PAPER, "paper_fees": "much"}))
        self.assertIn("[fiat_connection] paper: there is no account", self.problems(fiat_connection=dict(PAPER)))

    def test_half_paper_is_warned_of(self) -> None:
        """Real orders against imagined ones are shouted about; two papers, or none, are not."""
        half = parse_sections(sections(target_connection=dict(PAPER)), {})
        self.assertTrue(any("[source_connection] IS NOT PAPER" in warning for warning in half.warnings), half.warnings)
        self.assertFalse(half.is_paper)
        whole = parse_sections(sections(source_connection=dict(PAPER), target_connection=dict(PAPER)), {})
        self.assertFalse(any("PAPER" in warning for warning in whole.warnings))
        self.assertTrue(whole.is_paper)

    def test_ledgers_are_apart(self) -> None:
        """Imagined money has a ledger of its own, kept only if the account is."""
        config = parse_sections(sections(source_connection=dict(PAPER)), {})
        self.assertEqual(("sqlite:///var/ilp-pool-paper.sqlite", True), (config.ledger_url, config.begins_anew))
        kept = parse_sections(sections(source_connection={**PAPER, "paper_file": "var/x"}), {})
        self.assertFalse(kept.begins_anew)

    def test_real_ledger_is_never_emptied(self) -> None:
        """A ledger that a real pool has written is refused, and left as it is."""
        path = Path(mkdtemp()) / "real.sqlite"
        path.write_text("money")
        text = ORIGINAL.replace("coinsetter.CoinSetter", "kraken.Kraken") + OVERRIDES + f"[ledger]\nurl = sqlite:///{path}\n"
        text = text.replace("[source_connection]\n", "[source_connection]\npaper = true\n")
        with self.assertRaisesRegex(CannotStart, "is not a sandbox's or a paper account's"):
            memory.prepare(load(written(text), {}))
        self.assertEqual("money", path.read_text())


class WiringTests(SynchronousTestCase):
    """The client that the pool gets."""

    def test_balance_and_fee_of_the_config(self) -> None:
        """A paper account begins with the ideal balances and charges the configured fee; the fiat client stays as it is."""
        given = in_sandbox()
        given["target_connection"] = {"endpoint": "sandbox", **PAPER}
        given["source_connection"] = {"endpoint": "sandbox", **PAPER, "paper_balance": "USD 5"}
        config = parse_sections(given, {})
        endpoints = {"kraken": "http://127.0.0.1:1", "sputnik": "ws://127.0.0.1:2/ws", "ecb": "http://127.0.0.1:3"}
        keys = {"kraken": ("key", "c2VjcmV0"), "sputnik": ("me", "word")}
        made = wiring.clients(config, Surroundings(Clock()), endpoints, keys)
        self.assertIsInstance(made.source, Paper)
        self.assertNotIsInstance(made.fiat, Paper)
        held = {ticker: str(shape["position"]) for ticker, shape in self.successResultOf(made.target.getPositions()).items()}
        self.assertEqual({"HUF": "1626000", "BTC": "6"}, held)
        self.assertEqual(["USD"], list(self.successResultOf(made.source.getPositions())))
        self.assertEqual("0.005", str(self.successResultOf(made.target.getFees("BTC/HUF"))["taker"]))
