"""A real Prometheus asks a real pool, each a process of its own, and tells when the pool is killed."""

import json
import re
import socket
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from shutil import which
from typing import Any, Final
from unittest import SkipTest, TestCase

from tests.ops.scraping import RULES
from tests.whole.running import PATIENCE, Running, until

#: The alerts that are shown here: those of which a pool that is asked can tell nothing.
SHOWN: Final = {"IlpDown", "IlpRestarted"}
TOKEN: Final = "a-token-of-the-tests"
CONFIG: Final = """\
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: ilp
    authorization: {{credentials: {token}}}
    static_configs: [{{targets: ["{target}"]}}]
"""


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


class Prometheus:
    """The server, asking ``target``; its rules wait for seconds where ours wait for minutes. Use as a context."""

    def __init__(self, target: str) -> None:
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        rules = re.sub(r"for: \d+[sm]", "for: 2s", RULES.read_text(encoding="utf-8"))
        (folder / "alerts.yml").write_text(rules, encoding="utf-8")
        told = CONFIG.format(rules=folder / "alerts.yml", token=TOKEN, target=target)
        (folder / "prometheus.yml").write_text(told, encoding="utf-8")
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        words = [
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address={address}",
        ]
        self._process = subprocess.Popen(["prometheus", "--log.level=error", *words], stdout=subprocess.DEVNULL)

    def __enter__(self) -> "Prometheus":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)
        self._folder.cleanup()

    def ask(self, path: str) -> Any:
        """What its API answers."""
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=PATIENCE) as answer:
            return json.load(answer)["data"]

    def value(self, metric: str) -> float | None:
        """Of the newest sample of its only series."""
        found = self.ask(f"query?query={metric}")["result"]
        return float(found[0]["value"][1]) if found else None

    def firing(self) -> set[str]:
        """The alerts that are firing."""
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}


class PrometheusTests(TestCase):
    """Over HTTP, with the token of the config."""

    def test_a_pool_that_is_killed(self) -> None:
        """While it trades nothing is wrong; after kill -9 it is told to be down, and when it is back, that nobody starts it."""
        if which("prometheus") is None:
            raise SkipTest("there is no prometheus: apt-get install prometheus")
        changes = {"webserver.port": str(free_port()), "webserver.metrics_token": TOKEN, "sandbox.speed": "60"}
        with Running(changes) as pool, Prometheus(pool.url.removeprefix("http://")) as prometheus:
            pool.wait_for_state("READY")
            pool.call("/api/start", {})
            until(lambda: prometheus.value("up") == 1, "the pool is asked")
            until(lambda: (prometheus.value("sum(ilp_fills_total)") or 0) > 5, "fills are counted")
            self.assertEqual(prometheus.firing(), set())
            pool.process.kill()
            until(lambda: prometheus.firing() == {"IlpDown"}, "it is told that the pool is down")
            pool.process.wait()
            pool.start()
            pool.wait_for_state("READY")
            until(lambda: prometheus.firing() == {"IlpRestarted"}, "it is told that nobody has started it")
