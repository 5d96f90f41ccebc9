"""The config: every key of the seed, and all that is wrong told at once with its place."""

import json
import re
from decimal import Decimal
from pathlib import Path
from unittest import SkipTest

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from model.settings import Cost, Edge
from runtime.config import Config, ConfigError, load, parse_sections
from runtime.parameters import PARAMETERS
from tests.runtime.configs import ORIGINAL, OVERRIDES, sections, written

CASES = Path(__file__).parents[3] / "shared" / "cases" / "optimizer.jsonl"
EXAMPLES = Path(__file__).parents[2] / "ilp_example_config"


class ConfigCase(SynchronousTestCase):
    """What both kinds of tests ask for."""

    def problems_of(self, text: str, mode: int = 0o600) -> list[str]:
        """What is wrong with a file of that text, the folder's name taken off."""
        path = written(text, mode)
        with self.assertRaises(ConfigError) as raised:
            load(path, {})
        return [str(problem).replace(f"{path.parent}/", "") for problem in raised.exception.problems]

    def problem_with(self, section: str, key: str, text: str) -> str:
        """The only problem there is when ``key`` is ``text``."""
        with self.assertRaises(ConfigError) as raised:
            parse_sections(sections(**{section: {key: text}}), {})
        (problem,) = raised.exception.problems
        return str(problem)


class SeedTests(ConfigCase):
    """The keys of the seed keep their meaning."""

    def test_original_example_parses(self) -> None:
        """The original's example is read, each key to its place."""
        config = load(written(ORIGINAL + OVERRIDES), {})
        settings = config.settings()
        self.assertEqual(config.modules.source, "coinsetter.CoinSetter")
        self.assertEqual((config.source.id, config.source.secret.reveal()), ("COINSETTER_ID", "COINSETTER_SECRET"))
        self.assertEqual(config.target.endpoint, "ws://localhost:8880/ws")
        self.assertEqual(settings.fiat_exchange_cost, Cost(Decimal(150), Decimal("0.1")))
        self.assertEqual(settings.target_fee, Cost(Decimal(0), Decimal("0.005")))
        self.assertEqual((settings.edge_to_enter, settings.edge_to_leave), (Edge(Decimal(20)), Edge(Decimal(10))))
        self.assertEqual((settings.ideal_source_cash, settings.ideal_target_cash), (Decimal(6000), Decimal(1_626_000)))
        self.assertEqual((settings.variance_btc, settings.variance_fiat), (Decimal(2500), Decimal("0.000001")))
        self.assertEqual((settings.quote_size, settings.out_address, settings.period), (Decimal("0.1"), "OUT", Decimal(5)))

    def test_cases_parse(self) -> None:
        """Every certified case is a config."""
        if not CASES.exists():
            raise SkipTest(f"{CASES} is not there")
        for line in CASES.read_text().splitlines():
            parse_sections(json.loads(line)["config"], {}).settings()

    def test_examples_parse(self) -> None:
        """Every example that we ship is sound, and only secrets from the environment stand in it."""
        environment = dict.fromkeys(["KRAKEN_ID", "KRAKEN_SECRET", "SOURCE_SECRET", "TARGET_SECRET", "CONSOLE_HASH"], "$argon2x")
        paths = list(EXAMPLES.glob("*.ini"))
        self.assertGreaterEqual(len(paths), 4)
        for path in paths:
            path_config = load(path, environment)
            self.assertEqual([text for text in path_config.warnings if "CLEAR" in text], [], path)

    def test_examples_explain_every_key(self) -> None:
        """Each key stands in each example, set or not, below a comment with its meaning and unit."""
        for path in EXAMPLES.glob("*.ini"):
            text = path.read_text()
            for parameter in PARAMETERS:
                section, _, key = parameter.name.partition(".")
                part = text.partition(f"\n[{section}]\n")[2].partition("\n[")[0]
                if key != "hostname":
                    unit = re.escape(f" [{parameter.unit}]") if parameter.unit else ""
                    self.assertRegex(part, rf"(?m)# .+{unit}\n(# )?{key} =", f"{path.name} {parameter.name}")

    def test_huge_penalty_is_warned_about(self) -> None:
        """The seed's own penalty of 50 is accepted with a warning."""
        config = parse_sections(sections(valuation={"deviation_penalty": "50"}), {})
        self.assertTrue(any("deviation_penalty is 50" in warning for warning in config.warnings))
        self.assertFalse(any("deviation_penalty" in warning for warning in parse_sections(sections(), {}).warnings))

    def test_percent_is_no_interpolation(self) -> None:
        """A % makes an edge a share, and means nothing in a secret."""
        text = ORIGINAL.replace("= 20", "= 0.2%").replace("= 10", "= 0.1%").replace("COINSETTER_SECRET", "50%(x)s%")
        config = load(written(text + OVERRIDES), {})
        self.assertEqual(config.settings().edge_to_enter, Edge(Decimal("0.002"), is_share=True))
        self.assertEqual(config.source.secret.reveal(), "50%(x)s%")

    def test_override_wins(self) -> None:
        """A variance from the history gives way to the override, and is needed without one."""
        self.assertEqual(parse_sections(sections(), {}).settings(Decimal(1), Decimal(1)).variance_btc, Decimal(2500))
        config = parse_sections(sections(variance_overrides={"BTC/USD": None}), {})
        self.assertEqual(config.variances_wanted(), ("BTC/USD",))
        self.assertEqual(config.settings(Decimal(7)).variance_btc, Decimal(7))
        with self.assertRaises(ConfigError) as raised:
            config.settings()
        self.assertIn("[variance_overrides] BTC/USD: missing", str(raised.exception))

    def test_defaults(self) -> None:
        """What is not written is cautious, and local."""
        config = parse_sections(sections(), {})
        self.assertEqual((config.web.host, config.limits.transfers, config.tag), ("127.0.0.1", "approve", "ilp"))
        self.assertEqual(load(written(ORIGINAL, name="forint.ini"), {}).ledger_url, "sqlite:///var/ilp-forint.sqlite")
        self.assertFalse(config.is_sandbox)

    def test_limits_and_addresses(self) -> None:
        """[limits] and [addresses] become the pool's limits."""
        config = parse_sections(
            sections(limits={"transfers": "automatic", "max_order_value": "500"}, addresses={"bc1qxyz": "our cold wallet"}), {}
        )
        self.assertEqual((config.limits.transfers, config.limits.max_order_value), ("automatic", Decimal(500)))
        self.assertEqual(config.limits.addresses, {"bc1qxyz": "our cold wallet"})


