"""What machines may ask: liveness and readiness without a login, the numbers with one or with the token."""

import json
from decimal import Decimal as D
from typing import Any

import attrs
from prometheus_client import CollectorRegistry, Counter

from market.inputs import InputStatus
from tests.web.fake_pool import PARAMETERS
from tests.web.support import ConsoleCase
from web.app import Console

TOKEN = "a-token-of-the-tests"


class MonitoringTests(ConsoleCase):
    """A console that has something to measure."""

    def setUp(self) -> None:
        super().setUp()
        self.registry = CollectorRegistry()
        Counter("ilp_fills", "Fills", registry=self.registry).inc(7)
        self.console.close()
        self.console = self.made(TOKEN)

    def made(self, token: str) -> Console:
        """A console with this token."""
        more: Any = {"registry": self.registry, "metrics_token": token}
        return Console(self.pool, self.users, self.clock, verify=self._verify, parameters=PARAMETERS, **more)

    def bearer(self, path: str, token: str) -> tuple[Any, str]:
        """As Prometheus asks."""
        return self.ask("GET", path, headers={"Authorization": f"Bearer {token}"})

    def test_numbers_by_token(self) -> None:
        """Prometheus' text with its own content type."""
        response, text = self.bearer("/metrics", TOKEN)
        self.assertEqual(response.code, 200)
        self.assertIn("ilp_fills_total 7.0", text)
        self.assertTrue(response.headers.getRawHeaders("content-type")[0].startswith("text/plain; version="))

    def test_numbers_by_login(self) -> None:
        """A viewer is enough."""
        response, text = self.ask("GET", "/metrics", auth=("vic", "correct horse"))
        self.assertEqual((response.code, "ilp_fills_total 7.0" in text), (200, True))

    def test_numbers_are_not_for_everybody(self) -> None:
        """Nobody, a wrong token, an empty one where none is set: 401, and no number."""
        self.assertEqual(self.ask("GET", "/metrics")[0].code, 401)
        self.assertEqual(self.bearer("/metrics", TOKEN + "x")[0].code, 401)
        self.console.close()
        self.console = self.made("")
        response, text = self.bearer("/metrics", "")
        self.assertEqual((response.code, "ilp_fills" in text), (401, False))

    def test_nothing_is_measured(self) -> None:
        """A console that was given no registry says so."""
        self.console.close()
        self.console = Console(self.pool, self.users, self.clock, verify=self._verify, parameters=PARAMETERS)
        self.assertEqual(self.ask("GET", "/metrics", auth=("vic", "correct horse"))[0].code, 404)

    def test_alive(self) -> None:
        """Whoever asks."""
        response, text = self.ask("GET", "/healthz")
        self.assertEqual((response.code, json.loads(text)), (200, {"status": "ok"}))

    def test_ready(self) -> None:
        """Everything is fresh and there: 200."""
        self.make(inputs=(InputStatus("kraken book", None, D(10)),))
        response, text = self.ask("GET", "/readyz")
        self.assertEqual((response.code, json.loads(text)), (200, {"status": "ready"}))

    def test_unready_names_without_a_login(self) -> None:
        """503 with the names of what is in the way, and not a word of the pool's own."""
        self.make(inputs=(InputStatus("kraken book", None, D(10), "secret words"),), state="HALTED", reason="it lost 20 USD")
        response, text = self.ask("GET", "/readyz")
        self.assertEqual((response.code, json.loads(text)["reasons"]), (503, ["kraken book", "pool"]))

    def test_unready_sentences_for_the_trusted(self) -> None:
        """With the token or a login the sentences too; a lost venue is one."""
        view = self.pool.view()
        self.make(source=attrs.evolve(view.source, is_connected=False), inputs=(), state="DISCONNECTED", reason="gone")
        wanted = [f"{view.source.name}: not connected", "pool: DISCONNECTED: gone"]
        self.assertEqual(json.loads(self.bearer("/readyz", TOKEN)[1])["reasons"], wanted)
        self.assertEqual(json.loads(self.ask("GET", "/readyz", auth=("vic", "correct horse"))[1])["reasons"], wanted)

    def make(self, **changes: Any) -> None:
        """Have the pool show itself otherwise."""
        shown = attrs.evolve(self.pool.view(), **changes)
        self.patch(self.pool, "view", lambda: shown)
