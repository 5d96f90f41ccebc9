"""What was scraped, as promtool's unit tests of rules want it, and what promtool makes of it."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import which
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "ops" / "prometheus" / "alerts.yml"
PROMTOOL = which("promtool")

#: Samples of one scrape by series, spelled as Prometheus does.
Scrape = Mapping[str, float]

#: Seconds between two scrapes in promtool's time, and how many of them the first and the last are held for.
STEP, HEALTHY, HELD = 15, 40, 80
#: When the first scrape is over and when all is, in promtool's time.
SICK_FROM, END = STEP * HEALTHY, STEP * (HEALTHY + HELD)


def scrape_of(text: str) -> dict[str, float]:
    """The samples of Prometheus' text format, as if from an answering target of job ilp."""
    found = {'up{instance="pool",job="ilp"}': 1.0}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = {**sample.labels, "instance": "pool", "job": "ilp"}
            inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
            found[f"{sample.name}{{{inner}}}"] = sample.value
    return found


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def names_of(scrape: Scrape) -> set[str]:
    """The metrics of a scrape."""
    return {series.partition("{")[0] for series in scrape}


def rules() -> dict[str, Mapping[str, Any]]:
    """Every alert rule, by its name."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def _values(series: str, scrapes: Sequence[Scrape]) -> str:
    def spelled(scrape: Scrape) -> str:
        return repr(scrape[series]) if series in scrape else "_"

    first, *later = (spelled(scrape) for scrape in scrapes)
    held = later[-1] if later else first
    return " ".join([_repeated(first, HEALTHY), *later, _repeated(held, HELD)])


def _repeated(value: str, times: int) -> str:
    return f"_x{times}" if value == "_" else f"{value}x{times - 1}"


def is_firing(alert: str, scrapes: Sequence[Scrape], since: int = SICK_FROM) -> bool:
    """Whether promtool finds ``alert`` (``.*``: any) firing at any time from ``since`` on, where the pool was as in the first of
    ``scrapes`` for ten minutes, then as in the others, and stayed as in the last for twenty more."""
    wanted = f'ALERTS{{alertname=~"{alert}",alertstate="firing"}}'
    return not _holds(f"max_over_time((count({wanted}) or vector(0))[{END - since}s:{STEP}s]) > bool 0", 0, scrapes)


def is_quiet(scrape: Scrape) -> bool:
    """Whether no alert at all comes of a pool that stays like this."""
    return not is_firing(".*", [scrape], since=0)


def _holds(expression: str, value: int, scrapes: Sequence[Scrape]) -> bool:
    every = sorted({series for scrape in scrapes for series in scrape})
    told = {
        "rule_files": [str(RULES)],
        "evaluation_interval": f"{STEP}s",
        "tests": [
            {
                "interval": f"{STEP}s",
                "input_series": [{"series": series, "values": _values(series, scrapes)} for series in every],
                "promql_expr_test": [
                    {"expr": expression, "eval_time": f"{END}s", "exp_samples": [{"labels": "{}", "value": value}]}
                ],
            }
        ],
    }
    with TemporaryDirectory() as folder:
        path = Path(folder) / "test.yml"
        path.write_text(yaml.safe_dump(told), encoding="utf-8")
        done = subprocess.run([PROMTOOL or "promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)
    if done.returncode and "got:" not in done.stdout + done.stderr:
        raise AssertionError(done.stdout + done.stderr)
    return done.returncode == 0