class ProblemTests(ConfigCase):
    """What is wrong is told with its place, what was got, what is allowed, and the unit."""

    def test_all_at_once(self) -> None:
        """Problems of every kind in one file come in one answer, each with its line."""
        text = (
            ORIGINAL.replace("btc_fee = 0.0001", "btc_fee = ten")
            .replace("quote_size = 0.1", "quote_sise = 0.1")
            .replace("edge_to_leave = 10", "edge_to_leave = 30")
            .replace("HUF = 1626000", "GBP = 1626000")
        )
        problems = self.problems_of(text + "period = 6\n[trador]\n")
        self.assertEqual(
            problems,
            [
                "pool.ini:25 [target_balance_target] HUF: missing; allowed: a number at least 0, in HUF",
                "pool.ini:26 [target_balance_target] GBP: unknown key; allowed: HUF, BTC",
                "pool.ini:38 [data] btc_fee: got 'ten'; allowed: a number at least 0, in BTC",
                "pool.ini:43 [trader] quote_size: missing; allowed: a number above 0, in BTC",
                "pool.ini:44 [trader] quote_sise: unknown key; did you mean quote_size?",
                "pool.ini:47 [trader] edge_to_leave: got '30'; allowed: less than edge_to_enter",
                "pool.ini:49 [trader] period: this key stands already in line 48; keep one of them",
                "pool.ini:50 [trador]: unknown section; did you mean trader?",
            ],
        )

    def test_missing_section_names_its_keys(self) -> None:
        """A section that is not there is one problem, not one per key."""
        (problem,) = self.problems_of(ORIGINAL[: ORIGINAL.index("[trader]")])
        self.assertIn("[trader]: the section is missing; it must have quote_size, edge_to_enter, edge_to_leave", problem)

    def test_keys_keep_their_case(self) -> None:
        """``usd`` is not ``USD``."""
        (missing, unknown) = self.problems_of(ORIGINAL.replace("USD = 6000", "usd = 6000"))
        self.assertIn("USD: missing", missing)
        self.assertIn("usd: unknown key", unknown)

    def test_form(self) -> None:
        """Junk is told with its line, and not quoted: it may be a piece of a secret."""
        (problem,) = self.problems_of(ORIGINAL.replace("secret = COINSETTER_SECRET", "secret COINSETTER_SECRET"))
        self.assertTrue(problem.startswith("pool.ini:9 [source_connection]: each line is key = value"), problem)
        self.assertNotIn("COINSETTER_SECRET", problem)

    def test_not_utf8(self) -> None:
        """A file in another encoding is told as such."""
        path = written("")
        path.write_bytes("[modules]\nsource = \xe9".encode("latin-1"))
        with self.assertRaises(ConfigError) as raised:
            load(path, {})
        self.assertIn(f"{path}:2: this is not UTF-8", str(raised.exception))

    def test_ranges(self) -> None:
        """Values outside what makes sense are refused, each with its unit."""
        for section, key, text, said in (
            ("trader", "period", "0", "in s"),
            ("trader", "quote_size", "-1", "above 0, in BTC"),
            ("trader", "quote_size", "NaN", "above 0, in BTC"),
            ("trader", "quote_size", "1E+999999", "above 0, in BTC"),
            ("trader", "levels", "1.5", "whole number from 1 to 10"),
            ("trader", "max_slippage", "1", "below 1"),
            ("trader", "hedge", "never", "optimal or immediate"),
            ("trader", "edge_to_enter", "-5", "at least 0"),
            ("data", "source_fee", "0.01", "[fixed, proportional]"),
            ("data", "source_fee", "[0, 1]", "[fixed, proportional]"),
            ("data", "variance_period", "week", "minute or hour or day"),
            ("valuation", "risk_aversion", "inf", "in 1/source currency"),
            ("webserver", "port", "70000", "from 0 to 65535"),
            ("webserver", "ssl", "maybe", "true, false or self-signed"),
            ("pool", "tag", "toolong", "1 to 4"),
            ("modules", "fiat", "yahoo", "dotted name"),
            ("variance_overrides", "HUF/USD", "x", "squared price change"),
            ("limits", "max_orders_per_minute", "0", "from 1"),
        ):
            problem = self.problem_with(section, key, text)
            self.assertIn(f"[{section}] {key}: got {text!r}; allowed: ", problem)
            self.assertIn(said, problem)

    def test_edges_of_two_kinds(self) -> None:
        """An edge in currency and one in percent cannot be compared."""
        self.assertIn("with %", self.problem_with("trader", "edge_to_enter", "1%"))
        self.assertIn("at most edge_to_enter", self.problem_with("trader", "edge_min", "21"))

    def test_tls_needs_its_files(self) -> None:
        """TLS without a key is refused before the console fails to start."""
        with self.assertRaises(ConfigError) as raised:
            parse_sections(sections(webserver={"ssl": "true"}), {})
        self.assertEqual([problem.key for problem in raised.exception.problems], ["ssl_key", "ssl_cert"])

    def test_sandbox_endpoint_needs_the_sandbox(self) -> None:
        """Nothing is connected to a sandbox that is not there."""
        self.assertIn("[sandbox]", self.problem_with("source_connection", "endpoint", "sandbox"))

    def test_sandbox_is_checked_too(self) -> None:
        """What is wrong in [sandbox] is told with its line like all else."""
        text = re.sub("endpoint = .*", "endpoint = sandbox", ORIGINAL)
        problems = self.problems_of(text.replace("= 0.1\n", "= x\n") + "[sandbox]\nspede = 2\nspeed = 0\n")
        self.assertIn("[trader] quote_size", problems[0])
        self.assertTrue(problems[1].startswith("pool.ini:50 [sandbox] spede: unknown"), problems[1])
        self.assertTrue(problems[2].startswith("pool.ini:51 [sandbox] speed: got '0'"), problems[2])

    @given(st.dictionaries(st.text(max_size=8), st.dictionaries(st.text(max_size=8), st.text(max_size=12)), max_size=4))
    def test_any_text_is_a_config_or_problems(self, found: dict[str, dict[str, str]]) -> None:
        """Whatever is written, the answer is a config or problems, never another error."""
        try:
            config = parse_sections({**sections(), **found}, {})
        except ConfigError as error:
            self.assertTrue(error.problems)
        else:
            self.assertIsInstance(config, Config)

    @given(st.sampled_from(["trader", "data", "limits", "webserver"]), st.sampled_from(["period", "btc_fee", "port"]), st.text())
    def test_any_value_is_read_or_told(self, section: str, key: str, text: str) -> None:
        """Whatever stands beside a key, too."""
        try:
            parse_sections(sections(**{section: {key: text}}), {})
        except ConfigError as error:
            self.assertTrue(error.problems)
