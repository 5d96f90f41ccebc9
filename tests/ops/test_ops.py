"""What operators are given says nothing of metrics that there are not, and no rule goes without a test."""

import json
import re
import runpy
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar
from unittest import SkipTest, TestCase

import yaml
from prometheus_client import CollectorRegistry, generate_latest

from runtime.gauges import GAUGES
from runtime.metrics import AROUND
from tests.hazards.world import SELL
from tests.ops import test_alerts, test_prometheus
from tests.ops.observed import SHOWN, ObservedCase
from tests.ops.scraping import PROMTOOL, ROOT, RULES, names_of, rules

DASHBOARD = ROOT / "ops" / "grafana" / "ilp.json"

#: What is told only while there is something to tell of: work for a person, and a venue's clock where it tells the time.
SELDOM_READ = {"tasks_open", "clock_skew_seconds"}
SELDOM = {f"ilp_{name}" for name in SELDOM_READ}


def queries() -> Iterator[str]:
    """Every expression of the dashboard, its variables put in."""
    for panel in json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"].replace("$instance", "pool").replace("$__rate_interval", "1m")


class RuleTests(TestCase):
    """The files, without a pool."""

    def test_each_rule_has_a_test(self) -> None:
        """A rule is written with the test that causes its cause."""
        self.assertTrue(issubclass(test_alerts.HedgeAlerts, ObservedCase))
        self.assertEqual(set(rules()), SHOWN | test_prometheus.SHOWN)

    def test_each_rule_says_what_to_do(self) -> None:
        """A person who is woken is told how bad it is, what it is and where to begin."""
        for name, rule in rules().items():
            self.assertIn(rule["labels"]["severity"], ("critical", "warning"), name)
            self.assertEqual({key for key, text in rule["annotations"].items() if text}, {"summary", "action"}, name)

    def test_promtool_agrees(self) -> None:
        """The rules are sound, and so is every query of the dashboard."""
        if PROMTOOL is None:
            raise SkipTest("there is no promtool: apt-get install prometheus")
        recorded = [{"record": f"q{number}", "expr": expr} for number, expr in enumerate(queries())]
        self.assertGreater(len(recorded), 30)
        with TemporaryDirectory() as folder:
            asked = Path(folder) / "dashboard.yml"
            asked.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}), encoding="utf-8")
            done = subprocess.run(
                [PROMTOOL, "check", "rules", str(RULES), str(asked)], capture_output=True, text=True, check=False
            )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_example_is_a_config(self) -> None:
        """Prometheus understands what we tell people to give it."""
        if PROMTOOL is None:
            raise SkipTest("there is no promtool: apt-get install prometheus")
        command = [PROMTOOL, "check", "config", "--syntax-only", str(RULES.with_name("prometheus.yml"))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_dashboard_is_that_of_its_table(self) -> None:
        """The file is what its table makes: python ops/grafana/make_dashboard.py."""
        made = runpy.run_path(str(DASHBOARD.with_name("make_dashboard.py")))
        self.assertEqual(DASHBOARD.read_text(encoding="utf-8"), made["text"]())


class NameTests(ObservedCase):
    """With the numbers of a real pool."""

    changes: ClassVar[Mapping[str, str]] = {
        "limits.max_loss_per_day": "20",
        "trader.max_exposure": "0.02",
        "source_connection.tier": "pro",
    }

    async def test_every_metric_is_told(self) -> None:
        """Rules and dashboard ask for nothing that the pool does not tell; and what it may tell, it does."""
        self.customer(SELL, "0.05")
        await self.until(lambda: self.pool.chronicle.size is not None, "a sample has been taken")
        self.scrape()
        told = names_of(self.scrapes[-1])
        asked = "\n".join([*queries(), *(rule["expr"] for rule in rules().values())])
        for word in words_of(asked):
            if word.startswith(("ilp_", "process_", "up")) and word not in told:
                self.assertIn(word, SELDOM, f"{word} is asked for and never told")
        self.assertEqual(lint(self.registry), "")
        self.assertEqual({name for name in {**GAUGES, **AROUND} if f"ilp_{name}" not in told} - SELDOM_READ, set())


def lint(registry: CollectorRegistry) -> str:
    """What promtool finds against the names and the texts of what is told; nothing where there is no promtool."""
    if PROMTOOL is None:
        return ""
    told = generate_latest(registry).decode()
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=told, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def words_of(expression: str) -> set[str]:
    """Whatever may be a metric's name."""
    return set(re.findall(r"\b[a-z]+(?:_[a-z0-9]+)*\b", expression))
